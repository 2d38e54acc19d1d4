//! `account add` without `--server`: the search for the server in DNS and by common names.
//! A server is used only if it proves its name. If only DNS names it, the user must agree, too.

use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use crate::support::certificates::Authority;
use crate::support::dns::{DnsServer, free_address};
use crate::support::model_server::PASSWORD;
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;
use crate::support::script::{Script, ScriptServer};
use crate::support::terminal::Tmux;

fn config(sandbox: &Sandbox) -> String {
    fs::read_to_string(sandbox.config_file()).expect("account add wrote the configuration")
}

/// A session with an empty mailbox, for a user name that contains a domain.
const SESSION: &str = "
    S: +OK ready
    C: CAPA
    S: -ERR what
    C: USER joe@example.test
    S: +OK
    C: PASS open sesame
    S: +OK
    C: CAPA
    S: -ERR what
    C: NOOP
    S: +OK
    C: UIDL
    S: +OK
    S: .
    C: LIST
    S: +OK
    S: .
    C: QUIT
    S: +OK
    close";

/// A server of this name that accepts two connections: the search probes it, then the test logs in.
fn server(authority: &Authority, name: &str, stls: &str) -> ScriptServer {
    let tls = format!("{stls}tls for {name}\n");
    let session = match stls {
        "" => SESSION.to_owned(),
        _ => SESSION.replacen("S: +OK ready", "", 1),
    };
    let greeting = if stls.is_empty() { "S: +OK ready" } else { "" };
    Script::new([&tls, greeting].concat())
        .then([tls, session].concat())
        .identity(authority.certificate_for(&[name]).acceptor())
        .serve()
}

/// Searches for the server of `joe@example.test` and adds the account.
fn search(sandbox: &Sandbox, dns: &DnsServer, authority: &Authority) -> RunOutcome {
    let ca = sandbox.write("home/ca.pem", authority.pem());
    let ca = format!("tls-ca-file={}", ca.display());
    let arguments = [
        &["account", "add", "work", "--user", "joe@example.test"][..],
        &["--password-env", "SECRET", "--maildir", "home/Mail/work"],
        &["-o", &*ca][..],
    ]
    .concat();
    let program = dns.mailpull(sandbox, &arguments);
    program.env("SECRET", PASSWORD).run()
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_server_named_by_the_domains_srv_record_is_used() {
    let authority = Authority::new();
    for (service, stls, security, line) in [
        ("_pop3s._tcp", "", "tls", ""),
        (
            "_pop3._tcp",
            "S: +OK ready\nC: STLS\nS: +OK\n",
            "starttls",
            "security = \"starttls\"\n",
        ),
    ] {
        let sandbox = Sandbox::new();
        let server = server(&authority, "pop3.example.test", stls);
        let port = server.port();
        let lines = format!(
            "srv-host={service}.example.test,pop3.example.test,{port},0,0\n\
             address=/pop3.example.test/127.0.0.1"
        );
        let Some(dns) = DnsServer::start(&sandbox, &lines) else {
            return;
        };

        let outcome = search(&sandbox, &dns, &authority);

        outcome.succeeds().stderr_is("").stdout_has(&format!(
            "search: pop3.example.test:{port}, named by the domain's DNS, {security}: it answers and \
             proves its name\n"
        ));
        let written = config(&sandbox);
        let server_line = format!("server = \"pop3.example.test:{port}\"\n{line}");
        assert!(written.contains(&server_line), "{written}");
        server.finish();
    }
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_server_in_another_domain_needs_the_users_agreement() {
    let authority = Authority::new();
    let sandbox = Sandbox::new();
    let server = Script::new("tls for mx.elsewhere.test\nS: +OK ready")
        .identity(authority.certificate_for(&["mx.elsewhere.test"]).acceptor())
        .serve();
    let port = server.port();
    let lines = format!(
        "srv-host=_pop3s._tcp.example.test,mx.elsewhere.test,{port},0,0\n\
         address=/mx.elsewhere.test/127.0.0.1"
    );
    let Some(dns) = DnsServer::start(&sandbox, &lines) else {
        return;
    };

    search(&sandbox, &dns, &authority)
        .fails_with(64)
        .complains_in_lines(1)
        .stderr_has(&format!(
            "DNS says that the mail of example.test is at mx.elsewhere.test:{port}, which may be \
             forged. If it is right: --server mx.elsewhere.test:{port}\n"
        ));

    assert!(!sandbox.config_file().exists());
    server.finish();
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_user_can_accept_a_server_in_another_domain() {
    let authority = Authority::new();
    let sandbox = Sandbox::new();
    let server = server(&authority, "mx.elsewhere.test", "");
    let port = server.port();
    let lines = format!(
        "srv-host=_pop3s._tcp.example.test,mx.elsewhere.test,{port},0,0\n\
         address=/mx.elsewhere.test/127.0.0.1"
    );
    let dns = DnsServer::start(&sandbox, &lines);
    let terminal = Tmux::open(&sandbox, &[("SECRET", PASSWORD)]);
    let (Some(dns), Some(terminal)) = (dns, terminal) else {
        return;
    };
    let ca = sandbox.write("home/ca.pem", authority.pem());

    terminal.runs(&format!(
        "{} mailpull account add work --user joe@example.test --password-env SECRET --maildir m \
         -o tls-ca-file={}",
        dns.prefix(&sandbox),
        ca.display()
    ));
    terminal.shows("Is it right? [y/N]: ");
    terminal.types("y").presses("Enter");

    terminal.ended_with(0);
    let written = config(&sandbox);
    let server_line = format!("server = \"mx.elsewhere.test:{port}\"\n");
    assert!(written.contains(&server_line), "{written}");
    server.finish();
}

const OPEN: &str = "an open socket can be duplicated";

/// Forwards connections from a port of another loopback address to a server.
fn forward(from: (Ipv4Addr, u16), to: SocketAddr) {
    let listener = TcpListener::bind(from).expect("no other test uses this address");
    thread::spawn(move || {
        for client in listener.incoming() {
            let relay = client.and_then(|client| Ok((client, TcpStream::connect(to)?)));
            let Ok((client, server)) = relay else {
                // The server may be gone. Then the client's connection is closed, too.
                continue;
            };
            for (mut from, mut to) in [
                (client.try_clone(), server.try_clone()),
                (Ok(server), Ok(client)),
            ]
            .map(|(from, to)| (from.expect(OPEN), to.expect(OPEN)))
            {
                thread::spawn(move || {
                    // When either side closes, the other must see the end of the stream.
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_server_without_srv_record_is_found_by_common_names() {
    let authority = Authority::new();
    for (name, port, stls, lines) in [
        (
            "mail.example.test",
            995,
            "",
            "server = \"mail.example.test\"\n",
        ),
        (
            "pop.example.test",
            110,
            "S: +OK ready\nC: STLS\nS: +OK\n",
            "server = \"pop.example.test\"\nsecurity = \"starttls\"\n",
        ),
    ] {
        let sandbox = Sandbox::new();
        let server = server(&authority, name, stls);
        let address = free_address();
        let Some(dns) = DnsServer::start(&sandbox, &format!("address=/{name}/{address}")) else {
            return;
        };
        forward((address, port), server.address());

        let outcome = search(&sandbox, &dns, &authority);

        outcome
            .succeeds()
            .stdout_has("search: pop3.example.test:995, a usual name, tls: ")
            .stdout_has(&format!("search: {name}:{port}, a usual name, "));
        assert!(config(&sandbox).contains(lines), "{}", config(&sandbox));
        server.finish();
    }
}

#[test]
fn keys_for_one_particular_server_prevent_the_search() {
    let sandbox = Sandbox::new();
    let add = |options: &[&str]| {
        let arguments = [
            &["account", "add", "work", "--user", "joe@example.test"][..],
            &["--password-env", "SECRET", "--maildir", "m"],
            options,
        ]
        .concat();
        let program = sandbox.mailpull(arguments).env("SECRET", PASSWORD);
        program.run()
    };
    for (key, value) in [
        ("port", "1995"),
        ("proxy", "\"socks5://127.0.0.1:9\""),
        ("security", "\"none\""),
        ("tls-client-cert", "\"/c.pem\""),
        ("tls-name", "\"localhost\""),
        ("tls-verify", "false"),
        ("tunnel-command", "[\"false\"]"),
    ] {
        let refused = |outcome: RunOutcome, place: &str| {
            outcome
                .fails_with(64)
                .complains_in_lines(1)
                .stderr_has(&format!(
                    "{place}: \"{key}\" is set, so no server is searched for. Name it with \
                     --server HOST\n"
                ))
                .stdout_is("");
        };
        refused(add(&["-o", &format!("{key}={value}")]), "-o");
        let text = format!("[defaults]\n{key} = {value}\n");
        sandbox.config(&text);
        refused(add(&[]), "config.toml:2");
        assert_eq!(config(&sandbox), text);
        fs::remove_file(sandbox.config_file()).expect("the configuration exists");
    }
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn the_next_resolver_is_asked_after_a_servfail() {
    let authority = Authority::new();
    let sandbox = Sandbox::new();
    let server = server(&authority, "pop3.example.test", "");
    let port = server.port();
    let lines = format!(
        "srv-host=_pop3s._tcp.example.test,pop3.example.test,{port},0,0\n\
         address=/pop3.example.test/127.0.0.1"
    );
    let Some(dns) = DnsServer::start(&sandbox, &lines) else {
        return;
    };
    let dns = dns.after(failing_resolver());

    search(&sandbox, &dns, &authority)
        .succeeds()
        .stdout_has(&format!(
            "search: pop3.example.test:{port}, named by the domain's DNS, tls: it answers"
        ));

    server.finish();
}

/// Starts a resolver that answers each question with SERVFAIL.
fn failing_resolver() -> Ipv4Addr {
    let address = free_address();
    let socket = UdpSocket::bind((address, 53)).expect("no other test uses this address");
    thread::spawn(move || {
        let mut packet = [0; 512];
        while let Ok((octets, from)) = socket.recv_from(&mut packet) {
            packet[2] |= 0x80;
            packet[3] = 0x82;
            // The client may have stopped waiting.
            let _ = socket.send_to(&packet[..octets], from);
        }
    });
    address
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn an_unusual_host_in_the_domain_needs_the_users_agreement() {
    let authority = Authority::new();
    let sandbox = Sandbox::new();
    let server = Script::new("tls for evil.example.test\nS: +OK ready")
        .identity(authority.certificate_for(&["evil.example.test"]).acceptor())
        .serve();
    let port = server.port();
    let lines = format!(
        "srv-host=_pop3s._tcp.example.test,evil.example.test,{port},0,0\n\
         address=/evil.example.test/127.0.0.1"
    );
    let Some(dns) = DnsServer::start(&sandbox, &lines) else {
        return;
    };

    search(&sandbox, &dns, &authority)
        .fails_with(64)
        .complains_in_lines(1)
        .stderr_has(&format!(
            "If it is right: --server evil.example.test:{port}\n"
        ));

    assert!(!sandbox.config_file().exists());
    server.finish();
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_dripping_server_is_given_up_for_the_next() {
    let authority = Authority::new();
    let sandbox = Sandbox::new();
    let slow = dripping_server();
    let server = server(
        &authority,
        "pop.example.test",
        "S: +OK ready\nC: STLS\nS: +OK\n",
    );
    let port = server.port();
    let lines = format!(
        "srv-host=_pop3._tcp.example.test,pop3.example.test,{slow},0,0\n\
         srv-host=_pop3._tcp.example.test,pop.example.test,{port},10,0\n\
         address=/pop3.example.test/127.0.0.1\naddress=/pop.example.test/127.0.0.1"
    );
    let Some(dns) = DnsServer::start(&sandbox, &lines) else {
        return;
    };

    search(&sandbox, &dns, &authority)
        .succeeds()
        .stdout_has(&format!(
            "search: pop3.example.test:{slow}, named by the domain's DNS, starttls: timed out\n\
             search: pop.example.test:{port}, "
        ));

    server.finish();
}

/// Starts a server that sends one octet of its greeting each second, forever. Returns its port.
fn dripping_server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("the listener is bound").port();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            thread::spawn(move || {
                while client.write_all(b"+").is_ok() {
                    thread::sleep(Duration::from_secs(1));
                }
            });
        }
    });
    port
}
