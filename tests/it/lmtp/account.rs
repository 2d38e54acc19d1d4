//! The configuration of a mail server, `account test`, and whom the messages are sent to.

use std::net::TcpListener;
use std::os::unix::fs::fchown;

use super::{configure, spooled};
use crate::support::certificates::{Authority, TestCertificate};
use crate::support::mail::notes;
use crate::support::model_server::ModelServer;
use crate::support::sandbox::{OWNER, Sandbox};
use crate::support::script::Script;
use crate::support::tools;

/// A session in which `account test` finds everything in order.
const TESTED: &str = "
    lmtp
    C: MAIL FROM:<>
    C: RCPT TO:<joe>
    C: RSET
    S: 250 OK
    S: 250 OK
    S: 250 OK
    C: QUIT";

#[test]
fn account_test_shows_the_target_and_delivers_nothing() {
    let pop3 = ModelServer::start(notes(["a"]));
    let mx = Script::new(TESTED).then(TESTED).serve();
    let sandbox = Sandbox::new();
    configure(&sandbox, &pop3, mx.address(), "");
    let address = mx.address();

    let outcome = sandbox.mailpull(["account", "test", "work"]).run();

    outcome.succeeds().stderr_is("");
    outcome.stdout_has(&format!("target: LMTP {address} answered in "));
    outcome.stdout_has(
        "capabilities: at the target: 8BITMIME, CHUNKING, PIPELINING\n\
         recipient: joe is accepted\n\
         promise: at least once; with id-header and Sieve's duplicate exactly once\n",
    );
    let json = sandbox
        .mailpull(["account", "test", "work", "--json"])
        .run();
    let target = json.json_lines().into_iter();
    let target = target.filter(|line| line["topic"] == "target").count();
    assert_eq!(target, 1, "{json}");
    mx.finish();

    let list = sandbox.mailpull(["account", "list"]).run();
    list.succeeds().stdout_has(&format!(" to LMTP {address}\n"));
}

#[test]
fn account_test_shows_an_unknown_recipient() {
    let pop3 = ModelServer::start(notes(["a"]));
    let refused = TESTED.replace(
        "S: 250 OK\n    S: 250 OK\n    S: 250 OK",
        "S: 250 OK\n    S: 550 5.1.1 no\n    S: 250 OK",
    );
    let mx = Script::new(refused.replace("C: QUIT", "")).serve();
    let sandbox = Sandbox::new();
    configure(&sandbox, &pop3, mx.address(), "");

    let outcome = sandbox.mailpull(["account", "test", "work"]).run();

    outcome
        .fails_with(78)
        .stderr_has("takes no mail for joe: 550 5.1.1 no. Check recipient");
    mx.finish();
}

#[test]
fn the_flags_name_a_mail_server_for_a_url() {
    let pop3 = ModelServer::start(notes(["a"]));
    let mx = Script::new("lmtp\ntakes a\nC: QUIT").serve();
    let sandbox = Sandbox::new();
    let url = format!("pop://joe@{}", pop3.address());
    let lmtp = mx.address().to_string();
    let mut flags = vec![
        "fetch",
        &url,
        "--lmtp",
        &lmtp,
        "-o",
        "security=none",
        "-o",
        "password-env=P",
    ];

    let incomplete = sandbox.mailpull(&flags).run();
    incomplete
        .fails_with(64)
        .stderr_has("there is no \"recipient\", which lmtp needs");
    flags.extend(["--recipient", "joe"]);
    let fetch = sandbox.mailpull(&flags).env("P", "open sesame").run();

    fetch.succeeds().is_silent();
    mx.finish();
}

#[test]
fn the_envelope_sender_is_the_plain_return_path() {
    let letter = |path: &str, name: &str| {
        let octets = format!("Return-Path: <{path}>\r\n\r\n{name}\r\n");
        crate::support::mail::TestMessage::new(name, octets)
    };
    let messages = vec![letter("jim@example.com", "a"), letter("jim@h> SIZE=1", "b")];
    let pop3 = ModelServer::start(messages);
    let mx = Script::new(
        "lmtp
        C: MAIL FROM:<jim@example.com>
        C: RCPT TO:<joe>
        C: BDAT 37 LAST
        C: Return-Path: <jim@example.com>
        C: \n\
        C: a
        S: 250 OK
        S: 250 OK
        S: 250 OK
        C: MAIL FROM:<>
        C: RCPT TO:<joe>
        C: BDAT 35 LAST
        C: Return-Path: <jim@h> SIZE=1>
        C: \n\
        C: b
        S: 250 OK
        S: 250 OK
        S: 250 OK
        C: QUIT",
    )
    .serve();
    let sandbox = Sandbox::new();
    configure(&sandbox, &pop3, mx.address(), "");
    sandbox.fetch().succeeds().is_silent();
    mx.finish();
}

#[test]
fn mail_goes_only_to_a_listener_of_ours_or_roots() {
    if !tools::is_root() {
        return;
    }
    let pop3 = ModelServer::start(notes(["a"]));
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    fchown(&listener, Some(OWNER + 1), None).expect("root may give a socket away");
    let sandbox = Sandbox::new();
    let address = listener.local_addr().expect("it is bound");
    configure(&sandbox, &pop3, address, "keep = false");

    let outcome = sandbox.fetch();

    outcome
        .fails_with(76)
        .stderr_has("who is neither you nor root; nothing was sent");
    assert_eq!((pop3.count(), spooled(&sandbox)), (1, 1));
}

const STARTTLS: &str = "lmtp-security = 'starttls'\nkeep = false";

#[test]
fn starttls_comes_before_everything_else() {
    let authority = Authority::new();
    let certificate = authority.certificate();
    let pop3 = ModelServer::start(notes(["a"]));
    let mx = Script::new(
        "lmtp
        C: STARTTLS
        S: 220 go on
        tls
        C: LHLO localhost
        S: 250-mx
        S: 250-CHUNKING
        S: 250 PIPELINING
        takes a
        C: QUIT",
    )
    .identity(certificate.acceptor())
    .serve();
    let sandbox = Sandbox::new();
    configure(&sandbox, &pop3, mx.address(), STARTTLS);
    let authorities = sandbox.write("ca.pem", authority.pem());

    let fetch = sandbox
        .mailpull(["fetch"])
        .env("SSL_CERT_FILE", &authorities)
        .run();

    fetch.succeeds().is_silent();
    assert_eq!(pop3.count(), 0);
}

#[test]
fn without_trusted_tls_no_message_is_sent() {
    let refused = "C: STARTTLS\nS: 502 no";
    let injected = "C: STARTTLS\nraw: 220 go on\\r\\n250 mx\\r\\n";
    let untrusted = "C: STARTTLS\nS: 220 go on\ntls refused";
    for (script, shown) in [
        (refused, "the server refused STARTTLS: 502 no"),
        (injected, "somebody may be injecting replies"),
        (untrusted, "certificate"),
    ] {
        let pop3 = ModelServer::start(notes(["a"]));
        let mx = Script::new(format!("lmtp\n{script}"))
            .identity(TestCertificate::self_signed().acceptor())
            .serve();
        let sandbox = Sandbox::new();
        configure(&sandbox, &pop3, mx.address(), STARTTLS);
        let outcome = sandbox.fetch();
        outcome.fails_with(76).stderr_has(shown);
        assert_eq!((pop3.count(), spooled(&sandbox)), (1, 1));
        mx.finish();
    }
}
