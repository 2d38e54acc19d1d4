//! Servers that confirm deletions, and carry them out or not: without unique-ids, or with new ones in each
//! session.

use std::collections::HashSet;

use super::compare::{
    Listed, PROOF_OF_STEP, delete, list, list_sum, retrieve, retrieve_alone, sizes,
};
use super::{QUIT, TestAccount};
use crate::digest::Digest;
use crate::exit::Exit;
use crate::mail::maildrop::{Identity, UniqueId};
use crate::mail::policy::Keep;

/// A session in which messages of 3 octets are retrieved, and some deleted, from a server without UIDL.
/// `first` are the commands that are sent in one flight with UIDL, and the replies to them.
fn session_of(first: (&str, &str), texts: &[&str], deleted: &[u32]) -> String {
    let numbers = 1..=texts.len();
    let sizes: String = numbers.clone().map(|n| format!("S: {n} 3\n")).collect();
    let asked: String = numbers.map(|n| format!("C: RETR {n}\n")).collect();
    let given = texts
        .iter()
        .map(|text| format!("S: +OK\nS: {}\nS: .\n", text.replace('\n', "\nS: ")));
    let given: String = given.collect();
    let dele: String = deleted.iter().map(|n| format!("C: DELE {n}\n")).collect();
    let done = "S: +OK\n".repeat(deleted.len());
    let proof = proof_of_step(texts);
    let (command, reply) = first;
    format!(
        "C: UIDL\n{command}S: -ERR unknown command\n{reply}C: LIST\nS: +OK\n{sizes}S: .\n{asked}{given}{proof}{dele}{done}{QUIT}"
    )
}

/// The proof that no reply came twice. It is needed if a message has the octets of another.
fn proof_of_step(texts: &[&str]) -> &'static str {
    let different: HashSet<_> = texts.iter().collect();
    match different.len() == texts.len() {
        true => "",
        false => PROOF_OF_STEP,
    }
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

/// Changes a session in which so many messages are deleted: the server refuses each DELE.
fn refused(count: usize, session: &str) -> String {
    let replies = |reply: &str| reply.repeat(count) + QUIT;
    session.replace(&replies("S: +OK\n"), &replies("S: -ERR locked\n"))
}

#[test]
fn lines_of_servers_do_not_change_a_made_up_name() {
    for (before, after) in [
        ("A: 1\n\na", "A: 1\nStatus: RO\n\na"),
        ("A: 1\nStatus: O\n\na", "A: 1\nStatus: RO\nX-UID: 7\n\na"),
        ("A: 1\nStatus: O\n\na", "A: 1\n\na"),
    ] {
        let mut account = TestAccount::new(Keep::Never);
        account.poll(&[&refused(1, &first(&[before], &[1]))]);

        let ended = account.poll(&[&first(&[after], &[1])]);

        assert_eq!(ended.summary.deleted, 1, "{after:?}");
        assert_eq!(account.delivered(), [format!("{before}\n")]);
    }
}

#[test]
fn equal_mail_is_delivered_as_often_as_it_is_listed() {
    let both = ["A: 1\n\na", "A: 1\nStatus: RO\n\na"];
    let mut account = TestAccount::new(Keep::Never);
    account.poll(&[&refused(2, &first(&both, &[1, 2]))]);

    let ended = account.poll(&[&first(&[both[1], both[1]], &[1, 2])]);

    assert_eq!(ended.summary.deleted, 2);
    assert_eq!(account.delivered(), both.map(|text| format!("{text}\n")));
}

#[test]
fn a_name_made_from_all_octets_is_still_recognised() {
    let read = "A: 1\nStatus: RO\n\na";
    let mut account = TestAccount::new(Keep::Never);
    account.poll(&[&refused(1, &first(&[read], &[1]))]);
    let named = |octets: &str| Identity {
        unique_id: UniqueId::of_content(&Digest::of(octets.as_bytes())),
        copy: 0,
    };
    // Version 0.1.0 has given the message this name.
    let renamed = [(named("A: 1\n\na\n"), named(&format!("{read}\n")))];
    let recognition = account.ledger.recognition();
    recognition.rename(&renamed).expect("it can be written");

    let ended = account.poll(&[&first(&[read], &[1])]);

    assert_eq!((ended.summary.deleted, ended.exit()), (1, Exit::Done));
    assert_eq!(account.delivered(), [format!("{read}\n")]);
    // The server keeps it. It is still known by the former name.
    let kept = account.poll(&[&later(&[read], &[1])]);
    assert_eq!(kept.exit(), Exit::Unavailable);
    assert_eq!(account.delivered(), [format!("{read}\n")]);
}

/// A session with new unique-ids in which nothing was due at first: the messages are retrieved, and some
/// are deleted.
fn renamed(messages: &[Listed<'_>], deleted: &[usize]) -> String {
    let numbers: Vec<_> = (1..=messages.len()).collect();
    let texts: Vec<_> = messages.iter().map(|(_, _, text)| *text).collect();
    [
        &list_sum(messages),
        &*sizes(messages),
        &retrieve(messages, &numbers),
        proof_of_step(&texts),
        &delete(deleted),
        QUIT,
    ]
    .concat()
}

/// A session in which there is nothing to do.
fn idle(messages: &[Listed<'_>]) -> String {
    [&list_sum(messages), QUIT].concat()
}

const A: Listed<'_> = ("a", 3, "a");
const B: Listed<'_> = ("b", 4, "bb");

/// An account that has fetched and deleted both messages, as the server has confirmed.
fn deleted_a_and_b() -> TestAccount {
    let mut account = TestAccount::new(Keep::Never);
    let both = [A, B];
    let session = [
        &list(&both),
        &*retrieve(&both, &[1, 2]),
        &delete(&[1, 2]),
        QUIT,
    ];
    assert_eq!(account.poll(&[&session.concat()]).summary.deleted, 2);
    account
}

#[test]
fn mail_kept_under_new_unique_ids_is_not_delivered_again() {
    let mut account = deleted_a_and_b();

    let again = account.poll(&[&renamed(&[("c", 3, "a"), ("d", 4, "bb")], &[1, 2])]);

    assert_eq!(again.exit(), Exit::Unavailable);
    assert_eq!(account.problems().len(), 1, "{:?}", account.problems());
    for ids in [["e", "f"], ["g", "h"], ["i", "j"]] {
        let now = [(ids[0], 4, "bb"), (ids[1], 3, "a")];
        let ended = account.poll(&[&renamed(&now, &[])]);
        assert_eq!(ended.exit(), Exit::Unavailable);
    }
    assert_eq!(account.delivered(), ["a\n", "bb\n"]);
    assert_eq!(account.known(), ["i Gone", "j Gone"]);
    assert_eq!(account.problems().len(), 4, "{:?}", account.problems());
}

#[test]
fn new_mail_among_mail_kept_under_new_unique_ids_is_delivered() {
    let mut account = deleted_a_and_b();
    let now = [
        ("c", 3, "a"),
        ("d", 5, "new"),
        ("e", 4, "bb"),
        ("f", 4, "bb"),
    ];

    account.poll(&[&renamed(&now, &[1, 2, 3, 4])]);

    assert_eq!(account.delivered(), ["a\n", "bb\n", "bb\n", "new\n"]);
}

#[test]
fn rotated_unique_ids_of_kept_mail_are_recognised() {
    let mut account = deleted_a_and_b();
    let now = [("a", 4, "bb"), ("b", 3, "a")];
    let session = [
        &list_sum(&now),
        &*sizes(&now),
        &retrieve_alone(&now, &[1, 2]),
        &delete(&[1, 2]),
        QUIT,
    ];

    account.poll(&[&session.concat()]);

    assert_eq!(account.delivered(), ["a\n", "bb\n"]);
}

#[test]
fn equal_mail_is_new_once_a_session_was_without_the_deleted_one() {
    let other = ("c", 3, "c");
    for between in [idle(&[]), renamed(&[other], &[1])] {
        let mut account = deleted_a_and_b();
        let ended = account.poll(&[&between]);
        assert_eq!(ended.exit(), Exit::Done);

        let ended = account.poll(&[&renamed(&[("d", 3, "a")], &[1])]);

        assert_eq!(ended.exit(), Exit::Done);
        let equal = account
            .delivered()
            .iter()
            .filter(|text| *text == "a\n")
            .count();
        assert_eq!(equal, 2);
    }
}

#[test]
fn a_session_that_has_not_seen_all_proves_no_deletion() {
    let mut account = deleted_a_and_b();
    account.policy.max_messages = Some(1);
    let now = [("c", 3, "c"), ("d", 3, "a")];
    let session = [
        &list_sum(&now),
        &*sizes(&now),
        &retrieve(&now, &[1]),
        &delete(&[1]),
        QUIT,
    ];
    account.poll(&[&session.concat()]);
    account.policy.max_messages = None;

    let ended = account.poll(&[&renamed(&[("e", 3, "a")], &[1])]);

    assert_eq!(ended.exit(), Exit::Unavailable);
    assert_eq!(account.delivered(), ["a\n", "bb\n", "c\n"]);
}

#[test]
fn kept_mail_that_gets_lasting_unique_ids_stays_recognised() {
    let mut account = deleted_a_and_b();
    account.poll(&[&renamed(&[("c", 3, "a"), ("d", 4, "bb")], &[1, 2])]);
    let lasting = [("e", 3, "a"), ("f", 4, "bb")];
    account.poll(&[&renamed(&lasting, &[])]);
    // Both are left alone, as a third deletion would not help.
    account.poll(&[&idle(&lasting)]);

    account.poll(&[&renamed(&[("g", 3, "a"), ("h", 4, "bb")], &[])]);

    assert_eq!(account.delivered(), ["a\n", "bb\n"]);
}
