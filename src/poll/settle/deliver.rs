//! Brings staged messages to their place and records what became of them (custody steps 4 to 6), and finds
//! out if a message or the target is at fault when that fails.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::Error;
use crate::delivery::{Arrivals, Maildir, Target};
use crate::exit::{Exit, Failure};
use crate::mail::custody::{NotDelivered, Outcome, Staged, TargetPlace};
use crate::mail::handover::{Location, TargetKey};
use crate::mail::known::may_be_tried;
use crate::mail::maildrop::UniqueId;
use crate::mail::streak::{ALIKE, Alikeness, Streak};
use crate::moment::Moment;
use crate::os::sys::Instant;
use crate::report::{AccountReporter, Event, Summary};
use crate::seen::{Finished, Ledger};

/// After this many temporary refusals in a row the target is at fault, not the message.
const TRANSIENT_IN_A_ROW: usize = 3;

/// The fault of a target that takes no message: different messages failed alike, and none succeeded.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "{} delivered{}: {why}; messages that wait: {waiting}",
    if exit.is_transient() { "nothing can be" } else { "no message can be" },
    if exit.is_transient() { " for now" } else { "" }
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
    /// The key of the target, if it takes messages from a spool.
    pub target: Option<TargetKey>,
}

impl TargetFault {
    /// Returns the fault of a target that takes nothing now.
    fn of(refusal: NotDelivered, target: Option<TargetKey>) -> Self {
        let NotDelivered {
            why, hint, exit, ..
        } = refusal;
        Self {
            why,
            hint,
            exit,
            waiting: 0,
            target,
        }
    }
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

/// The time after which no other message is begun, once that is decided.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadline(Arc<OnceLock<(Instant, Duration)>>);

impl Deadline {
    /// Decides that it is in so much time, unless that was decided before.
    pub(super) fn set(&self, timeout: Duration) {
        self.0.get_or_init(|| (Instant::now(), timeout));
    }

    fn is_over(&self) -> bool {
        let end = self.0.get();
        end.is_some_and(|(decided, timeout)| decided.elapsed() >= *timeout)
    }
}

/// A target, and the key by which the database knows it. A Maildir in which messages arrive has none.
#[derive(Clone, Copy)]
pub(crate) struct KnownTarget<'a> {
    /// The target.
    pub target: &'a dyn Target,
    /// Its key.
    pub key: Option<TargetKey>,
    /// True if it takes messages for which no rule has chosen others.
    pub is_usual: bool,
}

/// Takes staged messages to their record.
pub(super) struct Deliverer<'a> {
    pub(super) ledger: &'a Ledger,
    arrivals: &'a dyn Arrivals,
    pub(super) target: &'a dyn Target,
    key: Option<TargetKey>,
    pub(super) reporter: AccountReporter<'a>,
    /// Outcomes that are not recorded yet.
    outcomes: Vec<Outcome>,
    transient_in_a_row: usize,
    /// The messages that failed since the last success.
    streak: Streak,
    /// The groups of messages that failed since the last success, not yet reported.
    unreported: Vec<FailedGroup>,
    /// The number of messages whose files disappeared.
    lost: usize,
    /// The counts of delivered messages and of failed ones.
    pub(super) summary: Summary,
    deadline: Deadline,
}

impl<'a> Deliverer<'a> {
    /// Creates a deliverer that brings messages from the place where they arrived to a target.
    pub(super) fn new(
        ledger: &'a Ledger,
        arrivals: &'a dyn Arrivals,
        target: KnownTarget<'a>,
        reporter: AccountReporter<'a>,
    ) -> Self {
        Self {
            ledger,
            arrivals,
            target: target.target,
            key: target.key,
            reporter,
            outcomes: Vec::new(),
            transient_in_a_row: 0,
            streak: Streak::default(),
            unreported: Vec::new(),
            lost: 0,
            summary: Summary::default(),
            deadline: Deadline::default(),
        }
    }

    /// Sets a deadline.
    pub(super) fn until(self, deadline: Deadline) -> Self {
        Self { deadline, ..self }
    }

    /// Reads what earlier runs left about the target.
    pub(super) fn recall_failures(&mut self) -> Result<(), Error> {
        let causes = self.ledger.causes();
        // After a change of the target any failures are alike, until one message is delivered.
        let alikeness = match causes.note_target(self.key, &self.target.configuration())? {
            true => Alikeness::SameReason,
            false => Alikeness::Any,
        };
        self.streak = Streak::new(causes.refused_by(self.key)?, alikeness);
        Ok(())
    }

    /// Delivers messages, a group at a time.
    ///
    /// # Errors
    /// The target takes nothing for now, or the database failed. The messages that are left stay staged.
    pub(super) fn deliver(&mut self, staged: Vec<Staged>) -> Result<(), Error> {
        let mut staged = self.recall(staged)?;
        while !staged.is_empty() && self.target.accepts_more() && !self.deadline.is_over() {
            let behind = staged.split_off(self.target.group_size().min(staged.len()));
            let group = std::mem::replace(&mut staged, behind);
            let outcomes = self.hand_over(group)?;
            self.note(outcomes, self.target.place());
            if let Some(fault) = self.find_fault() {
                self.record()?;
                self.ledger.causes().forgive_staged(self.key)?;
                return Err(Error::Faulty(fault));
            }
        }
        if self.deadline.is_over() {
            self.summary.postponed += staged.len();
        }
        Ok(())
    }

    /// Gives messages to the target. If we may not know later what it took, that is noted before.
    fn hand_over(&mut self, group: Vec<Staged>) -> Result<Vec<Outcome>, Error> {
        let Some(target) = self.key else {
            return Ok(self.target.deliver(group));
        };
        let earliest = match self.target.recall() {
            Some(recall) => recall.earliest().map_err(|refusal| self.fault(refusal))?,
            None => Location::default(),
        };
        let custody = self.ledger.custody();
        let (group, finished) = custody.announce(&self.outcomes, group, target, &earliest)?;
        self.forget_recorded(&finished);
        Ok(self.target.deliver(group))
    }

    pub(super) fn fault(&self, refusal: NotDelivered) -> Error {
        Error::Faulty(TargetFault::of(refusal, self.key))
    }

    /// Delivers what earlier runs staged. Returns the fault of the target if it takes none of that: perhaps
    /// only these old messages are refused, and new mail gets a chance of its own.
    ///
    /// # Errors
    /// The database failed. The messages that are left stay staged.
    pub(super) fn deliver_old(
        &mut self,
        mut staged: Vec<Staged>,
    ) -> Result<Option<TargetFault>, Error> {
        let mut fault = self.try_faulty_target(&mut staged)?;
        if fault.is_none() {
            let now = Moment::now();
            staged.retain(|staged| may_be_tried(staged.history().next_try, now));
            fault = self.deliver_or_fault(staged)?;
        }
        Ok(fault)
    }

    /// Tries a few messages if no message could be delivered by the last run, whatever their time:
    /// the target may have been repaired.
    fn try_faulty_target(
        &mut self,
        staged: &mut Vec<Staged>,
    ) -> Result<Option<TargetFault>, Error> {
        let mut fault = None;
        for _ in 0..ALIKE {
            if !self.streak.is_common() || staged.is_empty() {
                break;
            }
            let tried = self.deliver_or_fault(vec![staged.remove(0)])?;
            fault = tried.or(fault);
        }
        Ok(fault.filter(|_| self.streak.is_common()))
    }

    fn deliver_or_fault(&mut self, staged: Vec<Staged>) -> Result<Option<TargetFault>, Error> {
        match self.deliver(staged) {
            Ok(()) => Ok(None),
            Err(Error::Faulty(fault)) => {
                self.transient_in_a_row = 0;
                Ok(Some(fault))
            }
            Err(error) => Err(error),
        }
    }

    /// Delivers messages to another Maildir than the account's own, where earlier runs left them, and records
    /// the outcomes. Each Maildir forgets only what was delivered to it.
    pub(super) fn deliver_elsewhere(
        &mut self,
        staged: Vec<Staged>,
        maildir: &Maildir,
    ) -> Result<(), Error> {
        self.record()?;
        let outcomes = maildir.deliver(staged);
        self.note(outcomes, Target::place(maildir));
        self.record_for(maildir)
    }

    /// Notes that the place of these messages no longer exists.
    pub(super) fn note_lost(&mut self, staged: &[Staged]) {
        let lost = staged.iter().map(Staged::lost);
        self.outcomes.extend(lost);
    }

    /// Returns the outcomes that are not recorded yet.
    pub(super) fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    /// Forgets outcomes that are recorded now, and counts the messages that all targets have.
    pub(super) fn forget_recorded(&mut self, finished: &[Finished]) {
        self.forget_for(self.arrivals, finished);
    }

    /// Records all outcomes.
    pub(super) fn record(&mut self) -> Result<(), Error> {
        self.record_for(self.arrivals)
    }

    /// Checks that no message has disappeared.
    ///
    /// # Errors
    /// Some have; they are fetched again.
    pub(super) fn require_none_lost(&self) -> Result<(), Error> {
        match self.lost {
            0 => Ok(()),
            lost => Err(Error::Vanished(lost)),
        }
    }

    /// Records and reports what is left, and returns the counts.
    pub(super) fn end(&mut self) -> (Summary, Result<(), Error>) {
        self.report_failed_groups();
        let recorded = self.record();
        (std::mem::take(&mut self.summary), recorded)
    }

    /// Returns the fault of the target, if the last failures show one. Then they are not reported
    /// one by one.
    fn find_fault(&mut self) -> Option<TargetFault> {
        let last = self.unreported.last()?;
        let is_transient = last.exit.is_transient();
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
            target: self.key,
        })
    }

    /// Reports what became of messages, and keeps it for the next record.
    pub(super) fn note(&mut self, outcomes: Vec<Outcome>, place: &TargetPlace) {
        for outcome in &outcomes {
            if let Outcome::Delivered(delivered) = outcome {
                let stored = delivered.stored();
                self.transient_in_a_row = 0;
                self.streak.succeed();
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
                exit,
                failures,
                ..
            } = outcome
            else {
                continue;
            };
            self.summary.failed += 1;
            if !exit.is_transient() {
                self.streak.fail(identity, kind);
            }
            if let Some(group) = &mut group {
                group.others += 1;
                continue;
            }
            match exit.is_transient() {
                true => self.transient_in_a_row += 1,
                false => self.transient_in_a_row = 0,
            }
            group = Some(FailedGroup {
                unique_id: identity.unique_id.clone(),
                others: 0,
                why: why.clone(),
                kind: kind.clone(),
                hint: hint.clone(),
                exit: *exit,
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
            self.summary
                .report_message_failure(self.reporter, failure, group.failures);
        }
    }

    /// Records the outcomes of deliveries of messages that had arrived there.
    fn record_for(&mut self, arrivals: &dyn Arrivals) -> Result<(), Error> {
        let finished = self.ledger.custody().record(&self.outcomes)?;
        self.forget_for(arrivals, &finished);
        Ok(())
    }

    fn forget_for(&mut self, arrivals: &dyn Arrivals, finished: &[Finished]) {
        self.target.forget_taken(&self.outcomes);
        self.outcomes.clear();
        self.summary.delivered += finished.len();
        self.summary.octets += finished.iter().map(|one| one.octets).sum::<u64>();
        let names: Vec<_> = finished.iter().map(|one| one.file_name.clone()).collect();
        arrivals.forget_delivered(&names);
    }
}
