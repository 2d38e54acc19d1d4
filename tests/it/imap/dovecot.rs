//! What arrives in a folder of the real Dovecot.

use std::time::UNIX_EPOCH;

use super::{DovecotImap, configure, spooled, target};
use crate::support::mail::{TestMessage, notes, odd, one_line, ordinary};
use crate::support::model_server::{ModelServer, PASSWORD};
use crate::support::sandbox::Sandbox;

#[test]
fn messages_arrive_unchanged_and_leave_the_server() {
    let Some(imap) = DovecotImap::start("") else {
        return;
    };
    let mut messages: Vec<_> = odd().into_iter().map(|(_, message)| message).collect();
    messages.push(one_line(60_000));
    messages.extend(ordinary(1, 100));
    let pop3 = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    configure(&sandbox, &pop3, imap.port, "keep = false", "");

    sandbox.fetch().succeeds().is_silent();

    assert_eq!((pop3.count(), spooled(&sandbox)), (0, 0));
    let mut expected: Vec<_> = messages.iter().map(TestMessage::stored).collect();
    expected.sort();
    let arrived = imap.messages();
    let changed = arrived.iter().filter(|message| !expected.contains(message));
    let changed: Vec<_> = changed
        .map(|message| message.escape_ascii().to_string())
        .collect();
    assert!(changed.is_empty(), "{changed:#?}");
    assert!(arrived == expected);
}

#[test]
fn a_folder_is_created_only_if_that_is_asked_for() {
    let Some(imap) = DovecotImap::start("") else {
        return;
    };
    let messages = notes(["a"]);
    let pop3 = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    let folder = "folder = \"Archive/Größe\"";
    configure(&sandbox, &pop3, imap.port, "", folder);

    let missing = sandbox.fetch();
    missing
        .fails_with(73)
        .stderr_has("there is no such folder")
        .stderr_has("create-folder = true");
    assert_eq!(spooled(&sandbox), 1);

    let creating = format!("{folder}\ncreate-folder = true");
    configure(&sandbox, &pop3, imap.port, "", &creating);
    sandbox.fetch().succeeds().is_silent();

    assert_eq!(
        imap.messages_in("Archive.Gr&APYA3w-e"),
        [messages[0].stored()]
    );
    assert_eq!((imap.messages().len(), spooled(&sandbox)), (0, 0));
}

#[test]
fn a_refused_login_is_tried_once_in_a_run() {
    let Some(imap) = DovecotImap::start("") else {
        return;
    };
    let pop3 = ModelServer::start(notes(["a", "b", "c"]));
    let sandbox = Sandbox::new();
    configure(&sandbox, &pop3, imap.port, "", "");
    let wrong = target("home", imap.port, "").replace(PASSWORD, "wrong");
    sandbox
        .config(&wrong)
        .account("work", pop3.address(), "deliver = \"home\"");

    let refused = sandbox.fetch();

    refused.fails_with(77).complains_in_lines(1);
    refused.never_says("wrong");
    assert_eq!(spooled(&sandbox), 3);
    let refusals = imap.dovecot.log();
    let refusals = refusals
        .lines()
        .filter(|line| line.contains("auth failed, "));
    let tries: Vec<_> = refusals.collect();
    assert!(
        tries.len() == 1 && tries[0].contains("1 attempts"),
        "{tries:?}"
    );
}

#[test]
fn equal_messages_of_two_accounts_arrive_twice() {
    let Some(imap) = DovecotImap::start("") else {
        return;
    };
    let messages = notes(["a"]);
    let servers = [0, 1].map(|_| ModelServer::start(messages.clone()));
    let sandbox = Sandbox::new();
    sandbox.section(&target("home", imap.port, ""));
    for (name, pop3) in ["one", "two"].iter().zip(&servers) {
        sandbox.account(name, pop3.address(), "deliver = \"home\"");
    }

    sandbox.fetch().succeeds().is_silent();

    let expected = messages[0].stored();
    assert_eq!(imap.messages(), [expected.clone(), expected]);
}

#[test]
fn the_log_shows_where_a_message_is() {
    let Some(imap) = DovecotImap::start("") else {
        return;
    };
    let pop3 = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    configure(&sandbox, &pop3, imap.port, "", "");

    sandbox.fetch().succeeds();

    let log = sandbox.mailpull(["log"]).run();
    log.succeeds()
        .stdout_has(&format!("to IMAP 127.0.0.1:{} INBOX (joe), as ", imap.port))
        .stdout_has("/0000000001");
}

#[test]
fn account_test_shows_the_folder_and_creates_nothing() {
    let Some(imap) = DovecotImap::start("") else {
        return;
    };
    let pop3 = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    for (folder, said) in [
        ("INBOX", "INBOX; messages: 0"),
        ("Archive", "Archive; it will be created"),
    ] {
        let keys = format!("folder = {folder:?}\ncreate-folder = true");
        configure(&sandbox, &pop3, imap.port, "", &keys);
        let tested = sandbox.mailpull(["account", "test", "work"]).run();
        tested
            .succeeds()
            .stdout_has(&format!(
                "target: IMAP 127.0.0.1:{} answered in ",
                imap.port
            ))
            .stdout_has(&format!(
                "folder: {said}\npromise: exactly once (UIDPLUS)\n"
            ));
    }
    let list = sandbox.mailpull(["account", "list"]).run();
    list.succeeds()
        .stdout_has(&format!(" to IMAP 127.0.0.1:{} Archive (joe)\n", imap.port));
    assert!(!imap.dovecot.maildir().path().join(".Archive").exists());
}

#[test]
fn a_message_keeps_the_time_of_its_arrival() {
    let Some(imap) = DovecotImap::start("") else {
        return;
    };
    let octets = "Received: from a by b; Tue, 14 Nov 2023 23:13:20 +0100\r\n\r\nhello\r\n";
    let pop3 = ModelServer::start(vec![TestMessage::new("a", octets)]);
    let sandbox = Sandbox::new();
    configure(&sandbox, &pop3, imap.port, "", "");

    sandbox.fetch().succeeds();

    // Dovecot keeps it as the time of the file.
    let [file] = &imap.dovecot.maildir().files("new")[..] else {
        panic!("one message was stored");
    };
    let time = file.metadata().and_then(|file| file.modified());
    let since = time.expect("it can be read").duration_since(UNIX_EPOCH);
    assert_eq!(since.expect("it is later").as_secs(), 1_700_000_000);
}
