//! Messages that are listed again after the server has confirmed their deletion.
//!
//! Without unique-ids, or if the server gives its messages new ones in each session, only their content shows
//! that they are the same. If a session finds the content of a deleted message again, the server has kept
//! that message: it is deleted once more, and never delivered again. But once a session has retrieved
//! everything and not found the content, the same content is new mail.

use std::collections::HashSet;

use super::Poll;
use super::error::{Error, reading, recording};
use crate::exit::{Exit, Failure};
use crate::mail::known::State;
use crate::mail::maildrop::{Identity, Listing, MessageNumber, UniqueId};
use crate::mail::policy::Policy;
use crate::poll::not_received::NotReceived;
use crate::poll::plan::Plan;
use crate::poll::settle::Settled;
use crate::report::Event;

/// The notice that the server keeps its mail.
const KEEPS_MAIL: &str = "keeps-mail";

impl Poll<'_> {
    /// Returns the policy for a session. Where the server keeps all mail, limits on a run would always
    /// be used up by the same old messages, and new ones would never be reached.
    pub(super) fn session_policy(&self) -> Result<Policy, Error> {
        let mut policy = self.options.policy.clone();
        if policy.is_bounded() && self.ledger.notices().is_said(KEEPS_MAIL).map_err(reading)? {
            policy.max_messages = None;
            policy.max_total = None;
        }
        Ok(policy)
    }

    /// Returns messages that were deleted before, are listed again, and are due once more: the server was
    /// restored from a backup, or it never really deletes.
    pub(super) fn take_back(
        &mut self,
        back: Vec<(MessageNumber, Identity)>,
    ) -> Result<Vec<(MessageNumber, Identity)>, Error> {
        let Some((_, first)) = back.first() else {
            return Ok(Vec::new());
        };
        // In these cases mailpull reports instead that the server keeps all mail.
        let is_said = UniqueId::is_made_up(first.unique_id.as_octets())
            || self.ledger.notices().is_said(KEEPS_MAIL).map_err(reading)?;
        let taken = self.ledger.deletions().take_back(back).map_err(recording)?;
        if !taken.delivered.is_empty() && !is_said {
            self.reporter.report(Event::Warning(&format_args!(
                "messages that the server lists again, although it has confirmed their deletion: {}; they \
                 were delivered before, and are not delivered again",
                taken.delivered.len()
            )));
        }
        if taken.forbidden > 0 && !is_said {
            self.reporter.report(Event::Warning(&format_args!(
                "messages that the server lists again, although it has confirmed their deletion \
                 twice: {}; they stay there, until mailpull fetch --delete is run in a day or later",
                taken.forbidden
            )));
        }
        let (keep, now) = (self.options.policy.keep, self.ledger.clock().now());
        let due = taken.delivered.into_iter();
        let due = due.filter(|(_, _, delivered)| keep.is_over(*delivered, now));
        Ok(due
            .map(|(number, identity, _)| (number, identity))
            .collect())
    }

    /// Decides which earlier deletions the server has carried out. Only a session that retrieved all unknown
    /// messages shows that. Without unique-ids every message is unknown at first.
    pub(super) fn judge_deletions(
        &mut self,
        listing: &Listing,
        plan: &Plan,
        settled: &Settled,
        not_received: &NotReceived,
    ) -> Result<(), Error> {
        let has_names = !listing.names_are_made_up();
        let has_seen_all = match has_names {
            true => plan.sees_all() && self.course.failed.is_empty(),
            false => plan.is_of_all(),
        };
        let has_seen_all = has_seen_all
            && listing.nameless().is_empty()
            && listing.left_out().is_empty()
            && not_received.is_empty()
            // A part of a message is not equal to it, so it may have hidden what the server has kept.
            && !settled.has_misfits;
        let found: HashSet<&Identity> = settled
            .proven
            .iter()
            .filter(|(_, found)| found.state == State::Gone)
            .map(|(_, found)| &found.identity)
            .collect();
        let deletions = self.ledger.unproven_deletions();
        let proven = match (has_seen_all, has_names) {
            (false, _) => 0,
            (true, true) => {
                let is_listed =
                    |unique_id: &UniqueId| !listing.under(unique_id.as_octets()).is_empty();
                deletions
                    .prove_all_but(&found, is_listed)
                    .map_err(recording)?
            }
            (true, false) => deletions.prove_unnamed_but(&found).map_err(recording)?,
        };
        let kept = match has_names {
            // A message that is listed again under its own unique-id is reported elsewhere.
            true => settled.kept,
            false => found.len(),
        };
        if kept > 0 {
            return self.report_kept_mail(kept, has_names);
        }
        if proven > 0 {
            self.ledger
                .notices()
                .forget(KEEPS_MAIL)
                .map_err(recording)?;
        }
        Ok(())
    }

    /// Reports that the server keeps what it was asked to delete: in words the first time, and by the
    /// status in each run.
    fn report_kept_mail(&mut self, kept: usize, has_names: bool) -> Result<(), Error> {
        let what = format!(
            "the server confirms that it deletes messages, and lists them again: {kept}; they were \
             delivered before, and are not delivered again"
        );
        let why = match has_names {
            true => "The server gives them new unique-ids each time",
            false => "The server has no unique-ids",
        };
        let failure = Failure::new(what, Exit::Unavailable).with_hint(format!(
            "{why}, so each run downloads them again to recognise them. Delete them with another \
             program, for example by webmail, or set enabled = false"
        ));
        if self.ledger.notices().first(KEEPS_MAIL).map_err(recording)? {
            self.report_problem(&failure);
        } else {
            self.summary.exit = self.summary.exit.max(failure.exit);
            self.reporter.report(Event::TransientProblem(&failure));
        }
        Ok(())
    }
}
