//! Messages under a unique-id that is known: the same message in other words, or another message.

use std::time::Duration;

use crate::support::mail::{TestMessage, note, notes};
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::script::{LIST_A, QUIT, Script};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Makes a message with a Message-ID, a date and a sender.
fn letter(unique_id: &str, text: &str) -> TestMessage {
    let octets = format!(
        "Message-ID: <{text}@example.org>\r\nDate: Mon, 1 Jun 2026 10:00:00 +0200\r\n\
         From: Ann <ann@example.org>\r\nSubject: {text}\r\n\r\n{text}\r\n"
    );
    TestMessage::new(unique_id, octets)
}

/// Makes the same message as a server has it that adds header lines.
fn with(lines: &str, message: &TestMessage) -> TestMessage {
    let text = String::from_utf8(message.octets.clone()).expect("the message is ASCII");
    let text = text.replacen("\r\n\r\n", &format!("\r\n{lines}\r\n\r\n"), 1);
    TestMessage::new(message.unique_id.clone(), text)
}

#[test]
fn a_reused_unique_id_is_fetched_in_the_next_run() {
    for pipelining in [true, false] {
        let server = ModelServer::start(notes(["1", "2"]));
        server.change(|behaviour| behaviour.pipelining = pipelining);
        let sandbox = Sandbox::with_work(server.address(), "keep = true");
        sandbox.fetch().succeeds();
        // The first message is deleted by webmail, and the next one gets its unique-id.
        let new = TestMessage::new("1", note("another").octets);
        server.replace(vec![note("2"), new.clone()]);

        sandbox.fetch().succeeds().is_silent();

        sandbox.work().holds(&[note("1"), note("2"), new]);
        let log = server.log();
        assert_eq!(log.count("RETR"), 3);
        sandbox.fetch().succeeds().is_silent();
        let later = server.log();
        assert_eq!(later.count("RETR"), 3);
        // Nothing is new: UIDL and STAT, and no LIST.
        assert_eq!(later.count("LIST"), log.count("LIST"));
        assert_eq!(later.count("STAT"), log.count("STAT") + 1);
    }
}

#[test]
fn a_status_line_neither_repeats_nor_keeps_a_message() {
    let letters = ["a", "b", "c"].map(|name| letter(name, name));
    for (lines, arguments) in [
        ("Status: RO", &["fetch"][..]),
        ("X-UID: 7\r\nX-Keywords: \r\nStatus: O", &["fetch"]),
        ("X-UIDL: 0123456789", &["fetch", "--delete"]),
    ] {
        let server = ModelServer::start(letters.to_vec());
        let sandbox = Sandbox::with_work(server.address(), "keep = '14 days'");
        sandbox.fetch().succeeds();
        server.replace(letters.iter().map(|letter| with(lines, letter)).collect());
        if arguments.len() == 1 {
            sandbox.fetch().succeeds().complains_in_lines(1);
            sandbox.let_pass(DAY * 15);
        }

        sandbox.mailpull(arguments).run().succeeds();

        assert_eq!(server.count(), 0, "{lines}");
        sandbox.work().holds(&letters);
    }
}

#[test]
fn a_line_of_a_server_is_recognised_by_an_imported_record() {
    let known = letter("a", "a");
    let server = ModelServer::start(vec![with("Status: O", &known)]);
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    let export = sandbox.mailpull(["seen", "export", "work"]).run();
    let record = sandbox.write("record", export.succeeds().stdout_text());
    let record = record.display().to_string();
    let elsewhere = sandbox.home().join("elsewhere").display().to_string();
    let elsewhere = format!("--state-dir={elsewhere}");
    let import = sandbox.mailpull(["seen", "import", &record, &elsewhere]);
    import.run().succeeds();
    server.replace(vec![with("Status: RO", &known)]);

    let outcome = sandbox.mailpull(["fetch", &elsewhere]).run();

    outcome.succeeds().complains_in_lines(1);
    sandbox.work().holds(&[with("Status: O", &known)]);
}

#[test]
fn a_message_changed_at_each_download_is_not_repeated_for_ever() {
    let messages = ["a", "b"].map(|name| letter(name, name));
    let server = ModelServer::start(messages.to_vec());
    server.change(|behaviour| {
        behaviour.stamps = true;
        behaviour.ignores_deletions = true;
    });
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    for _ in 0..2 {
        sandbox.fetch().succeeds().is_silent();
    }

    let outcome = sandbox.fetch();

    outcome
        .fails_with(76)
        .stderr_has("message a has another content at each download");
    let retrieved = server.log().count("RETR");
    for _ in 0..3 {
        sandbox.fetch().succeeds().is_silent();
    }
    assert_eq!(server.log().count("RETR"), retrieved);
    assert_eq!(sandbox.work().count("new"), 4);
    // A new message under one of these unique-ids is another one.
    server.replace(vec![letter("a", "another letter"), messages[1].clone()]);
    sandbox.let_pass(DAY);
    sandbox.fetch().succeeds();
    assert_eq!(sandbox.work().count("new"), 5);
}

#[test]
fn twins_changed_at_each_download_are_not_repeated_for_ever() {
    let server = ModelServer::start(["one", "two"].map(|text| letter("u", text)).to_vec());
    server.change(|behaviour| {
        behaviour.stamps = true;
        behaviour.ignores_deletions = true;
    });
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    for _ in 0..8 {
        sandbox.fetch();
    }
    let (retrieved, delivered) = (server.log().count("RETR"), sandbox.work().count("new"));

    sandbox.fetch().succeeds().is_silent();

    assert_eq!(server.log().count("RETR"), retrieved);
    assert_eq!(sandbox.work().count("new"), delivered);
}

#[test]
fn messages_that_a_listing_leaves_out_are_each_delivered_once() {
    for names in [["a", "b", "c"], ["a", "bb", "ccc"], ["aa", "b", "c"]] {
        let [a, b, c] = names.map(|name| TestMessage::new("u", note(name).octets));
        let server = ModelServer::start(vec![a.clone()]);
        let sandbox = Sandbox::with_work(server.address(), "");
        sandbox.fetch().succeeds();
        server.replace(vec![a.clone(), c.clone()]);
        sandbox.fetch().succeeds();
        server.replace(vec![a.clone(), b.clone(), c.clone()]);

        sandbox.fetch().succeeds().is_silent();

        sandbox.work().holds(&[a, b, c]);
        let retrieved = server.log().count("RETR");
        sandbox.fetch().succeeds().is_silent();
        assert_eq!(server.log().count("RETR"), retrieved);
    }
}

/// A session that fetches and deletes a message, and whose QUIT is not answered.
const UNANSWERED: &str = "
    C: RETR 1
    gives a
    C: DELE 1
    S: +OK
    C: QUIT
    cut";

#[test]
fn new_mail_after_an_unanswered_quit_is_delivered() {
    let retrieval = "
        C: RETR 1
        gives b";
    let deletion = "
        C: DELE 1
        S: +OK";
    let sum = LIST_A.replace("C: LIST\n", "C: STAT\n");
    let sum = sum.replace("lists 17", "counts 1 17\nC: LIST\nlists 17");
    for (keep, listing, deletion) in [("false", LIST_A, deletion), ("true", &sum, "")] {
        let server = Script::new([LIST_A, UNANSWERED].concat())
            .then([listing, retrieval, deletion, QUIT].concat())
            .serve();
        let sandbox = Sandbox::with_work(server.address(), "keep = false");
        sandbox.fetch().fails_with(75);
        let keys = format!("keep = {keep}");
        sandbox.config("").account("work", server.address(), &keys);

        sandbox.fetch().succeeds();

        server.finish();
        sandbox.work().holds(&notes(["a", "b"]));
    }
}

#[test]
fn seen_messages_are_new_mail_unless_many_change_size() {
    for (changed, delivered) in [(1, 1), (20, 0)] {
        let old: Vec<_> = (1..=20).map(|n| letter(&n.to_string(), "old")).collect();
        let server = ModelServer::start(old.clone());
        let sandbox = Sandbox::with_work(server.address(), "");
        sandbox
            .mailpull(["seen", "catch-up", "work"])
            .run()
            .succeeds();
        let (read, rest) = old.split_at(changed);
        let read = read.iter().map(|letter| with("Status: RO", letter));
        server.replace(read.chain(rest.iter().cloned()).collect());

        let outcome = sandbox.fetch();

        outcome.succeeds().complains_in_lines(1 - delivered);
        assert_eq!(sandbox.work().count("new"), delivered);
        sandbox.fetch().succeeds().is_silent();
        assert_eq!(server.log().count("RETR"), delivered);
    }
}
