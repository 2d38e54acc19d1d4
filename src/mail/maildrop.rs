//! The vocabulary of RFC 1939: message numbers and listings.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};

use crate::limits;
use crate::mail::total::MaildropTotal;
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

/// The messages that a server lists: unique-ids and, if they were requested, sizes.
///
/// Stored compactly, since a server may list a million messages: some 24 octets a message, and the
/// unique-ids in one piece.
#[derive(Debug, Default)]
pub struct Listing {
    octets: Vec<u8>,
    entries: Vec<ListingEntry>,
    nameless: Vec<MessageNumber>,
    left_out: Vec<(MessageNumber, u64)>,
    names_are_made_up: bool,
    by_unique_id: Vec<Position>,
    total: MaildropTotal,
}

/// The position of a message in a [`Listing`].
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position(u32);

#[derive(Debug)]
struct ListingEntry {
    number: MessageNumber,
    start: u32,
    length: u16,
    /// The number of messages before it with the same unique-id.
    repetition: u32,
    /// True if a message after it has the same unique-id.
    is_repeated: bool,
    /// One more than the size, so that "unknown" needs no octet of its own.
    size_and_one: Option<NonZeroU64>,
}

/// The reason why a whole listing cannot be believed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadListing {
    /// More messages under one unique-id than any mailbox has.
    #[error(
        "more than {} messages have the same unique-id",
        limits::UNIQUE_ID_COPIES
    )]
    Repeated,
    /// A message number is listed twice.
    #[error("message {0} is listed twice")]
    Twice(MessageNumber),
    /// More lines than any mailbox has.
    #[error("more than {} lines", limits::LISTING_LINES)]
    TooLong,
    /// More octets of unique-ids than any mailbox has.
    #[error("more than {} octets", limits::LISTING_OCTETS)]
    TooLarge,
}

impl Listing {
    /// Adds a message. If its unique-id is not valid, the message counts as nameless and is left
    /// alone.
    ///
    /// # Errors
    /// More than [`limits::LISTING_LINES`] or [`limits::LISTING_OCTETS`].
    pub fn push(&mut self, number: MessageNumber, unique_id: &[u8]) -> Result<(), BadListing> {
        if self.entries.len() + self.nameless.len() >= limits::LISTING_LINES {
            return Err(BadListing::TooLong);
        }
        if !UniqueId::is_valid(unique_id) {
            self.nameless.push(number);
            return Ok(());
        }
        if self.octets.len() + unique_id.len() > limits::LISTING_OCTETS {
            return Err(BadListing::TooLarge);
        }
        let start = u32::try_from(self.octets.len()).map_err(|_| BadListing::TooLarge)?;
        let length = u16::try_from(unique_id.len()).map_err(|_| BadListing::TooLarge)?;
        self.octets.extend_from_slice(unique_id);
        self.entries.push(ListingEntry {
            number,
            start,
            length,
            repetition: 0,
            is_repeated: false,
            size_and_one: None,
        });
        Ok(())
    }

    /// Creates an empty listing of a server that has no unique-ids.
    pub fn without_unique_ids() -> Self {
        Self {
            names_are_made_up: true,
            ..Self::default()
        }
    }

    /// Adds a message of a server that has no unique-ids. The name that is made up for it means little
    /// in another session: only its content identifies the message.
    ///
    /// # Errors
    /// As [`Listing::push`].
    pub fn push_unnamed(
        &mut self,
        number: MessageNumber,
        size: Option<u64>,
    ) -> Result<(), BadListing> {
        self.push(number, UniqueId::of_number(number, size).as_octets())
    }

    /// Returns true if the server has no unique-ids.
    pub fn names_are_made_up(&self) -> bool {
        self.names_are_made_up
    }

    /// Completes the listing: sorts it by message number and counts the messages under each
    /// unique-id.
    ///
    /// # Errors
    /// A message number is listed twice, or too many messages have the same unique-id.
    pub fn finish(mut self) -> Result<Self, BadListing> {
        self.entries.sort_unstable_by_key(|entry| entry.number);
        self.nameless.sort_unstable();
        let twice = self
            .entries
            .windows(2)
            .find(|pair| pair[0].number == pair[1].number)
            .map(|pair| pair[0].number)
            .or_else(|| {
                let mut all = self.nameless.windows(2);
                all.find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
            })
            .or_else(|| {
                let mut nameless = self.nameless.iter();
                nameless
                    .find(|&&number| self.find(number).is_some())
                    .copied()
            });
        if let Some(number) = twice {
            return Err(BadListing::Twice(number));
        }
        if self.count_repetitions() > limits::UNIQUE_ID_COPIES {
            return Err(BadListing::Repeated);
        }
        Ok(self)
    }

    /// Numbers the messages under each unique-id from 0, and returns the greatest number.
    fn count_repetitions(&mut self) -> u32 {
        let mut order: Vec<_> = self.positions().collect();
        order.sort_unstable_by(|&a, &b| {
            let (first, second) = (self.unique_id(a), self.unique_id(b));
            first.cmp(second).then(a.cmp(&b))
        });
        let mut greatest = 0;
        for pair in 1..order.len() {
            let (before, this) = (order[pair - 1], order[pair]);
            if self.unique_id(before) == self.unique_id(this) {
                self.entries[before.0 as usize].is_repeated = true;
                let repetition = self.entries[before.0 as usize].repetition + 1;
                self.entries[this.0 as usize].repetition = repetition;
                greatest = greatest.max(repetition);
            }
        }
        self.by_unique_id = order;
        greatest
    }

    /// Sets the size of a message, [`limits::CLAIMED_SIZE`] at most. One that is not listed is left out.
    pub fn set_size(&mut self, number: MessageNumber, size: u64) {
        if let Some(position) = self.find(number) {
            let size = size.min(limits::CLAIMED_SIZE);
            self.entries[position.0 as usize].size_and_one = NonZeroU64::new(size + 1);
        } else if self.nameless.binary_search(&number).is_err() {
            self.left_out.push((number, size));
        }
    }

    /// Sets the answer to STAT.
    pub fn set_total(&mut self, total: MaildropTotal) {
        self.total = total;
    }

    /// Returns the answer to STAT.
    pub fn total(&self) -> MaildropTotal {
        self.total
    }

    /// Returns the number of octets that STAT counts more than these sizes have, if it counts as many
    /// messages as are listed.
    pub fn surplus_over(&self, octets: u64) -> Option<i64> {
        let listed = self.len() + self.nameless.len();
        match self.total {
            MaildropTotal::Known {
                messages,
                octets: counted,
            } if messages == listed as u64 => {
                i64::try_from(i128::from(counted) - i128::from(octets)).ok()
            }
            _ => None,
        }
    }

    fn find(&self, number: MessageNumber) -> Option<Position> {
        self.entries
            .binary_search_by_key(&number, |entry| entry.number)
            .ok()
            .map(|index| Position(index as u32))
    }

    /// Returns the number of listed messages with a unique-id.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns true if no message with a unique-id is listed.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the messages that have no valid unique-id.
    pub fn nameless(&self) -> &[MessageNumber] {
        &self.nameless
    }

    /// Returns the messages that have a size and no line in the answer to UIDL.
    pub fn left_out(&self) -> &[(MessageNumber, u64)] {
        &self.left_out
    }

    /// Returns all positions by rising message number.
    pub fn positions(&self) -> impl DoubleEndedIterator<Item = Position> + use<> {
        (0..self.entries.len() as u32).map(Position)
    }

    /// Returns all positions in the order of their unique-ids.
    pub fn by_unique_id(&self) -> impl Iterator<Item = Position> + '_ {
        self.by_unique_id.iter().copied()
    }

    /// Returns the positions of the messages under each unique-id, in the order of the unique-ids.
    pub fn groups(&self) -> impl Iterator<Item = &[Position]> {
        self.by_unique_id
            .chunk_by(|_, &next| self.repetition(next) > 0)
    }

    /// Returns the message number at a position of this listing.
    pub fn number(&self, position: Position) -> MessageNumber {
        self.entries[position.0 as usize].number
    }

    /// Returns the octets of the unique-id at a position of this listing.
    pub fn unique_id(&self, position: Position) -> &[u8] {
        let entry = &self.entries[position.0 as usize];
        &self.octets[entry.start as usize..][..usize::from(entry.length)]
    }

    /// Returns the number of messages before this one with the same unique-id.
    pub fn repetition(&self, position: Position) -> u32 {
        self.entries[position.0 as usize].repetition
    }

    /// Returns the number of messages with the unique-id of this one.
    pub fn namesakes(&self, position: Position) -> usize {
        let unique_id = self.unique_id(position);
        let first = (self.by_unique_id).partition_point(|&at| self.unique_id(at) < unique_id);
        let same = &self.by_unique_id[first..];
        same.partition_point(|&at| self.unique_id(at) == unique_id)
    }

    /// Returns true if another message has the same unique-id.
    pub fn is_repeated(&self, position: Position) -> bool {
        let entry = &self.entries[position.0 as usize];
        entry.repetition > 0 || entry.is_repeated
    }

    /// Returns the size in octets at a position, if it was requested.
    pub fn size(&self, position: Position) -> Option<u64> {
        self.entries[position.0 as usize]
            .size_and_one
            .map(|size| size.get() - 1)
    }

    /// Returns the message at a position of this listing as a value of its own.
    pub fn message(&self, position: Position, copy: u32) -> Message {
        Message {
            number: self.number(position),
            identity: Identity {
                unique_id: UniqueId::of_checked(self.unique_id(position)),
                copy,
            },
            size: self.size(position),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(n: u32) -> MessageNumber {
        MessageNumber::new(n).expect("the number is in range")
    }

    fn listing(lines: &[(u32, &[u8])]) -> Result<Listing, BadListing> {
        let mut listing = Listing::default();
        for &(n, unique_id) in lines {
            listing.push(number(n), unique_id)?;
        }
        listing.finish()
    }

    #[test]
    fn a_message_number_is_1_to_two_to_the_31() {
        assert_eq!(MessageNumber::new(0), None);
        assert_eq!(MessageNumber::new(1 << 31), None);
        assert!(MessageNumber::new((1 << 31) - 1).is_some());
    }

    #[test]
    fn a_duplicate_number_rejects_the_listing() {
        for lines in [
            &[(1, &b"a"[..]), (2, b"b"), (1, b"c")][..],
            &[(1, b"a"), (1, b"")],
            &[(1, b""), (1, b"")],
        ] {
            let refused = listing(lines).expect_err("a number stands twice");
            assert_eq!(refused, BadListing::Twice(number(1)));
        }
    }

    #[test]
    fn messages_under_one_unique_id_are_counted_in_order() {
        let listing =
            listing(&[(3, b"x"), (1, b"x"), (2, b"y"), (9, b"x")]).expect("the listing is valid");
        let seen: Vec<_> = listing
            .positions()
            .map(|at| (listing.number(at).value(), listing.repetition(at)))
            .collect();
        assert_eq!(seen, [(1, 0), (2, 0), (3, 1), (9, 2)]);
    }

    #[test]
    fn a_message_without_a_unique_id_is_left_out() {
        let listing = listing(&[(1, b"a"), (2, b"")]).expect("the listing is valid");
        assert_eq!(listing.len(), 1);
        assert_eq!(listing.nameless(), [number(2)]);
    }

    #[test]
    fn sizes_join_by_number() {
        let mut listing = listing(&[(5, b"a"), (7, b"b")]).expect("the listing is valid");
        listing.set_size(number(7), 0);
        listing.set_size(number(6), 99);
        let sizes: Vec<_> = listing.positions().map(|at| listing.size(at)).collect();
        assert_eq!(sizes, [None, Some(0)]);
        assert_eq!(listing.left_out(), [(number(6), 99)]);
    }

    #[test]
    fn the_sum_of_all_sizes_never_overflows() {
        let mut listing = listing(&[(1, b"a")]).expect("the listing is valid");
        listing.set_size(number(1), u64::MAX - 1);
        let greatest = listing.positions().find_map(|at| listing.size(at));
        let lines = limits::LISTING_LINES as u64;
        assert!(greatest.and_then(|size| size.checked_mul(lines)).is_some());
    }

    #[test]
    fn a_listing_has_a_limit() {
        let mut listing = Listing::default();
        for n in 1..=limits::LISTING_LINES as u32 {
            listing
                .push(number(n), b"x")
                .expect("it is below the limit");
        }
        let more = number(limits::LISTING_LINES as u32 + 1);
        assert_eq!(listing.push(more, b"x"), Err(BadListing::TooLong));
    }
}
