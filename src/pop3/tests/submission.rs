//! A message for sending, XTND XMIT.

use crate::exit::Exit;
use crate::pop3::submission::SubmissionError;
use crate::pop3::tests::session;

fn submit(script: &str) -> Result<(), SubmissionError> {
    session(true, script).submit(&mut &b"To: a\n\n.b\n"[..])
}

const SENT: &str = "C: XTND XMIT\nS: +OK go on\nC: To: a\nC: \nC: ..b\nC: .\n";

#[test]
fn a_message_is_sent_after_the_server_asks_for_it() {
    submit(&format!("{SENT}S: +OK")).expect("the server takes it");
}

#[test]
fn a_refused_submission_says_what_can_be_done() {
    for (script, exit, advice) in [
        (
            "C: XTND XMIT\nS: -ERR unknown command".to_owned(),
            Exit::Unavailable,
            Some("SMTP"),
        ),
        (
            "C: XTND XMIT\nS: -ERR".to_owned(),
            Exit::Unavailable,
            Some("SMTP"),
        ),
        (
            "C: XTND XMIT\nS: -ERR [SYS/TEMP] later".to_owned(),
            Exit::Temporary,
            None,
        ),
        (
            format!("{SENT}S: -ERR no such recipient"),
            Exit::SetAside,
            None,
        ),
        (
            format!("{SENT}S: -ERR [SYS/TEMP] later"),
            Exit::Temporary,
            None,
        ),
    ] {
        let error = submit(&script).expect_err("the server refuses it");
        assert_eq!(error.exit(), exit, "{error}");
        let hint = error.hint();
        assert_eq!(hint.is_some(), advice.is_some(), "{error}");
        assert!(advice.is_none_or(|word| hint.is_some_and(|hint| hint.contains(word))));
    }
}

#[test]
fn a_lost_answer_leaves_the_sending_uncertain() {
    for (answer, is_certain) in [("", false), ("S: what", false), ("S: + go on", false)] {
        let error = submit(&format!("{SENT}{answer}")).expect_err("there is no answer");
        assert_eq!(
            !matches!(error, SubmissionError::Unknown(_)),
            is_certain,
            "{error}"
        );
        assert_eq!(error.exit(), Exit::Temporary);
    }
    let error = submit("C: XTND XMIT").expect_err("the server closes the connection");
    assert!(matches!(error, SubmissionError::NotSent(_)), "{error}");
}
