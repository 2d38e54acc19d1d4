//! What a refusal means: at the greeting, the login and the listing. The texts are tested in `pop3`.

use crate::login::greeting;
use crate::support::sandbox::Sandbox;
use crate::support::script::{QUIT, Script};

#[test]
fn words_without_a_code_decide_the_status_of_a_login() {
    for (text, status, hint) in [
        ("Exceeded the login limit for a 15 minute period", 75, ""),
        ("server shutting down", 75, ""),
        ("too many invalid passwords", 77, "Check user and password"),
        (
            "account locked",
            77,
            "Look into the settings of the account",
        ),
        ("STLS is required.", 77, "Check \"security\""),
    ] {
        let login = format!("C: USER joe\nS: +OK\nC: PASS open sesame\nS: -ERR {text}");
        let server = Script::new([greeting(&[]), login].concat()).serve();
        let sandbox = Sandbox::with_work(server.address(), "");

        let outcome = sandbox.fetch();

        outcome
            .fails_with(status)
            .complains_in_lines(1)
            .stderr_has(text)
            .stderr_has(hint);
        server.finish();
    }
}

#[test]
fn a_greeting_may_refuse_for_a_while() {
    for (text, status) in [("Offline for maintenance", 75), ("access denied", 76)] {
        let server = Script::new(format!("S: -ERR {text}")).serve();
        let sandbox = Sandbox::with_work(server.address(), "");

        sandbox.fetch().fails_with(status).stderr_has(text);

        server.finish();
    }
}

#[test]
fn a_refusal_in_another_character_set_is_shown_readably() {
    let refused = r"raw: -ERR \xc3\xdc\xc2\xeb\xb4\xed\xce\xf3\r\n";
    let login = format!("C: USER joe\nS: +OK\nC: PASS open sesame\n{refused}");
    let server = Script::new([greeting(&[]), login].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox
        .fetch()
        .fails_with(77)
        .stderr_has(": 密码错误. Check");

    server.finish();
}

#[test]
fn a_refused_listing_is_temporary_and_no_missing_command() {
    let refused = "
        login
        C: UIDL
        C: LIST
        S: -ERR your maildrop is damaged
        S: -ERR no";
    let server = Script::new(refused).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().fails_with(75).stderr_is(
        "mailpull: work: listing the messages: the server refused UIDL: your maildrop is damaged\n",
    );

    server.finish();
}

#[test]
fn an_empty_mailbox_may_refuse_to_be_listed() {
    let refused = "
        login
        C: UIDL
        C: LIST
        S: -ERR no messages
        S: -ERR no messages
        C: STAT
        counts 0 0";
    let server = Script::new([refused, QUIT].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().succeeds().is_silent();

    server.finish();
}
