//! Thousands of messages, compared octet for octet with those that Dovecot stores.

use memchr::memmem;

use super::{configure, retrieves_nothing, retrieves_only_headers, trust};
use crate::support::dovecot::Dovecot;
use crate::support::mail::{TestMessage, mixed, ordinary};
use crate::support::sandbox::Sandbox;

#[test]
fn two_thousand_odd_and_ordinary_messages_arrive_unchanged() {
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let mut messages = mixed(1, 2100);
    // Dovecot 2.3 does not byte-stuff the very first octet of a message.
    messages.retain(|message| !message.octets.starts_with(b"."));
    // It lists a wrong size for a line that ends with CR CR LF.
    messages.retain(|message| memmem::find(&message.octets, b"\r\r\n").is_none());
    messages.truncate(2000);
    dovecot.deliver(&messages);
    let sandbox = Sandbox::new();
    configure(&sandbox, &dovecot, "");
    sandbox.mailpull(["fetch"]).run().succeeds().is_silent();
    let sent = dovecot.sends(&messages);
    sandbox.maildir("work").holds(&sent);
    retrieves_nothing(&sandbox, &["fetch"]);
    assert_eq!(dovecot.count(), 2000);
    retrieves_only_headers(&sandbox, &["fetch", "--delete"]);
    assert_eq!(dovecot.count(), 0);
    sandbox.maildir("work").holds(&sent);
}

#[test]
fn ten_thousand_messages_arrive_unchanged_through_tls() {
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let messages = ordinary(2, 10_000);
    dovecot.deliver(&messages);
    let sandbox = Sandbox::new();
    let authority = trust(&sandbox, &dovecot);
    let extra = format!("security = 'tls'\nkeep = false\n{authority}");
    sandbox.account("work", dovecot.tls_address(), &extra);
    sandbox.mailpull(["fetch"]).run().succeeds().is_silent();
    sandbox.maildir("work").holds(&messages);
    assert_eq!(dovecot.count(), 0);
}

#[test]
fn a_message_dovecot_cuts_short_stays_and_stops_no_other() {
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let mut messages = ordinary(1, 5);
    messages[1] = TestMessage::new("dot", ".\r\n");
    dovecot.deliver(&messages);
    let sandbox = Sandbox::new();
    configure(&sandbox, &dovecot, "keep = false");
    let outcome = sandbox.mailpull(["fetch"]).run();
    if outcome.status.success() {
        // This version of Dovecot sends such a message whole.
        sandbox.maildir("work").holds(&messages);
        return;
    }
    outcome.fails_with(76);
    outcome.stderr_has("the server sent nothing, although it promised 3 octets");
    assert_eq!(dovecot.count(), 5);
    // The message breaks sessions until it is set aside.
    for _ in 0..8 {
        sandbox.mailpull(["fetch"]).run();
    }
    messages.remove(1);
    sandbox.maildir("work").holds(&messages);
    assert_eq!(dovecot.count(), 1);
}
