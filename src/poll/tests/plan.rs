use std::time::Duration;

use crate::mail::known::tests::{KnownRows, message_in};
use crate::mail::known::{KnownFacts, KnownMessage, SizeHistory, State};
use crate::mail::maildrop::{Listing, MessageNumber};
use crate::mail::policy::{Keep, Policy};
use crate::moment::Moment;
use crate::poll::join::join;
use crate::poll::plan::{Pick, Plan, Planner};

const DAY: i64 = 24 * 3600;
pub(super) const NOW: Moment = Moment(100 * DAY);

pub(super) fn listing(lines: &[(&str, Option<u64>)]) -> Listing {
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

pub(super) fn delivered(days_ago: i64, size: Option<u64>) -> KnownMessage {
    KnownMessage {
        size,
        ..message_in(State::Delivered(Moment(NOW.0 - days_ago * DAY)))
    }
}

pub(super) fn known(rows: &[(&str, KnownMessage)]) -> KnownRows {
    KnownRows::of(rows.iter().copied())
}

pub(super) fn plan(listing: &Listing, known: &KnownRows, policy: &Policy, now: Moment) -> Plan {
    plan_with(known.facts(), listing, known, policy, now)
}

fn plan_with(
    facts: KnownFacts,
    listing: &Listing,
    known: &KnownRows,
    policy: &Policy,
    now: Moment,
) -> Plan {
    let mut planner = Planner::new(listing, facts, policy, now);
    let Ok(()) = join(
        listing,
        |each| known.each(each),
        |group| planner.decide(&group),
    );
    planner.finish()
}

pub(super) fn numbers(listing: &Listing, picks: &[Pick]) -> Vec<u32> {
    picks
        .iter()
        .map(|pick| listing.number(pick.position).value())
        .collect()
}

#[test]
fn a_run_compares_a_hundred_doubtful_deletions() {
    let lines: Vec<_> = (0..150).map(|n| format!("{n:03}")).collect();
    let rows: Vec<_> = lines
        .iter()
        .map(|id| (&**id, delivered(1, Some(10))))
        .collect();
    let listed: Vec<_> = lines.iter().map(|id| (&**id, Some(10))).collect();
    let (listing, known) = (listing(&listed), known(&rows));
    let policy = Policy {
        keep: Keep::Never,
        ..Policy::default()
    };
    let mut plan = plan(&listing, &known, &policy, NOW);
    let doubtful = plan.delete[..120].to_vec();

    plan.compare_before_deletion(doubtful, &listing);

    assert_eq!((plan.delete.len(), plan.compare.len()), (30, 100));
    assert_eq!(
        (plan.waiting.len(), plan.postponed, plan.kept),
        (20, 20, 20)
    );
    assert_eq!(numbers(&listing, &plan.delete)[0], 121);
    plan.postpone_deletions(&plan.delete.clone()[..5]);
    assert_eq!((plan.delete.len(), plan.postponed), (25, 25));
}

#[test]
fn a_delivered_message_is_deleted_when_its_time_is_over() {
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
fn a_message_in_doubt_is_compared_before_it_is_deleted() {
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
        (&[("a", Some(10)), ("a", Some(10))], &[("a", row)], &[1, 2]),
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
fn a_repeated_unique_id_means_the_message_still_on_the_server() {
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
    // Without sizes each of the three may be the known one.
    assert_eq!(copies(&thrice.compare), [1, 0, 2]);
    assert!(thrice.fetch.is_empty());
}

/// Returns number and copy number of each pick.
fn pairs(listing: &Listing, picks: &[Pick]) -> Vec<(u32, u32)> {
    let pair = |pick: &Pick| (listing.number(pick.position).value(), pick.copy);
    picks.iter().map(pair).collect()
}

#[test]
fn messages_are_compared_if_more_are_listed_than_known() {
    let row = |copy, state| KnownMessage {
        copy,
        state,
        ..delivered(1, None)
    };
    let live = State::Delivered(NOW);
    for (rows, lines, compared) in [
        (&[(1, live)][..], 2, &[(1, 1), (2, 0)][..]),
        (&[(2, live)], 4, &[(1, 2), (2, 0), (3, 1), (4, 3)]),
        (&[(0, live), (2, live)], 3, &[(1, 0), (2, 2), (3, 1)]),
        (&[(0, State::Gone), (2, live)], 2, &[(1, 2), (2, 0)]),
        (&[(0, live), (1, live)], 2, &[]),
        (&[(0, live), (1, live)], 1, &[]),
        // What was never fetched cannot be compared.
        (&[(0, State::Seen)], 2, &[]),
    ] {
        let rows: Vec<_> = rows
            .iter()
            .map(|&(n, state)| ("a", row(n, state)))
            .collect();
        let listing = listing(&vec![("a", None); lines]);
        let plan = plan(&listing, &known(&rows), &Policy::default(), NOW);
        assert_eq!(pairs(&listing, &plan.compare), compared, "{rows:?}");
    }
}

#[test]
fn sizes_tell_messages_under_one_unique_id_apart() {
    let row = |copy, size, is_absent| KnownMessage {
        copy,
        is_absent,
        ..delivered(1, Some(size))
    };
    let [a, c] = [row(0, 10, false), row(1, 12, false)];
    for (rows, sizes, compared, fetched) in [
        (&[a, c][..], &[10, 12][..], &[][..], &[][..]),
        (&[a, c], &[12, 10], &[], &[]),
        (&[a, c], &[10, 11, 12], &[], &[(2, 2)]),
        (&[a, c], &[12], &[], &[]),
        (&[a, c], &[11], &[(1, 0)], &[]),
        // Of three messages of one size, two are known: nobody knows which.
        (
            &[a, row(1, 10, false)],
            &[10, 10, 10],
            &[(1, 0), (2, 1), (3, 2)],
            &[],
        ),
        // The other message was missing, and may not be the one that is back.
        (&[a, row(1, 10, true)], &[10, 10], &[(1, 0), (2, 1)], &[]),
        (&[a, row(1, 11, true)], &[10, 12], &[(2, 1)], &[]),
    ] {
        let rows: Vec<_> = rows.iter().map(|row| ("a", *row)).collect();
        let lines: Vec<_> = sizes.iter().map(|size| ("a", Some(*size))).collect();
        let listing = listing(&lines);
        let plan = plan(&listing, &known(&rows), &Policy::default(), NOW);
        assert_eq!(pairs(&listing, &plan.compare), compared, "{sizes:?}");
        assert_eq!(pairs(&listing, &plan.fetch), fetched, "{sizes:?}");
    }
}

#[test]
fn a_new_size_is_compared_until_sizes_prove_nothing() {
    let listing = listing(&[("a", Some(11))]);
    let row = delivered(1, Some(10));
    let seen = KnownMessage {
        state: State::Seen,
        ..row
    };
    let frozen = KnownMessage {
        is_undeletable: true,
        next_try: Moment(NOW.0 + 1),
        ..row
    };
    for (row, equal_contents, compared) in [
        (row, 0, 1),
        (row, 9, 1),
        (row, 10, 0),
        (seen, 0, 1),
        (seen, 10, 0),
        (frozen, 0, 0),
    ] {
        let known = known(&[("a", row)]);
        let sizes = SizeHistory {
            equal_contents,
            ..SizeHistory::default()
        };
        let facts = KnownFacts {
            sizes,
            ..known.facts()
        };
        let plan = plan_with(facts, &listing, &known, &Policy::default(), NOW);
        assert_eq!(plan.compare.len(), compared, "{row:?} {equal_contents}");
        assert_eq!((plan.kept, plan.resized), (1 - compared, 1));
    }
}

#[test]
fn an_unanswered_quit_leads_to_a_comparison() {
    let row = KnownMessage {
        quit_was_unanswered: true,
        ..delivered(1, Some(10))
    };
    for keep in [Keep::Always, Keep::Never] {
        let policy = Policy {
            keep,
            ..Policy::default()
        };
        let listing = listing(&[("a", Some(10))]);
        let plan = plan(&listing, &known(&[("a", row)]), &policy, NOW);
        assert_eq!((plan.compare.len(), plan.delete.len()), (1, 0));
    }
}

#[test]
fn a_run_compares_a_hundred_messages_or_100_mb() {
    for (count, size, compared) in [
        (100, 11, 100),
        (101, 11, 100),
        (3, 50_000_000, 2),
        (2, 200_000_000, 1),
    ] {
        let names: Vec<_> = (0..count).map(|n| format!("{n:03}")).collect();
        let lines: Vec<_> = names.iter().map(|name| (&**name, Some(size))).collect();
        let row = delivered(1, Some(10));
        let rows: Vec<_> = names.iter().map(|name| (&**name, row)).collect();
        let plan = plan(&listing(&lines), &known(&rows), &Policy::default(), NOW);
        assert_eq!(plan.compare.len(), compared, "{count} {size}");
        let left = count - compared;
        assert_eq!((plan.waiting.len(), plan.postponed), (left, left));
    }
}

#[test]
fn new_sizes_of_many_seen_messages_are_accepted() {
    for (count, compared) in [(10, 10), (11, 0)] {
        let names: Vec<_> = (0..count).map(|n| format!("{n:03}")).collect();
        let lines: Vec<_> = names.iter().map(|name| (&**name, Some(11))).collect();
        let row = KnownMessage {
            state: State::Seen,
            ..delivered(1, Some(10))
        };
        let rows: Vec<_> = names.iter().map(|name| (&**name, row)).collect();
        let plan = plan(&listing(&lines), &known(&rows), &Policy::default(), NOW);
        assert_eq!(plan.compare.len(), compared);
        assert_eq!(
            (plan.accepted.len(), plan.kept),
            (count - compared, count - compared)
        );
    }
}

#[test]
fn a_message_not_delivered_by_us_is_never_deleted() {
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
            recorded_octets: 10,
            ..Plan::default()
        };
        assert_eq!(plan, left_alone, "{state:?}");
    }
}

#[test]
fn an_undeletable_message_is_left_alone() {
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
fn a_failed_message_comes_last_and_not_too_early() {
    let failed = |until| KnownMessage {
        state: State::Failed(until),
        ..delivered(0, None)
    };
    let known = known(&[("a", failed(NOW)), ("b", failed(Moment(NOW.0 + 1)))]);
    let listing = listing(&[("a", None), ("b", None), ("c", None)]);
    let plan = plan(&listing, &known, &Policy::default(), NOW);
    assert_eq!(numbers(&listing, &plan.fetch), [3, 1]);
    assert_eq!(plan.kept, 1);
}

#[test]
fn a_message_found_too_large_is_not_fetched_again() {
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
fn a_doubt_ends_only_by_a_comparison() {
    let row = KnownMessage {
        is_absent: true,
        ..delivered(1, Some(10))
    };
    let postponed = KnownMessage {
        next_try: Moment(NOW.0 + 10),
        quit_was_unanswered: true,
        ..row
    };
    let policy = Policy {
        keep: Keep::Never,
        ..Policy::default()
    };
    let listing = listing(&[("a", Some(10))]);
    for row in [row, postponed] {
        let mut plan = plan(&listing, &known(&[("a", row)]), &policy, NOW);
        assert!(plan.delete.is_empty());
        assert_eq!(plan.doubted(&listing).len(), 1, "{row:?}");
        plan.leave_out(|_| true);
        assert!(plan.retrieved().next().is_none());
        assert_eq!((plan.doubted(&listing).len(), plan.kept), (1, 1));
    }
}

#[test]
fn an_ordered_message_is_neither_fetched_nor_compared() {
    let row = delivered(1, Some(10));
    let (listing, known) = (
        listing(&[("a", Some(11)), ("b", Some(5))]),
        known(&[("a", row)]),
    );
    let policy = Policy::default();
    let mut planner = Planner::new(&listing, known.facts(), &policy, NOW);
    let Ok(()) = join(
        &listing,
        |each| known.each(each),
        |group| planner.decide_ordered(&group),
    );
    let mut plan = planner.finish();
    let ordered = plan.ordered.clone();

    plan.compare_also(ordered.iter().copied());

    assert_eq!(numbers(&listing, &plan.ordered), [1, 2]);
    assert_eq!(plan.retrieved().count(), 0);
    assert_eq!(plan.deletions_only().commands(), 2);
    assert!(!plan.is_of_all() && !plan.sees_all());
}
