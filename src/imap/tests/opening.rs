//! The beginning of a session: greeting, capabilities and STARTTLS.

use super::{BARE, FULL, failed_opening, play};
use crate::exit::Exit;
use crate::imap::{Error, ImapSession};
use crate::smtp::tests::script::TranscriptServer;

#[test]
fn a_server_that_does_not_speak_imap_is_named() {
    for (transcript, kind, exit) in [
        (
            "S: +OK POP3 ready",
            "the connection: no response",
            Exit::Protocol,
        ),
        (
            "S: 220 mx ESMTP",
            "the connection: no response",
            Exit::Protocol,
        ),
        ("S: * BYE too many", "the connection: BYE", Exit::Temporary),
        (
            "S: * BYE [UNAVAILABLE] later",
            "the connection: BYE [UNAVAILABLE]",
            Exit::Temporary,
        ),
        (
            "S: * OK [CAPABILITY IMAP4] old",
            "the server does not announce IMAP4rev1",
            Exit::Unavailable,
        ),
        (
            "S: * OK ready\nC: A1 CAPABILITY\nS: A1 OK done",
            "the answer to CAPABILITY lacks the capabilities",
            Exit::Protocol,
        ),
        (
            "S: * OK ready\nC: A1 CAPABILITY\nS: A2 OK done",
            "waiting for the answer to CAPABILITY: the responses no longer match the commands",
            Exit::Protocol,
        ),
        (
            "S: * OK ready\nC: A1 CAPABILITY\nS: * BYE [SERVERBUG] oops",
            "CAPABILITY: BYE [SERVERBUG]",
            Exit::Temporary,
        ),
        (
            "S: * OK ready\nC: A1 CAPABILITY",
            "waiting for the answer to CAPABILITY: the server closed the connection",
            Exit::Temporary,
        ),
    ] {
        let error = failed_opening(transcript);
        assert_eq!((&*error.kind(), error.exit()), (kind, exit));
    }
}

#[test]
fn capabilities_are_asked_for_if_the_greeting_has_none() {
    let session = "
        S: * OK ready
        C: A1 CAPABILITY
        S: * CAPABILITY IMAP4rev1 UIDPLUS
        S: A1 OK done";
    play(&[session], |session| {
        assert!(session.capabilities().uid_plus());
        assert!(!session.is_preauthenticated());
    });
}

#[test]
fn nothing_said_before_tls_counts() {
    let session = "
        C: A1 STARTTLS
        S: A1 OK go on";
    play(&[FULL, session], |session| {
        let (stream, trace) = session.start_tls().expect("TLS begins");
        drop(stream);
        let transcript = "
            C: A1 CAPABILITY
            S: * CAPABILITY IMAP4rev1
            S: A1 OK done";
        let server = TranscriptServer::new(transcript, 1);
        let session = ImapSession::resume(server, trace).expect("the server answers");
        assert!(!session.capabilities().literal_plus());
    });
}

#[test]
fn a_response_injected_before_tls_is_an_error() {
    let session = "
        C: A1 STARTTLS
        S> A1 OK go on\\r\\n* CAPABILITY IMAP4rev1\\r\\n";
    let server = TranscriptServer::new(&[FULL, session].join("\n"), usize::MAX);
    let session = ImapSession::open(server, None).expect("the server greets");
    let error = session
        .start_tls()
        .err()
        .expect("somebody injects responses");
    assert!(matches!(error, Error::Injected), "{error}");
}

#[test]
fn a_login_skipped_before_tls_is_an_error() {
    let greeting = "S: * PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] welcome";
    play(&[greeting], |session| {
        assert!(session.is_preauthenticated());
        let error = session.start_tls().err().expect("TLS cannot begin");
        assert!(matches!(error, Error::PreAuthenticated), "{error}");
    });
}

#[test]
fn a_session_ends_with_logout() {
    play(&[BARE, "C: A1 LOGOUT"], ImapSession::logout);
}
