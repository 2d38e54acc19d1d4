//! Sessions in which a reply brings the octets of another message, with a server in memory.

use super::TestAccount;
use super::step::{Fault, FaultyServer, MAILBOXES};
use crate::exit::Exit;
use crate::mail::policy::Keep;

#[test]
fn a_reply_that_comes_twice_delivers_nothing_twice() {
    for contents in MAILBOXES {
        for (keep, n) in [(Keep::Never, 1), (Keep::Never, 3), (Keep::Always, 2)] {
            let server = FaultyServer::with(&contents);
            let mut account = TestAccount::new(keep);

            server.poll(&mut account, &[Fault::Twice(n)]);

            server.poll_to_the_end(&mut account, &[]);
            assert_eq!(account.delivered(), contents, "{keep:?} {n}");
        }
    }
}

#[test]
fn a_lost_and_a_doubled_reply_lose_nothing_if_all_sizes_are_wrong() {
    let contents = ["a\n", "bbbb\n", "ccccccc\n", "dddddddddd\n"];
    for faults in [
        [Fault::Lost(1), Fault::Twice(4)],
        [Fault::Lost(2), Fault::Twice(3)],
        [Fault::Twice(1), Fault::Lost(3)],
    ] {
        let server = FaultyServer::with(&contents);
        server.mailbox().surplus = 50;
        let mut account = TestAccount::new(Keep::Never);

        server.poll(&mut account, &faults);

        server.poll_to_the_end(&mut account, &[]);
        for content in contents {
            assert!(
                account.delivered().contains(&content.to_owned()),
                "{faults:?}"
            );
        }
        assert!(server.left().is_empty());
    }
}

#[test]
fn another_message_instead_is_asked_for_again() {
    let contents = ["a\n", "bbbb\n", "ccccccc\n", "dddddddddd\n"];
    for (n, other) in [(1, 2), (2, 1), (1, 4), (4, 1)] {
        let server = FaultyServer::with(&contents);
        let mut account = TestAccount::new(Keep::Never);

        let ended = server.poll(&mut account, &[Fault::Swapped(n, other)]);

        assert_eq!(ended.exit(), Exit::Temporary);
        assert_eq!(account.delivered().len(), 3);
        server.poll_to_the_end(&mut account, &[]);
        assert_eq!(account.delivered(), contents);
        assert_eq!((server.left().len(), server.count("RETR")), (0, 5));
    }
}

#[test]
fn messages_under_wrong_names_are_recognised_with_a_new_status_line() {
    const CONTENTS: [&str; 4] = [
        "one\n\n1\n",
        "two\n\n22\n",
        "three\n\n333\n",
        "four\n\n4444\n",
    ];
    for (keep, lost) in [(Keep::Never, 1), (Keep::Never, 3), (Keep::Always, 2)] {
        let server = FaultyServer::with(&CONTENTS);
        let mut account = TestAccount::new(keep);
        server.poll(&mut account, &[Fault::Lost(lost)]);
        assert_eq!(server.left().len(), 4, "nothing is deleted unread");

        server.poll_to_the_end(&mut account, &[Fault::Adds("Status: RO")]);

        assert_eq!(account.delivered().len(), 4, "lost {lost}");
        let left = if keep == Keep::Never { 0 } else { 4 };
        assert_eq!(server.left().len(), left, "lost {lost}");
    }
}
