//! Puts in doubt what a session delivered, if the session does not prove that it was in step, and ends
//! the doubt once everything was compared.

use std::collections::{HashMap, HashSet};

use super::Poll;
use super::error::{Error, reading, recording};
use super::not_received::NotReceived;
use super::settle::Settled;
use super::step::{Doubtful, SessionEnd, Trail};
use crate::exit::{Exit, Failure};
use crate::mail::known::{Deviation, ShortAgain};
use crate::mail::maildrop::{Identity, Listing, Message, MessageNumber};
use crate::mail::suspicion::Suspicion;
use crate::poll::plan::{Pick, Plan};
use crate::report::Event;
use crate::seen::{DeliveryMark, Ledger, Match};

/// The subject of the warning that a server lists wrong sizes.
const SHORT_SIZES: &str = "whole messages are shorter than listed";

/// The evidence for or against a session.
#[derive(Debug)]
pub(super) struct Evidence {
    /// The messages that came.
    pub(super) trail: Trail,
    /// The last delivery before it.
    mark: DeliveryMark,
    /// The messages that were in doubt before it, with the reason.
    suspects: HashMap<Identity, Suspicion>,
}

impl Evidence {
    /// Begins to collect, before anything is fetched.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(super) fn begin(ledger: &Ledger) -> Result<Self, Error> {
        let suspicions = ledger.suspicions();
        let suspects = suspicions.all().map_err(reading)?.into_iter();
        let suspects = suspects.map(|suspect| (suspect.identity, suspect.suspicion));
        Ok(Self {
            trail: Trail::default(),
            mark: suspicions.mark().map_err(reading)?,
            suspects: suspects.collect(),
        })
    }
}

impl Poll<'_> {
    /// Trusts what a session has delivered, once all its replies have come.
    ///
    /// # Errors
    /// The sizes prove that replies were lost, or the database failed.
    pub(super) fn trust_session(
        &mut self,
        evidence: &Evidence,
        listing: &Listing,
        plan: &Plan,
        settled: &Settled,
    ) -> Result<(), Error> {
        if evidence.trail.doubtful(SessionEnd::Well) != Doubtful::Nothing {
            return Err(Error::Shifted);
        }
        self.explain_known(evidence, settled)?;
        self.trust_misfits(evidence, listing, plan)
    }

    /// Ends the doubt whether known messages were the neighbours of those that were asked for. Without its size,
    /// each may still be another message that the server sent instead.
    fn explain_known(&self, evidence: &Evidence, settled: &Settled) -> Result<(), Error> {
        if !evidence.trail.has_misfits() || settled.proven.is_empty() {
            return Ok(());
        }
        let sizes = self.ledger.size_checks().history().map_err(reading)?;
        let of_size = match sizes.excuses(Deviation::Longer) {
            true => Suspicion::None,
            false => Suspicion::Short,
        };
        let known = settled.proven.iter().map(|(number, known)| {
            let suspicion = match evidence.trail.incomplete().contains(number) {
                true => Suspicion::Incomplete,
                false => of_size,
            };
            (&known.identity, suspicion)
        });
        let suspicions = self.ledger.suspicions();
        suspicions.explain_known(known).map_err(recording)
    }

    /// Returns true if less than half of a message came that we do not have twice with the same octets.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(super) fn lacks_incomplete(
        &self,
        evidence: &Evidence,
        settled: &Settled,
    ) -> Result<bool, Error> {
        let incomplete = evidence.trail.incomplete();
        if incomplete.is_empty() {
            return Ok(false);
        }
        let suspects = self.ledger.suspicions().all().map_err(reading)?;
        let is_trusted = |known: &Match| {
            let mut suspects = suspects.iter();
            suspects.all(|suspect| suspect.identity != known.identity)
        };
        let trusted = settled.proven.iter().filter(|(_, known)| is_trusted(known));
        let trusted: HashSet<_> = trusted.map(|(number, _)| *number).collect();
        Ok(incomplete.iter().any(|number| !trusted.contains(number)))
    }

    /// Trusts messages that were in doubt only as long as their session might have lost a reply. Those that
    /// are shorter or much longer than listed stay in doubt.
    fn trust_misfits(
        &self,
        evidence: &Evidence,
        listing: &Listing,
        plan: &Plan,
    ) -> Result<(), Error> {
        if evidence.trail.has_right_sizes() {
            let checks = self.ledger.size_checks();
            return checks.note_right_sizes().map_err(recording);
        }
        if !evidence.trail.has_misfits() && evidence.trail.short().is_empty() {
            return Ok(());
        }
        let suspicions = self.ledger.suspicions();
        // This comes first: a kill in between must leave no message without a doubt.
        for (numbers, suspicion) in [
            (evidence.trail.short(), Suspicion::Short),
            (evidence.trail.incomplete(), Suspicion::Incomplete),
        ] {
            let messages = messages(numbers, listing, plan.retrieved());
            suspicions
                .explain(&messages, evidence.mark, suspicion)
                .map_err(recording)?;
        }
        suspicions.trust_all(evidence.mark).map_err(recording)?;
        if evidence.trail.short().is_empty() {
            return Ok(());
        }
        let Some((first, count)) = suspicions.short(evidence.mark).map_err(reading)? else {
            return Ok(());
        };
        let more = match count {
            1 => String::new(),
            count => format!(" (the first of {count})"),
        };
        self.reporter.report(Event::Warning(&format_args!(
            "message {}{more} does not have the size that the server lists, and may be incomplete or another \
             message: it is delivered, stays on the server, and a later run compares it with a second \
             download",
            first.unique_id
        )));
        Ok(())
    }

    /// Puts what a session has delivered in doubt, as far as its end does not prove it. Returns the error
    /// that the run ends with.
    ///
    /// # Errors
    /// The database failed.
    pub(super) fn suspect_session(
        &mut self,
        error: Error,
        evidence: &Evidence,
        listing: &Listing,
        plan: &Plan,
    ) -> Result<Error, Error> {
        if error.is_of_database() {
            return Ok(error);
        }
        let end = if error.is_out_of_step() {
            SessionEnd::OutOfStep
        } else {
            SessionEnd::Early
        };
        let unproven = match evidence.trail.doubtful(end) {
            Doubtful::Nothing => {
                self.trust_misfits(evidence, listing, plan)?;
                return Ok(error);
            }
            Doubtful::Everything => None,
            // The names of this session mean nothing to the database.
            Doubtful::These(_) if listing.names_are_made_up() => None,
            Doubtful::These(numbers) => Some(numbers),
        };
        let count = match unproven {
            None => {
                let suspicions = self.ledger.suspicions();
                suspicions.suspect_all(evidence.mark).map_err(recording)?
            }
            Some(numbers) if end == SessionEnd::OutOfStep => {
                self.suspect_last(&numbers, evidence, listing, plan)?
            }
            Some(numbers) => {
                let messages = messages(&numbers, listing, plan.retrieved());
                let suspicions = self.ledger.suspicions();
                suspicions
                    .suspect(&messages, evidence.mark, Suspicion::OutOfStep)
                    .map_err(recording)?
            }
        };
        if count > 0 && (end == SessionEnd::OutOfStep || evidence.trail.is_shifted()) {
            let what = format!(
                "the replies of the server do not belong to the commands: what this session delivered \
                 (messages: {count}) may be incomplete or have the wrong unique-id; it stays on the \
                 server until the next run has compared it"
            );
            self.report_problem(&Failure::new(what, Exit::Protocol));
        }
        if end == SessionEnd::Early && evidence.trail.is_shifted() {
            self.ledger.runs().note_lost_step().map_err(recording)?;
            return Ok(Error::LostStep(Box::new(error)));
        }
        Ok(error)
    }

    /// Puts the last messages of a session without pipelining in doubt: octets came after the end of one. If it
    /// was in doubt before, and this happens in two comparisons in a row, another download would not help.
    fn suspect_last(
        &mut self,
        numbers: &[MessageNumber],
        evidence: &Evidence,
        listing: &Listing,
        plan: &Plan,
    ) -> Result<usize, Error> {
        let compared = plan.verify.iter().chain(&plan.compare);
        let compared = messages(numbers, listing, compared);
        let mut suspects = 0;
        for message in &compared {
            let suspicions = self.ledger.suspicions();
            let before = evidence.suspects.get(&message.identity);
            let before = before.copied().unwrap_or_default();
            let suspicion = before.after_another_fault();
            suspicions
                .set(&message.identity, suspicion)
                .map_err(recording)?;
            if suspicion != Suspicion::Unsettled {
                suspects += 1;
                continue;
            }
            let what = format!(
                "message {}: the server sends more after its end each time, so our copy may be \
                 incomplete; the message stays on the server",
                message.identity.unique_id
            );
            self.report_problem(&Failure::new(what, Exit::Protocol));
        }
        let mut messages = messages(numbers, listing, plan.retrieved());
        messages.retain(|message| !compared.contains(message));
        suspects += self
            .ledger
            .suspicions()
            .suspect(&messages, evidence.mark, Suspicion::Incomplete)
            .map_err(recording)?;
        Ok(suspects)
    }

    /// Reports what a comparison has shown, and ends it once nothing that is listed is left.
    ///
    /// # Errors
    /// The database failed.
    pub(super) fn end_comparison(
        &mut self,
        plan: &Plan,
        settled: &Settled,
        not_received: &NotReceived,
    ) -> Result<(), Error> {
        if settled.misnamed > 0 {
            self.ledger.runs().note_lost_step().map_err(recording)?;
            self.reporter.report(Event::Warning(&format_args!(
                "a session before was out of step; messages that it had delivered under the unique-id of \
                 another, and that are known by their own now: {}",
                settled.misnamed
            )));
        }
        if settled.short_again != ShortAgain::default() {
            self.note_short_again(settled.short_again)?;
        }
        let is_complete = plan.unverified == 0 && plan.postponed == 0 && not_received.is_empty();
        if settled.had_suspects && is_complete {
            self.ledger.suspicions().end_search().map_err(recording)?;
        }
        Ok(())
    }

    /// Records what second downloads have shown about the sizes that the server lists, and reports once if
    /// they are wrong.
    fn note_short_again(&self, again: ShortAgain) -> Result<(), Error> {
        let checks = self.ledger.size_checks();
        let history = checks.note_short_again(again).map_err(recording)?;
        if history.excuses(Deviation::Shorter) {
            self.warn_once(
                SHORT_SIZES,
                &"the server lists wrong sizes: from now on a message of another size than listed is not \
                  downloaded twice",
            )?;
        }
        Ok(())
    }
}

/// Returns those of the messages that are among the picks.
fn messages<'a>(
    numbers: &[MessageNumber],
    listing: &Listing,
    picks: impl Iterator<Item = &'a Pick>,
) -> Vec<Message> {
    let numbers: HashSet<_> = numbers.iter().copied().collect();
    picks
        .filter(|pick| numbers.contains(&listing.number(pick.position)))
        .map(|pick| listing.message(pick.position, pick.copy))
        .collect()
}
