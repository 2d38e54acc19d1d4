//! `mailpull list` and `mailpull show`: looking at a mailbox without fetching or recording anything.

use serde_json::json;

use crate::support::mail::{TestMessage, note, notes};
use crate::support::model_server::ModelServer;
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;
use crate::support::script::{LIST_A_AND_B, LIST_A_AND_B_WITH_TOP, QUIT, Script};
use crate::support::terminal::Tmux;

fn list(sandbox: &Sandbox, words: &[&str]) -> RunOutcome {
    let words = [&["list"], words].concat();
    sandbox.mailpull(words).env("TZ", "CET-1").run()
}

fn show(sandbox: &Sandbox, words: &[&str]) -> RunOutcome {
    let words = [&["show", "work"], words].concat();
    sandbox.mailpull(words).run()
}

/// A message with all that a list shows.
fn letter(unique_id: &str) -> TestMessage {
    let octets = "From: =?utf-8?q?J=C3=B6rg?= <j@example.org>\r\n\
         Date: Sun, 30 Nov 2025 12:05:00 +0000\r\n\
         Subject: =?utf-8?b?R3LDvMOfZQ==?=\r\n\r\nbody\r\n.dot\r\n";
    TestMessage::new(unique_id, octets)
}

#[test]
fn a_list_shows_date_size_sender_subject_and_state() {
    let server = ModelServer::start([notes(["a"]), vec![letter("b")]].concat());
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox
        .mailpull(["fetch", "--max-messages", "1"])
        .run()
        .succeeds();

    let listed = list(&sandbox, &[]);

    listed.succeeds().stdout_has("1  delivered").stdout_has(
        "\n2  new        2025-11-30 13:05  133 octets  J\u{f6}rg <j@example.org>      Gr\u{fc}\u{df}e\n",
    );
    assert_eq!(listed.stdout_text().lines().count(), 2);
    sandbox.fetch().succeeds();
    assert_eq!(sandbox.work().messages().len(), 2);
}

#[test]
fn a_dry_run_shows_senders_and_subjects() {
    let server = ModelServer::start([notes(["a"]), vec![letter("b")]].concat());
    let sandbox = Sandbox::with_work(server.address(), "");

    let dry = sandbox.mailpull(["fetch", "--dry-run"]).run();

    dry.succeeds().stderr_is("").stdout_has(
        "work: would fetch message 1 (17 octets) a: \"a\"\n\
         work: would fetch message 2 (133 octets) b from \"J\u{f6}rg <j@example.org>\": \
         \"Gr\u{fc}\u{df}e\"\n",
    );
    assert_eq!(server.log().count("RETR"), 0);
}

#[test]
fn a_dry_run_shows_all_messages_if_headers_break_off() {
    let tops = "
        C: TOP 1 0
        C: TOP 2 0
        tops a
        cut";
    let server = Script::new([LIST_A_AND_B_WITH_TOP, tops].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    let dry = sandbox.mailpull(["fetch", "--dry-run"]).run();

    dry.fails_with(75)
        .stdout_has("message 1 (17 octets) a: \"a\"\n")
        .stdout_has("message 2 (17 octets) b\n")
        .stderr_has("work: reading headers: ");
}

#[test]
fn only_new_messages_are_listed_on_request() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox
        .mailpull(["fetch", "--max-messages", "1"])
        .run()
        .succeeds();

    let lines = list(&sandbox, &["work", "--new", "--json"]).json_lines();

    assert_eq!(lines.len(), 1);
    assert_eq!(
        (
            &lines[0]["event"],
            &lines[0]["unique_id"],
            &lines[0]["state"]
        ),
        (&json!("listed"), &json!("b"), &json!("new"))
    );
}

#[test]
fn without_top_numbers_sizes_and_states_are_listed() {
    let server = Script::new([LIST_A_AND_B, QUIT].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    list(&sandbox, &[])
        .succeeds()
        .stdout_has("1  new                           17 octets\n")
        .stderr_has("the server sends no headers (TOP)");

    server.finish();
}

#[test]
fn a_refused_header_leaves_the_other_rows() {
    let tops = "
        C: TOP 1 0
        S: -ERR no such message
        C: TOP 2 0
        tops b";
    let server = Script::new([LIST_A_AND_B_WITH_TOP, tops, QUIT].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    let listed = list(&sandbox, &[]);

    assert_eq!(listed.succeeds().stdout_text().lines().count(), 2);
    server.finish();
}

#[test]
fn several_accounts_are_listed_under_their_names() {
    let (one, two) = (
        ModelServer::start(notes(["a"])),
        ModelServer::start(notes(["b"])),
    );
    let sandbox = Sandbox::new();
    sandbox.account("one", one.address(), "");
    sandbox.account("two", two.address(), "");

    list(&sandbox, &[])
        .succeeds()
        .stdout_has("one:\n1  new")
        .stdout_has("two:\n1  new");
}

#[test]
fn foreign_text_in_a_list_cannot_control_a_terminal() {
    let octets = "From: a\x1b[2J\r\nSubject: b\x07\u{202e}\r\n\r\n";
    let server = ModelServer::start(vec![TestMessage::new("a", octets)]);
    let sandbox = Sandbox::with_work(server.address(), "");

    let listed = list(&sandbox, &[]);

    listed.succeeds().stdout_has("a\\u{1b}[2J");
    assert!(!listed.stdout_text().contains(['\x1b', '\x07', '\u{202e}']));
}

#[test]
fn rows_on_a_terminal_fit_it() {
    let mut message = "From: a\r\nSubject: ".to_owned();
    message += &"\u{65e5}".repeat(200);
    let server = ModelServer::start(vec![TestMessage::new("a", message + "\r\n\r\n")]);
    let sandbox = Sandbox::with_work(server.address(), "");
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };

    let shown = terminal.runs("mailpull list").ended_with(0);

    let rows = shown.iter().filter(|line| !line.is_empty());
    assert_eq!(rows.count(), 1, "{shown:?}");
}

#[test]
fn a_message_is_shown_as_it_would_be_delivered() {
    let server = ModelServer::start(vec![note("a"), letter("b")]);
    let sandbox = Sandbox::with_work(server.address(), "");

    show(&sandbox, &["b"])
        .succeeds()
        .stdout_is(letter("b").stored());

    assert_eq!(sandbox.work().messages().len(), 0);
    list(&sandbox, &["--new"]).succeeds().stdout_has("2  new");
}

#[test]
fn a_part_of_a_message_is_shown_on_request() {
    let server = ModelServer::start(vec![letter("b")]);
    let sandbox = Sandbox::with_work(server.address(), "");

    let header = show(&sandbox, &["b", "--headers"]);
    header.succeeds().never_says("body").stdout_has("Subject: ");
    let lines = show(&sandbox, &["b", "--lines", "1"]);
    lines.succeeds().never_says(".dot").stdout_has("\nbody\n");
}

#[test]
fn a_server_without_top_shows_no_parts() {
    let server = Script::new(LIST_A_AND_B).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    show(&sandbox, &["a", "--headers"])
        .fails_with(69)
        .stderr_has("has no TOP. Show the whole message");
}

#[test]
fn a_message_that_breaks_off_is_not_shown() {
    let cut = "
        C: RETR 1
        S: +OK
        raw: Subject: a\\r\\n
        cut";
    let server = Script::new([LIST_A_AND_B, cut].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    show(&sandbox, &["a"]).fails_with(75).stdout_is("");

    server.finish();
}

#[test]
fn a_row_of_the_last_list_names_a_message() {
    let server = ModelServer::start(vec![note("a"), letter("b")]);
    let sandbox = Sandbox::with_work(server.address(), "");
    show(&sandbox, &["#2"])
        .fails_with(64)
        .stderr_has("the last list of work has no row #2");

    list(&sandbox, &[]).succeeds();

    show(&sandbox, &["#2"])
        .succeeds()
        .stdout_is(letter("b").stored());
    show(&sandbox, &["#3"]).fails_with(64);
    sandbox
        .mailpull(["delete", "work", "#2", "--yes"])
        .run()
        .fails_with(64)
        .stderr_has("name the messages by their unique-ids");
    sandbox
        .mailpull(["delete", "work", "b", "--yes"])
        .run()
        .succeeds();
    show(&sandbox, &["#2"])
        .fails_with(64)
        .stderr_has("no message is listed as b");
}

#[test]
fn a_row_survives_new_numbers() {
    let server = ModelServer::start(notes(["a", "b", "c"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    list(&sandbox, &[]).succeeds();
    sandbox
        .mailpull(["delete", "work", "a", "--yes"])
        .run()
        .succeeds();

    show(&sandbox, &["#3"])
        .succeeds()
        .stdout_is(note("c").stored());
}

#[test]
fn only_the_named_messages_are_fetched() {
    let server = ModelServer::start(notes(["a", "b", "c"]));
    let sandbox = Sandbox::with_work(server.address(), "keep = false\nmax-size = \"1 KB\"");
    list(&sandbox, &[]).succeeds();
    let only = |id: &str| {
        let words = ["fetch", "work", "--only", id];
        sandbox.mailpull(words).run()
    };

    only("#2").succeeds().is_silent();
    assert_eq!(sandbox.work().messages(), [note("b").stored()]);
    assert_eq!(server.count(), 2);
    only("b")
        .fails_with(64)
        .stderr_has("no message is listed as b; nothing was fetched. To see what is on the server");

    sandbox.fetch().succeeds();
    sandbox.work().holds(&notes(["a", "b", "c"]));
}

#[test]
fn a_known_message_is_not_fetched_again_by_its_name() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();

    let again = sandbox.mailpull(["fetch", "work", "--only", "a"]).run();

    again.fails_with(64).stderr_has(
        "message a is not new; nothing was fetched. To fetch it again: mailpull seen forget work a",
    );
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn a_message_over_the_limit_is_fetched_by_its_name() {
    let server = ModelServer::start(vec![note("a"), letter("b")]);
    let sandbox = Sandbox::with_work(server.address(), "max-size = \"20 B\"");
    sandbox.fetch().succeeds();

    let only = sandbox
        .mailpull(["fetch", "work", "--only", "b", "--only", "b"])
        .run();

    only.succeeds();
    sandbox.work().holds(&[note("a"), letter("b")]);
}

#[test]
fn messages_are_named_only_with_their_account() {
    let sandbox = Sandbox::with_work("127.0.0.1:1", "");

    for words in [&["fetch", "--only", "a"][..], &["--only", "a"]] {
        sandbox
            .mailpull(words)
            .run()
            .fails_with(64)
            .stderr_has("--only names messages of one account");
    }
}

/// A message that arrived at this time, or does not say when.
fn arrived(unique_id: &str, received: &str) -> TestMessage {
    TestMessage::new(unique_id, format!("{received}Subject: {unique_id}\r\n\r\n"))
}

#[test]
fn catching_up_before_a_date_marks_what_arrived_before() {
    let server = ModelServer::start(vec![
        arrived(
            "old",
            "Received: from x by y; Mon, 3 Mar 2025 10:00:00 +0000\r\n",
        ),
        arrived(
            "new",
            "Received: from x by y; Wed, 5 Mar 2025 10:00:00 +0000\r\n",
        ),
        arrived("undated", "Date: Mon, 3 Mar 2025 10:00:00 +0000\r\n"),
    ]);
    let sandbox = Sandbox::with_work(server.address(), "");

    let words = ["seen", "catch-up", "work", "--before", "2025-03-04"];
    sandbox
        .mailpull(words)
        .run()
        .succeeds()
        .stdout_has("work: 1 messages are marked as seen")
        .stdout_has("not marked, because they do not say when they arrived: 1");

    sandbox.fetch().succeeds();
    assert_eq!(sandbox.work().messages().len(), 2);
}

#[test]
fn catching_up_before_a_date_needs_top() {
    let server = Script::new(LIST_A_AND_B).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    let words = ["seen", "catch-up", "work", "--before", "2d"];
    sandbox
        .mailpull(words)
        .run()
        .fails_with(69)
        .stderr_has("it has no TOP");
}
