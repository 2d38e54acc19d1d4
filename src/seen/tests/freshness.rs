//! Runs: the facts that one leaves for the next, and the check that its database is still there.

use std::fs;
use std::time::{Duration, SystemTime};

use super::super::{Doubt, Error, RecognitionEnd, RunEnd};
use super::*;
use crate::exit::Exit;
use crate::mail::mark::Mark;

fn good_end() -> RunEnd {
    RunEnd {
        rules: None,
        keep: Some("7d".to_owned()),
        was_cut_off: Some(false),
        recognition: RecognitionEnd::Complete,
        ..RunEnd::without_session(Exit::Done)
    }
}

fn end(test: &TestLedger, end: &RunEnd) {
    let result = test.ledger.runs().end(end);
    result.expect("the database can be written");
}

fn end_with(test: &TestLedger, recognition: RecognitionEnd) {
    let run = RunEnd {
        recognition,
        ..good_end()
    };
    end(test, &run);
}

/// Begins a run as the program does, with the database that is there now.
fn begin(test: &TestLedger) -> Ledger {
    let ledger = Ledger::open(&test.folder(), "work", "mail.example.org", "joe");
    let mut ledger = ledger.expect("the database can be opened");
    // The lock itself is held by the test's own ledger.
    ledger.account.marks.own = ledger.freshness().check().expect("it can be written");
    ledger
}

fn doubt(ledger: &Ledger) -> Doubt {
    ledger.freshness().doubt().expect("it can be read")
}

/// Makes a ledger about which there is no doubt.
fn trusted() -> TestLedger {
    let test = TestLedger::new();
    test.deliver(&[("a", 0)]);
    end_with(&test, RecognitionEnd::NothingToFind);
    assert_eq!(doubt(&begin(&test)), Doubt::None);
    test
}

#[test]
fn a_new_database_is_in_doubt_until_everything_is_recognised() {
    use RecognitionEnd::{Complete, Found, NothingToFind, Unfinished};
    for (ends, expected) in [
        (&[][..], Doubt::Open),
        (&[Unfinished], Doubt::Open),
        (&[Found], Doubt::Open),
        (&[NothingToFind], Doubt::None),
        (&[Complete], Doubt::Lingering),
        (&[Found, Complete], Doubt::Lingering),
        (&[Complete, Unfinished, Found, Complete], Doubt::Lingering),
        (&[Complete, NothingToFind], Doubt::None),
    ] {
        let test = TestLedger::new();
        for recognition in ends {
            end_with(&test, *recognition);
        }
        assert_eq!(doubt(&begin(&test)), expected, "{ends:?}");
    }
}

#[test]
fn the_doubt_lingers_for_two_weeks_after_the_last_recognition() {
    let age = |test: &TestLedger, days: i64| {
        let seconds = days * 24 * 3600;
        test.change(&format!(
            "UPDATE account SET recognised = recognised - {seconds}"
        ));
    };
    let test = TestLedger::new();
    end_with(&test, RecognitionEnd::Complete);
    age(&test, 13);
    end_with(&test, RecognitionEnd::Found);
    age(&test, 13);
    end_with(&test, RecognitionEnd::Complete);
    assert_eq!(doubt(&test.ledger), Doubt::Lingering);
    age(&test, 1);

    end_with(&test, RecognitionEnd::Complete);

    assert_eq!(doubt(&test.ledger), Doubt::None);
}

#[test]
fn a_killed_run_leaves_no_doubt() {
    let test = trusted();
    let running = begin(&test);
    let staged = vec![durable("b", 0, "b")];
    let staged = running.custody().stage(staged, &place(), &[]);
    staged.expect("it can be written");
    drop(running);

    assert_eq!(doubt(&begin(&test)), Doubt::None);
}

#[test]
fn a_backup_put_back_after_a_killed_run_is_noticed() {
    let test = trusted();
    test.change("CREATE TABLE backup AS SELECT generation FROM account");
    let running = begin(&test);
    running.freshness().sign().expect("it can be written");
    drop(running);

    test.change("UPDATE account SET generation = (SELECT generation FROM backup)");

    assert_eq!(doubt(&begin(&test)), Doubt::Open);
}

#[test]
fn a_backup_made_during_a_run_is_an_older_database() {
    let test = trusted();
    let running = begin(&test);
    running.freshness().sign().expect("it can be written");
    test.change("CREATE TABLE backup AS SELECT generation FROM account");
    let ended = running.runs().end(&good_end());
    ended.expect("it can be written");
    drop(running);

    test.change("UPDATE account SET generation = (SELECT generation FROM backup)");

    assert_eq!(doubt(&begin(&test)), Doubt::Open);
}

/// Sets the time of the last write to the log to so many seconds ago.
fn date_log(test: &TestLedger, age: u64) {
    let log = test.home.path().join("seen.db-wal");
    let log = File::options().write(true).open(log);
    let time = SystemTime::now() - Duration::from_secs(age);
    log.and_then(|log| log.set_modified(time))
        .expect("the ledger has a log");
}

#[test]
fn a_database_changed_long_after_its_log_is_in_doubt() {
    let test = trusted();
    let mark = begin(&test).marks().own;
    date_log(&test, 3);
    assert_eq!(doubt(&begin(&test)), Doubt::None);
    date_log(&test, 3600);

    let doubted = begin(&test);

    assert_eq!(doubt(&doubted), Doubt::Open);
    assert_ne!(doubted.marks().own, mark);
    // It happens once.
    assert_eq!(begin(&test).marks().own, doubted.marks().own);
}

#[test]
fn a_damaged_database_beside_an_older_log_is_refused() {
    let test = trusted();
    test.change("DELETE FROM delivery");
    date_log(&test, 3600);

    let opened = StateFolder::open(test.home.path());

    assert!(matches!(opened, Err(Error::Damaged { .. })), "{opened:?}");
}

#[test]
fn a_lock_file_changed_after_its_last_run_begins_the_doubt() {
    for (age, expected) in [(300, Doubt::None), (3600, Doubt::Open)] {
        let test = trusted();
        let mark = begin(&test).marks().own;
        test.change(&format!(
            "UPDATE account SET lock_changed = lock_changed - {age}"
        ));

        let restored = begin(&test);

        assert_eq!(doubt(&restored), expected);
        assert_eq!(restored.marks().own == mark, expected == Doubt::None);
        // It happens once.
        assert_eq!(begin(&test).marks().own, restored.marks().own);
    }
}

#[test]
fn a_run_killed_while_it_draws_a_generation_leaves_no_doubt() {
    let test = trusted();
    let lock = test.ledger.lock_file();
    let signature = fs::read_to_string(&lock).expect("the ledger has a lock file");
    fs::write(&lock, format!("{}\n1 another\n", signature.trim_end())).expect("it is ours");
    test.change("UPDATE account SET lock_changed = lock_changed - 3600");

    assert_eq!(doubt(&begin(&test)), Doubt::None);
}

#[test]
fn a_doubt_that_was_interrupted_is_not_forgotten() {
    let test = trusted();
    test.change("UPDATE account SET generation = generation - 1");
    for _ in 0..2 {
        let running = begin(&test);
        assert_eq!(doubt(&running), Doubt::Open);
        running.freshness().sign().expect("it can be written");
        let ended = RunEnd::without_session(Exit::Temporary);
        running.runs().end(&ended).expect("it can be written");
    }
    assert_eq!(doubt(&begin(&test)), Doubt::Open);
}

#[test]
fn a_database_in_another_file_gets_a_new_mark() {
    let test = trusted();
    let mark = begin(&test).marks().own;
    assert_eq!(begin(&test).marks().own, mark);
    let database = test.home.path().join("seen.db");
    let copy = test.home.path().join("copy.db");
    fs::copy(&database, &copy).expect("the folder is ours");

    fs::rename(&copy, &database).expect("the folder is ours");

    let copied = begin(&test);
    assert_eq!(doubt(&copied), Doubt::Open);
    assert_ne!(copied.marks().own, mark);
    assert_eq!(begin(&test).marks().own, copied.marks().own);
}

#[test]
fn a_first_run_that_was_killed_keeps_its_mark() {
    let test = TestLedger::new();
    let mark = test.ledger.marks().own;
    assert_ne!(mark, Mark::default());
    assert_eq!(begin(&test).marks().own, mark);
}

#[test]
fn an_account_without_a_mark_gets_one_and_no_doubt() {
    let test = trusted();
    test.change("UPDATE account SET mark = x'', mark_drawn_in = NULL");

    let migrated = begin(&test);

    assert_ne!(migrated.marks().own, Mark::default());
    assert_eq!(doubt(&migrated), Doubt::None);
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
    let noted = test.ledger.messages().note_missing(&missing, []);
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
    assert!(named.tags().contains(&one_shot.marks().tag));
}

#[test]
fn a_second_run_is_refused_the_lock() {
    let test = TestLedger::new();
    let second = Ledger::open(&test.folder(), "work", "mail.example.org", "joe");

    let lock = second.expect("the database can be opened").lock();

    assert!(matches!(lock, Err(Error::Locked)));
}
