//! The two proofs that allow the deletion of a message from the server: its delivery is recorded,
//! or the user has ordered the deletion.

use crate::mail::maildrop::{Identity, MessageNumber};

/// Custody step 6: the delivery is recorded, so the message may be deleted from the server. Made by
/// the database.
#[derive(Clone, Debug)]
pub struct Recorded {
    number: MessageNumber,
    identity: Identity,
}

/// The user has ordered the deletion of a message, and the order is recorded: the message may be
/// deleted from the server, also if it was never fetched. Made by the database.
#[derive(Clone, Debug)]
pub struct Ordered {
    number: MessageNumber,
    identity: Identity,
}

/// A message that may be deleted from the server, with the proof of that.
#[derive(Clone, Debug)]
pub enum Deletable {
    /// It is delivered.
    Recorded(Recorded),
    /// The user wants it to be deleted.
    Ordered(Ordered),
}

impl Recorded {
    /// Makes the proof. Only the database calls this, for a message that it has recorded as
    /// delivered.
    pub(crate) fn new(number: MessageNumber, identity: Identity) -> Self {
        Self { number, identity }
    }

    /// Returns the message's number in this session.
    pub(crate) fn number(&self) -> MessageNumber {
        self.number
    }

    /// Returns the message's unique-id and copy number.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl Ordered {
    /// Makes the proof. Only the database calls this, for an order that it has recorded.
    pub(crate) fn new(number: MessageNumber, identity: Identity) -> Self {
        Self { number, identity }
    }
}

impl Deletable {
    /// Returns the message's number in this session.
    pub fn number(&self) -> MessageNumber {
        match self {
            Self::Recorded(proof) => proof.number(),
            Self::Ordered(proof) => proof.number,
        }
    }

    /// Returns the message's unique-id and copy number.
    pub fn identity(&self) -> &Identity {
        match self {
            Self::Recorded(proof) => proof.identity(),
            Self::Ordered(proof) => &proof.identity,
        }
    }
}
