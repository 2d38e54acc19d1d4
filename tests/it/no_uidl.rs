//! Servers without UIDL. Messages are deleted in the session that fetches them. After a broken
//! session they are recognised by their content.

use crate::support::mail::{TestMessage, notes, ordinary};
use crate::support::model_server::{Behaviour, Cut, ModelServer};
use crate::support::sandbox::Sandbox;

const EMPTYING: &str = "keep = false";

fn server(messages: Vec<TestMessage>) -> ModelServer {
    let behaviour = Behaviour {
        uidl: false,
        ..Behaviour::default()
    };
    ModelServer::with(messages, behaviour)
}

#[test]
fn a_mailbox_without_unique_ids_can_be_emptied() {
    let messages = ordinary(7, 200);
    let server = server(messages.clone());
    let sandbox = Sandbox::with_work(server.address(), EMPTYING);

    sandbox.fetch().succeeds().is_silent();

    sandbox.work().holds(&messages);
    assert_eq!(server.count(), 0);
    assert_eq!(server.log().sessions, 1);
    server.add(notes(["later"]).remove(0));
    sandbox.fetch().succeeds().is_silent();
    assert_eq!(server.count(), 0);
}

#[test]
fn identical_messages_without_unique_ids_are_each_delivered() {
    let messages = notes(["a", "a", "b", "a"]);
    let server = server(messages.clone());
    let sandbox = Sandbox::with_work(server.address(), EMPTYING);

    sandbox.fetch().succeeds().is_silent();

    sandbox.work().holds(&messages);
    assert_eq!(server.count(), 0);
}

#[test]
fn an_undeleted_message_without_unique_id_is_recognised_by_content() {
    let messages = notes(["a", "a", "b"]);
    let whole = {
        let server = server(messages.clone());
        let sandbox = Sandbox::with_work(server.address(), EMPTYING);
        sandbox.fetch().succeeds();
        server.log().sent
    };
    for at in whole - 40..whole {
        let server = server(messages.clone());
        server.change(|behaviour| behaviour.cuts = vec![Cut::Fin(at)]);
        let sandbox = Sandbox::with_work(server.address(), EMPTYING);
        // The run goes on in another session if the connection broke among pipelined commands.
        let status = sandbox.fetch().status.code();
        assert!(matches!(status, Some(0 | 75)), "cut at {at}: {status:?}");
        server.add(notes(["c"]).remove(0));

        sandbox.fetch().succeeds().is_silent();

        sandbox.work().holds(&notes(["a", "a", "b", "c"]));
        // A message whose DELE was not answered is deleted last, in a session of its own.
        sandbox.fetch().succeeds().is_silent();
        sandbox.work().holds(&notes(["a", "a", "b", "c"]));
        assert_eq!(server.count(), 0, "cut at {at} of {whole}");
    }
}

#[test]
fn a_message_the_mda_refused_is_later_delivered_once() {
    let server = server(notes(["a"]));
    let sandbox = Sandbox::new();
    let mda = sandbox.script(
        "mda",
        "cat >> \"$HOME/got\"; test -e \"$HOME/ready\" || exit 1",
    );
    sandbox.account(
        "work",
        server.address(),
        &format!("{EMPTYING}\nmda = [{mda:?}]\nmda-allow-root = true"),
    );
    sandbox.fetch().fails_with(74);
    assert_eq!(server.count(), 1);
    sandbox.write("home/ready", "");
    sandbox.write("home/got", "");

    sandbox.fetch().succeeds();

    let got = std::fs::read(sandbox.home().join("got")).expect("the MDA has written the file");
    assert_eq!(got, notes(["a"])[0].stored());
    sandbox.fetch().succeeds();
    assert_eq!(server.count(), 0);
}

#[test]
fn keeping_mail_without_unique_ids_is_refused() {
    let server = server(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "keep = '14 days'");
    for command in ["fetch", "check"] {
        sandbox
            .mailpull([command])
            .run()
            .fails_with(69)
            .complains_in_lines(1)
            .stderr_has(". Set keep = false, so that every message is fetched");
    }
    assert_eq!(server.log().count("RETR"), 0);
}

#[test]
fn check_counts_messages_without_unique_ids() {
    let server = server(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), EMPTYING);
    let outcome = sandbox.mailpull(["check"]).run();
    outcome.succeeds().stdout_has("2 new messages");
}

#[test]
fn a_mailbox_is_not_emptied_when_uidl_fails_once() {
    for (announces, status) in [(true, 75), (false, 69)] {
        let messages = ordinary(1, 4);
        let server = ModelServer::start(messages.clone());
        let sandbox = Sandbox::with_work(server.address(), "");
        if announces {
            server.change(|behaviour| behaviour.refuses_uidl = true);
        } else {
            sandbox
                .mailpull(["seen", "catch-up", "work"])
                .run()
                .succeeds();
            server.change(|behaviour| behaviour.uidl = false);
        }

        let outcome = sandbox.mailpull(["fetch", "--delete"]).run();

        outcome.fails_with(status).complains_in_lines(1);
        assert_eq!((server.count(), server.log().count("RETR")), (4, 0));
    }
}

#[test]
fn mail_that_was_read_is_not_repeated_without_unique_ids() {
    let messages = notes(["a", "b", "c"]);
    let server = server(messages.clone());
    server.change(|behaviour| {
        behaviour.adds_status = true;
        behaviour.refuses_update = true;
    });
    let sandbox = Sandbox::with_work(server.address(), EMPTYING);
    sandbox.fetch();
    server.change(|behaviour| behaviour.refuses_update = false);

    sandbox.fetch().succeeds();

    sandbox.work().holds(&messages);
    assert_eq!(server.count(), 0);
}

/// Starts a server without UIDL that confirms deletions and keeps the messages.
fn keeping_server(messages: Vec<TestMessage>) -> ModelServer {
    let server = server(messages);
    server.change(|behaviour| behaviour.ignores_deletions = true);
    server
}

#[test]
fn mail_kept_without_unique_ids_is_delivered_once() {
    let server = keeping_server(notes(["a", "a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), EMPTYING);
    sandbox.fetch().succeeds().is_silent();

    let second = sandbox.fetch();

    second.fails_with(69).complains_in_lines(1);
    second.stderr_has("lists them again: 3");
    server.add(notes(["c"]).remove(0));
    for _ in 0..3 {
        sandbox.fetch().fails_with(69).is_silent();
    }
    sandbox.work().holds(&notes(["a", "a", "b", "c"]));
    // Each message twice, and no more.
    assert_eq!(server.log().count("DELE"), 8);
}

#[test]
fn an_mda_gets_mail_kept_without_unique_ids_once() {
    let server = keeping_server(notes(["a", "b"]));
    let sandbox = Sandbox::new();
    let mda = sandbox.script("mda", "cat >> \"$HOME/got\"");
    let keys = format!("{EMPTYING}\nmda = [{mda:?}]\nmda-allow-root = true");
    sandbox.account("work", server.address(), &keys);
    for status in [0, 69, 69] {
        assert_eq!(sandbox.fetch().status.code(), Some(status));
    }
    let got = std::fs::read(sandbox.home().join("got")).expect("the MDA has written the file");
    assert_eq!(got.len(), 2 * notes(["a"])[0].stored().len());
}

#[test]
fn a_limit_does_not_hide_new_mail_behind_kept_mail() {
    let server = keeping_server(ordinary(1, 5));
    let keys = format!("{EMPTYING}\nmax-messages = 2");
    let sandbox = Sandbox::with_work(server.address(), &keys);

    for _ in 0..3 {
        sandbox.fetch();
    }

    sandbox.work().holds(&ordinary(1, 5));
}

#[test]
fn a_message_identical_to_a_deleted_one_is_new_mail() {
    let server = server(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), EMPTYING);
    sandbox.fetch().succeeds();
    // The server has shown that the first one is gone.
    sandbox.fetch().succeeds().is_silent();
    server.add(notes(["a"]).remove(0));

    sandbox.fetch().succeeds();

    sandbox.work().holds(&notes(["a", "a"]));
    assert_eq!(server.count(), 0);
}
