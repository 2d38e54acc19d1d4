//! Wrong, slow and hostile answers of providers. The provider is a fake with prepared answers.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::support::certificates::Authority;
use crate::support::oauth2::{FakeProvider, answer, kept, kept_file};
use crate::support::outcome::RunOutcome;
use crate::support::proxies::{LOGIN, ProxyServer};
use crate::support::sandbox::Sandbox;

const CODE: &str = r#"{"device_code": "device-1", "user_code": "AB-CD", "expires_in": 600,
    "verification_uri": "https://login.example.com/device", "interval": 1}"#;

const TOKENS: &str = r#"{"access_token": "hunter2", "refresh_token": "hunter3"}"#;

/// Signs in at this provider.
fn login(fake: &FakeProvider) -> RunOutcome {
    let sandbox = Sandbox::with_work("127.0.0.1:9", &fake.keys());
    sandbox.mailpull(["login", "-vv", "work"]).run()
}

#[test]
fn an_invalid_answer_ends_the_sign_in_without_showing_tokens() {
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "hunter2".repeat(100_000));
    let endless_head = format!("HTTP/1.1 200 OK\r\nX: {}", "hunter2".repeat(100_000));
    let redirect = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/hunter2\r\n\r\n".to_owned();
    let cut = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhunter2".to_owned();
    let injected = r#"{"device_code": "a\r\nhunter2", "user_code": "x", "expires_in": 1,
        "verification_uri": "x"}"#;
    for (answer, status, error) in [
        (
            answer("200 OK", "hunter2"),
            76,
            "is not understood: it is not what",
        ),
        (
            answer("200 OK", injected),
            76,
            "the code contains a line break",
        ),
        (
            answer("500 Oops", "hunter2"),
            75,
            "it answers with status 500",
        ),
        (
            answer("404 What", "hunter2"),
            76,
            "it answers with status 404",
        ),
        (redirect, 76, "it answers with status 302"),
        (endless, 76, "it is too long"),
        (endless_head, 76, "it is too long"),
        (cut, 75, "unexpected end of file"),
        (String::new(), 75, "unexpected end of file"),
        ("hunter2 is what\r\n\r\n".to_owned(), 76, "it is not HTTP"),
    ] {
        let fake = FakeProvider::start([answer]);
        login(&fake)
            .fails_with(status)
            .complains_in_lines(1)
            .stderr_has(error)
            .never_says("hunter2");
    }
}

#[test]
fn provider_text_cannot_control_the_terminal() {
    let refused = r#"{"error": "\u001b[1mno", "error_description": "not\nnow\u202e"}"#;
    let fake = FakeProvider::start([answer("400 Bad", refused)]);
    login(&fake)
        .fails_with(77)
        .complains_in_lines(1)
        .stderr_has(r"refuses the sign-in: \u{1b}[1mno (not\u{a}now\u{202e})");
    let code = r#"{"device_code": "device-1", "user_code": "A\u001b[1m", "expires_in": 1,
        "verification_uri": "https://h/\u0007"}"#;
    let fake = FakeProvider::start([answer("200 OK", code)]);
    let outcome = login(&fake);
    outcome
        .fails_with(77)
        .stdout_has(r"open https://h/\u{7}")
        .stdout_has(r"the code A\u{1b}[1m")
        .stderr_is("mailpull: nobody signed in in time\n");
}

#[test]
fn the_provider_is_polled_until_the_user_decides() {
    let refusal = |word: &str| answer("400 Bad", &format!("{{\"error\": \"{word}\"}}"));
    let fake = FakeProvider::start([
        answer("200 OK", CODE),
        refusal("authorization_pending"),
        answer("503 Busy", ""),
        refusal("slow_down"),
        answer("200 OK", TOKENS),
    ]);
    let sandbox = Sandbox::with_work("127.0.0.1:9", &fake.keys());
    let outcome = sandbox.mailpull(["login", "-vv", "work"]).run();
    outcome
        .succeeds()
        .stdout_has("To sign in as joe, open https://login.example.com/device\n")
        .never_says("hunter");
    assert_eq!(kept(&sandbox.state())["access_token"], "hunter2");
    let request = fake.was_asked();
    assert!(
        request.starts_with("POST /device HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.ends_with("\r\n\r\nscope=mail&client_id=me"),
        "{request}"
    );
    for _ in 0..4 {
        let request = fake.was_asked();
        assert!(request.starts_with("POST /token HTTP/1.1\r\n"), "{request}");
        let form = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&\
                    device_code=device-1&client_id=me";
        assert!(request.ends_with(form), "{request}");
    }
}

#[test]
fn logout_removes_the_stored_tokens() {
    let fake = FakeProvider::start([answer("200 OK", CODE), answer("200 OK", TOKENS)]);
    let sandbox = Sandbox::with_work("127.0.0.1:9", &fake.keys());
    sandbox.mailpull(["login", "work"]).run().succeeds();
    let tokens = kept_file(&sandbox.state());
    let unfinished = tokens.with_extension("new");
    fs::write(&unfinished, TOKENS).expect("the folder can be written");

    let logout = sandbox.mailpull(["logout", "work"]).run();

    let place = tokens.display();
    let removed = format!("the sign-in of joe was removed from {place}\n");
    logout.succeeds().stdout_is(removed);
    assert!(!tokens.exists() && !unfinished.exists());
    let again = sandbox.mailpull(["logout", "work", "--json"]).run();
    let event = &again.succeeds().json_lines()[0];
    assert_eq!(
        (&event["event"], &event["was_there"]),
        (&"signed-out".into(), &false.into())
    );
    sandbox
        .fetch()
        .fails_with(78)
        .stderr_has("nobody has signed in");
}

#[test]
fn a_sign_in_without_a_refresh_token_ends_with_its_token() {
    let short = r#"{"access_token": "hunter2", "expires_in": 1}"#;
    let fake = FakeProvider::start([answer("200 OK", CODE), answer("200 OK", short)]);
    let sandbox = Sandbox::with_work("127.0.0.1:9", &fake.keys());
    let login = sandbox.mailpull(["login", "work"]).run();
    login
        .succeeds()
        .complains_in_lines(1)
        .stderr_has("work: the provider grants no refresh token, so this sign-in ends when");
    sandbox.fetch().fails_with(77).stderr_is(
        "mailpull: work: the sign-in has ended, as the provider granted no refresh token. Sign in \
         with: mailpull login work\n",
    );
    sandbox.fetch().fails_with(77).is_silent();
}

#[test]
fn no_token_is_requested_that_cannot_be_stored() {
    let short = r#"{"access_token": "hunter2", "refresh_token": "hunter3", "expires_in": 1}"#;
    let grant = || answer("200 OK", short);
    let fake = FakeProvider::start([answer("200 OK", CODE), grant(), grant()]);
    let sandbox = Sandbox::unprivileged();
    sandbox.account("work", "127.0.0.1:9", &fake.keys());
    sandbox.mailpull(["login", "work"]).run().succeeds();
    for path in ["/device", "/token"] {
        assert!(fake.was_asked().starts_with(&format!("POST {path} ")));
    }
    let folder = sandbox.state().join("tokens");
    fs::set_permissions(&folder, Permissions::from_mode(0o500)).expect("the folder exists");
    sandbox
        .fetch()
        .fails_with(74)
        .complains_in_lines(1)
        .stderr_has("work: cannot write ");
    fake.was_asked_no_more();
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).expect("the folder exists");
    sandbox.fetch().fails_with(75);
    assert!(fake.was_asked().contains("refresh_token=hunter3"));
}

#[test]
fn a_provider_must_have_a_trusted_certificate() {
    let authority = Authority::new();
    let start = || {
        let answers = [answer("200 OK", CODE), answer("200 OK", TOKENS)];
        FakeProvider::with_tls(authority.certificate().acceptor(), answers.to_vec())
    };
    let fake = start();
    login(&fake)
        .fails_with(76)
        .complains_in_lines(1)
        .stderr_has("certificate");
    let fake = start();
    let sandbox = Sandbox::with_work("127.0.0.1:9", &fake.keys());
    let trusted = sandbox.write("ca.pem", authority.pem());
    let login = sandbox.mailpull(["login", "work"]);
    login.env("SSL_CERT_FILE", trusted).run().succeeds();
    let request = fake.was_asked();
    assert!(
        request.starts_with("POST /device HTTP/1.1\r\n"),
        "{request}"
    );
}

#[test]
fn the_provider_is_reached_through_the_accounts_proxy() {
    for start in [ProxyServer::socks5, ProxyServer::http] {
        let Some(proxy) = start() else {
            return;
        };
        let fake = FakeProvider::start([answer("200 OK", CODE), answer("200 OK", TOKENS)]);
        let keys = format!(
            "{}security = 'tls'\nproxy = '{}'",
            fake.keys(),
            proxy.url(LOGIN)
        );
        let sandbox = Sandbox::with_work("pop.example.com:995", &keys);
        sandbox.mailpull(["login", "work"]).run().succeeds();
        fake.was_asked();
        let outcome = proxy.end();
        let printed = [outcome.stdout_text(), outcome.stderr_text()].concat();
        assert!(printed.contains("localhost"), "{printed}");
    }
}

#[test]
fn an_unsafe_provider_url_is_refused() {
    for (url, error) in [
        ("http://login.example.com/token", "must begin with https://"),
        (
            "https://me:hunter2@login.example.com/",
            "must be an address such as",
        ),
    ] {
        let keys =
            format!("oauth2-client-id = 'me'\noauth2-scope = 'mail'\noauth2-token-url = {url:?}\n");
        let sandbox = Sandbox::with_work("127.0.0.1:9", &keys);
        let outcome = sandbox.mailpull(["login", "work"]).run();
        outcome
            .fails_with(78)
            .complains_in_lines(1)
            .stderr_has("\"oauth2-token-url\"")
            .stderr_has(error)
            .never_says("hunter2");
    }
}
