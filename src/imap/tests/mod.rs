//! Sessions over an in-memory stream that plays a transcript, with its responses in whole lines and
//! split at every octet.

use std::io::Read;

use super::{Error, ImapSession, MailboxName, OutgoingMessage};
use crate::mail::wire_form::MessageMeasure;
use crate::smtp::tests::script::TranscriptServer;

mod append;
mod flight;
mod login;
mod mailboxes;
mod opening;
mod recall;
mod reference;

/// A greeting that announces what Dovecot 2.3 does after a login.
const FULL: &str =
    "S: * OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ UIDPLUS MULTIAPPEND UNSELECT STARTTLS] ready";
/// A server without extensions.
const BARE: &str = "S: * OK [CAPABILITY IMAP4rev1] ready";

/// Plays a session with whole responses, and with responses in pieces of one octet.
fn play(transcripts: &[&str], mut each: impl FnMut(ImapSession<TranscriptServer>)) {
    for piece in [usize::MAX, 1] {
        let server = TranscriptServer::new(&transcripts.join("\n"), piece);
        each(ImapSession::open(server, None).expect("the server greets"));
    }
}

/// Plays a session up to the greeting, which fails.
fn failed_opening(transcript: &str) -> Error {
    let mut failed = None;
    for piece in [usize::MAX, 1] {
        let server = TranscriptServer::new(transcript, piece);
        failed = ImapSession::open(server, None).err();
    }
    failed.expect("the session fails")
}

fn inbox() -> MailboxName {
    MailboxName::inbox()
}

/// Returns a message without a date.
fn message<R: Read + Clone>(octets: R) -> OutgoingMessage<R> {
    let measure = MessageMeasure::of(&mut octets.clone()).expect("a slice can be read");
    OutgoingMessage {
        measure,
        internal_date: None,
        message: octets,
    }
}
