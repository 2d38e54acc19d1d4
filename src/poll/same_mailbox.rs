//! Decides if a listing is of a mailbox whose messages are known: under another account's name, or from
//! another port or server.
//!
//! Unique-ids alone do not show it. Some servers number their messages from 1, so that two mailboxes
//! share all unique-ids. Sizes must agree as well, and the headers, where the server has TOP.

use crate::mail::known::{KnownMessage, State};
use crate::mail::maildrop::Listing;
use crate::mail::same_header::{KnownHeader, ListedHeader};
use crate::poll::join::{Group, join};
use crate::poll::plan::{Pick, spread_sample};

/// With fewer messages of equal size than this, equal sizes may be chance: the messages are retrieved
/// and compared.
const FEW: usize = 4;

/// The messages of a listing that are known by their unique-ids.
#[derive(Debug, Default)]
pub(crate) struct SharedMessages {
    picks: Vec<Pick>,
    equal: usize,
    unequal: usize,
}

/// The headers of shared messages, compared with those of the known ones.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ComparedHeaders {
    /// The number of equal headers.
    pub equal: usize,
    /// The number of different ones.
    pub different: usize,
}

/// The judgement of a listing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mailbox {
    /// It is the mailbox that is known.
    Same,
    /// It probably is. Before a known message is deleted, it is compared.
    Likely,
    /// It is another one.
    Other,
}

impl ComparedHeaders {
    /// Compares a header that the server has sent with that of a known message. Equal headers that many
    /// messages may have prove nothing.
    pub(crate) fn note(&mut self, listed: &ListedHeader, known: &KnownHeader) {
        match listed.is_of(known) {
            true if listed.may_be_of_many() => {}
            true => self.equal += 1,
            false => self.different += 1,
        }
    }
}

impl SharedMessages {
    /// Finds the messages of a listing that are known by their unique-ids. `known` gives the known
    /// messages in the order of these.
    pub(crate) fn find<E>(
        listing: &Listing,
        known: impl FnOnce(&mut dyn FnMut(&[u8], KnownMessage)) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut shared = Self::default();
        if !listing.names_are_made_up() {
            join(listing, known, |group| shared.compare(listing, &group))?;
            shared.picks.sort_unstable_by_key(|pick| pick.position);
        }
        Ok(shared)
    }

    fn compare(&mut self, listing: &Listing, group: &Group<'_>) {
        let (&[position], &[row]) = (group.listed, group.known) else {
            return;
        };
        if row.state == State::Gone {
            return;
        }
        match (row.size, listing.size(position)) {
            (Some(known), Some(listed)) if known == listed => self.equal += 1,
            (Some(_), Some(_)) => self.unequal += 1,
            _ => {}
        }
        let copy = row.copy;
        self.picks.push(Pick { position, copy });
    }

    /// Returns true if no known message is listed.
    pub(crate) fn is_empty(&self) -> bool {
        self.picks.is_empty()
    }

    /// Returns all shared messages.
    pub(crate) fn into_picks(self) -> Vec<Pick> {
        self.picks
    }

    /// Returns some of them, from all over the listing.
    pub(crate) fn sample(&self) -> impl Iterator<Item = Pick> + '_ {
        spread_sample(&self.picks)
    }

    /// Returns the messages to retrieve and compare in a mailbox that is probably the same: some of them,
    /// if equal sizes may be chance.
    pub(crate) fn in_doubt(&self) -> Vec<Pick> {
        if self.equal < FEW {
            self.picks.iter().copied().take(FEW).collect()
        } else {
            Vec::new()
        }
    }

    /// Judges the listing.
    pub(crate) fn judge(&self, headers: ComparedHeaders) -> Mailbox {
        let ComparedHeaders { equal, different } = headers;
        let sizes_differ = self.unequal > self.equal;
        match (equal, different) {
            _ if self.is_empty() => Mailbox::Other,
            (0, 0) if sizes_differ => Mailbox::Other,
            (0, 0) => Mailbox::Likely,
            (_, 0) => Mailbox::Same,
            _ if different > equal => Mailbox::Other,
            _ => Mailbox::Likely,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::known::KnownMessage;
    use crate::mail::known::tests::{KnownRows, message_in};
    use crate::mail::maildrop::MessageNumber;
    use crate::mail::same_header;
    use crate::moment::Moment;

    const DELIVERED: State = State::Delivered(Moment(0));

    fn listing(lines: &[(&str, u64)]) -> Listing {
        let mut listing = Listing::default();
        let numbers = (1..).filter_map(MessageNumber::new);
        for (number, (unique_id, _)) in numbers.clone().zip(lines) {
            listing.push(number, unique_id.as_bytes()).expect("valid");
        }
        let mut listing = listing.finish().expect("valid");
        for (number, (_, size)) in numbers.zip(lines) {
            listing.set_size(number, *size);
        }
        listing
    }

    fn shared(listing: &Listing, rows: &[(&str, State, Option<u64>)]) -> SharedMessages {
        let known = KnownRows::of(rows.iter().map(|&(unique_id, state, size)| {
            let row = KnownMessage {
                size,
                ..message_in(state)
            };
            (unique_id, row)
        }));
        let Ok(shared) = SharedMessages::find(listing, |each| known.each(each));
        shared
    }

    #[test]
    fn unique_ids_and_sizes_show_a_mailbox_without_top() {
        let a_and_b = [("a", DELIVERED, Some(5)), ("b", DELIVERED, Some(6))];
        for (lines, rows, expected) in [
            (
                &[("a", 5), ("b", 6), ("c", 7)][..],
                &a_and_b[..],
                Mailbox::Likely,
            ),
            (&[("b", 6)], &a_and_b, Mailbox::Likely),
            // One size may have changed: some servers add a line to a message that was read.
            (&[("a", 5), ("b", 7)], &a_and_b, Mailbox::Likely),
            (&[("a", 6), ("b", 7)], &a_and_b, Mailbox::Other),
            (&[("c", 5), ("d", 6)], &a_and_b, Mailbox::Other),
            (&[("a", 5)], &[("a", DELIVERED, None)], Mailbox::Likely),
            // A unique-id may be used again after a deletion.
            (&[("a", 5)], &[("a", State::Gone, Some(5))], Mailbox::Other),
            (&[("a", 5), ("a", 5)], &a_and_b, Mailbox::Other),
        ] {
            let shared = shared(&listing(lines), rows);
            let judged = shared.judge(ComparedHeaders::default());
            assert_eq!(judged, expected, "{lines:?} {rows:?}");
        }
    }

    #[test]
    fn headers_outweigh_sizes() {
        let listing = listing(&[("a", 5), ("b", 6)]);
        for (sizes, equal, different, expected) in [
            ([5, 6], 2, 0, Mailbox::Same),
            ([7, 7], 2, 0, Mailbox::Same),
            ([5, 6], 1, 1, Mailbox::Likely),
            ([5, 6], 0, 2, Mailbox::Other),
        ] {
            let rows = [
                ("a", DELIVERED, Some(sizes[0])),
                ("b", DELIVERED, Some(sizes[1])),
            ];
            let shared = shared(&listing, &rows);
            let judged = shared.judge(ComparedHeaders { equal, different });
            assert_eq!(judged, expected, "{sizes:?} {equal} {different}");
        }
    }

    #[test]
    fn equal_headers_count_unless_many_messages_may_have_them() {
        for (ours, theirs, equal, different) in [
            ("Message-ID: <1@x>\n", "Message-ID: <1@x>\n", 1, 0),
            ("Message-ID: <1@x>\n", "Message-ID: <2@x>\n", 0, 1),
            ("Subject: s\n", "Subject: s\n", 0, 0),
            ("Subject: s\n", "Subject: t\n", 0, 1),
        ] {
            let mut compared = ComparedHeaders::default();

            compared.note(
                &same_header::tests::listed(theirs),
                &same_header::tests::known(ours),
            );

            let counts = (compared.equal, compared.different);
            assert_eq!(counts, (equal, different), "{ours} {theirs}");
        }
    }

    #[test]
    fn a_few_equal_sizes_are_not_trusted() {
        let names = ["a", "b", "c", "d", "e"];
        for (count, compared) in [(1, 1), (3, 3), (4, 0), (5, 0)] {
            let lines: Vec<_> = names[..count].iter().map(|&name| (name, 5)).collect();
            let rows: Vec<_> = names[..count]
                .iter()
                .map(|&name| (name, DELIVERED, Some(5)))
                .collect();
            let shared = shared(&listing(&lines), &rows);
            assert_eq!(shared.in_doubt().len(), compared, "{count}");
        }
    }
}
