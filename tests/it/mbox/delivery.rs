//! What stands in the file.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::configure;
use crate::support::mail::{TestMessage, notes, odd};
use crate::support::maildir::mode;
use crate::support::mbox::MboxView;
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::tools;

fn stored(messages: &[TestMessage]) -> Vec<Vec<u8>> {
    messages.iter().map(TestMessage::stored).collect()
}

#[test]
fn all_messages_are_in_the_file_unchanged() {
    let mut messages: Vec<_> = odd().into_iter().map(|(_, message)| message).collect();
    let lines = b"Return-Path: <ann@example.com>\r\n\r\nFrom here\r\n>From there\r\n>>From\r\n";
    messages.push(TestMessage::new("From", lines));
    let pop3 = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    configure(&sandbox, &pop3, "keep = false");

    sandbox.fetch().succeeds().is_silent();

    let mbox = MboxView::of(&sandbox);
    assert_eq!(mbox.messages(), stored(&messages));
    assert_eq!(pop3.count(), 0);
    assert_eq!(mode(mbox.path()), 0o600);
    assert_eq!(mbox.locks(), [""; 0]);
    let text = mbox.octets();
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("\n\nFrom ann@example.com "), "{text}");
    assert!(text.ends_with("\n>From here\n>>From there\n>>From\n\n"));
    let log = sandbox.mailpull(["log"]).run();
    log.succeeds()
        .stdout_has(&format!(" to mbox {}, as ", mbox.path().display()));
}

#[test]
fn messages_are_appended_to_what_is_there() {
    for (before, after) in [
        ("From x\n\nold\n\n", ""),
        ("From x\n\nold\n", "\n"),
        ("From x\n\nold", "\n\n"),
    ] {
        let pop3 = ModelServer::start(notes(["a"]));
        let sandbox = Sandbox::new();
        configure(&sandbox, &pop3, "file-mode = \"0660\"");
        let mbox = MboxView::of(&sandbox);
        sandbox.write("home/mbox", before);
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(mbox.path(), private).expect("the file is ours");

        sandbox.fetch().succeeds().is_silent();

        let begin = format!("{before}{after}From MAILER-DAEMON ");
        assert!(mbox.octets().starts_with(begin.as_bytes()));
        assert_eq!(mbox.messages().len(), 2);
        assert_eq!(mode(mbox.path()), 0o600, "it was there");
    }
}

#[test]
fn a_new_file_gets_the_permissions_of_file_mode() {
    let pop3 = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    configure(&sandbox, &pop3, "file-mode = \"0660\"");
    sandbox.fetch().succeeds().is_silent();
    assert_eq!(mode(MboxView::of(&sandbox).path()), 0o660);
}

#[test]
fn formail_finds_every_message() {
    let Some(formail) = tools::find("formail") else {
        return;
    };
    let messages = notes(["a", "b", "c"]);
    let pop3 = ModelServer::start(messages);
    let sandbox = Sandbox::new();
    configure(&sandbox, &pop3, "");
    sandbox.fetch().succeeds().is_silent();
    let mbox = fs::File::open(MboxView::of(&sandbox).path()).expect("a run made it");
    let mut command = sandbox.command(formail);
    command.args(["-s", "formail", "-xSubject:"]).stdin(mbox);
    let split = command.output().expect("formail can be run");
    assert_eq!(split.stdout, b" a\n b\n c\n");
}
