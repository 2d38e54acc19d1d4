//! Servers without unique-ids that confirm deletions, and carry them out or not.

use super::{QUIT, TestAccount};
use crate::exit::Exit;
use crate::mail::policy::Keep;

/// A session in which messages of 5 octets are retrieved, and some deleted, from a server without UIDL.
/// `first` are the commands that are sent in one flight with UIDL, and the replies to them.
fn session_of(first: (&str, &str), texts: &[&str], deleted: &[u32]) -> String {
    let numbers = 1..=texts.len();
    let sizes: String = numbers.clone().map(|n| format!("S: {n} 5\n")).collect();
    let asked: String = numbers.map(|n| format!("C: RETR {n}\n")).collect();
    let given = texts
        .iter()
        .map(|text| format!("S: +OK\nS: {text}\nS: .\n"));
    let given: String = given.collect();
    let dele: String = deleted.iter().map(|n| format!("C: DELE {n}\n")).collect();
    let done = "S: +OK\n".repeat(deleted.len());
    let (command, reply) = first;
    format!(
        "C: UIDL\n{command}S: -ERR\n{reply}C: LIST\nS: +OK\n{sizes}S: .\n{asked}{given}{dele}{done}{QUIT}"
    )
}

/// The first session, which also asks for sizes.
fn first(texts: &[&str], deleted: &[u32]) -> String {
    session_of(("C: LIST\n", "S: +OK\nS: .\n"), texts, deleted)
}

/// A later session, in which nothing is due at first.
fn later(texts: &[&str], deleted: &[u32]) -> String {
    session_of(("C: STAT\n", "S: +OK 0 0\n"), texts, deleted)
}

fn emptied() -> TestAccount {
    let mut account = TestAccount::new(Keep::Never);
    let ended = account.poll(&[&first(&["a", "b"], &[1, 2])]);
    assert_eq!((ended.exit(), ended.summary.deleted), (Exit::Done, 2));
    account
}

#[test]
fn mail_kept_by_the_server_is_not_delivered_again() {
    let mut account = emptied();

    let again = account.poll(&[&later(&["a", "b"], &[1, 2])]);

    assert_eq!(again.exit(), Exit::Unavailable);
    assert_eq!(account.problems().len(), 1, "{:?}", account.problems());
    for _ in 0..2 {
        // A second deletion has not helped, so no third one is tried.
        let ended = account.poll(&[&later(&["a", "b"], &[])]);
        assert_eq!(ended.exit(), Exit::Unavailable);
    }
    assert_eq!(account.delivered(), ["a\n", "b\n"]);
}

#[test]
fn new_mail_among_kept_mail_is_delivered_and_deleted() {
    let mut account = emptied();

    account.poll(&[&later(&["a", "c", "b", "b"], &[2, 4, 1, 3])]);

    assert_eq!(account.delivered(), ["a\n", "b\n", "b\n", "c\n"]);
}

#[test]
fn equal_mail_after_a_session_without_it_is_new() {
    let mut account = emptied();
    account.poll(&[&later(&["c"], &[1])]);

    let ended = account.poll(&[&later(&["a"], &[1])]);

    assert_eq!(ended.exit(), Exit::Done);
    assert_eq!(account.delivered(), ["a\n", "a\n", "b\n", "c\n"]);
}

#[test]
fn equal_mail_after_an_empty_mailbox_is_new() {
    let mut account = emptied();
    account.poll(&[&later(&[], &[])]);

    account.poll(&[&later(&["b"], &[1])]);

    assert_eq!(account.delivered(), ["a\n", "b\n", "b\n"]);
}

#[test]
fn a_session_that_retrieved_a_part_proves_no_deletion() {
    let mut account = emptied();
    account.policy.max_messages = Some(1);
    account.poll(&[&later(&["c", "a"], &[1])
        .replace("C: RETR 2\n", "")
        .replace("S: +OK\nS: a\nS: .\n", "")]);
    account.policy.max_messages = None;

    let ended = account.poll(&[&later(&["a"], &[1])]);

    assert_eq!(ended.exit(), Exit::Unavailable);
    assert_eq!(account.delivered(), ["a\n", "b\n", "c\n"]);
}

#[test]
fn limits_do_not_keep_new_mail_behind_kept_mail() {
    let mut account = TestAccount::new(Keep::Never);
    account.policy.max_messages = Some(1);
    let one = |session: String| {
        session
            .replace("C: RETR 2\n", "")
            .replace("S: +OK\nS: b\nS: .\n", "")
    };
    account.poll(&[&one(first(&["a", "b"], &[1]))]);
    account.poll(&[&one(later(&["a", "b"], &[1]))]);

    account.poll(&[&later(&["a", "b"], &[2])]);

    assert_eq!(account.delivered(), ["a\n", "b\n"]);
}

#[test]
fn a_server_that_deletes_again_is_reported_anew_later() {
    let mut account = emptied();
    account.poll(&[&later(&["a", "b"], &[1, 2])]);
    let quiet = account.poll(&[&later(&[], &[])]);
    assert_eq!((quiet.exit(), account.problems().len()), (Exit::Done, 1));
    account.poll(&[&later(&["c"], &[1])]);

    account.poll(&[&later(&["c"], &[1])]);

    assert_eq!(account.problems().len(), 2, "{:?}", account.problems());
}
