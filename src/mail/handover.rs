//! The keys under which a delivery is recorded, and what is known about the hand-over of a message to a
//! program or a mail server. Values only.

use std::collections::HashSet;

use crate::digest::Digest;
use crate::moment::Moment;

/// The key of a delivery in the database. It stays the same if the message gets another unique-id, which may
/// happen while a thread of its own delivers it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct DeliveryKey(pub i64);

/// The key of a program or a mail server in the database.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct TargetKey(pub i64);

/// The key under which the result of a delivery is recorded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct OutcomeKey {
    /// The delivery.
    pub delivery: DeliveryKey,
    /// The program or the mail server that got the message, unless it went to a Maildir.
    pub target: Option<TargetKey>,
}

/// A text that tells where a target has a message. The texts of one target sort in the order in which it takes
/// messages.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Location(pub String);

/// A hand-over of which it is not known whether the target took the message.
#[derive(Clone, Debug)]
pub(crate) struct OpenHandover {
    /// The key of the target.
    pub target: TargetKey,
    /// The time at which it began.
    pub begun: Moment,
    /// The target takes the message at this location at the earliest. It is empty if the target cannot be asked.
    pub earliest: Location,
    /// The location at which it was found, if the run that found it was killed before it recorded that.
    pub found: Option<Location>,
    /// The time at which the target first said that it does not have the message.
    pub absent: Option<Moment>,
}

impl OutcomeKey {
    /// The key of no delivery: no run has staged the message.
    pub(crate) const NONE: Self = Self {
        delivery: DeliveryKey(0),
        target: None,
    };
}

/// What is known about equal messages, which a search must not take for the one that it looks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims {
    /// The locations of messages, each with the digest of the message. Two targets may be the same folder
    /// under different names.
    pub located: HashSet<(Location, Digest)>,
    /// The digests of messages that the target may have, if no record tells where.
    pub unlocated: HashSet<Digest>,
}
