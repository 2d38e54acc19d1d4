//! Mail servers that refuse messages, the recipient or the client. What is refused stays in the spool,
//! from where the next run hands it over without another download.

use super::{configure, spooled};
use crate::support::mail::notes;
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::script::Script;

#[test]
fn each_message_is_one_flight_and_one_connection_serves_all() {
    let pop3 = ModelServer::start(notes(["a", "b"]));
    let mx = Script::new("lmtp\ntakes a\ntakes b\nC: QUIT").serve();
    let sandbox = Sandbox::new();
    configure(&sandbox, &pop3, mx.address(), "keep = false");

    sandbox.fetch().succeeds().is_silent();

    assert_eq!((pop3.count(), spooled(&sandbox)), (0, 0));
    // LHLO, two flights and QUIT.
    let address = mx.address();
    assert_eq!(mx.finish()[0].turns, 4);
    let log = sandbox.mailpull(["log"]).run();
    let said = format!("\"a\" to LMTP {address}, deleted from the server ");
    log.succeeds().stdout_has(&said);
    log.stdout_has(", it said: 250 2.0.0 a Saved\n");
    let lines = sandbox.mailpull(["log", "--json"]).run().json_lines();
    assert_eq!(lines[1]["said"], "250 2.0.0 b Saved");
}

#[test]
fn a_temporary_refusal_keeps_the_message_for_the_next_run() {
    let pop3 = ModelServer::start(notes(["a", "b"]));
    let mx = Script::new(
        "lmtp
        hands a
        S: 250 OK
        S: 250 OK
        S: 451 4.3.0 later
        C: RSET
        C: MAIL FROM:<>
        C: RCPT TO:<joe>
        C: BDAT 17 LAST
        C: Subject: b
        C: \n\
        C: b
        S: 250 OK
        S: 250 OK
        S: 250 OK
        S: 250 OK
        C: QUIT",
    )
    .then("lmtp\ntakes a\nC: QUIT")
    .serve();
    let sandbox = Sandbox::new();
    configure(&sandbox, &pop3, mx.address(), "keep = false");

    let refused = sandbox.fetch();
    refused.fails_with(75).complains_in_lines(1);
    refused.stderr_has(
        "the server refused the message: 451 4.3.0 later; the next run tries it again\n",
    );
    assert_eq!((pop3.count(), spooled(&sandbox)), (1, 1));

    sandbox.fetch().succeeds().is_silent();
    assert_eq!(spooled(&sandbox), 0);
    sandbox.fetch().succeeds().is_silent();
    assert_eq!((pop3.count(), pop3.log().retrieved.len()), (0, 2));
    sandbox.mailpull(["log"]).run().never_says("possibly");
}

/// A flight that the server refuses at the recipient.
fn refused(name: &str, reply: &str) -> String {
    format!("hands {name}\nS: 250 OK\nS: {reply}\nS: 503 no recipient\n")
}

#[test]
fn a_full_mailbox_is_temporary_and_ends_the_run() {
    let pop3 = ModelServer::start(notes(["a", "b", "c", "d"]));
    let full = "552 5.2.2 <joe> Quota exceeded";
    let [a, b, c] = ["a", "b", "c"].map(|name| refused(name, full));
    let [b, c] = [b, c]
        .map(|flight| format!("C: RSET\n{flight}").replace("S: 250 OK", "S: 250 OK\nS: 250 OK"));
    let mx = Script::new(format!("lmtp\n{a}{b}{c}C: QUIT")).serve();
    let sandbox = Sandbox::new();
    configure(&sandbox, &pop3, mx.address(), "keep = false");

    let outcome = sandbox.fetch();

    outcome.fails_with(75).complains_in_lines(1);
    outcome.stderr_has("takes no mail for joe: 552 5.2.2 <joe> Quota exceeded");
    outcome.stderr_has("messages that wait: 4");
    assert_eq!((pop3.count(), spooled(&sandbox)), (4, 4));
    mx.finish();
}

#[test]
fn an_unknown_recipient_is_the_targets_fault() {
    let pop3 = ModelServer::start(notes(["a", "b", "c", "d"]));
    let unknown = "550 5.1.1 <joe> User doesn't exist";
    let [a, b, c] = ["a", "b", "c"].map(|name| refused(name, unknown));
    let [b, c] = [b, c]
        .map(|flight| format!("C: RSET\n{flight}").replace("S: 250 OK", "S: 250 OK\nS: 250 OK"));
    let mx = Script::new(format!("lmtp\n{a}{b}{c}C: QUIT")).serve();
    let sandbox = Sandbox::new();
    configure(&sandbox, &pop3, mx.address(), "keep = false");

    let outcome = sandbox.fetch();

    outcome.fails_with(78).complains_in_lines(1);
    outcome.stderr_has("no message can be delivered");
    outcome.stderr_has("takes no mail for joe: 550 5.1.1 <joe> User doesn't exist");
    outcome.stderr_has("Check recipient");
    assert_eq!((pop3.count(), spooled(&sandbox)), (4, 4));
    mx.finish();
}

#[test]
fn a_refused_message_does_not_hold_up_the_others() {
    let pop3 = ModelServer::start(notes(["a", "b"]));
    let mx = Script::new(
        "lmtp
        hands a
        S: 250 OK
        S: 250 OK
        S: 554 5.7.1 \x1b[2Jvirus
        C: RSET
        C: MAIL FROM:<>
        C: RCPT TO:<joe>
        C: BDAT 17 LAST
        C: Subject: b
        C: \n\
        C: b
        S: 250 OK
        S: 250 OK
        S: 250 OK
        S: 250 OK
        C: QUIT",
    )
    .serve();
    let sandbox = Sandbox::new();
    configure(&sandbox, &pop3, mx.address(), "keep = false");

    let outcome = sandbox.fetch();

    outcome.fails_with(74).complains_in_lines(1);
    outcome.stderr_has("the server refused the message: 554 5.7.1 \\u{1b}[2Jvirus");
    assert_eq!((pop3.count(), spooled(&sandbox)), (1, 1));
    mx.finish();
}

#[test]
fn a_server_that_does_not_speak_lmtp_gets_no_message() {
    for (script, shown) in [
        (
            "S: 220 mx ESMTP\nC: LHLO localhost\nS: 500 5.5.1 unknown command",
            "the server refused LHLO: 500 5.5.1 unknown command",
        ),
        (
            "S: +OK POP3 ready",
            "\"+OK POP3 ready\" is not a reply of LMTP",
        ),
    ] {
        let pop3 = ModelServer::start(notes(["a"]));
        let mx = Script::new(script).serve();
        let sandbox = Sandbox::new();
        configure(&sandbox, &pop3, mx.address(), "keep = false");
        let outcome = sandbox.fetch();
        outcome.fails_with(76).stderr_has(shown);
        outcome.stderr_has("LMTP");
        assert_eq!((pop3.count(), spooled(&sandbox)), (1, 1));
        mx.finish();
    }
}

#[test]
fn a_server_that_is_down_keeps_no_mail_at_the_provider() {
    let pop3 = ModelServer::start(notes(["a", "b", "c", "d"]));
    let sandbox = Sandbox::new();
    // The folder of the socket is there, but nobody listens.
    let nowhere = sandbox.path("lmtp");
    configure(&sandbox, &pop3, nowhere.display(), "keep = false");

    let outcome = sandbox.fetch();

    outcome.fails_with(75).complains_in_lines(1);
    outcome.stderr_has("cannot connect to ");
    assert_eq!((pop3.log().retrieved.len(), spooled(&sandbox)), (4, 4));
    assert_eq!(pop3.count(), 4);
}
