use crate::limits;
use crate::pop3::Error;
use crate::pop3::command::Command;
use crate::pop3::reply::Status;
use crate::pop3::session_hints::PipeliningLog;
use crate::pop3::tests::script::ScriptedServer;
use crate::pop3::tests::{TraceLines, number, secret};
use crate::pop3::wire::{STRAY_LINES, Wire};

fn wire(script: &str) -> Wire<ScriptedServer> {
    Wire::new(ScriptedServer::new(script), None, PipeliningLog::default())
}

/// Sends a command and returns why its reply, or the rest of its response, cannot be read.
fn error_after(command: &Command<'_>, script: &str) -> Error {
    let mut wire = wire(script);
    wire.send(std::slice::from_ref(command))
        .expect("the script takes the command");
    let read = wire.reply().and_then(|_| wire.lines(1 << 20, |_| Ok(())));
    read.expect_err(script)
}

#[test]
fn replies_belong_to_commands_in_their_order() {
    let mut wire = wire("C: NOOP\nC: UIDL\nS: -ERR no\nS: +OK\nS: 1 a\nS: .");
    wire.send(&[Command::Noop, Command::Uidl]).expect("sent");
    assert_eq!(wire.awaited(), Some("NOOP"));
    assert!(matches!(wire.reply(), Ok(Status::Negative(_))));
    assert_eq!(wire.awaited(), Some("UIDL"));
    assert!(matches!(wire.reply(), Ok(Status::Positive(_))));
    let mut lines = Vec::new();
    wire.lines(100, |line| {
        lines.push(line.to_vec());
        Ok(())
    })
    .expect("the response is whole");
    assert_eq!(lines, [b"1 a"]);
    assert_eq!(wire.awaited(), None);
}

#[test]
fn a_reply_without_a_command_is_out_of_step() {
    assert!(matches!(wire("S: +OK").reply(), Err(Error::OutOfStep(_))));
}

#[test]
fn a_command_is_not_sent_after_unsolicited_octets() {
    let mut wire = wire("C: NOOP\nS: +OK\nS: +OK again");
    wire.send(&[Command::Noop]).expect("sent");
    wire.reply().expect("NOOP is answered");
    let error = wire.send(&[Command::Quit]).expect_err("more came");
    assert!(matches!(&error, Error::Unsolicited(next) if next == "QUIT"));
    assert!(error.is_out_of_step());
}

#[test]
fn an_unread_body_makes_the_next_reply_out_of_step() {
    let mut wire = wire("C: UIDL\nC: NOOP\nS: +OK\nS: 1 a\nS: .\nS: +OK");
    wire.send(&[Command::Uidl, Command::Noop]).expect("sent");
    wire.reply().expect("UIDL is answered");
    assert!(matches!(wire.reply(), Err(Error::OutOfStep(next)) if next == "NOOP"));
}

#[test]
fn empty_lines_and_terminators_before_a_status_line_are_skipped() {
    for script in ["S:", "S: .", "S:\nS:\nS: .", "S> \\n", "S: .\nS: .\nS:\nS:"] {
        for command in [Command::Noop, Command::Dele(number(1)), Command::Quit] {
            let mut wire = wire(&format!("C: {command}\n{script}\nS: +OK"));
            wire.send(&[command]).expect("sent");
            let answer = wire.reply();
            assert!(matches!(answer, Ok(Status::Positive(_))), "{script}");
        }
    }
    let many = "S:\n".repeat(STRAY_LINES + 1);
    for stray in [&*many, "S: ..\n", "S: x\n", "S:  .\n", "S:\nS: x\n"] {
        let error = error_after(&Command::Noop, &format!("C: NOOP\n{stray}S: +OK"));
        assert!(matches!(error, Error::NotPop3 { .. }), "{error}");
    }
}

/// Reads a listing, and the answer to the NOOP after it.
fn after_a_listing(rest: &str) -> Result<Status, Error> {
    let mut wire = wire(&["C: UIDL\nS: +OK\nS: 1 a\nS: .\n", rest].concat());
    wire.send(&[Command::Uidl]).expect("sent");
    wire.reply().expect("UIDL is answered");
    wire.lines(100, |_| Ok(())).expect("the response is whole");
    wire.send(&[Command::Noop])?;
    wire.reply()
}

#[test]
fn empty_lines_and_terminators_after_a_response_are_skipped() {
    for rest in [
        "S: .\nC: NOOP\nS: +OK",
        "S:\nC: NOOP\nS: +OK",
        "S: .\nS:\nC: NOOP\nS: .\nS: +OK",
        "S> \\r\nC: NOOP\nS> \\n+OK\\r\\n",
        "C: NOOP\nS: .\nS: +OK",
    ] {
        let answer = after_a_listing(rest);
        assert!(matches!(answer, Ok(Status::Positive(_))), "{rest}");
    }
    for rest in ["S: ..", "S: .\nS: x", "S:\nS: +OK", "C: NOOP\nS:\nS: x"] {
        let error = after_a_listing(rest).expect_err(rest);
        assert!(error.is_out_of_step(), "{rest}: {error}");
    }
}

#[test]
fn the_end_of_the_connection_is_an_error_everywhere() {
    for script in [
        "C: UIDL",
        "C: UIDL\nS> +O",
        "C: UIDL\nS> +OK\\r",
        "C: UIDL\nS: +OK",
        "C: UIDL\nS: +OK\nS: 1 a",
        "C: UIDL\nS: +OK\nS: 1 a\nS> .",
        "C: UIDL\nS: +OK\nS: 1 a\nS> .\\r",
    ] {
        let error = error_after(&Command::Uidl, script);
        assert!(matches!(error, Error::Closed(_)), "{script}: {error}");
    }
}

#[test]
fn only_lines_in_bare_lf_let_a_response_end_in_them() {
    let read = |script: &str| {
        let mut wire = wire(script);
        wire.send(&[Command::Uidl]).expect("sent");
        wire.reply().expect("UIDL is answered");
        let mut out = Vec::new();
        while wire
            .body(&mut out)
            .expect("the response is whole")
            .is_some()
        {}
        String::from_utf8(out).expect("the response is text")
    };
    assert_eq!(read("C: UIDL\nS> +OK\\n1 a\\n.\\n"), "1 a\n");
    assert_eq!(
        read("C: UIDL\nS: +OK\nS> 1 a\\n.\\n2 b\\r\\n.\\r\\n"),
        "1 a\n.\n2 b\n"
    );
}

#[test]
fn limits_on_lines_and_listings_are_kept() {
    let long = "x".repeat(2 * limits::STATUS_LINE);
    for script in [
        format!("C: UIDL\nS: +OK {long}"),
        format!("C: UIDL\nS: +OK\nS: {long}"),
    ] {
        let error = error_after(&Command::Uidl, &script);
        assert!(matches!(error, Error::TooLong(_)), "{error}");
    }
    let mut listing = wire("C: UIDL\nS: +OK\nS: 1 aaaa\nS: 2 bbbb\nS: .");
    listing.send(&[Command::Uidl]).expect("sent");
    listing.reply().expect("UIDL is answered");
    let read = listing.lines(10, |_| Ok(()));
    assert!(matches!(read, Err(Error::TooLong(_))));
}

#[test]
fn a_timeout_is_reported_and_an_interrupted_read_repeated() {
    let error = error_after(&Command::Noop, "C: NOOP\nfail timed out");
    assert!(error.is_timeout(), "{error}");

    let mut wire = wire("C: NOOP\nfail interrupted\nS: +OK");
    wire.keep_awake().expect("the read is repeated");
}

#[test]
fn noop_may_be_refused_but_not_continued() {
    wire("C: NOOP\nS: -ERR")
        .keep_awake()
        .expect("a refusal is accepted");
    let continued = wire("C: NOOP\nS: + ").keep_awake();
    assert!(matches!(continued, Err(Error::OutOfStep(_))));
}

#[test]
fn the_trace_shows_no_secret() {
    let trace = TraceLines::default();
    let script = "C: PASS hunter2\nS: -ERR hunter2 is wrong\nC: AUTH LOGIN\nS: + aHVudGVyMg==\nC: UIDL\n\
                  S: +OK\nS: 1 xhunter2x\nS: .";
    let server = ScriptedServer::new(script);
    let mut wire = Wire::new(server, Some(trace.trace()), PipeliningLog::default());
    let password = secret("hunter2");

    wire.send(&[Command::Pass(&password)]).expect("sent");
    let refused = Error::unexpected(
        "the password",
        wire.reply().expect("the command is answered"),
    );
    let login = Command::Auth {
        mechanism: "LOGIN",
        initial: None,
    };
    wire.send(&[login]).expect("sent");
    wire.reply().expect("the command is answered");
    wire.send(&[Command::Uidl]).expect("sent");
    wire.reply().expect("the command is answered");
    wire.lines(100, |line| {
        assert_eq!(line, b"1 xhunter2x", "the listing itself is not changed");
        Ok(())
    })
    .expect("the response is whole");

    let expected = "C: PASS ****\nS: -ERR (hidden) is wrong\nC: AUTH LOGIN\nS: + ****\nC: UIDL\nS: +OK\n\
                    S: 1 x(hidden)x";
    assert_eq!(trace.text(), expected);
    assert!(!refused.to_string().contains("hunter2"), "{refused}");
}

#[test]
fn an_error_about_a_line_with_a_secret_is_masked() {
    let mut wire = wire("C: UIDL\nS: +OK\nS: 1 hunter2\nS: .");
    secret("hunter2");
    wire.send(&[Command::Uidl]).expect("sent");
    wire.reply().expect("the command is answered");
    let error = wire.lines(100, |line| {
        Err(Error::NotPop3 {
            waiting_for: "a listing".into(),
            line: line.into(),
        })
    });
    let error = error.expect_err("the line is rejected").to_string();
    assert!(
        error.contains("1 (hidden)") && !error.contains("hunter2"),
        "{error}"
    );
}

#[test]
fn the_log_says_if_the_last_commands_were_pipelined() {
    let log = PipeliningLog::default();
    let server = ScriptedServer::new("C: NOOP\nC: NOOP\nS: +OK\nS: +OK\nC: NOOP");
    let mut wire = Wire::new(server, None, log.clone());
    wire.send(&[Command::Noop, Command::Noop]).expect("sent");
    assert!(log.was_used());
    wire.reply().and_then(|_| wire.reply()).expect("answered");
    wire.send(&[Command::Noop]).expect("sent");
    assert!(!log.was_used());
}

#[test]
fn words_around_a_greeting_are_skipped_until_the_first_reply() {
    let mut chatty = wire("S: a\nS:\nS: +OK ready\nS: b\nC: NOOP\nS: c\nS: +OK\nS: d");
    assert!(matches!(chatty.greeting(), Ok(Status::Positive(_))));
    chatty.send(&[Command::Noop]).expect("words do not count");
    assert!(matches!(chatty.reply(), Ok(Status::Positive(_))));
    let error = chatty.send(&[Command::Noop]).expect_err("words count now");
    assert!(matches!(error, Error::Unsolicited(_)), "{error}");
}

#[test]
fn a_banner_without_a_greeting_is_quoted() {
    for script in [
        "S: what?",
        "S: what?\nfail timed out",
        "S: what?\nS: and?\nfail reset",
        "S: what?\nS: + go",
        "S: 220 mx",
        "S: * OK IMAP4",
        "S: HTTP/1.1 400",
        "S: +",
        "S: +OKAY",
        "S:",
    ] {
        let first = script.lines().next().unwrap_or_default();
        let first = first.get(3..).unwrap_or_default();
        match wire(script).greeting() {
            Err(Error::NotPop3 { line, .. }) => assert_eq!(line.to_string(), first, "{script}"),
            other => panic!("{script}: {other:?}"),
        }
    }
}
