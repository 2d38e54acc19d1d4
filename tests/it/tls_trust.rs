//! Servers that are trusted by a pin, or without any verification. For other reasons to refuse a
//! certificate see `tls`.

use crate::support::certificates::{Authority, TestCertificate};
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;
use crate::support::script::Script;
use crate::support::tools;
use crate::tls::{PROTECTIONS, SESSION};

/// A pin that fits no certificate of these tests.
const OTHER: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// Fetches from a server with this certificate, which the program accepts.
fn fetch(certificate: &TestCertificate, security: &str, keys: &str) -> RunOutcome {
    let (name, before) = protection(security);
    let greeting = match name {
        "tls" => "S: +OK ready\n",
        _ => "",
    };
    let server = Script::new(format!("{before}tls\n{greeting}{SESSION}"))
        .identity(certificate.acceptor())
        .serve();
    let keys = format!("security = '{name}'\n{keys}");
    let outcome = Sandbox::with_work(server.address(), &keys).fetch();
    server.finish();
    outcome
}

/// Fetches from a server with this certificate, which must receive nothing inside TLS.
fn fetch_in_vain(certificate: &TestCertificate, security: &str, keys: &str) -> RunOutcome {
    let (name, before) = protection(security);
    let server = Script::new(format!("{before}tls"))
        .identity(certificate.acceptor())
        .serve();
    let keys = format!("security = '{name}'\n{keys}");
    let outcome = Sandbox::with_work(server.address(), &keys).fetch();
    server.finish();
    outcome
}

/// Returns the value of `security`, and the conversation before the handshake.
fn protection(security: &str) -> (&'static str, &'static str) {
    match PROTECTIONS {
        [(_, before), _] if security == "tls" => ("tls", before),
        [_, (_, before)] => ("starttls", before),
    }
}

#[test]
fn a_pinned_certificate_or_key_is_trusted() {
    if tools::find("openssl").is_none() {
        return;
    }
    let authority = Authority::new();
    for certificate in [
        TestCertificate::self_signed(),
        authority.certificate(),
        authority.expired(),
        authority.not_yet_valid(),
        authority.client(),
        authority.weak_key(),
    ] {
        for security in ["tls", "starttls"] {
            for keys in [
                format!("tls-pin = '{}'", certificate.pin()),
                format!("tls-pin = ['{}']", certificate.key_pin()),
                format!("tls-pin = ['{OTHER}', '{}']", certificate.key_pin()),
            ] {
                fetch(&certificate, security, &keys).succeeds().is_silent();
            }
        }
    }
}

#[test]
fn a_key_pin_survives_a_renewed_certificate() {
    let authority = Authority::new();
    let first = authority.certificate();
    let renewed = authority.renewed(&first);
    let pin = format!("tls-pin = '{}'", first.pin());
    let key_pin = format!("tls-pin = '{}'", first.key_pin());

    fetch_in_vain(&renewed, "tls", &pin).fails_with(76);

    fetch(&renewed, "tls", &key_pin).succeeds().is_silent();
}

#[test]
fn a_certificate_without_a_matching_pin_is_refused() {
    let authority = Authority::new();
    let certificate = authority.certificate();
    let keys = format!("tls-pin = '{OTHER}'\ntls-ca-file = '/dev/null'");
    for security in ["tls", "starttls"] {
        let outcome = fetch_in_vain(&certificate, security, &keys);

        outcome.fails_with(76).stderr_is(&format!(
            "mailpull: work: the certificate of 127.0.0.1 is not trusted: neither it ({}) nor its \
             key ({}) is in tls-pin (it is for localhost, 127.0.0.1). Add one of the two \
             fingerprints if the operator of the server confirms it\n",
            certificate.pin(),
            certificate.key_pin()
        ));
    }
}

#[test]
fn a_pin_does_not_replace_the_name_check() {
    let authority = Authority::new();
    for certificate in [authority.wrong_name(), authority.common_name("127.0.0.1")] {
        let keys = format!("tls-pin = '{}'", certificate.pin());
        for security in ["tls", "starttls"] {
            let outcome = fetch_in_vain(&certificate, security, &keys);

            outcome
                .fails_with(76)
                .complains_in_lines(1)
                .stderr_has("the certificate of 127.0.0.1 is not trusted: it ");
        }
    }
    let certificate = authority.wrong_name();
    let keys = format!(
        "tls-pin = '{}'\ntls-name = 'pop.example.com'",
        certificate.pin()
    );

    fetch(&certificate, "tls", &keys).succeeds().is_silent();
}

#[test]
fn the_unknown_authority_error_shows_the_pin() {
    let certificate = TestCertificate::self_signed();
    let server = Script::new("tls refused")
        .then("tls")
        .identity(certificate.acceptor())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "security = 'tls'");
    let advice = format!("tls-pin = \"{}\"", certificate.pin());

    sandbox.fetch().fails_with(76).stderr_has(&advice);

    server.finish();
    fetch(&certificate, "tls", &advice).succeeds().is_silent();
}

#[test]
fn tls_verify_false_warns_on_every_run() {
    let authority = Authority::new();
    for certificate in [
        authority.wrong_name(),
        authority.expired(),
        authority.common_name("x"),
        TestCertificate::self_signed(),
    ] {
        for security in ["tls", "starttls"] {
            fetch(&certificate, security, "tls-verify = false")
                .succeeds()
                .complains_in_lines(1)
                .stderr_has("mailpull: work: tls-verify = false: anybody who answers in place of ");
        }
    }
}

#[test]
fn contradicting_tls_keys_are_refused() {
    let pin = format!("tls-pin = '{OTHER}'");
    for (keys, said) in [
        (
            format!("security = 'tls'\n{pin}\ntls-verify = false"),
            "\"tls-verify\" contradicts \"tls-pin\"",
        ),
        (
            format!("security = 'none'\n{pin}"),
            "\"tls-pin\" has no meaning with security = \"none\"",
        ),
        (
            "security = 'none'\ntls-name = 'a'".to_owned(),
            "\"tls-name\" has no meaning with security = \"none\"",
        ),
        (
            "security = 'none'\ntls-client-cert = '/a'".to_owned(),
            "\"tls-client-cert\" has no meaning with security = \"none\"",
        ),
        (
            format!("security = 'tls'\n{pin}\ntls-client-cert = '/a'"),
            "\"tls-client-cert\" cannot be used with tls-pin: it is sent to the server before the pin is \
             compared. Set tls-ca-file to the certificate of the server",
        ),
        (
            "security = 'tls'\ntls-verify = false\ntls-client-cert = '/a'".to_owned(),
            "\"tls-client-cert\" cannot be used with tls-verify = false",
        ),
        (
            "tls-client-key = '/a'".to_owned(),
            "\"tls-client-key\" has no meaning without tls-client-cert",
        ),
        (
            "tls-pin = 'sha256:12'".to_owned(),
            "\"tls-pin\" must be sha256: and 64 hexadecimal digits, not \"sha256:12\"",
        ),
    ] {
        let sandbox = Sandbox::with_work("127.0.0.1:1", &keys);

        sandbox
            .fetch()
            .fails_with(78)
            .complains_in_lines(1)
            .stderr_has(said);
    }
}
