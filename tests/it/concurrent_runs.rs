//! Two runs at the same time, and a run after a killed one.

use crate::support::mail::notes;
use crate::support::sandbox::Sandbox;
use crate::support::script::{LIST_A, QUIT, Script};

const RETRIEVE_A: &str = "
    C: RETR 1
    reached message
    hold message
    gives a";

#[test]
fn a_second_run_for_a_busy_account_fails_temporarily() {
    let server = Script::new([LIST_A, RETRIEVE_A, QUIT].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    let first = sandbox.mailpull(["fetch"]).start();
    server.reached("message");

    let second = sandbox.fetch();

    second
        .fails_with(75)
        .complains_in_lines(1)
        .stderr_has("mailpull: work: another mailpull is fetching this account");
    server.release("message");
    first.wait().succeeds().is_silent();
    server.finish();
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn runs_for_different_accounts_do_not_wait_for_each_other() {
    let slow = Script::new([LIST_A, RETRIEVE_A, QUIT].concat()).serve();
    let quick = Script::new([LIST_A, RETRIEVE_A, QUIT].concat()).serve();
    quick.release("message");
    let sandbox = Sandbox::new();
    sandbox.account("slow", slow.address(), "");
    sandbox.account("quick", quick.address(), "");
    let first = sandbox.mailpull(["fetch", "slow"]).start();
    slow.reached("message");

    let second = sandbox.mailpull(["fetch", "quick"]).run();

    second.succeeds().is_silent();
    sandbox.maildir("quick").holds(&notes(["a"]));
    slow.release("message");
    first.wait().succeeds().is_silent();
}

#[test]
fn check_and_dry_run_work_during_a_fetch() {
    let look = [LIST_A, QUIT].concat();
    let server = Script::new(
        [
            LIST_A,
            "\nreached listing\nhold listing\nC: RETR 1\nS: +OK\nnote a",
            QUIT,
        ]
        .concat(),
    );
    let other = Script::new(&look).then(&look).serve();
    let server = server.serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    let first = sandbox.mailpull(["fetch"]).start();
    server.reached("listing");
    let elsewhere = format!("server={}", other.address());

    for command in [["check", "-o"], ["fetch", "-no"]] {
        let outcome = sandbox.mailpull(command).arg(&elsewhere).run();

        outcome.succeeds();
    }
    server.release("listing");
    first.wait().succeeds().is_silent();
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn a_killed_run_leaves_no_lock_and_no_files() {
    let partial = "
        C: RETR 1
        S: +OK
        S: Subject: a
        reached message
        stall";
    let whole = "
        C: RETR 1
        gives a";
    let server = Script::new([LIST_A, partial].concat())
        .then([LIST_A, whole, QUIT].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    let first = sandbox.mailpull(["fetch"]).start();
    server.reached("message");
    first.kill();

    sandbox.fetch().succeeds().is_silent();

    server.finish();
    sandbox.work().holds(&notes(["a"]));
}
