//! Servers that give known messages new unique-ids, as after a move: the messages are recognised by
//! their headers (TOP), or by their content once they are retrieved.

use crate::support::mail::{TestMessage, notes, ordinary, renamed};
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;

/// Fetches these messages, and gives all of them new unique-ids.
fn fetched_and_renamed(messages: &[TestMessage], keys: &str) -> (Sandbox, ModelServer) {
    let server = ModelServer::start(messages.to_vec());
    let sandbox = Sandbox::with_work(server.address(), keys);
    sandbox.fetch().succeeds().is_silent();
    server.replace(renamed(messages));
    (sandbox, server)
}

#[test]
fn a_few_renamed_messages_are_not_delivered_again() {
    for top in [true, false] {
        let old = ordinary(1, 3);
        let (sandbox, server) = fetched_and_renamed(&old, "");
        server.change(|behaviour| behaviour.top = top);
        let new = ordinary(2, 1);
        server.add(new[0].clone());

        let outcome = sandbox.fetch();

        outcome.succeeds().complains_in_lines(1);
        outcome.stderr_has("not delivered again: 3");
        sandbox.work().holds(&[old, new].concat());
        let retrieved = server.log().count("RETR");
        sandbox.fetch().succeeds().is_silent();
        assert_eq!(server.log().count("RETR"), retrieved);
    }
}

#[test]
fn a_server_with_new_unique_ids_in_each_session_is_reported_once() {
    let mut messages = notes(["a", "b", "c"]);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds().is_silent();
    rename_all(&server, &mut messages);
    sandbox.fetch().succeeds().complains_in_lines(1);
    rename_all(&server, &mut messages);
    sandbox.fetch().succeeds().is_silent();
    sandbox.fetch().succeeds().is_silent();
    rename_all(&server, &mut messages);

    let after_a_pause = sandbox.fetch();

    after_a_pause.succeeds().complains_in_lines(1);
    sandbox.work().holds(&notes(["a", "b", "c"]));
}

#[test]
fn many_renamed_messages_are_recognised_without_top() {
    let old = ordinary(1, 40);
    let (sandbox, server) = fetched_and_renamed(&old, "");
    server.change(|behaviour| behaviour.top = false);

    let outcome = sandbox.fetch();

    outcome.succeeds().stderr_has("not delivered again: 40");
    sandbox.work().holds(&old);
}

#[test]
fn many_renamed_messages_are_not_deleted_unconfirmed() {
    for (count, exit) in [(101, 78), (100, 0)] {
        let old = ordinary(1, count);
        let (sandbox, server) = fetched_and_renamed(&old, "");
        server.change(|behaviour| behaviour.top = false);

        sandbox
            .config("")
            .account("work", server.address(), "keep = false");

        let outcome = sandbox.fetch();

        if exit == 0 {
            outcome.succeeds();
            assert_eq!(server.count(), 0);
            continue;
        }
        outcome.fails_with(exit).stderr_has("keep has changed: 101");
        assert_eq!(server.count(), count);
        sandbox.mailpull(["fetch", "--delete"]).run().succeeds();
        assert_eq!(server.count(), 0);
        sandbox.work().holds(&old);
    }
}

#[test]
fn messages_refused_at_top_are_recognised_after_retr() {
    let old = ordinary(1, 40);
    let (sandbox, server) = fetched_and_renamed(&old, "");
    let refused: Vec<_> = server.unique_ids().into_iter().step_by(10).collect();
    server.change(|behaviour| behaviour.refused = refused);
    let outcome = sandbox.fetch();
    outcome
        .fails_with(75)
        .stderr_has("36 of 40 were recognised");
    server.change(|behaviour| behaviour.refused.clear());

    let outcome = sandbox.fetch();

    outcome.succeeds().stderr_has("not delivered again: 4");
    sandbox.work().holds(&old);
}

#[test]
fn a_header_of_many_messages_identifies_none() {
    const HEADERS: [&str; 4] = [
        "",
        "From: sensor\r\nSubject: reading\r\n",
        "From: sensor\r\nDate: Mon, 30 Nov 2026 03:00:00 +0000\r\n",
        "From: sensor\r\nMessage-ID: <always@example.org>\r\n",
    ];
    for header in HEADERS {
        let message = |n: u32| {
            let octets = format!("{header}\r\nvalue {n:06}\r\n");
            TestMessage::new(n.to_string(), octets)
        };
        let old: Vec<_> = (100..125).map(message).collect();
        let new: Vec<_> = (200..225).map(message).collect();
        let server = ModelServer::start(old.clone());
        let sandbox = Sandbox::with_work(server.address(), "");
        sandbox.fetch().succeeds();
        server.replace(new.clone());

        sandbox.mailpull(["fetch", "--delete"]).run().succeeds();

        sandbox.work().holds(&[old, new].concat());
        assert_eq!(server.count(), 0);
    }
}

#[test]
fn a_limit_on_a_run_does_not_limit_recognition() {
    let old = ordinary(1, 40);
    let (sandbox, server) = fetched_and_renamed(&old, "");

    let outcome = sandbox.mailpull(["fetch", "--max-messages", "3"]).run();

    outcome.succeeds().stderr_has("40 of 40 were recognised");
    assert_eq!(server.log().count("RETR"), 40);
}

#[test]
fn much_new_mail_among_renamed_messages_is_delivered() {
    let old = ordinary(1, 20);
    let (sandbox, server) = fetched_and_renamed(&old, "");
    let new = ordinary(2, 60);
    server.replace([renamed(&old), new.clone()].concat());

    sandbox
        .fetch()
        .succeeds()
        .stderr_has("not delivered again: 20");

    sandbox.work().holds(&[old, new].concat());
}

#[test]
fn a_renamed_message_that_is_not_kept_is_deleted() {
    let old = ordinary(1, 3);
    let (sandbox, server) = fetched_and_renamed(&old, "");

    let outcome = sandbox.mailpull(["fetch", "--delete"]).run();

    outcome.succeeds().stderr_has("not delivered again: 3");
    assert_eq!(server.count(), 0);
    sandbox.work().holds(&old);
}

#[test]
fn an_mda_does_not_get_renamed_messages_again() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::new();
    let mda = sandbox.script("mda", "cat >> \"$HOME/got\"");
    let keys = format!("mda = [{mda:?}]\nmda-allow-root = true");
    sandbox.account("work", server.address(), &keys);
    sandbox.fetch().succeeds();
    let got = || std::fs::read(sandbox.home().join("got")).expect("the MDA has written the file");
    let before = got();
    server.replace(renamed(&notes(["a", "b"])));

    sandbox.fetch().succeeds().complains_in_lines(1);

    assert_eq!(got(), before);
}

#[test]
fn a_renamed_message_with_a_status_line_is_recognised() {
    let (sandbox, server) = fetched_and_renamed(&notes(["a"]), "");
    let read = b"Subject: a\r\nStatus: RO\r\n\r\na\r\n";
    server.replace(vec![TestMessage::new("moved", *read)]);

    let outcome = sandbox.fetch();

    outcome.succeeds().stderr_has("not delivered again: 1");
    sandbox.work().holds(&notes(["a"]));
    sandbox.mailpull(["fetch", "--delete"]).run().succeeds();
    assert_eq!((server.count(), server.log().count("RETR")), (0, 2));
}

#[test]
fn a_message_sent_again_while_listed_is_delivered_again() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    server.add(renamed(&notes(["a"])).remove(0));

    sandbox.fetch().succeeds().is_silent();

    sandbox.work().holds(&notes(["a", "a"]));
}

#[test]
fn messages_that_were_never_downloaded_cannot_be_recognised() {
    let old = ordinary(1, 3);
    let server = ModelServer::start(old.clone());
    let sandbox = Sandbox::with_work(server.address(), "");
    let catch_up = sandbox.mailpull(["seen", "catch-up", "work"]).run();
    catch_up.succeeds();
    server.replace(renamed(&old));

    sandbox.fetch().succeeds();

    sandbox.work().holds(&old);
}

/// Gives all messages of a server new unique-ids.
fn rename_all(server: &ModelServer, messages: &mut Vec<TestMessage>) {
    *messages = renamed(messages);
    server.replace(messages.clone());
}

#[test]
fn mail_kept_under_new_unique_ids_is_delivered_once() {
    let mut messages = notes(["a", "a", "b"]);
    let server = ModelServer::start(messages.clone());
    server.change(|behaviour| behaviour.ignores_deletions = true);
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    sandbox.fetch().succeeds().is_silent();
    rename_all(&server, &mut messages);

    let second = sandbox.fetch();

    second.fails_with(69).complains_in_lines(1);
    second
        .stderr_has("lists them again: 3")
        .stderr_has("new unique-ids each time");
    messages.extend(notes(["c"]));
    for _ in 0..4 {
        rename_all(&server, &mut messages);
        sandbox.fetch().fails_with(69).is_silent();
    }
    sandbox.work().holds(&notes(["a", "a", "b", "c"]));
    // Each message twice, and no more.
    assert_eq!(server.log().count("DELE"), 8);
}

#[test]
fn limits_hide_no_mail_behind_renamed_kept_mail() {
    let mut messages = ordinary(1, 5);
    let server = ModelServer::start(messages.clone());
    server.change(|behaviour| behaviour.ignores_deletions = true);
    let sandbox = Sandbox::with_work(server.address(), "keep = false\nmax-messages = 2");

    for _ in 0..4 {
        sandbox.fetch();
        rename_all(&server, &mut messages);
    }

    sandbox.work().holds(&ordinary(1, 5));
}

#[test]
fn mail_equal_to_a_really_deleted_message_is_new() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    sandbox.fetch().succeeds();
    // The server shows that the first one is gone.
    sandbox.fetch().succeeds().is_silent();
    server.replace(renamed(&notes(["a"])));

    sandbox.fetch().succeeds().is_silent();

    sandbox.work().holds(&notes(["a", "a"]));
    assert_eq!(server.count(), 0);
}
