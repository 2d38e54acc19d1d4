//! Fetches what the plan says, and reports what is not fetched and why.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::{Read, Write};
use std::thread;

use super::error::{Error, reading, recording};
use super::{Poll, batch};
use crate::exit::{Exit, Failure};
use crate::limits;
use crate::mail::known::MAX_FAILURES;
use crate::mail::maildrop::{Identity, Listing, Message};
use crate::poll::plan::Plan;
use crate::poll::receive::{self, NotReceived, Receiver};
use crate::poll::settle::{self, Settled, Settler};
use crate::poll::step::Trail;
use crate::pop3::{self, Transaction};
use crate::report::{Event, Octets};
use crate::seen::MissingContents;

/// The messages that a session fetches, and what is needed for that.
struct Requested<'a> {
    listing: &'a Listing,
    plan: &'a Plan,
    /// Messages that are requested even if there is no room.
    forced: HashSet<Identity>,
    /// The contents of known messages that are missing from the listing.
    missing: MissingContents,
}

impl Poll<'_> {
    /// Reports the messages that stay on the server, and how much is going to be fetched.
    pub(super) fn report_plan(&mut self, listing: &Listing, plan: &Plan) -> Result<(), Error> {
        for number in listing.nameless() {
            let what = format!("message {number} has no unique-id; it stays on the server");
            self.report_problem(&Failure::new(what, Exit::Protocol));
        }
        for pick in &plan.too_large {
            self.report_too_large(&listing.message(pick.position, pick.copy))?;
        }
        self.summary.kept = listing.len() + listing.nameless().len();
        self.summary.postponed = plan.postponed;
        self.reporter.report(Event::FetchStarted {
            messages: plan.retrieved().count(),
            octets: plan.sizes(listing).sum(),
        });
        Ok(())
    }

    /// Reports once that a message is larger than the limit and stays on the server.
    fn report_too_large(&mut self, message: &Message) -> Result<(), Error> {
        if self
            .ledger
            .messages()
            .notice(&message.identity)
            .map_err(recording)?
        {
            let size = message
                .size
                .map_or_else(String::new, |size| format!(" ({})", Octets(size)));
            self.reporter.report(Event::Warning(&format_args!(
                "message {}{size} is larger than max-size; it stays on the server",
                message.identity.unique_id
            )));
        }
        Ok(())
    }

    /// Fetches what the plan says, and reports what did not come.
    ///
    /// # Errors
    /// The session, the target or the database failed. What was delivered until then is recorded.
    pub(super) fn fetch<S: Read + Write>(
        &mut self,
        session: &mut Transaction<S>,
        listing: &Listing,
        plan: &Plan,
        missing: MissingContents,
        trail: &mut Trail,
    ) -> Result<(Settled, NotReceived), Error> {
        if plan.retrieved().next().is_some() {
            self.target.prepare().map_err(settle::Error::from)?;
        }
        let requested = Requested {
            listing,
            plan,
            forced: self.forced(listing, plan)?,
            missing,
        };
        let (received, mut settled) = self.receive_and_settle(session, requested, trail);
        self.summary.add(&settled.summary);
        // If both threads failed, settling failed first: receiving only noticed that nothing was
        // taken any more.
        if let Some(failure) = settled.failure.take() {
            return Err(failure.into());
        }
        let not_received = match received {
            Ok(not_received) => not_received,
            Err(error) => return Err(self.count_against_awaited(error)?),
        };
        self.report_not_received(&not_received)?;
        self.note_comparisons(&settled)?;
        Ok((settled, not_received))
    }

    /// Returns the messages that are requested although there seems to be no room for them.
    ///
    /// A server may report a size that is wrong (-1 as an unsigned number), which would keep its
    /// message away for good. It may also be right, so each message is forced once a day.
    fn forced(&mut self, listing: &Listing, plan: &Plan) -> Result<HashSet<Identity>, Error> {
        let waiting = self.ledger.failures().set_aside().map_err(reading)?;
        if waiting.is_empty() {
            return Ok(waiting);
        }
        let forced = plan
            .fetch
            .iter()
            .map(|pick| listing.message(pick.position, pick.copy).identity)
            .filter(|identity| waiting.contains(identity))
            .collect();
        self.ledger
            .failures()
            .postpone(&forced)
            .map_err(recording)?;
        Ok(forced)
    }

    /// Brings messages from the session to their target: this thread receives them while a second
    /// one settles what has arrived.
    fn receive_and_settle<S: Read + Write>(
        &mut self,
        session: &mut Transaction<S>,
        requested: Requested<'_>,
        trail: &mut Trail,
    ) -> (Result<NotReceived, receive::Error>, Settled) {
        let settler = Settler::new(self.ledger, self.target, self.reporter)
            .recognising(requested.missing)
            .claiming(requested.plan.claimed(requested.listing));
        let (outlet, inlet) = batch::channel();
        let receiver = Receiver {
            listing: requested.listing,
            plan: requested.plan,
            intake: self.target.intake(),
            forced: requested.forced,
            max_size: self.options.policy.max_size,
            reporter: self.reporter,
            interrupt: self.interrupt,
            descriptors: self.options.descriptors,
            silence: self.options.silence,
            outlet,
            warned: Cell::default(),
        };
        thread::scope(|scope| {
            let settling = scope.spawn(move || settler.run(inlet));
            let received = receiver.run(session, trail);
            let settled = settling
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (received, settled)
        })
    }

    fn report_not_received(&mut self, not_received: &NotReceived) -> Result<(), Error> {
        for message in &not_received.too_large {
            self.ledger
                .failures()
                .note_size(message)
                .map_err(recording)?;
            self.report_too_large(message)?;
        }
        for (message, why) in &not_received.no_room {
            self.summary.failed += 1;
            self.ledger
                .failures()
                .note_no_room(message)
                .map_err(recording)?;
            let what = format!(
                "retrieving message {}: {why}; it stays on the server, and the next run tries it \
                 again",
                message.identity.unique_id
            );
            self.report_problem(&Failure {
                hint: why.hint(),
                ..Failure::new(what, why.exit())
            });
        }
        self.report_empty(&not_received.empty)?;
        for (message, refusal) in &not_received.refused {
            self.summary.failed += 1;
            let failures = if refusal.is_transient() {
                // Not the message's fault: it must not be set aside for it.
                1
            } else {
                self.ledger.failures().note(message).map_err(recording)?
            };
            let what = format!(
                "retrieving message {} ({}): the server said \"{}\"",
                message.number, message.identity.unique_id, refusal.text
            );
            self.report_failed_message(Failure::new(what, Exit::Temporary), failures);
        }
        let not_requested = not_received.not_requested;
        if not_requested > 0 && self.interrupt.signal().is_none() {
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

    pub(super) fn report_failed_message(&mut self, failure: Failure, failures: u32) {
        self.summary
            .report_message_failure(self.reporter, failure, failures);
    }

    /// Counts a broken session against the message that was awaited: if the same message breaks
    /// every session, it must not keep the others away for good.
    fn count_against_awaited(&mut self, error: receive::Error) -> Result<Error, Error> {
        let is_out_of_step = error.cause().is_some_and(pop3::Error::is_out_of_step);
        // Then the message before the awaited one may be the cause.
        let may_be_another = is_out_of_step && self.summary.delivered > 0;
        if let receive::Error::Pop3 {
            awaited: Some(message),
            ..
        } = &error
            && !may_be_another
        {
            let failures = self.ledger.failures().note(message).map_err(recording)?;
            if failures >= MAX_FAILURES {
                let what = format!("retrieving message {}", message.identity.unique_id);
                self.report_failed_message(Failure::new(what, Exit::SetAside), failures);
            }
        }
        Ok(error.into())
    }
}
