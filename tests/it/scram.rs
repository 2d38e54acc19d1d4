//! SCRAM: its binding to the TLS connection, and servers that do not know the password.
//! The tests of `dovecot::sasl` show that Dovecot accepts such logins.

use crate::support::certificates::{Authority, TestCertificate};
use crate::support::model_server::PASSWORD;
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;
use crate::support::scram::{ScramBehaviour, ScramFault, ScramServer};

/// The mechanisms of a server that offers channel binding.
const PLUS: &str = "PLAIN SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS";
/// The mechanisms of a server that does not.
const BARE: &str = "PLAIN SCRAM-SHA-1 SCRAM-SHA-256";

/// Fetches from a server, by TLS if it has a certificate. Returns the outcome and the lines that
/// the server received.
fn fetch(
    certificate: Option<&TestCertificate>,
    behaviour: ScramBehaviour,
    keys: &str,
) -> (RunOutcome, Vec<String>) {
    let server = ScramServer::start(certificate, behaviour);
    let security = if certificate.is_some() { "tls" } else { "none" };
    let keys = format!("security = '{security}'\n{keys}");
    let sandbox = Sandbox::with_work(server.address(), &keys);
    let outcome = sandbox.mailpull(["fetch", "-vv"]).run();
    (outcome, server.finish())
}

fn pinned(certificate: &TestCertificate, keys: &str) -> String {
    format!("tls-pin = '{}'\n{keys}", certificate.pin())
}

#[test]
fn channel_binding_is_used_if_the_server_offers_it() {
    let certificate = Authority::new().certificate();
    for (auth, sasl, begin, flag) in [
        (
            "auto",
            PLUS,
            "AUTH SCRAM-SHA-256-PLUS ",
            "p=tls-server-end-point,,n=joe,r=",
        ),
        (
            "scram-sha-1",
            PLUS,
            "AUTH SCRAM-SHA-1-PLUS ",
            "p=tls-server-end-point,,n=joe,r=",
        ),
        // The flag y says that the client could bind, so that a server whose offer was hidden by
        // an attacker refuses the login (RFC 5802 section 6).
        ("auto", BARE, "AUTH SCRAM-SHA-256 ", "y,,n=joe,r="),
        ("scram-sha-1", BARE, "AUTH SCRAM-SHA-1 ", "y,,n=joe,r="),
    ] {
        let keys = pinned(&certificate, &format!("auth = '{auth}'"));
        let (outcome, heard) = fetch(Some(&certificate), ScramBehaviour::offering(sasl), &keys);
        outcome.succeeds().never_says(PASSWORD);
        assert!(heard[1].starts_with(begin), "{heard:?}");
        assert!(heard[2].starts_with(flag), "{heard:?}");
    }
}

#[test]
fn a_login_without_tls_has_no_channel_binding() {
    let (outcome, heard) = fetch(None, ScramBehaviour::offering(PLUS), "");
    outcome.succeeds();
    assert!(heard[1].starts_with("AUTH SCRAM-SHA-256 "), "{heard:?}");
    assert!(heard[2].starts_with("n,,n=joe,r="), "{heard:?}");
}

#[test]
fn a_man_in_the_middle_cannot_log_in() {
    // The attacker has a trusted certificate and passes everything on to the right server.
    let authority = Authority::new();
    let (right, attacker) = (authority.certificate(), authority.certificate());
    let server = ScramServer::start_as(&attacker, &right, ScramBehaviour::offering(PLUS));
    let keys = pinned(&attacker, "security = 'tls'");
    let sandbox = Sandbox::with_work(server.address(), &keys);
    sandbox
        .fetch()
        .fails_with(77)
        .stderr_has("Check the connection: somebody may be intercepting it");
    let heard = server.finish();
    assert!(
        heard.iter().all(|line| !line.starts_with("UIDL")),
        "{heard:?}"
    );
}

#[test]
fn a_failed_channel_binding_is_not_tried_again() {
    let certificate = Authority::new().certificate();
    let server = ScramServer::start(
        Some(&certificate),
        ScramBehaviour {
            faults: vec![ScramFault::BindOtherwise; 3],
            ..ScramBehaviour::offering(PLUS)
        },
    );
    let keys = pinned(&certificate, "security = 'tls'");
    let sandbox = Sandbox::with_work(server.address(), &keys);
    sandbox.fetch().succeeds().is_silent();
    sandbox.fetch().succeeds().is_silent();

    let heard = server.finish();
    let logins: Vec<_> = heard
        .iter()
        .filter(|line| line.starts_with("AUTH"))
        .collect();
    assert_eq!(logins.len(), 3, "{heard:?}");
    assert!(
        logins[0].starts_with("AUTH SCRAM-SHA-256-PLUS "),
        "{heard:?}"
    );
    for login in &logins[1..] {
        assert!(login.starts_with("AUTH SCRAM-SHA-256 "), "{heard:?}");
    }
    // The flag n says that the client cannot bind. With y the server would have to refuse.
    let flags: Vec<_> = heard
        .iter()
        .filter(|line| line.contains(",,n=joe"))
        .collect();
    assert!(
        flags[1].starts_with("n,,") && flags[2].starts_with("n,,"),
        "{heard:?}"
    );
}

#[test]
fn a_bound_login_is_not_weakened_until_the_user_agrees() {
    let certificate = Authority::new().certificate();
    let faults = [vec![ScramFault::None], vec![ScramFault::BindOtherwise; 4]].concat();
    let behaviour = ScramBehaviour {
        faults,
        ..ScramBehaviour::offering(PLUS)
    };
    let server = ScramServer::start(Some(&certificate), behaviour);
    let keys = pinned(&certificate, "security = 'tls'");
    let sandbox = Sandbox::with_work(server.address(), &keys);
    sandbox.fetch().succeeds();

    let outcome = sandbox.fetch();
    outcome
        .fails_with(69)
        .complains_in_lines(1)
        .stderr_has("mailpull fetch -o auth=scram-sha-256 ACCOUNT");
    let fetch = sandbox.mailpull(["fetch", "-o", "auth=scram-sha-256"]);
    fetch.run().succeeds();
    // The consent is remembered.
    sandbox.fetch().succeeds().is_silent();

    server.finish();
}

#[test]
fn a_server_that_does_not_know_the_password_is_rejected() {
    for (fault, error) in [
        (
            ScramFault::LeaveOutTheSignature,
            "could not prove that it knows the password",
        ),
        (
            ScramFault::ForgeTheSignature,
            "could not prove that it knows the password",
        ),
        (ScramFault::ChangeTheNonce, "cannot continue"),
        (ScramFault::Rounds(1), "hashed 1 times"),
        (ScramFault::Rounds(100_000_000), "hashed 100000000 times"),
    ] {
        let behaviour = ScramBehaviour {
            faults: vec![fault],
            ..ScramBehaviour::offering(BARE)
        };
        let (outcome, heard) = fetch(None, behaviour, "");
        outcome
            .fails_with(76)
            .stderr_has(error)
            .never_says(PASSWORD);
        assert!(!heard.contains(&"UIDL".to_owned()), "{heard:?}");
    }
}

#[test]
fn an_invalid_scram_message_ends_the_session() {
    // The library rsasl would panic on the last one.
    for message in ["v=QQ==", "r=x,s=QQ==,i=4096", "m=x,r=x", "r=x,s"] {
        let behaviour = ScramBehaviour {
            faults: vec![ScramFault::Say(message)],
            ..ScramBehaviour::offering(BARE)
        };
        let (outcome, heard) = fetch(None, behaviour, "");
        outcome.fails_with(76);
        assert_eq!(heard.last().map(String::as_str), Some("*"), "{message}");
    }
}

#[test]
fn a_wrong_password_shows_the_mechanisms_error() {
    let behaviour = ScramBehaviour::offering(BARE);
    let (outcome, _) = fetch(None, behaviour, "password = 'not this one'");
    outcome
        .fails_with(77)
        .stderr_has("[AUTH] no")
        .stderr_has("invalid-proof")
        .never_says("not this one");
}

#[test]
fn a_password_is_prepared_by_saslprep() {
    // A ligature, a soft hyphen and a no-break space (RFC 4013).
    let behaviour = ScramBehaviour {
        password: "fi x".to_owned(),
        ..ScramBehaviour::offering(BARE)
    };
    let (outcome, _) = fetch(None, behaviour, "password = '\u{fb01}\u{ad}\u{a0}x'");
    outcome.succeeds();
}
