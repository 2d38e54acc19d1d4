//! The capabilities that change a session: LOGIN-DELAY, EXPIRE, UTF8 and SASL.

use std::time::Duration;

use crate::login::{EMPTY, base64, greeting};
use crate::support::mail::notes;
use crate::support::sandbox::Sandbox;
use crate::support::script::Script;

const LOGIN: &str = "
    C: USER joe
    S: +OK
    C: PASS open sesame
    S: +OK";

/// Returns the end of a session with these capabilities after the login.
fn end(capabilities: &str) -> String {
    EMPTY.replace(
        "S: PIPELINING",
        &format!("S: PIPELINING\nS: {capabilities}"),
    )
}

#[test]
fn login_delay_is_respected_silently() {
    let session = [
        &greeting(&["LOGIN-DELAY 900 USER"]),
        LOGIN,
        &end("LOGIN-DELAY 300"),
    ]
    .concat();
    let named = [&greeting(&[]), LOGIN, EMPTY].concat();
    let server = Script::new(&session).then(&session).then(named).serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds().is_silent();

    // 300 seconds have not passed, so there is no connection.
    sandbox.fetch().succeeds().is_silent();
    sandbox
        .mailpull(["check"])
        .run()
        .fails_with(1)
        .stderr_has("work: not checked: the server wants no login for another ");
    sandbox.let_pass(Duration::from_secs(200));
    let outcome = sandbox.mailpull(["fetch", "-v"]).run();
    outcome.succeeds().stderr_has("wants no login for another");

    sandbox.let_pass(Duration::from_secs(80));
    sandbox.fetch().succeeds().is_silent();
    // The user names the account, so it is fetched without the delay.
    sandbox
        .mailpull(["fetch", "work"])
        .run()
        .succeeds()
        .is_silent();

    server.finish();
}

#[test]
fn a_login_delay_of_days_counts_as_an_hour() {
    let session = [
        &greeting(&["LOGIN-DELAY 864000"]),
        LOGIN,
        &end("LOGIN-DELAY 864000"),
    ]
    .concat();
    let server = Script::new(&session).then(&session).serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds().is_silent();
    sandbox.let_pass(Duration::from_secs(3200));
    sandbox.fetch().succeeds().is_silent();

    sandbox.let_pass(Duration::from_secs(50));
    sandbox.fetch().succeeds().is_silent();

    server.finish();
}

#[test]
fn an_expire_shorter_than_keep_is_reported_once() {
    let session = |days: &str| [&greeting(&[]), LOGIN, &end(&format!("EXPIRE {days}"))].concat();
    for (keep, days, is_reported) in [
        ("true", "60", true),
        ("true", "NEVER", false),
        ("'60 days'", "60", false),
        ("'61 days'", "60", true),
        ("'1 day'", "0", true),
        ("false", "0", false),
    ] {
        let server = Script::new(session(days)).then(session(days)).serve();
        let sandbox = Sandbox::with_work(server.address(), &format!("keep = {keep}"));

        let first = sandbox.fetch();

        first.succeeds();
        let reported = first.stderr_text().contains("the server deletes messages");
        assert_eq!(reported, is_reported, "{keep} {days}: {first}");
        sandbox.fetch().succeeds().is_silent();
        server.finish();
    }
}

#[test]
fn utf8_is_sent_before_a_non_ascii_user() {
    let user = "j\u{f6}e";
    let login = format!("C: USER {user}\nS: +OK\nC: PASS open sesame\nS: +OK");
    for (capability, answer) in [
        ("UTF8 USER", "C: UTF8\nS: +OK\n"),
        ("UTF8 USER", "C: UTF8\nS: -ERR what?\n"),
        ("UTF8", ""),
        ("USER", ""),
    ] {
        let session = [&greeting(&[capability]), answer, &login, EMPTY].concat();
        let server = Script::new(session).serve();
        let sandbox = Sandbox::with_work(server.address(), &format!("user = '{user}'"));

        sandbox.fetch().succeeds().is_silent();

        server.finish();
    }
    let session = [&greeting(&["UTF8 USER"]), LOGIN, EMPTY].concat();
    let server = Script::new(session).serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds().is_silent();
    server.finish();
}

#[test]
fn utf8_is_pipelined_with_the_login_to_a_known_server() {
    let user = "j\u{f6}e";
    let capabilities = greeting(&["PIPELINING", "UTF8 USER"]);
    let first = format!(
        "{capabilities}C: UTF8\nS: +OK\nC: USER {user}\nS: +OK\nC: PASS open sesame\nS: +OK{EMPTY}"
    );
    let second = format!(
        "S: +OK
         C: UTF8
         C: USER {user}
         C: PASS open sesame
         C: UIDL
         C: LIST
         S: +OK
         S: +OK
         S: +OK
         S: +OK
         S: .
         S: +OK
         S: .
         C: QUIT"
    );
    let server = Script::new(first).then(second).serve();
    let sandbox = Sandbox::with_work(server.address(), &format!("user = '{user}'"));
    sandbox.fetch().succeeds().is_silent();
    sandbox.fetch().succeeds().is_silent();
    assert_eq!(server.finish()[1].turns, 2);
}

#[test]
fn a_known_server_is_logged_in_within_two_round_trips() {
    for (auth, login) in [
        (
            "plain",
            format!("C: AUTH PLAIN {}", base64("\0joe\0open sesame")),
        ),
        ("external", format!("C: AUTH EXTERNAL {}", base64("joe"))),
        (
            "xoauth2",
            format!(
                "C: AUTH XOAUTH2 {}",
                base64("user=joe\x01auth=Bearer abc\x01\x01")
            ),
        ),
        (
            "oauthbearer",
            format!(
                "C: AUTH OAUTHBEARER {}",
                base64("n,a=joe,\x01host=127.0.0.1\x01auth=Bearer abc\x01\x01")
            ),
        ),
    ] {
        let name = auth.to_ascii_uppercase();
        let capabilities = greeting(&["PIPELINING", &format!("SASL {name}")]);
        let first = format!(
            "{capabilities}{login}
             S: +OK
             C: CAPA
             S: +OK
             S: PIPELINING
             S: .
             C: UIDL
             C: LIST
             lists a
             lists 17
             C: RETR 1
             gives a
             C: QUIT
             S: +OK"
        );
        let second = format!(
            "S: +OK
             {login}
             C: UIDL
             C: STAT
             S: +OK
             lists a
             counts 1 17
             C: QUIT"
        );
        let server = Script::new(first).then(second).serve();
        let secret = if auth == "plain" {
            "open sesame"
        } else {
            "abc"
        };
        let keys = format!("auth = '{auth}'\npassword = '{secret}'");
        let sandbox = Sandbox::with_work(server.address(), &keys);
        sandbox.fetch().succeeds().is_silent();
        sandbox.fetch().succeeds().is_silent();

        assert_eq!(server.finish()[1].turns, 2, "{auth}");
        sandbox.work().holds(&notes(["a"]));
    }
}
