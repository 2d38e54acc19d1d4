//! Two accidents that meet one message: a part or a reply too many, and then new names, a lost database, a
//! server that keeps what was deleted, or another accident.

use std::fs;

use super::step::{Fault, FaultyServer, suspects};
use super::{TestAccount, open_ledger};
use crate::mail::policy::Keep;
use crate::mail::suspicion::Suspicion;

const CONTENTS: [&str; 3] = [
    "one\n\nbody of the first\n",
    "two\n\nbody of the second\nits last line\n",
    "three\n\nbody of the third\nwhich is longer\nthan the others\n",
];

/// An empty message, and a line that nobody asked for.
const NOTHING: &str = "+OK\r\n.\r\n+OK\r\n";

fn give_new_names(server: &FaultyServer) {
    for message in &mut server.mailbox().messages {
        message.0 = format!("new-{}", message.0);
    }
}

fn lose_database(account: &mut TestAccount) {
    let state = account.folder.path().join("state");
    fs::remove_dir_all(state).expect("the state folder is there");
    account.ledger = open_ledger(&account.folder);
    drop(account.ledger.lock().expect("nobody has the lock"));
}

/// Checks that each message was delivered once, whatever parts of it were.
fn assert_each_once(account: &TestAccount, contents: &[&str]) {
    let delivered = account.delivered();
    for content in contents {
        let same = delivered.iter().filter(|other| other == content);
        assert_eq!(same.count(), 1, "{delivered:?}");
    }
}

#[test]
fn a_whole_download_under_a_new_name_ends_the_doubt() {
    for surplus in [1, 1000] {
        let server = FaultyServer::with(&CONTENTS);
        server.mailbox().surplus = surplus;
        let mut account = TestAccount::new(Keep::Never);
        server.poll(&mut account, &[]);
        assert_eq!(server.left().len(), 3);

        server.mailbox().surplus = 0;
        give_new_names(&server);
        server.poll(&mut account, &[]);

        assert_eq!(server.left().len(), 0, "{surplus}");
        assert_each_once(&account, &CONTENTS);
    }
}

#[test]
fn a_part_after_a_lost_database_repeats_nothing() {
    for fault in [Fault::Cut(2), Fault::Instead(2, "+OK\r\ntwo\r\n.\r\n")] {
        let server = FaultyServer::with(&CONTENTS);
        let mut account = TestAccount::new(Keep::Always);
        server.poll(&mut account, &[]);
        lose_database(&mut account);

        server.poll(&mut account, &[fault]);
        server.poll_to_the_end(&mut account, &[]);

        assert_each_once(&account, &CONTENTS);
    }
}

#[test]
fn a_lost_reply_after_a_lost_database_repeats_nothing() {
    let server = FaultyServer::with(&CONTENTS);
    let mut account = TestAccount::new(Keep::Always);
    server.poll(&mut account, &[]);
    lose_database(&mut account);
    let new = "new\n\nnew body, which is the longest one of all of them\nwith two lines\n";
    let content = new.replace('\n', "\r\n");
    server.mailbox().messages.push(("new".to_owned(), content));

    server.poll(&mut account, &[Fault::Lost(1)]);
    server.poll_to_the_end(&mut account, &[]);

    assert_each_once(&account, &CONTENTS);
    assert_each_once(&account, &[new]);
}

#[test]
fn a_session_out_of_step_under_new_names_repeats_nothing() {
    for fault in [
        Fault::Lost(1),
        Fault::Lost(2),
        Fault::Twice(1),
        Fault::Twice(2),
    ] {
        let server = FaultyServer::with(&CONTENTS);
        let mut account = TestAccount::new(Keep::Always);
        server.poll(&mut account, &[]);
        give_new_names(&server);

        server.poll(&mut account, std::slice::from_ref(&fault));
        server.poll_to_the_end(&mut account, &[]);

        assert_each_once(&account, &CONTENTS);
        assert_eq!(account.delivered().len(), 3, "{fault:?}");
        assert_eq!(suspects(&account), [], "{fault:?}");
    }
}

#[test]
fn a_second_accident_keeps_no_message_for_ever() {
    for second in [Fault::Twice(1), Fault::Cut(1), Fault::Instead(1, NOTHING)] {
        let server = FaultyServer::with(&CONTENTS[1..2]);
        server.mailbox().never_pipelines = true;
        let mut account = TestAccount::new(Keep::Never);
        server.poll(&mut account, &[Fault::Twice(1)]);

        server.poll(&mut account, std::slice::from_ref(&second));
        assert_eq!(server.left(), ["two"], "{second:?}");
        server.poll_to_the_end(&mut account, &[]);

        assert_eq!(server.left().len(), 0, "{second:?}");
        assert!(account.delivered().contains(&CONTENTS[1].to_owned()));
    }
}

#[test]
fn an_empty_answer_is_no_second_download() {
    let server = FaultyServer::with(&CONTENTS[..1]);
    server.mailbox().never_pipelines = true;
    let mut account = TestAccount::new(Keep::Never);
    server.poll(&mut account, &[Fault::Twice(1)]);
    let doubt = [("one".to_owned(), Suspicion::Incomplete)];
    assert_eq!(suspects(&account), doubt);

    server.poll(&mut account, &[Fault::Instead(1, NOTHING)]);

    assert_eq!(suspects(&account), doubt);
}

#[test]
fn a_message_under_a_used_name_is_deleted_whatever_size_is_listed() {
    let server = FaultyServer::with(&CONTENTS[..1]);
    server.mailbox().surplus = 1000;
    let mut account = TestAccount::new(Keep::Never);
    server.poll_to_the_end(&mut account, &[]);
    assert_eq!(server.left().len(), 0);

    let content = CONTENTS[1].replace('\n', "\r\n");
    server.mailbox().messages.push(("one".to_owned(), content));
    for _ in 0..3 {
        server.poll(&mut account, &[]);
    }

    assert_eq!(server.left().len(), 0);
    assert_each_once(&account, &CONTENTS[..2]);
}

#[test]
fn a_part_does_not_show_that_a_message_was_deleted() {
    for part in [Fault::Cut(2), Fault::Instead(2, "+OK\r\ntwo\r\n.\r\n")] {
        let server = FaultyServer::with(&CONTENTS);
        server.mailbox().ignores_deletions = true;
        let mut account = TestAccount::new(Keep::Never);
        server.poll(&mut account, &[]);
        give_new_names(&server);
        server.poll(&mut account, std::slice::from_ref(&part));

        server.mailbox().ignores_deletions = false;
        give_new_names(&server);
        for _ in 0..2 {
            server.poll(&mut account, &[]);
        }

        assert_each_once(&account, &CONTENTS);
    }
}
