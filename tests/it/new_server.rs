//! What is sent ahead to a server that nobody knows yet, and what becomes of one that cannot bear it.

use crate::support::certificates::Authority;
use crate::support::mail::notes;
use crate::support::sandbox::Sandbox;
use crate::support::script::Script;

/// The first words with a server that announces PIPELINING, and all that is then said at once.
const FLIGHT: &str = "
    S: +OK ready
    C: CAPA
    S: +OK
    S: PIPELINING
    S: UIDL
    S: .
    C: USER joe
    C: PASS open sesame
    C: CAPA
    C: UIDL
    C: LIST";

/// The answers to a login.
const WELCOME: &str = "
    S: +OK
    S: +OK";

/// The answers to what came with it.
const LISTING: &str = "
    S: +OK
    S: PIPELINING
    S: UIDL
    S: .
    lists a
    lists 17";

const RETRIEVAL: &str = "
    C: RETR 1
    gives a
    C: QUIT
    S: +OK";

/// The same session for a server that is not hurried before the login is over.
const STEADY: &str = "
    login ahead
    C: UIDL
    C: LIST
    lists a
    lists 17";

#[test]
fn a_first_session_logs_in_and_lists_in_one_flight() {
    let server = Script::new([FLIGHT, WELCOME, LISTING, RETRIEVAL].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().succeeds().is_silent();

    // CAPA, everything, the message, and the end.
    assert_eq!(server.finish()[0].turns, 4);
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn a_password_refused_in_a_pipelined_login_is_tried_once() {
    for code in ["", "[AUTH] "] {
        let refusal = format!(
            "
            S: +OK
            S: -ERR {code}wrong password
            S: +OK
            S: PIPELINING
            S: .
            S: -ERR log in first
            S: -ERR log in first
            cut"
        );
        let server = Script::new([FLIGHT, &refusal].concat()).serve();
        let sandbox = Sandbox::with_work(server.address(), "");

        let outcome = sandbox.fetch();

        outcome.fails_with(77).stderr_has("wrong password");
        server.finish();
    }
}

#[test]
fn a_listing_after_a_refused_login_is_not_believed() {
    let nonsense = "
        S: +OK
        S: -ERR wrong password
        S: -ERR
        lists a";
    let script = Script::new([FLIGHT, nonsense].concat());
    let server = script.then([STEADY, RETRIEVAL].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().succeeds();

    server.finish();
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn a_pipelined_login_without_replies_is_retried_one_by_one() {
    for end in ["cut", "stall"] {
        let lost = [FLIGHT, WELCOME, "\n", end].concat();
        let script = Script::new(lost).then([STEADY, RETRIEVAL].concat());
        let server = script.serve();
        let sandbox = Sandbox::with_work(server.address(), "timeout = '1s'");

        sandbox.fetch().succeeds().is_silent();

        server.finish();
        sandbox.work().holds(&notes(["a"]));
    }
}

#[test]
fn pipelining_announced_only_before_login_is_used_once() {
    let behind = "
        S: +OK
        S: UIDL
        S: .
        lists a b
        lists 17 17
        C: RETR 1
        gives a
        C: RETR 2
        gives b
        C: QUIT
        S: +OK";
    let later = "
        login early
        C: UIDL
        lists a b
        C: QUIT";
    let script = Script::new([FLIGHT, WELCOME, behind].concat()).then(later);
    let server = script.serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().succeeds().is_silent();
    sandbox.fetch().succeeds().is_silent();

    let heard = server.finish();
    // CAPA, everything, two messages one after the other, and the end.
    assert_eq!(heard[0].turns, 5);
    assert_eq!(heard[1].turns, heard[1].said.len());
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn capabilities_learned_without_tls_are_ignored_inside_tls() {
    let behind_tls = "
        S: +OK ready
        C: STLS
        S: +OK
        tls
        C: CAPA
        S: +OK
        S: UIDL
        S: .
        C: USER joe
        S: +OK
        C: PASS open sesame
        S: +OK
        C: CAPA
        S: +OK
        S: UIDL
        S: .
        C: UIDL
        lists a
        C: QUIT
        S: +OK
        close";
    let authority = Authority::new();
    let server = Script::new([FLIGHT, WELCOME, LISTING, RETRIEVAL].concat())
        .then(behind_tls)
        .identity(authority.certificate().acceptor())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "tls-ca-file = '~/ca.pem'");
    sandbox.write("home/ca.pem", authority.pem());
    sandbox.fetch().succeeds().is_silent();

    sandbox
        .mailpull(["fetch", "-o", "security=starttls"])
        .run()
        .succeeds()
        .is_silent();

    server.finish();
}

#[test]
fn remembered_capabilities_are_asked_for_again_a_day_later() {
    let again = "
        login ahead
        C: UIDL
        lists a
        C: QUIT";
    let quick = "
        S: +OK ready
        C: USER joe
        C: PASS open sesame
        C: UIDL
        S: +OK
        S: +OK
        lists a
        C: QUIT";
    let script = Script::new([FLIGHT, WELCOME, LISTING, RETRIEVAL].concat()).then(quick);
    let server = script.then(again).then(quick).serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    sandbox.fetch().succeeds();

    sandbox.set_clock("+25h");
    for _ in 0..2 {
        sandbox.mailpull_by_clock(["fetch"]).run().succeeds();
    }

    server.finish();
}
