//! One mailbox behind two ports, and two mailboxes behind two ports of one host.

use crate::support::mail::{TestMessage, note, notes, ordinary};
use crate::support::model_server::{ModelServer, PASSWORD};
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;

/// Starts two servers with the same messages under the same unique-ids: one mailbox with two ports.
fn two_ports(messages: &[TestMessage]) -> (ModelServer, ModelServer) {
    let start = || ModelServer::start(messages.to_vec());
    (start(), start())
}

/// Fetches a mailbox by its URL.
fn fetch_url(sandbox: &Sandbox, server: &ModelServer, maildir: &str) -> RunOutcome {
    let url = format!("pop://joe@{}", server.address());
    let maildir = sandbox.maildir(maildir).path().display().to_string();
    sandbox
        .mailpull(["fetch", &url, "-o", "security=none", "--maildir", &maildir])
        .env("MAILPULL_PASSWORD", PASSWORD)
        .run()
}

#[test]
fn a_url_and_an_account_with_another_port_share_a_record() {
    for (count, top) in [(1, true), (1, false), (9, true), (9, false)] {
        let old = ordinary(1, count);
        let (plain, tls) = two_ports(&old);
        tls.change(|behaviour| behaviour.top = top);
        let sandbox = Sandbox::new();
        fetch_url(&sandbox, &plain, "work").succeeds();
        let new = ordinary(2, 1);
        tls.add(new[0].clone());
        sandbox.account("work", tls.address(), "");

        let outcome = sandbox.fetch();

        outcome.succeeds().complains_in_lines(1);
        outcome.stderr_has("this mailbox was fetched as joe@127.0.0.1:");
        sandbox.work().holds(&[old, new].concat());
        // Without TOP, the sizes of a few messages prove nothing.
        let compared = if top || count > 3 { 0 } else { count };
        assert_eq!(tls.log().count("RETR"), 1 + compared);
        sandbox.fetch().succeeds().is_silent();
        let log = sandbox.mailpull(["log", "work"]).run();
        assert_eq!(log.succeeds().stdout_text().lines().count(), count + 1);
    }
}

#[test]
fn an_account_whose_port_changes_fetches_only_new_mail() {
    for (count, top) in [(1, true), (1, false), (9, true), (9, false)] {
        let old = ordinary(1, count);
        let (plain, tls) = two_ports(&old);
        tls.change(|behaviour| behaviour.top = top);
        let sandbox = Sandbox::with_work(plain.address(), "");
        sandbox.fetch().succeeds();
        let new = ordinary(2, 1);
        tls.add(new[0].clone());
        sandbox.config("").account("work", tls.address(), "");

        let outcome = sandbox.fetch();

        outcome.succeeds().complains_in_lines(1);
        outcome.stderr_has("it is the same mailbox");
        sandbox.work().holds(&[old, new].concat());
        let compared = if top || count > 3 { 0 } else { count };
        assert_eq!(tls.log().count("RETR"), 1 + compared);
        sandbox.fetch().succeeds().is_silent();
    }
}

#[test]
fn known_messages_are_deleted_through_another_port_without_retr() {
    let (plain, tls) = two_ports(&ordinary(1, 9));
    let sandbox = Sandbox::with_work(plain.address(), "");
    sandbox.fetch().succeeds();
    sandbox.config("").account("work", tls.address(), "");

    sandbox.mailpull(["fetch", "--delete"]).run().succeeds();

    assert_eq!((tls.count(), tls.log().count("RETR")), (0, 0));
}

#[test]
fn two_urls_of_one_mailbox_share_a_record() {
    let (plain, tls) = two_ports(&ordinary(1, 5));
    let sandbox = Sandbox::new();
    fetch_url(&sandbox, &plain, "work").succeeds();

    let outcome = fetch_url(&sandbox, &tls, "work");

    outcome.succeeds().complains_in_lines(1);
    let back = fetch_url(&sandbox, &plain, "work");
    back.succeeds().complains_in_lines(1);
    sandbox.work().holds(&ordinary(1, 5));
}

#[test]
fn two_mailboxes_behind_two_ports_stay_two() {
    // Both servers number their messages from 1.
    let mailbox = |names: [&str; 3]| {
        let numbered = (1..).zip(names.map(note));
        let messages = numbered.map(|(n, note)| TestMessage::new(format!("{n}"), note.octets));
        messages.collect::<Vec<_>>()
    };
    for top in [true, false] {
        let (first, second) = (mailbox(["a", "b", "c"]), mailbox(["x", "y", "z"]));
        let (one, other) = (
            ModelServer::start(first.clone()),
            ModelServer::start(second.clone()),
        );
        other.change(|behaviour| behaviour.top = top);
        let sandbox = Sandbox::new();
        fetch_url(&sandbox, &one, "first").succeeds();

        fetch_url(&sandbox, &other, "second").succeeds();

        sandbox.maildir("first").holds(&first);
        sandbox.maildir("second").holds(&second);
        fetch_url(&sandbox, &one, "first").succeeds();
        sandbox.maildir("first").holds(&first);
    }
}

#[test]
fn two_accounts_behind_two_ports_stay_two() {
    let (one, other) = two_ports(&notes(["a", "b"]));
    let sandbox = Sandbox::with_work(one.address(), "");
    sandbox.account("job", other.address(), "");

    sandbox.fetch().succeeds().is_silent();

    sandbox.work().holds(&notes(["a", "b"]));
    sandbox.maildir("job").holds(&notes(["a", "b"]));
    sandbox.fetch().succeeds().is_silent();
}

#[test]
fn another_mailbox_behind_a_changed_port_is_fetched() {
    let first = notes(["a", "b"]);
    let others = vec![
        TestMessage::new("a", note("x").octets),
        TestMessage::new("b", note("y").octets),
    ];
    let server = ModelServer::start(first.clone());
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    let elsewhere = ModelServer::start(others.clone());
    sandbox.config("").account("work", elsewhere.address(), "");

    let outcome = sandbox.fetch();

    outcome.succeeds().stderr_has("if that was another mailbox");
    sandbox.work().holds(&[first, others].concat());
    assert_eq!(elsewhere.count(), 2);
}

#[test]
fn a_url_of_an_account_does_not_repeat_its_mail() {
    let (plain, tls) = two_ports(&ordinary(1, 5));
    let sandbox = Sandbox::with_work(plain.address(), "");
    sandbox.fetch().succeeds();
    for server in [&plain, &tls] {
        let outcome = fetch_url(&sandbox, server, "work");

        outcome.fails_with(78).complains_in_lines(1);
        outcome.stderr_has("this mailbox was fetched for the account work, to the same place");
    }
    sandbox.work().holds(&ordinary(1, 5));

    fetch_url(&sandbox, &tls, "elsewhere").succeeds();

    sandbox.maildir("elsewhere").holds(&ordinary(1, 5));
}

#[test]
fn an_account_renamed_with_another_port_is_refused() {
    let (plain, tls) = two_ports(&ordinary(1, 5));
    let sandbox = Sandbox::with_work(plain.address(), "");
    sandbox.fetch().succeeds();
    sandbox.config("").account("job", tls.address(), "");

    let outcome = sandbox.fetch();

    outcome.fails_with(78).complains_in_lines(1);
    outcome.stderr_has("mailpull account rename work job");
    let rename = sandbox.mailpull(["account", "rename", "work", "job"]).run();
    rename.succeeds();
    sandbox.fetch().succeeds();
    assert_eq!(tls.log().count("RETR"), 0);
}

#[test]
fn a_failed_first_run_does_not_hide_the_record() {
    let (plain, tls) = two_ports(&ordinary(1, 5));
    let sandbox = Sandbox::new();
    fetch_url(&sandbox, &plain, "work").succeeds();
    sandbox.account("work", tls.address(), "");
    tls.change(|behaviour| behaviour.greeting = "-ERR busy".to_owned());
    assert_ne!(sandbox.fetch().status.code(), Some(0));
    tls.change(|behaviour| behaviour.greeting = "+OK".to_owned());

    sandbox.fetch().succeeds();

    sandbox.work().holds(&ordinary(1, 5));
    assert_eq!(tls.log().count("RETR"), 0);
}
