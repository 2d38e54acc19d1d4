//! The messages that a server lists, compactly in memory.

use std::num::NonZeroU64;

use crate::limits;
use crate::mail::maildrop::{Identity, Message, MessageNumber, UniqueId};
use crate::mail::memory::{MemoryPart, NoMemory, set_apart};
use crate::mail::total::MaildropTotal;

/// The messages that a server lists: unique-ids and, if they were requested, sizes.
///
/// Stored compactly, since a server may list a million messages: 14 octets a message, 8 more for its
/// size, and the unique-ids in one piece.
#[derive(Debug, Default)]
pub struct Listing {
    /// All unique-ids, each after its length in two octets.
    octets: Vec<u8>,
    entries: Vec<ListingEntry>,
    /// One more than the size of each message, so that "unknown" needs no octets of its own. Empty
    /// until a size is known.
    sizes_and_one: Vec<Option<NonZeroU64>>,
    nameless: Vec<MessageNumber>,
    left_out: LeftOut,
    names_are_made_up: bool,
    by_unique_id: Vec<Position>,
    total: MaildropTotal,
    memory: MemoryPart,
}

/// The messages that have a size and no line in the answer to UIDL.
#[derive(Debug, Default)]
pub struct LeftOut {
    count: usize,
    first: Vec<(MessageNumber, u64)>,
}

impl LeftOut {
    /// The most messages that are kept with their numbers.
    const KEPT: usize = 16;

    fn push(&mut self, number: MessageNumber, size: u64) {
        self.count += 1;
        if self.first.len() < Self::KEPT {
            self.first.push((number, size));
        }
    }

    /// Returns their number.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Returns true if there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the numbers and sizes of the first ones.
    pub fn first(&self) -> &[(MessageNumber, u64)] {
        &self.first
    }
}

/// The position of a message in a [`Listing`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Position(u32);

impl Position {
    /// Returns the number of positions before it.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug)]
struct ListingEntry {
    number: MessageNumber,
    /// The index of its unique-id in the octets of all.
    start: u32,
}

/// The number of octets before each unique-id that say how long it is.
const LENGTH: usize = size_of::<u16>();

/// The octets of memory for a message beside its unique-id: its entry, its size, and its places in the
/// order of the unique-ids and in a plan.
const MESSAGE_MEMORY: usize = 24;

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
    /// Too long to be kept in memory.
    #[error("it needs more memory than mailpull uses for listings")]
    TooLarge,
    /// Other listings have the memory. A session that begins with this many octets may succeed.
    #[error("it needs more memory than the listings of other accounts leave")]
    NoMemory(u64),
}

impl Listing {
    /// Creates an empty listing that uses this part of the memory for listings, and enlarges it.
    pub fn within(memory: MemoryPart) -> Self {
        Self {
            memory,
            ..Self::default()
        }
    }

    /// Adds a message. If its unique-id is not valid, the message counts as nameless and is left
    /// alone.
    ///
    /// # Errors
    /// More than [`limits::LISTING_LINES`], or more memory than there is.
    pub fn push(&mut self, number: MessageNumber, unique_id: &[u8]) -> Result<(), BadListing> {
        if self.entries.len() + self.nameless.len() >= limits::LISTING_LINES {
            return Err(BadListing::TooLong);
        }
        let needed = self.memory() + (MESSAGE_MEMORY + LENGTH + unique_id.len()) as u64;
        self.memory.grow_to(needed).map_err(|full| match full {
            NoMemory::Now(wanted) => BadListing::NoMemory(wanted),
            NoMemory::Ever => BadListing::TooLarge,
        })?;
        if !UniqueId::is_valid(unique_id) {
            self.nameless.push(number);
            return Ok(());
        }
        let start = u32::try_from(self.octets.len()).map_err(|_| BadListing::TooLarge)?;
        let length = u16::try_from(unique_id.len()).map_err(|_| BadListing::TooLarge)?;
        set_apart(&mut self.octets, LENGTH + unique_id.len());
        self.octets.extend_from_slice(&length.to_le_bytes());
        self.octets.extend_from_slice(unique_id);
        set_apart(&mut self.entries, 1);
        self.entries.push(ListingEntry { number, start });
        Ok(())
    }

    /// Returns the octets of memory that the listing needs.
    pub fn memory(&self) -> u64 {
        let messages = self.entries.len() + self.nameless.len();
        (self.octets.len() + messages * MESSAGE_MEMORY) as u64
    }

    /// Creates an empty listing of a server that has no unique-ids, as [`Listing::within`] does.
    pub fn without_unique_ids(memory: MemoryPart) -> Self {
        Self {
            names_are_made_up: true,
            ..Self::within(memory)
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
        self.memory.shrink_to(self.memory());
        self.sort_by_unique_id();
        if self
            .groups()
            .any(|group| group.len() > limits::UNIQUE_ID_COPIES)
        {
            return Err(BadListing::Repeated);
        }
        Ok(self)
    }

    fn sort_by_unique_id(&mut self) {
        let mut order = Vec::new();
        set_apart(&mut order, self.entries.len());
        order.extend(self.positions());
        // Most servers list in this order.
        let is_sorted = order.is_sorted_by(|&a, &b| self.unique_id(a) <= self.unique_id(b));
        if !is_sorted {
            order.sort_unstable_by(|&a, &b| {
                let (first, second) = (self.unique_id(a), self.unique_id(b));
                first.cmp(second).then(a.cmp(&b))
            });
        }
        self.by_unique_id = order;
    }

    /// Sets the size of a message, [`limits::CLAIMED_SIZE`] at most. One that is not listed is left out.
    pub fn set_size(&mut self, number: MessageNumber, size: u64) {
        if let Some(position) = self.find(number) {
            let size = size.min(limits::CLAIMED_SIZE);
            if self.sizes_and_one.is_empty() {
                set_apart(&mut self.sizes_and_one, self.entries.len());
                self.sizes_and_one.resize(self.entries.len(), None);
            }
            self.sizes_and_one[position.0 as usize] = NonZeroU64::new(size + 1);
        } else if self.nameless.binary_search(&number).is_err() {
            self.left_out.push(number, size);
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
    pub fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// Returns all positions by rising message number.
    pub fn positions(&self) -> impl DoubleEndedIterator<Item = Position> + use<> {
        (0..self.entries.len() as u32).map(Position)
    }

    /// Returns the positions of the messages under each unique-id, in the order of the unique-ids.
    pub fn groups(&self) -> impl Iterator<Item = &[Position]> {
        self.by_unique_id
            .chunk_by(|&one, &next| self.unique_id(one) == self.unique_id(next))
    }

    /// Returns the message number at a position of this listing.
    pub fn number(&self, position: Position) -> MessageNumber {
        self.entries[position.0 as usize].number
    }

    /// Returns the octets of the unique-id at a position of this listing.
    pub fn unique_id(&self, position: Position) -> &[u8] {
        let start = self.entries[position.0 as usize].start as usize;
        let (length, rest) = self.octets[start..].split_at(LENGTH);
        let length = u16::from_le_bytes([length[0], length[1]]);
        &rest[..usize::from(length)]
    }

    /// Returns the positions of the messages under a unique-id.
    pub fn under(&self, unique_id: &[u8]) -> &[Position] {
        let is_before = |&at: &Position| self.unique_id(at) < unique_id;
        let rest = &self.by_unique_id[self.by_unique_id.partition_point(is_before)..];
        let count = rest.partition_point(|&at| self.unique_id(at) == unique_id);
        &rest[..count]
    }

    /// Returns true if another message has the same unique-id.
    pub fn is_repeated(&self, position: Position) -> bool {
        self.under(self.unique_id(position)).len() > 1
    }

    /// Returns the size in octets at a position, if it was requested.
    pub fn size(&self, position: Position) -> Option<u64> {
        let size_and_one = self.sizes_and_one.get(position.0 as usize)?;
        size_and_one.map(|size| size.get() - 1)
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
    use crate::mail::memory::ListingMemory;

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
    fn messages_under_one_unique_id_are_found_in_order() {
        let lines: [(u32, &[u8]); 5] = [(3, b"x"), (1, b"x"), (2, b"yy"), (9, b"x"), (4, b"y")];
        let listing = listing(&lines).expect("the listing is valid");
        let numbers = |group: &[Position]| -> Vec<_> {
            let numbers = group.iter().map(|&at| listing.number(at).value());
            numbers.collect()
        };
        let groups: Vec<_> = listing.groups().map(numbers).collect();
        assert_eq!(groups, [vec![1, 3, 9], vec![4], vec![2]]);
        for (unique_id, expected) in [
            (&b"x"[..], &[1, 3, 9][..]),
            (b"y", &[4]),
            (b"yy", &[2]),
            (b"", &[]),
            (b"xx", &[]),
            (b"z", &[]),
        ] {
            assert_eq!(numbers(listing.under(unique_id)), expected);
        }
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
        assert_eq!(listing.left_out().first(), [(number(6), 99)]);
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
    fn a_listing_keeps_within_its_memory() {
        let memory = ListingMemory::new(192 * 1000);
        let mut others = memory.take(150_000, || false).expect("nothing ends");
        let unique_id = [b'x'; 974];
        let fill = |lines: u32| {
            let mut listing = Listing::within(memory.take(0, || false).expect("nothing ends"));
            (1..=lines).try_for_each(|n| listing.push(number(n), &unique_id))?;
            assert_eq!(listing.memory(), u64::from(lines) * 1000);
            Ok(())
        };
        assert_eq!(fill(40), Ok(()));
        let full = fill(100).expect_err("the others have the memory");
        assert!(matches!(full, BadListing::NoMemory(wanted) if wanted > 150_000));
        others.shrink_to(0);
        assert_eq!(fill(100), Ok(()));
        assert_eq!(fill(200), Err(BadListing::TooLarge));
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
