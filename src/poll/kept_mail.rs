//! Messages that are listed again after the server has confirmed their deletion.
//!
//! Without unique-ids only their content shows that they are the same. If a session finds the content of a message again
//! that was deleted, and no session in between was without it, the server has kept the message. It is
//! deleted once more, and never delivered again. Once a session has retrieved everything and was without
//! it, the same content is new mail.

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
        // Without unique-ids it is said that the server keeps all mail.
        let is_said = UniqueId::is_made_up(first.unique_id.as_octets());
        let taken = self.ledger.deletions().take_back(back).map_err(recording)?;
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

    /// Draws conclusions from a session in which messages without unique-ids were retrieved: which of
    /// the earlier deletions the server has carried out.
    pub(super) fn judge_deletions(
        &mut self,
        listing: &Listing,
        plan: &Plan,
        settled: &Settled,
        not_received: &NotReceived,
    ) -> Result<(), Error> {
        if !listing.names_are_made_up() {
            return Ok(());
        }
        let is_of_all =
            plan.is_of_all() && listing.nameless().is_empty() && not_received.is_empty();
        let kept: HashSet<&Identity> = settled
            .proven
            .iter()
            .filter(|(_, found)| found.state == State::Gone)
            .map(|(_, found)| &found.identity)
            .collect();
        let proven = if is_of_all {
            let deletions = self.ledger.unproven_deletions();
            deletions.prove_all_but(&kept).map_err(recording)?
        } else {
            0
        };
        if !kept.is_empty() {
            return self.report_kept_mail(kept.len());
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
    fn report_kept_mail(&mut self, kept: usize) -> Result<(), Error> {
        let what = format!(
            "the server confirms that it deletes messages, and lists them again: {kept}; they were \
             delivered before, and are not delivered again"
        );
        let failure = Failure::new(what, Exit::Unavailable).with_hint(
            "The server has no unique-ids, so each run downloads them again to recognise them. \
             Delete them with another program, for example by webmail, or set enabled = false",
        );
        if self.ledger.notices().first(KEEPS_MAIL).map_err(recording)? {
            self.report_problem(&failure);
        } else {
            self.summary.exit = self.summary.exit.max(failure.exit);
            self.reporter.report(Event::TransientProblem(&failure));
        }
        Ok(())
    }
}
