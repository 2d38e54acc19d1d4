//! The vocabulary of RFC 1939: message numbers, and the messages of a listing.

use std::fmt;
use std::num::NonZeroU32;

use crate::limits;
pub use crate::mail::listing::{BadListing, LeftOut, Listing, Position};
pub use crate::mail::unique_id::UniqueId;

/// The number of a message in one session: 1 to 2^31 - 1. Never an array index (CVE-2001-1009).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MessageNumber(NonZeroU32);

impl MessageNumber {
    /// Returns `None` for zero and for numbers beyond [`limits::MESSAGE_NUMBER`].
    pub fn new(number: u32) -> Option<Self> {
        NonZeroU32::new(number)
            .filter(|number| number.get() <= limits::MESSAGE_NUMBER)
            .map(Self)
    }

    /// Returns the plain number.
    pub fn value(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for MessageNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of an account's row in the database. It stays the same when the account is renamed.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AccountKey(pub i64);

/// The key of a message within its account: the unique-id, and a copy number, since a server may list
/// several messages under one unique-id (RFC 1939, section 7).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Identity {
    /// The name that the server gives to it.
    pub unique_id: UniqueId,
    /// 0 for the first message under this unique-id.
    pub copy: u32,
}

/// One message of one listing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Its number in this session.
    pub number: MessageNumber,
    /// Its unique-id and copy number.
    pub identity: Identity,
    /// Its size in octets as the scan listing says. It may be wrong (Exchange, qmail-pop3d).
    pub size: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_number_is_1_to_two_to_the_31() {
        assert_eq!(MessageNumber::new(0), None);
        assert_eq!(MessageNumber::new(1 << 31), None);
        assert!(MessageNumber::new((1 << 31) - 1).is_some());
    }
}
