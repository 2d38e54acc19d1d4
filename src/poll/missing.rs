//! Compares known messages with a listing: some are missing, others are back.
//!
//! Pure. Nothing is forgotten here: that takes more than one listing.

use std::collections::HashSet;

use crate::mail::known::{KnownMessage, State};
use crate::mail::maildrop::{Identity, Listing, Position, UniqueId};
use crate::mail::memory::push_apart;
use crate::poll::join::Group;
use crate::poll::pairing::pair;

/// At least this many messages must vanish at once, all there were, before the server is taken to
/// list a part at a time. Fewer may have been deleted by their user.
const PARTIAL_LISTING_MESSAGES: usize = 100;

/// The most missing messages that are in memory. A mailbox of a million may vanish at once, in many accounts at the
/// same time.
const MISSING_AT_ONCE: usize = if cfg!(test) { 1 } else { 16_384 };

/// The changes since the last listing.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct ListingChanges {
    /// The first messages that were listed until now and are missing.
    pub missing: Vec<Identity>,
    /// The number of all of them.
    missing_in_all: usize,
    /// Messages that were missing and are listed again: the first position of the unique-id, and the copy.
    pub returned: Vec<(Position, u32)>,
    /// The number of known messages, other than deleted ones, that are listed.
    present: usize,
    /// The number of listed messages.
    listed: usize,
}

impl ListingChanges {
    /// Begins to compare known messages with a listing.
    pub(crate) fn of(listing: &Listing) -> Self {
        Self {
            listed: listing.len(),
            ..Self::default()
        }
    }

    /// Notes what has changed under one unique-id. A known message counts as listed if a listed message
    /// is taken for it.
    pub(crate) fn compare(&mut self, listing: &Listing, group: &Group<'_>) {
        let Group {
            unique_id,
            listed,
            known,
        } = *group;
        let first = listed.first().copied();
        if listed.is_empty() || known.len() == 1 {
            known
                .iter()
                .for_each(|row| self.note(unique_id, row, first));
            return;
        }
        let pairs = pair(listing, listed, known.iter());
        let listed: HashSet<_> = pairs
            .iter()
            .filter(|pair| pair.known.is_some())
            .map(|pair| pair.copy)
            .collect();
        for row in known {
            self.note(unique_id, row, first.filter(|_| listed.contains(&row.copy)));
        }
    }

    fn note(&mut self, unique_id: &[u8], row: &KnownMessage, listed: Option<Position>) {
        match (row.is_absent, listed) {
            (false, None) if row.state != State::Staged => {
                if let Some(identity) = identity(unique_id, row) {
                    self.missing_in_all += 1;
                    if self.missing.len() < MISSING_AT_ONCE {
                        self.missing.push(identity);
                    }
                }
            }
            (true, Some(position)) => {
                push_apart(&mut self.returned, (position, row.copy));
            }
            _ => {}
        }
        if listed.is_some() && row.state != State::Gone {
            self.present += 1;
        }
    }

    /// Returns true if more messages are missing than are in memory.
    pub(crate) fn has_more(&self) -> bool {
        self.missing_in_all > self.missing.len()
    }

    /// Returns true if nothing has changed.
    pub(crate) fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.returned.is_empty()
    }

    /// Returns true if the server seems to list a part of its mail at a time and to hide what was
    /// retrieved (Gmail lists some 250 messages at a time): many messages were there, all of them are
    /// missing although nobody deleted them, and as many others have come.
    pub(crate) fn is_partial_listing(&self) -> bool {
        self.missing_in_all >= PARTIAL_LISTING_MESSAGES
            && self.present == 0
            && self.listed >= PARTIAL_LISTING_MESSAGES
    }
}

/// Returns true if a listing may be without a known message: it was delivered or is on its way.
pub(crate) fn is_ours(row: &KnownMessage) -> bool {
    matches!(row.state, State::Delivered(_) | State::Staged)
}

fn identity(unique_id: &[u8], row: &KnownMessage) -> Option<Identity> {
    let unique_id = UniqueId::new(unique_id)?;
    Some(Identity {
        unique_id,
        copy: row.copy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::known::tests::{KnownRows, message_in};
    use crate::mail::maildrop::MessageNumber;
    use crate::moment::Moment;
    use crate::poll::join::join;

    fn listing<'a>(unique_ids: impl IntoIterator<Item = &'a str>) -> Listing {
        let mut listing = Listing::default();
        let numbers = (1..).filter_map(MessageNumber::new);
        for (number, unique_id) in numbers.zip(unique_ids) {
            listing.push(number, unique_id.as_bytes()).expect("valid");
        }
        listing.finish().expect("valid")
    }

    const DELIVERED: State = State::Delivered(Moment(0));

    fn compared(known: &KnownRows, listing: &Listing) -> ListingChanges {
        let mut changes = ListingChanges::of(listing);
        let compare = |group: Group<'_>| changes.compare(listing, &group);
        let Ok(()) = join(listing, |each| known.each(each), compare);
        changes
    }

    fn names(identities: &[Identity]) -> Vec<String> {
        let shown = |identity: &Identity| format!("{} {}", identity.unique_id, identity.copy);
        identities.iter().map(shown).collect()
    }

    #[test]
    fn missing_and_returned_messages_are_found_once() {
        let absent = |state| KnownMessage {
            is_absent: true,
            ..message_in(state)
        };
        let second = KnownMessage {
            copy: 1,
            ..message_in(DELIVERED)
        };
        let known = KnownRows::of([
            ("a", message_in(DELIVERED)),
            ("b", message_in(State::Seen)),
            ("b", second),
            ("c", absent(DELIVERED)),
            ("d", absent(State::Gone)),
            ("e", message_in(State::Staged)),
        ]);
        let listed = listing(["x", "d", "a"]);
        let changes = compared(&known, &listed);
        assert_eq!(names(&changes.missing), ["b 0"]);
        assert!(changes.has_more());
        let returned: Vec<_> = changes
            .returned
            .iter()
            .map(|&(position, copy)| listed.message(position, copy).identity)
            .collect();
        assert_eq!(names(&returned), ["d 0"]);
        assert!(!changes.is_empty());
        // One of the two messages under "b" is left out.
        let changes = compared(&known, &listing(["b", "a"]));
        assert_eq!(names(&changes.missing), ["b 1"]);
        assert!(!changes.has_more());
        let changes = compared(&known, &listing(["b", "b", "a"]));
        assert!(changes.is_empty());
    }

    #[test]
    fn a_server_that_hides_retrieved_mail_lists_in_parts() {
        let ids = |prefix: &'static str, count: usize| -> Vec<String> {
            (0..count).map(|n| format!("{prefix}{n:04}")).collect()
        };
        let old = ids("a", PARTIAL_LISTING_MESSAGES);
        let all = || KnownRows::of(old.iter().map(|id| (id.as_str(), message_in(DELIVERED))));
        for (listed, is_partial) in [
            (ids("b", PARTIAL_LISTING_MESSAGES), true),
            (ids("b", PARTIAL_LISTING_MESSAGES - 1), false),
            (
                [ids("b", PARTIAL_LISTING_MESSAGES), ids("a", 1)].concat(),
                false,
            ),
            (Vec::new(), false),
        ] {
            let listing = listing(listed.iter().map(String::as_str));
            let changes = compared(&all(), &listing);
            assert_eq!(changes.is_partial_listing(), is_partial, "{}", listed.len());
        }
        let few = KnownRows::of(
            old.iter()
                .skip(1)
                .map(|id| (id.as_str(), message_in(DELIVERED))),
        );
        let new = ids("b", PARTIAL_LISTING_MESSAGES);
        let listing = listing(new.iter().map(String::as_str));
        assert!(!compared(&few, &listing).is_partial_listing());
    }
}
