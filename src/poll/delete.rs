//! What is deleted, and how a session ends.
//! Fetches nothing.

use std::io::{Read, Write};

use super::Poll;
use super::error::{Error, reading, recording, while_doing};
use crate::exit::{Exit, Failure};
use crate::mail::custody::Recorded;
use crate::mail::known::State;
use crate::mail::maildrop::{Identity, Listing, MessageNumber};
use crate::mail::policy::Keep;
use crate::moment::Moment;
use crate::poll::plan::{Pick, Plan};
use crate::poll::settle::Settled;
use crate::pop3::{QuitReply, Transaction};
use crate::report::{Event, Summary};

impl Poll<'_> {
    /// What may be deleted now: delivered, recorded, and its time on the server over.
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
        let mut due: Vec<(MessageNumber, Identity)> = plan.delete.iter().map(named).collect();
        if self.options.policy.keep == Keep::Never {
            due.extend(plan.fetch.iter().map(named));
            due.extend(settled.named);
        }
        let (keep, now) = (self.options.policy.keep, Moment::now());
        for (number, found) in settled.proven {
            match found.state {
                // It was deleted before and is listed again, unchanged.
                State::Gone => {
                    let back = self.ledger.take_back(&found.identity).map_err(recording)?;
                    if back.is_some_and(|delivered| keep.is_over(delivered, now)) {
                        due.push((number, found.identity));
                    }
                }
                // Another one than it was taken for may be younger.
                State::Delivered(delivered) if !keep.is_over(delivered, now) => {}
                _ => due.push((number, found.identity)),
            }
        }
        self.ledger
            .confirm_delivered(due.into_iter())
            .map_err(reading)
    }

    /// Ends a session in which there was nothing to do.
    pub(super) fn leave<S: Read + Write>(&self, session: Transaction<S>) -> Result<(), Error> {
        match session.leave() {
            Err(error) if error.is_out_of_step() => Err(while_doing("ending the session")(error)),
            // A server that is gone has ended the session itself.
            _ => Ok(()),
        }
    }

    /// Marks messages deleted and ends the session; only its answer to QUIT says that they are.
    pub(super) fn delete_and_quit<S: Read + Write>(
        &mut self,
        mut session: Transaction<S>,
        due: &[Recorded],
        summary: &mut Summary,
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
            summary.tell_problem(
                self.reporter,
                &Failure::new(
                    format_args!(
                        "deleting message {}: the server said \"{why}\"; the next run tries it again",
                        recorded.identity().unique_id
                    ),
                    Exit::Temporary,
                ),
            );
        }
        match session.quit() {
            QuitReply::Committed => {
                self.ledger.mark_gone(&marked).map_err(recording)?;
                for recorded in &marked {
                    let unique_id = &recorded.identity().unique_id;
                    self.reporter.tell(Event::Deleted(unique_id));
                }
                summary.deleted += marked.len();
                summary.kept = summary.kept.saturating_sub(marked.len());
                Ok(())
            }
            QuitReply::Unknown(source) if marked.is_empty() && !source.is_out_of_step() => Ok(()),
            QuitReply::Unknown(source) => Err(Error::Unconfirmed(source)),
        }
    }
}
