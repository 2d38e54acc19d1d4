//! Messages that are shorter than LIST says: cut on the way, or from a server that lists wrong sizes.

use super::TestAccount;
use super::step::{Fault, FaultyServer, suspects};
use crate::exit::Exit;
use crate::mail::policy::Keep;
use crate::mail::suspicion::Suspicion;

const CONTENTS: [&str; 3] = [
    "one\n\nbody of the first\n",
    "two\n\nbody of the second\nits last line\n",
    "three\n\nbody of the third\n",
];

#[test]
fn a_cut_message_is_fetched_again_and_delivered_whole() {
    for keep in [Keep::Never, Keep::Always] {
        let server = FaultyServer::with(&CONTENTS);
        let mut account = TestAccount::new(keep);

        let ended = server.poll(&mut account, &[Fault::Cut(2)]);

        assert_eq!(ended.exit(), Exit::Done);
        assert_eq!(suspects(&account), [("two".to_owned(), Suspicion::Short)]);
        let problems = account.problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("two does not have the size that the server lists"));
        if keep == Keep::Never {
            assert_eq!(server.left(), ["two"]);
        }

        server.poll(&mut account, &[]);

        assert_eq!(suspects(&account), []);
        let problems = account.problems();
        assert!(problems[1].contains("the second download differs from the first"));
        let delivered = account.delivered();
        assert_eq!(delivered.len(), 4);
        for content in CONTENTS {
            assert!(delivered.contains(&content.to_owned()), "{delivered:?}");
        }
        let left = if keep == Keep::Never { 0 } else { 3 };
        assert_eq!(server.left().len(), left);
        let retrievals = server.count("RETR");
        server.poll(&mut account, &[]);
        assert_eq!(server.count("RETR"), retrievals, "nothing is left to do");
    }
}

#[test]
fn the_same_octets_twice_are_the_message() {
    let server = FaultyServer::with(&CONTENTS[..1]);
    server.mailbox().surplus = 1;
    let mut account = TestAccount::new(Keep::Never);
    server.poll(&mut account, &[]);
    assert_eq!(server.left(), ["one"]);

    let ended = server.poll(&mut account, &[]);

    assert_eq!(ended.exit(), Exit::Done);
    assert_eq!(server.left(), [] as [String; 0]);
    assert_eq!(account.delivered(), [CONTENTS[0]]);
    assert_eq!(account.problems().len(), 1, "{:?}", account.problems());
}

#[test]
fn a_message_that_is_cut_at_each_download_stays() {
    let server = FaultyServer::with(&CONTENTS[1..2]);
    let mut account = TestAccount::new(Keep::Never);
    server.poll(&mut account, &[Fault::Cut(1)]);

    // The next downloads are shorter than listed, too, and other ones.
    server.poll(&mut account, &[Fault::Cut(1), Fault::Cut(1)]);
    server.poll(&mut account, &[Fault::Cut(1), Fault::Cut(1), Fault::Cut(1)]);

    assert_eq!(server.left(), ["two"]);
    assert_eq!(
        suspects(&account),
        [("two".to_owned(), Suspicion::Unsettled)]
    );
    let retrievals = server.count("RETR");
    for surplus in [0, 7] {
        server.mailbox().surplus = surplus;
        server.poll(&mut account, &[]);
        assert_eq!(
            server.count("RETR"),
            retrievals,
            "a fourth one settles nothing, also if the listed size has changed"
        );
    }
}

/// Messages with bodies of different lengths.
fn many(count: usize) -> Vec<String> {
    (10..10 + count)
        .map(|n| format!("{n}\n\n{}\n", "x".repeat(n)))
        .collect()
}

#[test]
fn a_server_that_lists_wrong_sizes_is_asked_twice_for_a_few_messages_only() {
    for (keep, surplus) in [(Keep::Never, 3), (Keep::Always, 3), (Keep::Never, 1000)] {
        let contents = many(25);
        let contents: Vec<_> = contents.iter().map(String::as_str).collect();
        let server = FaultyServer::with(&contents);
        server.mailbox().surplus = surplus;
        let mut account = TestAccount::new(keep);
        for _ in 0..4 {
            assert_eq!(server.poll(&mut account, &[]).exit(), Exit::Done);
        }
        assert_eq!(suspects(&account), []);
        let left = if keep == Keep::Never { 0 } else { 25 };
        assert_eq!(server.left().len(), left, "{surplus}");
        let retrievals = server.count("RETR");
        assert!(surplus > 3 || retrievals == 25 + 10, "{retrievals}");
        assert_eq!(account.delivered().len(), 25);
        let reports = account.problems().len();

        // From now on nothing is fetched twice.
        let new = ("new".to_owned(), "new\r\n\r\nbody\r\n".to_owned());
        server.mailbox().messages.push(new);
        for _ in 0..2 {
            server.poll(&mut account, &[]);
        }

        assert_eq!(server.count("RETR"), retrievals + 1, "{surplus}");
        assert_eq!(account.problems().len(), reports);
        let left = if keep == Keep::Never { 0 } else { 26 };
        assert_eq!(server.left().len(), left, "{surplus}");
    }
}

#[test]
fn a_header_that_changes_at_each_download_is_no_cut() {
    let server = FaultyServer::with(&["Subject: one\n\nbody\n"]);
    server.mailbox().surplus = 50;
    let mut account = TestAccount::new(Keep::Never);
    server.poll(&mut account, &[Fault::Adds("X-Way: first")]);
    assert_eq!(server.left().len(), 1);

    server.poll(&mut account, &[Fault::Adds("X-Way: second")]);

    assert_eq!(server.left().len(), 0);
    assert_eq!(account.delivered().len(), 1);
}

#[test]
fn a_message_in_doubt_is_recognised_under_a_new_unique_id() {
    for surplus in [1, 1000] {
        for keep in [Keep::Never, Keep::Always] {
            let server = FaultyServer::with(&CONTENTS);
            server.mailbox().surplus = surplus;
            let mut account = TestAccount::new(keep);
            server.poll(&mut account, &[]);

            for message in &mut server.mailbox().messages {
                message.0 = format!("new-{}", message.0);
            }
            for _ in 0..3 {
                assert_eq!(server.poll(&mut account, &[]).exit(), Exit::Done);
            }

            let mut delivered = CONTENTS;
            delivered.sort_unstable();
            assert_eq!(account.delivered(), delivered, "{surplus}");
            assert_eq!(suspects(&account), [], "{surplus}");
            let left = if keep == Keep::Never { 0 } else { 3 };
            assert_eq!(server.left().len(), left, "{surplus}");
        }
    }
}

#[test]
fn a_missing_message_does_not_stand_for_one_of_another_size() {
    let new = "four\n\nbody of the fourth, which is longer than all others are\n";
    for first in [
        CONTENTS[0].to_owned(),
        format!("one\n\n{}", "line\n".repeat(400)),
    ] {
        let server = FaultyServer::with(&[&first, CONTENTS[1]]);
        let mut account = TestAccount::new(Keep::Always);
        server.poll(&mut account, &[]);
        // The next listing has a hole, and the server sends what it left out.
        let hidden = server.mailbox().messages.remove(0);
        let content = new.replace('\n', "\r\n");
        server.mailbox().messages.push(("four".to_owned(), content));
        let reply = format!("+OK\r\n{}.\r\n", hidden.1).leak();
        server.poll(&mut account, &[Fault::Instead(1, reply)]);

        server.mailbox().messages.insert(0, hidden);
        server.poll_to_the_end(&mut account, &[]);

        let delivered = account.delivered();
        assert!(delivered.contains(&new.to_owned()), "{delivered:?}");
    }
}

#[test]
fn known_messages_are_recognised_under_new_names_without_sizes() {
    let server = FaultyServer::with(&CONTENTS);
    let mut account = TestAccount::new(Keep::Always);
    server.poll(&mut account, &[]);
    for message in &mut server.mailbox().messages {
        message.0 = format!("new-{}", message.0);
    }
    server.mailbox().refuses_list = true;

    server.poll_to_the_end(&mut account, &[]);

    assert_eq!(account.delivered().len(), CONTENTS.len());
}

#[test]
fn a_cut_comparison_does_not_repeat_the_whole_message() {
    let server = FaultyServer::with(&CONTENTS);
    let mut account = TestAccount::new(Keep::Always);
    server.poll(&mut account, &[]);

    // The listed sizes change, so the messages are compared.
    server.mailbox().surplus = 7;
    server.poll(&mut account, &[Fault::Cut(2)]);
    server.mailbox().surplus = 0;
    server.poll_to_the_end(&mut account, &[]);

    let delivered = account.delivered();
    for content in CONTENTS {
        let count = delivered.iter().filter(|other| *other == content).count();
        assert_eq!(count, 1, "{delivered:?}");
    }
}

#[test]
fn known_messages_are_recognised_on_a_server_that_lists_other_sizes() {
    for surplus in [3, 1000] {
        let server = FaultyServer::with(&CONTENTS);
        let mut account = TestAccount::new(Keep::Always);
        server.poll(&mut account, &[]);

        for message in &mut server.mailbox().messages {
            message.0 = format!("new-{}", message.0);
        }
        server.mailbox().surplus = surplus;
        server.poll_to_the_end(&mut account, &[]);

        assert_eq!(account.delivered().len(), 3, "{surplus}");
        assert_eq!(suspects(&account), [], "{surplus}");
    }
}

/// Makes a message of which a notice is less than half.
fn long(name: &str) -> String {
    format!("{name}\n\n{}", "a line of text\n".repeat(20))
}

/// A notice that a scanner sends instead of a message.
const NOTICE: &str = "+OK\r\nnotice\r\n\r\nThis message was removed.\r\n.\r\n";

/// Adds a message, and makes the server send a notice instead of it at its first download.
fn add_and_send_a_notice(server: &FaultyServer, account: &mut TestAccount, content: &str) {
    let content = content.replace('\n', "\r\n");
    let new = ("new".to_owned(), content);
    server.mailbox().messages.push(new);
    // The new message is asked for first.
    server.poll(account, &[Fault::Instead(1, NOTICE)]);
}

#[test]
fn a_notice_instead_of_several_messages_swallows_none() {
    let contents = ["one", "two", "three", "new"].map(long);
    let all: Vec<&str> = contents.iter().map(String::as_str).collect();
    for keep in [Keep::Never, Keep::Always] {
        let server = FaultyServer::with(&all[..3]);
        let mut account = TestAccount::new(keep);
        let faults = [Fault::Instead(2, NOTICE), Fault::Instead(3, NOTICE)];
        server.poll(&mut account, &faults);

        add_and_send_a_notice(&server, &mut account, all[3]);
        server.poll_to_the_end(&mut account, &[]);

        for content in &contents {
            assert!(account.delivered().contains(content), "{content}");
        }
    }
}

#[test]
fn a_notice_that_was_delivered_swallows_no_later_message() {
    let contents = ["one", "two", "new"].map(long);
    let all: Vec<&str> = contents.iter().map(String::as_str).collect();
    for keep in [Keep::Never, Keep::Always] {
        let server = FaultyServer::with(&all[..2]);
        let mut account = TestAccount::new(keep);
        server.poll(&mut account, &[Fault::Instead(2, NOTICE)]);
        server.poll_to_the_end(&mut account, &[]);

        add_and_send_a_notice(&server, &mut account, all[2]);
        server.poll_to_the_end(&mut account, &[]);

        for content in &contents {
            assert!(account.delivered().contains(content), "{content}");
        }
    }
}
