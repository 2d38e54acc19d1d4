//! TLS from the first octet and by STLS. Nothing secret is sent before the server's certificate is
//! verified.

use crate::support::certificates::{Authority, TestCertificate};
use crate::support::sandbox::Sandbox;
use crate::support::script::{Script, ScriptServer};
use crate::support::tools;

const TLS: &str = "security = 'tls'\ntls-ca-file = '~/ca.pem'";
const STARTTLS: &str = "security = 'starttls'\ntls-ca-file = '~/ca.pem'";

/// A session with an empty maildrop, after the greeting or after STLS.
pub(crate) const SESSION: &str = "
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

/// Makes a sandbox in which the account `work` trusts only `authority`.
fn trusting(authority: &Authority, server: impl std::fmt::Display, keys: &str) -> Sandbox {
    let sandbox = Sandbox::with_work(server, keys);
    sandbox.write("home/ca.pem", authority.pem());
    sandbox
}

#[test]
fn a_certificate_for_the_servers_name_is_accepted() {
    for host in ["127.0.0.1", "localhost"] {
        let authority = Authority::new();
        let handshake = match host {
            "localhost" => "tls for localhost",
            _ => "tls",
        };
        let server = Script::new([handshake, "\nS: +OK ready", SESSION].concat())
            .identity(authority.certificate().acceptor())
            .serve();
        let address = format!("{host}:{}", server.port());
        let sandbox = trusting(&authority, address, TLS);

        sandbox.fetch().succeeds().is_silent();

        server.finish();
    }
}

#[test]
fn tls_name_replaces_the_servers_name() {
    let authority = Authority::new();
    for (own, name, handshake) in [
        (
            "pop.example.com",
            "pop.example.com",
            "tls for pop.example.com",
        ),
        (
            "*.example.com",
            "POP.example.com",
            "tls for POP.example.com",
        ),
        ("192.0.2.1", "192.0.2.1", "tls"),
        ("2001:db8::1", "2001:DB8::1", "tls"),
    ] {
        let server = Script::new([handshake, "\nS: +OK ready", SESSION].concat())
            .identity(authority.certificate_for(&[own]).acceptor())
            .serve();
        let keys = format!("{TLS}\ntls-name = '{name}'");
        let sandbox = trusting(&authority, server.address(), &keys);

        sandbox.fetch().succeeds().is_silent();

        server.finish();
    }
}

#[test]
fn a_tls_version_below_tls_min_is_refused() {
    let authority = Authority::new();
    let server = Script::new("tls refused")
        .identity(authority.certificate().tls_1_2_acceptor())
        .serve();
    let keys = format!("{TLS}\ntls-min = '1.3'");
    let sandbox = trusting(&authority, server.address(), &keys);

    sandbox
        .fetch()
        .fails_with(76)
        .complains_in_lines(1)
        .stderr_has(". Set tls-min = \"1.2\"\n");

    server.finish();
}

#[test]
fn tls_1_2_is_accepted_if_tls_min_allows_it() {
    let authority = Authority::new();
    for (acceptor, minimum) in [
        (authority.certificate().tls_1_2_acceptor(), "1.2"),
        (authority.certificate().acceptor(), "1.2"),
        (authority.certificate().acceptor(), "1.3"),
    ] {
        let server = Script::new(["tls\nS: +OK ready", SESSION].concat())
            .identity(acceptor)
            .serve();
        let keys = format!("{TLS}\ntls-min = '{minimum}'");
        let sandbox = trusting(&authority, server.address(), &keys);

        sandbox.fetch().succeeds().is_silent();

        server.finish();
    }
}

/// The keys for TLS and for STLS, each with the conversation before the handshake.
pub(crate) const PROTECTIONS: [(&str, &str); 2] =
    [(TLS, ""), (STARTTLS, "S: +OK ready\nC: STLS\nS: +OK\n")];

/// Starts a server whose certificate the TLS library refuses. The program connects a second time,
/// to describe the certificate in the error, and disconnects without sending anything.
fn refused(before: &str, certificate: &TestCertificate) -> ScriptServer {
    Script::new(format!("{before}tls refused"))
        .then(format!("{before}tls"))
        .identity(certificate.acceptor())
        .serve()
}

#[test]
fn a_bad_certificate_ends_the_session_before_any_command() {
    if tools::find("openssl").is_none() {
        return;
    }
    let authority = Authority::new();
    let root = Authority::new();
    let intermediate = root.intermediate();
    for (certificate, said) in [
        (
            authority.wrong_name(),
            "it is for another name (it is for pop.example.com). Check \"server\"; if it is right, \
             set tls-name to a name of the certificate",
        ),
        (
            authority.expired(),
            "it expired on 2001-01-01 (it is for localhost, 127.0.0.1). Ask the operator of the server",
        ),
        (
            authority.not_yet_valid(),
            "it is not valid before 2098-01-01 (it is for localhost, 127.0.0.1). Ask the operator of the server",
        ),
        (
            TestCertificate::self_signed(),
            "it is self-signed (it is for localhost, 127.0.0.1). If the server is yours, name its \
             CA in tls-ca-file, or compare the fingerprint and pin it: tls-pin = \"sha256:",
        ),
        (root.certificate(), "it is signed by an unknown authority ("),
        (
            intermediate.certificate(),
            "it is signed by an unknown authority (",
        ),
        (
            authority.certificate_for(&["127.0.0.1\0.example.com"]),
            "it is for another name (it is for 127.0.0.1\\u{0}.example.com)",
        ),
        (
            authority.certificate_for(&["localhost", "192.0.2.1"]),
            "it is for another name (it is for localhost, 192.0.2.1)",
        ),
        (
            authority.certificate_for(&["*.0.0.1"]),
            "it is for another name (it is for *.0.0.1)",
        ),
        (authority.client(), "it is not made for a server ("),
        (authority.sha1(), "too weak ("),
        (authority.weak_key(), "too weak ("),
    ] {
        for (security, before) in PROTECTIONS {
            let server = refused(before, &certificate);
            let sandbox = trusting(&authority, server.address(), security);

            sandbox
                .fetch()
                .fails_with(76)
                .complains_in_lines(1)
                .stderr_has("the certificate of 127.0.0.1 is not trusted: ")
                .stderr_has(said);

            server.finish();
        }
    }
}

#[test]
fn a_similar_name_in_the_certificate_is_refused() {
    let authority = Authority::new();
    for name in [
        "localhost\0.example.com",
        "local*",
        "*",
        "*.localhost",
        "localhost.example.com",
        "127.0.0.1",
    ] {
        let server = refused("", &authority.certificate_for(&[name]));
        let address = format!("localhost:{}", server.port());
        let sandbox = trusting(&authority, address, TLS);

        sandbox
            .fetch()
            .fails_with(76)
            .complains_in_lines(1)
            .stderr_has("it is for another name");

        server.finish();
    }
}

#[test]
fn a_common_name_does_not_replace_subject_alt_name() {
    let authority = Authority::new();
    for (security, before) in PROTECTIONS {
        let server = Script::new(format!("{before}tls"))
            .identity(authority.common_name("localhost").acceptor())
            .serve();
        let address = format!("localhost:{}", server.port());
        let sandbox = trusting(&authority, address, security);

        sandbox
            .fetch()
            .fails_with(76)
            .complains_in_lines(1)
            .stderr_has("it has no subjectAltName");

        server.finish();
    }
}

#[test]
fn an_unknown_authority_is_not_trusted() {
    let server = refused("", &Authority::new().certificate());
    let sandbox = Sandbox::with_work(server.address(), "security = 'tls'");

    let outcome = sandbox.fetch();

    outcome.fails_with(76).complains_in_lines(1);
    server.finish();
}

#[test]
fn a_bad_certificate_is_refused_even_if_the_server_disappears() {
    let authority = Authority::new();
    for second in ["cut", "S: +OK\ncut"] {
        let server = Script::new("tls refused")
            .then(second)
            .identity(authority.expired().acceptor())
            .serve();
        let sandbox = trusting(&authority, server.address(), TLS);

        sandbox
            .fetch()
            .fails_with(76)
            .complains_in_lines(1)
            .stderr_has(
                "it, or a certificate above it, has expired. Ask the operator of the server",
            );

        server.finish();
    }
}

#[test]
fn an_intermediate_certificate_is_accepted_if_the_server_sends_it() {
    let root = Authority::new();
    let intermediate = root.intermediate();
    let server = Script::new(["tls\nS: +OK ready", SESSION].concat())
        .identity(intermediate.certificate().with(&intermediate).acceptor())
        .serve();
    let sandbox = trusting(&root, server.address(), TLS);

    sandbox.fetch().succeeds().is_silent();

    server.finish();
}

#[test]
fn an_expired_intermediate_certificate_is_refused() {
    let root = Authority::new();
    let intermediate = root.expired_intermediate();
    let certificate = intermediate.certificate().with(&intermediate);
    let server = refused("", &certificate);
    let sandbox = trusting(&root, server.address(), TLS);

    sandbox
        .fetch()
        .fails_with(76)
        .complains_in_lines(1)
        .stderr_has("it, or a certificate above it, has expired (it is for localhost, 127.0.0.1)");

    server.finish();
}

#[test]
fn capabilities_are_asked_again_after_stls() {
    let authority = Authority::new();
    let server = Script::new(["S: +OK ready\nC: STLS\nS: +OK\ntls", SESSION].concat())
        .identity(authority.certificate().acceptor())
        .serve();
    let sandbox = trusting(&authority, server.address(), STARTTLS);

    sandbox.fetch().succeeds().is_silent();

    server.finish();
}

#[test]
fn a_refused_stls_ends_the_session() {
    for answer in [
        "-ERR no TLS here",
        "-ERR",
        "-ERR [SYS/TEMP] try again",
        "-ERR [IN-USE] busy",
        "+ go on",
        "220 ready",
    ] {
        let server = Script::new(format!("S: +OK ready\nC: STLS\nS: {answer}")).serve();
        let sandbox = trusting(&Authority::new(), server.address(), STARTTLS);

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
fn octets_after_the_stls_reply_end_the_session() {
    let in_one_segment = r"raw: +OK begin\r\n+OK injected\r\n";
    let one_octet = r"raw: +OK begin\r\n+";
    let in_two_segments = "S: +OK begin\nflush\nS: +OK injected\ncut";
    for injected in [in_one_segment, one_octet, in_two_segments] {
        let server = Script::new(format!("S: +OK ready\nC: STLS\n{injected}")).serve();
        let sandbox = trusting(&Authority::new(), server.address(), STARTTLS);

        let outcome = sandbox.fetch();

        outcome.fails_with(76).complains_in_lines(1);
        server.finish();
    }
}

#[test]
fn the_error_about_injected_replies_names_the_attack() {
    let server = Script::new("S: +OK ready\nC: STLS\nraw: +OK\\r\\n+OK\\r\\n").serve();
    let sandbox = trusting(&Authority::new(), server.address(), STARTTLS);

    sandbox
        .fetch()
        .fails_with(76)
        .stderr_has("somebody may be injecting replies");

    server.finish();
}

#[test]
fn stls_is_not_sent_after_a_refusing_greeting() {
    for greeting in ["-ERR no", "220 smtp"] {
        let server = Script::new(format!("S: {greeting}")).serve();
        let sandbox = trusting(&Authority::new(), server.address(), STARTTLS);

        let outcome = sandbox.fetch();

        outcome.fails_with(76).complains_in_lines(1);
        server.finish();
    }
}

#[test]
fn an_apop_timestamp_from_before_tls_is_not_used() {
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
fn a_server_without_tls_is_not_used_in_cleartext() {
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
fn a_broken_tls_handshake_is_a_temporary_error() {
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
            // A reset may come while the program still connects, which is another error.
            .stderr_has("127.0.0.1");

        server.finish();
    }
}

#[test]
fn a_hanging_tls_handshake_times_out() {
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
fn a_message_cut_off_by_tls_is_not_delivered() {
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
             lists a
             C: LIST
             lists 17
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
