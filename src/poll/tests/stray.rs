//! Lines that belong to no reply, and messages that contain their own end.

use super::TestAccount;
use super::step::{Fault, FaultyServer, MAILBOXES, suspects};
use crate::exit::Exit;
use crate::mail::policy::Keep;

#[test]
fn the_rest_of_a_message_with_its_own_end_is_not_lost_without_pipelining() {
    for rest in [
        "rest", "+OK", "-ERR x", "\n+OK\n", ".", ".\n.\n", "+OK\n+OK",
    ] {
        for (at, sends_lines) in [(0, false), (0, true), (2, false), (2, true)] {
            let crafted = format!("crafted\n.\n{rest}\n");
            let mut contents = vec!["a\n", "bb\n"];
            contents.insert(at, &crafted);
            let server = FaultyServer::with(&contents);
            server.mailbox().never_pipelines = true;
            server.mailbox().sends_lines = sends_lines;
            let mut account = TestAccount::new(Keep::Never);
            for _ in 0..8 {
                server.poll(&mut account, &[Fault::NotStuffed]);
            }

            let why = format!("{rest:?} {at} {sends_lines} {:?}", account.delivered());
            assert_eq!(server.left(), ["crafted"], "{why}");
            assert!(!suspects(&account).is_empty(), "{why}");
            for content in ["a\n", "bb\n"] {
                assert!(account.delivered().contains(&content.to_owned()), "{why}");
            }
        }
    }
}

#[test]
fn empty_lines_and_terminators_before_each_reply_are_harmless() {
    for text in ["\r\n", "\n", ".\r\n", ".\r\n\r\n", "\r\n\r\n"] {
        for faults in [vec![], vec![Fault::NamesSizes]] {
            let server = FaultyServer::with(&MAILBOXES[0]);
            // Without sizes in LIST, the reply names them.
            server.mailbox().refuses_list = !faults.is_empty();
            let mut account = TestAccount::new(Keep::Never);
            let faults = [&faults[..], &[Fault::Before(text)]].concat();

            let ended = server.poll(&mut account, &faults);

            assert_eq!(ended.exit(), Exit::Done, "{:?}", account.problems());
            assert_eq!(account.delivered(), MAILBOXES[0]);
            assert_eq!(server.left(), [] as [String; 0]);
        }
    }
}

#[test]
fn empty_lines_are_harmless_too_where_the_listed_sizes_are_wrong() {
    for text in ["\r\n", "\r\n\r\n"] {
        for surplus in [1, 100] {
            let server = FaultyServer::with(&MAILBOXES[0]);
            server.mailbox().surplus = surplus;
            let mut account = TestAccount::new(Keep::Never);
            for _ in 0..4 {
                server.poll(&mut account, &[Fault::Before(text)]);
            }

            assert_eq!(server.left(), [] as [String; 0], "{text:?} {surplus}");
            assert_eq!(account.delivered(), MAILBOXES[0], "{text:?} {surplus}");
        }
    }
}

#[test]
fn a_line_among_the_answers_to_deletions_puts_no_message_in_doubt() {
    for at in [2, 3, 4] {
        let server = FaultyServer::with(&MAILBOXES[0]);
        server.mailbox().never_pipelines = true;
        let mut account = TestAccount::new(Keep::Never);
        let ended = server.poll(&mut account, &[Fault::AtDeletion(at, "hello\r\n")]);
        assert_eq!(ended.exit(), Exit::Protocol);
        assert_eq!(suspects(&account), []);

        let ended = server.poll(&mut account, &[]);

        assert_eq!(ended.exit(), Exit::Done);
        assert_eq!(server.left(), [] as [String; 0]);
        assert_eq!(account.delivered(), MAILBOXES[0]);
    }
}

#[test]
fn a_message_with_its_own_end_that_changes_each_time_is_repeated_twice() {
    let server = FaultyServer::with(&["crafted\n\nold\n"]);
    server.mailbox().never_pipelines = true;
    let mut account = TestAccount::new(Keep::Never);
    for run in 1..=5 {
        let reply = format!("+OK\r\ncrafted\r\n\r\nnew {run}\r\n.\r\nrest\r\n.\r\n");
        server.poll(&mut account, &[Fault::Instead(1, reply.leak())]);
    }

    assert_eq!(server.left(), ["crafted"]);
    assert_eq!(account.delivered().len(), 3, "{:?}", account.delivered());
}
