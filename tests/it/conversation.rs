//! The exact conversations of whole runs with servers that behave well, and their round trips.

use crate::support::mail::notes;
use crate::support::sandbox::Sandbox;
use crate::support::script::{FETCH_A_AND_B, QUIT, Script};

/// A later session up to the listing. LIST follows only if the program needs the size of each message.
const UIDL_AND_STAT: &str = "
    login
    C: UIDL
    C: STAT";

#[test]
fn listings_and_messages_are_pipelined_when_announced_after_login() {
    let server = Script::new(FETCH_A_AND_B).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().succeeds().is_silent();

    assert_eq!(server.finish()[0].turns, 7);
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn every_command_waits_for_its_reply_without_pipelining() {
    let server = Script::new(
        "login alone
         C: UIDL
         lists a b
         C: LIST
         lists 17 17
         C: RETR 1
         gives a
         C: RETR 2
         gives b
         C: DELE 1
         S: +OK
         C: DELE 2
         S: +OK
         C: QUIT
         S: +OK",
    )
    .serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");

    sandbox.fetch().succeeds().is_silent();

    let heard = &server.finish()[0];
    assert_eq!(heard.turns, heard.said.len());
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn a_server_without_capa_gets_one_command_at_a_time() {
    let server = Script::new(
        "S: +OK
         C: CAPA
         S: -ERR what?
         C: USER joe
         S: +OK
         C: PASS open sesame
         S: +OK
         C: CAPA
         S: -ERR what?
         C: UIDL
         lists a
         C: LIST
         lists 17
         C: RETR 1
         gives a
         C: QUIT
         S: +OK",
    )
    .serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().succeeds().is_silent();

    let heard = &server.finish()[0];
    assert_eq!(heard.turns, heard.said.len());
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn an_empty_mailbox_ends_the_run_silently() {
    let server = Script::new(
        "login
         C: UIDL
         C: LIST
         S: +OK
         S: .
         S: +OK
         S: .
         C: QUIT
         S: +OK",
    )
    .serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().succeeds().is_silent();

    server.finish();
    sandbox.work().holds(&[]);
}

#[test]
fn sizes_are_not_listed_when_nothing_is_new() {
    let server = Script::new(FETCH_A_AND_B)
        .then([UIDL_AND_STAT, "\nlists a b\ncounts 2 34", QUIT].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();

    sandbox.fetch().succeeds().is_silent();

    assert_eq!(server.finish()[1].turns, 6);
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn new_messages_are_recognised_by_unique_id_not_by_number() {
    let server = Script::new(FETCH_A_AND_B)
        .then(
            "login
             C: UIDL
             C: STAT
             lists b c a
             counts 3 51
             C: LIST
             lists 17 17 17
             C: RETR 2
             gives c
             C: QUIT
             S: +OK",
        )
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();

    sandbox.fetch().succeeds().is_silent();

    server.finish();
    sandbox.work().holds(&notes(["a", "b", "c"]));
}

#[test]
fn a_dry_run_lists_its_actions_without_carrying_them_out() {
    let server = Script::new(FETCH_A_AND_B)
        .then(
            "login
             C: UIDL
             C: LIST
             lists a b c
             lists 17 18 1234
             C: QUIT
             S: +OK",
        )
        .then([UIDL_AND_STAT, "\nlists a b\ncounts 2 34", QUIT].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();

    let outcome = sandbox.mailpull(["fetch", "--dry-run", "--delete"]).run();

    outcome.succeeds().stderr_is("").stdout_is(
        "work: would fetch message 3 (1.2 kB) c\n\
         work: would compare message 2 (18 octets) b\n\
         work: would delete message 1 (17 octets) a\n\
         work: would fetch 1 new message, 1.2 kB, 2 would be deleted, 1 kept\n",
    );
    sandbox.fetch().succeeds();
    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn check_counts_new_messages_without_fetching_them() {
    let check = [
        "login
         C: UIDL
         C: STAT
         lists b c d
         counts 3 1251
         C: LIST
         lists 17 1000 234",
        QUIT,
    ]
    .concat();
    let server = Script::new(FETCH_A_AND_B)
        .then(&*check)
        .then(&*check)
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();

    let outcome = sandbox.mailpull(["check"]).run();

    outcome
        .succeeds()
        .stderr_is("")
        .stdout_is("work: 2 new messages, 1.2 kB\n");
    sandbox.mailpull(["check"]).run().succeeds();
    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn check_exits_with_1_when_nothing_is_new() {
    let server = Script::new(FETCH_A_AND_B)
        .then([UIDL_AND_STAT, "\nlists b\ncounts 1 17", QUIT].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();

    let outcome = sandbox.mailpull(["check"]).run();

    outcome.fails_with(1).stderr_is("");
    server.finish();
}
