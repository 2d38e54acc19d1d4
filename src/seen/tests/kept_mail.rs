//! Deletions on a server without unique-ids.

use std::collections::HashSet;

use super::*;

/// A made-up unique-id.
const NAME: &str = "sha256:00";

/// Returns true if the message under [`NAME`] may be one that was deleted.
fn may_be_kept(test: &TestLedger) -> bool {
    let matches = test.ledger.recognition();
    let matches = matches.contents(&identity(NAME, 0));
    !matches.expect("it can be read").is_empty()
}

#[test]
fn a_deletion_is_proven_by_a_session_without_the_message() {
    let test = TestLedger::new();
    test.deliver(&[(NAME, 0), ("sha256:01", 0)]);
    test.delete(&[(NAME, 0), ("sha256:01", 0)]);
    let prove = |found: &[&Identity]| {
        let found: HashSet<_> = found.iter().copied().collect();
        let proven = test.ledger.unproven_deletions().prove_unnamed_but(&found);
        proven.expect("it can be written")
    };
    assert_eq!(prove(&[&identity(NAME, 0)]), 1);
    assert!(may_be_kept(&test));

    assert_eq!(prove(&[]), 1);

    assert!(!may_be_kept(&test));
    assert_eq!(prove(&[]), 0);
}

#[test]
fn a_servers_own_unique_ids_need_no_proof() {
    let test = TestLedger::new();
    test.deliver(&[("a", 0)]);
    test.delete(&[("a", 0)]);

    let proven = test
        .ledger
        .unproven_deletions()
        .prove_unnamed_but(&HashSet::new());

    assert_eq!(proven.expect("it can be written"), 0);
}

#[test]
fn a_deletion_is_unproven_until_a_session_was_without_the_message() {
    let test = TestLedger::new();
    test.deliver(&[("a", 0), ("b", 0), ("c", 0)]);
    test.delete(&[("a", 0), ("b", 0)]);
    let unproven = || {
        let unproven = test.ledger.unproven_deletions().all();
        unproven.expect("the database can be read")
    };
    assert_eq!(unproven(), [identity("a", 0), identity("b", 0)]);

    let b = identity("b", 0);
    let deletions = test.ledger.unproven_deletions();
    let proven = deletions.prove_all_but(&HashSet::from([&b]), |_| false);

    assert_eq!(proven.expect("the database can be written"), 1);
    assert_eq!(unproven(), [b]);
    test.delete(&[("c", 0)]);
    assert_eq!(unproven().len(), 2);
}
