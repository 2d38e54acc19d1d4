//! Applies the account's rules to new messages before they are fetched, as far as their sizes and headers
//! decide. `settle` applies the others, once a message is here.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use super::Poll;
use super::error::{Error, reading, recording};
use super::plan::changes::UNCONFIRMED_DELETIONS;
use crate::exit::{Exit, Failure};
use crate::mail::fields::Fields;
use crate::mail::headers::HeaderReader;
use crate::mail::known::{KnownFacts, SET_ASIDE_FOR};
use crate::mail::maildrop::{Listing, Position};
use crate::mail::order::DeletionOrder;
use crate::mail::same_header::ListedHeader;
use crate::moment::Moment;
use crate::poll::plan::{Pick, Plan};
use crate::poll::top::{Answer, read_headers_by};
use crate::pop3::{GoOn, Transaction};
use crate::report::Event;
use crate::rules::{MessageFacts, RuleAction, RuleVerdict, Rules};
use crate::seen::LastRun;

/// A message that is not fetched.
struct Unfetched {
    pick: Pick,
    /// The number of the rule that says so.
    rule: usize,
    is_deleted: bool,
    /// Its header, if it is deleted and its header was read.
    header: Option<ListedHeader>,
}

/// A listing that rules decide about.
struct RuledListing<'a> {
    rules: &'a Rules,
    listing: &'a Listing,
    now: Moment,
}

impl RuledListing<'_> {
    /// Returns what the rules say about a message whose header is not known, or is this one.
    fn decide(&self, pick: Pick, fields: Option<&Fields>) -> RuleVerdict<'_> {
        self.rules.decide(&MessageFacts {
            size: self.listing.size(pick.position),
            fields,
            now: self.now,
        })
    }

    /// Returns what a verdict means before the download, if the message is not to be fetched. An order names a
    /// message by its unique-id, so one that shares it is fetched first.
    fn unfetched(
        &self,
        pick: Pick,
        verdict: RuleVerdict<'_>,
        header: impl FnOnce() -> Option<ListedHeader>,
    ) -> Option<Unfetched> {
        let RuleVerdict::Rule(rule, decided) = verdict else {
            return None;
        };
        let unique_id = self.listing.unique_id(pick.position);
        let is_deleted = match decided.action {
            RuleAction::Leave => false,
            RuleAction::Delete if self.listing.under(unique_id).len() == 1 => true,
            _ => return None,
        };
        Some(Unfetched {
            pick,
            rule,
            is_deleted,
            header: if is_deleted { header() } else { None },
        })
    }
}

impl Poll<'_> {
    /// Takes messages that a rule leaves or deletes out of those that are to be fetched, and asks for headers
    /// if they decide that. What is left is recorded. What is to be deleted becomes an order to delete it.
    ///
    /// # Errors
    /// The session failed, or the database did.
    pub(super) fn apply_rules<S: Read + Write>(
        &mut self,
        session: &mut Transaction<S>,
        listing: &Listing,
        known: KnownFacts,
        plan: &mut Plan,
    ) -> Result<(), Error> {
        let mark = self.options.policy.rules;
        let now = self.ledger.clock().now();
        if plan.has_left && self.options.only.is_empty() {
            let left = self.ledger.left();
            left.forget_other(mark, now).map_err(recording)?;
        }
        // Without unique-ids nothing could be recorded about a message before it is here.
        if self.options.rules.is_empty() || plan.fetch.is_empty() || listing.names_are_made_up() {
            return Ok(());
        }
        let options = self.options;
        let ruled = RuledListing {
            rules: &options.rules,
            listing,
            now,
        };
        let mut unfetched = BTreeMap::new();
        let mut open = Vec::new();
        for pick in &plan.fetch {
            match ruled.decide(*pick, None) {
                RuleVerdict::Open { may_stay: true } => open.push(*pick),
                verdict => {
                    let stays = ruled.unfetched(*pick, verdict, || None);
                    unfetched.extend(stays.map(|one| (pick.position, one)));
                }
            }
        }
        let last = self.ledger.runs().last().map_err(reading)?;
        if !open.is_empty() && self.may_ask_for_headers(session, known, &last)? {
            let decided = self.count_breaks_at_top(&last, |poll| {
                poll.decide_by_headers(session, &ruled, &open)
            })?;
            unfetched.extend(decided.into_iter().map(|one| (one.pick.position, one)));
        }
        self.hold_changed_rules(&last, &mut unfetched, plan)?;
        self.record_unfetched(listing, &unfetched, now)?;
        plan.leave_out(|pick| unfetched.contains_key(&pick.position));
        for one in unfetched.into_values().filter(|one| one.is_deleted) {
            plan.kept = plan.kept.saturating_sub(1);
            plan.ordered.push(one.pick);
        }
        Ok(())
    }

    /// Asks for the headers of messages about which sizes do not decide, and returns those that are not to be fetched.
    /// One that the server refuses to show is fetched.
    fn decide_by_headers<S: Read + Write>(
        &mut self,
        session: &mut Transaction<S>,
        ruled: &RuledListing<'_>,
        open: &[Pick],
    ) -> Result<Vec<Unfetched>, Error> {
        let mut unfetched = Vec::new();
        let names = ruled.rules.field_names();
        let mut picks = open.iter();
        let messages = open.iter();
        let messages = messages.map(|pick| ruled.listing.message(pick.position, pick.copy));
        let begin = HeaderReader::for_rules;
        read_headers_by(begin, session, messages, self.interrupt, |_, answer| {
            if let (Some(pick), Answer::Header(mut header, _)) = (picks.next(), answer) {
                let fields = header.fields(&names, ruled.now);
                let verdict = ruled.decide(*pick, Some(&fields));
                let header = || Some(header.finish_listed());
                unfetched.extend(ruled.unfetched(*pick, verdict, header));
            }
            GoOn::Yes
        })?;
        Ok(unfetched)
    }

    /// Leaves many messages on the server, unfetched, if only a change of the rules asks for their deletion.
    fn hold_changed_rules(
        &mut self,
        last: &LastRun,
        unfetched: &mut BTreeMap<Position, Unfetched>,
        plan: &mut Plan,
    ) -> Result<(), Error> {
        let deletions = unfetched.values().filter(|one| one.is_deleted).count();
        let is_first = last.visited.is_none();
        let has_changed = last.rules.unwrap_or_default() != self.options.policy.rules;
        let is_confirmed = self.options.may_delete_many || is_first || !has_changed;
        if is_confirmed || deletions <= UNCONFIRMED_DELETIONS {
            return Ok(());
        }
        let is_held =
            |position: &Position| unfetched.get(position).is_some_and(|one| one.is_deleted);
        plan.leave_out(|pick| is_held(&pick.position));
        unfetched.retain(|_, one| !one.is_deleted);
        self.course.holds_rules = true;
        let what = format!(
            "the rules have changed: {deletions} messages would now be deleted from the server unread; \
             they stay, and are not fetched"
        );
        let failure = Failure::new(what, Exit::Configuration);
        self.report_problem(&failure.with_hint("To delete them: mailpull fetch --delete"));
        Ok(())
    }

    /// Records what becomes of messages that are not fetched, before anything is done with them.
    fn record_unfetched(
        &mut self,
        listing: &Listing,
        unfetched: &BTreeMap<Position, Unfetched>,
        now: Moment,
    ) -> Result<(), Error> {
        let (mut left, mut orders) = (Vec::new(), Vec::new());
        for one in unfetched.values() {
            let message = listing.message(one.pick.position, one.pick.copy);
            let action = match one.is_deleted {
                true => "delete",
                false => "leave",
            };
            self.reporter.report(Event::Ruled {
                unique_id: &message.identity.unique_id,
                rule: Some(one.rule),
                action,
            });
            match one.is_deleted {
                true => orders.push(DeletionOrder {
                    unique_id: message.identity.unique_id,
                    size: message.size,
                    header: one.header.clone(),
                    quit_was_unanswered: false,
                }),
                false => left.push((message.identity, message.size)),
            }
        }
        let until = self.options.rules.depend_on_age();
        let until = until.then(|| now.plus(SET_ASIDE_FOR));
        let mark = self.options.policy.rules;
        self.ledger
            .left()
            .note(&left, mark, until)
            .map_err(recording)?;
        if !orders.is_empty() {
            self.ledger.orders().give(&orders).map_err(recording)?;
        }
        Ok(())
    }
}
