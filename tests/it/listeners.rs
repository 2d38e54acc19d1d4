//! Cleartext to this machine: the program that listens must belong to us or to root.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::fs::fchown;
use std::os::unix::net::UnixListener;
use std::thread;

use crate::support::sandbox::{OWNER, Sandbox};
use crate::support::tools;

const ROOT: u32 = 0;
const STRANGER: u32 = OWNER + 1;

/// Listens as another user would, greets one client with a refusal, and returns what it sends.
#[track_caller]
fn serve<S: Read + Write + Send + 'static>(
    listener: impl AsFd,
    owner: u32,
    accept: impl FnOnce() -> S + Send + 'static,
) -> thread::JoinHandle<String> {
    // The kernel shows the owner of the socket, which root can change.
    fchown(listener, Some(owner), None).expect("root may give a socket away");
    thread::spawn(move || {
        let mut client = accept();
        // The client may have disconnected already.
        let _ = client.write_all(b"-ERR [SYS/TEMP] greeted\r\n");
        let mut said = String::new();
        let _ = client.read_to_string(&mut said);
        said
    })
}

/// Listens at this address. Also returns the listener, which must stay open: otherwise the owner of the
/// accepted connection would count, which is this process.
fn serve_tcp(address: &str, owner: u32) -> (String, TcpListener, thread::JoinHandle<String>) {
    let listener = TcpListener::bind(address).expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let accepting = listener.try_clone().expect("a socket can be shared");
    let accept = move || accepting.accept().expect("a client comes").0;
    let server = serve(&listener, owner, accept);
    (address, listener, server)
}

#[test]
fn cleartext_goes_only_to_a_listener_of_ours_or_roots() {
    if !tools::is_root() {
        return;
    }
    let sandbox = Sandbox::unprivileged();
    for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"] {
        for (owner, keys, is_greeted) in [
            (ROOT, "", true),
            (OWNER, "", true),
            (STRANGER, "", false),
            (STRANGER, "allow-cleartext = true", true),
        ] {
            let (address, _listener, server) = serve_tcp(address, owner);
            let address = address
                .replace("0.0.0.0", "127.0.0.1")
                .replace("[::]", "127.0.0.1");
            sandbox.config("");
            sandbox.account("work", &address, keys);

            let outcome = sandbox.fetch();

            if is_greeted {
                outcome.fails_with(75).stderr_has("greeted");
            } else {
                outcome.fails_with(76).stderr_has(&format!(
                    "the listener at {address} belongs to user {STRANGER}, who is neither you \
                         nor root; nothing was sent. Use TLS, or set allow-cleartext = true"
                ));
            }
            assert_eq!(server.join().expect("the server does not panic"), "");
        }
    }
}

#[test]
fn a_token_provider_without_tls_must_be_ours_or_roots() {
    if !tools::is_root() {
        return;
    }
    let (address, _listener, server) = serve_tcp("127.0.0.1:0", STRANGER);
    let keys = format!(
        "oauth2-client-id = 'me'\noauth2-scope = 'mail'\n\
         oauth2-token-url = 'http://{address}/token'\n\
         oauth2-device-url = 'http://{address}/device'"
    );
    let sandbox = Sandbox::with_work("127.0.0.1:9", &keys);

    let outcome = sandbox.mailpull(["login", "--device", "work"]).run();

    outcome
        .fails_with(76)
        .stderr_has("who is neither you nor root; nothing was sent");
    assert_eq!(server.join().expect("the server does not panic"), "");
}

#[test]
fn the_listener_at_a_unix_socket_must_be_ours_or_roots() {
    if !tools::is_root() {
        return;
    }
    // The kernel remembers who called listen(2), which is root here.
    let sandbox = Sandbox::unprivileged();
    let path = sandbox.path("pop3");
    let listener = UnixListener::bind(&path).expect("the sandbox can be written");
    sandbox.give(&path);
    let accepting = listener.try_clone().expect("a socket can be shared");
    let accept = move || accepting.accept().expect("a client comes").0;
    let server = serve(&listener, ROOT, accept);
    sandbox.account("work", path.display(), "");

    sandbox.fetch().fails_with(75).stderr_has("greeted");

    assert_eq!(server.join().expect("the server does not panic"), "");
}
