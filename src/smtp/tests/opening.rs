//! The beginning of a session: greeting, LHLO and STARTTLS.

use super::script::TranscriptServer;
use super::{FULL, play};
use crate::exit::Exit;
use crate::smtp::{Error, LmtpSession};

#[test]
fn a_server_that_does_not_speak_lmtp_is_named() {
    for (transcript, kind, exit) in [
        (
            "S: +OK POP3 ready",
            "the connection: no reply",
            Exit::Protocol,
        ),
        ("S: 554 go away", "the connection: 554", Exit::Protocol),
        ("S: 421 busy", "the connection: 421", Exit::Temporary),
        (
            "S: 220 mx ESMTP\nC: LHLO localhost\nS: 500 unknown command",
            "LHLO: 500",
            Exit::Protocol,
        ),
        (
            "S: 220 mx\nC: LHLO localhost",
            "waiting for the answer to LHLO: the server closed the connection",
            Exit::Temporary,
        ),
    ] {
        for piece in [usize::MAX, 1] {
            let server = TranscriptServer::new(transcript, piece);
            let error = LmtpSession::open(server, None).err().expect("it fails");
            assert_eq!((&*error.kind(), error.exit()), (kind, exit));
        }
    }
}

#[test]
fn nothing_said_before_tls_counts() {
    let session = "
        C: STARTTLS
        S: 220 go on";
    play(&[FULL, session], |session| {
        let (stream, trace) = session.start_tls().expect("TLS begins");
        drop(stream);
        let server = TranscriptServer::new("C: LHLO localhost\nS: 250 mx", 1);
        let session = LmtpSession::resume(server, trace).expect("the server answers");
        assert!(!session.extensions().chunking);
    });
}

#[test]
fn an_answer_injected_before_tls_is_an_error() {
    let session = "
        C: STARTTLS
        S> 220 go on\\r\\n250 mx\\r\\n";
    let server = TranscriptServer::new(&[FULL, session].join("\n"), usize::MAX);
    let session = LmtpSession::open(server, None).expect("the server greets");
    let error = session.start_tls().err().expect("somebody injects replies");
    assert!(matches!(error, Error::Injected), "{error}");
}
