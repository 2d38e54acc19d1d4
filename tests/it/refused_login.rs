//! A refused login: the exit status and the hint after the error.

use crate::login::{EMPTY, base64, greeting};
use crate::support::mail::ordinary;
use crate::support::model_server::{ModelServer, PASSWORD};
use crate::support::sandbox::Sandbox;
use crate::support::script::Script;

const LOGIN: &str = "
    C: USER joe
    S: +OK
    C: PASS open sesame
    S: +OK";

#[test]
fn a_refused_login_exits_77_with_a_hint() {
    let login = "C: USER joe\nS: +OK\nC: PASS open sesame\nS: -ERR [AUTH] no";
    let server = Script::new([&greeting(&[]), login].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    let outcome = sandbox.fetch();

    outcome.fails_with(77).stderr_is(
        "mailpull: work: logging in as joe: the server refused the password: [AUTH] no. Check user \
         and password, and whether the provider wants POP3 switched on or an app password\n",
    );
    server.finish();
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
    outcome.stderr_has("as this login has worked before");
    server.finish();
}

#[test]
fn a_refused_token_is_reported_despite_pipelined_commands() {
    let login = format!(
        "C: AUTH XOAUTH2 {}",
        base64("user=joe\x01auth=Bearer a1b2c3\x01\x01")
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
    let sandbox = Sandbox::with_work(server.address(), "auth = 'xoauth2'\npassword = 'a1b2c3'");
    sandbox.fetch().succeeds().is_silent();

    let outcome = sandbox.fetch();

    outcome
        .fails_with(77)
        .complains_in_lines(1)
        .stderr_has("401");
    server.finish();
}

#[test]
fn logins_rest_after_three_refusals_until_the_password_changes() {
    let server = ModelServer::start(ordinary(1, 1));
    let sandbox = Sandbox::with_work(server.address(), "password = 'wrong sesame'");
    for lines in [1, 0, 1] {
        sandbox.fetch().fails_with(77).complains_in_lines(lines);
    }
    let sessions = server.log().sessions;
    sandbox.fetch().fails_with(77).is_silent();
    sandbox.mailpull(["check"]).run().fails_with(77);
    assert_eq!(server.log().sessions, sessions, "the login rests");

    let named = sandbox.mailpull(["fetch", "work"]).run();
    named.fails_with(77);
    assert!(server.log().sessions > sessions, "the user has named it");

    let written = std::fs::read_to_string(sandbox.config_file()).expect("the configuration exists");
    sandbox.config(&written.replace("wrong sesame", PASSWORD));
    sandbox
        .fetch()
        .succeeds()
        .stderr_is("mailpull: work: works again\n");
}
