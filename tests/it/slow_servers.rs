//! Servers that are slow, and servers that send something now and then but never finish.
//! The tests set the clock of the program.

use crate::support::mail::notes;
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;
use crate::support::script::{QUIT, Script};
use crate::support::tools;

/// A session without pipelining up to the listings, which hold two messages.
const LIST_UNPIPELINED: &str = "
    login alone
    C: UIDL
    lists a b
    C: LIST
    lists 17 17";

/// Fetches in two sessions and returns the outcome of the first, which must fail. The first session
/// is a login, the listings of two messages and `retrieval`. At each `hold` in it the clock is set
/// to the time that names the `hold`. The second session fetches the second message.
#[track_caller]
fn fetch(retrieval: &str, times: &[&str]) -> Option<RunOutcome> {
    tools::find("faketime")?;
    let first = [LIST_UNPIPELINED, retrieval].concat();
    let second = [LIST_UNPIPELINED, "\nC: RETR 2\ngives b", QUIT].concat();
    let server = Script::new(first).then(second).serve();
    let sandbox = Sandbox::with_work(server.address(), "timeout = '30 days'");
    sandbox.set_clock("+0");
    let running = sandbox.mailpull_by_clock(["fetch"]).start();
    for time in times {
        server.reached(time);
        running.wait_until_it_waits();
        sandbox.set_clock(time);
        server.release(time);
    }

    let outcome = running.wait();

    outcome.fails_with(75).complains_in_lines(1);
    sandbox.work().holds(&notes(["a"]));
    let next = sandbox.mailpull_by_clock(["fetch"]).run();
    next.succeeds().is_silent();
    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
    Some(outcome)
}

/// Returns steps that send one octet and then wait until the clock has been set, for each time.
fn drips(times: &[&str]) -> String {
    let drip = |time: &&str| format!("raw: x\nreached {time}\nhold {time}\n");
    times.iter().map(drip).collect()
}

/// The retrieval of two messages up to the first line of the second answer.
const BEGIN_B: &str = "
    C: RETR 1
    gives a
    C: RETR 2
    S: +OK
";

#[test]
fn a_server_that_drips_is_abandoned_after_five_minutes() {
    let times = ["+1m", "+2m", "+3m", "+4m", "+5m"];
    let drips = drips(&times);

    let outcome = fetch(&format!("{BEGIN_B}{drips}raw: x\nstall"), &times);

    if let Some(outcome) = outcome {
        outcome.stderr_has(
            "waiting for the rest of the answer to RETR 2: fewer than 32 octets a second came for \
             5 minutes",
        );
    }
}

#[test]
fn no_session_lasts_longer_than_a_day() {
    let silence = "reached +25h\nhold +25h\nS: Subject: b\nstall";

    let outcome = fetch(&format!("{BEGIN_B}{silence}"), &["+25h"]);

    if let Some(outcome) = outcome {
        outcome.stderr_has(
            "waiting for the rest of the answer to RETR 2: the session has lasted 24 hours",
        );
    }
}

#[test]
fn a_session_requests_no_more_messages_after_six_hours() {
    let slow_answer = "\nC: RETR 1\nreached +7h\nhold +7h\ngives a";

    let outcome = fetch(&format!("{slow_answer}{QUIT}"), &["+7h"]);

    if let Some(outcome) = outcome {
        outcome.stderr_is(
            "mailpull: work: retrieving messages: the session has lasted 6 hours; messages \
             that wait for the next run: 1\n",
        );
    }
}
