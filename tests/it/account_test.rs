//! `account test`: the findings that it shows for each step. It fetches and changes nothing.

use crate::support::certificates::{Authority, TestCertificate};
use crate::support::mail::notes;
use crate::support::model_server::ModelServer;
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;
use crate::support::script::{Script, ScriptServer};

const TLS: &str = "security = 'tls'\ntls-ca-file = '~/ca.pem'";

fn test(sandbox: &Sandbox) -> RunOutcome {
    sandbox.mailpull(["account", "test", "work"]).run()
}

/// A session from CAPA on that lists two messages.
const TWO_MESSAGES: &str = "
    C: CAPA
    S: +OK
    S: TOP
    S: SASL PLAIN
    S: LOGIN-DELAY 900 USER
    S: .
    C: AUTH PLAIN AGpvZQBvcGVuIHNlc2FtZQ==
    S: +OK
    C: CAPA
    S: +OK
    S: UIDL
    S: EXPIRE 60
    S: LOGIN-DELAY 300
    S: .
    C: NOOP
    S: +OK
    C: UIDL
    lists a b
    C: LIST
    lists 1000 2000
    C: QUIT
    S: +OK
    close";

#[test]
fn every_step_is_shown_without_fetching_or_writing_anything() {
    let authority = Authority::new();
    let certificate = authority.certificate();
    let server = Script::new(["tls\nS: +OK \x1b[2Jready", TWO_MESSAGES].concat())
        .identity(certificate.acceptor())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), TLS);
    sandbox.write("home/ca.pem", authority.pem());

    let outcome = test(&sandbox);

    outcome.succeeds().stderr_is("");
    let address = server.address();
    let (pin, key_pin) = (certificate.pin(), certificate.key_pin());
    for line in [
        format!("server: {address} as joe, with TLS from the first octet\n"),
        format!("address: {address} answered in "),
        "tls: TLS 1.3, TLS_AES_256_GCM_SHA384; an authority in tls-ca-file confirms the name"
            .to_owned(),
        "certificate: for localhost, 127.0.0.1\n".to_owned(),
        "certificate: issued to CN=mailpull test server\n".to_owned(),
        "certificate: issued by CN=mailpull test authority\n".to_owned(),
        "certificate: valid from 1975-01-01 to 4096-01-01: now\n".to_owned(),
        format!("certificate: tls-pin = \"{pin}\" would pin it, \"{key_pin}\" its key"),
        "greeting: \\u{1b}[2Jready\n".to_owned(),
        "capabilities: before the login: TOP, SASL PLAIN, LOGIN-DELAY 900 USER\n".to_owned(),
        "mechanism: PLAIN, chosen by auth = \"auto\": the secret itself is sent, ".to_owned(),
        "login: accepted for joe\n".to_owned(),
        "capabilities: after the login: UIDL, EXPIRE 60, LOGIN-DELAY 300\n".to_owned(),
        "expiry: mail is deleted there after 60 days, whatever \"keep\" says\n".to_owned(),
        "login delay: 5 min must pass from one login to the next\n".to_owned(),
        "unusual: it limits logins (LOGIN-DELAY): interval = \"300 s\"\n".to_owned(),
        " ms for a NOOP\n".to_owned(),
        "maildrop: 2 messages, 3.0 kB; 2 new\n".to_owned(),
    ] {
        outcome.stdout_has(&line);
    }
    server.finish();
    assert!(!sandbox.state().exists(), "account test created state");
    assert!(!sandbox.work().path().exists());
}

#[test]
fn the_negotiated_tls_version_and_cipher_are_shown() {
    let authority = Authority::new();
    let server = Script::new(["tls\nS: +OK ready", TWO_MESSAGES].concat())
        .identity(authority.certificate().tls_1_2_acceptor())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), TLS);
    sandbox.write("home/ca.pem", authority.pem());

    test(&sandbox)
        .succeeds()
        .stdout_has("tls: TLS 1.2, TLS_ECDHE_ECDSA_WITH_AES_");

    server.finish();
}

#[test]
fn the_pins_shown_are_accepted_as_tls_pin() {
    let certificate = TestCertificate::self_signed();
    let server = Script::new("tls refused")
        .then("tls")
        .then(["tls\nS: +OK ready", TWO_MESSAGES].concat())
        .then(["tls\nS: +OK ready", TWO_MESSAGES].concat())
        .identity(certificate.acceptor())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "security = 'tls'");

    let refused = test(&sandbox);

    refused
        .fails_with(76)
        .complains_in_lines(1)
        .stderr_has("it is self-signed (it is for localhost, 127.0.0.1)")
        .stdout_has("certificate: issued by CN=mailpull test server\n")
        .stdout_has("tls: refused; nothing but the beginning of the handshake was sent\n");
    let shown = refused.stdout_text();
    let pins: Vec<_> = shown
        .split('"')
        .filter(|word| word.starts_with("sha256:"))
        .collect();
    assert_eq!(pins, [certificate.pin(), certificate.key_pin()]);
    for pin in pins {
        let keys = format!("security = 'tls'\ntls-pin = '{pin}'");
        sandbox.config("").account("work", server.address(), &keys);
        test(&sandbox)
            .succeeds()
            .stdout_has("the certificate or its key is in tls-pin");
    }
    server.finish();
}

#[test]
fn new_messages_are_counted_and_left_alone() {
    let server = ModelServer::start(notes(["a", "b", "c"]));
    let sandbox = Sandbox::with_work(server.address(), "keep = false\nmax-messages = 1");
    sandbox.fetch().succeeds();
    assert_eq!(server.count(), 2);

    for _ in 0..2 {
        test(&sandbox)
            .succeeds()
            .stdout_has("maildrop: 2 messages, ")
            .stdout_has("; 2 new\n");
    }

    assert_eq!((server.count(), server.log().count("RETR")), (2, 1));
    assert_eq!(sandbox.work().count("new"), 1);
    let quiet = ["account", "test", "work", "-o", "keep=true", "--quiet"];
    sandbox.mailpull(quiet).run().succeeds().is_silent();
    sandbox.fetch().succeeds();
    assert_eq!(server.log().count("RETR"), 2);
}

#[test]
fn a_failed_password_command_gives_no_provider_advice() {
    let sandbox = Sandbox::new();
    sandbox.config(
        "[accounts.work]\nserver = \"localhost:9\"\nuser = \"joe\"\n\
         password-command = \"exit 1\"\n",
    );
    let outcome = sandbox.mailpull(["account", "test", "work"]).run();
    outcome.fails_with(77).complains_in_lines(1);
    assert!(!outcome.stdout_text().contains("likely"), "{outcome}");
}

#[test]
fn a_refused_login_names_the_providers_likely_reason() {
    let refusal = "
        C: CAPA
        S: +OK
        S: USER
        S: .
        C: USER joe
        S: +OK
        C: PASS open sesame
        S: -ERR [AUTH] no";
    let authority = Authority::new();
    for (name, likely) in [
        (
            "pop.gmail.com",
            "likely: at Gmail: POP must be switched on: ",
        ),
        (
            "outlook.office365.com",
            "likely: at Microsoft: passwords and app passwords are refused: sign in (oauth2 = \
             \"microsoft\", mailpull login)\n",
        ),
        (
            "pop.example.com",
            "likely: with two-step verification the provider may want an app password",
        ),
    ] {
        let (server, sandbox) = with_proxy(&authority, name, refusal);

        test(&sandbox)
            .fails_with(77)
            .complains_in_lines(1)
            .stdout_has(&format!("address: {} answered in ", server.address()))
            .stdout_has(&format!(
                "proxy: passed us on to {name}:995, whose name it resolves\n"
            ))
            .stdout_has(likely)
            .never_says("open sesame");

        server.finish();
    }
}

/// Sets up an account whose HTTP proxy is scripted to play the server called `name`, too.
fn with_proxy(authority: &Authority, name: &str, session: &str) -> (ScriptServer, Sandbox) {
    let certificate = authority.certificate_for(&[name]);
    let proxy = format!(
        "C: CONNECT {name}:995 HTTP/1.1\nC: Host: {name}:995\nC: \nS: HTTP/1.1 200 OK\nS: \ntls\n"
    );
    let server = Script::new([&proxy, "S: +OK ready", session].concat())
        .identity(certificate.acceptor())
        .serve();
    let keys = format!("{TLS}\nproxy = 'http://{}'", server.address());
    let sandbox = Sandbox::with_work(name, &keys);
    sandbox.write("home/ca.pem", authority.pem());
    (server, sandbox)
}

#[test]
fn a_providers_peculiarity_is_shown_as_a_note() {
    let authority = Authority::new();
    let (server, sandbox) = with_proxy(&authority, "pop.mail.yahoo.com", TWO_MESSAGES);

    test(&sandbox).succeeds().stdout_has(
        "note: its settings for POP decide which folders, and how much of the mail, are shown\n",
    );

    server.finish();
}

#[test]
fn json_reports_every_finding_as_an_object() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "");

    let outcome = sandbox
        .mailpull(["account", "test", "work", "--json"])
        .run();

    let findings = outcome.succeeds().json_lines();
    let of = |topic: &str| {
        let mut found = findings.iter().filter(|it| it["topic"] == topic);
        found.next().unwrap_or_else(|| panic!("{topic}\n{outcome}"))
    };
    for finding in &findings {
        assert_eq!(finding["event"], "finding");
        assert_eq!(finding["account"], "work");
    }
    assert_eq!(of("address")["address"], server.address().to_string());
    assert_eq!(of("maildrop")["messages"], 1);
    assert_eq!(of("maildrop")["new"], 1);
    assert_eq!(of("capabilities")["when"], "before the login");
    assert!(of("capabilities")["capabilities"].is_array());
    assert!(of("round trip")["microseconds"].is_u64());
}

#[test]
fn a_url_can_be_tested_without_an_account() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    let url = format!("pop://joe@{}", server.address());

    sandbox
        .mailpull(["account", "test", &url, "-o", "security=none"])
        .env("MAILPULL_PASSWORD", "open sesame")
        .run()
        .succeeds()
        .stdout_has("server: 127.0.0.1:")
        .stdout_has("maildrop: 1 message, ");
    assert!(!sandbox.state().exists());
}

#[test]
fn an_unreachable_address_is_shown_with_the_reason() {
    let sandbox = Sandbox::with_work("127.0.0.1:9", "");

    test(&sandbox)
        .fails_with(75)
        .complains_in_lines(1)
        .stdout_has("address: 127.0.0.1:9 did not answer: Connection refused");
}
