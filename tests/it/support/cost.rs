//! The cost of a fault: each message sent is looked for where it was delivered and on the server.

use std::cell::Cell;
use std::ops::AddAssign;

use memchr::memmem;

use super::mail::TestMessage;

/// The counts for one fault or, added up, for many.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Cost {
    /// Messages that were not delivered whole and are no longer on the server.
    pub(crate) lost: usize,
    /// Whole copies beyond the first of each message.
    pub(crate) duplicated: usize,
    /// Files that do not hold a whole message.
    pub(crate) damaged: usize,
    /// Messages that were delivered and are still on the server.
    pub(crate) undeleted: usize,
    /// Messages that were not delivered and are still on the server.
    pub(crate) unfetched: usize,
}

impl Cost {
    /// Compares the messages that were sent with the number of their copies and with the unique-ids
    /// that the server still lists. `copies` is asked with the octets that have to be delivered.
    pub(crate) fn of(
        sent: &[TestMessage],
        copies: impl Fn(&[u8]) -> usize,
        listed: &[Vec<u8>],
    ) -> Self {
        let mut cost = Self::default();
        for message in sent {
            let copies = copies(&message.stored());
            match (copies, listed.contains(&message.unique_id)) {
                (0, false) => cost.lost += 1,
                (0, true) => cost.unfetched += 1,
                (_, true) => cost.undeleted += 1,
                (_, false) => {}
            }
            cost.duplicated += copies.saturating_sub(1);
        }
        cost
    }

    /// Does the same with files of one message each, such as those of a Maildir. `is_copy` compares
    /// a file with the octets that have to be delivered.
    pub(crate) fn of_files(
        sent: &[TestMessage],
        files: &[Vec<u8>],
        is_copy: impl Fn(&[u8], &[u8]) -> bool,
        listed: &[Vec<u8>],
    ) -> Self {
        let whole = Cell::new(0);
        let copies = |stored: &[u8]| {
            let copies = files.iter().filter(|file| is_copy(file, stored)).count();
            whole.set(whole.get() + copies);
            copies
        };
        let cost = Self::of(sent, copies, listed);
        Self {
            damaged: files.len() - whole.get(),
            ..cost
        }
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        let Self {
            lost,
            duplicated,
            damaged,
            undeleted,
            unfetched,
        } = other;
        self.lost += lost;
        self.duplicated += duplicated;
        self.damaged += damaged;
        self.undeleted += undeleted;
        self.unfetched += unfetched;
    }
}

/// Returns true if the bodies are equal. Some fetchers add lines to the header.
pub(crate) fn has_same_body(file: &[u8], stored: &[u8]) -> bool {
    let body = body(stored);
    body.is_some() && self::body(file) == body
}

/// Returns the octets after the first empty line.
fn body(message: &[u8]) -> Option<&[u8]> {
    memmem::find(message, b"\n\n").map(|at| &message[at + 2..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::mail::notes;

    fn octets(texts: &[&str]) -> Vec<Vec<u8>> {
        texts.iter().map(|text| text.as_bytes().to_vec()).collect()
    }

    #[test]
    fn every_message_is_counted_by_where_it_is_found() {
        let (a, b) = ("Subject: a\n\na\n", "Received: here\nSubject: b\n\nb\n");
        let none = Cost::default();
        let cases: [(&[&str], &[&str], Cost); 7] = [
            (&[a, b], &[], none),
            (&[a], &[], Cost { lost: 1, ..none }),
            (
                &[a],
                &["b"],
                Cost {
                    unfetched: 1,
                    ..none
                },
            ),
            (
                &[a, b],
                &["b"],
                Cost {
                    undeleted: 1,
                    ..none
                },
            ),
            (
                &[a, b, a, a],
                &[],
                Cost {
                    duplicated: 2,
                    ..none
                },
            ),
            (&[a, b, "Subj"], &[], Cost { damaged: 1, ..none }),
            (
                &[a, "Subject: b\n\n"],
                &[],
                Cost {
                    damaged: 1,
                    lost: 1,
                    ..none
                },
            ),
        ];
        for (delivered, listed, cost) in cases {
            let (files, listed) = (octets(delivered), octets(listed));
            let counted = Cost::of_files(&notes(["a", "b"]), &files, has_same_body, &listed);
            assert_eq!(counted, cost, "{delivered:?} {listed:?}");
        }
    }

    #[test]
    fn costs_add_up() {
        let mut sum = Cost::default();
        for n in 1..=2 {
            sum += Cost {
                lost: n,
                duplicated: 10 * n,
                damaged: 100 * n,
                undeleted: 1000 * n,
                unfetched: 10_000 * n,
            };
        }
        let fields = [sum.lost, sum.duplicated, sum.damaged];
        assert_eq!(fields, [3, 30, 300]);
        assert_eq!([sum.undeleted, sum.unfetched], [3000, 30_000]);
    }
}
