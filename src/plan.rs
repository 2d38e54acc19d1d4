//! What to do with each listed message: pure decisions.
//! Sends nothing, reads no clock, opens no file.

use std::time::Duration;

/// What an account wants done with its messages.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Policy {
    /// How long a delivered message stays on the server.
    pub keep: Keep,
    /// The most messages that one run fetches.
    pub max_messages: Option<u64>,
    /// Larger messages, in octets, are left on the server.
    pub max_size: Option<u64>,
    /// The most octets that one run fetches.
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
    /// By rising message-number.
    #[default]
    OldestFirst,
    /// By falling message-number.
    NewestFirst,
}
