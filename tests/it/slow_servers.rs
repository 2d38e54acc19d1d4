//! Servers that are slow, and servers that send something now and then but never finish.
//! The tests set the clock of the program.

use crate::support::certificates::Authority;
use crate::support::mail::notes;
use crate::support::outcome::RunOutcome;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::script::{QUIT, Script, ScriptServer};
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

    let outcome = run_by_clock(
        &sandbox,
        sandbox.mailpull_by_clock(["fetch"]),
        &server,
        times,
    );

    outcome.fails_with(75).complains_in_lines(1);
    sandbox.work().holds(&notes(["a"]));
    let next = sandbox.mailpull_by_clock(["fetch"]).run();
    next.succeeds().is_silent();
    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
    Some(outcome)
}

/// Runs the program, and sets its clock to each time when the conversation gets there.
#[track_caller]
fn run_by_clock(
    sandbox: &Sandbox,
    program: Program,
    server: &ScriptServer,
    times: &[&str],
) -> RunOutcome {
    sandbox.set_clock("+0");
    let running = program.start();
    for time in times {
        server.reached(time);
        running.wait_until_it_waits();
        sandbox.set_clock(time);
        server.release(time);
    }
    running.wait()
}

/// Returns steps that send the head of a large TLS record, and then an octet of it at each time.
fn drips_in_a_record(times: &[&str]) -> String {
    let drip = |time: &&str| format!("reached {time}\nhold {time}\nbeneath: x\n");
    let drips: String = times.iter().map(drip).collect();
    format!("\nbeneath: \\x17\\x03\\x03\\x40\\x00\n{drips}stall")
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

#[test]
fn a_drip_inside_a_tls_record_is_abandoned_after_five_minutes() {
    if tools::find("faketime").is_none() {
        return;
    }
    let times = ["+1m", "+2m", "+3m", "+4m", "+5m"];
    let authority = Authority::new();
    let server = Script::new(format!(
        "tls\nS: +OK ready\nC: CAPA{}",
        drips_in_a_record(&times)
    ))
    .identity(authority.certificate().acceptor())
    .serve();
    let keys = "timeout = '30 days'\nsecurity = 'tls'\ntls-ca-file = '~/ca.pem'";
    let sandbox = Sandbox::with_work(server.address(), keys);
    sandbox.write("home/ca.pem", authority.pem());

    let program = sandbox.mailpull_by_clock(["fetch"]);
    let outcome = run_by_clock(&sandbox, program, &server, &times);

    outcome
        .fails_with(75)
        .stderr_has("waiting for CAPA: fewer than 32 octets a second came for 5 minutes");
}

#[test]
fn a_drip_in_a_tls_handshake_ends_at_connect_timeout() {
    if tools::find("faketime").is_none() {
        return;
    }
    // The head of a handshake record.
    let begin = "beneath: \\x16\\x03\\x03\\x40\\x00";
    let drip = "reached +20s\nhold +20s\nbeneath: \\x02\nreached +40s\nhold +40s";
    let server = Script::new(format!("{begin}\n{drip}\nbeneath: x\nstall")).serve();
    let sandbox = Sandbox::with_work(server.address(), "security = 'tls'");

    let program = sandbox.mailpull_by_clock(["fetch"]);
    let outcome = run_by_clock(&sandbox, program, &server, &["+20s", "+40s"]);

    outcome.fails_with(75).stderr_has("timed out");
}

#[test]
fn a_token_provider_that_drips_is_abandoned_after_half_a_minute() {
    if tools::find("faketime").is_none() {
        return;
    }
    let times = ["+20s", "+40s"];
    let authority = Authority::new();
    let server = Script::new(format!("tls{}", drips_in_a_record(&times)))
        .identity(authority.certificate().acceptor())
        .serve();
    let address = format!("https://{}", server.address());
    let keys = format!(
        "oauth2-client-id = 'me'\noauth2-scope = 'mail'\noauth2-token-url = '{address}/token'\n\
         oauth2-device-url = '{address}/device'"
    );
    let sandbox = Sandbox::with_work("127.0.0.1:9", &keys);
    let trusted = sandbox.write("ca.pem", authority.pem());

    let program = sandbox.mailpull_by_clock(["login", "work"]);
    let program = program.env("SSL_CERT_FILE", trusted);
    let outcome = run_by_clock(&sandbox, program, &server, &times);

    outcome.fails_with(75).stderr_has("timed out");
}
