//! What earlier runs know of an account's messages, compactly in memory.
//! Reads no database and decides nothing.

use std::cell::Cell;
use std::path::PathBuf;
use std::time::Duration;

use crate::moment::Moment;
use crate::text::ServerText;

/// After so many failures in a row a message is set aside.
pub const MAX_FAILURES: u32 = 5;
/// How long a message that was set aside waits for its next try.
pub const SET_ASIDE_FOR: Duration = Duration::from_secs(24 * 3600);

/// Whether a message may be tried now that was not to be tried before `until`. Nothing waits for
/// longer than a day: a clock that was set back does not count.
pub fn may_be_tried(until: Moment, now: Moment) -> bool {
    until <= now || until > now.plus(SET_ASIDE_FOR)
}

/// When a message that failed so often in a row is tried again: at the next run, behind those that
/// were not tried for longer, or after a day.
pub fn next_try(failures: u32, now: Moment) -> Moment {
    if failures < MAX_FAILURES {
        now
    } else {
        now.plus(SET_ASIDE_FOR)
    }
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// Delivered at that time, recorded.
    Delivered(Moment),
    /// Deleted from the server: a tombstone, in case its unique-id comes back.
    Gone,
    /// KnownMessage, but never delivered by us, and so never deleted by us.
    Seen,
    /// In our hands and on its way.
    Staged,
    /// It could not be retrieved; not to be tried again before that time.
    Failed(Moment),
}

/// One known message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KnownMessage {
    /// Its number among those under the same unique-id.
    pub copy: u32,
    /// Where it stands.
    pub state: State,
    /// Its size in octets, as the scan listing said when it was new.
    pub size: Option<u64>,
    /// Not to be tried again before that time, whatever for.
    pub next_try: Moment,
    /// Whether the last listing was without it.
    pub is_absent: bool,
    /// Whether deleting it is out of the question: the server lists it for ever, whatever it
    /// answers to DELE (Gmail), or our copy may be incomplete.
    pub is_undeletable: bool,
}

/// One delivery.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The account's name.
    pub account: String,
    /// What the server calls the message.
    pub unique_id: ServerText,
    /// When it was delivered; `None`: it is still on its way.
    pub delivered: Option<Moment>,
    /// When it was deleted from the server.
    pub deleted: Option<Moment>,
    /// Whether it was handed to an MDA again after a kill, so that it may have come twice.
    pub was_repeated: bool,
    /// The Maildir, or the spool from which an MDA took it.
    pub target: PathBuf,
    /// The MDA, if it was one.
    pub program: Option<String>,
    /// Its file name there.
    pub file_name: String,
    /// Its length in octets.
    pub octets: u64,
    /// From.
    pub from: ServerText,
    /// Subject.
    pub subject: ServerText,
    /// What an MDA said although it took it.
    pub words: ServerText,
}

/// All that is known of one account: unique-ids in one piece, and some 48 octets a message.
#[derive(Debug, Default)]
pub struct KnownMessages {
    octets: Vec<u8>,
    rows: Vec<(Span, KnownMessage)>,
    are_doubtful: bool,
    /// The row behind the one that was looked for last.
    next: Cell<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    length: u16,
}

impl KnownMessages {
    /// Adds a message. They have to come in the order of their unique-ids' octets, then of their
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
            "in order"
        );
        self.octets
            .extend_from_slice(&unique_id[..usize::from(span.length)]);
        self.rows.push((span, known));
    }

    fn unique_id(&self, span: Span) -> &[u8] {
        &self.octets[span.start..][..usize::from(span.length)]
    }

    /// What is known of the messages under a unique-id, by copy number.
    pub fn of(&self, unique_id: &[u8]) -> impl ExactSizeIterator<Item = &KnownMessage> + Clone {
        let is_before = |(span, _): &(Span, KnownMessage)| self.unique_id(*span) < unique_id;
        let is_one = |(span, _): &(Span, KnownMessage)| self.unique_id(*span) == unique_id;
        // Most servers list in the order of their unique-ids: then it is the next one.
        let next = self.next.get();
        let is_next = self.rows[..next].last().is_none_or(is_before)
            && self.rows.get(next).is_some_and(|row| !is_before(row));
        let start = match is_next {
            true => next,
            false => self.rows.partition_point(is_before),
        };
        let behind = &self.rows[start..];
        let count = match behind.get(1).is_some_and(is_one) {
            true => behind.partition_point(is_one),
            false => usize::from(behind.first().is_some_and(is_one)),
        };
        self.next.set(start + count);
        behind[..count].iter().map(|(_, known)| known)
    }

    /// Takes nothing for granted: unique-ids may mean other messages now.
    pub fn doubt_all(&mut self) {
        self.are_doubtful = true;
    }

    /// Whether a unique-id alone says nothing of a message, whatever its size: it was away, or all
    /// of them are in doubt.
    pub fn is_doubtful(&self, known: &KnownMessage) -> bool {
        self.are_doubtful || known.is_absent
    }

    /// All known messages with their unique-ids, in the order of these.
    pub fn rows(&self) -> impl Iterator<Item = (&[u8], &KnownMessage)> {
        self.rows
            .iter()
            .map(|(span, known)| (self.unique_id(*span), known))
    }

    /// All known messages.
    pub fn iter(&self) -> impl Iterator<Item = &KnownMessage> {
        self.rows.iter().map(|(_, known)| known)
    }

    /// Whether nothing is known: the first run.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_by_their_unique_id() {
        let known = |copy| KnownMessage {
            copy,
            state: State::Seen,
            size: None,
            next_try: Moment(0),
            is_absent: false,
            is_undeletable: false,
        };
        let mut all = KnownMessages::default();
        for (unique_id, copy) in [("a", 0), ("ab", 0), ("ab", 1), ("b", 0)] {
            all.push(unique_id.as_bytes(), known(copy));
        }
        let copies = [("", 0), ("a", 1), ("aa", 0), ("ab", 2), ("b", 1), ("c", 0)];
        // One after the other, backwards, and each behind each.
        let pairs = copies
            .iter()
            .flat_map(|one| copies.iter().flat_map(move |other| [one, other]));
        let orders = copies.iter().chain(copies.iter().rev()).chain(pairs);
        for (unique_id, copies) in orders {
            assert_eq!(all.of(unique_id.as_bytes()).len(), *copies, "{unique_id}");
        }
    }
}
