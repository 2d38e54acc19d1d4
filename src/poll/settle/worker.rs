//! A thread that brings messages from the spool to a target, while the session goes on and after it has ended.
//! However slow the target is, it never holds up the POP3 server, and no other target.

use std::time::Duration;

use super::Error;
use super::deliver::{Deadline, Deliverer, KnownTarget, TargetFault};
use crate::delivery::Arrivals;
use crate::mail::custody::Staged;
use crate::os::sys::Instant;
use crate::os::sys::mpsc::{self, Receiver, Sender};
use crate::report::{AccountReporter, Summary};
use crate::seen::Ledger;

/// The way from a poll to the thread. When it is dropped, nothing more is to come.
#[derive(Debug)]
pub(crate) struct DeliveryQueue {
    work: Sender<Work>,
    /// The numbers of messages whose outcomes are recorded.
    recorded: Receiver<usize>,
    /// The number of messages that were sent and whose outcomes are not known to be recorded.
    waiting: usize,
    /// The number of messages that were sent.
    sent: usize,
    deadline: Deadline,
}

/// The thread's end of the way.
#[derive(Debug)]
pub(crate) struct Worker {
    work: Receiver<Work>,
    recorded: Sender<usize>,
    deadline: Deadline,
}

/// Messages to be delivered.
#[derive(Debug)]
enum Work {
    /// An earlier run staged them.
    Old(Vec<Staged>),
    /// This run staged them.
    New(Vec<Staged>),
}

/// The result of a thread's work.
#[derive(Debug, Default)]
pub(crate) struct FarDeliveries {
    /// The counts of delivered messages and of failed ones.
    pub summary: Summary,
    /// The fault of the target, if it has one. The messages stay staged.
    pub fault: Option<TargetFault>,
    /// The reason why it ended early, if it did.
    pub failure: Option<Error>,
}

/// Creates the way to a thread.
pub(crate) fn channel() -> (DeliveryQueue, Worker) {
    let (work, inbox) = mpsc::channel();
    let (sender, recorded) = mpsc::channel();
    let deadline = Deadline::default();
    let queue = DeliveryQueue {
        work,
        recorded,
        waiting: 0,
        sent: 0,
        deadline: deadline.clone(),
    };
    let worker = Worker {
        work: inbox,
        recorded: sender,
        deadline,
    };
    (queue, worker)
}

impl DeliveryQueue {
    /// Sends messages that an earlier run staged.
    pub(crate) fn send_old(&mut self, staged: Vec<Staged>) {
        self.send(staged.len(), Work::Old(staged));
    }

    /// Sends messages that this run has staged.
    pub(super) fn send_new(&mut self, staged: Vec<Staged>) {
        self.sent += staged.len();
        self.send(staged.len(), Work::New(staged));
    }

    fn send(&mut self, count: usize, work: Work) {
        // If the thread has ended, it says why. The messages stay staged.
        if self.work.send(work).is_ok() {
            self.waiting += count;
        }
    }

    /// Returns the number of messages that this run has staged.
    pub(crate) fn sent(&self) -> usize {
        self.sent
    }

    /// Waits until the outcome of each message is recorded for each target, at most for `timeout`.
    pub(super) fn wait_for_all(queues: &mut [Self], timeout: Duration) {
        let begun = Instant::now();
        for queue in queues {
            queue.wait(timeout.saturating_sub(begun.elapsed()));
        }
    }

    /// Waits until the outcome of each message is recorded, at most for `timeout`.
    fn wait(&mut self, timeout: Duration) {
        let begun = Instant::now();
        while self.waiting > 0 {
            let left = timeout.saturating_sub(begun.elapsed());
            match self.recorded.recv_timeout(left) {
                Ok(count) => self.waiting -= count,
                // If the thread has ended, nothing more is recorded.
                Err(_) => break,
            }
        }
    }

    /// Lets the thread end when all is delivered, at the latest after `timeout`: it begins no other message
    /// then. Returns true if something may be left to deliver.
    pub(crate) fn close(mut self, timeout: Duration) -> bool {
        self.wait(Duration::ZERO);
        self.deadline.set(timeout);
        self.waiting > 0
    }
}

impl Worker {
    /// Delivers what is sent, until the other end is closed.
    pub(crate) fn run(
        self,
        ledger: &Ledger,
        arrivals: &dyn Arrivals,
        target: KnownTarget<'_>,
        reporter: AccountReporter<'_>,
    ) -> FarDeliveries {
        let deliverer = Deliverer::new(ledger, arrivals, target, reporter);
        let mut deliverer = deliverer.until(self.deadline.clone());
        let mut delivered = FarDeliveries::default();
        let ended = self.deliver_all(&mut deliverer, &mut delivered.fault);
        let (summary, recorded) = deliverer.end();
        delivered.summary = summary;
        match ended.and(recorded) {
            Ok(()) => {}
            Err(Error::Faulty(fault)) => delivered.fault = Some(fault),
            Err(error) => delivered.failure = Some(error),
        }
        delivered
    }

    /// Delivers what is sent. `fault` becomes that of the target, as far as only old messages show one.
    ///
    /// # Errors
    /// The target takes nothing, messages disappeared, or the database failed.
    fn deliver_all(
        &self,
        deliverer: &mut Deliverer<'_>,
        fault: &mut Option<TargetFault>,
    ) -> Result<(), Error> {
        deliverer.recall_failures()?;
        let mut unrecorded = 0;
        loop {
            let mut work = self.work.try_recv().ok();
            if work.is_none() {
                // Nothing waits now, so this is the time for a flush.
                deliverer.record()?;
                // The other end may have stopped waiting.
                let _ = self.recorded.send(std::mem::take(&mut unrecorded));
                work = self.work.iter().next();
            }
            match work {
                Some(Work::Old(staged)) => {
                    unrecorded += staged.len();
                    *fault = deliverer.deliver_old(staged)?;
                }
                Some(Work::New(staged)) => {
                    unrecorded += staged.len();
                    deliverer.deliver(staged)?;
                }
                None => return deliverer.require_none_lost(),
            }
        }
    }
}
