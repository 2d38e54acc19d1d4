//! Logins by LOGIN and by SASL, and what is shown of them.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{BARE, FULL, play};
use crate::exit::Exit;
use crate::imap::{Error, ImapSession};
use crate::os::secret::Secret;
use crate::sasl::{Credentials, Mechanism};
use crate::smtp::tests::script::TranscriptServer;

fn secret(password: &str) -> Secret {
    Secret::new(password.as_bytes().to_vec()).expect("the password is valid")
}

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

fn authenticate(
    session: &mut ImapSession<TranscriptServer>,
    mechanism: Mechanism,
) -> Result<(), Error> {
    let secret = secret("s3cret-token");
    let credentials = Credentials {
        user: "joe",
        secret: &secret,
        host: "imap.example.com",
        binding: None,
    };
    session.authenticate(mechanism, &credentials)
}

#[test]
fn user_and_password_are_sent_in_quotes() {
    let session = "
        C: A1 LOGIN \"joe \\\"x\\\"\" \"a\\\\b\\\"c\"
        S: A1 OK [CAPABILITY IMAP4rev1 UIDPLUS] logged in";
    play(&[BARE, session], |mut session| {
        let password = secret("a\\b\"c");
        session.login("joe \"x\"", &password).expect("it is right");
        assert!(session.capabilities().uid_plus());
    });
}

#[test]
fn capabilities_after_a_login_come_in_any_form() {
    for (answer, has_uid_plus) in [
        ("S: A1 OK [CAPABILITY IMAP4rev1 UIDPLUS] done", true),
        ("S: * CAPABILITY IMAP4rev1 UIDPLUS\nS: A1 OK done", true),
        (
            "S: * CAPABILITY IMAP4rev1 UIDPLUS\nS: A1 OK [CAPABILITY IMAP4rev1] done",
            false,
        ),
        (
            "S: A1 OK done\nC: A2 CAPABILITY\nS: * CAPABILITY IMAP4rev1 UIDPLUS\nS: A2 OK done",
            true,
        ),
    ] {
        let session = format!("C: A1 LOGIN \"joe\" \"x\"\n{answer}");
        play(&[BARE, &session], |mut session| {
            session.login("joe", &secret("x")).expect("it is right");
            assert_eq!(session.capabilities().uid_plus(), has_uid_plus);
        });
    }
}

#[test]
fn capabilities_before_a_login_do_not_count_after_it() {
    let session = "
        C: A1 LOGIN \"joe\" \"y\"
        S: * CAPABILITY IMAP4rev1 UIDPLUS
        S: A1 NO no
        C: A2 LOGIN \"joe\" \"x\"
        S: A2 OK done
        C: A3 CAPABILITY
        S: * CAPABILITY IMAP4rev1
        S: A3 OK done";
    play(&[BARE, session], |mut session| {
        session.login("joe", &secret("y")).expect_err("it is wrong");
        session.login("joe", &secret("x")).expect("it is right");
        assert!(!session.capabilities().uid_plus());
    });
}

#[test]
fn a_password_beyond_ascii_is_a_literal() {
    let at_once = "
        C: A1 LOGIN \"joe\" {6+}
        C> größ\\r\\n
        S: A1 OK done
        C: A2 CAPABILITY
        S: * CAPABILITY IMAP4rev1
        S: A2 OK done";
    play(&[FULL, at_once], |mut session| {
        session.login("joe", &secret("größ")).expect("it is right");
    });
    let awaited = "
        C: A1 LOGIN {5}
        S: + go on
        C> müde \"x\"\\r\\n
        S: A1 OK [CAPABILITY IMAP4rev1] done";
    play(&[BARE, awaited], |mut session| {
        session.login("müde", &secret("x")).expect("it is right");
    });
}

#[test]
fn a_refused_login_has_its_reason() {
    for (answer, exit) in [
        ("NO [AUTHENTICATIONFAILED] no", Exit::LoginRefused),
        ("NO no", Exit::LoginRefused),
        ("NO [UNAVAILABLE] later", Exit::Temporary),
        ("NO [PRIVACYREQUIRED] TLS", Exit::Configuration),
        ("BAD what", Exit::Protocol),
    ] {
        let session = format!("C: A1 LOGIN \"joe\" \"x\"\nS: A1 {answer}");
        play(&[BARE, &session], |mut session| {
            let error = session
                .login("joe", &secret("x"))
                .expect_err("it is refused");
            assert_eq!(error.exit(), exit, "{answer}");
            assert!(error.refusal().is_some() && session.is_usable());
        });
    }
    // In the middle of the command.
    let session = "C: A1 LOGIN \"joe\" {2}\nS: A1 NO no";
    play(&[BARE, session], |mut session| {
        let error = session
            .login("joe", &secret("ä"))
            .expect_err("it is refused");
        assert_eq!(error.exit(), Exit::LoginRefused);
    });
}

#[test]
fn no_password_is_sent_where_none_is_taken() {
    play(
        &["S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi"],
        |mut session| {
            let error = session
                .login("joe", &secret("x"))
                .expect_err("it is not taken");
            assert!(matches!(error, Error::LoginDisabled));
            assert_eq!(error.exit(), Exit::Unavailable);
        },
    );
    play(&[BARE], |mut session| {
        let error = session.login("joe\r\nA2 LOGOUT", &secret("x"));
        assert!(matches!(error, Err(Error::UnsendableUser)));
    });
}

#[test]
fn an_initial_response_is_sent_at_once_or_after_a_challenge() {
    let plain = base64("\0joe\0s3cret-token");
    let at_once = format!(
        "
        C: A1 AUTHENTICATE PLAIN {plain}
        S: A1 OK [CAPABILITY IMAP4rev1] done"
    );
    play(&[FULL, &at_once], |mut session| {
        authenticate(&mut session, Mechanism::Plain).expect("it is right");
    });
    let later = format!(
        "
        C: A1 AUTHENTICATE PLAIN
        S: +
        C: {plain}
        S: A1 OK [CAPABILITY IMAP4rev1] done"
    );
    play(&[BARE, &later], |mut session| {
        authenticate(&mut session, Mechanism::Plain).expect("it is right");
    });
    let two_steps = format!(
        "
        C: A1 AUTHENTICATE LOGIN
        S: + VXNlcm5hbWU6
        C: {}
        S: + UGFzc3dvcmQ6
        C: {}
        S: A1 OK [CAPABILITY IMAP4rev1] done",
        base64("joe"),
        base64("s3cret-token")
    );
    play(&[FULL, &two_steps], |mut session| {
        authenticate(&mut session, Mechanism::Login).expect("it is right");
    });
}

#[test]
fn a_refused_token_has_the_reason_of_the_server() {
    let response = base64("user=joe\x01auth=Bearer s3cret-token\x01\x01");
    let reason = base64("{\"status\":\"401\"}");
    let session = format!(
        "
        C: A1 AUTHENTICATE XOAUTH2 {response}
        S: + {reason}
        C> \\r\\n
        S: A1 NO [AUTHENTICATIONFAILED] no"
    );
    play(&[FULL, &session], |mut session| {
        let error = authenticate(&mut session, Mechanism::XOAuth2).expect_err("it is refused");
        assert_eq!(
            error.to_string(),
            "the server refused the login: NO [AUTHENTICATIONFAILED] no ({\"status\":\"401\"})"
        );
        assert_eq!(error.exit(), Exit::LoginRefused);
    });
}

#[test]
fn a_challenge_that_is_none_cancels_the_exchange() {
    let session = "
        C: A1 AUTHENTICATE PLAIN
        S: + say something
        C: *
        S: A1 BAD cancelled";
    play(&[BARE, session], |mut session| {
        let error = authenticate(&mut session, Mechanism::Plain).expect_err("it is no challenge");
        assert!(matches!(error, Error::Exchange { .. }), "{error}");
        assert!(session.is_usable());
    });
}

#[test]
fn a_server_that_proves_nothing_is_left() {
    let session = "
        C: A1 AUTHENTICATE CRAM-MD5
        S: A1 OK [CAPABILITY IMAP4rev1] welcome";
    play(&[BARE, session], |mut session| {
        let error = authenticate(&mut session, Mechanism::CramMd5).expect_err("it ends too early");
        assert!(matches!(error, Error::OutOfStep(_)), "{error}");
    });
    let session = "
        C: A1 AUTHENTICATE DIGEST-MD5
        S: A1 OK [CAPABILITY IMAP4rev1] welcome";
    play(&[BARE, session], |mut session| {
        let error = authenticate(&mut session, Mechanism::DigestMd5).expect_err("no proof");
        assert!(matches!(error, Error::Unproven { .. }), "{error}");
    });
}

#[test]
fn a_trace_shows_no_secret() {
    let plain = base64("\0joe\0s3cret-token");
    let transcript = format!(
        "{FULL}
        C: A1 LOGIN \"joe\" \"s3cret-token\"
        S: A1 NO not s3cret-token
        C: A2 AUTHENTICATE PLAIN {plain}
        S: A2 NO not {plain}
        C: A3 AUTHENTICATE LOGIN
        S: + VXNlcm5hbWU6
        C: {}
        S: + UGFzc3dvcmQ6
        C: {}
        S: A3 OK [CAPABILITY IMAP4rev1] done",
        base64("joe"),
        base64("s3cret-token")
    );
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    let trace = move |_, line: &dyn std::fmt::Display| {
        kept.lock().expect("no panic").push(line.to_string());
    };
    let server = TranscriptServer::new(&transcript, usize::MAX);
    let mut session = ImapSession::open(server, Some(Box::new(trace))).expect("it greets");
    let password = secret("s3cret-token");
    session.login("joe", &password).expect_err("it is refused");
    authenticate(&mut session, Mechanism::Plain).expect_err("it is refused");
    authenticate(&mut session, Mechanism::Login).expect("it is right");
    let lines = lines.lock().expect("no panic");
    for hidden in ["s3cret", &plain, &base64("s3cret-token")] {
        assert!(!lines.iter().any(|line| line.contains(hidden)), "{lines:?}");
    }
    assert_eq!(lines[1], "A1 LOGIN joe ****");
    assert_eq!(lines[3], "A2 AUTHENTICATE PLAIN ****");
    assert!(lines.contains(&"****".to_owned()));
}
