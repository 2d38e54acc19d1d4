//! Makes what arrived durable, ours, delivered and recorded (steps 2 to 6 of the custody order),
//! batch by batch, while the next one arrives.
//! Knows nothing of servers.

use std::collections::HashSet;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit};

use crate::custody::{Durable, Outcome, Place, Receipt, Staged};
use crate::delivery::{self, Target};
use crate::exit::Exit;
use crate::known::may_be_tried;
use crate::maildrop::MessageNumber;
use crate::moment::Moment;
use crate::report::{Desk, Event, Summary};
use crate::seen::{self, Ledger, Match};

/// The most messages of a batch; fewer where so many open files are not allowed.
const BATCH_MESSAGES: u64 = 128;
/// How many descriptors a run has besides the files of its messages, with some to spare.
const OTHER_DESCRIPTORS: u64 = 36;
/// The most octets of a batch, unless one message alone has more.
const BATCH_OCTETS: u64 = 16 << 20;
/// How long the first message of a batch waits at most for the others to arrive.
const BATCH_TIME: Duration = Duration::from_secs(1);
/// How many batches may be sent that are not settled: while one is being settled, another waits.
const BATCHES: usize = 2;
/// So many temporary refusals in a row are not this or that message's fault.
const TRANSIENT_IN_A_ROW: usize = 3;

/// A complete message, and what it came for.
#[derive(Debug)]
pub struct Arrival {
    /// Its number in this session.
    pub number: MessageNumber,
    /// Step 1's proof.
    pub receipt: Receipt,
    /// Whether it is only to be compared with what was delivered before.
    pub purpose: Purpose,
}

/// What a message was fetched for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// To see whether it is what was delivered before.
    Comparison,
    /// To be delivered.
    Delivery,
}

/// Complete messages that are made durable together.
#[derive(Debug)]
pub struct Batch {
    most: usize,
    arrivals: Vec<Arrival>,
    octets: u64,
    begun: Option<Instant>,
}

impl Default for Batch {
    /// An empty one, of as many messages as the limit of open files allows.
    fn default() -> Self {
        let allowed = getrlimit(Resource::Nofile).current;
        Self {
            most: most_messages(allowed),
            arrivals: Vec::new(),
            octets: 0,
            begun: None,
        }
    }
}

/// How many messages a batch may have where so many descriptors are allowed: their files are open
/// until they are flushed, those of the batches that wait, and of the one that arrives.
fn most_messages(descriptors: Option<u64>) -> usize {
    let files = descriptors.map_or(u64::MAX, |all| all.saturating_sub(OTHER_DESCRIPTORS));
    let each = files / (BATCHES as u64 + 1);
    each.clamp(1, BATCH_MESSAGES) as usize
}

impl Batch {
    /// Adds a message.
    pub fn push(&mut self, arrival: Arrival) {
        self.begun.get_or_insert_with(Instant::now);
        self.octets += arrival.receipt.parcel().octets;
        self.arrivals.push(arrival);
    }

    /// Whether it should go on its way: many messages, many octets, or an old first one.
    pub fn is_due(&self) -> bool {
        self.arrivals.len() >= self.most
            || self.octets >= BATCH_OCTETS
            || self
                .begun
                .is_some_and(|begun| begun.elapsed() >= BATCH_TIME)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }
}

/// Where batches are sent.
#[derive(Debug)]
pub struct Outlet {
    /// `None` once it is closed.
    batches: Option<Sender<Batch>>,
    settled: Receiver<()>,
}

/// Where they come out.
#[derive(Debug)]
pub struct Inlet {
    batches: Receiver<Batch>,
    settled: Sender<()>,
}

/// Whether a batch may be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Turn {
    /// Not yet: too many before it are not settled.
    Later,
    /// Nobody settles any more.
    Never,
    /// It may.
    Now,
}

/// Connects whoever receives messages with whoever settles them.
pub fn channel() -> (Outlet, Inlet) {
    let (sender, batches) = mpsc::channel();
    let (settled, receiver) = mpsc::channel();
    for _ in 0..BATCHES {
        // The other end is in this function.
        let _ = settled.send(());
    }
    let outlet = Outlet {
        batches: Some(sender),
        settled: receiver,
    };
    (outlet, Inlet { batches, settled })
}

impl Outlet {
    /// Waits until a batch may be sent, at most for `patience`.
    pub fn wait(&self, patience: Duration) -> Turn {
        match self.settled.recv_timeout(patience) {
            Ok(()) => Turn::Now,
            Err(RecvTimeoutError::Timeout) => Turn::Later,
            Err(RecvTimeoutError::Disconnected) => Turn::Never,
        }
    }

    /// Sends a batch. Where nobody settles any more, the next run settles it.
    pub fn send(&self, batch: Batch) {
        if let Some(batches) = &self.batches {
            // Whoever settled knows why he stopped.
            let _ = batches.send(batch);
        }
    }

    /// Sends no more; once all is settled, nobody is there to wait for.
    pub fn close(&mut self) {
        self.batches = None;
    }
}

/// Why settling stopped. What is not recorded is settled by the next run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The target failed as a whole.
    #[error(transparent)]
    Delivery(#[from] delivery::Error),
    /// The target refuses one message after the other for now.
    #[error("nothing can be delivered for now; what arrived is kept for the next run")]
    Refusing,
    /// The database failed.
    #[error(transparent)]
    Seen(#[from] seen::Error),
}

impl Error {
    /// The exit status that it leads to.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Delivery(error) => error.exit(),
            Self::Refusing => Exit::Temporary,
            Self::Seen(error) => error.exit(),
        }
    }
}

/// Takes batches from their arrival to their record.
pub struct Settler<'a> {
    ledger: &'a mut Ledger,
    target: &'a dyn Target,
    desk: Desk<'a>,
    /// What became of messages, not yet recorded.
    outcomes: Vec<Outcome>,
    transient_in_a_row: usize,
    settled: Settled,
}

/// What settling came to.
#[derive(Debug, Default)]
pub struct Settled {
    /// Delivered, failed and so on.
    pub summary: Summary,
    /// Messages that turned out to be what was delivered before.
    pub proven: Vec<(MessageNumber, Match)>,
    /// What ended it early, if something did.
    pub failure: Option<Error>,
}

impl<'a> Settler<'a> {
    /// Settles into `target` and `ledger`.
    pub fn new(ledger: &'a mut Ledger, target: &'a dyn Target, desk: Desk<'a>) -> Self {
        Self {
            ledger,
            target,
            desk,
            outcomes: Vec::new(),
            transient_in_a_row: 0,
            settled: Settled::default(),
        }
    }

    /// Settles batches as they arrive, to the last or until something fails; what is delivered by
    /// then is recorded.
    pub fn run(mut self, inlet: Inlet) -> Settled {
        let intake = self.target.intake();
        let ended = inlet.batches.iter().try_for_each(|batch| {
            self.settle(batch)?;
            // Who does not listen has nothing more to send.
            let _ = inlet.settled.send(());
            Ok(())
        });
        let ended = self.end(ended);
        // Where settling cannot go on, nothing more is to be fetched.
        drop(inlet.settled);
        for arrival in inlet.batches.iter().flat_map(|batch| batch.arrivals) {
            // What cannot be removed now is swept up by the next run.
            let _ = intake.discard(arrival.receipt);
        }
        ended
    }

    /// Finishes what earlier runs began: every message that was staged is delivered now, or known
    /// to be, or forgotten so that it is fetched again. Needs no server.
    pub fn recover(mut self) -> Settled {
        let ended = self.recover_staged();
        self.end(ended)
    }

    fn end(mut self, ended: Result<(), Error>) -> Settled {
        let recorded = self.record();
        self.settled.failure = ended.and(recorded).err();
        self.settled
    }

    fn recover_staged(&mut self) -> Result<(), Error> {
        let now = Moment::now();
        let (here, elsewhere): (Vec<_>, Vec<_>) = self
            .ledger
            .staged()?
            .into_iter()
            .filter(|staged| may_be_tried(staged.past().next_try, now))
            .partition(|staged| staged.place().is_at(self.target.place()));
        match self.deliver(here) {
            // Those that were tried first may be what is refused: new mail gets its own chance.
            Err(Error::Refusing) => self.transient_in_a_row = 0,
            delivered => delivered?,
        }
        self.recover_elsewhere(elsewhere)?;
        self.record()?;
        let staged: HashSet<_> = self
            .ledger
            .staged()?
            .iter()
            .map(|staged| staged.parcel().file_name.clone())
            .collect();
        Ok(self.target.intake().sweep(&staged)?)
    }

    /// The same for messages that were on their way to where the account delivered before.
    fn recover_elsewhere(&mut self, mut staged: Vec<Staged>) -> Result<(), Error> {
        while let Some(place) = staged.first().map(|staged| staged.place().clone()) {
            let (there, others): (Vec<_>, Vec<_>) = staged
                .into_iter()
                .partition(|staged| staged.place().is_at(&place));
            staged = others;
            match delivery::reopen(&place, self.ledger.tag()) {
                delivery::Reopened::Target(target) => {
                    let outcomes = target.deliver(there);
                    self.note(outcomes, &place);
                }
                delivery::Reopened::Missing => {
                    let lost = there
                        .iter()
                        .map(|staged| Outcome::Lost(staged.parcel().identity.clone()));
                    self.outcomes.extend(lost);
                }
                delivery::Reopened::Unreachable(error) => return Err(error.into()),
                delivery::Reopened::NeedsMda => {
                    let problem = format!(
                        "{} (messages: {}) waits for an MDA, but the account has none now: set mda \
                         once more to have it delivered",
                        place.path.display(),
                        there.len()
                    );
                    self.settled
                        .summary
                        .tell_problem(self.desk, &problem, Exit::Configuration);
                }
            }
        }
        Ok(())
    }

    /// Settles one batch.
    ///
    /// # Errors
    /// The database or the target failed, or the target takes nothing for now. Nothing of it is
    /// recorded that is not delivered.
    fn settle(&mut self, batch: Batch) -> Result<(), Error> {
        let receipts = self.compare(batch)?;
        let durable = self.target.intake().flush(receipts)?;
        let staged = self.stage(durable)?;
        self.deliver(staged)
    }

    /// Takes out what was fetched only for comparison and is what was delivered before. What is
    /// not is new mail under an old unique-id.
    fn compare(&mut self, batch: Batch) -> Result<Vec<Receipt>, Error> {
        let mut receipts = Vec::with_capacity(batch.arrivals.len());
        for arrival in batch.arrivals {
            if arrival.purpose == Purpose::Delivery {
                receipts.push(arrival.receipt);
                continue;
            }
            let parcel = arrival.receipt.parcel();
            if let Some(found) = self.ledger.find_match(parcel)? {
                self.settled.proven.push((arrival.number, found));
                self.target.intake().discard(arrival.receipt)?;
                continue;
            }
            let unique_id = &parcel.identity.unique_id;
            // Those of this batch have their copy numbers, too, and no rows yet; what is fetched for
            // delivery came before whatever is compared.
            let beside = receipts
                .iter()
                .map(|receipt: &Receipt| &receipt.parcel().identity)
                .filter(|other| other.unique_id == *unique_id)
                .map(|other| other.copy + 1);
            let copy = beside.fold(self.ledger.free_copy(unique_id)?, u32::max);
            receipts.push(arrival.receipt.renumbered(copy));
        }
        Ok(receipts)
    }

    fn stage(&mut self, durable: Vec<Durable>) -> Result<Vec<Staged>, Error> {
        if durable.is_empty() {
            return Ok(Vec::new());
        }
        let names = durable.iter().map(|durable| &durable.parcel().file_name);
        let names: Vec<_> = names.cloned().collect();
        let staged = self
            .ledger
            .stage(durable, self.target.place(), &self.outcomes)
            .inspect_err(|error| self.withdraw(error, &names))?;
        self.release();
        Ok(staged)
    }

    /// Removes what the database has no room for: it may be what fills the disk. After any other
    /// error nobody knows whether the rows are there after all, and they must not come without
    /// their files.
    fn withdraw(&self, error: &seen::Error, file_names: &[String]) {
        if error.exit() == Exit::Temporary {
            // The next run sweeps up what cannot be removed now.
            let _ = self.target.intake().withdraw(file_names);
        }
    }

    fn deliver(&mut self, mut staged: Vec<Staged>) -> Result<(), Error> {
        while !staged.is_empty() && self.target.takes_more() {
            let behind = staged.split_off(self.target.stride().min(staged.len()));
            let group = std::mem::replace(&mut staged, behind);
            if self.target.stride() == 1 {
                self.ledger.record(&self.outcomes, &group)?;
                self.release();
            }
            let outcomes = self.target.deliver(group);
            self.note(outcomes, self.target.place());
            if self.transient_in_a_row >= TRANSIENT_IN_A_ROW {
                self.record()?;
                return Err(Error::Refusing);
            }
        }
        Ok(())
    }

    /// Tells what became of messages and keeps it for the next record.
    fn note(&mut self, outcomes: Vec<Outcome>, place: &Place) {
        for outcome in &outcomes {
            if let Outcome::Delivered(delivered) = outcome {
                let parcel = delivered.parcel();
                self.transient_in_a_row = 0;
                self.settled.summary.delivered += 1;
                self.settled.summary.octets += parcel.octets;
                self.desk.tell(Event::Delivered(parcel, place));
                if !delivered.words().is_empty() {
                    let words = delivered.words();
                    self.desk
                        .tell(Event::Note(&format_args!("{place} said: {words}")));
                }
            }
        }
        self.note_kept(&outcomes);
        self.outcomes.extend(outcomes);
    }

    /// Tells why messages were not delivered, in one line: what keeps one of those that are
    /// delivered together keeps the others.
    fn note_kept(&mut self, outcomes: &[Outcome]) {
        let mut kept = outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Kept {
                identity,
                why,
                is_transient,
                failures,
                ..
            } => Some((&identity.unique_id, why, *is_transient, *failures)),
            Outcome::Delivered(_) | Outcome::Lost(_) => None,
        });
        let Some((id, why, is_transient, failures)) = kept.next() else {
            return;
        };
        let exit = if is_transient {
            self.transient_in_a_row += 1;
            Exit::Temporary
        } else {
            self.transient_in_a_row = 0;
            Exit::LocalIo
        };
        let others = kept.count();
        self.settled.summary.failed += 1 + others;
        let more = match others {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        let what = format!("delivering message {id}{more}: {why}");
        self.settled
            .summary
            .tell_failure(self.desk, &what, failures, exit);
    }

    fn record(&mut self) -> Result<(), Error> {
        self.ledger.record(&self.outcomes, &[])?;
        self.release();
        Ok(())
    }

    /// Lets go of what is recorded now.
    fn release(&mut self) {
        self.target.release(&self.outcomes);
        self.outcomes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_never_have_more_files_than_may_be_open() {
        for (descriptors, most) in [
            (Some(0), 1),
            (Some(40), 1),
            (Some(64), 9),
            (Some(256), 73),
            (Some(1024), 128),
            (None, 128),
        ] {
            assert_eq!(most_messages(descriptors), most, "{descriptors:?}");
        }
    }
}
