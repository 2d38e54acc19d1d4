//! Messages with the same unique-id, renamed messages, and messages found in the Maildir.

use super::*;
use crate::mail::custody::Found;
use crate::mail::same::{Fingerprint, MessageContent};

/// Returns the contents that are known under a unique-id, with their copy numbers.
fn contents(test: &TestLedger, id: &str, copy: u32) -> Vec<(u32, MessageContent)> {
    let known = test.ledger.recognition().contents(&identity(id, copy));
    let known = known.expect("it can be read").into_iter();
    known
        .map(|known| (known.found.identity.copy, known.content))
        .collect()
}

#[test]
fn contents_are_found_by_unique_id_and_not_before_staging() {
    let test = TestLedger::new();
    test.deliver(&[("a", 0), ("b", 0)]);
    test.fail("c");
    for id in ["a", "b"] {
        assert_eq!(contents(&test, id, 0), [(0, stored(id, 0, id).content())]);
    }
    assert!(contents(&test, "c", 0).is_empty());
}

#[test]
fn all_marks_of_a_content_are_read_as_written() {
    let test = TestLedger::new();
    let mark = |text: &str| Some(Digest::of(text.as_bytes()));
    let mut message = stored("a", 0, "a");
    *message.fingerprint = Fingerprint {
        canonical: mark("canonical"),
        body: mark("body"),
        message_id: mark("id"),
        date: mark("date"),
    };
    let file = File::open("/dev/null").expect("every Unix has this file");
    let durable = Durable::new(Receipt::new(message.clone(), file));
    let staged = test.ledger.custody().stage(vec![durable], &place(), &[]);
    staged.expect("it can be written");

    assert_eq!(contents(&test, "a", 0), [(0, message.content())]);
    let staged = test.ledger.custody().staged().expect("it can be read");
    assert_eq!(staged[0].stored().content(), message.content());
}

#[test]
fn the_content_with_the_same_copy_number_comes_first() {
    let test = TestLedger::new();
    let copies = (0..3).map(|copy| durable("a", copy, "same")).collect();
    let staged = test.ledger.custody().stage(copies, &place(), &[]);
    staged.expect("it can be written");

    let copies: Vec<_> = contents(&test, "a", 1)
        .into_iter()
        .map(|(copy, _)| copy)
        .collect();
    assert_eq!(copies, [1, 0, 2]);
}

#[test]
fn copies_of_one_unique_id_are_numbered_without_gaps() {
    let test = TestLedger::new();
    let unique_id = identity("a", 0).unique_id;
    for expected in 0..3 {
        let free = test.ledger.recognition().free_copy(&unique_id);
        assert_eq!(free.expect("it can be read"), expected);
        test.deliver(&[("a", expected)]);
    }
}

#[test]
fn a_renamed_message_keeps_its_state_and_its_delivery() {
    let test = TestLedger::new();
    test.deliver(&[("old", 0)]);
    test.fail("new");
    let renamed = [(identity("old", 0), identity("new", 0))];

    let result = test.ledger.recognition().rename(&renamed);

    result.expect("only a failed message has the new unique-id");
    assert_eq!(test.states(), [("new".to_owned(), 0, "delivered")]);
    let content = stored("old", 0, "old").content();
    assert_eq!(contents(&test, "new", 0), [(0, content)]);
}

#[test]
fn a_message_is_not_renamed_to_one_that_was_delivered() {
    let test = TestLedger::new();
    test.deliver(&[("a", 0), ("b", 0)]);
    let renamed = [(identity("a", 0), identity("b", 0))];

    let result = test.ledger.recognition().rename(&renamed);

    result.expect_err("the unique-id belongs to another message");
    let expected = ["a", "b"].map(|id| (id.to_owned(), 0, "delivered"));
    assert_eq!(test.states(), expected);
}

#[test]
fn headers_find_messages_by_header_and_size() {
    let test = TestLedger::new();
    test.deliver(&[("a", 0), ("gone", 0)]);
    test.delete(&[("gone", 0)]);
    let headers = test.ledger.recognition().headers();
    let headers = headers.expect("it can be read");
    for (id, size, expected) in [
        ("a", Some(100), 1),
        ("a", None, 1),
        ("a", Some(99), 0),
        ("gone", Some(100), 0),
    ] {
        let header = stored(id, 0, id).header.digest;
        assert_eq!(
            headers.find(&header, size).count(),
            expected,
            "{id} {size:?}"
        );
    }
}

#[test]
fn a_message_found_in_the_maildir_is_delivered() {
    let test = TestLedger::new();
    let found = Found {
        delivered: Delivered::found(stored("a", 0, "a")),
        when: Moment(1000),
    };

    let known = test.ledger.recognition().record_found(&found, &place());

    let known = known.expect("no other message has this key");
    assert_eq!(known.state, State::Delivered(Moment(1000)));
    assert_eq!(test.confirm(&[("a", 0)]).len(), 1);
    let has_file = test.ledger.recognition().has_file(&stored("a", 0, "a"));
    assert!(has_file.expect("it can be read"));
    let again = test.ledger.recognition().record_found(&found, &place());
    again.expect_err("the message is known already");
}
