//! Makes messages durable, stages, delivers and records them (custody steps 2 to 6), one batch while
//! the next one arrives.
//!
//! The server is out of reach here: what a session says cannot change what is recorded.

use std::collections::HashSet;
use std::time::Duration;

use crate::delivery::{self, Arrivals};
use crate::exit::Exit;
use crate::mail::custody::{Durable, Staged};
use crate::mail::handover::TargetKey;
use crate::mail::known::ShortAgain;
use crate::mail::maildrop::{Identity, MessageNumber};
use crate::mail::suspicion::Suspicion;
use crate::poll::batch::{Batch, Inlet};
use crate::report::{AccountReporter, Event, Summary};
use crate::seen::{self, Comparison, Ledger, Match, MissingContents};

mod compare;
mod deliver;
mod filter;
mod recall;
mod recover;
mod renamed;
mod rules;
mod verify;
mod worker;

pub(crate) use deliver::{KnownTarget, TargetFault};
pub(crate) use filter::{ArrivalFilter, UnfilteredMessage};
pub(crate) use rules::ArrivalRules;
pub(crate) use worker::{DeliveryQueue, channel};

use deliver::Deliverer;
use verify::Suspects;

/// The reason why settling stopped. The next run settles what is not recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The target failed as a whole.
    #[error(transparent)]
    Delivery(#[from] delivery::Error),
    /// Messages disappeared from tmp/ before they were delivered.
    #[error(
        "messages disappeared from tmp/ before they were delivered: {0}; the next run fetches them again"
    )]
    Vanished(usize),
    /// The target takes nothing.
    #[error(transparent)]
    Faulty(TargetFault),
    /// The database failed.
    #[error(transparent)]
    Seen(#[from] seen::Error),
}

impl Error {
    /// Returns what the user can do about it, if anything.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Delivery(source) => source.hint(),
            Self::Seen(source) => source.hint(),
            Self::Faulty(fault) => fault.hint.clone(),
            Self::Vanished(_) => None,
        }
    }

    /// Returns the exit status that the error leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Delivery(error) => error.exit(),
            Self::Faulty(fault) => fault.exit,
            Self::Vanished(_) => Exit::LocalIo,
            Self::Seen(error) => error.exit(),
        }
    }
}

/// Takes batches from their arrival to their record.
pub(crate) struct Settler<'a> {
    ledger: &'a Ledger,
    arrivals: &'a dyn Arrivals,
    reporter: AccountReporter<'a>,
    deliverer: Deliverer<'a>,
    /// The keys of the targets that take messages from a spool.
    targets: Vec<TargetKey>,
    /// The number of those at the beginning that take messages for which no rule has chosen others.
    usual: usize,
    /// The threads that deliver, one for each target, if it is not this one.
    queues: &'a mut [DeliveryQueue],
    /// The time that a session may wait for these threads.
    linger: Duration,
    /// Known messages that were found again, so that no second message is taken for one of them.
    claimed: HashSet<Identity>,
    /// The contents of known messages that are missing from the listing.
    missing: MissingContents,
    /// The account's rules, if it has any.
    rules: Option<ArrivalRules<'a>>,
    /// The account's filter, if it has one.
    filter: Option<ArrivalFilter>,
    /// The reason why the filter takes no message.
    filter_fault: Option<Error>,
    /// The deliveries in doubt; `None` before they are needed.
    suspects: Option<Suspects>,
    settled: Settled,
}

/// The result of settling.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// The counts of delivered messages, failed ones and so on.
    pub summary: Summary,
    /// Messages that turned out to be what was delivered before.
    pub proven: Vec<(MessageNumber, Match)>,
    /// The results of comparisons, which are recorded once the session was in step to its end.
    pub comparisons: Vec<Comparison>,
    /// The identities made up for messages that have no unique-id.
    pub named: Vec<(MessageNumber, Identity)>,
    /// The number of messages that were recognised under new unique-ids.
    pub renamed: usize,
    /// The number of messages that were deleted and are listed under new unique-ids.
    pub kept: usize,
    /// The number of messages that had been delivered under the unique-id of another.
    pub misnamed: usize,
    /// The second downloads of messages that did not have their listed size.
    pub short_again: ShortAgain,
    /// True if a message may have been delivered in part.
    pub has_incomplete: bool,
    /// Messages that the filter has failed on.
    pub unfiltered: Vec<UnfilteredMessage>,
    /// Messages that a rule deletes from the server.
    pub deleted_by_rule: HashSet<Identity>,
    /// True if a rule has left a message on the server that was retrieved.
    pub has_left: bool,
    /// True if a message without its listed size came, so that it may be a part of one, or another one. Only the
    /// end of the session shows that.
    pub has_misfits: bool,
    /// True if deliveries were in doubt when the session began.
    pub had_suspects: bool,
    /// The fault of the target, if the messages of earlier runs showed one.
    pub fault: Option<TargetFault>,
    /// The reason why settling ended early, if it did.
    pub failure: Option<Error>,
}

impl<'a> Settler<'a> {
    /// Creates a settler that takes messages from the place where they arrive to their targets, and records in
    /// `ledger`.
    pub(crate) fn new(
        ledger: &'a Ledger,
        arrivals: &'a dyn Arrivals,
        targets: &[KnownTarget<'a>],
        reporter: AccountReporter<'a>,
    ) -> Self {
        Self {
            ledger,
            arrivals,
            reporter,
            deliverer: Deliverer::new(ledger, arrivals, targets[0], reporter),
            targets: targets.iter().filter_map(|target| target.key).collect(),
            usual: targets.iter().filter(|target| target.is_usual).count(),
            queues: &mut [],
            linger: Duration::ZERO,
            claimed: HashSet::new(),
            missing: MissingContents::default(),
            rules: None,
            filter: None,
            filter_fault: None,
            suspects: None,
            settled: Settled::default(),
        }
    }

    /// Leaves the delivery to other threads, one for each target, if there are any. The session waits for them at
    /// most for `linger`.
    pub(crate) fn delivering_by(self, queues: &'a mut [DeliveryQueue], linger: Duration) -> Self {
        Self {
            queues,
            linger,
            ..self
        }
    }

    /// Sets the contents of known messages that are missing from the listing: a new message with the
    /// same content is one of them.
    pub(crate) fn recognising(self, missing: MissingContents) -> Self {
        Self { missing, ..self }
    }

    /// Sets known messages that are listed in this session and are not fetched.
    pub(crate) fn claiming(self, claimed: HashSet<Identity>) -> Self {
        Self { claimed, ..self }
    }

    /// Sets the rules that decide about new messages.
    pub(crate) fn ruled_by(self, rules: Option<ArrivalRules<'a>>) -> Self {
        Self { rules, ..self }
    }

    /// Sets the filter that is asked about new messages.
    pub(crate) fn filtered_by(self, filter: Option<ArrivalFilter>) -> Self {
        Self { filter, ..self }
    }

    /// Settles batches as they arrive, to the last one or until something fails. What is delivered by
    /// then is recorded.
    pub(crate) fn run(mut self, inlet: Inlet) -> Settled {
        let intake = self.arrivals.intake();
        let mut begun = self.recall_failures();
        let ended = inlet.batches().try_for_each(|batch| {
            std::mem::replace(&mut begun, Ok(()))?;
            self.settle(batch)?;
            self.require_filter()?;
            inlet.report_settled();
            Ok(())
        });
        // What is delivered by then can be deleted in this session.
        DeliveryQueue::wait_for_all(self.queues, self.linger);
        let ended = self.end(ended);
        // After a failure the receiver stops; what it had sent by then is fetched again.
        for arrival in inlet.close().flat_map(Batch::into_arrivals) {
            // The next run removes what cannot be removed now.
            let _ = intake.discard(arrival.receipt);
        }
        ended
    }

    /// Reads what earlier runs left about the target, if this thread delivers.
    fn recall_failures(&mut self) -> Result<(), Error> {
        match self.queues {
            [] => self.deliverer.recall_failures(),
            _ => Ok(()),
        }
    }

    fn end(mut self, ended: Result<(), Error>) -> Settled {
        let (delivered, recorded) = self.deliverer.end();
        self.settled.summary.add(&delivered);
        let recognised = self.settled.summary.recognised;
        if recognised > 0 {
            self.reporter.report(Event::Warning(&format_args!(
                "the database is new or an older one; messages recognised by their files in {} and \
                 not delivered again: {recognised}",
                self.arrivals.place()
            )));
        }
        self.settled.failure = ended.and(recorded).err();
        self.settled
    }

    /// Settles one batch.
    ///
    /// # Errors
    /// The database or the target failed, or the target takes nothing for now. Only what is delivered
    /// is recorded.
    fn settle(&mut self, batch: Batch) -> Result<(), Error> {
        let arrived = self.arrived(&batch);
        let receipts = self.compare(batch)?;
        let receipts = self.recognise_renamed(receipts, &arrived)?;
        let receipts = self.apply_rules(receipts)?;
        let receipts = self.apply_filter(receipts)?;
        let mut suspicions = receipts.iter().map(|receipt| receipt.stored().suspicion);
        self.settled.has_incomplete |= suspicions.any(Suspicion::is_incomplete);
        let durable = self.arrivals.intake().flush(receipts)?;
        let staged = self.stage(durable)?;
        if !self.queues.is_empty() {
            let lists = self
                .ledger
                .custody()
                .for_each_target(staged, &self.targets)?;
            for (queue, staged) in self.queues.iter_mut().zip(lists) {
                queue.send_new(staged);
            }
            return Ok(());
        }
        self.deliverer.deliver(staged)?;
        // A session that retrieved messages which are not stored must not end with QUIT: some
        // servers hide or delete what was retrieved.
        self.deliverer.require_none_lost()
    }

    /// Requires that the filter works.
    ///
    /// # Errors
    /// It has failed on one message after the other.
    fn require_filter(&mut self) -> Result<(), Error> {
        self.filter_fault.take().map_or(Ok(()), Err)
    }

    fn stage(&mut self, durable: Vec<Durable>) -> Result<Vec<Staged>, Error> {
        if durable.is_empty() {
            return Ok(Vec::new());
        }
        let names = durable.iter().map(|durable| &durable.stored().file_name);
        let names: Vec<_> = names.cloned().collect();
        let (staged, finished) = self
            .ledger
            .custody()
            .stage(durable, self.arrivals.place(), self.deliverer.outcomes())
            .inspect_err(|error| self.withdraw(error, &names))?;
        self.deliverer.forget_recorded(&finished);
        Ok(staged)
    }

    /// Removes the files of a batch if the database has no room for it: they may be what fills the
    /// disk. After any other error the rows may have been written after all, and must not be left
    /// without their files.
    fn withdraw(&self, error: &seen::Error, file_names: &[String]) {
        if error.exit() == Exit::Temporary {
            // The next run removes what cannot be removed now.
            let _ = self.arrivals.intake().withdraw(file_names);
        }
    }
}
