//! Connections that cannot be made, and connections that corrupt what they carry.
//! The tests use no network but loopback.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketType, bind, getsockname, listen, socket};

use crate::support::certificates::Authority;
use crate::support::mail::ordinary;
use crate::support::model_server::{Behaviour, ModelServer, Protection};
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::tools;

#[test]
fn an_unresolvable_name_is_a_temporary_failure() {
    // The label is longer than DNS allows, so the resolver fails without asking a server.
    let name = format!("{}.example.com", "x".repeat(64));
    let sandbox = Sandbox::with_work(format!("{name}:995"), "security = 'tls'");

    let outcome = sandbox.fetch();

    outcome
        .fails_with(75)
        .complains_in_lines(1)
        .stderr_has(&format!("cannot find the address of {name}: "));
}

/// Binds a socket to a port of 127.0.0.1. It does not listen, so connections are refused.
fn bound_socket() -> (OwnedFd, SocketAddr) {
    let fd = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket can be made");
    bind(&fd, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("loopback has a free port");
    let address = getsockname(&fd).expect("a bound socket has an address");
    let address = address.try_into().expect("the socket has an IP address");
    (fd, address)
}

#[test]
fn every_refusing_address_is_reported() {
    let (_socket, address) = bound_socket();
    for (server, error) in [
        (address.to_string(), "Connection refused".to_owned()),
        (
            format!("localhost:{}", address.port()),
            format!("{address}: Connection refused"),
        ),
    ] {
        let sandbox = Sandbox::with_work(server, "");

        let outcome = sandbox.fetch();

        outcome
            .fails_with(75)
            .complains_in_lines(1)
            .stderr_has("cannot connect to ")
            .stderr_has(&error);
    }
}

/// Fills the queue of a socket that listens but never accepts. Further connections are neither
/// accepted nor refused then.
fn fill_queue(address: &SocketAddr) -> Vec<TcpStream> {
    let connect = || TcpStream::connect_timeout(address, Duration::from_millis(100)).ok();
    std::iter::from_fn(connect).collect()
}

#[test]
fn an_unanswered_connection_attempt_times_out() {
    let (socket, address) = bound_socket();
    listen(&socket, 0).expect("the socket is bound");
    let _queue = fill_queue(&address);
    let sandbox = Sandbox::with_work(address, "timeout-connect = '1s'");

    let outcome = sandbox.fetch();

    outcome
        .fails_with(75)
        .complains_in_lines(1)
        .stderr_has("no answer within 1 s");
}

/// Prepares a run of the program that finds the addresses of names in this hosts file.
fn mailpull_with_hosts(sandbox: &Sandbox, hosts: &str, arguments: &str) -> Command {
    let hosts = sandbox.write("hosts", hosts);
    let mut command = sandbox.command("unshare");
    let mount = format!("mount --bind \"$0\" /etc/hosts && exec \"$1\" {arguments}");
    command.args(["-m", "sh", "-c", &mount]);
    command.arg(hosts).arg(sandbox.program());
    command
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn the_next_address_is_tried_after_a_dead_one() {
    // Only root can give a name its addresses.
    tools::require_root();
    let (socket, dead) = bound_socket();
    listen(&socket, 0).expect("the socket is bound");
    let _queue = fill_queue(&dead);
    let server = ModelServer::start(ordinary(1, 3));
    let alive = (Ipv4Addr::new(127, 0, 0, 2), dead.port());
    let listener = TcpListener::bind(alive).expect("the port is free on 127.0.0.2");
    let address = server.address();
    thread::spawn(move || {
        for client in listener.incoming() {
            // A broken connection is an error in the program, where the test sees it.
            let _ = client.and_then(|client| relay(client, address, None));
        }
    });
    let keys = "allow-cleartext = true\nauth = 'user'\ntimeout-connect = '1s'";
    let sandbox = Sandbox::with_work(format!("pop.example.com:{}", dead.port()), keys);
    let hosts = "127.0.0.1 pop.example.com\n127.0.0.2 pop.example.com\n";

    let outcome = Program::new(mailpull_with_hosts(&sandbox, hosts, "account test work")).run();

    let port = dead.port();
    outcome
        .succeeds()
        .stdout_has(&format!(
            "address: 127.0.0.1:{port} did not answer: no answer within 1 s\n"
        ))
        .stdout_has(&format!("address: 127.0.0.2:{port} answered in "))
        .stdout_has("maildrop: 3 messages, ");
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn all_addresses_of_a_name_share_one_deadline() {
    // Only root can give a name its addresses.
    tools::require_root();
    // The socket takes its port on all addresses of this machine.
    let any = (Ipv4Addr::UNSPECIFIED, 0);
    let fd = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket can be made");
    bind(&fd, &SocketAddr::from(any)).expect("there is a free port");
    listen(&fd, 0).expect("the socket is bound");
    let address = getsockname(&fd).expect("a bound socket has an address");
    let address = SocketAddr::try_from(address).expect("the socket has an IP address");
    let port = address.port();
    let _queue = fill_queue(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let sandbox = Sandbox::with_work(
        format!("pop.example.com:{port}"),
        "security = 'tls'\ntimeout-connect = '1s'",
    );
    let addresses: String = (1..=5)
        .map(|n| format!("127.0.0.{n} pop.example.com\n"))
        .collect();
    let command = mailpull_with_hosts(&sandbox, &addresses, "fetch");

    let outcome = Program::new(command).run();

    outcome
        .fails_with(75)
        .complains_in_lines(1)
        .stderr_has(&format!("127.0.0.1:{port}: no answer within 1 s"))
        .stderr_has(&format!("127.0.0.5:{port}: not tried: 3 s were over"));
}

/// Starts a relay that passes two connections on to a server. In the first it changes the octet at
/// this position of what the server sends.
fn corrupting_relay(server: SocketAddr, at: usize) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    let address = listener.local_addr();
    thread::spawn(move || {
        for corrupt_at in [Some(at), None] {
            // A broken connection is an error in the program, where the test sees it.
            let _ = listener
                .accept()
                .and_then(|(client, _)| relay(client, server, corrupt_at));
        }
    });
    address.expect("a bound socket has an address")
}

/// Passes octets on in both directions until the server closes.
fn relay(mut client: TcpStream, server: SocketAddr, corrupt_at: Option<usize>) -> io::Result<()> {
    let mut server = TcpStream::connect(server)?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        // An error means that one side has left, and then the server has to see the end.
        let _ = io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let mut chunk = [0; 4096];
    let mut sent = 0;
    loop {
        let octets = server.read(&mut chunk)?;
        if octets == 0 {
            return client.shutdown(Shutdown::Write);
        }
        if let Some(at) = corrupt_at.filter(|at| (sent..sent + octets).contains(at)) {
            chunk[at - sent] ^= 1;
        }
        client.write_all(&chunk[..octets])?;
        sent += octets;
    }
}

#[test]
fn a_message_corrupted_in_transit_is_fetched_again() {
    let messages = ordinary(1, 20);
    let authority = Authority::new();
    // Both octets are in the middle of the messages and of a TLS record.
    for at in [30_000, 40_001] {
        let behaviour = Behaviour {
            security: Protection::Tls(authority.certificate().acceptor()),
            ..Behaviour::default()
        };
        let server = ModelServer::with(messages.clone(), behaviour);
        let keys = "security = 'tls'\ntls-ca-file = '~/ca.pem'";
        let sandbox = Sandbox::with_work(corrupting_relay(server.address(), at), keys);
        sandbox.write("home/ca.pem", authority.pem());

        let outcome = sandbox.fetch();

        outcome.fails_with(75).complains_in_lines(1);
        assert!(sandbox.work().count("new") < 20);
        sandbox.fetch().succeeds().is_silent();
        sandbox.work().holds(&messages);
    }
}

#[test]
fn interrupted_system_calls_are_repeated() {
    if tools::find("strace").is_none() {
        return;
    }
    let messages = ordinary(1, 20);
    let behaviour = Behaviour {
        segment: NonZeroUsize::new(500),
        ..Behaviour::default()
    };
    for every in ["+2", "+3"] {
        let server = ModelServer::with(messages.clone(), behaviour.clone());
        let sandbox = Sandbox::with_work(server.address(), "keep = false");
        let mut command = sandbox.command("strace");
        command.args(["-f", "-qq", "-e", "signal=none", "-e"]);
        command.arg("trace=poll,ppoll,pread64,pwrite64,read,write");
        for (calls, first) in [
            ("poll,ppoll,pwrite64,write", 1),
            // The dynamic loader, which makes the first calls, does not repeat them.
            ("pread64,read", 12),
        ] {
            command.arg("-e");
            command.arg(format!("inject={calls}:error=EINTR:when={first}{every}"));
        }
        command.arg("-o").arg(sandbox.path("strace"));
        command.arg(sandbox.program()).arg("fetch");

        Program::new(command).run().succeeds().is_silent();

        sandbox.work().holds(&messages);
        assert_eq!(server.count(), 0);
        let log = fs::read_to_string(sandbox.path("strace")).expect("strace wrote its log");
        for call in ["poll(", " read(", "write("] {
            let mut lines = log.lines().filter(|line| line.contains(call));
            assert!(lines.any(|line| line.contains("(INJECTED)")), "{call}");
        }
    }
}
