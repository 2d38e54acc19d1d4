//! Reports about an account that are made once.

use super::*;
use crate::mail::refusals::Refusals;

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
fn subjects_of_a_day_are_found_and_forgotten_together() {
    let test = TestLedger::new();
    let notices = test.ledger.notices();
    for subject in ["ended by 1", "ended by 2", "ended", "problem 1"] {
        assert!(
            notices
                .is_due(subject)
                .expect("the database can be written")
        );
    }
    let mut lately = notices.lately().expect("the database can be read");
    lately.sort();
    assert_eq!(lately, ["ended", "ended by 1", "ended by 2", "problem 1"]);
    for is_first in [true, false] {
        let forgotten = notices.forget_all("ended by ");
        assert_eq!(forgotten.expect("the database can be written"), is_first);
    }
    let left = notices.lately().expect("the database can be read").len();
    assert_eq!(left, 2);
}

#[test]
fn refused_logins_are_recorded_until_one_succeeds() {
    let test = TestLedger::new();
    let logins = test.ledger.refused_logins();
    let refusals = Refusals::one_more(None, b"sesame", Moment(7), [1; 8]);
    for recorded in [Some(refusals), None] {
        logins
            .record(recorded.as_ref())
            .expect("the database can be written");
        let last = logins.last().expect("the database can be read");
        assert_eq!(last, recorded);
    }
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
