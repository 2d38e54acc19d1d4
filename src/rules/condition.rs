//! The condition of a rule, and the facts that are known of a message.

use std::fmt;
use std::time::Duration;

use crate::mail::fields::Fields;
use crate::moment::Moment;
use crate::rules::pattern::Pattern;

/// A condition of a message.
#[derive(Clone, Debug)]
pub enum RuleCondition {
    /// All of these are met. Without any it is always met.
    All(Vec<RuleCondition>),
    /// One of these is met.
    Any(Vec<RuleCondition>),
    /// This is not met.
    Not(Box<RuleCondition>),
    /// A field with one of these names, in lower case, has a value that matches. Without a pattern: it is there.
    Field(Vec<String>, Option<Pattern>),
    /// The message has more octets.
    SizeOver(u64),
    /// The message has fewer octets.
    SizeUnder(u64),
    /// The message arrived longer ago. One whose header does not say when is not old.
    OlderThan(Duration),
}

/// The facts that are known of a message.
#[derive(Clone, Copy, Debug)]
pub struct MessageFacts<'a> {
    /// Its size in octets, as the server lists it.
    pub size: Option<u64>,
    /// The fields of its header.
    pub fields: Option<&'a Fields>,
    /// The time at which ages end.
    pub now: Moment,
}

impl RuleCondition {
    /// Returns true if a message meets it, or `None` if too little is known of the message.
    pub fn is_met(&self, facts: &MessageFacts<'_>) -> Option<bool> {
        match self {
            Self::All(all) => {
                let answers = all.iter().map(|one| one.is_met(facts));
                decided_by(Some(false), answers)
            }
            Self::Any(any) => {
                let answers = any.iter().map(|one| one.is_met(facts));
                decided_by(Some(true), answers)
            }
            Self::Not(other) => other.is_met(facts).map(|is_met| !is_met),
            Self::Field(names, pattern) => facts.fields.map(|fields| {
                let mut values = names.iter().flat_map(|name| fields.named(name));
                values.any(|value| {
                    let pattern = pattern.as_ref();
                    pattern.is_none_or(|pattern| pattern.matches(value))
                })
            }),
            Self::SizeOver(octets) => facts.size.map(|size| size > *octets),
            Self::SizeUnder(octets) => facts.size.map(|size| size < *octets),
            Self::OlderThan(time) => facts.fields.map(|fields| {
                let age = fields.arrived.and_then(|arrived| facts.now.since(arrived));
                age.is_some_and(|age| age > *time)
            }),
        }
    }

    /// Returns the conditions that hold no others, in their order.
    pub fn leaves(&self) -> Vec<&Self> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::leaves).collect(),
            Self::Not(other) => other.leaves(),
            leaf => vec![leaf],
        }
    }

    /// Adds the names of the fields that it looks at.
    pub(super) fn add_field_names(&self, names: &mut Vec<String>) {
        for leaf in self.leaves() {
            if let Self::Field(of_leaf, _) = leaf {
                names.extend(of_leaf.iter().cloned());
            }
        }
    }

    pub(super) fn depends_on_age(&self) -> bool {
        let is_age = |leaf: &&Self| matches!(leaf, Self::OlderThan(_));
        self.leaves().iter().any(is_age)
    }

    /// Returns true if every message meets it.
    pub(super) fn is_always_met(&self) -> bool {
        match self {
            Self::All(all) => all.iter().all(Self::is_always_met),
            Self::Any(any) => any.iter().any(Self::is_always_met),
            Self::Not(other) => other.can_never_be_met(),
            _ => false,
        }
    }

    /// Returns true if no message can meet it, as far as its sizes show.
    pub(super) fn can_never_be_met(&self) -> bool {
        match self {
            Self::All(all) => {
                let over = all.iter().filter_map(|one| match one {
                    Self::SizeOver(octets) => Some(*octets),
                    _ => None,
                });
                let under = all.iter().filter_map(|one| match one {
                    Self::SizeUnder(octets) => Some(*octets),
                    _ => None,
                });
                let has_no_size = match (over.max(), under.min()) {
                    (Some(over), Some(under)) => under <= over.saturating_add(1),
                    _ => false,
                };
                has_no_size || all.iter().any(Self::can_never_be_met)
            }
            Self::Any(any) => any.iter().all(Self::can_never_be_met),
            Self::Not(other) => other.is_always_met(),
            _ => false,
        }
    }
}

/// Returns the answer that decides alone if one of the answers is it, else the opposite. If neither is sure, it is
/// `None`.
fn decided_by(decisive: Option<bool>, answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut sum = decisive.map(|it| !it);
    for answer in answers {
        if answer == decisive {
            return decisive;
        }
        if answer.is_none() {
            sum = None;
        }
    }
    sum
}

/// As `rules test` shows it. Different conditions have different texts.
impl fmt::Display for RuleCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, word, parts: &[Self]| {
            let parts: Vec<_> = parts.iter().map(ToString::to_string).collect();
            write!(f, "{word} ({})", parts.join(", "))
        };
        match self {
            Self::All(all) if all.is_empty() => f.write_str("always"),
            Self::All(all) => list(f, "all of", all),
            Self::Any(any) => list(f, "any of", any),
            Self::Not(other) => write!(f, "not ({other})"),
            Self::Field(names, Some(pattern)) => {
                write!(f, "{} matches {pattern}", names.join(" or "))
            }
            Self::Field(names, None) => write!(f, "{} is there", names.join(" or ")),
            Self::SizeOver(octets) => write!(f, "size over {octets}"),
            Self::SizeUnder(octets) => write!(f, "size under {octets}"),
            Self::OlderThan(time) => write!(f, "older than {} s", time.as_secs()),
        }
    }
}
