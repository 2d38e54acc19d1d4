//! Messages that are handed over, refused, or cut off on their way.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use super::script::TranscriptServer;
use super::{BARE, FULL, ONLY_PIPELINING, envelope, failure, hand_over, play};
use crate::exit::Exit;
use crate::smtp::{Error, LmtpSession, MessageMeasure, ReplyTo};

#[test]
fn a_small_message_is_one_flight_with_bdat() {
    let session = "
        C: MAIL FROM:<joe@example.com>
        C: RCPT TO:<me>
        C: BDAT 12 LAST
        C> .a\\r\\nFrom b\\r\\n
        S: 250 2.1.0 OK
        S: 250 2.1.5 OK
        S: 250 2.0.0 <me> x Saved
        C: MAIL FROM:<joe@example.com>
        C: RCPT TO:<me>
        C: BDAT 2 LAST
        C> \\r\\n
        S: 250 2.1.0 OK
        S: 250 2.1.5 OK
        S: 250 2.0.0 <me> y Saved
        C: QUIT";
    play(&[FULL, session], |mut session| {
        let reply = hand_over(&mut session, b".a\nFrom b\n").expect("it is taken");
        assert_eq!(reply.to_string(), "250 2.0.0 <me> x Saved");
        hand_over(&mut session, b"\n").expect("it is taken");
        session.quit();
    });
}

#[test]
fn a_message_without_line_end_stays_so_by_bdat() {
    let session = "
        C: MAIL FROM:<joe@example.com> BODY=8BITMIME
        C: RCPT TO:<me>
        C: BDAT 2 LAST
        C> ä
        S: 250 OK
        S: 250 OK
        S: 250 OK";
    play(&[FULL, session], |mut session| {
        hand_over(&mut session, "ä".as_bytes()).expect("it is taken");
    });
}

#[test]
fn a_server_without_extensions_gets_one_command_at_a_time() {
    let session = "
        C: MAIL FROM:<joe@example.com>
        S: 250 OK
        C: RCPT TO:<me>
        S: 250 OK
        C: DATA
        S: 354 go on
        C> ..\\r\\nä\\r\\n.\\r\\n
        S: 250 OK";
    play(&[BARE, session], |mut session| {
        hand_over(&mut session, ".\nä".as_bytes()).expect("it is taken");
    });
}

#[test]
fn parameters_are_sent_only_if_announced() {
    let size = "
        S: 220 mx
        C: LHLO localhost
        S: 250-mx
        S: 250-SIZE 1000000
        S: 250 PIPELINING
        C: MAIL FROM:<joe@example.com> SIZE=3
        C: RCPT TO:<me>
        S: 250 OK
        S: 250 OK
        C: DATA
        S: 354 go on
        C> a\\r\\n.\\r\\n
        S: 250 OK";
    play(&[size], |mut session| {
        hand_over(&mut session, b"a\n").expect("it is taken");
    });
}

#[test]
fn a_large_message_waits_until_the_recipient_is_accepted() {
    let message = vec![b'x'; 200_000];
    let session = "
        C: MAIL FROM:<joe@example.com>
        C: RCPT TO:<me>
        S: 250 OK
        S: 550 5.1.1 <me> no such user";
    let (error, goes_on) = failure(&[FULL, session], &message);
    assert_eq!(
        error.to_string(),
        "the server refused the recipient: 550 5.1.1 <me> no such user"
    );
    assert!(goes_on && !error.is_in_doubt());

    let octets = String::from_utf8(message.clone()).expect("it is ASCII");
    let session = format!(
        "
        C: MAIL FROM:<joe@example.com>
        C: RCPT TO:<me>
        S: 250 OK
        S: 250 OK
        C: BDAT 200000 LAST
        C> {octets}
        S: 250 OK"
    );
    play(&[FULL, &session], |mut session| {
        hand_over(&mut session, &message).expect("it is taken");
    });
}

#[test]
fn a_refused_recipient_does_not_end_the_session() {
    let session = "
        C: MAIL FROM:<joe@example.com>
        C: RCPT TO:<me>
        C: BDAT 3 LAST
        C> a\\r\\n
        S: 250 OK
        S: 552 5.2.2 <me> Quota exceeded
        S: 503 5.5.1 No valid recipients
        C: RSET
        C: MAIL FROM:<joe@example.com>
        C: RCPT TO:<me>
        C: BDAT 3 LAST
        C> a\\r\\n
        S: 250 OK
        S: 250 OK
        S: 250 OK
        S: 250 OK
        C: MAIL FROM:<joe@example.com>
        C: RCPT TO:<me>
        C: BDAT 3 LAST
        C> a\\r\\n
        S: 250 OK
        S: 250 OK
        S: 451 later";
    play(&[FULL, session], |mut session| {
        let error = hand_over(&mut session, b"a\n").expect_err("it is refused");
        assert_eq!(error.exit(), Exit::Temporary);
        assert_eq!(error.kind(), "the recipient: 552 5.2.2");
        hand_over(&mut session, b"a\n").expect("it is taken");
        let error = hand_over(&mut session, b"a\n").expect_err("it is refused");
        assert!(session.is_usable() && !error.is_in_doubt());
    });
}

#[test]
fn a_refusal_without_pipelining_ends_the_transaction() {
    let session = "
        C: MAIL FROM:<joe@example.com>
        S: 550 5.7.1 not you
        C: RSET
        S: 250 OK
        C: MAIL FROM:<joe@example.com>
        S: 250 OK
        C: RCPT TO:<me>
        S: 250 OK
        C: DATA
        S: 452 no room";
    play(&[BARE, session], |mut session| {
        let error = hand_over(&mut session, b"a\n").expect_err("it is refused");
        assert_eq!(error.exit(), Exit::Configuration);
        let error = hand_over(&mut session, b"a\n").expect_err("it is refused");
        assert_eq!(error.kind(), "DATA: 452");
        assert!(session.is_usable());
    });
}

#[test]
fn only_a_message_that_was_sent_as_a_whole_is_in_doubt() {
    const FLIGHT: &str = "
        C: MAIL FROM:<joe@example.com>
        C: RCPT TO:<me>
        C: BDAT 3 LAST
        C> a\\r\\n";
    let all_but_the_last_octet = FLIGHT.strip_suffix("\\n").expect("it ends so");
    for (flight, end, is_in_doubt, goes_on) in [
        ("", "break", false, false),
        ("C: MAIL FROM:<joe@example.com>", "break", false, false),
        (all_but_the_last_octet, "break", false, false),
        (FLIGHT, "", true, false),
        (FLIGHT, "S: 250 OK\nS: 250 OK", true, false),
        (FLIGHT, "S: 250 OK\nS: 250 OK\nS> 250 O", true, false),
        (FLIGHT, "S: 250 OK\nS: 250 OK\nS: +OK", true, false),
        (FLIGHT, "S: 421 4.3.2 shutting down", false, false),
        (FLIGHT, "S: 250 OK\nS: 550 5.1.1 no", false, false),
        (FLIGHT, "S: 250 OK\nS: 250 OK\nS: 550 no", false, true),
    ] {
        let (error, can_go_on) = failure(&[FULL, flight, end], b"a\n");
        assert_eq!(error.is_in_doubt(), is_in_doubt, "{end}: {error}");
        assert_eq!(can_go_on, goes_on, "{end}: {error}");
    }
}

#[test]
fn a_message_is_in_doubt_after_the_dot() {
    let before = "
        C: MAIL FROM:<joe@example.com>
        C: RCPT TO:<me>
        S: 250 OK
        S: 250 OK
        C: DATA";
    let (error, _) = failure(&[ONLY_PIPELINING, before], b"a\n");
    assert!(!error.is_in_doubt(), "{error}");
    let sent = "
        S: 354 go on
        C> a\\r\\n.\\r\\n";
    let (error, _) = failure(&[ONLY_PIPELINING, before, sent], b"a\n");
    assert_eq!(
        error.to_string(),
        "waiting for the answer to the message: the server closed the connection; the message may \
         be delivered nevertheless"
    );
    assert!(error.is_in_doubt() && error.exit() == Exit::Temporary);
}

/// A message that fails at its end.
struct BadFile<'m>(&'m [u8]);

impl Read for BadFile<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer) {
            Ok(0) => Err(io::ErrorKind::Other.into()),
            read => read,
        }
    }
}

#[test]
fn the_end_of_an_unreadable_message_is_never_sent() {
    let by_bdat = "";
    let by_data = "
        C: MAIL FROM:<joe@example.com>
        S: 250 OK
        C: RCPT TO:<me>
        S: 250 OK
        C: DATA
        S: 354 go on";
    for transcripts in [[FULL, by_bdat], [BARE, by_data]] {
        let measure = |octets| MessageMeasure {
            octets,
            is_8bit: false,
        };
        play(&transcripts, |mut session| {
            let handed = session.hand_over(&envelope(), measure(3), &mut BadFile(b"a\n"));
            let error = handed.expect_err("the file is bad");
            assert!(!error.is_in_doubt() && !session.is_usable(), "{error}");
        });
        for octets in [2, 4] {
            play(&transcripts, |mut session| {
                let handed = session.hand_over(&envelope(), measure(octets), &mut &b"a\n"[..]);
                let error = handed.expect_err("the file has another length");
                assert!(!error.is_in_doubt() && !session.is_usable(), "{error}");
            });
        }
    }
}

#[test]
fn an_answer_without_question_ends_the_session() {
    let greeting = "
        S: 220 mx
        C: LHLO localhost
        S> 250 mx\\r\\n250 early\\r\\n";
    let server = TranscriptServer::new(greeting, usize::MAX);
    let mut session = LmtpSession::open(server, None).expect("the server greets");
    let error = hand_over(&mut session, b"a\n").expect_err("nothing was asked");
    assert!(
        matches!(error, Error::Unsolicited) && !session.is_usable(),
        "{error}"
    );
}

#[test]
fn a_check_delivers_nothing() {
    let session = "
        C: MAIL FROM:<joe@example.com>
        C: RCPT TO:<me>
        C: RSET
        S: 250 OK
        S: 250 OK
        S: 250 OK
        C: MAIL FROM:<joe@example.com>
        C: RCPT TO:<me>
        C: RSET
        S: 250 OK
        S: 550 5.1.1 no
        S: 250 OK";
    play(&[FULL, session], |mut session| {
        session.check(&envelope()).expect("it is accepted");
        let error = session.check(&envelope()).expect_err("it is refused");
        assert!(matches!(
            error,
            Error::Refused {
                to: ReplyTo::Rcpt,
                ..
            }
        ));
    });
}

#[test]
fn a_trace_has_the_commands_but_not_the_message() {
    let session = "
        C: MAIL FROM:<joe@example.com>
        C: RCPT TO:<me>
        C: BDAT 3 LAST
        C> a\\r\\n
        S: 250-one
        S: 250 two
        S: 250 OK
        S: 250 OK";
    let lines = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&lines);
    let server = TranscriptServer::new(&[FULL, session].join("\n"), 1);
    let mut session = LmtpSession::open(
        server,
        Some(Box::new(move |_, line| {
            let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
            noted.push(line.to_string());
        })),
    )
    .expect("the server greets");
    hand_over(&mut session, b"a\n").expect("it is taken");
    let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(
        lines[3..],
        [
            "MAIL FROM:<joe@example.com>",
            "RCPT TO:<me>",
            "BDAT 3 LAST",
            "250 one two",
            "250 OK",
            "250 OK"
        ]
    );
}
