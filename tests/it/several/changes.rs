//! Targets that are added or removed while messages wait.

use std::fs;

use super::Several;
use crate::support::mail::{TestMessage, notes};

/// Makes messages wait for the Maildir, which cannot be made. The other two targets have them.
fn waiting(messages: &[TestMessage]) -> Several {
    let several = Several::new(messages.to_vec());
    several.sandbox.write("home/copies", "no folder");
    several.sandbox.fetch().fails_with(73);
    assert_eq!((several.spooled(), several.pop3.count()), (2, 2));
    several
}

/// Lets the Maildir be made.
fn make_room(several: &Several) {
    fs::remove_file(several.sandbox.home().join("copies")).expect("the home is ours");
}

#[test]
fn messages_that_only_a_removed_target_lacks_are_delivered() {
    let messages = notes(["a", "b"]);
    let several = waiting(&messages);
    several.configure(&["box", "server"]);
    several.sandbox.fetch().succeeds();
    let stored: Vec<_> = messages.iter().map(TestMessage::stored).collect();
    assert_eq!(several.mbox().messages(), stored);
    assert_eq!(several.lmtp.messages(), stored);
    assert_eq!((several.spooled(), several.pop3.count()), (0, 0));
}

#[test]
fn an_added_target_gets_the_messages_that_wait_and_no_others() {
    let messages = notes(["a", "b"]);
    let several = Several::new(notes(["before"]));
    several.configure(&["box"]);
    several.sandbox.fetch().succeeds();
    for message in &messages {
        several.pop3.add(message.clone());
    }
    several.sandbox.write("home/copies", "no folder");
    several.configure(&["box", "dir"]);
    several.sandbox.fetch().fails_with(73);

    several.configure(&["box", "dir", "server"]);
    several.sandbox.fetch().fails_with(73);

    let stored: Vec<_> = messages.iter().map(TestMessage::stored).collect();
    assert_eq!(several.lmtp.messages(), stored);
    assert_eq!(several.mbox().messages()[1..], stored);
    make_room(&several);
    several.sandbox.fetch().succeeds();
    several.sandbox.fetch().succeeds();
    assert_eq!(several.maildir().messages().len(), 2);
    assert_eq!((several.spooled(), several.pop3.count()), (0, 0));
}

#[test]
fn a_target_that_comes_back_gets_nothing_twice() {
    let messages = notes(["a", "b"]);
    let several = waiting(&messages);
    several.configure(&["dir"]);
    several.sandbox.fetch().fails_with(73);
    // A single Maildir needs no spool, so the messages in the spool wait.
    several.configure(&["box", "server", "dir"]);
    make_room(&several);
    several.sandbox.fetch().succeeds();
    several.sandbox.fetch().succeeds();
    several.is_complete(&messages);
}

#[test]
fn a_message_lost_from_the_spool_reaches_only_those_that_lack_it() {
    let messages = notes(["a", "b"]);
    let several = waiting(&messages);
    let spool = several.sandbox.state().join("spool");
    for file in fs::read_dir(&spool).expect("a run made it") {
        let path = file.expect("it can be read").path();
        fs::remove_file(path).expect("the spool is ours");
    }
    make_room(&several);
    several.sandbox.fetch().fails_with(74);
    several.sandbox.fetch().succeeds();
    several.sandbox.fetch().succeeds();
    several.is_complete(&messages);
}
