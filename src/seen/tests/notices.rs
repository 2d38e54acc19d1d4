//! Reports about an account that are made once.

use super::*;

#[test]
fn a_subject_is_reported_once_for_each_account() {
    let test = TestLedger::new();
    let (other, _lock) = open(&test.folder(), "other");
    let first = |ledger: &Ledger, subject| {
        let first = ledger.notices().first(subject);
        first.expect("the database can be written")
    };
    for (subject, is_first) in [("sizes", true), ("sizes", false), ("quit", true)] {
        assert_eq!(first(&test.ledger, subject), is_first, "{subject}");
    }
    assert!(first(&other, "sizes"));
}

#[test]
fn the_surplus_of_stat_is_remembered() {
    let test = TestLedger::new();
    let surplus = || {
        let facts = test.ledger.messages().facts();
        facts.expect("the database can be read").sizes.surplus
    };
    assert_eq!(surplus(), 0);
    for octets in [-7, 12] {
        let noted = test.ledger.size_checks().note_surplus(octets);
        noted.expect("the database can be written");
        assert_eq!(surplus(), octets);
    }
}
