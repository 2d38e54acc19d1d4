//! The arguments, the environment and the open files of an MDA.

use std::fs;

use super::configure_script;
use crate::support::mail::{TestMessage, ordinary};
use crate::support::model_server::{ModelServer, PASSWORD};
use crate::support::sandbox::Sandbox;

#[test]
fn an_unsafe_sender_never_reaches_the_command_line() {
    let senders = [
        (
            "Return-Path: <joe+list@example.com>\r\n",
            "joe+list@example.com",
        ),
        ("", "MAILER-DAEMON"),
        ("Return-Path: <>\r\n", "MAILER-DAEMON"),
        ("Return-Path: <-oQ/tmp/x@y>\r\n", "MAILER-DAEMON"),
        ("Return-Path: <../../x@y>\r\n", "MAILER-DAEMON"),
        ("Return-Path: <a$(id)@y>\r\n", "MAILER-DAEMON"),
        ("Return-Path: <\"a b\"@y>\r\n", "MAILER-DAEMON"),
        ("Return-Path: <a\x1b[2J@y>\r\n", "MAILER-DAEMON"),
    ];
    let messages = (1..).zip(senders).map(|(n, (header, _))| {
        let octets = format!("{header}Subject: {n}\r\n\r\nbody\r\n");
        TestMessage::new(n.to_string(), octets)
    });
    let server = ModelServer::start(messages.collect());
    let sandbox = Sandbox::new();
    let script = r#"printf '%s\n' "$@" >>"$HOME/arguments"; exec cat >/dev/null"#;
    configure_script(&sandbox, &server, script, "");
    let mda = format!(
        "{} -f %F -t=%L 100%% '%F %L'",
        sandbox.path("mda").display()
    );
    super::configure(&sandbox, &server, &mda, "local-user = 'joe'");
    sandbox.mailpull(["fetch"]).run().succeeds();
    let expected: String = senders
        .iter()
        .map(|(_, sender)| format!("-f\n{sender}\n-t=joe\n100%\n{sender} joe\n"))
        .collect();
    let arguments = fs::read_to_string(sandbox.home().join("arguments"));
    assert_eq!(arguments.expect("the MDA was run"), expected);
}

#[test]
fn an_mda_inherits_no_password_and_no_open_file() {
    let server = ModelServer::start(ordinary(1, 2));
    let sandbox = Sandbox::new();
    let script = r#"env >>"$HOME/seen"; ls -l /proc/self/fd >>"$HOME/seen"; cat >/dev/null"#;
    configure_script(&sandbox, &server, script, "password-env = 'POP_SECRET'");
    let run = sandbox
        .mailpull(["fetch"])
        .env("POP_SECRET", PASSWORD)
        .env("MAILPULL_PASSWORD", PASSWORD)
        .env("HARMLESS", "inherited")
        .run();
    run.succeeds();
    let seen = fs::read_to_string(sandbox.home().join("seen")).expect("the MDA was run");
    assert!(seen.contains("HARMLESS=inherited"), "{seen}");
    for hidden in [PASSWORD, "POP_SECRET", "socket:", "seen.db", "locks"] {
        assert!(!seen.contains(hidden), "{hidden} is in {seen}");
    }
}
