//! Messages that could not be retrieved.

use super::*;
use crate::mail::known::{MAX_FAILURES, SET_ASIDE_FOR};

/// Returns when a message that has failed is tried again.
fn next_try(test: &TestLedger, id: &str) -> Moment {
    let mut known = test.ledger.messages().all().into_iter();
    let message = known.find(|(unique_id, _)| unique_id == id);
    message.expect("the message is known").1.next_try
}

#[test]
fn a_message_is_set_aside_for_a_day_after_the_last_failure() {
    let test = TestLedger::new();
    let begun = Moment::now();
    for expected in 1..MAX_FAILURES {
        assert_eq!(test.fail("a"), expected);
        assert!(next_try(&test, "a") <= Moment::now());
        let set_aside = test.ledger.failures().set_aside();
        assert!(set_aside.expect("it can be read").is_empty());
    }

    assert_eq!(test.fail("a"), MAX_FAILURES);

    assert!(next_try(&test, "a") >= begun.plus(SET_ASIDE_FOR));
    let set_aside = test.ledger.failures().set_aside();
    let set_aside = set_aside.expect("it can be read");
    assert_eq!(set_aside, [identity("a", 0)].into());
}

#[test]
fn a_failure_does_not_change_the_state_of_a_delivered_message() {
    let test = TestLedger::new();
    test.deliver(&[("a", 0)]);

    test.fail("a");

    assert_eq!(test.states(), [("a".to_owned(), 0, "delivered")]);
    assert_eq!(test.failures("a"), 1);
}

#[test]
fn a_message_without_room_may_be_tried_at_any_time() {
    let test = TestLedger::new();
    for _ in 0..=MAX_FAILURES {
        let noted = test.ledger.failures().note_no_room([listed("a")].iter());
        noted.expect("it can be written");
    }

    assert_eq!(next_try(&test, "a"), Moment(0));
    assert_eq!(test.failures("a"), MAX_FAILURES + 1);
}

#[test]
fn the_real_size_of_a_message_replaces_that_of_the_listing() {
    let test = TestLedger::new();
    test.fail("a");
    let real = Message {
        size: Some(1_000_000),
        ..listed("a")
    };

    let noted = test.ledger.failures().note_sizes(&[real]);

    noted.expect("it can be written");
    let known = test.ledger.messages().all().into_iter();
    let sizes: Vec<_> = known.map(|(_, message)| message.size).collect();
    assert_eq!(sizes, [Some(1_000_000)]);
}

#[test]
fn postponed_messages_wait_for_a_day() {
    let test = TestLedger::new();
    test.fail("a");
    test.fail("b");
    let begun = Moment::now();

    let postponed = test.ledger.failures().postpone(&[identity("a", 0)].into());

    postponed.expect("it can be written");
    assert!(next_try(&test, "a") >= begun.plus(SET_ASIDE_FOR));
    assert!(next_try(&test, "b") <= Moment::now());
}

#[test]
fn only_a_message_that_never_came_has_only_failed() {
    let test = TestLedger::new();
    test.deliver(&[("delivered", 0)]);
    test.fail("delivered");
    test.fail("failed");
    for (id, expected) in [("failed", true), ("delivered", false), ("unknown", false)] {
        let has_only_failed = test.ledger.failures().has_only_failed(&identity(id, 0));
        assert_eq!(has_only_failed.expect("it can be read"), expected, "{id}");
    }
}

#[test]
fn catching_up_marks_failed_messages_and_leaves_delivered_ones() {
    let test = TestLedger::new();
    test.deliver(&[("delivered", 0)]);
    test.fail("failed");
    let listing = ["delivered", "failed", "new"].map(listed);

    let marked = test.ledger.messages().mark_seen(listing.into_iter());

    assert_eq!(marked.expect("it can be written"), 2);
    let states = test.states();
    let states: Vec<_> = states
        .iter()
        .map(|(id, _, state)| (&**id, *state))
        .collect();
    let expected = [
        ("delivered", "delivered"),
        ("failed", "seen"),
        ("new", "seen"),
    ];
    assert_eq!(states, expected);
}

#[test]
fn a_notice_is_new_only_once() {
    let test = TestLedger::new();
    for expected in [true, false] {
        let is_new = test.ledger.messages().notice(&identity("a", 0));
        assert_eq!(is_new.expect("it can be written"), expected);
    }
}
