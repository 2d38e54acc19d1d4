//! What an account wants done with its messages, in general; what that means for each is `plan`.
//! Reads no clock.

use std::fmt;
use std::time::Duration;

use crate::mail::known::{KnownMessage, KnownMessages, State};
use crate::moment::Moment;

/// What an account wants done with its messages.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Policy {
    /// How long a delivered message stays on the server.
    pub keep: Keep,
    /// The most messages that one run fetches.
    pub max_messages: Option<u64>,
    /// Larger messages, in octets, are left on the server.
    pub max_size: Option<u64>,
    /// The most octets that one run fetches; one message is always fetched.
    pub max_total: Option<u64>,
    /// Which messages come first.
    pub order: Order,
}

/// How long a delivered message stays on the server.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Keep {
    /// For ever: nothing is deleted until the user says so.
    #[default]
    Always,
    /// For so long, counted from our delivery.
    For(Duration),
    /// Until it is delivered.
    Never,
}

/// Which messages come first.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Order {
    /// By falling message-number.
    NewestFirst,
    /// By rising message-number.
    #[default]
    OldestFirst,
}

impl Keep {
    /// Whether a message delivered then may go now. A delivery that lies ahead (the clock was set
    /// back) has not yet been kept long enough.
    pub fn is_over(self, delivered: Moment, now: Moment) -> bool {
        match self {
            Self::Always => false,
            Self::Never => true,
            Self::For(time) => now.since(delivered).is_some_and(|age| age >= time),
        }
    }
}

/// As it is written in the configuration, in seconds.
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
    /// Whether sizes decide something before a message is asked for.
    pub fn needs_sizes(&self) -> bool {
        self.max_size.is_some() || self.max_total.is_some()
    }

    /// Whether a run is to end before everything is fetched.
    pub fn is_bounded(&self) -> bool {
        self.max_messages.is_some() || self.max_total.is_some()
    }

    /// Until when a message must have been delivered to be due; `None`: none ever is.
    pub fn due_until(&self, now: Moment) -> Option<Moment> {
        match self.keep {
            Keep::Always => None,
            Keep::For(time) => Some(now.before(time)),
            Keep::Never => Some(Moment(i64::MAX)),
        }
    }

    /// Whether something that was delivered before may have to go.
    pub fn has_due(&self, known: &KnownMessages, now: Moment) -> bool {
        known.iter().any(|known| self.is_due(known, now))
    }

    /// Whether a message that was never delivered is known to be over the limit.
    pub fn is_too_large(&self, known: &KnownMessage) -> bool {
        let over = |max| known.size.is_some_and(|size| size > max);
        matches!(known.state, State::Failed(_)) && self.max_size.is_some_and(over)
    }

    /// Whether a delivered message may go now.
    pub fn is_due(&self, known: &KnownMessage, now: Moment) -> bool {
        let State::Delivered(delivered) = known.state else {
            return false;
        };
        !known.is_undeletable && self.keep.is_over(delivered, now)
    }
}
