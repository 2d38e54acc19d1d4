//! Targets that take nothing, or not everything.

use std::fs;
use std::net::TcpListener;

use rustix::process::Signal;

use super::Several;
use crate::support::mail::{TestMessage, note, notes, ordinary};

#[test]
fn each_target_gets_each_message_once() {
    let messages = ordinary(1, 5);
    let several = Several::new(messages.clone());
    several.sandbox.fetch().succeeds().is_silent();
    several.is_complete(&messages);
    let log = several.sandbox.mailpull(["log"]).run();
    let address = several.lmtp.address();
    let mbox = several.mbox().path().display().to_string();
    let maildir = several.maildir().path().display().to_string();
    log.succeeds()
        .stdout_has(&format!(" to mbox {mbox}, as "))
        .stdout_has(&format!("; LMTP {address}"))
        .stdout_has(&format!("; {maildir}, deleted from the server "))
        .never_says("possibly");
    assert_eq!(log.stdout_text().lines().count(), 5);
}

#[test]
fn a_target_that_is_down_holds_up_no_other() {
    let messages = notes(["a", "b"]);
    let several = Several::new(messages.clone());
    // In the place of the Maildir is a file.
    several.sandbox.write("home/copies", "no folder");

    let outcome = several.sandbox.fetch();

    outcome
        .fails_with(73)
        .complains_in_lines(1)
        .stderr_has("cannot create ")
        .stderr_has("/home/copies")
        .stderr_has("messages that wait: 2");
    let stored: Vec<_> = messages.iter().map(TestMessage::stored).collect();
    assert_eq!(several.mbox().messages(), stored);
    assert_eq!(several.lmtp.messages(), stored);
    assert_eq!((several.spooled(), several.pop3.count()), (2, 2));

    fs::remove_file(several.sandbox.home().join("copies")).expect("the home is ours");
    several.sandbox.fetch().succeeds();
    // What a run has found in the spool is deleted from the server by the next one.
    several.sandbox.fetch().succeeds();
    several.is_complete(&messages);
}

#[test]
fn what_one_target_refuses_is_not_repeated_at_the_others() {
    let messages = notes(["a", "b"]);
    let several = Several::new(messages.clone());
    several.sandbox.write("home/mbox", "no mbox\n");

    for run in 1..=2 {
        let outcome = several.sandbox.fetch();
        outcome.fails_with(78).stderr_has("is not an mbox");
        let taken = [several.lmtp.messages(), several.maildir().messages()];
        assert_eq!(taken.map(|taken| taken.len()), [2, 2], "run {run}");
        assert_eq!((several.spooled(), several.pop3.count()), (2, 2));
    }

    several.sandbox.write("home/mbox", "");
    several.sandbox.fetch().succeeds();
    several.sandbox.fetch().succeeds();
    several.is_complete(&messages);
}

#[test]
fn each_failing_target_says_how_many_messages_wait_for_it() {
    let several = Several::new(notes(["a", "b"]));
    several.sandbox.write("home/copies", "no folder");
    several.sandbox.fetch().fails_with(73);
    several.pop3.add(note("c"));
    several.sandbox.write("home/mbox", "no mbox\n");

    let outcome = several.sandbox.fetch();

    outcome.fails_with(78).complains_in_lines(2);
    let text = outcome.stderr_text();
    let waits = |part: &str| {
        let line = text.lines().find(|line| line.contains(part));
        let line = line.expect("both are reported");
        line.split("messages that wait: ")
            .nth(1)
            .map(|rest| rest[..1].to_owned())
    };
    assert_eq!(waits("/copies").as_deref(), Some("3"), "{outcome}");
    assert_eq!(waits("is not an mbox").as_deref(), Some("1"), "{outcome}");
}

#[test]
fn a_target_that_never_answers_delays_no_other() {
    let messages = notes(["a", "b"]);
    let silent = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = silent.local_addr().expect("it is bound");
    let mut several = Several::new(messages.clone());
    several.server = address;
    several.configure(&["server", "box", "dir"]);

    let running = several.sandbox.mailpull(["fetch"]).start();
    several.mbox().wait_for(messages.len());
    running.signal_until_it_ends(Signal::TERM);

    several.server = several.lmtp.address();
    several.configure(&["server", "box", "dir"]);
    for _ in 0..2 {
        several.sandbox.fetch().succeeds();
    }
    several.is_complete(&messages);
}
