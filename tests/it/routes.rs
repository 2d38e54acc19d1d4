//! The routes to a server: from a chosen address, through a proxy, and through a program.

use std::net::Ipv4Addr;

use crate::support::certificates::Authority;
use crate::support::proxies::{LOGIN, ProxyServer};
use crate::support::sandbox::Sandbox;
use crate::support::script::{Script, ScriptServer};
use crate::tls::SESSION;

const TLS: &str = "security = 'tls'\ntls-ca-file = '~/ca.pem'";
const CLEARTEXT: &str = "allow-cleartext = true\nauth = 'plain'";

fn tls_server() -> (Authority, ScriptServer) {
    let authority = Authority::new();
    let server = Script::new(["tls for localhost\nS: +OK ready", SESSION].concat())
        .identity(authority.certificate().acceptor())
        .serve();
    (authority, server)
}

#[test]
fn the_proxy_resolves_the_servers_name() {
    for start in [ProxyServer::socks5, ProxyServer::http] {
        let Some(proxy) = start() else {
            return;
        };
        let (authority, server) = tls_server();
        let target = format!("localhost:{}", server.port());
        let keys = format!("{TLS}\nproxy = '{}'", proxy.url(LOGIN));
        let sandbox = Sandbox::with_work(&target, &keys);
        sandbox.write("home/ca.pem", authority.pem());

        let outcome = sandbox.mailpull(["fetch", "-vv"]).run();

        outcome.succeeds().never_says("proxy-password");
        server.finish();
        let said = proxy.end();
        let said = [said.stdout_text(), said.stderr_text()].concat();
        assert!(said.contains("localhost"), "{said}");
    }
}

#[test]
fn a_proxy_that_refuses_the_login_ends_the_session() {
    for start in [ProxyServer::socks5, ProxyServer::http] {
        let Some(proxy) = start() else {
            return;
        };
        let (_, server) = (Authority::new(), Script::default().serve());
        let keys = format!("{TLS}\nproxy = '{}'", proxy.url("proxy-user:hunter2"));
        let sandbox = Sandbox::with_work(server.address(), &keys);
        sandbox.write("home/ca.pem", Authority::new().pem());

        sandbox
            .fetch()
            .fails_with(77)
            .complains_in_lines(1)
            .stderr_has("through the proxy 127.0.0.1:")
            .stderr_has("it refuses the login. Check user and password in \"proxy\"")
            .never_says("hunter2");

        server.finish();
    }
}

/// Fetches through an HTTP proxy, which is the script.
fn fetch_through(
    conversation: &str,
    keys: &str,
) -> (ScriptServer, crate::support::outcome::RunOutcome) {
    let server = Script::new(conversation).serve();
    let keys = format!("proxy = 'http://{}'\n{keys}", server.address());
    let sandbox = Sandbox::with_work("pop.example.com:110", &keys);
    let outcome = sandbox.fetch();
    (server, outcome)
}

const CONNECT: &str =
    "C: CONNECT pop.example.com:110 HTTP/1.1\nC: Host: pop.example.com:110\nC: \n";

#[test]
fn octets_after_the_proxys_reply_come_from_the_server() {
    let answer = "S: HTTP/1.0 200 Connection established\nS: Via: x\nS: \nS: +OK ready\n";
    let (server, outcome) = fetch_through(&[CONNECT, answer, SESSION].concat(), CLEARTEXT);

    outcome.succeeds().is_silent();
    server.finish();
}

#[test]
fn a_proxys_refusal_is_quoted_in_the_error() {
    for (answer, exit, said) in [
        (
            "S: HTTP/1.1 403 Forbidden\nS: ",
            75,
            "it says \"HTTP/1.1 403 Forbidden\"",
        ),
        (
            "S: HTTP/1.1 502 \x1b[2J\nS: ",
            75,
            "it says \"HTTP/1.1 502 \\u{1b}[2J\"",
        ),
        ("S: HTTP/1.1 407 Who are you?\nS: ", 77, "refuses the login"),
        ("S: +OK POP3 ready", 76, "it is not a proxy of this kind: +"),
        ("raw: HTTP/1.1 200\ncut", 75, "unexpected end of file"),
        ("stall", 75, "timed out"),
    ] {
        let keys = format!("{CLEARTEXT}\ntimeout-connect = '1s'");
        let (server, outcome) = fetch_through(&[CONNECT, answer].concat(), &keys);

        outcome
            .fails_with(exit)
            .complains_in_lines(1)
            .stderr_has("cannot reach pop.example.com:110 through the proxy 127.0.0.1:")
            .stderr_has(said);
        server.finish();
    }
}

#[test]
fn tunnel_command_carries_the_session() {
    let server = Script::new(["S: +OK ready", SESSION].concat()).serve();
    let port = server.port();
    let keys = format!(
        "{CLEARTEXT}\ntunnel-command = ['bash', '-c', \
         'test -z \"$SECRET\" && exec 3<>/dev/tcp/127.0.0.1/{port} && {{ cat <&3 & cat >&3; }} 2>/dev/null']\n\
         password-env = 'SECRET'"
    );
    let sandbox = Sandbox::with_work("pop.example.com:110", &keys);

    let outcome = sandbox
        .mailpull(["fetch"])
        .env("SECRET", "open sesame")
        .run();

    outcome.succeeds().is_silent();
    drop(server);
}

#[test]
fn a_tunnel_command_that_fails_is_an_error() {
    for (command, exit, said) in [
        ("['true']", 75, "the server closed the connection"),
        (
            "['/nonexistent/x']",
            78,
            "cannot run the tunnel-command /nonexistent/x: ",
        ),
    ] {
        let keys = format!("{CLEARTEXT}\ntunnel-command = {command}");
        let sandbox = Sandbox::with_work("pop.example.com:110", &keys);

        let outcome = sandbox.fetch();

        outcome
            .fails_with(exit)
            .complains_in_lines(1)
            .stderr_has(said);
    }
}

#[test]
fn the_connection_comes_from_source_address() {
    // Every address in 127.0.0.0/8 belongs to this machine.
    let server = Script::new(["S: +OK ready", SESSION].concat()).serve();
    let sandbox = Sandbox::with_work(
        server.address(),
        "auth = 'plain'\nsource-address = '127.0.0.9'",
    );

    sandbox.fetch().succeeds().is_silent();

    let heard = server.finish();
    assert_eq!(heard[0].client, Some(Ipv4Addr::new(127, 0, 0, 9).into()));
}

#[test]
fn an_unusable_source_address_is_an_error() {
    for (source, said) in [
        ("192.0.2.77", "cannot use source-address 192.0.2.77: "),
        ("::1", "no address is of the same family as source-address"),
    ] {
        let server = Script::default().serve();
        let keys = format!("source-address = '{source}'");
        let sandbox = Sandbox::with_work(server.address(), &keys);

        sandbox
            .fetch()
            .fails_with(75)
            .complains_in_lines(1)
            .stderr_has(said);

        server.finish();
    }
}

#[test]
fn invalid_routes_are_refused_before_connecting() {
    for (server, keys, said) in [
        (
            "h",
            "proxy = 'http://p:1'\ntunnel-command = ['x']",
            "\"tunnel-command\" contradicts \"proxy\"",
        ),
        (
            "h",
            "security = 'tls'\ntunnel-command = ['x']\nsource-address = '::1'",
            "\"source-address\" has no meaning with tunnel-command",
        ),
        (
            "/run/pop3",
            "proxy = 'http://p:1'",
            "\"proxy\" has no meaning for a Unix socket",
        ),
        (
            "127.0.0.1",
            "proxy = 'http://127.0.0.1:1'",
            "security = \"none\" would send the password to 127.0.0.1:110 in cleartext",
        ),
        (
            "localhost",
            "tunnel-command = ['x']",
            "security = \"none\" would send the password to localhost:110 in cleartext",
        ),
    ] {
        let sandbox = Sandbox::with_work(server, keys);

        sandbox
            .fetch()
            .fails_with(78)
            .complains_in_lines(1)
            .stderr_has(said);
    }
}

#[test]
fn a_proxy_password_in_a_flag_is_refused() {
    let sandbox = Sandbox::with_work("h", "security = 'tls'");
    let outcome = sandbox
        .mailpull(["fetch", "-o", "proxy=http://u:hunter2@p:1"])
        .run();

    outcome
        .fails_with(64)
        .complains_in_lines(1)
        .stderr_has("a URL with a password")
        .never_says("hunter2");
}
