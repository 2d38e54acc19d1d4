use std::io::{self, Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::pace::Paced;
use crate::pop3::Error;
use crate::pop3::authorization::Authorization;
use crate::pop3::session_hints::SessionHints;
use crate::pop3::tests::script::ScriptedServer;
use crate::pop3::tests::{credentials, secret};
use crate::sasl::Mechanism;

/// Logs joe in after a greeting and CAPA, and returns how that ends.
fn log_in(
    mechanism: Mechanism,
    password: &str,
    capabilities: &str,
    script: &str,
) -> Result<(), Error> {
    log_user_in("joe", mechanism, password, capabilities, script)
}

fn log_user_in(
    user: &str,
    mechanism: Mechanism,
    password: &str,
    capabilities: &str,
    script: &str,
) -> Result<(), Error> {
    let capa = format!("S: +OK\nC: CAPA\nS: +OK\n{capabilities}S: .\n");
    let server = ScriptedServer::new(&(capa + script));
    let mut session = Authorization::open(server, &SessionHints::default(), None)?;
    session.capabilities()?;
    let password = secret(password);
    let mut credentials = credentials(user, &password);
    credentials.binding = mechanism.is_bound().then_some(&b"end point"[..]);
    session.login(mechanism, &credentials).map(drop)
}

/// The capabilities after a login.
const LOGGED_IN: &str = "S: +OK\nC: CAPA\nS: +OK\nS: .";

#[test]
fn plain_is_sent_in_the_line_of_auth() {
    let script = "C: AUTH PLAIN AGpvZQBwdw==\n".to_owned() + LOGGED_IN;
    log_in(Mechanism::Plain, "pw", "", &script).expect("joe is logged in");
}

#[test]
fn a_response_longer_than_the_line_waits_for_the_continuation() {
    let password = "p".repeat(200);
    let response = STANDARD.encode(format!("\0joe\0{password}"));
    let script = format!("C: AUTH PLAIN\nS: +\nC: {response}\n{LOGGED_IN}");
    log_in(Mechanism::Plain, &password, "", &script).expect("joe is logged in");
}

#[test]
fn plain_is_repeated_to_a_server_that_ignored_its_initial_response() {
    let script = "C: AUTH PLAIN AGpvZQBwdw==\nS: +\nC: AGpvZQBwdw==\n".to_owned() + LOGGED_IN;
    log_in(Mechanism::Plain, "pw", "", &script).expect("joe is logged in");

    // In one flight the next command was taken for the response.
    let flight = "C: AUTH PLAIN AGpvZQBwdw==\nC: CAPA\nC: UIDL\nC: LIST\nS: +";
    let ended = log_in(Mechanism::Plain, "pw", "S: PIPELINING\n", flight);
    assert!(matches!(ended, Err(Error::OutOfStep(_))));
}

#[test]
fn login_sends_user_and_password_on_lines_of_their_own() {
    let script = "C: AUTH LOGIN\nS: + VXNlcm5hbWU6\nC: am9l\nS: + UGFzc3dvcmQ6\nC: cHc=\n"
        .to_owned()
        + LOGGED_IN;
    log_in(Mechanism::Login, "pw", "", &script).expect("joe is logged in");
}

#[test]
fn prompts_for_plain_and_login_mean_nothing() {
    for (mechanism, script) in [
        (
            Mechanism::Login,
            "C: AUTH LOGIN\nS: + Username:\nC: am9l\nS: + Password:\nC: cHc=\n",
        ),
        (
            Mechanism::Login,
            "C: AUTH LOGIN\nS: +OK VXNlcm5hbWU6\nC: am9l\nS: +OK\nC: cHc=\n",
        ),
        (
            Mechanism::Login,
            "C: AUTH LOGIN\nS: +\nC: am9l\nS: + UGFzc3dvcmQ6 \nC: cHc=\n",
        ),
        (
            Mechanism::Plain,
            "C: AUTH PLAIN AGpvZQBwdw==\nS: + Go ahead\nC: AGpvZQBwdw==\n",
        ),
        (
            Mechanism::Plain,
            "C: AUTH PLAIN AGpvZQBwdw==\nS: -ERR Bad arguments\nC: AUTH PLAIN\nS: +OK go ahead\n\
             C: AGpvZQBwdw==\n",
        ),
    ] {
        log_in(mechanism, "pw", "", &format!("{script}{LOGGED_IN}")).expect(script);
    }
    // One prompt too many is no prompt.
    let script = "C: AUTH PLAIN AGpvZQBwdw==\nS: +\nC: AGpvZQBwdw==\nS: +\nC: *\nS: -ERR";
    let ended = log_in(Mechanism::Plain, "pw", "", script);
    assert!(matches!(ended, Err(Error::Exchange { .. })));
}

/// The initial responses of mechanisms that have one which is always the same, with the secret "pw".
const INITIAL: [(Mechanism, &str); 4] = [
    (Mechanism::Plain, "AGpvZQBwdw=="),
    (Mechanism::External, "am9l"),
    (Mechanism::XOAuth2, "dXNlcj1qb2UBYXV0aD1CZWFyZXIgcHcBAQ=="),
    (
        Mechanism::OAuthBearer,
        "bixhPWpvZSwBaG9zdD1wb3AuZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgcHcBAQ==",
    ),
];

#[test]
fn an_ignored_initial_response_is_repeated() {
    for (mechanism, response) in INITIAL {
        let script = format!("C: AUTH {mechanism} {response}\nS: + \nC: {response}\n{LOGGED_IN}");
        log_in(mechanism, "pw", "", &script).expect("joe is logged in");
    }
}

#[test]
fn an_initial_response_refused_as_syntax_is_sent_alone() {
    for (mechanism, response) in INITIAL {
        let auth = format!("C: AUTH {mechanism} {response}\n");
        let alone = format!("C: AUTH {mechanism}\nS: + \nC: {response}\n{LOGGED_IN}");
        for refusal in ["Bad arguments", "line too long", "Syntax error"] {
            let script = format!("{auth}S: -ERR {refusal}\n{alone}");
            log_in(mechanism, "pw", "", &script).expect("joe is logged in");
        }
        for refusal in ["[AUTH] Bad arguments", "wrong password"] {
            if mechanism.takes_token() && !refusal.starts_with('[') {
                continue;
            }
            let ended = log_in(mechanism, "pw", "", &format!("{auth}S: -ERR {refusal}"));
            assert!(matches!(ended, Err(Error::Refused { .. })), "{refusal}");
        }
    }
}

#[test]
fn an_empty_challenge_gets_no_digest() {
    for mechanism in [Mechanism::CramMd5, Mechanism::DigestMd5] {
        let script = format!("C: AUTH {mechanism}\nS: + \nC: *\nS: -ERR");
        let ended = log_in(mechanism, "pw", "", &script);
        assert!(matches!(ended, Err(Error::Exchange { .. })), "{mechanism}");
    }
}

#[test]
fn a_bound_login_that_ends_the_connection_is_unbound() {
    let capa = "S: +OK\nC: CAPA\nS: +OK\nS: .";
    let secret = secret("pw");
    let mut credentials = credentials("joe", &secret);
    credentials.binding = Some(b"end point");
    let server = Closing(ScriptedServer::new(capa), false);
    let mut session = Authorization::open(server, &SessionHints::default(), None).expect("greeted");
    session.capabilities().expect("CAPA is answered");
    let ended = session.authenticate_sasl(Mechanism::ScramSha256Plus, &credentials);
    assert!(
        matches!(ended, Err(Error::UnboundByClosing { .. })),
        "{ended:?}"
    );
}

/// A server that plays a script up to CAPA, and closes the connection at whatever comes then.
struct Closing(ScriptedServer, bool);

impl Paced for Closing {}

impl Read for Closing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.1 {
            true => Ok(0),
            false => self.0.read(buffer),
        }
    }
}

impl Write for Closing {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.1 |= octets.starts_with(b"AUTH");
        match self.1 {
            true => Ok(octets.len()),
            false => self.0.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_challenge_that_is_no_base64_is_cancelled() {
    // CVE-2012-3482: text must never be taken for a challenge.
    for script in [
        "C: AUTH CRAM-MD5\nS: + <1896.697170952@host>\nC: *\nS: -ERR",
        "C: AUTH CRAM-MD5\nS: + !\nC: *\nS: +OK",
        "C: AUTH CRAM-MD5\nS: + !\nC: *",
    ] {
        let ended = log_in(Mechanism::CramMd5, "pw", "", script);
        assert!(matches!(ended, Err(Error::Exchange { .. })), "{script}");
    }
}

#[test]
fn a_token_refused_with_auth_is_sent_alone() {
    let response = "dXNlcj1qb2UBYXV0aD1CZWFyZXIgdG9rZW4BAQ==";
    let auth = format!("C: AUTH XOAUTH2 {response}\n");
    let again = format!("{auth}S: -ERR\nC: AUTH XOAUTH2\nS: +\nC: {response}\n{LOGGED_IN}");
    log_in(Mechanism::XOAuth2, "token", "", &again).expect("joe is logged in");

    for refused in [
        // The response code says that the token itself is wrong.
        format!("{auth}S: -ERR [AUTH] no"),
        // It is repeated only once.
        format!("{auth}S: -ERR\nC: AUTH XOAUTH2\nS: +\nC: {response}\nS: -ERR no"),
    ] {
        let ended = log_in(Mechanism::XOAuth2, "token", "", &refused);
        assert!(matches!(ended, Err(Error::Refused { .. })), "{refused}");
    }
}

#[test]
fn a_refused_token_is_acknowledged_and_explained() {
    let json = "eyJzdGF0dXMiOiI0MDAifQ==";
    for (mechanism, response, acknowledgement) in [
        (
            Mechanism::XOAuth2,
            "dXNlcj1qb2UBYXV0aD1CZWFyZXIgdG9rZW4BAQ==",
            "",
        ),
        (
            Mechanism::OAuthBearer,
            "bixhPWpvZSwBaG9zdD1wb3AuZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgdG9rZW4BAQ==",
            "AQ==",
        ),
    ] {
        let script = format!(
            "C: AUTH {mechanism} {response}\nS: + {json}\nC: {acknowledgement}\nS: -ERR [AUTH] no"
        );
        let error = log_in(mechanism, "token", "", &script).expect_err("the token is refused");
        match error {
            Error::RefusedAt { said, refusal, .. } => {
                assert_eq!(said.to_string(), "{\"status\":\"400\"}");
                assert_eq!(refusal.text.to_string(), "[AUTH] no");
            }
            error => panic!("{error}"),
        }
    }
}

#[test]
fn a_login_that_skips_the_proof_of_the_server_is_refused() {
    for (mechanism, script) in [
        (Mechanism::DigestMd5, "C: AUTH DIGEST-MD5\nS: +OK"),
        (Mechanism::CramMd5, "C: AUTH CRAM-MD5\nS: +OK"),
    ] {
        let error =
            log_in(mechanism, "pw", "", script).expect_err("the positive reply came too early");
        let is_unproven = matches!(error, Error::Unproven { .. });
        assert_eq!(is_unproven, mechanism.proves_server(), "{error}");
    }
}

#[test]
fn external_sends_the_user_and_an_equals_sign_for_none() {
    for (user, response) in [("joe", "am9l"), ("", "=")] {
        let script = format!("C: AUTH EXTERNAL {response}\n{LOGGED_IN}");
        log_user_in(user, Mechanism::External, "pw", "", &script).expect("logged in");
    }
}

#[test]
fn a_bound_login_refused_before_any_proof_is_unbound() {
    let pair = [Mechanism::ScramSha1Plus, Mechanism::ScramSha1];
    for (mechanism, is_bound) in pair.into_iter().zip([true, false]) {
        let secret = secret("pw");
        let mut credentials = credentials("joe", &secret);
        credentials.binding = Some(b"end point");
        let mut session = Authorization::resume(Refusing, &SessionHints::default(), None);
        let error = session
            .authenticate_sasl(mechanism, &credentials)
            .expect_err("the server refuses");
        assert_eq!(matches!(error, Error::Unbound { .. }), is_bound, "{error}");
    }
}

/// A server that refuses everything. The nonces of SCRAM differ, so there can be no script.
struct Refusing;

impl Paced for Refusing {}

impl Read for Refusing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let reply = b"-ERR\r\n";
        buffer[..reply.len()].copy_from_slice(reply);
        Ok(reply.len())
    }
}

impl Write for Refusing {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_token_with_a_space_is_never_sent() {
    let ended = log_in(Mechanism::XOAuth2, "no token", "", "");
    assert!(matches!(ended, Err(Error::UnusableCredentials { .. })));
}
