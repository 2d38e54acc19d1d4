//! The account's rules for its messages: how long they stay, limits, order. `poll::plan` applies them.

use std::fmt;
use std::time::Duration;

use crate::mail::known::{KnownMessage, RulesMark, State, may_be_tried};
use crate::mail::suspicion::Suspicion;
use crate::moment::Moment;

/// The account's rules for its messages.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Policy {
    /// The time that a delivered message stays on the server.
    pub keep: Keep,
    /// The most messages that one run fetches.
    pub max_messages: Option<u64>,
    /// The size in octets above which a message is left on the server.
    pub max_size: Option<u64>,
    /// The most octets that one run fetches. One message is always fetched.
    pub max_total: Option<u64>,
    /// The order in which messages are fetched.
    pub order: Order,
    /// The mark of the account's rules.
    pub rules: RulesMark,
}

/// The time that a delivered message stays on the server.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Keep {
    /// Always: nothing is deleted until the user asks for it.
    #[default]
    Always,
    /// This long, counted from our delivery.
    For(Duration),
    /// Only until it is delivered.
    Never,
}

/// The order in which messages are fetched.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Order {
    /// By falling message number.
    NewestFirst,
    /// By rising message number.
    #[default]
    OldestFirst,
}

impl Keep {
    /// Returns true if a message delivered then may be deleted now. If the delivery lies in the future
    /// (the clock was set back), the message has not been kept long enough.
    pub fn is_over(self, delivered: Moment, now: Moment) -> bool {
        match self {
            Self::Always => false,
            Self::Never => true,
            Self::For(time) => now.since(delivered).is_some_and(|age| age >= time),
        }
    }
}

/// The text as in the configuration, in seconds.
impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("true"),
            Self::For(time) => write!(f, "{} s", time.as_secs()),
            Self::Never => f.write_str("false"),
        }
    }
}

impl Policy {
    /// Returns true if sizes decide something before a message is requested.
    pub fn needs_sizes(&self) -> bool {
        let has_limit = self.max_size.is_some() || self.max_total.is_some();
        has_limit || self.rules != RulesMark::default()
    }

    /// Returns true if a run may end before everything is fetched.
    pub fn is_bounded(&self) -> bool {
        self.max_messages.is_some() || self.max_total.is_some()
    }

    /// Returns the latest delivery time of messages that are due, or `None` if no message ever is.
    pub fn due_until(&self, now: Moment) -> Option<Moment> {
        match self.keep {
            Keep::Always => None,
            Keep::For(time) => Some(now.before(time)),
            Keep::Never => Some(Moment(i64::MAX)),
        }
    }

    /// Returns true if a message was found to be too large in an earlier run.
    pub fn is_too_large(&self, known: &KnownMessage) -> bool {
        let over = |max| known.size.is_some_and(|size| size > max);
        matches!(known.state, State::Failed(_)) && self.max_size.is_some_and(over)
    }

    /// Returns true if the rules still leave a message on the server that they have left there. `size` is its
    /// listed size: with another one it may be another message.
    pub fn leaves(&self, known: &KnownMessage, size: Option<u64>, now: Moment) -> bool {
        let State::Left { rules, until } = known.state else {
            return false;
        };
        let is_resized = size.zip(known.size).is_some_and(|(now, then)| now != then);
        let is_over = |until| may_be_tried(until, now);
        rules == self.rules && !is_resized && !until.is_some_and(is_over)
    }

    /// Returns true if a delivered message may be deleted now.
    pub fn is_due(&self, known: &KnownMessage, now: Moment) -> bool {
        let State::Delivered(delivered) = known.state else {
            return false;
        };
        !known.is_undeletable
            && known.suspicion == Suspicion::None
            && self.keep.is_over(delivered, now)
    }
}
