//! Wrong clocks: no message is deleted by an age that was counted along them.

use crate::support::mail::ordinary;
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::tools;

/// A run: its clock, whether it has something to say about it, and the messages that it leaves on the
/// server.
struct ClockRun(&'static str, Said, usize);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Said {
    Nothing,
    Once,
}

use Said::{Nothing, Once};

/// Fetches three messages with `keep = '14 days'`, and then runs again with each of these clocks.
#[track_caller]
fn runs(runs: &[ClockRun]) {
    if tools::find("faketime").is_none() {
        return;
    }
    let messages = ordinary(1, 3);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::with_work(server.address(), "keep = '14 days'");
    for ClockRun(clock, said, left) in runs {
        let outcome = sandbox.mailpull_at(clock, ["fetch"]).run();
        outcome.succeeds();
        match said {
            Nothing => outcome.is_silent(),
            Once => outcome
                .complains_in_lines(1)
                .stderr_has("the time of keep counts anew"),
        };
        assert_eq!(server.count(), *left, "{clock}");
    }
    sandbox.work().holds(&messages);
    assert_eq!(server.log().retrieved.len(), 3);
}

#[test]
fn mail_delivered_in_1970_is_kept_for_its_time() {
    runs(&[
        ClockRun("1970-01-01 00:05:00", Once, 3),
        ClockRun("1970-01-01 00:10:00", Nothing, 3),
        ClockRun("+0", Nothing, 3),
        ClockRun("+13d", Nothing, 3),
        ClockRun("+15d", Nothing, 0),
    ]);
}

#[test]
fn a_clock_in_1970_for_one_run_deletes_nothing() {
    runs(&[
        ClockRun("+0", Nothing, 3),
        ClockRun("1970-01-01 00:05:00", Once, 3),
        ClockRun("+10m", Nothing, 3),
        ClockRun("+13d", Nothing, 3),
        ClockRun("+15d", Nothing, 0),
    ]);
}

#[test]
fn mail_delivered_by_a_clock_weeks_behind_is_kept_for_its_time() {
    runs(&[
        ClockRun("+0", Nothing, 3),
        ClockRun("-21d", Once, 3),
        ClockRun("-20d", Nothing, 3),
        ClockRun("+10m", Nothing, 3),
        ClockRun("+13d", Nothing, 3),
        ClockRun("+15d", Nothing, 0),
    ]);
}

#[test]
fn a_clock_a_year_ahead_for_one_run_deletes_nothing() {
    runs(&[
        ClockRun("+0", Nothing, 3),
        ClockRun("+365d", Once, 3),
        ClockRun("+10m", Once, 3),
        ClockRun("+13d", Nothing, 3),
        ClockRun("+15d", Nothing, 0),
    ]);
}

#[test]
fn a_machine_that_was_off_for_a_year_deletes_nothing_at_first() {
    runs(&[
        ClockRun("+0", Nothing, 3),
        ClockRun("+365d", Once, 3),
        ClockRun("+378d", Nothing, 3),
        ClockRun("+380d", Nothing, 0),
    ]);
}

#[test]
fn a_mailbox_fetched_every_quarter_gets_its_deletions() {
    runs(&[ClockRun("+0", Nothing, 3), ClockRun("+89d", Nothing, 0)]);
}

#[test]
fn a_wrong_clock_is_no_news_where_no_age_counts() {
    if tools::find("faketime").is_none() {
        return;
    }
    for keep in ["true", "false"] {
        let server = ModelServer::start(ordinary(1, 2));
        let sandbox = Sandbox::with_work(server.address(), &format!("keep = {keep}"));
        for clock in ["+0", "1970-01-01 00:05:00", "+365d", "+0"] {
            let outcome = sandbox.mailpull_at(clock, ["fetch"]).run();
            outcome.succeeds().is_silent();
        }
        sandbox.work().holds(&ordinary(1, 2));
    }
}

#[test]
fn a_dry_run_names_no_message_that_a_wrong_clock_makes_old() {
    if tools::find("faketime").is_none() {
        return;
    }
    let server = ModelServer::start(ordinary(1, 2));
    let sandbox = Sandbox::with_work(server.address(), "keep = '14 days'");
    sandbox.mailpull_at("+0", ["fetch"]).run().succeeds();
    let dry = |clock| sandbox.mailpull_at(clock, ["fetch", "--dry-run"]).run();

    dry("+365d").succeeds().never_says("delete");
    dry("+15d").succeeds().stdout_has("delete");
}

#[test]
fn log_shows_the_time_of_a_wrong_clock() {
    if tools::find("faketime").is_none() {
        return;
    }
    let server = ModelServer::start(ordinary(1, 1));
    let sandbox = Sandbox::with_work(server.address(), "");
    let run = sandbox.mailpull_at("1970-01-01 00:05:00", ["fetch"]).run();
    run.succeeds();

    let log = sandbox.mailpull(["log"]).run();

    log.succeeds().stdout_has("1970-01-01T0");
}
