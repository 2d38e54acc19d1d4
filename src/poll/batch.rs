//! Complete messages on their way from whoever receives them to whoever settles them.
//! Knows neither.

use std::cell::Cell;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::{Duration, Instant};

use crate::mail::custody::Receipt;
use crate::mail::maildrop::MessageNumber;

/// So many messages are worth the flushes that it takes to settle them.
const MANY: usize = 128;
/// The most messages of a batch; fewer where so many open files are not allowed.
const BATCH_MESSAGES: u64 = 512;
/// How many descriptors a run has besides the files of its messages, with some to spare.
const OTHER_DESCRIPTORS: u64 = 36;
/// The most octets of a batch, unless one message alone has more.
const BATCH_OCTETS: u64 = 16 << 20;
/// How long the first message of a batch waits at most for the others to arrive.
const BATCH_TIME: Duration = Duration::from_secs(1);
/// How many batches there are at a time: while one is being settled, the next one grows.
const BATCHES: u64 = 2;

/// A complete message, and what it came for.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// Its number in this session.
    pub number: MessageNumber,
    /// Step 1's proof.
    pub receipt: Receipt,
    /// Whether it is only to be compared with what was delivered before.
    pub purpose: Purpose,
}

/// What a message was fetched for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// To see whether it is what was delivered before.
    Comparison,
    /// To be delivered.
    Delivery,
    /// To be delivered, unless its content is what was delivered before: the server has no name for
    /// it.
    Naming,
    /// To be delivered, unless an earlier run has done that and its record is lost.
    Recognition,
}

/// Complete messages that are made durable together.
#[derive(Debug)]
pub(crate) struct Batch {
    most: usize,
    arrivals: Vec<Arrival>,
    octets: u64,
    begun: Option<Instant>,
}

/// How many messages a batch may have where so many descriptors are allowed: their files are open
/// until they are flushed.
fn most_messages(descriptors: u64) -> usize {
    let files = descriptors.saturating_sub(OTHER_DESCRIPTORS);
    let each = files / BATCHES;
    each.clamp(1, BATCH_MESSAGES) as usize
}

impl Batch {
    /// An empty one, of as many messages as so many descriptors allow.
    pub(crate) fn new(descriptors: u64) -> Self {
        Self {
            most: most_messages(descriptors),
            arrivals: Vec::new(),
            octets: 0,
            begun: None,
        }
    }

    /// Takes all that is in it and leaves it empty.
    pub(crate) fn take(&mut self) -> Self {
        let empty = Self {
            most: self.most,
            arrivals: Vec::new(),
            octets: 0,
            begun: None,
        };
        std::mem::replace(self, empty)
    }

    /// All that is in it, in the order of their arrival.
    pub(crate) fn into_arrivals(self) -> Vec<Arrival> {
        self.arrivals
    }

    /// Adds a message.
    pub(crate) fn push(&mut self, arrival: Arrival) {
        self.begun.get_or_insert_with(Instant::now);
        self.octets += arrival.receipt.stored().octets;
        self.arrivals.push(arrival);
    }

    /// Whether it should go on its way if nobody is busy with another: many messages, many octets,
    /// or an old first one.
    pub(crate) fn is_due(&self) -> bool {
        let is_old = |begun: Instant| begun.elapsed() >= BATCH_TIME;
        self.is_full() || self.arrivals.len() >= MANY || self.begun.is_some_and(is_old)
    }

    /// Whether nothing more may be added.
    pub(crate) fn is_full(&self) -> bool {
        self.arrivals.len() >= self.most || self.octets >= BATCH_OCTETS
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }
}

/// Where batches are sent.
#[derive(Debug)]
pub(crate) struct Outlet {
    /// `None` once it is closed.
    batches: Option<Sender<Batch>>,
    settled: Receiver<()>,
    /// Whether the next turn has been taken already.
    has_turn: Cell<bool>,
}

/// Where they come out.
#[derive(Debug)]
pub(crate) struct Inlet {
    batches: Receiver<Batch>,
    settled: Sender<()>,
}

/// Whether a batch may be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Turn {
    /// Not yet: too many before it are not settled.
    Later,
    /// Nobody settles any more.
    Never,
    /// It may.
    Now,
}

/// Connects whoever receives messages with whoever settles them.
pub(crate) fn channel() -> (Outlet, Inlet) {
    let (sender, batches) = mpsc::channel();
    let (settled, receiver) = mpsc::channel();
    let outlet = Outlet {
        batches: Some(sender),
        settled: receiver,
        has_turn: Cell::new(true),
    };
    (outlet, Inlet { batches, settled })
}

impl Inlet {
    /// The batches, as they come, until no more are sent.
    pub(crate) fn batches(&self) -> impl Iterator<Item = Batch> + '_ {
        self.batches.iter()
    }

    /// Tells that a batch is settled, so that another may be sent.
    pub(crate) fn tell_settled(&self) {
        // Who does not listen has nothing more to send.
        let _ = self.settled.send(());
    }

    /// Tells that nothing more will be settled, and gives back what was sent all the same.
    pub(crate) fn close(self) -> impl Iterator<Item = Batch> {
        drop(self.settled);
        self.batches.into_iter()
    }
}

impl Outlet {
    /// Waits until a batch may be sent, at most for `patience`.
    pub(crate) fn wait(&self, patience: Duration) -> Turn {
        if self.has_turn.take() {
            return Turn::Now;
        }
        match self.settled.recv_timeout(patience) {
            Ok(()) => Turn::Now,
            Err(RecvTimeoutError::Timeout) => Turn::Later,
            Err(RecvTimeoutError::Disconnected) => Turn::Never,
        }
    }

    /// Whether [`Self::wait`] would not wait.
    pub(crate) fn is_ready(&self) -> bool {
        match self.settled.try_recv() {
            Ok(()) => self.has_turn.set(true),
            Err(TryRecvError::Disconnected) => return true,
            Err(TryRecvError::Empty) => {}
        }
        self.has_turn.get()
    }

    /// Sends a batch. Where nobody settles any more, the next run settles it.
    pub(crate) fn send(&self, batch: Batch) {
        if let Some(batches) = &self.batches {
            // Whoever settled knows why he stopped.
            let _ = batches.send(batch);
        }
    }

    /// Sends no more; once all is settled, nobody is there to wait for.
    pub(crate) fn close(&mut self) {
        self.batches = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_never_have_more_files_than_may_be_open() {
        for (descriptors, most) in [
            (0, 1),
            (40, 2),
            (64, 14),
            (256, 110),
            (1024, 494),
            (u64::MAX, 512),
        ] {
            assert_eq!(most_messages(descriptors), most, "{descriptors}");
        }
    }
}
