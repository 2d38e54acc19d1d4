//! Servers that try to exhaust the memory, to confuse the program or to control the terminal.
//! A run reports such a server in one line and ends with status 76. For attacks on listings and on
//! TLS see `listings` and `tls`.

use crate::support::mail::{TestMessage, note, notes};
use crate::support::model_server::ModelServer;
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;
use crate::support::script::{LIST_A, QUIT, Script};

/// The megabytes of memory that a run may use to read a listing.
const LISTING_MEMORY: u32 = 192;
/// The megabytes of memory that a run may use for anything else that a server sends.
const MEMORY: u32 = 64;

/// A session up to the commands that ask for the listings.
const ASK_FOR_LISTINGS: &str = "
    login
    C: UIDL
    C: LIST
";

/// Fetches with `megabytes` of memory from a server that never stops sending, and claims that the
/// run gives up.
#[track_caller]
fn fetch_within(megabytes: u32, conversation: &str) -> RunOutcome {
    let server = Script::new(conversation).serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    let outcome = sandbox.mailpull_within(megabytes, ["fetch"]).run();
    outcome.fails_with(76).complains_in_lines(1);
    server.finish();
    sandbox.work().holds(&[]);
    outcome
}

const ENDLESS_LINE: &str = "endless: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

#[test]
fn an_endless_greeting_ends_the_session() {
    for start in ["", "raw: +OK \n", "raw: -ERR \n"] {
        let outcome = fetch_within(MEMORY, &format!("{start}{ENDLESS_LINE}"));

        outcome.stderr_has("longer than mailpull accepts");
    }
}

#[test]
fn an_endless_reply_ends_the_session() {
    for before in ["S: +OK\nC: CAPA\n", ASK_FOR_LISTINGS] {
        let outcome = fetch_within(MEMORY, &format!("{before}raw: +OK \n{ENDLESS_LINE}"));

        outcome.stderr_has("longer than mailpull accepts");
    }
}

#[test]
fn an_endless_listing_line_ends_the_session() {
    for before in [
        ASK_FOR_LISTINGS.to_owned(),
        format!("{ASK_FOR_LISTINGS}lists a\n"),
    ] {
        let listing = format!("{before}S: +OK\nraw: 1 \n{ENDLESS_LINE}");

        let outcome = fetch_within(MEMORY, &listing);

        outcome.stderr_has("longer than mailpull accepts");
    }
}

#[test]
fn a_uidl_listing_is_limited_to_a_million_lines() {
    let listing = format!("{ASK_FOR_LISTINGS}S: +OK\nendless: 1 a\\r\\n");

    let outcome = fetch_within(LISTING_MEMORY, &listing);

    outcome.stderr_has("more than 1000000 lines");
}

#[test]
fn a_scan_listing_is_limited_to_a_million_lines() {
    let listing = format!("{ASK_FOR_LISTINGS}lists a\nS: +OK\nendless: 1 17\\r\\n");

    let outcome = fetch_within(LISTING_MEMORY, &listing);

    outcome.stderr_has("longer than mailpull accepts");
}

#[test]
fn a_listing_is_limited_in_octets() {
    let unique_id = "x".repeat(1024);
    for line in [
        format!(r"1 {unique_id}\r\n"),
        format!(r"1 a {unique_id}\r\n"),
    ] {
        let listing = format!("{ASK_FOR_LISTINGS}S: +OK\nendless: {line}");

        let outcome = fetch_within(LISTING_MEMORY, &listing);

        outcome.stderr_has("mailpull: work: listing the messages: ");
    }
}

#[test]
fn capabilities_are_limited_in_lines_and_octets() {
    let long = format!(r"X-{}\r\n", "x".repeat(500));
    for line in [r"X\r\n", r"SASL PLAIN\r\n", r"\r\n", &long] {
        for before in [
            "S: +OK\n",
            "S: +OK\nC: CAPA\nS: -ERR\nC: USER joe\nS: +OK\nC: PASS open sesame\nS: +OK\n",
        ] {
            let conversation = format!("{before}C: CAPA\nS: +OK\nendless: {line}");

            let outcome = fetch_within(MEMORY, &conversation);

            outcome.stderr_has("longer than mailpull accepts");
        }
    }
}

#[test]
fn capabilities_are_limited_to_a_thousand_lines() {
    for (count, login, status) in [(1000, "C: USER joe\nS: -ERR no", 77), (1001, "", 76)] {
        let capabilities = "S: X\n".repeat(count);
        let conversation = format!("S: +OK\nC: CAPA\nS: +OK\n{capabilities}S: .\n{login}");
        let server = Script::new(conversation).serve();
        let sandbox = Sandbox::with_work(server.address(), "");

        let outcome = sandbox.fetch();

        outcome.fails_with(status).complains_in_lines(1);
        server.finish();
    }
}

#[test]
fn a_header_line_of_70_mb_takes_little_memory() {
    let subject = [b"Subject: ", &vec![b'x'; 70_000_000][..], b"\r\n"].concat();
    let server = ModelServer::start(vec![TestMessage::new("a", subject)]);
    let sandbox = Sandbox::with_work(server.address(), "");

    let outcome = sandbox.mailpull_within(MEMORY, ["fetch"]).run();

    outcome.succeeds().is_silent();
    assert_eq!(sandbox.work().count("new"), 1);
}

#[test]
fn an_answer_outside_pop3_ends_the_session() {
    for answer in ["250 fine", "+ go on", "Subject: a", "..", " "] {
        let retrieved = format!("\nC: RETR 1\nS: {answer}");
        let server = Script::new([LIST_A, &retrieved].concat()).serve();
        let sandbox = Sandbox::with_work(server.address(), "");

        sandbox
            .fetch()
            .fails_with(76)
            .complains_in_lines(1)
            .stderr_has("mailpull: work: retrieving messages: waiting for RETR");

        server.finish();
        sandbox.work().holds(&[]);
    }
}

#[test]
fn server_text_cannot_control_the_terminal() {
    let evil = r"\x1b]0;owned\x07\x1b[2J\x9b31m\xe2\x80\xae";
    let shown = r"\u{1b}]0;owned\u{7}\u{1b}[2J\x9b31m\u{202e}";
    let conversations = [
        format!("raw: -ERR {evil}\\r\\n"),
        format!("raw: {evil}\\r\\n"),
        format!("S: +OK\nC: CAPA\nS: +OK\nS: .\nC: USER joe\nraw: -ERR {evil}\\r\\n"),
        format!("{ASK_FOR_LISTINGS}S: +OK\nraw: {evil}\\r\\n\nS: .\nS: +OK\nS: ."),
        format!("{LIST_A}\nC: RETR 1\nraw: -ERR {evil}\\r\\n{QUIT}"),
    ];
    for conversation in conversations {
        let server = Script::new(conversation).serve();
        let sandbox = Sandbox::with_work(server.address(), "");

        let outcome = sandbox.mailpull(["fetch", "-vv"]).run();

        outcome.stderr_has(shown);
        let is_harmless = |octet: &u8| *octet == b'\n' || (0x20..0x7f).contains(octet);
        assert!(outcome.stderr.iter().all(is_harmless), "{outcome}");
        server.finish();
    }
}

#[test]
fn headers_and_unique_ids_cannot_control_the_terminal() {
    let header = b"From: \x1b[2J\r\nSubject: \x1b]0;owned\x07\x9b31m\r\n\r\n".to_vec();
    let server = ModelServer::start(vec![TestMessage::new(b"\x1b[31m".to_vec(), header)]);
    let sandbox = Sandbox::with_work(server.address(), "keep = false");

    let outcome = sandbox.mailpull(["fetch", "-vv"]).run();
    let log = sandbox.mailpull(["log"]).run();

    outcome
        .succeeds()
        .never_says("\x1b")
        .never_says("\u{9b}")
        .never_says("\x07");
    log.succeeds()
        .never_says("\x1b")
        .never_says("\u{9b}")
        .never_says("\x07");
    log.stdout_has(r"\u{1b}]0;owned");
}

#[test]
fn long_server_text_is_cut_short() {
    let server = Script::new(format!("S: -ERR {}", "x".repeat(60_000))).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    let outcome = sandbox.fetch();

    outcome.fails_with(76).complains_in_lines(1).stderr_has("…");
    assert!(
        outcome.stderr.len() < 800,
        "{} octets",
        outcome.stderr.len()
    );
    server.finish();
}

#[test]
fn a_hostile_server_does_not_stop_other_accounts() {
    let hostile = Script::new(ENDLESS_LINE).serve();
    let good = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    sandbox.account("bad", hostile.address(), "");
    sandbox.account("good", good.address(), "");

    let outcome = sandbox.fetch();

    outcome.fails_with(76).complains_in_lines(1);
    sandbox.maildir("good").holds(&notes(["a"]));
}

mod slow {
    use super::*;

    #[test]
    #[ignore = "slow: tests/run --full runs it"]
    fn an_endless_message_ends_the_session() {
        // The server sends 4 GiB before the program gives up, which takes a while.
        let conversation = [LIST_A, "\nC: RETR 1\nS: +OK\n", ENDLESS_LINE].concat();
        let server = Script::new(conversation).serve();
        // The message is larger than max-size, so its octets are counted but not stored.
        let sandbox = Sandbox::with_work(server.address(), "max-size = '1 KB'");

        let outcome = sandbox.mailpull_within(MEMORY, ["fetch"]).run();

        outcome
            .fails_with(76)
            .complains_in_lines(1)
            .stderr_has("a message longer than mailpull accepts");
    }
}

#[test]
fn many_messages_that_stay_are_reported_in_a_few_lines() {
    let names: Vec<_> = (0..60).map(|n| format!("m{n:02}")).collect();
    let messages: Vec<_> = names.iter().map(|name| note(name)).collect();
    // After each that is refused one arrives, so that each is at fault itself.
    let refused: Vec<_> = (0..60)
        .step_by(2)
        .map(|n| names[n].clone().into_bytes())
        .collect();
    let server = ModelServer::start(messages.clone());
    server.change(|behaviour| behaviour.refused = refused);
    let sandbox = Sandbox::with_work(server.address(), "");

    let outcome = sandbox.fetch();

    outcome.fails_with(75).complains_in_lines(21);
    outcome.stderr_has(
        "work: 10 more messages failed. To see them: mailpull seen list work --failed\n",
    );
    let listed = sandbox.mailpull(["seen", "list", "work", "--failed"]).run();
    assert_eq!(listed.succeeds().stdout_text().lines().count(), 30);
    let server = ModelServer::start(messages);
    let sandbox = Sandbox::with_work(server.address(), "max-size = '1 B'");

    let outcome = sandbox.fetch();

    outcome.succeeds().complains_in_lines(11);
    outcome
        .stderr_has("work: 50 more messages are larger than max-size; they stay on the server\n");
    sandbox.fetch().succeeds().is_silent();
}
