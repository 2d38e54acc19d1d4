//! Messages that the server no longer lists, and servers that list only a part of the mailbox.

use std::time::Duration;

use crate::support::mail::{TestMessage, notes, ordinary};
use crate::support::model_server::{Behaviour, ModelServer};
use crate::support::sandbox::Sandbox;
use crate::support::script::{LIST_A, QUIT, Script};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Returns what `seen list` prints.
fn seen_list(sandbox: &Sandbox) -> String {
    let list = sandbox.mailpull(["seen", "list", "work"]).run();
    list.succeeds().stdout_text()
}

#[test]
fn deleted_messages_are_remembered_for_90_days() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    sandbox.fetch().succeeds();
    sandbox.let_pass(89 * DAY);
    sandbox.fetch().succeeds();
    assert_eq!(seen_list(&sandbox), "gone 17 octets a\ngone 17 octets b\n");

    sandbox.let_pass(2 * DAY);
    sandbox.fetch().succeeds();

    assert_eq!(seen_list(&sandbox), "");
    let log = sandbox.mailpull(["log"]).run();
    assert_eq!(log.succeeds().stdout_text(), "");
}

#[test]
fn a_message_missing_from_one_listing_is_not_forgotten() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    server.change(|behaviour| behaviour.part = Some(0));
    sandbox.fetch().succeeds();
    sandbox.let_pass(89 * DAY);
    server.change(|behaviour| behaviour.part = None);
    sandbox.fetch().succeeds();
    sandbox.let_pass(89 * DAY);

    sandbox.fetch().succeeds();

    sandbox.work().holds(&notes(["a", "b"]));
    assert_eq!(seen_list(&sandbox).lines().count(), 2);
}

#[test]
fn a_listed_message_is_never_forgotten() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    for _ in 0..3 {
        sandbox.let_pass(365 * DAY);
        sandbox.fetch().succeeds();
    }
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn mail_listed_in_parts_is_fetched_to_the_end() {
    let messages = ordinary(5, 450);
    let behaviour = Behaviour {
        part: Some(100),
        ..Behaviour::default()
    };
    let server = ModelServer::with(messages.clone(), behaviour);
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    assert_eq!(sandbox.work().count("new"), 100);

    sandbox.fetch().succeeds().is_silent();

    sandbox.work().holds(&messages);
    assert_eq!(server.log().sessions, 5);
}

/// What Gmail announces.
const GMAIL: &str = "EXPIRE 0\r\nLOGIN-DELAY 300\r\nX-GOOGLE-RICO\r\n";

#[test]
fn gmail_is_asked_until_it_lists_no_more() {
    let messages = ordinary(5, 450);
    let behaviour = Behaviour {
        announces: GMAIL,
        greeting: "+OK Gpop ready for requests from 192.0.2.1".to_owned(),
        part: Some(200),
        ..Behaviour::default()
    };
    let server = ModelServer::with(messages.clone(), behaviour);
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().succeeds().is_silent();

    sandbox.work().holds(&messages);
    assert_eq!(server.log().sessions, 3);
}

#[test]
fn parts_are_mentioned_if_each_run_may_log_in_once() {
    let behaviour = Behaviour {
        announces: "LOGIN-DELAY 300\r\n",
        part: Some(100),
        ..Behaviour::default()
    };
    let server = ModelServer::with(ordinary(5, 450), behaviour);
    let sandbox = Sandbox::with_work(server.address(), "");
    let fetch = || sandbox.mailpull(["fetch", "work"]).run();
    fetch().succeeds().is_silent();

    fetch().succeeds().stderr_has("each run fetches one part");

    fetch().succeeds().is_silent();
    assert_eq!(sandbox.work().count("new"), 300);
}

#[test]
fn a_run_with_a_limit_fetches_only_one_part() {
    let behaviour = Behaviour {
        part: Some(100),
        ..Behaviour::default()
    };
    let server = ModelServer::with(ordinary(5, 450), behaviour);
    let sandbox = Sandbox::with_work(server.address(), "max-messages = 150");
    sandbox.fetch().succeeds();

    sandbox.fetch().succeeds();

    assert_eq!(sandbox.work().count("new"), 200);
}

/// Deletes all messages from the server, as another client does.
fn empty_by_another_client(server: &ModelServer) {
    let other = Sandbox::with_work(server.address(), "keep = false");
    other.fetch().succeeds();
    assert_eq!(server.count(), 0);
}

#[test]
fn another_message_under_a_returned_unique_id_is_new_mail() {
    let new = TestMessage::new("a", &b"Subject: new\r\n\r\nanother and longer one\r\n"[..]);
    for keep in ["keep=true", "keep=14 days", "keep=false"] {
        let server = ModelServer::start(notes(["a"]));
        let sandbox = Sandbox::with_work(server.address(), "");
        sandbox.fetch().succeeds();
        empty_by_another_client(&server);
        sandbox.fetch().succeeds();
        server.add(new.clone());

        sandbox.mailpull(["fetch", "-o", keep]).run().succeeds();

        let delivered = [notes(["a"]).remove(0), new.clone()];
        sandbox.work().holds(&delivered);
    }
}

#[test]
fn a_message_that_returns_unchanged_is_not_fetched_again() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    server.change(|behaviour| behaviour.part = Some(0));
    sandbox.fetch().succeeds();
    server.change(|behaviour| behaviour.part = None);

    sandbox.fetch().succeeds().is_silent();

    assert_eq!(server.log().count("RETR"), 2);
}

#[test]
fn a_returned_message_is_compared_before_it_is_deleted() {
    // The answer to QUIT is lost, then the mailbox is empty, and then another message of the same
    // size has the unique-id.
    let first = [
        LIST_A,
        "\nC: RETR 1\ngives a\nC: DELE 1\nS: +OK\nC: QUIT\ncut",
    ]
    .concat();
    let empty = "login
        C: UIDL
        C: LIST
        S: +OK
        S: .
        S: +OK
        S: .
        C: QUIT";
    let last = [LIST_A, "\nC: RETR 1\ngives b\nC: DELE 1\nS: +OK", QUIT].concat();
    let server = Script::new(first).then(empty).then(last).serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    sandbox.fetch().fails_with(75);
    sandbox.fetch().succeeds();

    sandbox.fetch().succeeds();

    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}

/// A server that lists three messages at a time and hides what was retrieved, and an account that deletes
/// what is delivered.
fn hiding_server() -> (ModelServer, Sandbox) {
    let server = ModelServer::start(notes(["a", "b", "c"]));
    server.change(|behaviour| behaviour.part = Some(3));
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    (server, sandbox)
}

#[test]
fn a_message_that_came_empty_is_not_hidden() {
    let (server, sandbox) = hiding_server();
    server.change(|behaviour| behaviour.empty = vec![b"b".to_vec()]);

    sandbox.fetch().fails_with(75);

    // The others are deleted in another session of the same run.
    assert_eq!(server.unique_ids(), [b"b"]);
    assert_eq!(server.log().count("QUIT"), 1);
    server.change(|behaviour| behaviour.empty.clear());
    sandbox.fetch().succeeds();
    sandbox.work().holds(&notes(["a", "b", "c"]));
    assert_eq!(server.count(), 0);
}

#[test]
fn a_message_that_came_in_part_is_not_hidden() {
    let (server, sandbox) = hiding_server();
    server.change(|behaviour| behaviour.lies = [(b"b".to_vec(), "35".to_owned())].into());

    sandbox.fetch().succeeds().complains_in_lines(1);

    assert_eq!(server.unique_ids(), [b"b"]);
    assert_eq!(server.log().count("QUIT"), 1);
    sandbox.fetch().succeeds();
    sandbox.work().holds(&notes(["a", "b", "c"]));
    assert_eq!(server.count(), 0);
}

#[test]
fn nothing_is_hidden_while_only_the_server_has_a_message() {
    let (server, sandbox) = hiding_server();
    sandbox.config("");
    sandbox.account("work", server.address(), "");
    server.change(|behaviour| behaviour.empty = vec![b"b".to_vec()]);

    sandbox.fetch().fails_with(75);

    assert_eq!((server.count(), server.log().count("QUIT")), (3, 0));
}
