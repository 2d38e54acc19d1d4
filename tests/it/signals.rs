//! Signals: messages that arrive completely are kept, stalled ones are abandoned, and the next run
//! fetches the rest.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::mail::notes;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::script::{LIST_A_AND_B, LIST_A_AND_B_WITH_TOP, QUIT, Script};
use crate::support::tools;

/// A retrieval of two messages in which the server stalls in the second.
const STALL_IN_B: &str = "
    C: RETR 1
    C: RETR 2
    gives a
    S: +OK
    S: Subject: b
    reached message
    stall";

/// The deletion of two messages.
const DELETE_A_AND_B: &str = "
    C: DELE 1
    C: DELE 2
    S: +OK
    S: +OK";

/// Returns a session in which the server stalls in the second of two messages.
fn stalling_session() -> String {
    [LIST_A_AND_B, STALL_IN_B].concat()
}

/// Claims that a signal keeps the complete message and that the next run fetches the other one.
#[track_caller]
fn keeps_complete_messages(signal: Signal) {
    // The next run first deletes the complete message, as the run before could not.
    let delete_a = "
        C: TOP 1 0
        tops a
        C: DELE 1
        S: +OK";
    let deletion = [LIST_A_AND_B_WITH_TOP, delete_a, QUIT].concat();
    let rest = "
        login
        C: UIDL
        C: STAT
        lists b
        counts 1 17
        C: LIST
        lists 17
        C: RETR 1
        gives b
        C: DELE 1
        S: +OK";
    let server = Script::new(stalling_session())
        .then(deletion)
        .then([rest, QUIT].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    let running = sandbox.mailpull(["fetch"]).start();
    server.reached("message");
    running.signal(signal);

    let outcome = running.wait();

    outcome.is_killed_by(signal).is_silent();
    sandbox.work().holds(&notes(["a"]));
    sandbox.fetch().succeeds().is_silent();
    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn sigterm_keeps_complete_messages_and_abandons_the_rest() {
    keeps_complete_messages(Signal::TERM);
}

#[test]
fn sigint_keeps_complete_messages_and_abandons_the_rest() {
    keeps_complete_messages(Signal::INT);
}

#[test]
fn sighup_keeps_complete_messages_and_abandons_the_rest() {
    keeps_complete_messages(Signal::HUP);
}

#[test]
fn a_second_signal_stops_at_once_without_losing_mail() {
    let retrieval = "
        C: RETR 1
        C: RETR 2
        gives a
        gives b";
    let next = [LIST_A_AND_B, retrieval, DELETE_A_AND_B, QUIT].concat();
    let server = Script::new(stalling_session()).then(next).serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    let running = sandbox.mailpull(["fetch"]).start();
    server.reached("message");

    let outcome = running.signal_until_it_ends(Signal::TERM);

    outcome.is_killed_by(Signal::TERM).is_silent();
    assert_eq!(
        sandbox.work().count("new"),
        0,
        "the run delivered a message after the second signal"
    );
    sandbox.fetch().succeeds().is_silent();
    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn messages_arriving_after_a_signal_are_delivered_and_deleted() {
    let retrieval = "
        C: RETR 1
        C: RETR 2
        gives a
        reached message
        hold message
        gives b";
    let session = [LIST_A_AND_B, retrieval, DELETE_A_AND_B, QUIT].concat();
    let server = Script::new(session).serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    let running = sandbox.mailpull(["fetch"]).start();
    server.reached("message");
    running.signal(Signal::TERM);
    server.release("message");

    running.wait().is_killed_by(Signal::TERM).is_silent();
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

    running.wait().is_killed_by(Signal::TERM).is_silent();
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

        outcome.is_killed_by(Signal::TERM).is_silent();
        server.finish();
    }
}

#[test]
fn other_accounts_are_not_fetched_after_a_signal() {
    let server = Script::new(stalling_session()).serve();
    let sandbox = Sandbox::new();
    sandbox.account("first", server.address(), "");
    sandbox.account("second", "127.0.0.1:9", "");
    let running = sandbox.mailpull(["fetch", "-j1"]).start();
    server.reached("message");
    running.signal(Signal::TERM);

    let outcome = running.wait();

    outcome.is_killed_by(Signal::TERM).is_silent();
    sandbox.maildir("first").holds(&notes(["a"]));
}

#[test]
fn the_first_process_of_a_container_exits_with_a_status() {
    let server = Script::new("reached greeting\nstall").serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    let mut trial = sandbox.command("unshare");
    if !trial
        .args(["-Urpf", "true"])
        .status()
        .is_ok_and(|it| it.success())
    {
        tools::skip("user namespaces, which this system does not allow");
        return;
    }
    let mut command = sandbox.command("unshare");
    command
        .args(["-Urpf", "--"])
        .arg(sandbox.program())
        .arg("fetch");
    let running = Program::new(command).start();
    server.reached("greeting");
    let children = format!("/proc/{0}/task/{0}/children", running.pid());
    let child = fs::read_to_string(children).expect("unshare has a child");
    let child = child.trim().parse().ok().and_then(Pid::from_raw);
    kill_process(child.expect("there is one child"), Signal::TERM).expect("it still runs");

    running.wait().fails_with(143).is_silent();
    server.finish();
}
