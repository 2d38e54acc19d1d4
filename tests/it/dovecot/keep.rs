//! Which messages stay on the server and which are deleted, and the output of `check` and `log`.
//! Days pass by faketime, so no test waits.

use super::{configure, retrieves_nothing, retrieves_only_headers};
use crate::support::dovecot::Dovecot;
use crate::support::mail::ordinary;
use crate::support::sandbox::Sandbox;
use crate::support::tools;

#[test]
fn kept_mail_stays_and_is_not_fetched_again() {
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let messages = ordinary(1, 5);
    dovecot.deliver(&messages[..3]);
    let sandbox = Sandbox::new();
    configure(&sandbox, &dovecot, "");
    sandbox.mailpull(["fetch"]).run().succeeds().is_silent();
    sandbox.maildir("work").holds(&messages[..3]);
    retrieves_nothing(&sandbox, &["fetch"]);
    dovecot.deliver(&messages[3..]);
    sandbox.mailpull(["fetch"]).run().succeeds().is_silent();
    sandbox.maildir("work").holds(&messages);
    assert_eq!(dovecot.count(), 5);
}

#[test]
fn mail_without_keep_is_deleted_after_delivery() {
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let messages = ordinary(1, 200);
    dovecot.deliver(&messages);
    let sandbox = Sandbox::new();
    configure(&sandbox, &dovecot, "keep = false");
    sandbox.mailpull(["fetch"]).run().succeeds().is_silent();
    sandbox.maildir("work").holds(&messages);
    assert_eq!(dovecot.count(), 0);
}

#[test]
fn mail_stays_for_14_days_counted_from_its_delivery() {
    let (Some(_), Some(dovecot)) = (tools::find("faketime"), Dovecot::start()) else {
        return;
    };
    let messages = ordinary(1, 3);
    dovecot.deliver(&messages);
    let sandbox = Sandbox::new();
    configure(&sandbox, &dovecot, "keep = '14 days'");
    sandbox.mailpull_at("+0", [""; 0]).run().succeeds();
    for (offset, left) in [("+1h", 3), ("+13d", 3), ("+14d", 0)] {
        sandbox
            .mailpull_at(offset, [""; 0])
            .run()
            .succeeds()
            .is_silent();
        assert_eq!(dovecot.count(), left, "{offset}");
    }
    sandbox.maildir("work").holds(&messages);
}

#[test]
fn a_message_delivered_later_is_deleted_later() {
    let (Some(_), Some(dovecot)) = (tools::find("faketime"), Dovecot::start()) else {
        return;
    };
    let messages = ordinary(1, 3);
    let sandbox = Sandbox::new();
    configure(&sandbox, &dovecot, "keep = '14 days'");
    dovecot.deliver(&messages[..1]);
    sandbox.mailpull_at("+0", [""; 0]).run().succeeds();
    dovecot.deliver(&messages[1..]);
    sandbox.mailpull_at("+7d", [""; 0]).run().succeeds();
    for (offset, left) in [("+15d", 2), ("+20d", 2), ("+22d", 0)] {
        sandbox.mailpull_at(offset, [""; 0]).run().succeeds();
        assert_eq!(dovecot.count(), left, "{offset}");
    }
    sandbox.maildir("work").holds(&messages);
}

#[test]
fn more_than_100_old_messages_stay_until_delete_is_given() {
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let messages = ordinary(1, 103);
    dovecot.deliver(&messages[..101]);
    let sandbox = Sandbox::new();
    configure(&sandbox, &dovecot, "keep = true");
    sandbox.mailpull(["fetch"]).run().succeeds();
    configure(&sandbox, &dovecot, "keep = false");
    // Every run asks for confirmation, and fetches and deletes new mail anyway.
    for (new, left) in [(101..103, 101), (103..103, 101)] {
        dovecot.deliver(&messages[new]);
        sandbox
            .mailpull(["fetch"])
            .run()
            .fails_with(78)
            .complains_in_lines(1)
            .stderr_has("101 messages")
            .stderr_has("mailpull fetch --delete");
        assert_eq!(dovecot.count(), left);
    }
    retrieves_only_headers(&sandbox, &["fetch", "--delete"]);
    assert_eq!(dovecot.count(), 0);
    sandbox.mailpull(["fetch"]).run().succeeds().is_silent();
    sandbox.maildir("work").holds(&messages);
}

#[test]
fn a_hundred_old_messages_are_deleted_without_confirmation() {
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let messages = ordinary(1, 100);
    dovecot.deliver(&messages);
    let sandbox = Sandbox::new();
    configure(&sandbox, &dovecot, "keep = true");
    sandbox.mailpull(["fetch"]).run().succeeds();
    configure(&sandbox, &dovecot, "keep = false");
    retrieves_only_headers(&sandbox, &["fetch"]);
    assert_eq!(dovecot.count(), 0);
    sandbox.maildir("work").holds(&messages);
}

#[test]
fn check_counts_new_messages_without_fetching_them() {
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let messages = ordinary(1, 3);
    dovecot.deliver(&messages);
    let sandbox = Sandbox::new();
    configure(&sandbox, &dovecot, "");
    sandbox
        .mailpull(["check"])
        .run()
        .succeeds()
        .stdout_has("work: 3 new messages, ");
    retrieves_nothing(&sandbox, &["check"]);
    assert_eq!(sandbox.maildir("work").count("new"), 0);
    sandbox.mailpull(["fetch"]).run().succeeds();
    sandbox
        .mailpull(["check"])
        .run()
        .fails_with(1)
        .stdout_has("work: 0 new messages");
    sandbox.account("absent", "127.0.0.1:9", "");
    sandbox.mailpull(["check"]).run().fails_with(75);
}

#[test]
fn the_log_shows_deliveries_and_deletions() {
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let messages = ordinary(1, 2);
    dovecot.deliver(&messages);
    let sandbox = Sandbox::new();
    configure(&sandbox, &dovecot, "");
    sandbox.mailpull(["fetch"]).run().succeeds();
    let log = sandbox.mailpull(["log"]).run();
    log.succeeds()
        .stdout_has("Letter 1 about")
        .stdout_has("sender2@example.com")
        .stdout_has(&sandbox.maildir("work").path().display().to_string())
        .never_says("deleted");
    assert_eq!(log.stdout_text().lines().count(), 2, "{log}");
    sandbox.mailpull(["--delete"]).run().succeeds();
    let log = sandbox.mailpull(["log", "work"]).run().stdout_text();
    assert_eq!(log.matches("deleted from the server 20").count(), 2);
    sandbox.mailpull(["log", "nobody"]).run().fails_with(64);
}
