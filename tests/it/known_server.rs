//! Servers that are known from an earlier run: their capabilities are remembered, so that the login
//! and the listing can be sent at once. When a server has changed, the program notices and recovers.

use crate::login::{EMPTY, base64};
use crate::support::mail::notes;
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;
use crate::support::script::{Script, ScriptServer};

/// A first session with a server that announces PIPELINING before and after the login.
const FIRST: &str = "
    login ahead
    C: UIDL
    C: LIST
    lists a
    lists 17
    C: RETR 1
    gives a
    C: QUIT
    S: +OK";

/// A later session: everything up to STAT is sent at once, before the server has answered.
const PIPELINED_LOGIN: &str = "
    S: +OK ready
    C: USER joe
    C: PASS open sesame
    C: UIDL
    C: STAT";

/// A later session in which the capabilities are asked for again.
const ORDINARY_LOGIN: &str = "
    login ahead
    C: UIDL
    C: STAT
    lists a
    counts 1 17
    C: QUIT";

/// A session that is not pipelined although the server announces PIPELINING.
const UNPIPELINED: &str = "
    login
    C: UIDL
    lists a
    C: LIST
    lists 17
    C: RETR 1
    gives a
    C: QUIT
    S: +OK";

/// Runs twice against a server with these conversations after [`FIRST`]. The outcome is that of the
/// second run.
fn second_run(conversations: &[&str], keys: &str) -> (Sandbox, ScriptServer, RunOutcome) {
    let script = conversations
        .iter()
        .fold(Script::new(FIRST), |script, conversation| {
            script.then(*conversation)
        });
    let server = script.serve();
    let sandbox = Sandbox::with_work(server.address(), keys);
    sandbox.fetch().succeeds();
    let outcome = sandbox.fetch();
    (sandbox, server, outcome)
}

#[test]
fn a_second_run_logs_in_and_lists_in_one_flight() {
    let listing = "
        S: +OK
        S: +OK
        lists a
        counts 1 17
        C: QUIT";
    let (sandbox, server, outcome) = second_run(&[&[PIPELINED_LOGIN, listing].concat()], "");
    outcome.succeeds().is_silent();
    assert_eq!(server.finish()[1].turns, 2);
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn needed_sizes_are_listed_in_the_same_flight() {
    let listing = "
        S: +OK
        S: +OK
        lists a
        lists 17
        C: QUIT";
    let login = PIPELINED_LOGIN.replace("C: STAT", "C: LIST");
    let conversation = [&login, listing].concat();
    let (_, server, outcome) = second_run(&[&conversation], "max-size = 1000");
    outcome.succeeds().is_silent();
    server.finish();
}

#[test]
fn new_mail_is_fetched_after_a_pipelined_login() {
    let rest = "
        S: +OK
        S: +OK
        lists a b
        counts 2 34
        C: LIST
        lists 17 17
        C: RETR 2
        gives b
        C: QUIT
        S: +OK";
    let (sandbox, server, outcome) = second_run(&[&[PIPELINED_LOGIN, rest].concat()], "");
    outcome.succeeds().is_silent();
    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn a_known_server_gets_a_wrong_password_only_once() {
    for refusal in [
        "
        S: -ERR [AUTH] wrong password
        S: -ERR log in first
        S: -ERR log in first",
        // The reply has no code, so the capabilities are asked for; they have not changed.
        "
        S: -ERR wrong password
        S: -ERR log in first
        S: -ERR log in first
        C: CAPA
        S: +OK
        S: PIPELINING
        S: UIDL
        S: .",
    ] {
        let conversation = [PIPELINED_LOGIN, "\nS: +OK", refusal].concat();
        let (_, server, outcome) = second_run(&[&conversation], "");
        outcome
            .fails_with(77)
            .complains_in_lines(1)
            .stderr_has("mailpull: work: logging in as joe: the server refused the password");
        server.finish();
    }
}

#[test]
fn a_temporary_login_refusal_ends_the_session_at_once() {
    let refusal = "
        S: -ERR [IN-USE] another session
        S: -ERR
        S: -ERR
        S: -ERR";
    let (_, server, outcome) = second_run(&[&[PIPELINED_LOGIN, refusal].concat()], "");
    outcome.fails_with(75).complains_in_lines(1);
    server.finish();
}

#[test]
fn changed_capabilities_lead_to_a_fresh_login() {
    let changed = "
        S: -ERR no USER here any more
        S: -ERR
        S: -ERR
        S: -ERR
        C: CAPA
        S: +OK
        S: SASL PLAIN
        S: .";
    let fresh = "
        S: +OK ready
        C: CAPA
        S: +OK
        S: SASL PLAIN
        S: .
        C: AUTH PLAIN AGpvZQBvcGVuIHNlc2FtZQ==
        S: +OK
        C: CAPA
        S: +OK
        S: SASL PLAIN
        S: .
        C: UIDL
        lists a
        C: STAT
        counts 1 17
        C: QUIT";
    let (_, server, outcome) = second_run(&[&[PIPELINED_LOGIN, changed].concat(), fresh], "");
    outcome.succeeds().is_silent();
    server.finish();
}

#[test]
fn a_broken_pipelined_login_is_followed_by_an_ordinary_one() {
    let one_by_one = "
        login ahead
        C: UIDL
        lists a
        C: STAT
        counts 1 17
        C: QUIT";
    for (end, next) in [
        ("\ncut", one_by_one),
        ("\nreset", one_by_one),
        ("\nS: +OK\nS: * what", ORDINARY_LOGIN),
        ("\nS: +OK\nS: +OK\nS: +OK\ncut", one_by_one),
    ] {
        let broken = [PIPELINED_LOGIN, end].concat();
        let (_, server, outcome) = second_run(&[&broken, next], "");

        outcome.succeeds().is_silent();

        server.finish();
    }
}

#[test]
fn a_server_that_disconnects_at_capa_is_retried_without_it() {
    const LOGIN: &str = "
        C: USER joe
        S: +OK
        C: PASS open sesame
        S: +OK";
    const CAPA: &str = "
        C: CAPA
        S: +OK
        S: UIDL
        S: .";
    for (before_login, after_login) in [
        ("", "C: CAPA\ncut"),
        (CAPA, "C: CAPA\nS: -ERR\nC: NOOP\ncut"),
    ] {
        let greeted = "S: +OK ready";
        let broken = match before_login {
            "" => [greeted, "\n", after_login].concat(),
            capa => [greeted, capa, LOGIN, "\n", after_login].concat(),
        };
        let without = [greeted, before_login, LOGIN, "\nC: UIDL\nlists a"].concat();
        retried_and_remembered(&broken, &without);
    }
}

/// Runs twice. Only the first run has a session that breaks.
fn retried_and_remembered(broken: &str, without: &str) {
    let fetching = "
        C: LIST
        lists 17
        C: RETR 1
        gives a
        C: QUIT
        S: +OK";
    let server = Script::new(broken)
        .then([without, fetching].concat())
        .then([without, "\nC: STAT\ncounts 1 17\nC: QUIT"].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().succeeds().is_silent();
    sandbox.fetch().succeeds().is_silent();

    server.finish();
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn a_disconnect_at_capa_does_not_weaken_a_known_login() {
    let proof = "\0joe\0open sesame";
    let sasl = format!(
        "S: +OK ready
         C: CAPA
         S: +OK
         S: SASL PLAIN
         S: .
         C: AUTH PLAIN {}
         S: +OK{EMPTY}",
        base64(proof)
    );
    let server = Script::new(&*sasl)
        .then("S: +OK ready\n C: CAPA\n cut")
        .then(&*sasl)
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "report-after = 1");
    sandbox.fetch().succeeds();

    sandbox.fetch().fails_with(75).complains_in_lines(1);
    sandbox.fetch().succeeds().is_silent();

    server.finish();
}

#[test]
fn broken_pipelining_of_retr_is_not_used_again() {
    let broken = "
        login
        C: UIDL
        C: LIST
        lists a b
        lists 17 17
        C: RETR 1
        C: RETR 2
        S: what was that?";
    let unpipelined = "
        login
        C: UIDL
        lists a b
        C: LIST
        lists 17 17
        C: RETR 2
        gives b
        C: RETR 1
        gives a
        C: QUIT
        S: +OK";
    let server = Script::new(broken).then(unpipelined).serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox
        .fetch()
        .fails_with(75)
        .complains_in_lines(1)
        .stderr_has("from now on each command waits for its reply");

    sandbox.fetch().succeeds().is_silent();

    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn broken_pipelining_of_listings_is_not_used_again() {
    let broken = "
        login
        C: UIDL
        C: LIST
        lists a
        S: what was that?";
    let server = Script::new(broken).then(UNPIPELINED).serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    let outcome = sandbox.fetch();
    outcome.fails_with(75).complains_in_lines(1);
    outcome.stderr_has("each command waits for its reply");

    sandbox.fetch().succeeds().is_silent();

    server.finish();
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn pipelining_stops_after_three_unanswered_commands() {
    let unanswered = "
        login
        C: UIDL
        C: LIST
        lists a
        stall";
    let script = Script::new(unanswered).then(unanswered).then(unanswered);
    let server = script.then(UNPIPELINED).serve();
    let sandbox = Sandbox::with_work(server.address(), "timeout = '1s'");
    for _ in 0..2 {
        let outcome = sandbox.fetch();
        outcome
            .fails_with(75)
            .never_says("each command waits for its reply");
    }
    let outcome = sandbox.fetch();
    outcome
        .fails_with(75)
        .stderr_has("each command waits for its reply");

    sandbox.fetch().succeeds().only_works_again();

    server.finish();
}

#[test]
fn broken_pipelining_of_deletions_is_not_used_again() {
    let listed = "
        login top
        C: UIDL
        C: LIST
        lists a b c
        lists 17 17 17";
    let first = "
        C: RETR 1
        C: RETR 2
        C: RETR 3
        gives a
        gives b
        S: +OK
        raw: half
        cut";
    let broken = "
        C: TOP 1 0
        C: TOP 2 0
        tops a
        tops b
        C: DELE 1
        C: DELE 2
        S: +OK
        S: what was that?";
    let unpipelined = "
        login top
        C: UIDL
        lists a b c
        C: LIST
        lists 17 17 17
        C: TOP 1 0
        tops a
        C: TOP 2 0
        tops b
        C: DELE 1
        S: +OK
        C: DELE 2
        S: +OK
        C: QUIT
        S: +OK";
    let rest = "
        login
        C: UIDL
        lists c
        C: LIST
        lists 17
        C: RETR 1
        gives c
        C: DELE 1
        S: +OK
        C: QUIT
        S: +OK";
    let server = Script::new([listed, first].concat())
        .then([listed, broken].concat())
        .then(unpipelined)
        .then(rest)
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    sandbox.fetch().fails_with(75);
    sandbox
        .fetch()
        .fails_with(75)
        .stderr_has("each command waits for its reply");

    sandbox.fetch().succeeds().only_works_again();

    server.finish();
    sandbox.work().holds(&notes(["a", "b", "c"]));
}

#[test]
fn a_disconnect_after_a_wrong_password_is_not_retried() {
    let refusal = "
        S: +OK
        S: -ERR wrong password
        cut";
    let (_, server, outcome) = second_run(&[&[PIPELINED_LOGIN, refusal].concat()], "");
    outcome.fails_with(77).complains_in_lines(1);
    server.finish();
}

#[test]
fn a_server_that_discards_pipelined_commands_gets_none_again() {
    let dropped = "
        S: +OK
        S: +OK
        stall";
    let script = Script::new(FIRST).then([PIPELINED_LOGIN, dropped].concat());
    let unpipelined = "
        login ahead
        C: UIDL
        lists a
        C: STAT
        counts 1 17
        C: QUIT";
    let server = script.then(unpipelined).then(unpipelined).serve();
    let sandbox = Sandbox::with_work(server.address(), "timeout = '1s'");
    sandbox.fetch().succeeds();
    sandbox.fetch().fails_with(75).complains_in_lines(1);

    sandbox.fetch().succeeds().is_silent();
    sandbox.fetch().succeeds().is_silent();

    server.finish();
}
