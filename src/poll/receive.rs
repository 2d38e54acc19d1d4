//! Reads messages off a session into files (step 1 of the custody order) and passes them on in
//! batches.
//! Does not know what becomes of them.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::delivery::{self, Incoming, Intake};
use crate::exit::Exit;
use crate::limits;
use crate::mail::maildrop::{Identity, Listing, Message, MessageNumber};
use crate::os::signals::Interrupt;
use crate::poll::batch::{Arrival, Batch, Outlet, Purpose, Turn};
use crate::poll::plan::Plan;
use crate::pop3::{self, Pipeline, Refusal, Retrieved, Transaction};
use crate::report::{AccountReporter, Event};

/// How long after a signal messages that were asked for may still arrive; what is left of the
/// five seconds is for settling, DELE and QUIT.
const LAST_ARRIVALS: Duration = Duration::from_secs(2);
/// How long no server minds that nothing is read.
const SLOW_DELIVERY: Duration = Duration::from_secs(5);
/// Messages of so many octets are only asked for where there is room for them.
const LARGE: u64 = 1 << 20;
/// How many octets of a message are collected before they are written. A server may send them in
/// pieces of any size, and a write for each would cost more than all else.
const CHUNK: usize = 128 * 1024;

/// Why receiving ended early. The session can then only be closed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A message could not be stored.
    #[error("storing a message: {0}")]
    Delivery(#[from] delivery::Error),
    /// A signal asked the run to end.
    #[error("interrupted")]
    Interrupted,
    /// The session failed; the message that was awaited, or the one before it, may be why.
    #[error("retrieving messages: {source}")]
    Pop3 {
        /// What happened.
        source: pop3::Error,
        /// The message whose reply or octets were awaited.
        awaited: Option<Box<Message>>,
    },
    /// What arrived could not be settled; whoever settles knows why.
    #[error("nobody takes what arrives")]
    Unsettled,
}

impl Error {
    /// Why the session failed, if it did.
    pub fn cause(&self) -> Option<&pop3::Error> {
        match self {
            Self::Pop3 { source, .. } => Some(source),
            _ => None,
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Delivery(source) => source.hint(),
            Self::Pop3 { source, .. } => source.hint(),
            Self::Interrupted | Self::Unsettled => None,
        }
    }

    /// The exit status that it leads to.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Delivery(error) => error.exit(),
            Self::Interrupted | Self::Unsettled => Exit::Temporary,
            Self::Pop3 { source, .. } => source.exit(),
        }
    }

    fn broken(source: pop3::Error, awaited: Option<&Message>) -> Self {
        if source.is_interrupt() {
            return Self::Interrupted;
        }
        let awaited = awaited.cloned().map(Box::new);
        Self::Pop3 { source, awaited }
    }
}

/// What is to be received, and where it goes.
pub(crate) struct Receiver<'a> {
    /// The listing of this session.
    pub listing: &'a Listing,
    /// What to fetch of it.
    pub plan: &'a Plan,
    /// Where messages arrive.
    pub intake: &'a Intake,
    /// Messages to ask for whether there is room or not.
    pub forced: HashSet<Identity>,
    /// Larger messages, in octets, are thrown away and left on the server.
    pub max_size: Option<u64>,
    /// Whom it is told.
    pub reporter: AccountReporter<'a>,
    /// Whether the run shall end.
    pub interrupt: &'a Interrupt,
    /// How many files may be open for it.
    pub descriptors: u64,
    /// How long the server is left without a word.
    pub silence: Duration,
    /// Who settles.
    pub outlet: Outlet,
}

/// What did not arrive although it was asked for.
#[derive(Debug, Default)]
pub(crate) struct NotReceived {
    /// Not asked for, as there is no room for it.
    pub no_room: Vec<(Message, delivery::Error)>,
    /// Refused by the server, and what it said.
    pub refused: Vec<(Message, Refusal)>,
    /// Over the limit, whatever LIST said, with their real sizes in octets.
    pub too_large: Vec<Message>,
    /// How many were not asked for, as the session had lasted too long.
    pub not_requested: usize,
}

impl Receiver<'_> {
    /// Receives everything, and returns once it is settled; what is complete when something fails is
    /// passed on all the same.
    ///
    /// # Errors
    /// The session, the disk or a signal ended it.
    pub(crate) fn run<S: Read + Write>(
        mut self,
        session: &mut Transaction<S>,
    ) -> Result<NotReceived, Error> {
        let mut batch = Batch::new(self.descriptors);
        let not_received = self.receive(session, &mut batch);
        if !batch.is_empty() {
            self.outlet.send(batch);
        }
        self.outlet.close();
        let not_received = not_received?;
        self.wait(Turn::Never, || session.keep_awake())?;
        Ok(not_received)
    }

    /// Waits for whoever settles, which takes as long as an MDA wants, and keeps the server awake
    /// meanwhile.
    fn wait(
        &self,
        awaited: Turn,
        mut keep_awake: impl FnMut() -> Result<(), pop3::Error>,
    ) -> Result<(), Error> {
        loop {
            match self.outlet.wait(self.silence) {
                turn if turn == awaited => return Ok(()),
                Turn::Never => return Err(Error::Unsettled),
                Turn::Now => {}
                // All is soon over.
                Turn::Later if self.interrupt.signal().is_some() => {}
                Turn::Later => keep_awake().map_err(|source| Error::broken(source, None))?,
            }
        }
    }

    fn receive<S: Read + Write>(
        &self,
        session: &mut Transaction<S>,
        batch: &mut Batch,
    ) -> Result<NotReceived, Error> {
        let purposes = self.purposes();
        let listing = self.listing;
        let room = Room::new(self.intake, &self.forced);
        let messages = self
            .plan
            .retrieved()
            .map(|pick| listing.message(pick.position, pick.copy))
            .filter(|message| room.is_there_for(message));
        let mut pipeline = session.retrieve(messages);
        let mut not_received = NotReceived::default();
        let mut was_slow = false;
        let mut chunk = Vec::with_capacity(2 * CHUNK);
        loop {
            let next = match pipeline.next() {
                Ok(next) => next,
                // A server that left because we did not read has nothing against the message.
                Err(error) if was_slow => return Err(Error::broken(error, None)),
                Err(error) => return Err(Error::broken(error, pipeline.awaited())),
            };
            let Some((message, retrieved)) = next else {
                not_received.not_requested = pipeline.not_requested();
                not_received.no_room = room.no_room.into_inner();
                return Ok(not_received);
            };
            room.take(&message);
            let (purpose, max_size) = match purposes.get(&message.number) {
                Some(&purpose) => (purpose, None),
                None if listing.names_are_made_up() => (Purpose::Naming, self.max_size),
                None => (Purpose::Delivery, self.max_size),
            };
            match retrieved {
                Retrieved::Refused(refusal) => not_received.refused.push((message, refusal)),
                Retrieved::Body => {
                    match self.store(&mut pipeline, &message, &mut chunk, max_size)? {
                        (None, octets) => {
                            let size = Some(octets);
                            not_received.too_large.push(Message { size, ..message });
                        }
                        (Some(incoming), _) => {
                            batch.push(Arrival {
                                number: message.number,
                                receipt: incoming.finish(message),
                                purpose,
                            });
                        }
                    }
                }
            }
            self.reporter.report(Event::Retrieved);
            if batch.is_due() && (batch.is_full() || self.outlet.is_ready()) {
                let begun = Instant::now();
                self.wait(Turn::Now, || pipeline.keep_awake())?;
                self.outlet.send(batch.take());
                was_slow = begun.elapsed() > SLOW_DELIVERY;
            }
            if self.interrupt.signal().is_some() {
                pipeline.stop_asking();
                if self.interrupt.is_over(LAST_ARRIVALS) {
                    return Err(Error::Interrupted);
                }
            }
        }
    }

    /// What messages are fetched for, other than to be delivered.
    fn purposes(&self) -> HashMap<MessageNumber, Purpose> {
        let compared = self
            .plan
            .compare
            .iter()
            .map(|pick| (pick, Purpose::Comparison));
        let recognised = self
            .plan
            .recognise
            .iter()
            .map(|pick| (pick, Purpose::Recognition));
        compared
            .chain(recognised)
            .map(|(pick, purpose)| (self.listing.number(pick.position), purpose))
            .collect()
    }

    /// Stores the message that comes next, to its end, unless it turns out to be over the limit;
    /// and counts its octets on the line.
    fn store<S: Read + Write>(
        &self,
        pipeline: &mut Pipeline<'_, S, impl Iterator<Item = Message>>,
        message: &Message,
        chunk: &mut Vec<u8>,
        max_size: Option<u64>,
    ) -> Result<(Option<Incoming>, u64), Error> {
        let broken = |source| Error::broken(source, Some(message));
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
            if max_size.is_some_and(|max| received > max) {
                // The rest is read all the same, to keep step with the server.
                incoming = None;
            }
            if chunk.len() >= CHUNK {
                write_out(chunk, &mut incoming)?;
            }
        }
        write_out(chunk, &mut incoming)?;
        Ok((incoming, received))
    }
}

/// Whether there is room for what is asked for.
struct Room<'a> {
    intake: &'a Intake,
    forced: &'a HashSet<Identity>,
    /// How many octets were asked for and have not come.
    ahead: Cell<u64>,
    no_room: RefCell<Vec<(Message, delivery::Error)>>,
}

impl<'a> Room<'a> {
    fn new(intake: &'a Intake, forced: &'a HashSet<Identity>) -> Self {
        Self {
            intake,
            forced,
            ahead: Cell::default(),
            no_room: RefCell::default(),
        }
    }

    /// Decides about a message that is going to be asked for.
    fn is_there_for(&self, message: &Message) -> bool {
        let size = self.needed(message);
        let ahead = self.ahead.get() + size;
        if size >= LARGE
            && let Err(error) = self.intake.insist_on_room(ahead)
        {
            self.no_room.borrow_mut().push((message.clone(), error));
            return false;
        }
        self.ahead.set(ahead);
        true
    }

    /// Counts a message that comes now.
    fn take(&self, message: &Message) {
        self.ahead
            .update(|ahead| ahead.saturating_sub(self.needed(message)));
    }

    /// How much room a message needs. A size is only what the server says: one that is beyond all
    /// reason, or has kept its message away for long enough, keeps none away.
    fn needed(&self, message: &Message) -> u64 {
        let size = message.size.unwrap_or(0);
        if size < limits::MESSAGE_OCTETS && !self.forced.contains(&message.identity) {
            size
        } else {
            0
        }
    }
}

fn write_out(chunk: &mut Vec<u8>, incoming: &mut Option<Incoming>) -> Result<(), Error> {
    if let Some(file) = incoming {
        file.write(chunk)?;
    }
    chunk.clear();
    Ok(())
}
