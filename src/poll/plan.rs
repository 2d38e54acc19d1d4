//! What to do with each listed message: pure decisions.
//! Sends nothing, reads no clock, opens no file.

use crate::mail::known::{KnownMessage, KnownMessages, State, may_be_tried};
use crate::mail::maildrop::{Listing, Position};
use crate::mail::policy::{Keep, Order, Policy};
use crate::moment::Moment;

/// So many old messages may be deleted after a change of `keep` without the user having said so
/// on the command line.
const UNASKED_DELETIONS: usize = 100;

/// A message to do something with: where it is listed, and who it is under its unique-id.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pick {
    /// Where it is listed.
    pub position: Position,
    /// Its copy number: a known message's own, or one that is free.
    pub copy: u32,
}

/// What to do with the messages of a listing.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Plan {
    /// To be fetched, in this order.
    pub fetch: Vec<Pick>,
    /// To be fetched only to see whether they are what was delivered before: their unique-id
    /// alone does not prove it.
    pub compare: Vec<Pick>,
    /// To be fetched, and delivered unless its file turns out to be here: the database knows
    /// nothing of it, and may not be the last one.
    pub recognise: Vec<Pick>,
    /// To be deleted without another look.
    pub delete: Vec<Pick>,
    /// New, but over `max_size`.
    pub too_large: Vec<Pick>,
    /// How many new messages wait for the next run because of a limit.
    pub postponed: usize,
    /// How many listed messages are left as they are.
    pub kept: usize,
    /// Whether sizes that are not known would decide something.
    pub lacks_sizes: bool,
}

/// Decides about every message of a listing.
pub fn plan(listing: &Listing, known: &KnownMessages, policy: &Policy, now: Moment) -> Plan {
    let mut plan = Plan::default();
    let mut new = Vec::new();
    let mut troubled = Vec::new();
    for position in listing.positions() {
        let rows = known.of(listing.unique_id(position));
        let row = match counterpart(rows.clone(), listing.repetition(position)) {
            Counterpart::KnownMessage(row) => row,
            Counterpart::Unknown { copy } => {
                new.push(Pick { position, copy });
                continue;
            }
        };
        let pick = Pick {
            position,
            copy: row.copy,
        };
        let may_compare = may_be_tried(row.next_try, now);
        if row.state == State::Gone && !row.is_undeletable && may_compare {
            plan.compare.push(pick);
        } else if policy.is_too_large(row) {
            plan.too_large.push(pick);
        } else if matches!(row.state, State::Failed(until) if may_be_tried(until, now)) {
            // Beside others under its unique-id it may be one of those.
            match rows.len() {
                1 => troubled.push(pick),
                _ => plan.compare.push(pick),
            }
        } else {
            let size = listing.size(position);
            let is_as_large = row.size.is_some() && row.size == size;
            let is_alone = rows.len() == 1 && !listing.is_repeated(position);
            // What was away and is back may be another message under its unique-id.
            let is_doubtful = known.is_doubtful(row);
            let is_another = is_doubtful && row.state != State::Staged && !is_as_large;
            plan.lacks_sizes |= is_another && size.is_none();
            match policy.is_due(row, now) {
                true if is_as_large && is_alone && !is_doubtful => plan.delete.push(pick),
                true if may_compare => plan.compare.push(pick),
                false if is_another && row.state != State::Gone && may_compare => {
                    plan.compare.push(pick);
                }
                _ => plan.kept += 1,
            }
        }
    }
    plan.choose(new, troubled, listing, policy);
    plan
}

/// What a listed message is taken for.
enum Counterpart<'a> {
    KnownMessage(&'a KnownMessage),
    /// None that is known; it has, or gets, this copy number.
    Unknown {
        copy: u32,
    },
}

/// What the n-th listed message under a unique-id is taken for: those that should still be on the
/// server first, then those that were deleted from it. A copy number that was left out is that of a
/// message which was listed and never recorded, since a later one was fetched before it.
fn counterpart<'a>(
    rows: impl Iterator<Item = &'a KnownMessage> + Clone,
    repetition: u32,
) -> Counterpart<'a> {
    let is_gone = |known: &&KnownMessage| known.state == State::Gone;
    let (mut nth, mut copy) = (repetition, 0);
    for row in rows.clone() {
        let left_out = row.copy - copy;
        if nth < left_out {
            return Counterpart::Unknown { copy: copy + nth };
        }
        nth -= left_out;
        copy = row.copy + 1;
        match nth {
            _ if is_gone(&row) => {}
            0 => return Counterpart::KnownMessage(row),
            _ => nth -= 1,
        }
    }
    for row in rows.filter(is_gone) {
        match nth {
            0 => return Counterpart::KnownMessage(row),
            _ => nth -= 1,
        }
    }
    Counterpart::Unknown { copy: copy + nth }
}

impl Plan {
    /// Applies order and limits to the new messages. Those that failed before come last, so that
    /// whatever is wrong with them does not keep the others away.
    fn choose(
        &mut self,
        mut new: Vec<Pick>,
        mut troubled: Vec<Pick>,
        listing: &Listing,
        policy: &Policy,
    ) {
        if policy.order == Order::NewestFirst {
            new.reverse();
            troubled.reverse();
        }
        new.append(&mut troubled);
        let max_messages = policy.max_messages.unwrap_or(u64::MAX);
        let mut total = 0u64;
        for pick in new {
            let size = listing.size(pick.position).unwrap_or(0);
            let with_it = total.saturating_add(size);
            if policy.max_size.is_some_and(|max| size > max) {
                self.too_large.push(pick);
            } else if self.fetch.len() as u64 >= max_messages
                || (!self.fetch.is_empty() && policy.max_total.is_some_and(|max| with_it > max))
            {
                self.postponed += 1;
            } else {
                total = with_it;
                self.fetch.push(pick);
            }
        }
    }

    /// Has unknown messages recognised of which there may be a file already, whatever their size.
    pub fn suspect(&mut self, may_be_here: impl Fn(&Pick) -> bool) {
        for unknown in [&mut self.fetch, &mut self.too_large] {
            let suspects = unknown.extract_if(.., |pick| may_be_here(pick));
            self.recognise.extend(suspects);
        }
    }

    /// How many messages of earlier runs may go.
    fn deletions(&self) -> usize {
        self.delete.len() + self.compare.len() + self.recognise.len()
    }

    /// What is asked for, in this order.
    pub fn retrieved(&self) -> impl Iterator<Item = &Pick> {
        let known = self.recognise.iter().chain(&self.compare);
        self.fetch.iter().chain(known)
    }

    /// The sizes of what is asked for, as far as the server tells them.
    pub fn sizes(&self, listing: &Listing) -> impl Iterator<Item = Option<u64>> {
        self.retrieved().map(|pick| listing.size(pick.position))
    }

    /// How many commands it takes.
    pub fn commands(&self) -> usize {
        self.retrieved().count() + self.delete.len()
    }

    /// Whether there is something to delete as well as something to fetch.
    pub fn asks_for_both(&self) -> bool {
        !self.delete.is_empty() && self.retrieved().next().is_some()
    }

    /// The part of it that needs nothing to be fetched.
    pub fn deletions_only(&self) -> Self {
        Self {
            delete: self.delete.clone(),
            ..Self::default()
        }
    }

    /// Leaves many messages of earlier runs on the server where only a change of the configuration,
    /// not the user at this moment, asks for their deletion; how many those are.
    pub fn hold_surprising_deletions(&mut self, last_keep: Option<&str>, keep: Keep) -> usize {
        let has_changed = last_keep.is_some_and(|last| last != keep.to_string());
        let deletions = self.deletions();
        if !has_changed || deletions <= UNASKED_DELETIONS {
            return 0;
        }
        self.hold_deletions();
        deletions
    }

    fn hold_deletions(&mut self) {
        self.kept += self.deletions();
        self.delete.clear();
        self.compare.clear();
        self.recognise.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::mail::maildrop::MessageNumber;

    const DAY: i64 = 24 * 3600;
    const NOW: Moment = Moment(100 * DAY);

    fn listing(lines: &[(&str, Option<u64>)]) -> Listing {
        let mut listing = Listing::default();
        let numbers = (1..).filter_map(MessageNumber::new);
        for (number, (unique_id, _)) in numbers.clone().zip(lines) {
            listing.push(number, unique_id.as_bytes()).expect("valid");
        }
        let mut listing = listing.finish().expect("valid");
        for (number, (_, size)) in numbers.zip(lines) {
            if let Some(size) = size {
                listing.set_size(number, *size);
            }
        }
        listing
    }

    fn delivered(days_ago: i64, size: Option<u64>) -> KnownMessage {
        KnownMessage {
            copy: 0,
            state: State::Delivered(Moment(NOW.0 - days_ago * DAY)),
            size,
            next_try: Moment(0),
            is_absent: false,
            is_undeletable: false,
        }
    }

    fn known(rows: &[(&str, KnownMessage)]) -> KnownMessages {
        let mut known = KnownMessages::default();
        for (unique_id, row) in rows {
            known.push(unique_id.as_bytes(), *row);
        }
        known
    }

    fn numbers(listing: &Listing, picks: &[Pick]) -> Vec<u32> {
        picks
            .iter()
            .map(|pick| listing.number(pick.position).value())
            .collect()
    }

    #[test]
    fn what_is_unknown_is_fetched_in_the_order_wished() {
        let listing = listing(&[("a", None), ("b", None), ("c", None)]);
        let known = known(&[("b", delivered(1, None))]);
        for (order, expected) in [(Order::OldestFirst, [1, 3]), (Order::NewestFirst, [3, 1])] {
            let policy = Policy {
                order,
                ..Policy::default()
            };
            let plan = plan(&listing, &known, &policy, NOW);
            assert_eq!(numbers(&listing, &plan.fetch), expected);
            assert_eq!((plan.kept, plan.delete.len()), (1, 0));
        }
    }

    #[test]
    fn a_delivered_message_goes_when_its_time_is_over() {
        let fortnight = Duration::from_secs(14 * DAY as u64);
        for (keep, days_ago, goes) in [
            (Keep::Always, 1000, false),
            (Keep::Never, 0, true),
            (Keep::Never, -1, true),
            (Keep::For(fortnight), 13, false),
            (Keep::For(fortnight), 14, true),
            (Keep::For(fortnight), -1, false),
        ] {
            let listing = listing(&[("a", Some(10))]);
            let known = known(&[("a", delivered(days_ago, Some(10)))]);
            let policy = Policy {
                keep,
                ..Policy::default()
            };
            let plan = plan(&listing, &known, &policy, NOW);
            assert_eq!(plan.delete.len(), usize::from(goes), "{keep:?} {days_ago}");
        }
    }

    #[test]
    fn what_its_unique_id_does_not_prove_is_compared_before_it_is_deleted() {
        let row = delivered(1, Some(10));
        let second = KnownMessage { copy: 1, ..row };
        let gone = KnownMessage {
            state: State::Gone,
            ..row
        };
        let sizeless = delivered(1, None);
        let policy = Policy {
            keep: Keep::Never,
            ..Policy::default()
        };
        for (lines, rows, compared) in [
            (&[("a", Some(11))][..], &[("a", row)][..], &[1][..]),
            (&[("a", None)], &[("a", row)], &[1]),
            (&[("a", Some(10))], &[("a", sizeless)], &[1]),
            (&[("a", Some(10))], &[("a", row), ("a", second)], &[1]),
            (
                &[("a", Some(10)), ("a", Some(10))],
                &[("a", row), ("a", second)],
                &[1, 2],
            ),
            (&[("a", Some(10)), ("a", Some(10))], &[("a", row)], &[1]),
            (&[("a", Some(10))], &[("a", gone), ("a", second)], &[1]),
            (&[("a", Some(10))], &[("a", gone)], &[1]),
        ] {
            let listing = listing(lines);
            let plan = plan(&listing, &known(rows), &policy, NOW);
            assert_eq!(numbers(&listing, &plan.compare), compared, "{lines:?}");
            assert!(plan.delete.is_empty());
        }
    }

    #[test]
    fn a_unique_id_used_again_finds_the_message_that_is_on_the_server() {
        let gone = KnownMessage {
            state: State::Gone,
            ..delivered(2, Some(10))
        };
        let live = KnownMessage {
            copy: 1,
            ..delivered(1, Some(10))
        };
        let known = known(&[("a", gone), ("a", live)]);
        let once = plan(&listing(&[("a", None)]), &known, &Policy::default(), NOW);
        assert_eq!((once.kept, once.compare.len(), once.fetch.len()), (1, 0, 0));
        let thrice = listing(&[("a", None), ("a", None), ("a", None)]);
        let thrice = plan(&thrice, &known, &Policy::default(), NOW);
        let copies = |picks: &[Pick]| picks.iter().map(|pick| pick.copy).collect::<Vec<_>>();
        assert_eq!(copies(&thrice.compare), [0]);
        assert_eq!(copies(&thrice.fetch), [2]);
    }

    #[test]
    fn a_message_whose_copy_number_was_left_out_is_still_to_be_fetched() {
        let row = |copy, state| KnownMessage {
            copy,
            state,
            ..delivered(1, None)
        };
        let live = State::Delivered(NOW);
        for (rows, lines, fetched) in [
            (&[(1, live)][..], 2, &[(1, 0)][..]),
            (&[(2, live)], 4, &[(1, 0), (2, 1), (4, 3)]),
            (&[(0, live), (2, live)], 3, &[(2, 1)]),
            (&[(0, State::Gone), (2, live)], 2, &[(1, 1)]),
        ] {
            let rows: Vec<_> = rows
                .iter()
                .map(|&(n, state)| ("a", row(n, state)))
                .collect();
            let listing = listing(&vec![("a", None); lines]);
            let plan = plan(&listing, &known(&rows), &Policy::default(), NOW);
            let picks = plan.fetch.iter();
            let picks = picks.map(|pick| (listing.number(pick.position).value(), pick.copy));
            assert_eq!(picks.collect::<Vec<_>>(), fetched, "{rows:?}");
        }
    }

    #[test]
    fn what_was_not_delivered_by_us_is_never_deleted() {
        let row = delivered(1, Some(10));
        for state in [State::Seen, State::Staged] {
            let rows = known(&[("a", KnownMessage { state, ..row })]);
            let policy = Policy {
                keep: Keep::Never,
                ..Policy::default()
            };
            let plan = plan(&listing(&[("a", Some(10))]), &rows, &policy, NOW);
            let left_alone = Plan {
                kept: 1,
                ..Plan::default()
            };
            assert_eq!(plan, left_alone, "{state:?}");
        }
    }

    #[test]
    fn what_the_server_keeps_for_ever_is_left_alone() {
        let kept = |state| KnownMessage {
            state,
            is_undeletable: true,
            ..delivered(1, Some(10))
        };
        for state in [State::Delivered(NOW), State::Gone] {
            let policy = Policy {
                keep: Keep::Never,
                ..Policy::default()
            };
            let rows = known(&[("a", kept(state))]);
            let plan = plan(&listing(&[("a", Some(10))]), &rows, &policy, NOW);
            assert_eq!((plan.kept, plan.compare.len()), (1, 0));
        }
    }

    #[test]
    fn what_failed_before_comes_last_and_not_before_its_time() {
        let troubled = |until| KnownMessage {
            state: State::Failed(until),
            ..delivered(0, None)
        };
        let known = known(&[("a", troubled(NOW)), ("b", troubled(Moment(NOW.0 + 1)))]);
        let listing = listing(&[("a", None), ("b", None), ("c", None)]);
        let plan = plan(&listing, &known, &Policy::default(), NOW);
        assert_eq!(numbers(&listing, &plan.fetch), [3, 1]);
        assert_eq!(plan.kept, 1);
    }

    #[test]
    fn a_message_about_whose_size_list_lied_is_not_fetched_in_vain_again() {
        let lied = KnownMessage {
            state: State::Failed(Moment(0)),
            ..delivered(0, Some(100))
        };
        let known = known(&[("a", lied)]);
        let listing = listing(&[("a", Some(1))]);
        for (max_size, too_large) in [(Some(50), 1), (Some(100), 0), (None, 0)] {
            let policy = Policy {
                max_size,
                ..Policy::default()
            };
            let plan = plan(&listing, &known, &policy, NOW);
            assert_eq!(
                (plan.too_large.len(), plan.fetch.len()),
                (too_large, 1 - too_large)
            );
        }
    }

    #[test]
    fn limits_bound_a_run_but_never_to_nothing() {
        let listing = listing(&[("a", Some(50)), ("b", Some(10)), ("c", Some(30))]);
        let policy = |max_messages, max_size, max_total| Policy {
            max_messages,
            max_size,
            max_total,
            ..Policy::default()
        };
        for (policy, fetched, too_large, postponed) in [
            (policy(Some(2), None, None), &[1, 2][..], 0, 1),
            (policy(Some(0), None, None), &[], 0, 3),
            (policy(None, Some(30), None), &[2, 3], 1, 0),
            (policy(None, None, Some(60)), &[1, 2], 0, 1),
            (policy(None, None, Some(1)), &[1], 0, 2),
            (policy(Some(1), Some(30), None), &[2], 1, 1),
        ] {
            let plan = plan(&listing, &KnownMessages::default(), &policy, NOW);
            assert_eq!(numbers(&listing, &plan.fetch), fetched, "{policy:?}");
            assert_eq!(
                (plan.too_large.len(), plan.postponed),
                (too_large, postponed)
            );
        }
    }
}
