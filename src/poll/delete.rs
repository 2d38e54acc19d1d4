//! Deletes messages that are due from the server, and ends the session (custody step 7). Fetches nothing.

use std::collections::HashSet;
use std::io::{Read, Write};

use super::Poll;
use super::error::{Error, reading, recording, while_doing};
use crate::exit::{Exit, Failure};
use crate::mail::custody::Recorded;
use crate::mail::known::State;
use crate::mail::maildrop::{Identity, Listing, MessageNumber};
use crate::mail::policy::Keep;
use crate::poll::plan::{Pick, Plan};
use crate::poll::settle::Settled;
use crate::pop3::{QuitReply, Transaction};
use crate::report::Event;
use crate::seen::Compared;

impl Poll<'_> {
    /// Returns what may be deleted now: messages that are delivered and recorded, and whose time on
    /// the server is over.
    pub(super) fn due(
        &mut self,
        listing: &Listing,
        plan: &Plan,
        settled: Settled,
    ) -> Result<Vec<Recorded>, Error> {
        let named = |pick: &Pick| {
            let message = listing.message(pick.position, pick.copy);
            (message.number, message.identity)
        };
        let mut candidates: Vec<(MessageNumber, Identity)> =
            plan.delete.iter().map(named).collect();
        let holds = self.summary.holds_deletions;
        if self.options.policy.keep == Keep::Never {
            candidates.extend(plan.fetch.iter().map(named));
            let compared = plan.verify.iter().filter(|_| !holds);
            candidates.extend(compared.map(named));
            candidates.extend(settled.named);
            let new = settled.comparisons.into_iter();
            candidates.extend(new.filter_map(|comparison| match comparison.result {
                Compared::New(identity) => Some((comparison.number, identity)),
                Compared::Same { .. } | Compared::ChangesEachTime => None,
            }));
        }
        let (keep, now) = (self.options.policy.keep, self.ledger.clock().now());
        let mut back = Vec::new();
        for (number, found) in settled.proven {
            match found.state {
                State::Gone => back.push((number, found.identity)),
                // The listed message turned out to be another known one, which is younger.
                State::Delivered(delivered) if holds || !keep.is_over(delivered, now) => {}
                _ => candidates.push((number, found.identity)),
            }
        }
        let back = self.take_back(back)?;
        if !holds {
            candidates.extend(back);
        }
        // The plan only says what was wanted. The database says what was really delivered.
        let mut due = self
            .ledger
            .deletions()
            .confirm_delivered(candidates.into_iter())
            .map_err(reading)?;
        // A message of the plan may also have been recognised under a new unique-id.
        let mut numbers = HashSet::new();
        due.retain(|recorded| numbers.insert(recorded.number()));
        Ok(due)
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
    /// deleted (RFC 1939, section 6).
    ///
    /// # Errors
    /// The session failed or the database did. Without a reply to QUIT the messages stay DELIVERED, and
    /// the next listing shows whether they are gone.
    pub(super) fn delete_and_quit<S: Read + Write>(
        &mut self,
        mut session: Transaction<S>,
        due: &[Recorded],
    ) -> Result<(), Error> {
        let mut marked = Vec::with_capacity(due.len());
        let mut refused = Vec::new();
        session
            .delete(due, |recorded, answer| match answer {
                Ok(()) => marked.push(recorded),
                Err(refusal) => refused.push((recorded, refusal.text)),
            })
            .map_err(while_doing("deleting"))?;
        for (recorded, why) in refused {
            let what = format!(
                "deleting message {}: the server said \"{why}\"; the next run tries it again",
                recorded.identity().unique_id
            );
            self.report_problem(&Failure::new(what, Exit::Temporary));
        }
        self.ledger
            .deletions()
            .note_quit(&marked)
            .map_err(recording)?;
        match session.quit() {
            QuitReply::Committed => {
                self.ledger
                    .deletions()
                    .mark_gone(&marked)
                    .map_err(recording)?;
                for recorded in &marked {
                    let unique_id = &recorded.identity().unique_id;
                    self.reporter.report(Event::Deleted(unique_id));
                }
                self.summary.deleted += marked.len();
                self.summary.kept = self.summary.kept.saturating_sub(marked.len());
                Ok(())
            }
            // Nothing depended on the reply.
            QuitReply::Unknown(source) if marked.is_empty() && !source.is_out_of_step() => Ok(()),
            QuitReply::Unknown(source) => Err(Error::Unconfirmed(source)),
        }
    }
}
