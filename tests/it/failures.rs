//! Failures that repeat: messages that are refused, sessions that break, and mailboxes whose
//! messages get new unique-ids.

use std::time::Duration;

use crate::support::mail::{TestMessage, notes, ordinary, renamed};
use crate::support::model_server::{Behaviour, Cut, ModelServer};
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;
use crate::support::script::{LIST_A, LIST_A_AND_B, LIST_A_AND_B_WITH_TOP, QUIT, Script};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Fetches the account from another server than the configured one.
fn fetch_from(server: &ModelServer, sandbox: &Sandbox) -> RunOutcome {
    let elsewhere = format!("server={}", server.address());
    sandbox.mailpull(["fetch", "-o", &elsewhere]).run()
}

/// Starts a server with three messages that refuses RETR of one of them.
fn refusing(unique_id: &str) -> ModelServer {
    let refused = vec![unique_id.into()];
    let behaviour = Behaviour {
        refused,
        ..Behaviour::default()
    };
    ModelServer::with(notes(["a", "b", "c"]), behaviour)
}

#[test]
fn a_message_refused_five_times_is_set_aside() {
    let server = refusing("b");
    let sandbox = Sandbox::with_work(server.address(), "");
    for _ in 0..4 {
        let outcome = sandbox.fetch();
        outcome.fails_with(75).complains_in_lines(1);
        outcome.stderr_has("the next run tries it again");
    }
    let outcome = sandbox.fetch();
    outcome.fails_with(65).complains_in_lines(1);
    outcome.stderr_has("is set aside");

    let asked = server.log().count("RETR");
    sandbox.fetch().succeeds().is_silent();

    assert_eq!(server.log().count("RETR"), asked);
    sandbox.work().holds(&notes(["a", "c"]));
}

#[test]
fn a_message_set_aside_is_retried_daily_without_a_report() {
    let server = refusing("b");
    let sandbox = Sandbox::with_work(server.address(), "");
    for _ in 0..5 {
        sandbox.fetch();
    }
    sandbox.let_pass(DAY);
    sandbox.fetch().fails_with(65).is_silent();
    sandbox.let_pass(DAY);
    server.change(|behaviour| behaviour.refused.clear());

    sandbox.fetch().succeeds().is_silent();

    sandbox.work().holds(&notes(["a", "b", "c"]));
}

#[test]
fn a_message_set_aside_stays_on_the_server() {
    let server = refusing("b");
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    for _ in 0..6 {
        sandbox.fetch();
    }
    assert_eq!(server.unique_ids(), [b"b"]);
}

/// A session in which two known messages are listed.
const KNOWN_A_AND_B: &str = "
    login
    C: UIDL
    C: STAT
    lists a b
    counts 2 34";

/// The sizes of two messages, of which only one is fetched.
const SIZES: &str = "
    C: LIST
    lists 17 17";

/// The end of a session that breaks in the first message.
const BREAK_IN_A: &str = "
    C: RETR 1
    C: RETR 2
    S: +OK
    raw: half
    cut";

/// The end of a session that breaks in the second message.
const BREAK_IN_B: &str = "
    C: RETR 1
    C: RETR 2
    gives a
    S: +OK
    raw: half
    cut";

#[test]
fn the_message_that_broke_the_session_is_fetched_last() {
    // The same run connects once more and sends one command at a time.
    let in_the_other_order = "
        login
        C: UIDL
        lists a b
        C: LIST
        lists 17 17
        C: RETR 2
        gives b
        C: RETR 1
        gives a";
    let server = Script::new([LIST_A_AND_B, BREAK_IN_A].concat())
        .then([in_the_other_order, QUIT].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().succeeds().is_silent();

    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn a_message_that_breaks_five_sessions_is_set_aside() {
    let broken = "
        C: RETR 2
        S: +OK
        raw: half
        cut";
    let again = [KNOWN_A_AND_B, SIZES, broken].concat();
    let whole = "
        C: RETR 2
        gives b";
    let server = Script::new([LIST_A_AND_B, BREAK_IN_B].concat())
        .then(&again)
        .then(&again)
        .then(&again)
        .then(&again)
        .then([KNOWN_A_AND_B, QUIT].concat())
        .then([KNOWN_A_AND_B, SIZES, whole, QUIT].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    for lines in [1, 0, 0, 0] {
        sandbox.fetch().fails_with(75).complains_in_lines(lines);
    }
    sandbox.fetch().fails_with(65).stderr_has("is set aside");
    sandbox.fetch().succeeds();
    sandbox.let_pass(DAY);

    sandbox.fetch().succeeds().is_silent();

    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn deletions_left_by_a_broken_session_precede_new_mail() {
    let deletion = "
        C: TOP 1 0
        tops a
        C: DELE 1
        S: +OK";
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
    let server = Script::new([LIST_A_AND_B, BREAK_IN_B].concat())
        .then([LIST_A_AND_B_WITH_TOP, deletion, QUIT].concat())
        .then([rest, QUIT].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    sandbox.fetch().fails_with(75).complains_in_lines(1);

    sandbox.fetch().succeeds().is_silent();

    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn messages_with_new_unique_ids_are_recognised_not_fetched_again() {
    let old = ordinary(1, 40);
    let server = ModelServer::start(old.clone());
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    let new = ordinary(2, 2);
    let moved = ModelServer::start([renamed(&old), new.clone()].concat());

    let outcome = fetch_from(&moved, &sandbox);

    outcome.succeeds().complains_in_lines(2);
    outcome.stderr_has("if that was another mailbox");
    outcome.stderr_has("40 of 42 were recognised");
    assert_eq!(moved.log().count("RETR"), 2);
    sandbox.work().holds(&[old, new].concat());
}

#[test]
fn renamed_messages_are_recognised_after_a_broken_session() {
    for cuts in [vec![Cut::Fin(200)], vec![Cut::Fin(9000)]] {
        let old = ordinary(1, 40);
        let server = ModelServer::start(old.clone());
        let sandbox = Sandbox::with_work(server.address(), "");
        sandbox.fetch().succeeds();
        let moved = ModelServer::start(renamed(&old));
        moved.change(|behaviour| behaviour.cuts = cuts);

        let outcome = fetch_from(&moved, &sandbox);

        outcome.succeeds().stderr_has("of 40 were recognised");
        assert_eq!(moved.log().count("RETR"), 0);
    }
}

#[test]
fn recognition_is_given_up_after_five_sessions_broken_at_top() {
    let old = ordinary(1, 40);
    let server = ModelServer::start(old.clone());
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    let moved = ModelServer::start(renamed(&old));
    // A run connects once more after a session that broke while commands were pipelined.
    moved.change(|behaviour| behaviour.cuts = vec![Cut::Fin(5000); 5]);
    for _ in 0..2 {
        fetch_from(&moved, &sandbox).fails_with(75);
    }

    let outcome = fetch_from(&moved, &sandbox);

    outcome.succeeds().stderr_has("recognised by their content");
    sandbox.work().holds(&old);
}

#[test]
fn unique_id_and_size_delete_nothing_in_another_mailbox() {
    let old = notes(["a", "b"]);
    let server = ModelServer::start(old.clone());
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    let others = vec![
        TestMessage::new("a", notes(["x"]).remove(0).octets),
        TestMessage::new("b", notes(["y"]).remove(0).octets),
    ];
    let elsewhere = ModelServer::start(others.clone());
    let there = format!("server={}", elsewhere.address());

    sandbox
        .mailpull(["fetch", "--delete", "-o", &there])
        .run()
        .succeeds();

    sandbox.work().holds(&[old, others].concat());
}

#[test]
fn a_recognised_message_is_deleted_without_another_retr() {
    let old = ordinary(1, 40);
    let server = ModelServer::start(old.clone());
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    let moved = ModelServer::start(renamed(&old));
    fetch_from(&moved, &sandbox).succeeds();

    let elsewhere = format!("server={}", moved.address());
    let outcome = sandbox
        .mailpull(["fetch", "--delete", "-o", &elsewhere])
        .run();

    outcome.succeeds();

    assert_eq!((moved.log().count("RETR"), moved.count()), (0, 0));
}

#[test]
fn new_messages_are_not_taken_for_the_old_ones() {
    let old = ordinary(1, 40);
    let server = ModelServer::start(old.clone());
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    let new = renamed(&ordinary(2, 40));
    let other = ModelServer::start(new.clone());

    fetch_from(&other, &sandbox)
        .succeeds()
        .complains_in_lines(1);

    assert!(other.log().count("TOP") <= 16);
    sandbox.work().holds(&[old, new].concat());
}

#[test]
fn a_mailbox_fetched_by_url_is_known_as_an_account() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    let url = format!("pop://joe@{}", server.address());
    let maildir = sandbox.work().path().display().to_string();
    let one_shot = ["fetch", &url, "-o", "security=none", "--maildir", &maildir];
    let by_url = sandbox.mailpull(one_shot);
    by_url
        .env("MAILPULL_PASSWORD", "open sesame")
        .run()
        .succeeds();

    let outcome = sandbox.fetch();

    outcome.succeeds().complains_in_lines(1);
    outcome.stderr_has("this mailbox was fetched as joe@127.0.0.1:");
    sandbox.work().holds(&notes(["a", "b"]));
    sandbox.fetch().succeeds().is_silent();
}

#[test]
fn an_empty_line_before_a_reply_is_skipped() {
    let retrieval = r"
        C: RETR 1
        gives a
        C: DELE 1
        raw: \r\n+OK\r\n";
    let session = [LIST_A, retrieval, QUIT].concat();
    let server = Script::new(session).serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");

    sandbox.fetch().succeeds().is_silent();

    server.finish();
}

#[test]
fn two_messages_reusing_a_deleted_unique_id_are_both_delivered() {
    let message = |body: &str| TestMessage::new("a", format!("Subject: {body}\r\n\r\n{body}\r\n"));
    let [first, second, third] = ["first", "second", "third"].map(message);
    let server = ModelServer::start(vec![first.clone()]);
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    sandbox.fetch().succeeds();
    assert_eq!(server.count(), 0);
    server.add(second.clone());
    server.add(third.clone());

    for _ in 0..2 {
        sandbox.fetch().succeeds().is_silent();
    }

    sandbox.work().holds(&[first, second, third]);
    assert_eq!(server.count(), 0);
}

/// A session with two messages under one unique-id. The first is refused.
const SECOND_OF_TWO: &str = "
    login
    C: UIDL
    C: LIST
    lists u u
    lists 17 17
    C: RETR 1
    C: RETR 2
    S: -ERR cannot
    gives x
    C: QUIT
    S: +OK";

#[test]
fn a_delivered_second_copy_is_known_after_the_first_disappears() {
    let alone = "
        login
        C: UIDL
        C: STAT
        lists u
        counts 1 17";
    let compared = "
        C: LIST
        lists 17
        C: RETR 1
        gives x
        C: QUIT
        S: +OK";
    let server = Script::new(SECOND_OF_TWO)
        .then([alone, compared].concat())
        .then([alone, "\nC: QUIT"].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().fails_with(75);

    sandbox.fetch().succeeds();
    sandbox.fetch().succeeds().is_silent();

    server.finish();
    sandbox.work().holds(&notes(["x"]));
}

#[test]
fn a_late_first_copy_is_delivered_beside_the_second() {
    let both = "
        login
        C: UIDL
        C: STAT
        lists u u
        counts 2 34
        C: LIST
        lists 17 17
        C: RETR 1
        gives x
        C: QUIT
        S: +OK";
    let again = "
        login
        C: UIDL
        C: STAT
        lists u u
        counts 2 34
        C: QUIT";
    let server = Script::new(SECOND_OF_TWO).then(both).then(again).serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().fails_with(75);

    sandbox.fetch().succeeds();
    sandbox.fetch().succeeds();

    server.finish();
    sandbox.work().holds(&notes(["x", "x"]));
}
