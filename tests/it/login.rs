//! The beginning of a session without TLS: greetings, logins, refusals, and the masking of secrets.
//! For other SASL mechanisms than PLAIN see `sasl`, for TLS see `tls`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::sandbox::Sandbox;
use crate::support::script::{QUIT, Script};

/// A session from the login to its end in which the mailbox is empty.
pub(crate) const EMPTY: &str = "
    C: CAPA
    S: +OK
    S: PIPELINING
    S: .
    C: UIDL
    C: LIST
    S: +OK
    S: .
    S: +OK
    S: .
    C: QUIT
    S: +OK";

/// Returns a session up to the answer to CAPA, which lists these capabilities.
pub(crate) fn greeting(capabilities: &[&str]) -> String {
    let capabilities: String = capabilities.iter().map(|c| format!("S: {c}\n")).collect();
    format!("S: +OK ready\nC: CAPA\nS: +OK\n{capabilities}S: .\n")
}

/// The response of SASL PLAIN for the user "joe" with the password "open sesame".
const PLAIN: &str = "AGpvZQBvcGVuIHNlc2FtZQ==";

#[test]
fn plain_is_sent_in_one_line_if_offered() {
    let login = format!("C: AUTH PLAIN {PLAIN}\nS: +OK");
    for (capability, keys) in [("SASL LOGIN PLAIN", ""), ("sasl plain", "")] {
        let server = Script::new([&greeting(&[capability]), &login, EMPTY].concat()).serve();
        let sandbox = Sandbox::with_work(server.address(), keys);

        sandbox.fetch().succeeds().is_silent();

        server.finish();
    }
}

#[test]
fn plain_is_not_tried_unless_the_server_offers_it() {
    let server = Script::new(greeting(&["USER"])).serve();
    let sandbox = Sandbox::with_work(server.address(), "auth = 'plain'");

    let outcome = sandbox.fetch();

    outcome
        .fails_with(69)
        .stderr_has("does not offer SASL PLAIN: it announces no SASL mechanism");
    server.finish();
}

#[test]
fn user_and_pass_are_used_if_plain_is_not() {
    let login = "
        C: USER joe
        S: +OK
        C: PASS open sesame
        S: +OK";
    for (capabilities, keys) in [
        (&["SASL LOGIN DIGEST-MD5"][..], ""),
        (&["SASL", "USER"], ""),
        (&[], ""),
        (&["SASL PLAIN"], "auth = 'user'"),
    ] {
        let server = Script::new([&greeting(capabilities), login, EMPTY].concat()).serve();
        let sandbox = Sandbox::with_work(server.address(), keys);

        sandbox.fetch().succeeds().is_silent();

        server.finish();
    }
}

#[test]
fn a_long_plain_response_waits_for_the_continuation() {
    // AUTH PLAIN, a space, the response and CRLF may have 255 octets together (RFC 2449).
    for (password, is_one_line) in [("p".repeat(175), true), ("p".repeat(176), false)] {
        let response = base64(&format!("\0joe\0{password}"));
        let login = if is_one_line {
            format!("C: AUTH PLAIN {response}\nS: +OK")
        } else {
            format!("C: AUTH PLAIN\nS: + \nC: {response}\nS: +OK")
        };
        let server = Script::new([&greeting(&["SASL PLAIN"]), &login, EMPTY].concat()).serve();
        let sandbox = Sandbox::with_work(server.address(), &format!("password = '{password}'"));

        sandbox.fetch().succeeds().is_silent();

        server.finish();
    }
}

#[test]
fn a_bare_plus_is_a_continuation_unlike_other_answers() {
    let password = "p".repeat(200);
    let response = base64(&format!("\0joe\0{password}"));
    let bare = format!("C: AUTH PLAIN\nS: +\nC: {response}\nS: +OK");
    let server = Script::new([&greeting(&["SASL PLAIN"]), &bare, EMPTY].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), &format!("password = '{password}'"));
    sandbox.fetch().succeeds().is_silent();
    server.finish();

    for (answer, status) in [("-ERR no", 77), ("334 go on", 76)] {
        let login = format!("C: AUTH PLAIN\nS: {answer}");
        let server = Script::new([greeting(&["SASL PLAIN"]), login].concat()).serve();
        let sandbox = Sandbox::with_work(server.address(), &format!("password = '{password}'"));

        let outcome = sandbox.fetch();

        outcome.fails_with(status).complains_in_lines(1);
        server.finish();
    }
}

#[test]
fn apop_sends_a_digest_of_the_greetings_timestamp() {
    let login = "
        S: +OK POP3 server ready <1896.697170952@dbc.mtview.ca.us>
        C: CAPA
        S: -ERR
        C: APOP mrose c4c9334bac560ecc979e58001b3e22fb
        S: +OK";
    // Without CAPA the server is not known to support pipelining.
    let listings = "
        C: CAPA
        S: -ERR
        C: UIDL
        S: +OK
        S: .
        C: LIST
        S: +OK
        S: .";
    let server = Script::new([login, listings, QUIT].concat()).serve();
    let keys = "auth = 'apop'\nuser = 'mrose'\npassword = 'tanstaaf'";
    let sandbox = Sandbox::with_work(server.address(), keys);

    sandbox.fetch().succeeds().is_silent();

    server.finish();
}

#[test]
fn apop_is_used_only_if_configured() {
    let server = Script::new(format!(
        "S: +OK ready <1896.697170952@dbc.mtview.ca.us>
         C: CAPA
         S: +OK
         S: .
         C: USER joe
         S: +OK
         C: PASS open sesame
         S: +OK
         {EMPTY}"
    ))
    .serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().succeeds().is_silent();

    server.finish();
}

#[test]
fn apop_requires_a_valid_timestamp() {
    for greeting in [
        r"+OK ready",
        r"+OK <>",
        r"+OK <no-domain>",
        r"+OK <a b@example.com>",
        r"+OK <a@b@example.com>",
        r"+OK <a\x80@example.com>",
        r"+OK <a\0@example.com>",
    ] {
        let server = Script::new(format!(
            "raw: {greeting}\\r\\n
             C: CAPA
             S: +OK
             S: ."
        ))
        .serve();
        let sandbox = Sandbox::with_work(server.address(), "auth = 'apop'");

        sandbox
            .fetch()
            .fails_with(69)
            .complains_in_lines(1)
            .stderr_has("the server does not offer APOP");

        server.finish();
    }
}

#[test]
fn a_login_refusal_says_if_it_is_temporary() {
    for (answer, status) in [
        ("-ERR wrong password", 77),
        ("-ERR [IN-USE] another session", 75),
    ] {
        for login in [
            format!("C: USER joe\nS: {answer}"),
            format!("C: USER joe\nS: +OK\nC: PASS open sesame\nS: {answer}"),
        ] {
            let server = Script::new([greeting(&[]), login].concat()).serve();
            let sandbox = Sandbox::with_work(server.address(), "");

            sandbox
                .fetch()
                .fails_with(status)
                .complains_in_lines(1)
                .stderr_has("mailpull: work: logging in as joe: the server refused")
                .stderr_has(answer.trim_start_matches("-ERR").trim());

            server.finish();
        }
    }
}

#[test]
fn a_connection_lost_during_login_is_a_temporary_failure() {
    for end in ["cut", "reset"] {
        for login in [
            "C: USER joe\n",
            "C: USER joe\nS: +OK\nC: PASS open sesame\n",
        ] {
            let server = Script::new([&greeting(&[]), login, end].concat()).serve();
            let sandbox = Sandbox::with_work(server.address(), "");

            let outcome = sandbox.fetch();

            outcome.fails_with(75).complains_in_lines(1);
            server.finish();
        }
    }
}

#[test]
fn a_greeting_of_another_protocol_is_quoted_and_not_answered() {
    for (greeting, shown) in [
        ("220 mx.example.com ESMTP", "\"220 mx.example.com ESMTP\""),
        ("HTTP/1.1 400 Bad Request", "\"HTTP/1.1 400 Bad Request\""),
        ("* OK IMAP4rev1", "\"* OK IMAP4rev1\""),
        ("+OKAY", "\"+OKAY\""),
        ("+", "\"+\""),
        ("+ Hola", "\"+ Hola\""),
        (r"\x16\x03\x01\x02", r#""\u{16}\u{3}\u{1}\u{2}""#),
        (r"\x1b]0;owned\x07\x9b2J", r#""\u{1b}]0;owned\u{7}\x9b2J""#),
    ] {
        let server = Script::new(format!("raw: {greeting}\\r\\n")).serve();
        let sandbox = Sandbox::with_work(server.address(), "");

        sandbox
            .fetch()
            .fails_with(76)
            .complains_in_lines(1)
            .stderr_has(&format!("the server said {shown}, which is not POP3"));

        server.finish();
    }
}

#[test]
fn lines_around_a_greeting_are_skipped() {
    for greeting in [
        "Last login: Mon from console\nS:\nS: +OK: ready",
        "+OK ready\nS: see the rules of this server",
        "+OK, ready\nS: a\nS:\nS: b",
    ] {
        let rest = "
            C: CAPA
            S: +OK
            S: USER
            S: .
            C: USER joe
            S: +OK: joe
            C: PASS open sesame
            S: +OK.";
        let server = Script::new(format!("S: {greeting}{rest}{EMPTY}")).serve();
        let sandbox = Sandbox::with_work(server.address(), "");

        sandbox.fetch().succeeds().is_silent();

        server.finish();
    }
}

#[test]
fn a_refusal_without_a_reason_is_called_so() {
    let login = "C: USER joe\nS: +OK\nC: PASS open sesame\nS: -ERR";
    let server = Script::new([&greeting(&[]), login].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox
        .fetch()
        .fails_with(77)
        .stderr_has("the server refused the password without saying why. Check user");

    server.finish();
}

#[test]
fn a_server_that_never_greets_times_out() {
    let server = Script::new("stall").serve();
    let sandbox = Sandbox::with_work(server.address(), "timeout = '1s'");

    sandbox
        .fetch()
        .fails_with(75)
        .complains_in_lines(1)
        .stderr_has("waiting for the greeting: timed out")
        .stderr_has("set security = \"tls\"");

    server.finish();
}

#[test]
fn verbose_output_never_shows_the_secret_of_a_login() {
    let long = format!("open sesame {}", "p".repeat(200));
    let long_response = base64(&format!("\0joe\0{long}"));
    let digest = "f8f7a1bb5f0c204cc1f7fead5fe1ee6b";
    let with_timestamp = "S: +OK <1@example.com>\nC: CAPA\nS: +OK\nS: .\n";
    let logins = [
        (
            greeting(&[]),
            "C: USER joe\nS: +OK\nC: PASS open sesame\n".to_owned(),
            String::new(),
        ),
        (
            greeting(&["SASL PLAIN"]),
            format!("C: AUTH PLAIN {PLAIN}\n"),
            String::new(),
        ),
        (
            greeting(&["SASL PLAIN"]),
            format!("C: AUTH PLAIN\nS: + b3BlbiBzZXNhbWU=\nC: {long_response}\n"),
            format!("password = '{long}'"),
        ),
        (
            with_timestamp.to_owned(),
            format!("C: APOP joe {digest}\n"),
            "auth = 'apop'".to_owned(),
        ),
    ];
    for (greeting, login, keys) in logins {
        for (answer, end) in [("S: +OK", EMPTY), ("S: -ERR [AUTH] no", "")] {
            let server = Script::new([&greeting, &login, answer, end].concat()).serve();
            let sandbox = Sandbox::with_work(server.address(), &keys);

            let outcome = sandbox.mailpull(["fetch", "-vv"]).run();

            outcome
                .stderr_has("****")
                .never_says("sesame")
                .never_says("b3Blbi")
                .never_says(PLAIN)
                .never_says(&long_response)
                .never_says(digest);
            server.finish();
        }
    }
}

pub(crate) fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

#[test]
fn a_secret_repeated_by_the_server_is_masked() {
    for (capability, login) in [
        (
            "USER",
            "C: USER joe\nS: +OK\nC: PASS open sesame\nS: -ERR no PASS open sesame here",
        ),
        (
            "SASL PLAIN",
            "C: AUTH PLAIN AGpvZQBvcGVuIHNlc2FtZQ==\nS: -ERR AGpvZQBvcGVuIHNlc2FtZQ== is bad",
        ),
    ] {
        let server = Script::new([&greeting(&[capability]), login].concat()).serve();
        let sandbox = Sandbox::with_work(server.address(), "");

        let outcome = sandbox.mailpull(["fetch", "-vv"]).run();

        outcome.fails_with(77).never_says("open sesame");
        outcome.never_says(PLAIN).stderr_has("(hidden)");
        server.finish();
    }
}

#[test]
fn a_server_that_lacks_the_announced_auth_gets_user_and_pass() {
    let refused = format!(
        "C: AUTH PLAIN {PLAIN}
         S: -ERR Unknown command: AUTH
         C: AUTH PLAIN
         S: -ERR Unknown command: AUTH"
    );
    let by_user = "
        C: USER joe
        S: +OK
        C: PASS open sesame
        S: +OK
        C: CAPA
        S: +OK
        S: SASL PLAIN
        S: .
        C: UIDL
        S: +OK
        S: .
        C: LIST
        S: +OK
        S: .
        C: QUIT";
    let greeting = greeting(&["SASL PLAIN"]);
    let server = Script::new([&greeting, &*refused].concat())
        .then([&greeting, by_user].concat())
        // What was learned is remembered.
        .then([&greeting, by_user].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().succeeds().is_silent();
    sandbox.fetch().succeeds().is_silent();

    server.finish();
}

#[test]
fn a_broken_mechanism_is_not_replaced_by_a_weaker_one() {
    let broken = "C: AUTH CRAM-MD5\nS: + not base64\nC: *\nS: -ERR";
    let greeting = greeting(&["SASL CRAM-MD5 PLAIN"]);
    let server = Script::new([&greeting, broken].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().fails_with(76).stderr_has(
        "The server offers CRAM-MD5 but may not support it. If it may have the password, set \
         auth = \"plain\"",
    );

    server.finish();
}
