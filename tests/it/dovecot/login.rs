//! Logins to Dovecot: every mechanism with every security setting, a wrong password, a Unix socket, a
//! URL, and several accounts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{configure, trust};
use crate::support::dovecot::Dovecot;
use crate::support::mail::ordinary;
use crate::support::maildir::MaildirView;
use crate::support::model_server::{ModelServer, PASSWORD, USER};
use crate::support::sandbox::Sandbox;

#[test]
fn every_mechanism_works_with_every_security_setting() {
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let messages = ordinary(1, 3);
    dovecot.deliver(&messages);
    let sandbox = Sandbox::new();
    let authority = trust(&sandbox, &dovecot);
    let mut names = Vec::new();
    for (security, address) in [
        ("none", dovecot.address()),
        ("starttls", dovecot.address()),
        ("tls", dovecot.tls_address()),
    ] {
        for auth in ["apop", "auto", "plain", "user"] {
            let extra = format!("security = {security:?}\nauth = {auth:?}\n{authority}");
            let name = format!("{security}-{auth}");
            sandbox.account(&name, address, &extra);
            names.push((name, security, auth));
        }
    }
    // The timestamp for APOP came before STLS, so the program ignores it.
    names.retain(|(_, security, auth)| (*security, *auth) != ("starttls", "apop"));
    let hidden = STANDARD.encode(format!("\0{USER}\0{PASSWORD}"));
    for (name, security, auth) in names {
        let outcome = sandbox.mailpull(["fetch", "-vv", &name]).run();
        let command = match auth {
            "apop" => "C: APOP joe",
            "user" => "C: PASS",
            _ => "C: AUTH PLAIN",
        };
        outcome
            .succeeds()
            .stderr_has(command)
            .never_says(PASSWORD)
            .never_says(&hidden);
        assert_eq!(
            outcome.stderr_text().contains("C: STLS"),
            security == "starttls",
            "{outcome}"
        );
        sandbox.maildir(&name).holds(&messages);
    }
    assert_eq!(dovecot.count(), messages.len());
}

#[test]
fn apop_ignores_a_timestamp_from_before_stls() {
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let sandbox = Sandbox::new();
    let authority = trust(&sandbox, &dovecot);
    let extra = format!("security = 'starttls'\nauth = 'apop'\n{authority}");
    configure(&sandbox, &dovecot, &extra);
    let outcome = sandbox.mailpull(["-vv"]).run();
    outcome.fails_with(69).never_says("C: APOP");
}

#[test]
fn an_untrusted_server_never_receives_a_login() {
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox
        .account("tls", dovecot.tls_address(), "security = 'tls'")
        .account("stls", dovecot.address(), "security = 'starttls'");
    let outcome = sandbox.mailpull(["-vv"]).run();
    outcome
        .fails_with(76)
        .never_says("C: AUTH")
        .never_says("C: USER")
        .never_says(PASSWORD);
    assert!(!dovecot.log().contains("Login:"), "{}", dovecot.log());
}

#[test]
fn a_server_can_be_a_unix_socket() {
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let messages = ordinary(1, 3);
    dovecot.deliver(&messages);
    let sandbox = Sandbox::new();
    sandbox.account("none", dovecot.socket().display(), "");
    let authority = trust(&sandbox, &dovecot);
    let extra = format!("security = 'starttls'\n{authority}");
    sandbox.account("stls", dovecot.socket().display(), &extra);

    sandbox.fetch().succeeds().is_silent();

    for account in ["none", "stls"] {
        sandbox.maildir(account).holds(&messages);
    }
    let tested = sandbox.mailpull(["account", "test", "none"]).run();
    tested.succeeds().stdout_has("socket answered in ");
}

#[test]
fn a_wrong_password_is_reported_and_tried_only_once() {
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    dovecot.deliver(&ordinary(1, 1));
    let sandbox = Sandbox::new();
    configure(&sandbox, &dovecot, "password = 'not this one'");
    let outcome = sandbox.mailpull(["fetch"]).run();
    outcome
        .fails_with(77)
        .complains_in_lines(1)
        .stderr_has("mailpull: work: logging in as joe")
        .stderr_has("[AUTH]")
        .never_says("not this one");
    // A provider may lock the account after a few wrong passwords.
    let traced = sandbox.mailpull(["-vv"]).run();
    let attempts = traced.stderr_text().matches("C: AUTH").count();
    assert_eq!(attempts, 1, "{traced}");
    assert_eq!(sandbox.maildir("work").count("new"), 0);
}

#[test]
fn a_url_and_a_password_variable_suffice_to_fetch() {
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let messages = ordinary(1, 3);
    dovecot.deliver(&messages);
    let sandbox = Sandbox::new();
    let maildir = MaildirView::at(sandbox.path("one-shot"));
    let authority = sandbox.write("ca.pem", dovecot.authority().pem());
    let fetch = || {
        let url = format!("pops://{USER}@{}", dovecot.tls_address());
        sandbox
            .mailpull(["fetch", &url, "--maildir"])
            .arg(maildir.path())
            .arg("-o")
            .arg(format!("tls-ca-file={}", authority.display()))
    };
    fetch()
        .env("MAILPULL_PASSWORD", PASSWORD)
        .run()
        .succeeds()
        .is_silent();
    maildir.holds(&messages);
    fetch()
        .env("MAILPULL_PASSWORD", "not this one")
        .run()
        .fails_with(77)
        .stderr_has(&format!("{USER}@{}", dovecot.tls_address()));
    fetch().run().fails_with(78).complains_in_lines(1);
    maildir.holds(&messages);
}

#[test]
fn accounts_can_share_a_maildir_without_mixing_up_mail() {
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    // Both servers have the same messages. Each account must deliver its own copy.
    let messages = ordinary(1, 20);
    dovecot.deliver(&messages);
    let other = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    let shared = sandbox.maildir("shared");
    let extra = format!("maildir = {:?}\nkeep = false", shared.path());
    sandbox
        .account("one", dovecot.address(), &extra)
        .account("two", other.address(), &extra);
    let both = [messages.clone(), messages].concat();
    for _ in 0..2 {
        sandbox.mailpull(["fetch"]).run().succeeds().is_silent();
        shared.holds(&both);
    }
    assert_eq!((dovecot.count(), other.count()), (0, 0));
}

#[test]
fn a_failing_account_stops_no_other_and_sets_the_status() {
    let Some(dovecot) = Dovecot::start() else {
        return;
    };
    let messages = ordinary(1, 3);
    dovecot.deliver(&messages);
    let sandbox = Sandbox::new();
    // Port 9 of 127.0.0.1 is reserved and closed.
    sandbox
        .account("absent", "127.0.0.1:9", "")
        .account("refused", dovecot.address(), "password = 'not this one'")
        .account("work", dovecot.address(), "");
    let outcome = sandbox.mailpull(["fetch"]).run();
    outcome
        .fails_with(77)
        .complains_in_lines(2)
        .stderr_has("mailpull: absent: ")
        .stderr_has("mailpull: refused: ");
    sandbox.maildir("work").holds(&messages);
}
