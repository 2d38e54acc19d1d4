//! Logins by SASL (RFC 5034): the exact conversations, the choice of a mechanism, and refusals.
//! For PLAIN and logins without SASL see `login`.

use crate::login::{EMPTY, base64, greeting};
use crate::support::proxies::{LOGIN, ProxyServer};
use crate::support::sandbox::Sandbox;
use crate::support::script::Script;

const TOKEN: &str = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg";

/// Returns a whole session with a server that offers these mechanisms.
fn session(sasl: &str, login: &str) -> String {
    [&greeting(&[&format!("SASL {sasl}")]), login, EMPTY].concat()
}

/// Returns a session with a server that offers these mechanisms, up to the end of the login.
fn failed_session(sasl: &str, login: &str) -> String {
    [&greeting(&[&format!("SASL {sasl}")]), login].concat()
}

/// Returns the response of a mechanism that carries this token.
fn response(mechanism: &str, token: &str) -> String {
    base64(&match mechanism {
        "XOAUTH2" => format!("user=joe\x01auth=Bearer {token}\x01\x01"),
        _ => format!("n,a=joe,\x01host=127.0.0.1\x01auth=Bearer {token}\x01\x01"),
    })
}

#[test]
fn a_short_token_is_sent_in_one_line() {
    for mechanism in ["XOAUTH2", "OAUTHBEARER"] {
        let login = format!("C: AUTH {mechanism} {}\nS: +OK", response(mechanism, TOKEN));
        let server = Script::new(session(mechanism, &login)).serve();
        let auth = mechanism.to_ascii_lowercase();
        let keys = format!("auth = '{auth}'\npassword-command = 'echo {TOKEN}'");
        let sandbox = Sandbox::with_work(server.address(), &keys);

        let outcome = sandbox.mailpull(["fetch", "-vv"]).run();

        outcome.succeeds().never_says(TOKEN);
        outcome.stderr_has(&format!("C: AUTH {mechanism} ****"));
        server.finish();
    }
}

#[test]
fn a_long_token_waits_for_the_continuation() {
    let token = TOKEN.repeat(40);
    for mechanism in ["XOAUTH2", "OAUTHBEARER"] {
        let response = response(mechanism, &token);
        let login = format!("C: AUTH {mechanism}\nS: + \nC: {response}\nS: +OK");
        let server = Script::new(session(mechanism, &login)).serve();
        let auth = mechanism.to_ascii_lowercase();
        let keys = format!("auth = '{auth}'\npassword = '{token}'");
        let sandbox = Sandbox::with_work(server.address(), &keys);

        sandbox.fetch().succeeds().is_silent();

        server.finish();
    }
}

#[test]
fn only_a_protocol_error_retries_a_token_in_two_lines() {
    let one_line = format!("C: AUTH XOAUTH2 {}\n", response("XOAUTH2", TOKEN));
    let again = format!(
        "S: -ERR Protocol error\nC: AUTH XOAUTH2\nS: + \nC: {}\n",
        response("XOAUTH2", TOKEN)
    );
    for (end, status) in [
        (format!("{again}S: +OK{EMPTY}"), 0),
        (format!("{again}S: -ERR no"), 77),
        (
            "S: -ERR Protocol error\nC: AUTH XOAUTH2\nS: -ERR no".to_owned(),
            77,
        ),
        ("S: -ERR [AUTH] no".to_owned(), 77),
        ("S: -ERR [IN-USE] no".to_owned(), 75),
    ] {
        let server = Script::new(failed_session("XOAUTH2", &[&one_line, &*end].concat())).serve();
        let keys = format!("auth = 'xoauth2'\npassword = '{TOKEN}'");
        let sandbox = Sandbox::with_work(server.address(), &keys);

        let outcome = sandbox.fetch();

        match status {
            0 => outcome.succeeds().is_silent(),
            status => outcome.fails_with(status).complains_in_lines(1),
        };
        server.finish();
    }
}

#[test]
fn the_servers_reason_for_refusing_a_token_is_shown() {
    let json = r#"{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}"#;
    for (mechanism, acknowledgement) in [("XOAUTH2", ""), ("OAUTHBEARER", "AQ==")] {
        let login = format!(
            "C: AUTH {mechanism} {}\nS: + {}\nC: {acknowledgement}\nS: -ERR [AUTH] no\n",
            response(mechanism, TOKEN),
            base64(json)
        );
        let server = Script::new(failed_session(mechanism, &login)).serve();
        let auth = mechanism.to_ascii_lowercase();
        let keys = format!("auth = '{auth}'\npassword = '{TOKEN}'");
        let sandbox = Sandbox::with_work(server.address(), &keys);

        let outcome = sandbox.fetch();

        outcome
            .fails_with(77)
            .complains_in_lines(1)
            .stderr_has("https://mail.google.com/")
            .never_says(TOKEN);
        server.finish();
    }
}

#[test]
fn a_token_repeated_in_a_refusal_is_masked() {
    let login = format!(
        "C: AUTH XOAUTH2 {}\nS: + {}\nC: \nS: -ERR [AUTH] no\n",
        response("XOAUTH2", TOKEN),
        base64(&format!(r#"{{"status":"400","token":"{TOKEN}"}}"#))
    );
    let server = Script::new(failed_session("XOAUTH2", &login)).serve();
    let keys = format!("auth = 'xoauth2'\npassword = '{TOKEN}'");
    let sandbox = Sandbox::with_work(server.address(), &keys);

    let outcome = sandbox.mailpull(["fetch", "-vv"]).run();

    outcome
        .fails_with(77)
        .stderr_has(r#""token":"(hidden)""#)
        .never_says(TOKEN);
    server.finish();
}

#[test]
fn a_refused_pipelined_token_is_retried_on_the_same_connection() {
    let pipelined = format!(
        "S: +OK ready
         C: CAPA
         S: +OK
         S: PIPELINING
         S: SASL XOAUTH2
         S: .
         C: AUTH XOAUTH2 {0}
         C: CAPA
         C: UIDL
         C: LIST
         S: -ERR Protocol error
         S: +OK
         S: PIPELINING
         S: SASL XOAUTH2
         S: .
         S: -ERR
         S: -ERR
         C: AUTH XOAUTH2
         S: +\x20
         C: {0}
         C: CAPA
         C: UIDL
         C: LIST
         S: -ERR no
         S: +OK
         S: .
         S: -ERR
         S: -ERR",
        response("XOAUTH2", TOKEN)
    );
    let server = Script::new(pipelined).serve();
    let keys = format!("auth = 'xoauth2'\npassword = '{TOKEN}'");
    let sandbox = Sandbox::with_work(server.address(), &keys);

    let outcome = sandbox.fetch();

    outcome.fails_with(77).complains_in_lines(1);
    server.finish();
}

#[test]
fn an_invalid_token_is_not_sent() {
    let server = Script::new(greeting(&["SASL XOAUTH2"])).serve();
    let sandbox = Sandbox::with_work(server.address(), "auth = 'xoauth2'");

    let outcome = sandbox.fetch();

    outcome.fails_with(78).complains_in_lines(1);
    outcome.stderr_has("characters that no token has");
    server.finish();
}

#[test]
fn auth_login_sends_the_user_and_then_the_password() {
    // Microsoft's servers ask for "User Name" and "Password", each with a final NUL.
    let login = "
        C: AUTH LOGIN
        S: + VXNlciBOYW1lAA==
        C: am9l
        S: + UGFzc3dvcmQA
        C: b3BlbiBzZXNhbWU=
        S: +OK";
    let server = Script::new(session("LOGIN PLAIN", login)).serve();
    let sandbox = Sandbox::with_work(server.address(), "auth = 'login'");

    let outcome = sandbox.mailpull(["fetch", "-vv"]).run();

    outcome.succeeds().never_says("sesame").never_says("b3Blbi");
    server.finish();
}

#[test]
fn cram_md5_is_chosen_without_tls_and_matches_rfc_2195() {
    let login = "
        C: AUTH CRAM-MD5
        S: + PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+
        C: dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw
        S: +OK";
    for auth in ["auto", "cram-md5"] {
        let server = Script::new(session("LOGIN PLAIN CRAM-MD5", login)).serve();
        let keys = format!("auth = '{auth}'\nuser = 'tim'\npassword = 'tanstaaftanstaaf'");
        let sandbox = Sandbox::with_work(server.address(), &keys);

        sandbox.fetch().succeeds().is_silent();

        server.finish();
    }
}

#[test]
fn external_and_none_need_no_password() {
    let login = format!("C: AUTH EXTERNAL {}\nS: +OK", base64("joe"));
    let external = session("EXTERNAL", &login);
    let none = session("PLAIN", "");
    for (auth, conversation) in [("external", external), ("none", none)] {
        let server = Script::new(conversation).serve();
        let sandbox = Sandbox::new();
        let account = format!(
            "[accounts.work]\nserver = '{}'\nsecurity = 'none'\nuser = 'joe'\n\
             auth = '{auth}'\nmaildir = {:?}",
            server.address(),
            sandbox.work().path()
        );
        sandbox.config(&account);

        sandbox.fetch().succeeds().is_silent();

        server.finish();
    }
}

#[test]
fn a_challenge_that_is_not_base64_ends_the_session() {
    for (mechanism, challenge) in [("digest-md5", "realm"), ("cram-md5", "<1@example.com>")] {
        let name = mechanism.to_ascii_uppercase();
        let login = format!("C: AUTH {name}\nS: + {challenge}\nC: *\nS: -ERR cancelled");
        let server = Script::new(failed_session(&name, &login)).serve();
        let keys = format!("auth = '{mechanism}'");
        let sandbox = Sandbox::with_work(server.address(), &keys);

        let outcome = sandbox.fetch();

        outcome.fails_with(76).complains_in_lines(1);
        outcome.stderr_has("the challenge is not base64");
        server.finish();
    }
}

/// A login by CRAM-MD5, which does not show the password.
const CRAM_MD5: &str = "
    C: AUTH CRAM-MD5
    S: + PDFAZXhhbXBsZS5jb20+
    C: am9lIDczZTkxZDg5NzA1MzEzNmFiM2Q5YWI5ZWFlYzVhYmFk
    S: +OK";

#[test]
fn a_weaker_mechanism_than_before_requires_the_users_consent() {
    let plain = format!("C: AUTH PLAIN {}\nS: +OK", base64("\0joe\0open sesame"));
    let server = Script::new(session("CRAM-MD5 PLAIN", CRAM_MD5))
        .then(failed_session("PLAIN", ""))
        .then(failed_session("", ""))
        .then(session("PLAIN", &plain))
        .then(session("PLAIN", &plain))
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    // `check` refuses, too, although it records nothing.
    sandbox
        .mailpull(["check"])
        .run()
        .fails_with(69)
        .complains_in_lines(1)
        .stderr_has("shows more of the password than CRAM-MD5");
    sandbox
        .fetch()
        .fails_with(69)
        .complains_in_lines(1)
        .stderr_has("accept that once: mailpull fetch -o auth=");

    sandbox
        .mailpull(["fetch", "-o", "auth=plain"])
        .run()
        .succeeds();
    sandbox.fetch().succeeds().is_silent();

    server.finish();
}

#[test]
fn only_a_named_mechanism_shows_the_password_to_a_network() {
    // The proxy makes the server a remote one, although it listens on loopback.
    let Some(proxy) = ProxyServer::socks5() else {
        return;
    };
    let route = format!(
        "security = 'none'\nallow-cleartext = true\nproxy = '{}'",
        proxy.url(LOGIN)
    );
    let plain = format!("C: AUTH PLAIN {}\nS: +OK", base64("\0joe\0open sesame"));
    for (sasl, keys, login) in [
        ("PLAIN LOGIN", "", None),
        ("PLAIN CRAM-MD5", "", Some(CRAM_MD5)),
        ("PLAIN CRAM-MD5", "auth = 'plain'", Some(&*plain)),
    ] {
        let conversation = match login {
            Some(login) => session(sasl, login),
            None => failed_session(sasl, ""),
        };
        let server = Script::new(conversation).serve();
        let sandbox = Sandbox::with_work(server.address(), &format!("{route}\n{keys}"));

        let outcome = sandbox.fetch();

        match login {
            Some(_) => outcome.succeeds().is_silent(),
            None => outcome
                .fails_with(69)
                .complains_in_lines(1)
                .stderr_has("the login would show the password to everybody on the way"),
        };
        server.finish();
    }
}

#[test]
fn an_ignored_initial_response_is_sent_again() {
    let login = format!(
        "C: AUTH PLAIN {0}\nS: +\x20\nC: {0}\nS: +OK",
        base64("\0joe\0open sesame")
    );
    let server = Script::new(session("PLAIN", &login)).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().succeeds().is_silent();

    server.finish();
}
