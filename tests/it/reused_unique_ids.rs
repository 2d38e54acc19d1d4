//! Unique-ids that a server uses again for messages of the same size: the header (TOP) shows it before
//! the message would be deleted unread.

use std::time::Duration;

use crate::support::mail::{TestMessage, note, notes};
use crate::support::model_server::{Behaviour, Cut, HangUp, ModelServer};
use crate::support::sandbox::Sandbox;

const DAYS_15: Duration = Duration::from_secs(15 * 24 * 3600);

/// Makes another message under the unique-id of a note, with the same size.
fn other(unique_id: &str) -> TestMessage {
    let text = unique_id.to_uppercase();
    TestMessage::new(unique_id, note(&text).octets)
}

/// Fetches these messages, which are due after 14 days, and replaces them.
fn fetched_and_replaced(
    behaviour: Behaviour,
    messages: &[TestMessage],
    now: Vec<TestMessage>,
) -> (Sandbox, ModelServer) {
    let server = ModelServer::with(messages.to_vec(), behaviour);
    let sandbox = Sandbox::with_work(server.address(), "keep = '14 days'");
    sandbox.fetch().succeeds().is_silent();
    server.replace(now);
    sandbox.let_pass(DAYS_15);
    (sandbox, server)
}

#[test]
fn a_reused_unique_id_of_equal_size_is_delivered() {
    let behaviours: [fn(&mut Behaviour); 3] = [
        |_| {},
        |behaviour| behaviour.pipelining = false,
        // Without TOP the sizes tell nothing, because they are all alike.
        |behaviour| behaviour.top = false,
    ];
    for change in behaviours {
        let mut behaviour = Behaviour::default();
        change(&mut behaviour);
        let old = notes(["a", "b"]);
        let (sandbox, server) = fetched_and_replaced(behaviour, &old, vec![other("a"), note("b")]);

        sandbox.fetch().succeeds();

        sandbox.work().holds(&[old, vec![other("a")]].concat());
        assert_eq!(server.unique_ids(), [b"a"]);
        sandbox.let_pass(DAYS_15);
        sandbox.fetch().succeeds();
        assert_eq!(server.count(), 0);
    }
}

#[test]
fn nothing_is_asked_for_while_nothing_is_due() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "keep = '14 days'");
    for _ in 0..2 {
        sandbox.fetch().succeeds().is_silent();
    }
    assert_eq!(server.log().count("TOP"), 0);
    let turns = server.log().turns;

    sandbox.let_pass(DAYS_15);
    sandbox.fetch().succeeds().is_silent();

    assert_eq!(
        (server.log().count("TOP"), server.log().count("RETR")),
        (2, 2)
    );
    assert_eq!(server.count(), 0);
    // Login, capabilities, listing, the flight of headers, the flight of deletions, QUIT.
    assert!(
        server.log().turns - turns <= 6,
        "{}",
        server.log().turns - turns
    );
}

#[test]
fn rotated_unique_ids_lose_no_message() {
    let old = notes(["a", "b", "c"]);
    let rotated = [("a", "c"), ("b", "a"), ("c", "d")];
    let rotated = rotated.map(|(id, text)| TestMessage::new(id, note(text).octets));
    let (sandbox, server) = fetched_and_replaced(Behaviour::default(), &old, rotated.to_vec());

    sandbox.fetch().succeeds();

    sandbox.work().holds(&notes(["a", "b", "c", "d"]));
    sandbox.let_pass(DAYS_15);
    sandbox.fetch().succeeds();
    assert_eq!(server.count(), 0);
    sandbox.work().holds(&notes(["a", "b", "c", "d"]));
}

#[test]
fn unique_ids_that_are_message_numbers_lose_no_message() {
    let numbered = |texts: &[&str]| -> Vec<TestMessage> {
        let numbers = (1..).map(|n: u32| n.to_string());
        let messages = numbers.zip(texts);
        messages
            .map(|(number, text)| TestMessage::new(number, note(text).octets))
            .collect()
    };
    for top in [true, false] {
        let behaviour = Behaviour {
            top,
            ..Behaviour::default()
        };
        // Webmail has deleted the first two, and two new ones have come.
        let (sandbox, server) = fetched_and_replaced(
            behaviour,
            &numbered(&["a", "b", "c", "d"]),
            numbered(&["c", "d", "e", "f"]),
        );

        for _ in 0..3 {
            sandbox.fetch().succeeds();
            server.replace(numbered(&["e", "f"][..server.count().min(2)]));
            sandbox.let_pass(DAYS_15);
        }

        sandbox.work().holds(&notes(["a", "b", "c", "d", "e", "f"]));
    }
}

#[test]
fn numbered_messages_with_one_header_are_compared() {
    let reading = |(number, value): (u32, u32)| {
        let octets = format!("Subject: reading\r\n\r\nvalue {value}\r\n");
        TestMessage::new(number.to_string(), octets)
    };
    let old: Vec<_> = (1..).zip(10..14).map(reading).collect();
    let now: Vec<_> = (1..).zip(12..16).map(reading).collect();
    let (sandbox, server) = fetched_and_replaced(Behaviour::default(), &old, now.clone());

    sandbox.fetch().succeeds();

    sandbox.work().holds(&[&old[..], &now[2..]].concat());
    sandbox.let_pass(DAYS_15);
    server.replace((1..).zip(14..16).map(reading).collect());
    sandbox.fetch().succeeds();
    sandbox.work().holds(&[&old[..], &now[2..]].concat());
    assert_eq!(server.count(), 0);
}

#[test]
fn a_cut_session_loses_no_message_of_equal_size() {
    let old = notes(["a", "b"]);
    let server = ModelServer::start(old.clone());
    server.change(|behaviour| behaviour.hang_ups = vec![HangUp::At("DELE", "a")]);
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    sandbox.fetch();
    sandbox.work().holds(&old);
    server.change(|behaviour| behaviour.hang_ups.clear());
    server.replace(vec![other("a"), note("b")]);

    sandbox.fetch().succeeds();

    sandbox.work().holds(&[old, vec![other("a")]].concat());
}

#[test]
fn the_delete_flag_loses_no_message_of_equal_size() {
    let old = notes(["a", "b"]);
    let server = ModelServer::start(old.clone());
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    server.replace(vec![other("a"), note("b")]);

    sandbox.mailpull(["fetch", "--delete"]).run().succeeds();

    sandbox.work().holds(&[old, vec![other("a")]].concat());
    assert_eq!(server.count(), 0);
}

#[test]
fn a_cut_among_the_headers_loses_nothing() {
    let old = notes(["a", "b"]);
    let now = || vec![other("a"), note("b")];
    for at in (200..700).step_by(23) {
        let (sandbox, server) = fetched_and_replaced(Behaviour::default(), &old, now());
        server.change(|behaviour| behaviour.cuts = vec![Cut::Fin(at)]);
        sandbox.fetch();

        sandbox.fetch().succeeds();

        sandbox
            .work()
            .holds(&[old.clone(), vec![other("a")]].concat());
    }
}
