//! What a session learned of its server, and what becomes of a server that is no longer like that.

use crate::login::{EMPTY, base64};
use crate::support::mail::notes;
use crate::support::outcome::Outcome;
use crate::support::sandbox::Sandbox;
use crate::support::script::{Script, Server};

/// A first session with a server that pipelines throughout and logs in with USER and PASS.
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

/// The login of a later one, with the listing in the same flight.
const AT_ONCE: &str = "
    S: +OK ready
    C: USER joe
    C: PASS open sesame
    C: UIDL";

/// A session from the greeting on that knows nothing.
const FROM_SCRATCH: &str = "
    login ahead
    C: UIDL
    lists a
    C: QUIT";

/// A session in which nothing is sent ahead, although that is announced.
const SLOW: &str = "
    login
    C: UIDL
    lists a
    C: LIST
    lists 17
    C: RETR 1
    gives a
    C: QUIT
    S: +OK";

/// Runs twice with a server that goes on like this after [`FIRST`]; the second run is the outcome.
fn second_run(conversations: &[&str], keys: &str) -> (Sandbox, Server, Outcome) {
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
        C: QUIT";
    let (sandbox, server, outcome) = second_run(&[&[AT_ONCE, listing].concat()], "");
    outcome.succeeds().is_silent();
    assert_eq!(server.finish()[1].turns, 2);
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn needed_sizes_are_listed_in_the_same_flight() {
    let listing = "
        C: LIST
        S: +OK
        S: +OK
        lists a
        lists 17
        C: QUIT";
    let conversation = [AT_ONCE, listing].concat();
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
        C: LIST
        lists 17 17
        C: RETR 2
        gives b
        C: QUIT
        S: +OK";
    let (sandbox, server, outcome) = second_run(&[&[AT_ONCE, rest].concat()], "");
    outcome.succeeds().is_silent();
    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn a_known_server_gets_a_wrong_password_only_once() {
    for refusal in [
        "
        S: -ERR [AUTH] wrong password
        S: -ERR log in first",
        // It does not say what is wrong, and announces what it always did.
        "
        S: -ERR wrong password
        S: -ERR log in first
        C: CAPA
        S: +OK
        S: PIPELINING
        S: UIDL
        S: .",
    ] {
        let conversation = [AT_ONCE, "\nS: +OK", refusal].concat();
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
        S: -ERR";
    let (_, server, outcome) = second_run(&[&[AT_ONCE, refusal].concat()], "");
    outcome.fails_with(75).complains_in_lines(1);
    server.finish();
}

#[test]
fn changed_capabilities_lead_to_a_fresh_login() {
    let changed = "
        S: -ERR no USER here any more
        S: -ERR
        S: -ERR
        C: CAPA
        S: +OK
        S: SASL PLAIN
        S: .";
    let anew = "
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
        C: QUIT";
    let (_, server, outcome) = second_run(&[&[AT_ONCE, changed].concat(), anew], "");
    outcome.succeeds().is_silent();
    server.finish();
}

#[test]
fn a_broken_pipelined_login_is_followed_by_an_ordinary_one() {
    for (end, status) in [
        ("\ncut", 0),
        ("\nS: +OK\nS: * what", 0),
        // Behind the login it is too late for this run.
        ("\nS: +OK\nS: +OK\nS: +OK\ncut", 75),
    ] {
        let quick = [AT_ONCE, end].concat();
        let script = Script::new(FIRST).then(quick).then(FROM_SCRATCH);
        let server = script.serve();
        let sandbox = Sandbox::with_work(server.address(), "");
        sandbox.fetch().succeeds();

        if status == 75 {
            sandbox.fetch().fails_with(75).complains_in_lines(1);
        }
        sandbox.fetch().succeeds().is_silent();

        server.finish();
    }
}

#[test]
fn a_server_that_disconnects_at_capa_is_retried_without_it() {
    let without = "
        S: +OK ready
        C: USER joe
        S: +OK
        C: PASS open sesame
        S: +OK
        C: UIDL
        lists a";
    let fetching = "
        C: LIST
        lists 17
        C: RETR 1
        gives a
        C: QUIT
        S: +OK";
    let asked = "S: +OK ready\n C: CAPA\n cut";
    let server = Script::new(asked)
        .then([without, fetching].concat())
        .then(asked)
        .then([without, "\nC: QUIT"].concat())
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
    let slow = "
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
    let server = Script::new(broken).then(slow).serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox
        .fetch()
        .fails_with(75)
        .complains_in_lines(1)
        .stderr_has("from now on it is asked for one thing at a time");

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
    let server = Script::new(broken).then(SLOW).serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    let outcome = sandbox.fetch();
    outcome.fails_with(75).complains_in_lines(1);
    outcome.stderr_has("one thing at a time");

    sandbox.fetch().succeeds().is_silent();

    server.finish();
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn pipelining_stops_after_three_unanswered_commands() {
    let swallowing = "
        login
        C: UIDL
        C: LIST
        lists a
        stall";
    let script = Script::new(swallowing).then(swallowing).then(swallowing);
    let server = script.then(SLOW).serve();
    let sandbox = Sandbox::with_work(server.address(), "timeout = '1s'");
    for _ in 0..2 {
        let outcome = sandbox.fetch();
        outcome.fails_with(75).never_says("one thing at a time");
    }
    let outcome = sandbox.fetch();
    outcome.fails_with(75).stderr_has("one thing at a time");

    sandbox.fetch().succeeds().is_silent();

    server.finish();
}

#[test]
fn broken_pipelining_of_deletions_is_not_used_again() {
    let listed = "
        lists a b c";
    let sizes = "
        lists 17 17 17";
    let both = ["login\nC: UIDL\nC: LIST", listed, sizes].concat();
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
        C: DELE 1
        C: DELE 2
        S: +OK
        S: what was that?";
    let slow = [
        "login\nC: UIDL",
        listed,
        "\nC: LIST",
        sizes,
        "\nC: DELE 1\nS: +OK\nC: DELE 2\nS: +OK\nC: QUIT\nS: +OK",
    ]
    .concat();
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
    let script = Script::new([&both, first].concat());
    let script = script.then([&both, broken].concat()).then(slow).then(rest);
    let server = script.serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    sandbox.fetch().fails_with(75);
    sandbox
        .fetch()
        .fails_with(75)
        .stderr_has("one thing at a time");

    sandbox.fetch().succeeds().is_silent();

    server.finish();
    sandbox.work().holds(&notes(["a", "b", "c"]));
}

#[test]
fn a_disconnect_after_a_wrong_password_is_not_retried() {
    let refusal = "
        S: +OK
        S: -ERR wrong password
        cut";
    let (_, server, outcome) = second_run(&[&[AT_ONCE, refusal].concat()], "");
    outcome.fails_with(77).complains_in_lines(1);
    server.finish();
}

#[test]
fn a_server_that_discards_pipelined_commands_gets_none_again() {
    let dropped = "
        S: +OK
        S: +OK
        stall";
    let slow = "
        login ahead
        C: UIDL
        lists a
        C: QUIT";
    let script = Script::new(FIRST).then([AT_ONCE, dropped].concat());
    let server = script.then(slow).then(slow).serve();
    let sandbox = Sandbox::with_work(server.address(), "timeout = '1s'");
    sandbox.fetch().succeeds();
    sandbox.fetch().fails_with(75).complains_in_lines(1);

    sandbox.fetch().succeeds().is_silent();
    sandbox.fetch().succeeds().is_silent();

    server.finish();
}
