//! Runs: the facts that one leaves for the next, and the check that its database is still there.

use std::fs;

use super::super::RunEnd;
use super::*;
use crate::exit::Exit;

fn good_end() -> RunEnd {
    RunEnd {
        exit: Exit::Done,
        keep: Some("7d".to_owned()),
        configured_keep: None,
        was_cut_off: Some(false),
        is_complete: true,
        was_surprised: false,
    }
}

fn end(test: &TestLedger, end: &RunEnd) {
    let result = test.ledger.runs().end(end);
    result.expect("the database can be written");
}

fn is_in_doubt(test: &TestLedger) -> bool {
    let is_in_doubt = test.ledger.freshness().is_in_doubt();
    is_in_doubt.expect("the database can be read")
}

#[test]
fn a_new_database_is_in_doubt_until_a_run_has_ended() {
    let test = TestLedger::new();
    assert!(is_in_doubt(&test));

    end(&test, &good_end());

    assert!(!is_in_doubt(&test));
}

#[test]
fn a_run_that_is_not_complete_leaves_the_doubt() {
    let test = TestLedger::new();

    end(&test, &RunEnd::without_session(Exit::Temporary));

    assert!(is_in_doubt(&test));
}

#[test]
fn an_older_database_is_in_doubt() {
    let test = TestLedger::new();
    end(&test, &good_end());

    test.change("UPDATE account SET generation = generation - 1");

    assert!(is_in_doubt(&test));
    let has_forgotten = test.ledger.freshness().has_forgotten();
    assert!(has_forgotten.expect("it can be read"));
}

#[test]
fn a_database_in_another_file_is_in_doubt() {
    let test = TestLedger::new();
    end(&test, &good_end());
    let database = test.home.path().join("seen.db");
    let copy = test.home.path().join("copy.db");
    fs::copy(&database, &copy).expect("the folder is ours");

    fs::rename(&copy, &database).expect("the folder is ours");

    assert!(is_in_doubt(&test));
}

#[test]
fn failed_runs_in_a_row_are_counted() {
    let test = TestLedger::new();
    for expected in 1..=2 {
        end(&test, &RunEnd::without_session(Exit::Temporary));
        let last = test.ledger.runs().last().expect("it can be read");
        assert_eq!(last.failures, expected);
    }

    end(&test, &good_end());

    let last = test.ledger.runs().last().expect("it can be read");
    assert_eq!(last.failures, 0);
    assert_eq!(last.keep.as_deref(), Some("7d"));
}

#[test]
fn a_message_is_forgotten_ninety_days_after_it_went_missing() {
    let test = TestLedger::new();
    test.deliver(&[("old", 0), ("young", 0)]);
    test.stage(&[("staged", 0)]);
    let missing = ["old", "young", "staged"].map(|id| identity(id, 0));
    let noted = test.ledger.messages().note_missing(&missing, &[]);
    noted.expect("it can be written");
    test.change(
        "UPDATE seen SET vanished = vanished - 91 * 24 * 3600 WHERE unique_id <> x'796f756e67'",
    );

    end(&test, &good_end());

    let states = test.states();
    let states: Vec<_> = states
        .iter()
        .map(|(id, _, state)| (&**id, *state))
        .collect();
    assert_eq!(states, [("staged", "staged"), ("young", "delivered")]);
}

#[test]
fn an_account_fetched_by_its_url_keeps_its_rows_under_a_name() {
    let test = TestLedger::new();
    let folder = test.folder();
    let (one_shot, lock) = open(&folder, "joe@mail.example.org");
    let seen = [listed("a")].into_iter();
    one_shot
        .messages()
        .mark_seen(seen)
        .expect("it can be written");
    drop(lock);

    let (named, _lock) = open(&folder, "home");

    let entries = named.messages().entries().expect("it can be read");
    assert_eq!(entries.len(), 1);
    assert!(named.tags().contains(&one_shot.tag().to_owned()));
}

#[test]
fn a_second_run_is_refused_the_lock() {
    let test = TestLedger::new();
    let second = Ledger::open(&test.folder(), "work", "mail.example.org", "joe");

    let lock = second.expect("the database can be opened").lock();

    assert!(matches!(lock, Err(super::super::Error::Locked)));
}
