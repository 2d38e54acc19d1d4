//! Deletes messages that are due from the server, and ends the session (custody step 7). Fetches nothing.

use std::collections::HashSet;
use std::io::{Read, Write};

use super::Poll;
use super::error::{Error, reading, recording, while_doing};
use crate::exit::{Exit, Failure};
use crate::mail::deletable::{Deletable, Recorded};
use crate::mail::known::{State, may_be_tried};
use crate::mail::maildrop::{Identity, Listing, MessageNumber};
use crate::mail::policy::Keep;
use crate::mail::streak::{Streak, common_part};
use crate::moment::Moment;
use crate::poll::blame::{Awaited, Before, BrokenSession, Guilt, LastEvent, Manner};
use crate::poll::plan::{Pick, Plan};
use crate::poll::settle::Settled;
use crate::pop3::{BrokenDeletion, GoOn, QuitReply, Transaction};
use crate::report::Event;
use crate::seen::{Cause, Compared, FailedMessage, FailedStep, Ledger, Successes};
use crate::text::ServerText;

/// The subject of a report that all deletions are refused.
const DELETIONS_REFUSED: &str = "deletions refused";

/// The action of a session that sends DELE, in words.
pub(super) const DELETING: &str = "deleting";

impl Poll<'_> {
    /// Returns what may be deleted now: messages that are delivered and recorded, and whose time on
    /// the server is over; and messages whose deletion the user has ordered.
    pub(super) fn due(
        &mut self,
        listing: &Listing,
        plan: &Plan,
        settled: Settled,
    ) -> Result<Vec<Deletable>, Error> {
        let named = |pick: &Pick| {
            let message = listing.message(pick.position, pick.copy);
            (message.number, message.identity)
        };
        let mut candidates: Vec<(MessageNumber, Identity)> =
            plan.delete.iter().map(named).collect();
        // Messages of earlier runs, under whatever unique-id they are listed now.
        let known = plan.delete.iter().chain(&plan.verify);
        let known = known.map(|pick| listing.number(pick.position));
        let proven = settled.proven.iter().map(|(number, _)| *number);
        let earlier: HashSet<_> = known.chain(proven).collect();
        if self.options.policy.keep == Keep::Never {
            candidates.extend(plan.fetch.iter().map(named));
            candidates.extend(plan.verify.iter().map(named));
            candidates.extend(settled.named);
            let new = settled.comparisons.into_iter();
            candidates.extend(new.filter_map(|comparison| match comparison.result {
                Compared::New(identity) => Some((comparison.number, identity)),
                Compared::Same { .. } | Compared::ChangesEachTime => None,
            }));
        }
        if self.options.policy.keep != Keep::Never && !settled.deleted_by_rule.is_empty() {
            let new = plan.fetch.iter().map(named);
            candidates.extend(new.filter(|(_, new)| settled.deleted_by_rule.contains(new)));
        }
        let (keep, now) = (self.options.policy.keep, self.ledger.clock().now());
        let mut back = Vec::new();
        for (number, found) in settled.proven {
            match found.state {
                State::Gone => back.push((number, found.identity)),
                // The listed message turned out to be another known one, which is younger.
                State::Delivered(delivered) if !keep.is_over(delivered, now) => {}
                // Another thread may have delivered it meanwhile: then it is as young as can be.
                State::Staged if keep != Keep::Never => {}
                _ => candidates.push((number, found.identity)),
            }
        }
        candidates.extend(self.take_back(back)?);
        // The plan only says what was wanted. The database says what was really delivered.
        let mut due = self
            .ledger
            .deletions()
            .confirm_delivered(candidates.into_iter())
            .map_err(reading)?;
        // A message of the plan may also have been recognised under a new unique-id.
        let mut numbers = HashSet::new();
        due.retain(|recorded| numbers.insert(recorded.number()));
        let is_of_earlier = |recorded: &Recorded| earlier.contains(&recorded.number());
        let deletions = due
            .iter()
            .filter(|recorded| is_of_earlier(recorded))
            .count();
        if self.holds(deletions)? {
            due.retain(|recorded| !is_of_earlier(recorded));
        }
        let ordered = self.ledger.orders();
        let ordered = ordered
            .confirm(plan.ordered.iter().map(named))
            .map_err(reading)?;
        let due = due.into_iter().map(Deletable::Recorded);
        let ordered = ordered.into_iter().map(Deletable::Ordered);
        let ordered = ordered.filter(|message| numbers.insert(message.number()));
        Ok(due.chain(ordered).collect())
    }

    /// Ends a session in which there was nothing to do.
    pub(super) fn leave<S: Read + Write>(&self, session: Transaction<S>) -> Result<(), Error> {
        match session.leave() {
            Err(error) if error.is_out_of_step() => Err(while_doing("ending the session")(error)),
            // A server that is gone has ended the session itself.
            _ => Ok(()),
        }
    }

    /// Marks messages as deleted and ends the session. Only the reply to QUIT says that they are
    /// deleted (RFC 1939, section 6). `last_event` is that of the downloads before.
    ///
    /// # Errors
    /// The session failed or the database did. Without a reply to QUIT the messages stay DELIVERED, and
    /// the next listing shows whether they are gone.
    pub(super) fn delete_and_quit<S: Read + Write>(
        &mut self,
        mut session: Transaction<S>,
        due: Vec<Deletable>,
        mut last_event: LastEvent,
    ) -> Result<(), Error> {
        let due = &*self.deletable(due)?;
        let mut marked = Vec::with_capacity(due.len());
        let mut refused = Vec::new();
        // The refusals before the last success.
        let mut outlived = 0;
        let mut streak = Streak::default();
        let ended = session.delete(due, |message, answer| match answer {
            Ok(()) => {
                last_event.note_answer(Before::Success);
                streak.succeed();
                marked.push(message);
                outlived = refused.len();
                GoOn::Yes
            }
            Err(refusal) => {
                last_event.note_answer(Before::Refusal);
                let identity = message.identity();
                let reason = common_part(&refusal.text.to_string(), &identity.unique_id);
                streak.fail(identity, &reason);
                refused.push((message, refusal.text));
                if streak.is_common() {
                    GoOn::No
                } else {
                    GoOn::Yes
                }
            }
        });
        let spared = due.len() - marked.len() - refused.len();
        self.course.has_answered_deletion |= !marked.is_empty() || !refused.is_empty();
        let (outlived, last) = refused.split_at(outlived);
        self.report_undeleted(outlived, 0, Successes::OfOthers)?;
        if !marked.is_empty() {
            let causes = self.ledger.causes();
            causes.succeed(FailedStep::Deletion).map_err(recording)?;
        }
        self.report_undeleted(last, spared, Successes::None)?;
        if let Err(broken) = ended {
            return Err(self.count_broken_deletion(broken, last_event.before())?);
        }
        commit(self.ledger, session, &marked)?;
        for message in &marked {
            let identity = message.identity();
            self.course.suspect.take_if(|suspect| suspect == identity);
            self.reporter.report(Event::Deleted(&identity.unique_id));
        }
        self.summary.deleted += marked.len();
        self.summary.kept = self.summary.kept.saturating_sub(marked.len());
        Ok(())
    }

    /// Returns what is deleted in this session. A message whose DELE failed before comes last. If it
    /// broke a session, it comes alone, in another session of this run: no QUIT would follow for the
    /// others. One that is set aside waits for a day.
    fn deletable(&mut self, due: Vec<Deletable>) -> Result<Vec<Deletable>, Error> {
        let undeleted = self.ledger.causes().undeleted().map_err(reading)?;
        let now = Moment::now();
        let (mut first, mut last, mut alone) = (Vec::new(), Vec::new(), Vec::new());
        let failed = &self.course.failed;
        if undeleted.is_empty() && failed.is_empty() {
            // This is the usual case, and there may be many: they are not copied.
            return Ok(due);
        }
        for message in due {
            if failed.contains(message.identity()) {
                continue;
            }
            match undeleted.get(message.identity()) {
                None => first.push(message),
                Some(failed) if !may_be_tried(failed.next_try, now) => {}
                Some(failed) if failed.broke => alone.push(message),
                Some(_) => last.push(message),
            }
        }
        first.append(&mut last);
        alone.truncate(1);
        if first.is_empty() && !self.course.spares_session {
            return Ok(alone);
        }
        if let Some(suspect) = alone.first() {
            self.course.suspect = Some(suspect.identity().clone());
        }
        Ok(first)
    }

    /// Counts and reports refused deletions.
    fn report_undeleted(
        &mut self,
        refused: &[(&Deletable, ServerText)],
        spared: usize,
        evidence: Successes,
    ) -> Result<(), Error> {
        let is_ordered =
            |(message, _): &&(&Deletable, ServerText)| matches!(message, Deletable::Ordered(_));
        let (ordered, refused): (Vec<_>, Vec<_>) = refused.iter().partition(is_ordered);
        self.end_refused_orders(&ordered)?;
        let failed: Vec<_> = refused
            .iter()
            .map(|(message, said)| FailedMessage {
                identity: message.identity().clone(),
                size: None,
                reason: common_part(&said.to_string(), &message.identity().unique_id),
            })
            .collect();
        let causes = self.ledger.causes();
        let causes = causes
            .count(FailedStep::Deletion, &failed, evidence)
            .map_err(recording)?;
        let mut common = None;
        for ((message, said), cause) in refused.iter().zip(causes) {
            self.course.failed.insert(message.identity().clone());
            let Cause::Message(failures) = cause else {
                common = Some(said);
                continue;
            };
            let unique_id = &message.identity().unique_id;
            let what = format!("deleting message {unique_id}: the server said \"{said}\"");
            let failure = Failure::new(what, Exit::Temporary);
            self.summary
                .report_message_failure(self.reporter, failure, failures);
        }
        if let Some(said) = common {
            let what = format!(
                "deleting messages: the server said \"{said}\" to one DELE after the other; messages \
                 that stay: {}",
                refused.len() + spared
            );
            let hint = "If the mailbox can only be read, set keep = true";
            self.report_daily(Failure::new(what, Exit::Temporary).with_hint(hint))?;
        }
        Ok(())
    }

    /// Reports a problem that lasts, once a day.
    fn report_daily(&mut self, failure: Failure) -> Result<(), Error> {
        self.summary.exit = self.summary.exit.max(failure.exit);
        let is_shown = !self.reporter.holds_back(failure.exit);
        if is_shown
            && self
                .ledger
                .notices()
                .is_due(DELETIONS_REFUSED)
                .map_err(recording)?
        {
            self.reporter.report(Event::Problem(&failure));
        } else {
            self.reporter.report(Event::TransientProblem(&failure));
        }
        Ok(())
    }

    /// Reports a message that stays on the server because it may have broken a session of this run.
    pub(super) fn report_suspect(&mut self) {
        let Some(suspect) = self.course.suspect.take() else {
            return;
        };
        let what = format!(
            "deleting message {}: the session may have ended because of it; it stays on the server, and \
             the next run tries it again",
            suspect.unique_id
        );
        let failure = Failure::new(what, Exit::Temporary);
        self.summary.report_one_of_many(self.reporter, &failure);
    }

    /// Counts a session that broke among deletions against the message that broke it, if that is
    /// known.
    fn count_broken_deletion(
        &mut self,
        broken: BrokenDeletion<'_>,
        before: Before,
    ) -> Result<Error, Error> {
        let BrokenDeletion { awaited, source } = broken;
        let session = BrokenSession {
            manner: Manner::of(&source),
            awaited: Awaited::Reply,
            before,
            was_pipelined: self.course.log.was_used(),
            has_more: false,
        };
        let is_interrupt = source.is_interrupt();
        let Some(message) = awaited.filter(|_| !is_interrupt) else {
            return Ok(while_doing(DELETING)(source));
        };
        let judgement = session.judge();
        self.course.outlook = judgement.outlook;
        let identity = message.identity();
        let reason = session.manner.reason();
        match judgement.message {
            Guilt::Innocent => {}
            // The replies no longer match the commands, so the messages are not to blame.
            Guilt::Suspect if session.manner == Manner::Garbled => {}
            Guilt::Suspect => {
                let causes = self.ledger.causes();
                causes
                    .suspect_deletion(identity, reason)
                    .map_err(recording)?;
                self.course.suspect = Some(identity.clone());
            }
            Guilt::Guilty => {
                let what = format!("deleting message {}: {source}", identity.unique_id);
                let failed = FailedMessage {
                    identity: identity.clone(),
                    size: None,
                    reason: reason.to_owned(),
                };
                let causes = self.ledger.causes();
                causes
                    .suspect_deletion(identity, reason)
                    .map_err(recording)?;
                let failure = Failure::new(what, Exit::Temporary);
                if self.count_guilty(FailedStep::Deletion, failed, failure)? {
                    let error = while_doing(DELETING)(source);
                    return Ok(Error::SetAside(Box::new(error)));
                }
            }
        }
        Ok(while_doing(DELETING)(source))
    }
}

/// Ends a session in which messages were marked as deleted. Only the reply to QUIT says that they are
/// deleted (RFC 1939, section 6).
pub(super) fn commit<S: Read + Write>(
    ledger: &Ledger,
    session: Transaction<S>,
    marked: &[&Deletable],
) -> Result<(), Error> {
    ledger.deletions().note_quit(marked).map_err(recording)?;
    match session.quit() {
        QuitReply::Committed => ledger.deletions().mark_gone(marked).map_err(recording),
        // Nothing depended on the reply.
        QuitReply::Unknown(source) if marked.is_empty() && !source.is_out_of_step() => Ok(()),
        QuitReply::Unknown(source) => Err(Error::Unconfirmed(source)),
    }
}
