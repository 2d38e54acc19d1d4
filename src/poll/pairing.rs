//! Pairs the messages that are listed under one unique-id with those that are known under it. Pure.
//!
//! A server may give one unique-id to several messages, and a listing may leave one of them out. The n-th
//! listed message is then not the n-th known one, so sizes come first, and what they do not tell apart is
//! in doubt: it is fetched and compared.

use std::collections::{HashMap, VecDeque};

use crate::mail::known::{KnownMessage, State};
use crate::mail::maildrop::{Listing, Position};

/// A listed message, and the known message that it is taken for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Pair<'a> {
    /// The position in the listing.
    pub position: Position,
    /// The known message; `None` if it is new.
    pub known: Option<&'a KnownMessage>,
    /// The copy number of the known message, or a free one.
    pub copy: u32,
    /// True if only its content shows which message it is.
    pub is_doubtful: bool,
}

/// Pairs the messages at these positions, which share a unique-id, with the known messages under it.
pub(crate) fn pair<'a>(
    listing: &Listing,
    listed: &[Position],
    known: impl Iterator<Item = &'a KnownMessage> + Clone,
) -> Vec<Pair<'a>> {
    let mut pairing = Pairing {
        listing,
        left: listed.iter().map(|&position| (position, false)).collect(),
        pairs: Vec::with_capacity(listed.len()),
    };
    let is_gone = |known: &&KnownMessage| known.state == State::Gone;
    let live = known.clone().filter(|known| !is_gone(known));
    let (absent, present): (Vec<_>, Vec<_>) = live.partition(|known| known.is_absent);
    pairing.doubt_crowded_sizes(&present);
    let present = pairing.pair_by_size(present);
    pairing.doubt_if_crowded(&present);
    pairing.pair_in_order(&present);
    // From here on a partner is only a guess.
    for others in [absent, known.clone().filter(is_gone).collect()] {
        let first = pairing.pairs.len();
        let others = pairing.pair_by_size(others);
        pairing.pair_in_order(&others);
        for pair in &mut pairing.pairs[first..] {
            pair.is_doubtful = true;
        }
    }
    pairing.number_new(known);
    pairing.pairs
}

struct Pairing<'a, 'l> {
    listing: &'l Listing,
    /// The listed messages that have no partner yet. True if they are in doubt whatever partner they get.
    left: Vec<(Position, bool)>,
    pairs: Vec<Pair<'a>>,
}

impl<'a> Pairing<'a, '_> {
    /// Puts all listed messages of a size in doubt if fewer are known: any of them may be the new one.
    fn doubt_crowded_sizes(&mut self, present: &[&KnownMessage]) {
        let mut listed: HashMap<u64, usize> = HashMap::new();
        for size in self
            .left
            .iter()
            .filter_map(|(at, _)| self.listing.size(*at))
        {
            *listed.entry(size).or_default() += 1;
        }
        let mut known: HashMap<u64, Vec<&KnownMessage>> = HashMap::new();
        for row in present {
            let Some(size) = row.size else { continue };
            known.entry(size).or_default().push(row);
        }
        let is_crowded = |size: u64| {
            let (listed, known) = (listed.get(&size), known.get(&size));
            listed
                .zip(known)
                .is_some_and(|(&listed, known)| is_crowded(listed, known))
        };
        for (position, is_doubtful) in &mut self.left {
            *is_doubtful = self.listing.size(*position).is_some_and(is_crowded);
        }
    }

    /// Puts all listed messages that are left in doubt if fewer known ones are left.
    fn doubt_if_crowded(&mut self, present: &[&KnownMessage]) {
        if is_crowded(self.left.len(), present) {
            for (_, is_doubtful) in &mut self.left {
                *is_doubtful = true;
            }
        }
    }

    /// Pairs messages of the same size, in order. Returns the known messages that are left.
    fn pair_by_size(&mut self, rows: Vec<&'a KnownMessage>) -> Vec<&'a KnownMessage> {
        let mut rows_of: HashMap<Option<u64>, VecDeque<&KnownMessage>> = HashMap::new();
        for row in rows {
            rows_of.entry(row.size).or_default().push_back(row);
        }
        let (listing, pairs) = (self.listing, &mut self.pairs);
        self.left.retain(|&(position, is_doubtful)| {
            let size = listing.size(position);
            let row = rows_of.get_mut(&size).filter(|_| size.is_some());
            match row.and_then(VecDeque::pop_front) {
                Some(row) => {
                    pairs.push(Pair::with(position, row, is_doubtful));
                    false
                }
                None => true,
            }
        });
        let mut rows: Vec<_> = rows_of.into_values().flatten().collect();
        rows.sort_unstable_by_key(|row| row.copy);
        rows
    }

    fn pair_in_order(&mut self, rows: &[&'a KnownMessage]) {
        let paired = self.left.len().min(rows.len());
        for ((position, is_doubtful), row) in self.left.drain(..paired).zip(rows) {
            self.pairs.push(Pair::with(position, row, is_doubtful));
        }
    }

    /// Gives the lowest free copy numbers to the messages that are left: they are new.
    fn number_new(&mut self, known: impl Iterator<Item = &'a KnownMessage>) {
        let mut taken = known.map(|known| known.copy).peekable();
        let mut copy = 0;
        for &(position, is_doubtful) in &self.left {
            while taken.next_if_eq(&copy).is_some() {
                copy += 1;
            }
            self.pairs.push(Pair {
                position,
                known: None,
                copy,
                is_doubtful,
            });
            copy += 1;
        }
    }
}

impl<'a> Pair<'a> {
    fn with(position: Position, known: &'a KnownMessage, is_doubtful: bool) -> Self {
        Self {
            position,
            known: Some(known),
            copy: known.copy,
            is_doubtful,
        }
    }
}

/// Returns true if more messages are listed than are known, so that any of them may be the new one. A
/// message that was never fetched cannot be compared: the first listed ones count as those.
fn is_crowded(listed: usize, known: &[&KnownMessage]) -> bool {
    let can_be_compared = known.iter().all(|known| known.state != State::Seen);
    !known.is_empty() && listed > known.len() && can_be_compared
}
