//! Delivery into the real Dovecot, with what its Maildir then holds.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use super::{configure, spooled};
use crate::support::dovecot::{Dialect, Dovecot};
use crate::support::mail::{TestMessage, notes, odd, one_line, ordinary};
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::tools;

/// A Dovecot that takes messages by LMTP at a Unix socket and at a port.
struct DovecotLmtp {
    dovecot: Dovecot,
    port: u16,
}

impl DovecotLmtp {
    /// Starts it with more lines in its configuration. Returns `None` if its LMTP server is not
    /// installed, after [`tools::skip`].
    fn start(extra: impl Fn(&Dovecot) -> String) -> Option<Self> {
        tools::find_file("/usr/lib/dovecot/lmtp")?;
        let port = Cell::new(0);
        let dovecot = Dovecot::start_with(|dovecot| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
            port.set(listener.local_addr().expect("it is bound").port());
            format!(
                "protocols = pop3 lmtp\n\
                 hostname = mx.example.com\n\
                 postmaster_address = postmaster@example.com\n\
                 service lmtp {{\n  unix_listener {} {{\n    mode = 0666\n  }}\n  \
                 inet_listener lmtp {{\n    port = {}\n  }}\n}}\n{}\n",
                socket(dovecot).display(),
                port.get(),
                extra(dovecot)
            )
        })?;
        Some(Self {
            dovecot,
            port: port.get(),
        })
    }

    fn socket(&self) -> PathBuf {
        socket(&self.dovecot)
    }

    /// Returns the messages of the user without the three fields that Dovecot puts on top, sorted.
    fn messages(&self) -> Vec<Vec<u8>> {
        let messages = self.dovecot.maildir().messages();
        let mut messages: Vec<_> = messages.iter().map(|message| original(message)).collect();
        messages.sort();
        messages
    }
}

fn socket(dovecot: &Dovecot) -> PathBuf {
    dovecot.socket().with_file_name("lmtp-socket")
}

/// Returns a message without Return-Path, Delivered-To and Received, which end with the recipient.
fn original(message: &[u8]) -> Vec<u8> {
    let mut rest = message;
    loop {
        let end = rest.iter().position(|octet| *octet == b'\n');
        let (line, behind) = rest.split_at(end.expect("Dovecot adds its fields") + 1);
        rest = behind;
        if line.starts_with(b"\tfor <") {
            return rest.to_vec();
        }
    }
}

#[test]
fn odd_messages_arrive_unchanged_by_socket_and_port() {
    let Some(mx) = DovecotLmtp::start(|_| String::new()) else {
        return;
    };
    let mut messages: Vec<_> = odd().into_iter().map(|(_, message)| message).collect();
    messages.push(one_line(60_000));
    messages.extend(ordinary(1, 5));
    let mut expected: Vec<_> = messages.iter().map(TestMessage::stored).collect();
    expected.extend(expected.clone());
    expected.sort();
    let socket = mx.socket().display().to_string();
    for address in [socket, format!("127.0.0.1:{}", mx.port)] {
        let pop3 = ModelServer::start(messages.clone());
        let sandbox = Sandbox::new();
        configure(&sandbox, &pop3, address, "keep = false");
        sandbox.fetch().succeeds().is_silent();
        assert_eq!((pop3.count(), spooled(&sandbox)), (0, 0));
    }
    let arrived = mx.messages();
    let changed = arrived.iter().filter(|message| !expected.contains(message));
    let changed: Vec<_> = changed
        .map(|message| message.escape_ascii().to_string())
        .collect();
    assert!(changed.is_empty(), "{changed:#?}");
    assert!(arrived == expected);
}

/// Lines that make Dovecot drop what has a known X-Mailpull-Id.
fn dropping_duplicates(dovecot: &Dovecot) -> String {
    let script = "require \"duplicate\";\n\
                  if duplicate :header \"X-Mailpull-Id\" { discard; stop; }\n";
    let script = dovecot.write("duplicate.sieve", script);
    let script = script.display();
    match dovecot.dialect() {
        Dialect::V2_3 => format!(
            "protocol lmtp {{\n  mail_plugins = sieve\n}}\nplugin {{\n  sieve_before = {script}\n}}"
        ),
        Dialect::V2_4 => format!(
            "protocol lmtp {{\n  mail_plugins {{\n    sieve = yes\n  }}\n}}\n\
             sieve_script before {{\n  type = before\n  path = {script}\n}}"
        ),
    }
}

/// Stands before a server for one connection, and closes it in place of the answer that a message is
/// saved.
fn lose_answer(server: PathBuf) -> (SocketAddr, JoinHandle<io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound");
    let passing_on = thread::spawn(move || {
        let (mut client, _) = listener.accept()?;
        let mut server = UnixStream::connect(server)?;
        let (mut asked, answers) = (client.try_clone()?, server.try_clone()?);
        let asking = thread::spawn(move || io::copy(&mut asked, &mut server));
        for line in BufReader::new(answers).split(b'\n') {
            let line = [line?, b"\n".to_vec()].concat();
            if line.ends_with(b"Saved\r\n") {
                break;
            }
            client.write_all(&line)?;
        }
        client.shutdown(Shutdown::Both)?;
        asking.join().expect("no thread panics").map(drop)
    });
    (address, passing_on)
}

#[test]
fn sieve_drops_what_is_handed_over_again_by_its_id() {
    if tools::find_file("/usr/lib/dovecot/modules/lib90_sieve_plugin.so").is_none() {
        return;
    }
    let Some(mx) = DovecotLmtp::start(dropping_duplicates) else {
        return;
    };
    let mut copies_before = 0;
    for (keys, copies) in [("", 2), ("id-header = true", 1)] {
        let pop3 = ModelServer::start(notes(["a"]));
        let sandbox = Sandbox::new();
        let (loser, passing_on) = lose_answer(mx.socket());
        configure(&sandbox, &pop3, loser, keys);
        let lost = sandbox.fetch();
        lost.fails_with(75)
            .stderr_has("may be delivered nevertheless");
        passing_on
            .join()
            .expect("no thread panics")
            .expect("both are connected");

        configure(&sandbox, &pop3, mx.socket().display(), keys);
        sandbox.fetch().succeeds().is_silent();

        assert_eq!(spooled(&sandbox), 0);
        assert_eq!(mx.dovecot.count() - copies_before, copies, "{keys}");
        copies_before = mx.dovecot.count();
        let log = sandbox.mailpull(["log"]).run();
        log.succeeds().stdout_has("possibly delivered before");
    }
    // Messages with the same octets have ids of their own.
    let twins = notes(["c", "d"])
        .into_iter()
        .map(|note| TestMessage::new(note.unique_id, "Subject: twin\r\n\r\n"));
    let pop3 = ModelServer::start(twins.collect());
    let sandbox = Sandbox::new();
    configure(&sandbox, &pop3, mx.socket().display(), "id-header = true");
    sandbox.fetch().succeeds().is_silent();
    assert_eq!(mx.dovecot.count() - copies_before, 2);
}

#[test]
fn an_unknown_recipient_and_its_answer_are_shown() {
    let Some(mx) = DovecotLmtp::start(|_| String::new()) else {
        return;
    };
    let pop3 = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    let socket = mx.socket();
    let extra = format!(
        "lmtp = {:?}\nrecipient = 'nobody'",
        socket.display().to_string()
    );
    sandbox.config("").account("work", pop3.address(), &extra);

    let outcome = sandbox.fetch();

    outcome
        .fails_with(78)
        .stderr_has("takes no mail for nobody: 550 5.1.1 <nobody> User doesn't exist");
    let tested = sandbox.mailpull(["account", "test", "work"]).run();
    tested
        .fails_with(78)
        .stdout_has("capabilities: at the target: 8BITMIME, CHUNKING");
    assert_eq!((mx.dovecot.count(), spooled(&sandbox)), (0, 1));
}
