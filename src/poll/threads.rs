//! A poll whose targets take messages by threads of their own: they go on when the session has ended.

use std::collections::HashMap;
use std::io::{Read, Write};

use super::error::{Error, reading};
use super::settle::{self, KnownTarget};
use super::{HANDING_OVER, Poll};
use crate::exit::Failure;
use crate::limits;
use crate::mail::handover::TargetKey;
use crate::os::sys::thread;
use crate::pop3::{SessionHints, Transaction};

impl<'a> Poll<'a> {
    /// Polls while each target takes messages by a thread of its own, which may go on when the session has ended.
    pub(super) fn poll_with_threads<S: Read + Write>(
        mut self,
        connect: impl FnMut(&SessionHints) -> Result<Transaction<S>, Failure>,
    ) -> Result<(), Error> {
        let (arrivals, reporter) = (self.route.arrivals, self.reporter);
        let mut workers = Vec::new();
        for target in self.targets() {
            let ledger = self.ledger.of_another_thread().map_err(reading)?;
            let (queue, worker) = settle::channel();
            self.course.queues.push(queue);
            workers.push(move || worker.run(&ledger, arrivals, target, reporter));
        }
        // A thread ends when its queue is dropped, so the closure must own it, in case of a panic.
        thread::scope(move |scope| {
            let working: Vec<_> = workers.into_iter().map(|work| scope.spawn(work)).collect();
            let ended = self.poll(connect);
            let queues = std::mem::take(&mut self.course.queues).into_iter();
            let left = queues.map(|queue| queue.close(limits::DELIVER_TIME));
            let is_left = left.fold(false, |is_left, is_one_left| is_left | is_one_left);
            if is_left {
                // Without this note a run that begins meanwhile only fails because this one has the lock.
                let _ = self.ledger.notices().first(HANDING_OVER);
            }
            let delivered: Vec<_> = working.into_iter().map(|working| working.join()).collect();
            if is_left {
                let _ = self.ledger.notices().forget(HANDING_OVER);
            }
            let mut failed = Ok(());
            for delivered in delivered {
                let delivered = delivered.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                self.summary.add(&delivered.summary);
                self.course.faults.extend(delivered.fault);
                failed = failed.and(delivered.failure.map_or(Ok(()), Err));
            }
            self.end(ended.and(failed.map_err(Error::from)))
        })
    }

    /// Returns the names by which rules choose targets, with the keys by which the database knows these.
    pub(super) fn choices(&self) -> HashMap<String, TargetKey> {
        let targets = self.route.targets.iter().zip(&self.course.targets);
        let named =
            targets.flat_map(|(one, key)| one.names.iter().map(|name| (name.clone(), *key)));
        named.collect()
    }

    /// Returns the targets, with the keys by which the database knows them.
    pub(super) fn targets(&self) -> Vec<KnownTarget<'a>> {
        let keys = self.course.targets.iter().copied().map(Some);
        let targets = self.route.targets.iter();
        targets
            .zip(keys.chain(std::iter::repeat(None)))
            .map(|(one, key)| KnownTarget {
                target: one.target,
                key,
                is_usual: one.is_usual,
            })
            .collect()
    }
}
