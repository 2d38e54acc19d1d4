//! Who of the known messages is still on the server: pure comparison of what is known with a
//! listing.
//! Knows no server and forgets nobody: that takes more than one listing.

use crate::mail::known::{KnownMessage, KnownMessages, State};
use crate::mail::maildrop::{Identity, Listing, UniqueId};

/// So many messages that vanish at once, all there were, are not a user who tidied up.
const PART: usize = 100;

/// What a listing tells of the known messages.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Attendance {
    /// Listed until now, and no more.
    pub left: Vec<Identity>,
    /// Listed again.
    pub back: Vec<Identity>,
    /// How many that were to be expected are there.
    present: usize,
    /// How many are listed.
    listed: usize,
}

impl Attendance {
    /// Calls the roll. All messages under one unique-id are there if one of them is: which of them
    /// it is, nobody knows.
    pub(crate) fn of(known: &KnownMessages, listing: &Listing) -> Self {
        let mut attendance = Self {
            listed: listing.len(),
            ..Self::default()
        };
        let mut listed = listing.by_unique_id().peekable();
        for (unique_id, row) in known.rows() {
            while listed
                .next_if(|&at| listing.unique_id(at) < unique_id)
                .is_some()
            {}
            let is_listed = listed
                .peek()
                .is_some_and(|&at| listing.unique_id(at) == unique_id);
            attendance.note(unique_id, row, is_listed);
        }
        attendance
    }

    fn note(&mut self, unique_id: &[u8], row: &KnownMessage, is_listed: bool) {
        match (row.is_absent, is_listed) {
            (false, false) if row.state != State::Staged => {
                self.left.extend(identity(unique_id, row));
            }
            (true, true) => self.back.extend(identity(unique_id, row)),
            _ => {}
        }
        if is_listed && row.state != State::Gone {
            self.present += 1;
        }
    }

    /// Whether nothing has changed.
    pub(crate) fn is_as_before(&self) -> bool {
        self.left.is_empty() && self.back.is_empty()
    }

    /// Whether the server seems to show its mail part by part, hiding what was retrieved (Gmail
    /// lists some 250 messages at a time): many were there, all of them have left by themselves,
    /// and as many others have come.
    pub(crate) fn is_in_parts(&self) -> bool {
        self.left.len() >= PART && self.present == 0 && self.listed >= PART
    }
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
    use crate::mail::maildrop::MessageNumber;
    use crate::moment::Moment;

    fn listing<'a>(unique_ids: impl IntoIterator<Item = &'a str>) -> Listing {
        let mut listing = Listing::default();
        let numbers = (1..).filter_map(MessageNumber::new);
        for (number, unique_id) in numbers.zip(unique_ids) {
            listing.push(number, unique_id.as_bytes()).expect("valid");
        }
        listing.finish().expect("valid")
    }

    fn row(state: State) -> KnownMessage {
        KnownMessage {
            copy: 0,
            state,
            size: None,
            next_try: Moment(0),
            is_absent: false,
            is_undeletable: false,
        }
    }

    const DELIVERED: State = State::Delivered(Moment(0));

    fn known<'a>(rows: impl IntoIterator<Item = (&'a str, KnownMessage)>) -> KnownMessages {
        let mut known = KnownMessages::default();
        for (unique_id, row) in rows {
            known.push(unique_id.as_bytes(), row);
        }
        known
    }

    fn names(identities: &[Identity]) -> Vec<String> {
        let shown = |identity: &Identity| format!("{} {}", identity.unique_id, identity.copy);
        identities.iter().map(shown).collect()
    }

    #[test]
    fn who_has_left_and_who_is_back_is_told_once() {
        let absent = |state| KnownMessage {
            next_try: Moment(0),
            is_absent: true,
            ..row(state)
        };
        let second = KnownMessage {
            copy: 1,
            ..row(DELIVERED)
        };
        let known = known([
            ("a", row(DELIVERED)),
            ("b", row(State::Seen)),
            ("b", second),
            ("c", absent(DELIVERED)),
            ("d", absent(State::Gone)),
            ("e", row(State::Staged)),
        ]);
        let attendance = Attendance::of(&known, &listing(["x", "d", "a"]));
        assert_eq!(names(&attendance.left), ["b 0", "b 1"]);
        assert_eq!(names(&attendance.back), ["d 0"]);
        assert!(!attendance.is_as_before());
        let attendance = Attendance::of(&known, &listing(["b", "a"]));
        assert!(attendance.is_as_before());
    }

    #[test]
    fn a_server_that_hides_what_it_gave_shows_its_mail_in_parts() {
        let ids = |prefix: &'static str, count: usize| -> Vec<String> {
            (0..count).map(|n| format!("{prefix}{n:04}")).collect()
        };
        let old = ids("a", PART);
        let all = || known(old.iter().map(|id| (id.as_str(), row(DELIVERED))));
        for (listed, is_in_parts) in [
            (ids("b", PART), true),
            (ids("b", PART - 1), false),
            ([ids("b", PART), ids("a", 1)].concat(), false),
            (Vec::new(), false),
        ] {
            let listing = listing(listed.iter().map(String::as_str));
            let attendance = Attendance::of(&all(), &listing);
            assert_eq!(attendance.is_in_parts(), is_in_parts, "{}", listed.len());
        }
        let few = known(old.iter().skip(1).map(|id| (id.as_str(), row(DELIVERED))));
        let new = ids("b", PART);
        let listing = listing(new.iter().map(String::as_str));
        assert!(!Attendance::of(&few, &listing).is_in_parts());
    }
}
