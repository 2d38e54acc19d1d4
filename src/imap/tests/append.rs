//! Messages that are stored, refused, or cut off on their way.

use std::io::{self, Read};

use super::{BARE, FULL, inbox, message, play};
use crate::exit::Exit;
use crate::imap::{Appended, Error, InternalDate, MessageUid, OutgoingMessage};
use crate::mail::wire_form::MessageMeasure;

/// Plays a session in which a message is refused or the session fails. Returns the error, and true
/// if the session can go on.
fn failure(transcripts: &[&str], octets: &[u8]) -> (Error, bool) {
    let mut failed = None;
    play(transcripts, |mut session| {
        let error = session
            .append(&inbox(), message(octets))
            .expect_err("it fails");
        failed = Some((error, session.is_usable()));
    });
    failed.expect("a session was played")
}

fn stored(transcripts: &[&str], octets: &[u8]) -> Appended {
    let mut stored = None;
    play(transcripts, |mut session| {
        let appended = session.append(&inbox(), message(octets));
        stored = Some(appended.expect("it is stored"));
        assert!(session.is_usable());
    });
    stored.expect("a session was played")
}

#[test]
fn a_small_message_is_sent_at_once_with_literal_plus() {
    let session = "
        C: A1 APPEND \"INBOX\" {9+}
        C> a\\r\\n\\r\\né\\r\\n\\r\\n
        S: * 4 EXISTS
        S: A1 OK [APPENDUID 7 99] done";
    let appended = stored(&[FULL, session], "a\n\né\n".as_bytes());
    let uid = MessageUid {
        uid_validity: 7,
        uid: 99,
    };
    assert_eq!(appended.uid, Some(uid));
    assert_eq!(appended.answer.to_string(), "OK [APPENDUID 7 99] done");
}

#[test]
fn a_server_without_extensions_is_asked_first() {
    let session = "
        C: A1 APPEND \"INBOX\" {2}
        S: * OK still here
        S: + go on
        C> ab\\r\\n
        S: A1 OK done";
    assert_eq!(stored(&[BARE, session], b"ab").uid, None);
    let empty = "
        C: A1 APPEND \"INBOX\" {0}
        S: +
        C> \\r\\n
        S: A1 OK done";
    assert_eq!(stored(&[BARE, empty], b"").uid, None);
}

#[test]
fn a_long_message_waits_for_the_server() {
    let long = vec![b'x'; (1 << 20) + 1];
    let refused = "
        C: A1 APPEND \"INBOX\" {1048577}
        S: A1 NO [OVERQUOTA] Quota exceeded";
    let (error, goes_on) = failure(&[FULL, refused], &long);
    assert_eq!(
        error.to_string(),
        "the server refused the message: NO [OVERQUOTA] Quota exceeded"
    );
    assert_eq!(
        (error.exit(), error.is_in_doubt(), goes_on),
        (Exit::Temporary, false, true)
    );
    let octets = String::from_utf8(long.clone()).expect("it is ASCII");
    let taken = format!(
        "
        C: A1 APPEND \"INBOX\" {{1048577}}
        S: + go on
        C> {octets}\\r\\n
        S: A1 OK done"
    );
    stored(&[FULL, &taken], &long);
}

#[test]
fn a_date_is_sent_before_the_message() {
    let session = "
        C: A1 APPEND \"INBOX\" \" 1-Jan-1970 01:00:00 +0100\" {1+}
        C> x\\r\\n
        S: A1 OK done";
    play(&[FULL, session], |mut session| {
        let dated = OutgoingMessage {
            internal_date: InternalDate::new(0, 60),
            ..message(&b"x"[..])
        };
        session.append(&inbox(), dated).expect("it is stored");
    });
}

#[test]
fn a_refusal_is_certain() {
    for (answer, exit) in [
        ("NO [TRYCREATE] no such mailbox", Exit::CannotCreate),
        ("NO [TOOBIG] too long", Exit::LocalIo),
        ("NO empty", Exit::LocalIo),
        ("NO [LIMIT] slower", Exit::Temporary),
        ("BAD what", Exit::Protocol),
    ] {
        let session = format!("C: A1 APPEND \"INBOX\" {{1+}}\nC> x\\r\\n\nS: A1 {answer}");
        let (error, goes_on) = failure(&[FULL, &session], b"x");
        assert_eq!(
            (error.exit(), error.is_in_doubt()),
            (exit, false),
            "{answer}"
        );
        assert!(goes_on);
    }
}

#[test]
fn a_lost_answer_leaves_doubt() {
    for answer in [
        "",
        "S: * BYE [UNAVAILABLE] later",
        "S: A9 OK",
        "S: garbage",
        "S: + more",
    ] {
        let session = format!("C: A1 APPEND \"INBOX\" {{1+}}\nC> x\\r\\n\n{answer}");
        let (error, goes_on) = failure(&[FULL, &session], b"x");
        assert!(error.is_in_doubt() && !goes_on, "{answer}");
        assert_eq!(error.exit(), Exit::Temporary);
    }
    let (error, _) = failure(&[FULL, "break"], b"x");
    assert!(error.is_in_doubt(), "the octets may have been sent");
}

#[test]
fn a_cut_before_the_last_octets_is_certain() {
    let before = "
        C: A1 APPEND \"INBOX\" {1}
        S: * BYE later";
    let (error, goes_on) = failure(&[BARE, before], b"x");
    assert!(!error.is_in_doubt() && !goes_on);
    // The first of two pieces.
    let (error, goes_on) = failure(&[FULL, "break"], &[b'x'; 200_000]);
    assert!(!error.is_in_doubt() && !goes_on, "{error}");
}

#[test]
fn the_end_of_an_unreadable_message_is_never_sent() {
    struct Unreadable;
    impl Read for Unreadable {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::PermissionDenied.into())
        }
    }
    for is_short in [false, true] {
        play(&[FULL], |mut session| {
            let measure = MessageMeasure {
                octets: 5,
                is_8bit: false,
            };
            let message: Box<dyn Read> = match is_short {
                true => Box::new(&b"abc"[..]),
                false => Box::new(Unreadable),
            };
            let outgoing = OutgoingMessage {
                measure,
                internal_date: None,
                message,
            };
            let error = session.append(&inbox(), outgoing).expect_err("it fails");
            assert!(matches!(error, Error::Message(_)) && !error.is_in_doubt());
            assert!(!session.is_usable());
            session.logout();
        });
    }
}
