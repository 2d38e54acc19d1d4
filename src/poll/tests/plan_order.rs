//! The order in which new messages are fetched, and the limits of a run.

use super::plan::{NOW, delivered, known, listing, numbers, plan};
use crate::mail::known::tests::KnownRows;
use crate::mail::known::{KnownMessage, State};
use crate::mail::policy::{Order, Policy};
use crate::moment::Moment;

#[test]
fn new_messages_are_fetched_in_the_configured_order() {
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
fn limits_never_keep_all_messages_away() {
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
        let plan = plan(&listing, &KnownRows::default(), &policy, NOW);
        assert_eq!(numbers(&listing, &plan.fetch), fetched, "{policy:?}");
        assert_eq!(
            (plan.too_large.len(), plan.postponed),
            (too_large, postponed)
        );
    }
}

#[test]
fn newest_first_keeps_a_place_for_the_oldest_message() {
    let listing = listing(&[
        ("a", Some(50)),
        ("b", Some(10)),
        ("c", Some(10)),
        ("d", Some(10)),
    ]);
    let later_run = known(&[("x", delivered(1, None))]);
    let first_run = KnownRows::default();
    let policy = |max_messages, max_size, max_total| Policy {
        max_messages,
        max_size,
        max_total,
        order: Order::NewestFirst,
        ..Policy::default()
    };
    for (known, policy, fetched) in [
        (&later_run, policy(None, None, None), &[4, 3, 2, 1][..]),
        (&later_run, policy(Some(2), None, None), &[4, 1]),
        (&later_run, policy(Some(3), None, None), &[4, 3, 1]),
        (&later_run, policy(Some(2), Some(20), None), &[4, 2]),
        (&later_run, policy(None, None, Some(60)), &[4, 1]),
        (&later_run, policy(None, None, Some(20)), &[1]),
        // A single place is for the newest, and nothing has waited before the first run.
        (&later_run, policy(Some(1), None, None), &[4]),
        (&later_run, policy(Some(0), None, None), &[]),
        (&first_run, policy(Some(2), None, None), &[4, 3]),
        (&first_run, policy(None, None, Some(20)), &[4, 3]),
    ] {
        let plan = plan(&listing, known, &policy, NOW);
        assert_eq!(numbers(&listing, &plan.fetch), fetched, "{policy:?}");
        let left = plan.postponed + plan.too_large.len();
        assert_eq!(left, listing.len() - fetched.len(), "{policy:?}");
    }
}

#[test]
fn messages_that_failed_come_after_the_oldest() {
    let listing = listing(&[("a", None), ("b", None), ("c", None)]);
    let failed = KnownMessage {
        state: State::Failed(Moment(0)),
        ..delivered(1, None)
    };
    let policy = Policy {
        order: Order::NewestFirst,
        ..Policy::default()
    };
    let plan = plan(&listing, &known(&[("b", failed)]), &policy, NOW);
    assert_eq!(numbers(&listing, &plan.fetch), [3, 1, 2]);
    assert_eq!(plan.failed, 1);
}
