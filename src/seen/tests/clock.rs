//! The clock between runs, and the restart of all ages.

use super::super::{RecognitionEnd, RunEnd};
use super::*;
use crate::exit::Exit;
use crate::mail::clock::{Clock, ClockChange};

/// Opens the ledger again, as the next run does.
fn next_run(test: &TestLedger) -> Ledger {
    let ledger = Ledger::open(&test.folder(), "work", "mail.example.org", "joe");
    ledger.expect("the database can be opened")
}

fn end(ledger: &Ledger) {
    let end = RunEnd {
        was_cut_off: Some(false),
        recognition: RecognitionEnd::Complete,
        ..RunEnd::without_session(Exit::Done)
    };
    ledger
        .runs()
        .end(&end)
        .expect("the database can be written");
}

/// Returns the times of all deliveries.
fn delivered(ledger: &Ledger) -> Vec<Moment> {
    let known = ledger.messages().all().into_iter();
    let times = known.filter_map(|(_, known)| match known.state {
        State::Delivered(when) => Some(when),
        _ => None,
    });
    times.collect()
}

/// An account whose last run had a clock that was a year ahead.
fn after_a_year_ahead() -> TestLedger {
    let test = TestLedger::new();
    test.deliver(&[("a", 0), ("gone", 0)]);
    test.delete(&[("gone", 0)]);
    end(&test.ledger);
    test.change(
        "UPDATE account SET clock = clock + 31536000, lost_step = clock + 31536000;
         UPDATE seen SET delivered = 0 WHERE unique_id = x'61';
         UPDATE seen SET gone = gone + 31536000, vanished = vanished + 31536000",
    );
    test
}

#[test]
fn a_change_of_the_clock_is_seen_after_a_first_run_that_was_killed() {
    let test = TestLedger::new();
    test.change("UPDATE account SET clock = clock - 31536000");

    let ledger = next_run(&test);

    assert!(matches!(ledger.clock().change(), ClockChange::SetAhead(_)));
}

#[test]
fn time_passes_plausibly_from_run_to_run() {
    let test = TestLedger::new();
    for _ in 0..3 {
        let ledger = next_run(&test);
        assert!(ledger.clock().is_plausible());
        end(&ledger);
    }
}

#[test]
fn a_change_of_the_clock_dates_everything_anew_once() {
    let test = after_a_year_ahead();
    let ledger = next_run(&test);
    assert!(matches!(ledger.clock().change(), ClockChange::SetBack(_)));

    ledger.date_anew().expect("the database can be written");

    assert_eq!(delivered(&ledger), [ledger.clock().now()]);
    assert!(next_run(&test).clock().is_plausible());
    let retry = ledger.deletions().retry();
    retry.expect("a deletion of the future does not matter");
    assert_eq!(
        test.states(),
        [("a".into(), 0, "delivered"), ("gone".into(), 0, "gone")]
    );
}

#[test]
fn a_run_that_dates_nothing_anew_leaves_the_change() {
    let test = after_a_year_ahead();

    let ended = next_run(&test)
        .runs()
        .end(&RunEnd::without_session(Exit::Temporary));

    ended.expect("the database can be written");
    assert!(!next_run(&test).clock().is_plausible());
}

#[test]
fn nothing_is_forgotten_by_a_clock_that_was_set_ahead() {
    let test = TestLedger::new();
    test.deliver(&[("a", 0)]);
    end(&test.ledger);
    test.change(
        "UPDATE seen SET vanished = unixepoch() - 31536000;
         UPDATE account SET clock = clock - 31536000, lost_step = clock - 31536000",
    );
    let ledger = next_run(&test);
    assert!(ledger.runs().last().expect("it can be read").has_lost_step);
    ledger.date_anew().expect("the database can be written");

    end(&ledger);

    assert_eq!(test.states(), [("a".into(), 0, "delivered")]);
}

#[test]
fn only_impossible_times_are_dated_anew_without_a_change() {
    let test = TestLedger::new();
    test.deliver(&[("a", 0), ("b", 0), ("c", 0), ("d", 0)]);
    test.change(
        "UPDATE seen SET delivered = 5 WHERE unique_id = x'61';
         UPDATE seen SET delivered = unixepoch() + 31536000 WHERE unique_id = x'62';
         UPDATE seen SET delivered = unixepoch() - 864000 WHERE unique_id = x'63';
         UPDATE seen SET delivered = NULL WHERE unique_id = x'64'",
    );
    let ledger = next_run(&test);
    let before = delivered(&ledger);

    ledger.date_anew().expect("the database can be written");

    let now = ledger.clock().now();
    assert_eq!(delivered(&ledger), [now, now, before[2], Moment(i64::MAX)]);
}

#[test]
fn an_account_of_an_earlier_version_is_judged_by_its_last_run() {
    let test = TestLedger::new();
    end(&test.ledger);
    test.change("UPDATE account SET clock = NULL, last_run = last_run + 31536000");

    let clock: Clock = *next_run(&test).clock();

    assert!(matches!(clock.change(), ClockChange::SetBack(_)));
}
