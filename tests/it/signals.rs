//! Signals: what is complete is kept, what was asked for is given up, and the next run goes on.

use rustix::process::Signal;

use crate::support::mail::notes;
use crate::support::sandbox::Sandbox;
use crate::support::script::{QUIT, Script};

/// A session with one complete message and another that hangs.
const HANGING: &str = "
    login
    C: UIDL
    C: LIST
    lists a b
    lists 17 17
    C: RETR 1
    C: RETR 2
    gives a
    S: +OK
    S: Subject: b
    reached message
    stall";

/// A session that fetches and deletes both messages.
const ALL: &str = "
    login
    C: UIDL
    C: LIST
    lists a b
    lists 17 17
    C: RETR 1
    C: RETR 2
    gives a
    gives b
    C: DELE 1
    C: DELE 2
    S: +OK
    S: +OK
    C: QUIT
    S: +OK";

/// A session that deletes the first message, as the one before could not.
const DELETION: &str = "
    login
    C: UIDL
    C: LIST
    lists a b
    lists 17 17
    C: DELE 1
    S: +OK
    C: QUIT
    S: +OK";

/// A session that fetches and deletes the second message.
const REST: &str = "
    login
    C: UIDL
    lists b
    C: LIST
    lists 17
    C: RETR 1
    gives b
    C: DELE 1
    S: +OK
    C: QUIT
    S: +OK";

#[track_caller]
fn ends_in_order(signal: Signal, status: i32) {
    let server = Script::new(HANGING).then(DELETION).then(REST).serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    let running = sandbox.mailpull(["fetch"]).start();
    server.reached("message");
    running.signal(signal);

    let outcome = running.wait();

    outcome.fails_with(status).is_silent();
    sandbox.work().holds(&notes(["a"]));
    sandbox.fetch().succeeds().is_silent();
    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn sigterm_keeps_complete_messages_and_abandons_the_rest() {
    ends_in_order(Signal::TERM, 143);
}

#[test]
fn sigint_keeps_complete_messages_and_abandons_the_rest() {
    ends_in_order(Signal::INT, 130);
}

#[test]
fn sighup_keeps_complete_messages_and_abandons_the_rest() {
    ends_in_order(Signal::HUP, 129);
}

#[test]
fn a_second_signal_stops_at_once_without_losing_mail() {
    let server = Script::new(HANGING).then(ALL).serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    let running = sandbox.mailpull(["fetch"]).start();
    server.reached("message");

    let outcome = running.signal_until_it_ends(Signal::TERM);

    outcome.fails_with(143).is_silent();
    assert_eq!(sandbox.work().count("new"), 0, "it took its time to settle");
    sandbox.fetch().succeeds().is_silent();
    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn messages_arriving_after_a_signal_are_delivered_and_deleted() {
    let arriving = "
        login
        C: UIDL
        C: LIST
        lists a b
        lists 17 17
        C: RETR 1
        C: RETR 2
        gives a
        reached message
        hold message
        gives b
        C: DELE 1
        C: DELE 2
        S: +OK
        S: +OK";
    let server = Script::new([arriving, QUIT].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    let running = sandbox.mailpull(["fetch"]).start();
    server.reached("message");
    running.signal(Signal::TERM);
    server.release("message");

    running.wait().fails_with(143).is_silent();
    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn no_messages_are_requested_after_a_signal() {
    let one_by_one = "
        login alone
        C: UIDL
        lists a b
        C: LIST
        lists 17 17
        C: RETR 1
        reached message
        hold message
        gives a
        C: DELE 1
        S: +OK";
    let server = Script::new([one_by_one, QUIT].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    let running = sandbox.mailpull(["fetch"]).start();
    server.reached("message");
    running.signal_and_see_it_taken(Signal::TERM);

    server.release("message");

    running.wait().fails_with(143).is_silent();
    server.finish();
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn a_signal_ends_the_wait_for_greeting_or_handshake() {
    for keys in ["", "security = 'tls'"] {
        let server = Script::new("reached greeting\nstall").serve();
        let sandbox = Sandbox::with_work(server.address(), keys);
        let running = sandbox.mailpull(["fetch"]).start();
        server.reached("greeting");
        running.signal(Signal::TERM);

        let outcome = running.wait();

        outcome.fails_with(143).is_silent();
        server.finish();
    }
}

#[test]
fn other_accounts_are_not_fetched_after_a_signal() {
    let server = Script::new(HANGING).serve();
    let sandbox = Sandbox::new();
    sandbox.account("first", server.address(), "");
    sandbox.account("second", "127.0.0.1:9", "");
    let running = sandbox.mailpull(["fetch", "-j1"]).start();
    server.reached("message");
    running.signal(Signal::TERM);

    let outcome = running.wait();

    outcome.fails_with(143).is_silent();
    sandbox.maildir("first").holds(&notes(["a"]));
}
