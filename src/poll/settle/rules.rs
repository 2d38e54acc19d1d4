//! Applies the account's rules to messages that have arrived.

use std::collections::HashMap;

use super::{Error, Settler};
use crate::mail::custody::Receipt;
use crate::mail::fields::Fields;
use crate::mail::handover::TargetKey;
use crate::mail::known::{RulesMark, SET_ASIDE_FOR};
use crate::moment::Moment;
use crate::report::Event;
use crate::rules::{MessageFacts, RuleAction, RuleVerdict, Rules};

/// The rules of an account, for messages that have arrived.
pub(crate) struct ArrivalRules<'a> {
    rules: &'a Rules,
    /// Their mark.
    mark: RulesMark,
    /// The names of the fields that they look at.
    names: Vec<String>,
    /// The targets that they can choose, by name.
    choices: HashMap<String, TargetKey>,
    now: Moment,
}

impl<'a> ArrivalRules<'a> {
    /// Creates those for a session in which it is `now`, with their mark and the targets that they can choose.
    pub(crate) fn new(
        rules: &'a Rules,
        mark: RulesMark,
        choices: HashMap<String, TargetKey>,
        now: Moment,
    ) -> Self {
        Self {
            rules,
            mark,
            choices,
            names: rules.field_names(),
            now,
        }
    }
}

impl Settler<'_> {
    /// Drops the messages that a rule leaves on the server, discards or deletes. That is recorded before their
    /// files are removed. The others get the targets that a rule has chosen.
    pub(super) fn apply_rules(&mut self, receipts: Vec<Receipt>) -> Result<Vec<Receipt>, Error> {
        let Some(ArrivalRules {
            rules,
            names,
            choices,
            mark,
            now,
        }) = &self.rules
        else {
            return Ok(receipts);
        };
        let needs_header = !names.is_empty() || rules.depend_on_age();
        let (mut wanted, mut dropped) = (Vec::with_capacity(receipts.len()), Vec::new());
        let (mut left, mut deleted, mut discarded) = (Vec::new(), Vec::new(), Vec::new());
        for receipt in receipts {
            let stored = receipt.stored();
            let fields = match needs_header {
                true => self.arrivals.intake().read_fields(&receipt, names, *now)?,
                false => Fields::default(),
            };
            let facts = MessageFacts {
                size: stored.size.or(Some(stored.octets)),
                fields: Some(&fields),
                now: *now,
            };
            let RuleVerdict::Rule(number, rule) = rules.decide(&facts) else {
                wanted.push(receipt);
                continue;
            };
            let unique_id = &stored.identity.unique_id;
            let action = match &rule.action {
                RuleAction::Deliver(targets) => {
                    let chosen = targets.iter().filter_map(|name| choices.get(name).copied());
                    let chosen = chosen.collect();
                    wanted.push(receipt.sent_to(chosen));
                    continue;
                }
                RuleAction::Leave => {
                    left.push((stored.identity.clone(), stored.size));
                    "leave"
                }
                RuleAction::Discard | RuleAction::Delete => {
                    discarded.push((stored.clone(), format!("nowhere (rule {number})")));
                    "discard"
                }
            };
            if rule.action == RuleAction::Delete {
                deleted.push(stored.identity.clone());
            }
            self.reporter.report(Event::Ruled {
                unique_id,
                rule: Some(number),
                action,
            });
            dropped.push(receipt);
        }
        if dropped.is_empty() {
            return Ok(wanted);
        }
        let until = rules.depend_on_age().then(|| now.plus(SET_ASIDE_FOR));
        self.ledger.left().note(&left, *mark, until)?;
        self.ledger
            .custody()
            .discard(&discarded, self.arrivals.place())?;
        self.settled.summary.discarded += discarded.len();
        self.settled.deleted_by_rule.extend(deleted);
        // Some servers hide or delete what was retrieved.
        self.settled.has_left |= !left.is_empty();
        for receipt in dropped {
            self.arrivals.intake().discard(receipt)?;
        }
        Ok(wanted)
    }
}
