//! Servers that announce PIPELINING at the first connection: the login and the listings are sent at
//! once, and again one by one if the server cannot take that.

use crate::support::certificates::Authority;
use crate::support::mail::notes;
use crate::support::sandbox::Sandbox;
use crate::support::script::Script;
use crate::support::tools;

/// The greeting and CAPA, then the login and the listings at once, up to the server's replies.
const PIPELINED_LOGIN: &str = "
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

/// The replies to USER and PASS.
const LOGIN_REPLIES: &str = "
    S: +OK
    S: +OK";

/// The replies to the other commands of the pipelined login.
const LISTING_REPLIES: &str = "
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

/// The same session for a server that gets one command at a time until the login is over.
const ORDINARY_LOGIN: &str = "
    login ahead
    C: UIDL
    C: LIST
    lists a
    lists 17";

/// The same session for a server that gets one command at a time until the end.
const LOGIN_ONE_BY_ONE: &str = "
    login ahead
    C: UIDL
    lists a
    C: LIST
    lists 17";

#[test]
fn a_first_session_logs_in_and_lists_in_one_flight() {
    let server =
        Script::new([PIPELINED_LOGIN, LOGIN_REPLIES, LISTING_REPLIES, RETRIEVAL].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().succeeds().is_silent();

    // CAPA; the login and the listings; RETR; QUIT.
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
        let server = Script::new([PIPELINED_LOGIN, &refusal].concat()).serve();
        let sandbox = Sandbox::with_work(server.address(), "");

        let outcome = sandbox.fetch();

        outcome.fails_with(77).stderr_has("wrong password");
        server.finish();
    }
}

#[test]
fn a_listing_after_a_refused_login_is_not_believed() {
    let refused = "
        S: +OK
        S: -ERR wrong password
        S: -ERR
        lists a";
    let script = Script::new([PIPELINED_LOGIN, refused].concat());
    let server = script.then([ORDINARY_LOGIN, RETRIEVAL].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().succeeds();

    server.finish();
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn a_pipelined_login_that_fails_is_retried_one_by_one() {
    // A server that hangs up may not take any commands that arrive together.
    for (end, login) in [("cut", LOGIN_ONE_BY_ONE), ("stall", ORDINARY_LOGIN)] {
        let lost = [PIPELINED_LOGIN, LOGIN_REPLIES, "\n", end].concat();
        let script = Script::new(lost).then([login, RETRIEVAL].concat());
        let server = script.serve();
        let sandbox = Sandbox::with_work(server.address(), "timeout = '1s'");

        sandbox.fetch().succeeds().is_silent();

        server.finish();
        sandbox.work().holds(&notes(["a"]));
    }
}

#[test]
fn pipelining_announced_only_before_login_is_used_once() {
    let replies = "
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
        C: STAT
        counts 2 34
        C: QUIT";
    let script = Script::new([PIPELINED_LOGIN, LOGIN_REPLIES, replies].concat()).then(later);
    let server = script.serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().succeeds().is_silent();
    sandbox.fetch().succeeds().is_silent();

    let heard = server.finish();
    // CAPA; the login and the listings; two times RETR, one after the other; QUIT.
    assert_eq!(heard[0].turns, 5);
    assert_eq!(heard[1].turns, heard[1].said.len());
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn capabilities_learned_without_tls_are_ignored_inside_tls() {
    let inside_tls = "
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
        C: STAT
        counts 1 17
        C: QUIT
        S: +OK
        close";
    let authority = Authority::new();
    let server = Script::new([PIPELINED_LOGIN, LOGIN_REPLIES, LISTING_REPLIES, RETRIEVAL].concat())
        .then(inside_tls)
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
    if tools::find("faketime").is_none() {
        return;
    }
    let asking_again = "
        login ahead
        C: UIDL
        C: STAT
        lists a
        counts 1 17
        C: QUIT";
    let remembering = "
        S: +OK ready
        C: USER joe
        C: PASS open sesame
        C: UIDL
        C: STAT
        S: +OK
        S: +OK
        lists a
        counts 1 17
        C: QUIT";
    let script = Script::new([PIPELINED_LOGIN, LOGIN_REPLIES, LISTING_REPLIES, RETRIEVAL].concat())
        .then(remembering);
    let server = script.then(asking_again).then(remembering).serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    sandbox.fetch().succeeds();

    sandbox.set_clock("+25h");
    for _ in 0..2 {
        sandbox.mailpull_by_clock(["fetch"]).run().succeeds();
    }

    server.finish();
}
