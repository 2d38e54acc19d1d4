//! Fetches what the plan says, and reports what is not fetched and why.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::{Read, Write};

use super::error::{Error, reading, recording};
use super::{Poll, batch};
use crate::exit::{Exit, Failure};
use crate::limits;
use crate::mail::known::MAX_FAILURES;
use crate::mail::maildrop::{Identity, Listing, Message};
use crate::mail::streak::ALIKE;
use crate::os::sys::thread;
use crate::poll::blame::{BrokenSession, Guilt, LastEvent, Manner};
use crate::poll::not_received::{NotReceived, NotSent};
use crate::poll::plan::{Pick, Plan};
use crate::poll::receive::{self, Received, Receiver};
use crate::poll::session::RecognisedBy;
use crate::poll::settle::{self, ArrivalRules, Settled, Settler, TargetFault};
use crate::poll::step::Trail;
use crate::pop3::Transaction;
use crate::seen::{Cause, FailedMessage, FailedStep, MissingContents, Successes};

/// The messages that a session fetches, and what is needed for that.
pub(super) struct Requested<'a> {
    pub(super) listing: &'a Listing,
    pub(super) plan: &'a Plan,
    /// The contents of known messages that are missing from the listing.
    pub(super) missing: MissingContents,
}

/// The result of a session's downloads.
pub(super) struct Fetched {
    /// The messages that have arrived.
    pub(super) settled: Settled,
    /// The messages that have not.
    pub(super) not_received: NotReceived,
    /// The last event of the session.
    pub(super) last_event: LastEvent,
}

impl Poll<'_> {
    /// Fetches what the plan says, and reports what did not come.
    ///
    /// # Errors
    /// The session, the target or the database failed. What was delivered until then is recorded.
    pub(super) fn fetch<S: Read + Write>(
        &mut self,
        session: &mut Transaction<S>,
        requested: Requested<'_>,
        trail: &mut Trail,
    ) -> Result<Fetched, Error> {
        let Requested { listing, plan, .. } = requested;
        if plan.retrieved().next().is_some() {
            self.route.arrivals.prepare().map_err(settle::Error::from)?;
        }
        let forced = self.forced(listing, plan)?;
        let (received, mut settled) = self.receive_and_settle(session, requested, forced, trail)?;
        self.summary.add(&settled.summary);
        if settled.renamed > 0 {
            self.report_new_names(RecognisedBy::Content, &format_args!(
                "the server lists known messages under new unique-ids; recognised by their content and \
                 not delivered again: {}",
                settled.renamed
            ))?;
        }
        // If both threads failed, settling failed first: receiving only noticed that nothing was
        // taken any more.
        if let Some(failure) = settled.failure.take() {
            let failure = self.count_waiting(failure, listing, plan)?;
            return Err(failure.into());
        }
        // What the server refused is counted also if the session breaks afterwards.
        self.report_not_received(&received.not_received)?;
        self.report_unfiltered(std::mem::take(&mut settled.unfiltered))?;
        if let Err(error) = received.ended {
            return Err(self.count_broken_session(error)?);
        }
        Ok(Fetched {
            settled,
            not_received: received.not_received,
            last_event: received.last_event,
        })
    }

    /// Adds the number of messages that wait to the fault of a target.
    fn count_waiting(
        &self,
        failure: settle::Error,
        listing: &Listing,
        plan: &Plan,
    ) -> Result<settle::Error, Error> {
        let settle::Error::Faulty(fault) = failure else {
            return Ok(failure);
        };
        let mut waiting = self.ledger.custody().staged().map_err(reading)?.len();
        for pick in &plan.fetch {
            let identity = listing.message(pick.position, pick.copy).identity;
            let is_taken = self.ledger.messages().is_taken(&identity);
            waiting += usize::from(!is_taken.map_err(reading)?);
        }
        Ok(settle::Error::Faulty(TargetFault { waiting, ..fault }))
    }

    /// Returns the messages that are requested even if there seems to be no room for them.
    ///
    /// A server may report a size that is wrong (-1 as an unsigned number), which would keep its
    /// message away for good. It may also be right, so each message is forced once a day.
    fn forced(&mut self, listing: &Listing, plan: &Plan) -> Result<HashSet<Identity>, Error> {
        let waiting = self.ledger.failures().set_aside().map_err(reading)?;
        let identity = |pick: &Pick| listing.message(pick.position, pick.copy).identity;
        let mut forced = HashSet::new();
        if !waiting.is_empty() {
            let picks = plan.fetch.iter().map(identity);
            forced.extend(picks.filter(|identity| waiting.contains(identity)));
            self.ledger
                .failures()
                .postpone(&forced)
                .map_err(recording)?;
        }
        // The listed size may be the reason why the copy of such a message is in doubt.
        forced.extend(plan.verify.iter().map(identity));
        Ok(forced)
    }

    /// Brings messages from the session to their target: this thread receives them while a second
    /// one settles what has arrived.
    fn receive_and_settle<S: Read + Write>(
        &mut self,
        session: &mut Transaction<S>,
        requested: Requested<'_>,
        forced: HashSet<Identity>,
        trail: &mut Trail,
    ) -> Result<(Received, Settled), Error> {
        let sizes = self.ledger.size_checks().history().map_err(reading)?;
        let (arrivals, targets, reporter) = (self.route.arrivals, self.targets(), self.reporter);
        let claimed = requested.plan.claimed(requested.listing);
        let rules = &*self.options.rules;
        let now = self.ledger.clock().now();
        let mark = self.options.policy.rules;
        let rules =
            (!rules.is_empty()).then(|| ArrivalRules::new(rules, mark, self.choices(), now));
        let filter = self.open_filter(requested.plan)?;
        let (outlet, inlet) = batch::channel();
        let receiver = Receiver {
            listing: requested.listing,
            plan: requested.plan,
            intake: self.route.arrivals.intake(),
            forced,
            max_size: self.options.policy.max_size,
            max_total: self.options.policy.max_total,
            reporter: self.reporter,
            interrupt: self.interrupt,
            // If the target is faulty, one message is enough to find out if it is repaired.
            descriptors: match self.course.faults.is_empty() {
                true => self.options.descriptors,
                false => 0,
            },
            silence: self.options.silence,
            outlet,
            sizes,
            warned: Cell::default(),
        };
        Ok(thread::scope(|scope| {
            let ledger = &mut *self.ledger;
            let (queues, linger) = (&mut *self.course.queues, self.options.linger);
            let settling = scope.spawn(move || {
                Settler::new(ledger, arrivals, &targets, reporter)
                    .delivering_by(queues, linger)
                    .recognising(requested.missing)
                    .claiming(claimed)
                    .ruled_by(rules)
                    .filtered_by(filter)
                    .run(inlet)
            });
            let received = receiver.run(session, trail);
            let settled = settling
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (received, settled)
        }))
    }

    fn report_not_received(&mut self, not_received: &NotReceived) -> Result<(), Error> {
        let failures = self.ledger.failures();
        let too_large = &not_received.too_large;
        failures.note_sizes(too_large).map_err(recording)?;
        let no_room = not_received.no_room.iter().map(|(message, _)| message);
        failures.note_no_room(no_room).map_err(recording)?;
        self.report_too_large(too_large)?;
        for (message, why) in &not_received.no_room {
            self.summary.failed += 1;
            let what = format!(
                "retrieving message {}: {why}; it stays on the server, and the next run tries it \
                 again",
                message.identity.unique_id
            );
            let failure = Failure {
                hint: why.hint(),
                ..Failure::new(what, why.exit())
            };
            self.summary.report_one_of_many(self.reporter, &failure);
        }
        self.report_not_sent(not_received)?;
        self.summary.postponed += not_received.over_total;
        let not_requested = not_received.not_requested;
        if not_requested > 0 && !self.interrupt.is_ending() {
            self.summary.postponed += not_requested;
            let what = format!(
                "retrieving messages: the session has lasted {} hours; messages that wait for the \
                 next run: {not_requested}",
                limits::REQUEST_TIME.as_secs() / 3600,
            );
            self.report_problem(&Failure::new(what, Exit::Temporary));
        }
        Ok(())
    }

    /// Counts and reports what the server did not send.
    fn report_not_sent(&mut self, not_received: &NotReceived) -> Result<(), Error> {
        let (outlived, fresh) = not_received.not_sent.split_at(not_received.outlived);
        self.count_not_sent(outlived, Successes::OfOthers)?;
        if not_received.has_success {
            let causes = self.ledger.causes();
            causes.succeed(FailedStep::Retrieval).map_err(recording)?;
        }
        let common = self.count_not_sent(fresh, Successes::None)?;
        self.summary.postponed += not_received.spared;
        let Some(reply) = common else {
            return Ok(());
        };
        let what = format!(
            "retrieving messages: {} to one RETR after the other; messages that wait for the next \
             run: {}",
            reply.common_words(),
            fresh.len() + not_received.spared
        );
        self.report_problem(&Failure::new(what, Exit::Temporary));
        Ok(())
    }

    /// Counts messages that the server did not send, and reports those that are at fault themselves. If
    /// the server is at fault, returns its reply.
    fn count_not_sent<'r>(
        &mut self,
        not_sent: &'r [(Message, NotSent)],
        evidence: Successes,
    ) -> Result<Option<&'r NotSent>, Error> {
        let is_transient = |(_, reply): &&(Message, NotSent)| reply.is_transient();
        let (transient, lasting): (Vec<_>, Vec<_>) = not_sent.iter().partition(is_transient);
        let failed: Vec<_> = lasting
            .iter()
            .map(|(message, reply)| FailedMessage {
                identity: message.identity.clone(),
                size: message.size,
                reason: reply.kind(&message.identity.unique_id),
            })
            .collect();
        let causes = self.ledger.causes();
        let causes = causes
            .count(FailedStep::Retrieval, &failed, evidence)
            .map_err(recording)?;
        // A temporary refusal is not the message's fault, and is not counted.
        let once = match transient.len() >= ALIKE && evidence == Successes::None {
            true => Cause::Common,
            false => Cause::Message(1),
        };
        let of_transient = transient.iter().map(|message| (*message, once));
        let all = lasting.iter().copied().zip(causes);
        let mut common = None;
        for ((message, reply), cause) in all.chain(of_transient) {
            self.summary.failed += 1;
            self.course.failed.insert(message.identity.clone());
            let Cause::Message(failures) = cause else {
                common = Some(reply);
                continue;
            };
            let what = format!(
                "retrieving message {} ({}): {reply}",
                message.number, message.identity.unique_id
            );
            let failure = Failure {
                hint: reply.hint().map(str::to_owned),
                ..Failure::new(what, Exit::Temporary)
            };
            self.report_failed_message(failure, failures);
        }
        Ok(common)
    }

    pub(super) fn report_failed_message(&mut self, failure: Failure, failures: u32) {
        self.summary
            .report_message_failure(self.reporter, failure, failures);
    }

    /// Counts a broken session against the message that broke it, if that is known: it must not keep
    /// the others away for good.
    fn count_broken_session(&mut self, error: receive::Error) -> Result<Error, Error> {
        let receive::Error::Pop3 {
            source,
            awaited: Some(at),
        } = &error
        else {
            return Ok(error.into());
        };
        let broken = BrokenSession {
            manner: Manner::of(source),
            awaited: at.awaited,
            before: at.before,
            was_pipelined: self.course.log.was_used(),
            has_more: at.has_more,
        };
        let judgement = broken.judge();
        self.course.outlook = judgement.outlook;
        match judgement.message {
            Guilt::Innocent => {}
            Guilt::Suspect => {
                let failures = self.ledger.failures();
                failures.suspect(&at.message).map_err(recording)?;
            }
            Guilt::Guilty => {
                let what = format!(
                    "retrieving message {}: {source}",
                    at.message.identity.unique_id
                );
                let failure = Failure::new(what, Exit::Temporary);
                let failed = FailedMessage {
                    identity: at.message.identity.clone(),
                    size: at.message.size,
                    reason: broken.manner.reason().to_owned(),
                };
                if self.count_guilty(FailedStep::Retrieval, failed, failure)? {
                    return Ok(Error::SetAside(Box::new(error.into())));
                }
            }
        }
        Ok(error.into())
    }

    /// Counts a broken session against a message. Returns true if the message is set aside: then
    /// nothing more is to be reported.
    pub(super) fn count_guilty(
        &mut self,
        step: FailedStep,
        failed: FailedMessage,
        failure: Failure,
    ) -> Result<bool, Error> {
        self.course.failed.insert(failed.identity.clone());
        let causes = self.ledger.causes();
        let causes = causes
            .count(step, &[failed], Successes::None)
            .map_err(recording)?;
        Ok(match causes[..] {
            [Cause::Message(count)] if count >= MAX_FAILURES => {
                self.report_failed_message(failure, count);
                true
            }
            _ => false,
        })
    }
}
