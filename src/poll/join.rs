//! Joins a listing with the known messages. Both are in the order of their unique-ids, so that one pass
//! is enough, and the known messages need not be in memory. Pure.

use crate::mail::known::KnownMessage;
use crate::mail::maildrop::{Listing, Position};

/// The listed and the known messages under one unique-id. There is at least one.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    /// The unique-id.
    pub unique_id: &'a [u8],
    /// The listed messages, by position.
    pub listed: &'a [Position],
    /// The known messages, by copy number.
    pub known: &'a [KnownMessage],
}

/// Gives all messages to `each`, in the order of their unique-ids. `rows` gives the known messages in
/// the order of their unique-ids and copy numbers.
///
/// # Errors
/// `rows` fails. Then `each` did not get all messages.
pub fn join<E>(
    listing: &Listing,
    rows: impl FnOnce(&mut dyn FnMut(&[u8], KnownMessage)) -> Result<(), E>,
    mut each: impl FnMut(Group<'_>),
) -> Result<(), E> {
    let mut groups = listing.groups().peekable();
    // A group of known messages is complete when the next one begins.
    let mut unique_id = Vec::new();
    let mut known = Vec::new();
    let mut complete = |unique_id: &[u8], known: &[KnownMessage]| {
        let id_of = |listed: &[Position]| listing.unique_id(listed[0]);
        while let Some(listed) = groups.next_if(|listed| id_of(listed) < unique_id) {
            each(Group {
                unique_id: id_of(listed),
                listed,
                known: &[],
            });
        }
        let listed = groups.next_if(|listed| id_of(listed) == unique_id);
        each(Group {
            unique_id,
            listed: listed.unwrap_or_default(),
            known,
        });
    };
    rows(&mut |next, row| {
        if next != unique_id {
            if !known.is_empty() {
                complete(&unique_id, &known);
            }
            known.clear();
            unique_id.clear();
            unique_id.extend_from_slice(next);
        }
        known.push(row);
    })?;
    if !known.is_empty() {
        complete(&unique_id, &known);
    }
    for listed in groups {
        each(Group {
            unique_id: listing.unique_id(listed[0]),
            listed,
            known: &[],
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::known::State;
    use crate::mail::known::tests::{KnownRows, message_in};
    use crate::mail::maildrop::MessageNumber;

    #[test]
    fn each_unique_id_comes_once_with_all_its_messages() {
        let second = KnownMessage {
            copy: 1,
            ..message_in(State::Seen)
        };
        let one = message_in(State::Seen);
        let known = [
            ("a", one),
            ("b", one),
            ("b", second),
            ("d", one),
            ("f", one),
        ];
        for (listed, rows, expected) in [
            (
                &["d", "c", "b", "e", "b"][..],
                &known[..],
                "a01 b22 c10 d11 e10 f01",
            ),
            (&["g"], &known[..1], "a01 g10"),
            (&["a"], &known[..3], "a11 b02"),
            (&["a", "a"], &[], "a20"),
            (&[], &known[3..], "d01 f01"),
            (&[], &[], ""),
        ] {
            let mut listing = Listing::default();
            for (number, id) in (1..).filter_map(MessageNumber::new).zip(listed) {
                listing.push(number, id.as_bytes()).expect("valid");
            }
            let listing = listing.finish().expect("valid");
            let mut groups = Vec::new();
            let rows = KnownRows::of(rows.iter().copied());
            let Ok(()) = join(
                &listing,
                |each| rows.each(each),
                |group| {
                    let id = String::from_utf8_lossy(group.unique_id);
                    groups.push(format!("{id}{}{}", group.listed.len(), group.known.len()));
                },
            );
            assert_eq!(groups.join(" "), expected);
        }
    }
}
