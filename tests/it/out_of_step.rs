//! Servers whose replies do not belong to the commands, and messages that may be incomplete.

use crate::support::certificates::Authority;
use crate::support::mail::{TestMessage, notes, ordinary};
use crate::support::model_server::{Behaviour, ModelServer, Protection};
use crate::support::sandbox::Sandbox;
use crate::support::script::{LIST_A, QUIT, Script};

/// Fetches from a server that loses the reply to RETR of one message, and then twice without a fault.
fn lose_a_reply(
    messages: &[TestMessage],
    lost: usize,
    security: Protection,
    keys: &str,
    pem: &[u8],
) {
    let behaviour = Behaviour {
        lost_once: vec![messages[lost].unique_id.clone()],
        security,
        ..Behaviour::default()
    };
    let server = ModelServer::with(messages.to_vec(), behaviour);
    let keys = format!("keep = false\n{keys}");
    let sandbox = Sandbox::with_work(server.address(), &keys);
    sandbox.write("home/ca.pem", pem);

    let outcome = sandbox.fetch();

    // If the sizes do not show what was lost, the run goes on at once with one command at a time, and
    // compares everything there. Otherwise the next run does.
    let is_settled = outcome.status.success();
    let left = if is_settled { 0 } else { messages.len() };
    assert_eq!(server.count(), left, "nothing is deleted unread\n{outcome}");
    for _ in 0..2 {
        sandbox.fetch().succeeds();
    }
    sandbox.work().holds(messages);
    assert_eq!(server.count(), 0);
    sandbox.fetch().succeeds().is_silent();
}

#[test]
fn a_lost_reply_loses_and_repeats_no_message() {
    for lost in [0, 3, 5] {
        lose_a_reply(&ordinary(1, 6), lost, Protection::None, "", b"");
        lose_a_reply(
            &notes(["a", "b", "c", "d", "e", "f"]),
            lost,
            Protection::None,
            "",
            b"",
        );
    }
}

#[test]
fn a_lost_reply_loses_no_message_under_tls() {
    let authority = Authority::new();
    let security = Protection::Tls(authority.certificate().acceptor());
    let keys = "security = 'tls'\ntls-ca-file = '~/ca.pem'";
    lose_a_reply(&ordinary(1, 6), 2, security, keys, authority.pem().as_ref());
}

#[test]
fn a_message_that_contains_its_own_end_hides_no_other() {
    let crafted = b"Subject: x\r\n\r\n.\r\n+OK\r\nSubject: not a message\r\n\r\n.\r\n";
    // These have different sizes, and no line of them begins with a dot.
    let others = notes(["a", "bb", "ccc", "dddd"]);
    let mut messages = others.clone();
    messages.insert(1, TestMessage::new("crafted", &crafted[..]));
    let behaviour = Behaviour {
        unstuffed: true,
        ..Behaviour::default()
    };
    let server = ModelServer::with(messages, behaviour);
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    sandbox.fetch().fails_with(76);

    for _ in 0..4 {
        sandbox.fetch();
    }

    sandbox.fetch().succeeds().is_silent();
    let delivered = sandbox.work().messages();
    for message in others {
        let stored = message.stored();
        let count = delivered.iter().filter(|other| **other == stored).count();
        assert_eq!(count, 1);
    }
    assert_eq!(server.unique_ids(), [b"crafted"]);
    let list = sandbox.mailpull(["seen", "list", "work"]).run();
    list.stdout_has("crafted, may be incomplete, also after a third download; it stays");
}

#[test]
fn empty_lines_before_replies_leave_nothing_on_the_server() {
    for stray in ["\r\n", "\r\n.\r\n\r\n"] {
        let behaviour = Behaviour {
            stray,
            ..Behaviour::default()
        };
        let messages = ordinary(1, 5);
        let server = ModelServer::with(messages.clone(), behaviour);
        let sandbox = Sandbox::with_work(server.address(), "");

        sandbox.fetch().succeeds().is_silent();

        sandbox.work().holds(&messages);
        let delete = sandbox.mailpull(["fetch", "--delete"]).run();
        delete.succeeds().is_silent();
        assert_eq!((server.count(), server.log().count("RETR")), (0, 5));
    }
}

#[test]
fn a_suspect_is_compared_and_deleted_by_fetch_delete() {
    let doubtful = "
        C: RETR 1
        gives a
        S: a line from nowhere";
    let compared = "
        login
        C: UIDL
        lists a
        C: LIST
        lists 17
        C: RETR 1
        gives a
        C: DELE 1
        S: +OK";
    let server = Script::new([LIST_A, doubtful].concat())
        .then([compared, QUIT].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    let outcome = sandbox.fetch();
    outcome
        .fails_with(76)
        .stderr_has("(messages: 1) may be incomplete");
    let list = sandbox.mailpull(["seen", "list", "work"]).run();
    list.stdout_is("delivered 17 octets a, may be incomplete; the next run compares it\n");

    let delete = sandbox.mailpull(["fetch", "--delete"]).run();

    delete.succeeds().is_silent();
    server.finish();
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn a_message_followed_by_extra_lines_stays_with_a_reason() {
    // The server has not byte-stuffed a dot.
    let message = "
        C: RETR 1
        S: +OK
        S: a line
        S: .
        S: the rest of the message
        S: .";
    let alone = "
        login
        C: UIDL
        lists a
        C: LIST
        lists 17";
    let later = "
        login
        C: UIDL
        C: STAT
        lists a
        counts 1 17";
    let server = Script::new([LIST_A, message].concat())
        .then([alone, message].concat())
        .then([alone, message].concat())
        .then([later, QUIT].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    let first = sandbox.fetch();
    first.fails_with(76).stderr_has("may be incomplete");

    sandbox.fetch().fails_with(76);
    let third = sandbox.fetch();

    third
        .fails_with(76)
        .stderr_has("the server sends more after its end each time");
    sandbox.fetch().succeeds().only_works_again();
    server.finish();
    let list = sandbox.mailpull(["seen", "list", "work"]).run();
    list.stdout_has("it stays on the server");
}

#[test]
fn an_empty_answer_is_counted_as_a_refusal() {
    let messages = ordinary(1, 3);
    let unreadable = messages[1].unique_id.clone();
    let behaviour = Behaviour {
        empty: vec![unreadable.clone()],
        ..Behaviour::default()
    };
    let server = ModelServer::with(messages.clone(), behaviour);
    let sandbox = Sandbox::with_work(server.address(), "keep = false");

    let outcome = sandbox.fetch();

    outcome.fails_with(75).complains_in_lines(1);
    outcome.stderr_has("the server sent nothing, although it promised");
    assert_eq!(server.unique_ids(), [unreadable]);
    assert_eq!(sandbox.work().count("new"), 2);
    server.change(|behaviour| behaviour.empty.clear());
    sandbox.fetch().succeeds().is_silent();
    sandbox.work().holds(&messages);
    assert_eq!(server.count(), 0);
}

#[test]
fn an_empty_answer_is_never_deleted_although_list_says_0() {
    let messages = ordinary(1, 3);
    let unreadable = messages[1].unique_id.clone();
    let behaviour = Behaviour {
        empty: vec![unreadable.clone()],
        lies: [(unreadable.clone(), "0".to_owned())].into(),
        ..Behaviour::default()
    };
    let server = ModelServer::with(messages.clone(), behaviour);
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    for status in [75, 75, 75, 75, 65] {
        let outcome = sandbox.fetch();
        outcome.fails_with(status);
    }
    assert_eq!(server.unique_ids(), [unreadable]);
    assert_eq!(sandbox.work().count("new"), 2);

    server.change(|behaviour| behaviour.empty.clear());

    let retry = sandbox.mailpull(["fetch", "--retry"]).run();
    retry.succeeds().is_silent();
    sandbox.work().holds(&messages);
    assert_eq!(server.count(), 0);
}

#[test]
fn a_placeholder_never_deletes_its_original() {
    let placeholder = TestMessage::new(
        "p",
        "From: Microsoft Exchange Server 2010\r\nSubject: Retrieval using the POP3 protocol failed \
         for the following message: 7\r\n\r\nThe server couldn't retrieve the following message:\r\n",
    );
    let messages = vec![notes(["a"]).remove(0), placeholder];
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::with_work(server.address(), "keep = false");

    let outcome = sandbox.fetch();

    outcome.succeeds().complains_in_lines(1);
    outcome.stderr_has("message p is a placeholder");
    sandbox.work().holds(&messages);
    let delete = sandbox.mailpull(["fetch", "--delete"]).run();
    delete.succeeds().is_silent();
    assert_eq!(server.unique_ids(), [b"p"]);
    let list = sandbox.mailpull(["seen", "list", "work"]).run();
    list.stdout_has("p, is a placeholder for a message that the server could not send");
}
