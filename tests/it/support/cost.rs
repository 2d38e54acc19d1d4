//! What a fault cost: each message sent is looked for where it was delivered and on the server.
//! Judges by what follows the header, as some fetchers add lines to that; knows no fetcher.

use std::ops::AddAssign;

use memchr::memmem;

use super::mail::TestMessage;

/// The counts of one point or, added up, of many.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Cost {
    /// Neither delivered whole nor on the server any more.
    pub(crate) lost: usize,
    /// Whole copies beyond the first of each message.
    pub(crate) duplicated: usize,
    /// Files that hold no message whole: the first part of one, or nothing.
    pub(crate) damaged: usize,
    /// Delivered, and still on the server.
    pub(crate) undeleted: usize,
    /// Not delivered, and still on the server.
    pub(crate) unfetched: usize,
}

impl Cost {
    /// Compares what was sent with the files that were delivered and the unique-ids still listed.
    pub(crate) fn of(sent: &[TestMessage], delivered: &[Vec<u8>], listed: &[Vec<u8>]) -> Self {
        let mut cost = Self::default();
        let mut whole = 0;
        for message in sent {
            let stored = message.stored();
            let copies = delivered.iter().filter(|file| is_copy(file, &stored));
            let copies = copies.count();
            match (copies, listed.contains(&message.unique_id)) {
                (0, false) => cost.lost += 1,
                (0, true) => cost.unfetched += 1,
                (_, true) => cost.undeleted += 1,
                (_, false) => {}
            }
            cost.duplicated += copies.saturating_sub(1);
            whole += copies;
        }
        cost.damaged = delivered.len() - whole;
        cost
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

fn is_copy(file: &[u8], stored: &[u8]) -> bool {
    let body = body(stored);
    body.is_some() && self::body(file) == body
}

/// Returns what follows the first empty line.
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
            let counted = Cost::of(&notes(["a", "b"]), &octets(delivered), &octets(listed));
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
