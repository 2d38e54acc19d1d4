//! Messages that came back after their deletion, or that must not be deleted.

use super::*;

/// Takes a message back that is listed again, and returns true if it may be deleted again.
fn take_back(test: &TestLedger, id: &str) -> bool {
    let messages = vec![(number(), identity(id, 0))];
    let taken = test.ledger.deletions().take_back(messages);
    let taken = taken.expect("the database can be written");
    !taken.delivered.is_empty()
}

#[test]
fn a_message_that_comes_back_is_delivered_again_without_a_fetch() {
    let test = TestLedger::new();
    test.deliver(&[("a", 0)]);
    test.delete(&[("a", 0)]);

    let messages = vec![(number(), identity("a", 0))];
    let taken = test.ledger.deletions().take_back(messages);

    let taken = taken.expect("it can be written");
    assert!(matches!(taken.delivered[..], [(_, _, when)] if is_recent(when)));
    assert_eq!(test.states(), [("a".to_owned(), 0, "delivered")]);
}

#[test]
fn a_message_that_comes_back_twice_is_not_deleted_again() {
    let test = TestLedger::new();
    test.deliver(&[("a", 0)]);
    test.delete(&[("a", 0)]);
    assert!(take_back(&test, "a"));
    test.delete(&[("a", 0)]);

    assert!(!take_back(&test, "a"));

    assert!(test.confirm(&[("a", 0)]).is_empty());
}

#[test]
fn a_deletion_is_retried_after_a_day() {
    let test = TestLedger::new();
    test.deliver(&[("a", 0)]);
    test.delete(&[("a", 0)]);
    assert!(take_back(&test, "a"));
    test.delete(&[("a", 0)]);
    assert!(!take_back(&test, "a"));
    let retry = || test.ledger.deletions().retry().expect("it can be written");

    retry();
    assert!(!take_back(&test, "a"), "less than a day has passed");

    test.change("UPDATE seen SET gone = gone - 24 * 3600");
    retry();
    assert!(take_back(&test, "a"));
}

#[test]
fn a_forgotten_message_may_not_be_deleted() {
    let test = TestLedger::new();
    test.deliver(&[("a", 0), ("a", 1), ("b", 0)]);

    let forgotten = test.ledger.messages().forget(&identity("a", 0).unique_id);

    assert_eq!(forgotten.expect("it can be written"), 2);
    assert_eq!(test.confirm(&[("a", 0), ("a", 1), ("b", 0)]).len(), 1);
}

#[test]
fn sizes_are_needed_first_and_when_a_deletion_is_due() {
    let test = TestLedger::new();
    let needs_sizes = |due| {
        let needs_sizes = test.ledger.messages().needs_sizes(due);
        needs_sizes.expect("it can be read")
    };
    assert!(needs_sizes(None), "nothing is known");
    test.deliver(&[("a", 0)]);

    assert!(!needs_sizes(None));
    assert!(!needs_sizes(Some(Moment(0))));
    assert!(needs_sizes(Some(Moment::now())));
}
