//! TLS from the first octet and by STLS: nothing secret before the server has proved who it is.

use crate::support::certificates::{Authority, Certificate};
use crate::support::sandbox::Sandbox;
use crate::support::script::Script;

const TLS: &str = "security = 'tls'\ntls-ca-file = '~/ca.pem'";
const STARTTLS: &str = "security = 'starttls'\ntls-ca-file = '~/ca.pem'";

/// What follows the greeting, or STLS: an empty maildrop.
const SESSION: &str = "
    C: CAPA
    S: +OK
    S: SASL PLAIN
    S: .
    C: AUTH PLAIN AGpvZQBvcGVuIHNlc2FtZQ==
    S: +OK
    C: CAPA
    S: +OK
    S: PIPELINING
    S: .
    C: UIDL
    C: LIST
    S: +OK
    S: .
    S: +OK
    S: .
    C: QUIT
    S: +OK
    close";

/// A world in which the account `work` trusts `authority` alone.
fn trusting(authority: &Authority, server: impl std::fmt::Display, keys: &str) -> Sandbox {
    let sandbox = Sandbox::with_work(server, keys);
    sandbox.write("home/ca.pem", authority.pem());
    sandbox
}

#[test]
fn a_server_that_proves_its_name_is_spoken_to() {
    for host in ["127.0.0.1", "localhost"] {
        let authority = Authority::new();
        let server = Script::new(["tls\nS: +OK ready", SESSION].concat())
            .identity(authority.certificate().acceptor())
            .serve();
        let address = format!("{host}:{}", server.port());
        let sandbox = trusting(&authority, address, TLS);

        sandbox.fetch().succeeds().is_silent();

        server.finish();
    }
}

/// Every server that does not prove who it is, and what is said of it.
fn impostors(authority: &Authority) -> [(Certificate, &'static str); 4] {
    [
        (authority.wrong_name(), "mismatch"),
        (authority.expired(), "expired"),
        (Certificate::self_signed(), "self-signed"),
        (Authority::new().certificate(), "issuer"),
    ]
}

#[test]
fn a_server_that_does_not_prove_its_name_hears_nothing_inside_tls() {
    let authority = Authority::new();
    for (certificate, reason) in impostors(&authority) {
        let server = Script::new("tls refused")
            .identity(certificate.acceptor())
            .serve();
        let sandbox = trusting(&authority, server.address(), TLS);

        sandbox
            .fetch()
            .fails_with(76)
            .complains_in_lines(1)
            .stderr_has("the certificate of 127.0.0.1 is not trusted: ")
            .stderr_has(reason)
            .stderr_has("tls-ca-file");

        server.finish();
    }
}

#[test]
fn an_authority_that_is_not_named_is_not_trusted() {
    let authority = Authority::new();
    let server = Script::new("tls refused")
        .identity(authority.certificate().acceptor())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "security = 'tls'");

    let outcome = sandbox.fetch();

    outcome.fails_with(76).complains_in_lines(1);
    server.finish();
}

#[test]
fn after_stls_everything_is_asked_again_inside_tls() {
    let authority = Authority::new();
    let server = Script::new(["S: +OK ready\nC: STLS\nS: +OK\ntls", SESSION].concat())
        .identity(authority.certificate().acceptor())
        .serve();
    let sandbox = trusting(&authority, server.address(), STARTTLS);

    sandbox.fetch().succeeds().is_silent();

    server.finish();
}

#[test]
fn after_stls_an_impostor_hears_nothing_inside_tls() {
    let authority = Authority::new();
    for (certificate, reason) in impostors(&authority) {
        let server = Script::new("S: +OK ready\nC: STLS\nS: +OK\ntls refused")
            .identity(certificate.acceptor())
            .serve();
        let sandbox = trusting(&authority, server.address(), STARTTLS);

        sandbox
            .fetch()
            .fails_with(76)
            .complains_in_lines(1)
            .stderr_has(reason);

        server.finish();
    }
}

#[test]
fn a_server_that_refuses_stls_is_told_nothing_more() {
    for answer in [
        "-ERR no TLS here",
        "-ERR",
        "-ERR [SYS/TEMP] try again",
        "-ERR [IN-USE] busy",
        "+ go on",
        "220 ready",
    ] {
        let server = Script::new(format!("S: +OK ready\nC: STLS\nS: {answer}")).serve();
        let sandbox = Sandbox::with_work(server.address(), STARTTLS);

        sandbox
            .fetch()
            .fails_with(76)
            .complains_in_lines(1)
            .stderr_has("nothing secret was sent")
            .never_says("sesame");

        server.finish();
    }
}

#[test]
fn octets_behind_the_answer_to_stls_end_the_session() {
    let together = r"raw: +OK begin\r\n+OK injected\r\n";
    let one_octet = r"raw: +OK begin\r\n+";
    let later = "S: +OK begin\nflush\nS: +OK injected\ncut";
    for injected in [together, one_octet, later] {
        let server = Script::new(format!("S: +OK ready\nC: STLS\n{injected}")).serve();
        let sandbox = trusting(&Authority::new(), server.address(), STARTTLS);

        let outcome = sandbox.fetch();

        outcome.fails_with(76).complains_in_lines(1);
        server.finish();
    }
}

#[test]
fn injected_replies_are_called_what_they_are() {
    let server = Script::new("S: +OK ready\nC: STLS\nraw: +OK\\r\\n+OK\\r\\n").serve();
    let sandbox = Sandbox::with_work(server.address(), STARTTLS);

    sandbox
        .fetch()
        .fails_with(76)
        .stderr_has("somebody may be injecting replies");

    server.finish();
}

#[test]
fn a_server_that_sends_us_away_is_not_asked_for_stls() {
    for greeting in ["-ERR no", "220 smtp"] {
        let server = Script::new(format!("S: {greeting}")).serve();
        let sandbox = Sandbox::with_work(server.address(), STARTTLS);

        let outcome = sandbox.fetch();

        outcome.fails_with(76).complains_in_lines(1);
        server.finish();
    }
}

#[test]
fn a_timestamp_from_before_tls_is_not_remembered() {
    let authority = Authority::new();
    let server = Script::new(
        "S: +OK ready <1896.697170952@dbc.mtview.ca.us>
         C: STLS
         S: +OK
         tls
         C: CAPA
         S: +OK
         S: .",
    )
    .identity(authority.certificate().acceptor())
    .serve();
    let keys = format!("{STARTTLS}\nauth = 'apop'");
    let sandbox = trusting(&authority, server.address(), &keys);

    sandbox
        .fetch()
        .fails_with(69)
        .complains_in_lines(1)
        .stderr_has("does not offer APOP");

    server.finish();
}

#[test]
fn a_server_that_speaks_no_tls_is_not_spoken_to_without() {
    let server = Script::new("S: +OK ready\ncut").serve();
    let sandbox = Sandbox::with_work(server.address(), TLS);
    sandbox.write("home/ca.pem", Authority::new().pem());

    sandbox
        .fetch()
        .fails_with(76)
        .complains_in_lines(1)
        .stderr_has("the TLS handshake with 127.0.0.1 failed");

    server.finish();
}

#[test]
fn a_handshake_that_breaks_off_may_be_tried_again() {
    let stls = "S: +OK ready\nC: STLS\nS: +OK";
    for (keys, conversation) in [
        (TLS, "cut".to_owned()),
        (STARTTLS, format!("{stls}\ncut")),
        (STARTTLS, format!("{stls}\nreset")),
    ] {
        let authority = Authority::new();
        let server = Script::new(conversation).serve();
        let sandbox = trusting(&authority, server.address(), keys);

        sandbox
            .fetch()
            .fails_with(75)
            .complains_in_lines(1)
            // A reset may come before the connection is known to be there.
            .stderr_has("127.0.0.1");

        server.finish();
    }
}

#[test]
fn a_handshake_that_hangs_is_left_when_the_time_is_over() {
    for keys in ["timeout = '1s'", "timeout-connect = '1s'"] {
        for (security, conversation) in
            [(TLS, "stall"), (STARTTLS, "S: +OK\nC: STLS\nS: +OK\nstall")]
        {
            let authority = Authority::new();
            let server = Script::new(conversation).serve();
            let keys = format!("{security}\n{keys}");
            let sandbox = trusting(&authority, server.address(), &keys);

            sandbox
                .fetch()
                .fails_with(75)
                .complains_in_lines(1)
                .stderr_has("the TLS handshake with 127.0.0.1 failed: timed out");

            server.finish();
        }
    }
}

#[test]
fn a_message_that_tls_cuts_off_is_not_complete() {
    let authority = Authority::new();
    for end in ["cut", "close"] {
        let server = Script::new(format!(
            "tls
             S: +OK ready
             C: CAPA
             S: -ERR
             C: USER joe
             S: +OK
             C: PASS open sesame
             S: +OK
             C: CAPA
             S: -ERR
             C: UIDL
             S: +OK
             S: 1 a
             S: .
             C: LIST
             S: +OK
             S: 1 17
             S: .
             C: RETR 1
             S: +OK
             S: Subject: a
             raw: .
             {end}"
        ))
        .identity(authority.certificate().acceptor())
        .serve();
        let sandbox = trusting(&authority, server.address(), TLS);

        sandbox
            .fetch()
            .fails_with(75)
            .complains_in_lines(1)
            .stderr_has("the server closed the connection");

        server.finish();
        sandbox.work().holds(&[]);
    }
}
