//! Folders that change while it is not known whether a message was stored: other clients remove messages, the
//! folder is made anew, or the server goes on storing.

use std::fs;

use super::{DovecotImap, configure, let_five_minutes_pass, spooled};
use crate::support::cutting_proxy::{CuttingProxy, ProxyCut};
use crate::support::mail::{TestMessage, note, notes};
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;

/// An account that has stored a message and lost the answer.
struct LostAnswer {
    imap: DovecotImap,
    pop3: ModelServer,
    sandbox: Sandbox,
    _proxy: CuttingProxy,
}

impl LostAnswer {
    fn new() -> Option<Self> {
        Self::with("", note("a"))
    }

    /// Begins with this message, and more lines for the configuration of Dovecot.
    fn with(extra: &str, message: TestMessage) -> Option<Self> {
        let imap = DovecotImap::start(extra)?;
        let pop3 = ModelServer::start(vec![message]);
        let proxy = CuttingProxy::start(imap.port, ProxyCut::Before("Append completed"));
        let sandbox = Sandbox::new();
        configure(&sandbox, &pop3, proxy.port(), "keep = false", "");
        let lost = sandbox.fetch();
        lost.fails_with(75).complains_in_lines(1);
        lost.stderr_has("the message may be delivered nevertheless");
        assert_eq!((imap.messages().len(), spooled(&sandbox)), (1, 1));
        Some(Self {
            imap,
            pop3,
            sandbox,
            _proxy: proxy,
        })
    }

    /// Removes all messages of the folder, as another client may do.
    fn remove_all(&self) {
        let maildir = self.imap.dovecot.maildir();
        for file in ["new", "cur"]
            .iter()
            .flat_map(|folder| maildir.files(folder))
        {
            fs::remove_file(file).expect("Dovecot made it");
        }
    }
}

#[test]
fn a_message_whose_answer_was_lost_is_found_at_once() {
    let Some(lost) = LostAnswer::new() else {
        return;
    };

    lost.sandbox.fetch().succeeds().is_silent();

    assert_eq!((lost.imap.messages().len(), spooled(&lost.sandbox)), (1, 0));
    lost.sandbox.fetch().succeeds().is_silent();
    assert_eq!(lost.pop3.count(), 0);
    let log = lost.sandbox.mailpull(["log"]).run();
    log.succeeds().never_says("possibly delivered before");
}

#[test]
fn a_message_that_others_may_have_removed_is_handed_over_again_and_marked() {
    let Some(lost) = LostAnswer::new() else {
        return;
    };
    lost.remove_all();

    let waiting = lost.sandbox.mailpull(["-v", "fetch"]).run();
    waiting
        .succeeds()
        .stderr_has("may still be storing messages of a connection that is lost: 1");
    assert_eq!((lost.imap.messages().len(), spooled(&lost.sandbox)), (0, 1));
    let_five_minutes_pass(&lost.sandbox);
    let again = lost.sandbox.fetch();

    again.succeeds().complains_in_lines(1);
    again.stderr_has("twice: messages are missing from the folder");
    assert_eq!((lost.imap.messages().len(), spooled(&lost.sandbox)), (1, 0));
    let log = lost.sandbox.mailpull(["log"]).run();
    log.succeeds().stdout_has("possibly delivered before");
}

#[test]
fn mail_of_others_is_not_taken_for_ours() {
    let Some(lost) = LostAnswer::new() else {
        return;
    };
    let maildir = lost.imap.dovecot.maildir();
    let [file] = &maildir.files("new")[..] else {
        panic!("one message was stored");
    };
    // Another message of the same length.
    let other = notes(["b"])[0].stored();
    fs::write(file, &other).expect("the file is ours");

    lost.sandbox.fetch().succeeds().is_silent();
    let_five_minutes_pass(&lost.sandbox);
    lost.sandbox.fetch().succeeds().is_silent();

    let mut expected = vec![notes(["a"])[0].stored(), other];
    expected.sort();
    assert_eq!(lost.imap.messages(), expected);
}

#[test]
fn another_message_with_the_same_message_id_is_not_taken_for_ours() {
    let octets = "Message-ID: <1@example.org>\r\nSubject: ours\r\n\r\nours\r\n";
    let Some(lost) = LostAnswer::with("", TestMessage::new("a", octets)) else {
        return;
    };
    let maildir = lost.imap.dovecot.maildir();
    let [file] = &maildir.files("new")[..] else {
        panic!("one message was stored");
    };
    // As if it had never been stored, and another copy had come another way.
    let other = "Message-ID: <1@example.org>\nSubject: theirs\n\nthey\n";
    // Dovecot puts the size of a message into the name of its file.
    let renamed = file.with_file_name("1.other.host");
    fs::rename(file, &renamed).expect("the folder is ours");
    fs::write(renamed, other).expect("the file is ours");

    lost.sandbox.fetch().succeeds().is_silent();
    assert_eq!(spooled(&lost.sandbox), 1);
    let_five_minutes_pass(&lost.sandbox);
    let again = lost.sandbox.fetch();

    again
        .succeeds()
        .stderr_has("twice: the folder has a message with the same header");
    assert_eq!((lost.imap.messages().len(), spooled(&lost.sandbox)), (2, 0));
}

#[test]
fn an_equal_message_without_a_number_is_not_taken_for_another() {
    let plain = "protocol imap {\n  imap_capability = IMAP4rev1\n}";
    let Some(lost) = LostAnswer::with(plain, note("a")) else {
        return;
    };
    // As if the server had not stored it.
    lost.remove_all();
    lost.sandbox.fetch().succeeds().is_silent();
    lost.pop3.add(TestMessage::new("equal", note("a").octets));
    lost.sandbox.fetch().succeeds().is_silent();
    assert_eq!((lost.imap.messages().len(), spooled(&lost.sandbox)), (1, 1));

    let_five_minutes_pass(&lost.sandbox);
    lost.sandbox.fetch().succeeds().stderr_has(" twice: ");

    assert_eq!((lost.imap.messages().len(), spooled(&lost.sandbox)), (2, 0));
}
