//! The rules of an account: what becomes of a new message, by its header, its size and its age. Pure.

use std::fmt;

use crate::digest::Digest;
use crate::mail::known::RulesMark;

mod condition;
mod pattern;

pub use condition::{MessageFacts, RuleCondition};
pub use pattern::Pattern;

/// The rules of an account, in their order. The first one that matches a message decides about it.
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<AccountRule>);

/// A rule.
#[derive(Clone, Debug)]
pub struct AccountRule {
    /// The messages that it is about.
    pub condition: RuleCondition,
    /// The action for them.
    pub action: RuleAction,
    /// The place where it is written.
    pub origin: String,
}

/// The action for a message that a rule matches.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RuleAction {
    /// It goes to the targets with these names, and nowhere else.
    Deliver(Vec<String>),
    /// It is fetched and thrown away, and counts as delivered.
    Discard,
    /// It stays on the server, unfetched.
    Leave,
    /// It is deleted from the server at once.
    Delete,
}

/// The verdict of the rules about a message.
#[derive(Clone, Copy, Debug)]
pub enum RuleVerdict<'r> {
    /// This rule matches; the first one has the number 1.
    Rule(usize, &'r AccountRule),
    /// No rule matches.
    None,
    /// Too little is known of the message.
    Open {
        /// True if a rule may leave or delete it, so that it is worth asking before the download.
        may_stay: bool,
    },
}

impl Rules {
    /// Returns rules in this order.
    pub fn new(rules: Vec<AccountRule>) -> Self {
        Self(rules)
    }

    /// Returns true if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the rules.
    pub fn iter(&self) -> impl Iterator<Item = &AccountRule> {
        self.0.iter()
    }

    /// Returns the mark of these rules and of a filter.
    pub fn mark(&self, filter: Option<&[String]>) -> RulesMark {
        if self.0.is_empty() && filter.is_none() {
            return RulesMark::default();
        }
        let mut text: String = self.0.iter().map(|rule| format!("{rule}\n")).collect();
        if let Some(command) = filter {
            text += &format!("{command:?}");
        }
        RulesMark(Digest::of(text.as_bytes()).beginning())
    }

    /// Returns the names of the header fields that decide something, in lower case.
    pub fn field_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for rule in &self.0 {
            rule.condition.add_field_names(&mut names);
        }
        names.sort();
        names.dedup();
        names
    }

    /// Returns true if a rule depends on the age of a message, so that its answer changes with time.
    pub fn depend_on_age(&self) -> bool {
        self.0.iter().any(|rule| rule.condition.depends_on_age())
    }

    /// Decides about a message, as far as these facts allow it.
    pub fn decide(&self, facts: &MessageFacts<'_>) -> RuleVerdict<'_> {
        let mut open = false;
        let mut may_stay = false;
        for (index, rule) in self.0.iter().enumerate() {
            match rule.condition.is_met(facts) {
                Some(false) => {}
                Some(true) if !open => return RuleVerdict::Rule(index + 1, rule),
                answer => {
                    open = true;
                    may_stay |= matches!(rule.action, RuleAction::Leave | RuleAction::Delete);
                    if answer == Some(true) {
                        break;
                    }
                }
            }
        }
        match open {
            true => RuleVerdict::Open { may_stay },
            false => RuleVerdict::None,
        }
    }

    /// Returns the index of a rule that can never match, if there is one.
    pub fn unreachable(&self) -> Option<usize> {
        let mut is_over = false;
        self.0.iter().position(|rule| {
            let is_dead = is_over || rule.condition.can_never_be_met();
            is_over |= rule.condition.is_always_met();
            is_dead
        })
    }
}

impl AccountRule {
    /// Returns the names of the targets that it sends messages to.
    pub fn targets(&self) -> &[String] {
        match &self.action {
            RuleAction::Deliver(targets) => targets,
            _ => &[],
        }
    }
}

impl fmt::Display for AccountRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "if {}: {}", self.condition, self.action)
    }
}

impl fmt::Display for RuleAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deliver(targets) => write!(f, "deliver to {}", targets.join(", ")),
            Self::Discard => f.write_str("discard"),
            Self::Leave => f.write_str("leave on the server"),
            Self::Delete => f.write_str("delete from the server"),
        }
    }
}

#[cfg(test)]
mod tests;
