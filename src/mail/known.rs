//! The messages of an account that earlier runs have recorded, compactly in memory.

use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

use crate::mail::suspicion::Suspicion;
use crate::moment::Moment;
use crate::text::ServerText;

/// After this many failures in a row a message is set aside.
pub const MAX_FAILURES: u32 = 5;
/// The time between two attempts at a message that was set aside.
pub const SET_ASIDE_FOR: Duration = Duration::from_secs(24 * 3600);

/// Returns true if a message may be tried now that was not to be tried before `until`. No message waits
/// for longer than a day, so that a clock that was set back delays nothing.
pub fn may_be_tried(until: Moment, now: Moment) -> bool {
    until <= now || until > now.plus(SET_ASIDE_FOR)
}

/// Returns the time of the next attempt at a message with this many failures in a row: the next run,
/// or in a day.
pub fn next_try(failures: u32, now: Moment) -> Moment {
    if failures < MAX_FAILURES {
        now
    } else {
        now.plus(SET_ASIDE_FOR)
    }
}

/// The state of a known message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// Delivered at that time, and recorded.
    Delivered(Moment),
    /// Deleted from the server. The row stays in case the unique-id comes back.
    Gone,
    /// Known, but never delivered by us, and so never deleted by us.
    Seen,
    /// Ours, but not yet known to be delivered.
    Staged,
    /// It could not be retrieved. It is not tried again before that time.
    Failed(Moment),
}

/// A known message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KnownMessage {
    /// Its copy number among the messages under the same unique-id.
    pub copy: u32,
    /// Its state.
    pub state: State,
    /// Its size in octets, as the scan listing said when it was new.
    pub size: Option<u64>,
    /// The time before which it is neither fetched nor compared.
    pub next_try: Moment,
    /// True if it was missing from the last listing.
    pub is_absent: bool,
    /// True if it is never deleted: the server keeps listing it whatever it replies to DELE (Gmail).
    pub is_undeletable: bool,
    /// True if its deletion was asked for in a session whose QUIT got no answer, or a bad one.
    pub quit_was_unanswered: bool,
    /// The reason to doubt our copy.
    pub suspicion: Suspicion,
}

/// The facts that earlier runs have learned about the sizes and headers that a server reports.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SizeHistory {
    /// The number of octets that STAT counts more than LIST.
    pub surplus: i64,
    /// The number of messages in a row whose size had changed and whose content had not.
    pub equal_contents: u32,
    /// The number of messages in a row with another header (TOP) but the same content.
    pub other_headers: u32,
    /// The evidence that whole messages do not have the size that LIST says: see [`Self::note_again`].
    pub short_again: u32,
}

/// The difference between a message and the size that the server promised, if it is too large for the ways in
/// which servers count octets and for the lines that they add.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Deviation {
    /// It has the size, or nearly.
    None,
    /// It is shorter, and at least half of it came.
    Shorter,
    /// It is longer.
    Longer,
    /// More than half is missing.
    LessThanHalf,
}

/// The second downloads of messages that did not have the promised size.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ShortAgain {
    /// The number of those that came again with the same octets, and at least half of the size.
    pub parts: u32,
    /// The number of those that came again with the same octets, and less than half of the size.
    pub halves: u32,
    /// True if one came in its listed size: it had been cut.
    pub has_cut: bool,
}

impl ShortAgain {
    /// Counts a message that came again with the same octets.
    pub fn count(&mut self, deviation: Deviation) {
        match deviation {
            Deviation::None => {}
            Deviation::Shorter | Deviation::Longer => self.parts += 1,
            Deviation::LessThanHalf => self.halves += 1,
        }
    }
}

impl SizeHistory {
    /// After this many second downloads with the same octets, messages of another size than listed are
    /// trusted.
    const PARTS: u32 = 3;
    /// The same for messages of less than half their listed size.
    const HALVES: u32 = 2 * Self::PARTS;

    /// Notes the results of second downloads. Messages that came again in the same octets show that the
    /// server lists wrong sizes. Messages of which at least half came do not excuse messages of which less
    /// than half comes. A message that turns out to have been cut shows that the listed sizes are right.
    pub fn note_again(&mut self, again: ShortAgain) {
        if again.has_cut {
            self.short_again = 0;
            return;
        }
        if self.short_again < Self::PARTS {
            self.short_again = (self.short_again + again.parts).min(Self::PARTS);
        }
        self.short_again = (self.short_again + again.halves).min(Self::HALVES);
    }

    /// Returns true if a message may be the right one, and whole, although it differs that much from its size.
    pub fn excuses(self, deviation: Deviation) -> bool {
        match deviation {
            Deviation::None => true,
            Deviation::Shorter | Deviation::Longer => self.short_again >= Self::PARTS,
            Deviation::LessThanHalf => self.short_again >= Self::HALVES,
        }
    }

    /// Returns true if another size says nothing about a message: the server changes the sizes of old
    /// messages (it adds header lines to them).
    pub fn prove_nothing(self) -> bool {
        const EQUAL_CONTENTS: u32 = 10;
        self.equal_contents >= EQUAL_CONTENTS
    }

    /// Returns true if another header says nothing about a message: TOP sends another header than RETR.
    pub fn headers_prove_nothing(self) -> bool {
        const OTHER_HEADERS: u32 = 10;
        self.other_headers >= OTHER_HEADERS
    }
}

/// A delivery, as `mailpull log` shows it.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The account's name.
    pub account: String,
    /// The message's unique-id.
    pub unique_id: ServerText,
    /// The time of the delivery, or `None` if the message is still staged.
    pub delivered: Option<Moment>,
    /// The time when it was deleted from the server.
    pub deleted: Option<Moment>,
    /// True if it was handed to an MDA again after a kill, so that it may have been delivered twice.
    pub was_repeated: bool,
    /// The Maildir, or the spool from which an MDA took it.
    pub target: PathBuf,
    /// The MDA, if there was one.
    pub program: Option<String>,
    /// Its file name there.
    pub file_name: String,
    /// Its length in octets.
    pub octets: u64,
    /// The From field.
    pub from: ServerText,
    /// The Subject field.
    pub subject: ServerText,
    /// The output of an MDA that took the message.
    pub words: ServerText,
}

/// All known messages of one account: their unique-ids in one piece, and some 48 octets a message.
#[derive(Debug, Default)]
pub struct KnownMessages {
    octets: Vec<u8>,
    rows: Vec<(Span, KnownMessage)>,
    are_doubtful: bool,
    sizes: SizeHistory,
    /// The row after the one that was found last.
    next: Cell<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    length: u16,
}

impl KnownMessages {
    /// Adds a message. Messages must be added in the order of their unique-ids' octets, then of their
    /// copy numbers.
    pub fn push(&mut self, unique_id: &[u8], known: KnownMessage) {
        let span = Span {
            start: self.octets.len(),
            length: u16::try_from(unique_id.len()).unwrap_or(u16::MAX),
        };
        debug_assert!(
            self.rows.last().is_none_or(
                |(last, row)| (self.unique_id(*last), row.copy) < (unique_id, known.copy)
            ),
            "messages are added in order"
        );
        self.octets
            .extend_from_slice(&unique_id[..usize::from(span.length)]);
        self.rows.push((span, known));
    }

    fn unique_id(&self, span: Span) -> &[u8] {
        &self.octets[span.start..][..usize::from(span.length)]
    }

    /// Returns the known messages under a unique-id, by copy number.
    pub fn of(&self, unique_id: &[u8]) -> impl ExactSizeIterator<Item = &KnownMessage> + Clone {
        let is_before = |(span, _): &(Span, KnownMessage)| self.unique_id(*span) < unique_id;
        let is_one = |(span, _): &(Span, KnownMessage)| self.unique_id(*span) == unique_id;
        // Most servers list in the order of their unique-ids: then it is the next row. That saves
        // a binary search for each of 100,000 messages.
        let next = self.next.get();
        let is_next = self.rows[..next].last().is_none_or(is_before)
            && self.rows.get(next).is_some_and(|row| !is_before(row));
        let start = if is_next {
            next
        } else {
            self.rows.partition_point(is_before)
        };
        let rest = &self.rows[start..];
        let count = if rest.get(1).is_some_and(is_one) {
            rest.partition_point(is_one)
        } else {
            usize::from(rest.first().is_some_and(is_one))
        };
        self.next.set(start + count);
        rest[..count].iter().map(|(_, known)| known)
    }

    /// Sets what earlier runs have learned about the sizes that the server reports.
    pub fn set_sizes(&mut self, sizes: SizeHistory) {
        self.sizes = sizes;
    }

    /// Returns the number of octets that STAT counts more than LIST on this server.
    pub fn surplus(&self) -> i64 {
        self.sizes.surplus
    }

    /// Returns true if another size says nothing about a message on this server.
    pub fn sizes_prove_nothing(&self) -> bool {
        self.sizes.prove_nothing()
    }

    /// Returns true if another header says nothing about a message on this server.
    pub fn headers_prove_nothing(&self) -> bool {
        self.sizes.headers_prove_nothing()
    }

    /// Puts all messages in doubt: the unique-ids may mean other messages now.
    pub fn doubt_all(&mut self) {
        self.are_doubtful = true;
    }

    /// Returns true if the unique-id alone does not identify a message: it was missing before, or all
    /// messages are in doubt.
    pub fn is_doubtful(&self, known: &KnownMessage) -> bool {
        self.are_doubtful || known.is_absent
    }

    /// Returns all known messages with their unique-ids, in the order of these.
    pub fn rows(&self) -> impl Iterator<Item = (&[u8], &KnownMessage)> {
        self.rows
            .iter()
            .map(|(span, known)| (self.unique_id(*span), known))
    }

    /// Returns the known messages under each unique-id, in the order of the unique-ids.
    pub fn groups(
        &self,
    ) -> impl Iterator<Item = (&[u8], impl ExactSizeIterator<Item = &KnownMessage> + Clone)> {
        self.rows
            .chunk_by(|(one, _), (next, _)| self.unique_id(*one) == self.unique_id(*next))
            .map(|group| {
                (
                    self.unique_id(group[0].0),
                    group.iter().map(|(_, known)| known),
                )
            })
    }

    /// Returns all known messages.
    pub fn iter(&self) -> impl Iterator<Item = &KnownMessage> {
        self.rows.iter().map(|(_, known)| known)
    }

    /// Returns true if nothing is known, as in the first run.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Returns a message about which nothing but its state is known.
    pub(crate) fn message_in(state: State) -> KnownMessage {
        KnownMessage {
            copy: 0,
            state,
            size: None,
            next_try: Moment(0),
            is_absent: false,
            is_undeletable: false,
            quit_was_unanswered: false,
            suspicion: Suspicion::None,
        }
    }

    #[test]
    fn second_downloads_show_that_sizes_are_wrong() {
        let (parts, halves, cut) = (
            ShortAgain {
                parts: 1,
                ..ShortAgain::default()
            },
            ShortAgain {
                halves: 1,
                ..ShortAgain::default()
            },
            ShortAgain {
                has_cut: true,
                parts: 5,
                ..ShortAgain::default()
            },
        );
        for (results, excuses) in [
            (vec![], [false, false]),
            (vec![parts; 2], [false, false]),
            (vec![parts; 3], [true, false]),
            (vec![parts; 99], [true, false]),
            (vec![halves; 2], [false, false]),
            (vec![halves; 3], [true, false]),
            (vec![halves; 6], [true, true]),
            (
                vec![parts, parts, parts, parts, halves, halves],
                [true, false],
            ),
            (
                vec![parts, parts, parts, halves, halves, halves],
                [true, true],
            ),
            (vec![parts, parts, parts, cut], [false, false]),
            (vec![cut, parts, parts], [false, false]),
        ] {
            let mut history = SizeHistory::default();
            for again in &results {
                history.note_again(*again);
            }
            let parts = history.excuses(Deviation::Shorter);
            let halves = history.excuses(Deviation::LessThanHalf);
            assert_eq!([parts, halves], excuses, "{results:?}");
        }
    }

    #[test]
    fn messages_are_found_by_their_unique_id() {
        let known = |copy| KnownMessage {
            copy,
            ..message_in(State::Seen)
        };
        let mut all = KnownMessages::default();
        for (unique_id, copy) in [("a", 0), ("ab", 0), ("ab", 1), ("b", 0)] {
            all.push(unique_id.as_bytes(), known(copy));
        }
        let copies = [("", 0), ("a", 1), ("aa", 0), ("ab", 2), ("b", 1), ("c", 0)];
        // In order, backwards, and each one after each other.
        let pairs = copies
            .iter()
            .flat_map(|one| copies.iter().flat_map(move |other| [one, other]));
        let orders = copies.iter().chain(copies.iter().rev()).chain(pairs);
        for (unique_id, copies) in orders {
            assert_eq!(all.of(unique_id.as_bytes()).len(), *copies, "{unique_id}");
        }
    }
}
