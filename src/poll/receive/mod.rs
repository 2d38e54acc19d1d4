//! Receives messages into files (custody step 1) and passes them on in batches. What becomes of them
//! is decided in `settle`.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::time::Duration;

use crate::delivery::{Incoming, Intake};
use crate::limits;
use crate::mail::known::SizeHistory;
use crate::mail::maildrop::{Identity, Listing, Message, MessageNumber};
use crate::mail::streak::Streak;
use crate::os::signals::Interrupt;
use crate::os::sys::Instant;
use crate::poll::batch::{Arrival, Batch, MaySend, Outlet, Purpose};
use crate::poll::blame::{Awaited, Before, LastEvent};
use crate::poll::not_received::{NotReceived, NotSent};
use crate::poll::plan::Plan;
use crate::poll::room::Room;
use crate::poll::sized_arrival::SizedArrival;
use crate::poll::step::{Asking, Trail};
use crate::pop3::{self, Company, Pipeline, Request, Retrieved, Transaction};
use crate::report::{AccountReporter, Event};

mod doubt;
mod error;
mod repeats;

pub(crate) use error::{AwaitedMessage, Error};
use repeats::{Repeats, SizedAnswer, prove_repeats};

/// The number of octets that are collected before they are written. A server may send them in pieces
/// of any size, and one write for each piece would cost more than everything else.
const CHUNK: usize = 128 * 1024;
/// The time after a signal in which requested messages may still arrive. The rest of the five seconds
/// that a signal allows is for settling, DELE and QUIT.
const LAST_ARRIVALS: Duration = Duration::from_secs(2);
/// After a pause of this length in our reading, a server that breaks off may have lost patience.
const SLOW_DELIVERY: Duration = Duration::from_secs(5);

/// Receives the messages of a plan into files.
pub(crate) struct Receiver<'a> {
    /// The listing of this session.
    pub listing: &'a Listing,
    /// The messages to fetch.
    pub plan: &'a Plan,
    /// The folder in which messages arrive.
    pub intake: &'a Intake,
    /// Messages that are requested even if there is no room.
    pub forced: HashSet<Identity>,
    /// The size in octets above which a message is thrown away and stays on the server.
    pub max_size: Option<u64>,
    /// The number of octets after which no more messages are requested, whatever LIST said of their sizes.
    pub max_total: Option<u64>,
    /// The reporter for progress.
    pub reporter: AccountReporter<'a>,
    /// Ends the run early.
    pub interrupt: &'a Interrupt,
    /// The number of files that may be open.
    pub descriptors: u64,
    /// The longest time without a command.
    pub silence: Duration,
    /// The way to the thread that settles.
    pub outlet: Outlet,
    /// The facts about the sizes that the server lists.
    pub sizes: SizeHistory,
    /// The number of messages that may be incomplete.
    pub warned: Cell<usize>,
}

/// The result of receiving.
#[derive(Debug)]
pub(crate) struct Received {
    /// The messages that did not arrive, as far as the server said so.
    pub not_received: NotReceived,
    /// The last event of the session.
    pub last_event: LastEvent,
    /// The reason why receiving ended early, if it did.
    pub ended: Result<(), Error>,
}

/// The state of receiving.
struct Reception<'t> {
    /// The messages that have arrived and were not passed on yet.
    batch: Batch,
    /// The messages that did not arrive.
    not_received: NotReceived,
    /// The octets of all messages that have arrived.
    octets: u64,
    /// The sizes of all that has arrived in the session.
    trail: &'t mut Trail,
    /// The contents that have arrived in the session.
    repeats: Repeats,
    /// The refusals in a row.
    streak: Streak,
    /// The last event of the session.
    last_event: LastEvent,
    /// Octets that are not written yet.
    chunk: Vec<u8>,
}

impl Receiver<'_> {
    /// Receives everything and returns once it is settled. If something fails, the messages that are
    /// complete by then are still passed on, and what the server refused until then is returned, too.
    pub(crate) fn run<S: Read + Write>(
        mut self,
        session: &mut Transaction<S>,
        trail: &mut Trail,
    ) -> Received {
        let mut reception = Reception {
            batch: Batch::new(self.descriptors),
            not_received: NotReceived::default(),
            octets: 0,
            trail,
            repeats: Repeats::begin(session.has_pipelined()),
            streak: Streak::default(),
            last_event: LastEvent::none(),
            chunk: Vec::with_capacity(2 * CHUNK),
        };
        let received = self.receive(session, &mut reception);
        let Reception {
            batch,
            not_received,
            mut last_event,
            ..
        } = reception;
        if !batch.is_empty() {
            self.outlet.send(batch);
        }
        self.outlet.close();
        let begun = Instant::now();
        let ended = received.and_then(|()| self.wait(MaySend::Never, || session.keep_awake()));
        if begun.elapsed() > SLOW_DELIVERY {
            last_event.note_pause(0);
        }
        Received {
            not_received,
            last_event,
            ended,
        }
    }

    /// Waits for the thread that settles, which may take as long as an MDA does. Meanwhile the server
    /// is kept awake with NOOP.
    fn wait(
        &self,
        awaited: MaySend,
        mut keep_awake: impl FnMut() -> Result<(), pop3::Error>,
    ) -> Result<(), Error> {
        loop {
            match self.outlet.wait(self.silence) {
                turn if turn == awaited => return Ok(()),
                MaySend::Never => return Err(Error::Unsettled),
                MaySend::Now => {}
                // The run ends within seconds: no NOOP is needed.
                MaySend::Later if self.interrupt.is_ending() => {}
                MaySend::Later => keep_awake().map_err(|source| Error::broken(source, None))?,
            }
        }
    }

    fn receive<S: Read + Write>(
        &self,
        session: &mut Transaction<S>,
        reception: &mut Reception<'_>,
    ) -> Result<(), Error> {
        let listing = self.listing;
        let room = Room::new(self.intake, &self.forced);
        let in_company = self.plan.in_company().map(|pick| (pick, Company::Any));
        let alone = self.plan.alone().map(|pick| (pick, Company::None));
        let requests = in_company
            .chain(alone)
            .map(|(pick, company)| Request {
                message: listing.message(pick.position, pick.copy),
                company,
            })
            .filter(|request| room.has_room_for(&request.message));
        let mut pipeline = session.retrieve(requests);
        let received = self.receive_all(&mut pipeline, &room, reception);
        if let Err(error) = &received {
            let unanswered = pipeline.unanswered().map(|request| request.message.size);
            reception.trail.note_unanswered(unanswered);
            self.discard_repeats(error, reception)?;
        }
        reception.not_received.no_room = room.no_room.take();
        received?;
        let not_requested = pipeline.not_requested();
        if reception.streak.is_common() {
            reception.not_received.spared = not_requested;
        } else if self.is_over_total(reception.octets) {
            reception.not_received.over_total = not_requested;
        } else {
            reception.not_received.not_requested = not_requested;
        }
        if reception.trail.has_warned() {
            session.stop_pipelining();
        }
        Ok(())
    }

    /// Receives all requested messages, until the server refuses one after the other.
    fn receive_all<S: Read + Write>(
        &self,
        pipeline: &mut Pipeline<'_, S, impl Iterator<Item = Request>>,
        room: &Room<'_>,
        reception: &mut Reception<'_>,
    ) -> Result<(), Error> {
        let purposes = self.purposes();
        loop {
            let next = pipeline.next().map_err(|error| {
                let awaited = pipeline.awaited().map(|request| AwaitedMessage {
                    message: request.message.clone(),
                    awaited: Awaited::Reply,
                    before: reception.last_event.before(),
                    has_more: pipeline.unanswered().count() > 1,
                });
                Error::broken(error, awaited)
            })?;
            let Some((Request { message, .. }, retrieved)) = next else {
                return prove_repeats(pipeline, reception);
            };
            room.take(&message);
            match retrieved {
                Retrieved::Refused(refusal) => {
                    reception.repeats.note_refusal();
                    reception.fail(message, NotSent::Refused(refusal));
                }
                Retrieved::Body => {
                    let purpose = purposes.get(&message.number).copied();
                    self.take(pipeline, message, purpose, reception)?;
                }
            }
            if reception.streak.is_common() {
                pipeline.pause_asking();
            } else {
                pipeline.resume_asking();
            }
            if self.is_over_total(reception.octets) {
                pipeline.stop_asking();
            }
            self.reporter.report(Event::Retrieved);
            if reception.may_send() && (reception.batch.is_full() || self.outlet.is_ready()) {
                let begun = Instant::now();
                self.wait(MaySend::Now, || pipeline.keep_awake())?;
                self.outlet.send(reception.batch.take());
                if begun.elapsed() > SLOW_DELIVERY {
                    reception
                        .last_event
                        .note_pause(pipeline.unanswered().count());
                }
            }
            if self.interrupt.is_ending() {
                pipeline.stop_asking();
                if self.interrupt.is_over(LAST_ARRIVALS) {
                    return Err(Error::Interrupted);
                }
            }
        }
    }

    /// Takes a message whose octets follow. Without a purpose it is new.
    fn take<S: Read + Write>(
        &self,
        pipeline: &mut Pipeline<'_, S, impl Iterator<Item = Request>>,
        message: Message,
        purpose: Option<Purpose>,
        reception: &mut Reception<'_>,
    ) -> Result<(), Error> {
        let (purpose, max_size) = match purpose {
            Some(purpose) => (purpose, None),
            None if self.listing.names_are_made_up() => (Purpose::Naming, self.max_size),
            None => (Purpose::Delivery, self.max_size),
        };
        let (incoming, octets) = self.store(pipeline, &message, max_size, reception)?;
        let arrival = SizedArrival {
            number: message.number,
            // Some servers list -1 as an unsigned number.
            listed: message.size.filter(|size| *size < limits::MESSAGE_OCTETS),
            announced: pipeline.announced(),
            size: pipeline.response_size(),
        };
        let next = pipeline.unanswered().next();
        let fit = reception.trail.note(
            &arrival,
            asking(pipeline),
            next.and_then(|request| request.message.size),
        );
        if fit.is_warning {
            pipeline.stop_asking_ahead();
        }
        match incoming {
            None => {
                let size = Some(octets);
                let too_large = Message { size, ..message };
                reception.not_received.too_large.push(too_large);
            }
            Some(_) if arrival.is_empty() => {
                let promised = arrival.promised();
                reception.fail(message, NotSent::Nothing { promised });
                return Ok(());
            }
            Some(incoming) => {
                let receipt = incoming.finish(message);
                let answer = SizedAnswer {
                    arrival: &arrival,
                    is_warning: fit.is_warning,
                    purpose,
                };
                let checked = self.check_repeat(pipeline, receipt, answer, reception)?;
                let Some(receipt) = checked else {
                    return Ok(());
                };
                let suspicion = self.suspicion(&receipt, &arrival, fit);
                if self.is_incomplete(&arrival) {
                    reception.trail.note_incomplete(arrival.number);
                } else if self.is_short(&arrival) {
                    reception.trail.note_short(arrival.number);
                }
                if matches!(purpose, Purpose::Delivery | Purpose::Naming) {
                    self.warn_of(suspicion, &receipt, &arrival);
                }
                reception.batch.push(Arrival {
                    number: arrival.number,
                    receipt: receipt.suspected(suspicion),
                    purpose,
                });
            }
        }
        reception.succeed();
        Ok(())
    }

    /// Returns the messages that are fetched for another purpose than delivery.
    fn purposes(&self) -> HashMap<MessageNumber, Purpose> {
        let compared = self.plan.compare.iter().map(|pick| {
            let listed = self
                .listing
                .under(self.listing.unique_id(pick.position))
                .len();
            (pick, Purpose::Comparison { listed })
        });
        let recognised = self
            .plan
            .recognise
            .iter()
            .map(|pick| (pick, Purpose::Recognition));
        let verified = self
            .plan
            .verify
            .iter()
            .map(|pick| (pick, Purpose::Verification));
        compared
            .chain(recognised)
            .chain(verified)
            .map(|(pick, purpose)| (self.listing.number(pick.position), purpose))
            .collect()
    }

    /// Stores the next message to its end, or throws it away if it turns out to be too large. Returns
    /// the number of octets as they were sent, too.
    fn store<S: Read + Write>(
        &self,
        pipeline: &mut Pipeline<'_, S, impl Iterator<Item = Request>>,
        message: &Message,
        max_size: Option<u64>,
        reception: &mut Reception<'_>,
    ) -> Result<(Option<Incoming>, u64), Error> {
        let has_more = pipeline.awaited().is_some();
        let before = reception.last_event.before();
        let chunk = &mut reception.chunk;
        let broken = |source| {
            let awaited = AwaitedMessage {
                message: message.clone(),
                awaited: Awaited::Octets,
                before,
                has_more,
            };
            Error::broken(source, Some(awaited))
        };
        let mut incoming = Some(self.intake.accept(message)?);
        let mut received = 0;
        while let Some(octets) = pipeline.read(chunk).map_err(broken)? {
            received += octets as u64;
            self.reporter.report(Event::Received(octets as u64));
            if received > limits::MESSAGE_OCTETS {
                return Err(broken(pop3::Error::TooLong("a message")));
            }
            if self.interrupt.is_over(LAST_ARRIVALS) {
                return Err(Error::Interrupted);
            }
            // One message may be larger than the limit. Requests that are on their way must not multiply it.
            if reception.octets > 0 && self.is_over_total((reception.octets + received) / 2) {
                return Err(Error::TooMuch);
            }
            if max_size.is_some_and(|max| received > max) {
                // The rest must be read, too: the next reply comes after it.
                incoming = None;
            }
            if chunk.len() >= CHUNK {
                write_out(chunk, &mut incoming)?;
            }
        }
        write_out(chunk, &mut incoming)?;
        reception.octets += received;
        Ok((incoming, received))
    }

    fn is_over_total(&self, octets: u64) -> bool {
        self.max_total.is_some_and(|max| octets > max)
    }
}

impl Reception<'_> {
    /// Returns true if the batch may be sent now, and what follows cannot show that a message in it came
    /// instead of another one.
    fn may_send(&self) -> bool {
        self.batch.is_full() || self.batch.is_due() && !self.repeats.are_open()
    }

    /// Notes that the server did not send a message. An empty answer counts as a refusal: if the session
    /// breaks now, the next message is not at fault.
    fn fail(&mut self, message: Message, reply: NotSent) {
        self.last_event.note_answer(Before::Refusal);
        let identity = &message.identity;
        self.streak.fail(identity, &reply.kind(&identity.unique_id));
        self.not_received.not_sent.push((message, reply));
    }

    /// Notes that the server sent a message to its end.
    fn succeed(&mut self) {
        self.last_event.note_answer(Before::Success);
        self.not_received.has_success = true;
        self.not_received.outlived = self.not_received.not_sent.len();
        self.streak.succeed();
    }
}

fn asking<S: Read + Write>(pipeline: &Pipeline<'_, S, impl Iterator<Item = Request>>) -> Asking {
    if pipeline.has_asked_ahead() {
        Asking::Ahead
    } else {
        Asking::OneByOne
    }
}

fn write_out(chunk: &mut Vec<u8>, incoming: &mut Option<Incoming>) -> Result<(), Error> {
    if let Some(file) = incoming {
        file.write(chunk)?;
    }
    chunk.clear();
    Ok(())
}
