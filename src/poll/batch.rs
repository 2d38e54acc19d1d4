//! Batches of complete messages, and the channel from the thread that receives them to the thread
//! that settles them.

use std::cell::Cell;
use std::time::Duration;

use crate::mail::custody::Receipt;
use crate::mail::maildrop::MessageNumber;
use crate::os::sys::Instant;
use crate::os::sys::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};

/// With this many messages a batch is worth the flushes that settling costs.
const MANY: usize = 128;
/// The most messages in a batch. Fewer if the system does not allow that many open files.
const BATCH_MESSAGES: u64 = 512;
/// The descriptors of a run other than the files of its messages, with some to spare.
const OTHER_DESCRIPTORS: u64 = 36;
/// The most octets in a batch, unless a single message is larger.
const BATCH_OCTETS: u64 = 16 << 20;
/// The longest time that the first message of a batch waits for others.
const BATCH_TIME: Duration = Duration::from_secs(1);
/// The number of batches at a time: while one is being settled, the next one grows.
const BATCHES: u64 = 2;

/// A complete message, and the purpose that it was fetched for.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// Its number in this session.
    pub number: MessageNumber,
    /// The proof of custody step 1.
    pub receipt: Receipt,
    /// Its purpose.
    pub purpose: Purpose,
}

/// The purpose that a message was fetched for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Purpose {
    /// To compare it with what was delivered before.
    Comparison {
        /// The number of messages that are listed under its unique-id.
        listed: usize,
    },
    /// To be delivered.
    Delivery,
    /// To be delivered, unless a message with the same content was: the server gives it no
    /// unique-id.
    Naming,
    /// To compare it with everything whose copy is in doubt.
    Verification,
    /// To be delivered, unless the target has its file from a run whose record is lost.
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

/// Returns the number of messages that a batch may have with this many descriptors: the files of a
/// batch stay open until they are flushed.
fn most_messages(descriptors: u64) -> usize {
    let files = descriptors.saturating_sub(OTHER_DESCRIPTORS);
    let each = files / BATCHES;
    each.clamp(1, BATCH_MESSAGES) as usize
}

impl Batch {
    /// Creates an empty batch with room for as many messages as the descriptors allow.
    pub(crate) fn new(descriptors: u64) -> Self {
        Self {
            most: most_messages(descriptors),
            arrivals: Vec::new(),
            octets: 0,
            begun: None,
        }
    }

    /// Takes all messages out and leaves the batch empty.
    pub(crate) fn take(&mut self) -> Self {
        let empty = Self {
            most: self.most,
            arrivals: Vec::new(),
            octets: 0,
            begun: None,
        };
        std::mem::replace(self, empty)
    }

    /// Returns the messages in the order of their arrival.
    pub(crate) fn into_arrivals(self) -> Vec<Arrival> {
        self.arrivals
    }

    /// Returns the messages in the order of their arrival, and leaves them in the batch.
    pub(crate) fn arrivals(&self) -> &[Arrival] {
        &self.arrivals
    }

    /// Adds a message.
    pub(crate) fn push(&mut self, arrival: Arrival) {
        self.begun.get_or_insert_with(Instant::now);
        self.octets += arrival.receipt.stored().octets;
        self.arrivals.push(arrival);
    }

    /// Takes a message out that must not be delivered, if it is still here.
    pub(crate) fn take_out(&mut self, number: MessageNumber) -> Option<Receipt> {
        let at = self.position(number)?;
        let receipt = self.arrivals.remove(at).receipt;
        self.octets -= receipt.stored().octets;
        Some(receipt)
    }

    /// Takes a message and all later ones out, if it is still here.
    pub(crate) fn take_out_since(&mut self, number: MessageNumber) -> Vec<Arrival> {
        let at = self.position(number);
        self.arrivals.split_off(at.unwrap_or(self.arrivals.len()))
    }

    fn position(&self, number: MessageNumber) -> Option<usize> {
        let mut arrivals = self.arrivals.iter();
        arrivals.position(|arrival| arrival.number == number)
    }

    /// Returns true if the batch should be sent as soon as the other thread is idle: it has many
    /// messages or octets, or its first message is old.
    pub(crate) fn is_due(&self) -> bool {
        let is_old = |begun: Instant| begun.elapsed() >= BATCH_TIME;
        self.is_full() || self.arrivals.len() >= MANY || self.begun.is_some_and(is_old)
    }

    /// Returns true if nothing more may be added.
    pub(crate) fn is_full(&self) -> bool {
        self.arrivals.len() >= self.most || self.octets >= BATCH_OCTETS
    }

    /// Returns true if the batch has no message.
    pub(crate) fn is_empty(&self) -> bool {
        self.arrivals.is_empty()
    }
}

/// The receiving thread's end of the channel.
#[derive(Debug)]
pub(crate) struct Outlet {
    /// `None` once the channel is closed.
    batches: Option<Sender<Batch>>,
    settled: Receiver<()>,
    /// True if the next batch may be sent without waiting.
    may_send: Cell<bool>,
}

/// The settling thread's end of the channel.
#[derive(Debug)]
pub(crate) struct Inlet {
    batches: Receiver<Batch>,
    settled: Sender<()>,
}

/// The answer to whether a batch may be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum MaySend {
    /// Not yet: the batch before it is not settled.
    Later,
    /// Never: settling has stopped.
    Never,
    /// Yes.
    Now,
}

/// Creates the channel between the two threads.
pub(crate) fn channel() -> (Outlet, Inlet) {
    let (sender, batches) = mpsc::channel();
    let (settled, receiver) = mpsc::channel();
    let outlet = Outlet {
        batches: Some(sender),
        settled: receiver,
        may_send: Cell::new(true),
    };
    (outlet, Inlet { batches, settled })
}

impl Inlet {
    /// Returns batches as they arrive, until the channel is closed.
    pub(crate) fn batches(&self) -> impl Iterator<Item = Batch> + '_ {
        self.batches.iter()
    }

    /// Reports that a batch is settled, so that another may be sent.
    pub(crate) fn report_settled(&self) {
        // If the other end is gone, it has nothing more to send.
        let _ = self.settled.send(());
    }

    /// Stops settling, and returns the batches that were already sent.
    pub(crate) fn close(self) -> impl Iterator<Item = Batch> {
        drop(self.settled);
        self.batches.into_iter()
    }
}

impl Outlet {
    /// Waits until a batch may be sent, at most for `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) -> MaySend {
        if self.may_send.take() {
            return MaySend::Now;
        }
        match self.settled.recv_timeout(timeout) {
            Ok(()) => MaySend::Now,
            Err(RecvTimeoutError::Timeout) => MaySend::Later,
            Err(RecvTimeoutError::Disconnected) => MaySend::Never,
        }
    }

    /// Returns true if [`Self::wait`] would return at once.
    pub(crate) fn is_ready(&self) -> bool {
        match self.settled.try_recv() {
            Ok(()) => self.may_send.set(true),
            Err(TryRecvError::Disconnected) => return true,
            Err(TryRecvError::Empty) => {}
        }
        self.may_send.get()
    }

    /// Sends a batch. If settling has stopped, the next run fetches its messages again.
    pub(crate) fn send(&self, batch: Batch) {
        if let Some(batches) = &self.batches {
            // The settling thread reports why it stopped.
            let _ = batches.send(batch);
        }
    }

    /// Closes the channel: [`Self::wait`] returns `Never` once everything is settled.
    pub(crate) fn close(&mut self) {
        self.batches = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_never_has_more_files_than_may_be_open() {
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
