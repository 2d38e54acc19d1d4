//! Makes messages durable, stages, delivers and records them (custody steps 2 to 6), one batch while
//! the next one arrives.
//!
//! The server is out of reach here: what a session says cannot change what is recorded.

use std::collections::HashSet;

use crate::delivery::{self, Target};
use crate::exit::{Exit, Failure};
use crate::mail::custody::{Durable, Outcome, Staged, TargetPlace};
use crate::mail::known::ShortAgain;
use crate::mail::maildrop::{Identity, MessageNumber, UniqueId};
use crate::mail::streak::{Alikeness, Streak};
use crate::mail::suspicion::Suspicion;
use crate::poll::batch::{Batch, Inlet};
use crate::report::{AccountReporter, Event, Summary};
use crate::seen::{self, Comparison, FailedStep, Ledger, Match, MissingContents};

use verify::Suspects;

mod compare;
mod recover;
mod renamed;
mod verify;

/// After this many temporary refusals in a row the target is at fault, not the message.
const TRANSIENT_IN_A_ROW: usize = 3;

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

/// The fault of a target that takes no message: different messages failed alike, and none succeeded.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "{} delivered{}: {why}; messages that wait: {waiting}",
    if *exit == Exit::Temporary { "nothing can be" } else { "no message can be" },
    if *exit == Exit::Temporary { " for now" } else { "" }
)]
pub(crate) struct TargetFault {
    /// The reason.
    pub why: String,
    /// A hint for the user.
    pub hint: Option<String>,
    /// The exit status that it leads to.
    pub exit: Exit,
    /// The number of messages that wait for the target.
    pub waiting: usize,
}

/// Messages that failed together, while it is not known if they or the target are at fault.
#[derive(Debug)]
struct FailedGroup {
    unique_id: UniqueId,
    others: usize,
    why: String,
    kind: String,
    hint: Option<String>,
    exit: Exit,
    failures: u32,
}

/// Takes batches from their arrival to their record.
pub(crate) struct Settler<'a> {
    ledger: &'a mut Ledger,
    target: &'a dyn Target,
    reporter: AccountReporter<'a>,
    /// Outcomes that are not recorded yet.
    outcomes: Vec<Outcome>,
    /// Known messages that were found again, so that no second message is taken for one of them.
    claimed: HashSet<Identity>,
    /// The contents of known messages that are missing from the listing.
    missing: MissingContents,
    /// The deliveries in doubt; `None` before they are needed.
    suspects: Option<Suspects>,
    transient_in_a_row: usize,
    /// The messages that failed since the last success.
    streak: Streak,
    /// The groups of messages that failed since the last success, not yet reported.
    unreported: Vec<FailedGroup>,
    /// The number of messages that disappeared from tmp/.
    lost: usize,
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
    /// True if deliveries were in doubt when the session began.
    pub had_suspects: bool,
    /// The fault of the target, if the messages of earlier runs showed one.
    pub fault: Option<TargetFault>,
    /// The reason why settling ended early, if it did.
    pub failure: Option<Error>,
}

impl<'a> Settler<'a> {
    /// Creates a settler that delivers to `target` and records in `ledger`.
    pub(crate) fn new(
        ledger: &'a mut Ledger,
        target: &'a dyn Target,
        reporter: AccountReporter<'a>,
    ) -> Self {
        Self {
            ledger,
            target,
            reporter,
            outcomes: Vec::new(),
            claimed: HashSet::new(),
            missing: MissingContents::default(),
            suspects: None,
            transient_in_a_row: 0,
            streak: Streak::default(),
            unreported: Vec::new(),
            lost: 0,
            settled: Settled::default(),
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

    /// Settles batches as they arrive, to the last one or until something fails. What is delivered by
    /// then is recorded.
    pub(crate) fn run(mut self, inlet: Inlet) -> Settled {
        let intake = self.target.intake();
        let mut begun = self.recall_failures();
        let ended = inlet.batches().try_for_each(|batch| {
            std::mem::replace(&mut begun, Ok(()))?;
            self.settle(batch)?;
            inlet.report_settled();
            Ok(())
        });
        let ended = self.end(ended);
        // After a failure the receiver stops; what it had sent by then is fetched again.
        for arrival in inlet.close().flat_map(Batch::into_arrivals) {
            // The next run removes what cannot be removed now.
            let _ = intake.discard(arrival.receipt);
        }
        ended
    }

    /// Reads what earlier runs left about the target.
    fn recall_failures(&mut self) -> Result<(), Error> {
        let causes = self.ledger.causes();
        // After a change of the target any failures are alike, until one message is delivered.
        let alikeness = match causes.note_target(&self.target.configuration())? {
            true => Alikeness::SameReason,
            false => Alikeness::Any,
        };
        self.streak = Streak::new(causes.fresh(FailedStep::Delivery)?, alikeness);
        Ok(())
    }

    fn end(mut self, ended: Result<(), Error>) -> Settled {
        self.report_failed_groups();
        let recorded = self.record();
        let recognised = self.settled.summary.recognised;
        if recognised > 0 {
            self.reporter.report(Event::Warning(&format_args!(
                "the database is new or an older one; messages recognised by their files in {} and \
                 not delivered again: {recognised}",
                self.target.place()
            )));
        }
        self.report_renamed();
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
        let mut suspicions = receipts.iter().map(|receipt| receipt.stored().suspicion);
        self.settled.has_incomplete |= suspicions.any(Suspicion::is_incomplete);
        let durable = self.target.intake().flush(receipts)?;
        let staged = self.stage(durable)?;
        self.deliver(staged)?;
        // A session that retrieved messages which are not stored must not end with QUIT: some
        // servers hide or delete what was retrieved.
        match self.lost {
            0 => Ok(()),
            lost => Err(Error::Vanished(lost)),
        }
    }

    fn stage(&mut self, durable: Vec<Durable>) -> Result<Vec<Staged>, Error> {
        if durable.is_empty() {
            return Ok(Vec::new());
        }
        let names = durable.iter().map(|durable| &durable.stored().file_name);
        let names: Vec<_> = names.cloned().collect();
        let staged = self
            .ledger
            .custody()
            .stage(durable, self.target.place(), &self.outcomes)
            .inspect_err(|error| self.withdraw(error, &names))?;
        self.release();
        Ok(staged)
    }

    /// Removes the files of a batch if the database has no room for it: they may be what fills the
    /// disk. After any other error the rows may have been written after all, and must not be left
    /// without their files.
    fn withdraw(&self, error: &seen::Error, file_names: &[String]) {
        if error.exit() == Exit::Temporary {
            // The next run removes what cannot be removed now.
            let _ = self.target.intake().withdraw(file_names);
        }
    }

    fn deliver(&mut self, mut staged: Vec<Staged>) -> Result<(), Error> {
        while !staged.is_empty() && self.target.accepts_more() {
            let behind = staged.split_off(self.target.group_size().min(staged.len()));
            let group = std::mem::replace(&mut staged, behind);
            if self.target.may_deliver_twice() {
                self.ledger.custody().record(&self.outcomes, &group)?;
                self.release();
            }
            let outcomes = self.target.deliver(group);
            self.note(outcomes, self.target.place());
            if let Some(fault) = self.find_fault() {
                self.record()?;
                self.ledger.causes().forgive_staged()?;
                return Err(Error::Faulty(fault));
            }
        }
        Ok(())
    }

    /// Returns the fault of the target, if the last failures show one. Then they are not reported
    /// one by one.
    fn find_fault(&mut self) -> Option<TargetFault> {
        let last = self.unreported.last()?;
        let is_transient = last.exit == Exit::Temporary;
        let is_faulty = match is_transient {
            true => self.transient_in_a_row >= TRANSIENT_IN_A_ROW,
            false => self.streak.has_common_cause(&last.kind),
        };
        if !is_faulty {
            return None;
        }
        let last = self.unreported.pop()?;
        self.unreported.retain(|group| group.kind != last.kind);
        self.report_failed_groups();
        let repaired = "When it is repaired: mailpull fetch --retry".to_owned();
        Some(TargetFault {
            why: last.why,
            hint: last.hint.or((!is_transient).then_some(repaired)),
            exit: last.exit,
            waiting: 0,
        })
    }

    /// Reports what became of messages, and keeps it for the next record.
    fn note(&mut self, outcomes: Vec<Outcome>, place: &TargetPlace) {
        for outcome in &outcomes {
            if let Outcome::Delivered(delivered) = outcome {
                let stored = delivered.stored();
                self.transient_in_a_row = 0;
                self.streak.succeed();
                self.settled.summary.delivered += 1;
                self.settled.summary.octets += stored.octets;
                self.reporter.report(Event::Delivered(stored, place));
                if !delivered.output().is_empty() {
                    let output = delivered.output();
                    self.reporter
                        .report(Event::Note(&format_args!("{place} said: {output}")));
                }
            }
        }
        let is_lost = |outcome: &&Outcome| matches!(outcome, Outcome::Lost(_));
        self.lost += outcomes.iter().filter(is_lost).count();
        let is_delivered = |outcome: &Outcome| matches!(outcome, Outcome::Delivered(_));
        let has_success = outcomes.iter().any(is_delivered);
        if has_success {
            self.report_failed_groups();
        }
        self.note_kept(&outcomes);
        if has_success {
            self.report_failed_groups();
        }
        self.outcomes.extend(outcomes);
    }

    /// Notes in one group why messages were not delivered: messages that are delivered together fail
    /// for the same reason.
    fn note_kept(&mut self, outcomes: &[Outcome]) {
        let mut group: Option<FailedGroup> = None;
        for outcome in outcomes {
            let Outcome::Kept {
                identity,
                why,
                kind,
                hint,
                is_transient,
                failures,
                ..
            } = outcome
            else {
                continue;
            };
            self.settled.summary.failed += 1;
            if !is_transient {
                self.streak.fail(identity, kind);
            }
            if let Some(group) = &mut group {
                group.others += 1;
                continue;
            }
            let exit = if *is_transient {
                self.transient_in_a_row += 1;
                Exit::Temporary
            } else {
                self.transient_in_a_row = 0;
                Exit::LocalIo
            };
            group = Some(FailedGroup {
                unique_id: identity.unique_id.clone(),
                others: 0,
                why: why.clone(),
                kind: kind.clone(),
                hint: hint.clone(),
                exit,
                failures: *failures,
            });
        }
        self.unreported.extend(group);
    }

    /// Reports messages that failed themselves, and not because of the target.
    fn report_failed_groups(&mut self) {
        for group in self.unreported.drain(..) {
            let id = group.unique_id;
            let more = match group.others {
                0 => String::new(),
                others => format!(" and {others} more"),
            };
            let what = format!("delivering message {id}{more}: {}", group.why);
            let failure = Failure {
                hint: group.hint,
                ..Failure::new(what, group.exit)
            };
            self.settled
                .summary
                .report_message_failure(self.reporter, failure, group.failures);
        }
    }

    fn record(&mut self) -> Result<(), Error> {
        self.record_for(self.target)
    }

    /// Records the outcomes of deliveries to `target`.
    fn record_for(&mut self, target: &dyn Target) -> Result<(), Error> {
        self.ledger.custody().record(&self.outcomes, &[])?;
        target.forget_delivered(&self.outcomes);
        self.outcomes.clear();
        Ok(())
    }

    /// Forgets outcomes that are recorded now.
    fn release(&mut self) {
        self.target.forget_delivered(&self.outcomes);
        self.outcomes.clear();
    }
}
