//! A refused login: the exit status and the advice in the error.

use crate::login::{EMPTY, base64, greeting};
use crate::support::sandbox::Sandbox;
use crate::support::script::Script;

const LOGIN: &str = "
    C: USER joe
    S: +OK
    C: PASS open sesame
    S: +OK";

#[test]
fn the_hint_depends_on_the_response_code() {
    for (answer, status, advice) in [
        ("[AUTH] no", 77, "; check user and password"),
        (
            "[SYS/PERM] no",
            77,
            "; that is a fault of the server, which will not pass",
        ),
        (
            "[SYS/TEMP] no",
            75,
            "; that is a fault of the server, which says it will pass",
        ),
        ("[IN-USE] no", 75, "; another session has the maildrop"),
        (
            "[LOGIN-DELAY] no",
            75,
            "; it wants more time between two logins",
        ),
    ] {
        let login = format!("C: USER joe\nS: +OK\nC: PASS open sesame\nS: -ERR {answer}");
        let server = Script::new([greeting(&[]), login].concat()).serve();
        let sandbox = Sandbox::with_work(server.address(), "");

        let outcome = sandbox.fetch();

        outcome.fails_with(status).complains_in_lines(1);
        outcome.stderr_has(&format!("{answer}{advice}"));
        server.finish();
    }
}

#[test]
fn an_unexplained_refusal_mentions_that_the_login_worked_before() {
    let refused = "C: USER joe\nS: +OK\nC: PASS open sesame\nS: -ERR no";
    let server = Script::new([&greeting(&[]), LOGIN, EMPTY].concat())
        .then([&greeting(&[]), refused].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();

    let outcome = sandbox.fetch();

    outcome.fails_with(77).complains_in_lines(1);
    outcome.stderr_has("this login has worked before");
    server.finish();
}

#[test]
fn a_refused_token_is_reported_despite_pipelined_commands() {
    let login = format!(
        "C: AUTH XOAUTH2 {}",
        base64("user=joe\x01auth=Bearer abc\x01\x01")
    );
    let capabilities = greeting(&["PIPELINING", "SASL XOAUTH2"]);
    let first = format!("{capabilities}{login}\nS: +OK{EMPTY}");
    let json = base64(r#"{"status":"401"}"#);
    let second = format!(
        "S: +OK
         {login}
         C: UIDL
         C: LIST
         S: + {json}
         S: -ERR [AUTH] no
         S: -ERR what?"
    );
    let server = Script::new(first).then(second).serve();
    let sandbox = Sandbox::with_work(server.address(), "auth = 'xoauth2'\npassword = 'abc'");
    sandbox.fetch().succeeds().is_silent();

    let outcome = sandbox.fetch();

    outcome
        .fails_with(77)
        .complains_in_lines(1)
        .stderr_has("401");
    server.finish();
}
