//! Tests of the model server through raw sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::*;
use crate::support::certificates::{Authority, handshake};
use crate::support::mail::{byte_stuffed, mixed, odd};

/// Sends all of `commands` at once and reads the replies to the end.
fn say(server: &ModelServer, commands: &str) -> String {
    let mut client = TcpStream::connect(server.address()).unwrap();
    client.write_all(commands.as_bytes()).unwrap();
    let mut replies = Vec::new();
    client.read_to_end(&mut replies).unwrap();
    String::from_utf8_lossy(&replies).into_owned()
}

fn two_messages() -> ModelServer {
    ModelServer::start(vec![
        TestMessage::new("a", "S: 1\r\n\r\n.1\r\n2\r\n"),
        TestMessage::new("b", "S: 2\r\n"),
    ])
}

const LOGIN: &str = "USER joe\r\nPASS open sesame\r\n";

#[test]
fn every_command_of_a_session_is_answered() {
    let server = two_messages();
    let commands =
        "STAT\r\nLIST\r\nUIDL\r\nUIDL 2\r\nTOP 1 1\r\nRETR 1\r\nNOOP\r\nRETR 3\r\nQUIT\r\n";
    assert_eq!(
        say(&server, &format!("{LOGIN}{commands}")),
        "+OK model server ready\r\n+OK\r\n+OK logged in\r\n+OK 2 21\r\n+OK\r\n1 15\r\n2 6\r\n.\r\n\
         +OK\r\n1 a\r\n2 b\r\n.\r\n+OK 2 b\r\n+OK\r\nS: 1\r\n\r\n..1\r\n.\r\n\
         +OK\r\nS: 1\r\n\r\n..1\r\n2\r\n.\r\n+OK\r\n-ERR no such message\r\n+OK bye\r\n"
    );
    assert_eq!(server.log().retrieved, [b"a"]);
    assert_eq!(server.log().count("RETR"), 2);
}

#[test]
fn each_retrieved_message_is_stamped_anew() {
    let server = two_messages();
    server.change(|behaviour| behaviour.stamps = true);
    server.replace(vec![TestMessage::new("a", "S: 1\r\n")]);
    let replies = say(&server, &format!("{LOGIN}RETR 1\r\nRETR 1\r\nQUIT\r\n"));
    assert!(replies.contains("X-Stamp: 1\r\nS: 1\r\n.\r\n+OK\r\nX-Stamp: 2\r\nS: 1\r\n.\r\n"));
}

#[test]
fn only_quit_deletes() {
    let server = two_messages();
    say(
        &server,
        &format!("{LOGIN}DELE 1\r\nRSET\r\nDELE 2\r\nQUIT\r\n"),
    );
    assert_eq!(server.unique_ids(), [b"a"]);

    let mut client = TcpStream::connect(server.address()).unwrap();
    write!(client, "{LOGIN}DELE 1\r\nLIST 1\r\n").unwrap();
    let replies: Vec<_> = BufReader::new(&client).lines().take(5).flatten().collect();
    assert_eq!(replies[3..], ["+OK", "-ERR no such message"]);
    drop(client);
    assert_eq!(server.count(), 1);
}

#[test]
fn a_wrong_password_is_refused() {
    let server = two_messages();
    let replies = say(
        &server,
        "USER joe\r\nPASS x\r\nAUTH PLAIN AGpvZQB4\r\nSTAT\r\nQUIT\r\n",
    );
    assert_eq!(replies.matches("-ERR [AUTH]").count(), 2);
    assert!(replies.contains("-ERR log in first"));
}

#[test]
fn auth_plain_logs_in_with_and_without_an_initial_response() {
    let server = two_messages();
    let response = "AGpvZQBvcGVuIHNlc2FtZQ==";
    for command in [
        format!("AUTH PLAIN {response}"),
        format!("AUTH PLAIN\r\n{response}"),
    ] {
        let replies = say(&server, &format!("{command}\r\nQUIT\r\n"));
        assert!(replies.contains("+OK logged in"), "{replies}");
    }
}

#[test]
fn a_cut_session_sends_exactly_the_given_octets() {
    let server = two_messages();
    server.change(|behaviour| behaviour.cuts = vec![Cut::Fin(30)]);
    let mut client = TcpStream::connect(server.address()).unwrap();
    write!(client, "{LOGIN}RETR 1\r\nQUIT\r\n").unwrap();
    let mut replies = Vec::new();
    BufReader::new(&client).read_to_end(&mut replies).unwrap();
    assert_eq!(replies.len(), 30);
    drop(client);
    assert!(say(&server, &format!("{LOGIN}QUIT\r\n")).ends_with("+OK bye\r\n"));
    assert_eq!(server.log().sessions, 2);
}

#[test]
fn a_reset_session_ends_in_an_error() {
    let server = two_messages();
    server.change(|behaviour| behaviour.cuts = vec![Cut::Reset(24)]);
    let mut client = TcpStream::connect(server.address()).unwrap();
    write!(client, "{LOGIN}").unwrap();
    client.read_to_end(&mut Vec::new()).unwrap_err();
}

#[test]
fn requested_faults_happen() {
    let server = two_messages();
    server.change(|behaviour| {
        behaviour.pipelining = false;
        behaviour.refused = vec![b"a".to_vec()];
        behaviour.lies.insert(b"b".to_vec(), "-1".to_owned());
        behaviour.uidl = false;
    });
    let replies = say(
        &server,
        &format!("{LOGIN}CAPA\r\nRETR 1\r\nLIST 2\r\nUIDL\r\nQUIT\r\n"),
    );
    assert!(!replies.contains("PIPELINING"));
    assert!(replies.ends_with(
        "-ERR this message cannot be read\r\n+OK 2 -1\r\n-ERR unknown command\r\n+OK bye\r\n"
    ));
    server.change(|behaviour| {
        behaviour.refusal = "-ERR [SYS/TEMP] later".to_owned();
        behaviour.refuses_update = true;
        behaviour.undeletable = vec![b"b".to_vec()];
    });
    let replies = say(
        &server,
        &format!("{LOGIN}RETR 1\r\nDELE 1\r\nDELE 2\r\nQUIT\r\n"),
    );
    assert!(replies.ends_with(
        "-ERR [SYS/TEMP] later\r\n+OK\r\n-ERR this message cannot be deleted\r\n\
         -ERR some messages were not removed\r\n"
    ));
    assert_eq!(server.count(), 2);
    server.change(|behaviour| behaviour.greeting = "-ERR [SYS/TEMP] later".to_owned());
    assert_eq!(say(&server, ""), "-ERR [SYS/TEMP] later\r\n");
}

#[test]
fn a_large_maildrop_is_served_over_tls_as_it_is() {
    let authority = Authority::new();
    let messages = [
        mixed(1, 200),
        odd().into_iter().map(|(_, odd)| odd).collect(),
    ]
    .concat();
    let security = Protection::Tls(authority.certificate().acceptor());
    let behaviour = Behaviour {
        security,
        ..Behaviour::default()
    };
    let server = ModelServer::with(messages.clone(), behaviour);
    let client = TcpStream::connect(server.address()).unwrap();
    let mut client = handshake(client, &authority).unwrap();
    let commands: String = (1..=messages.len())
        .map(|n| format!("RETR {n}\r\n"))
        .collect();
    write!(client, "{LOGIN}{commands}QUIT\r\n").unwrap();
    let mut replies = Vec::new();
    client.read_to_end(&mut replies).unwrap();
    let expected: Vec<u8> = messages
        .iter()
        .flat_map(|message| [b"+OK\r\n", &byte_stuffed(&message.octets)[..]].concat())
        .collect();
    let greeting = "+OK model server ready\r\n+OK\r\n+OK logged in\r\n";
    let expected = [greeting.as_bytes(), &expected, b"+OK bye\r\n"].concat();
    assert!(replies == expected, "the replies differ");
}

#[test]
fn a_refusal_may_end_the_session() {
    let server = two_messages();
    server.change(|behaviour| {
        behaviour.refused = vec![b"a".to_vec()];
        behaviour.hang_ups = vec![HangUp::AfterRefusal];
    });
    let replies = say(&server, &format!("{LOGIN}RETR 1\r\nRETR 2\r\nQUIT\r\n"));
    assert!(
        replies.ends_with("-ERR this message cannot be read\r\n"),
        "{replies}"
    );
}

#[test]
fn pipelined_commands_may_end_the_session() {
    let server = two_messages();
    server.change(|behaviour| behaviour.hang_ups = vec![HangUp::AtFlight("")]);
    assert_eq!(say(&server, LOGIN), "+OK model server ready\r\n");
    assert_eq!(
        say(&server, "QUIT\r\n"),
        "+OK model server ready\r\n+OK bye\r\n"
    );
}

#[test]
fn a_message_that_was_read_may_get_another_header() {
    let server = two_messages();
    server.change(|behaviour| behaviour.adds_status = true);
    let commands = format!("{LOGIN}LIST 1\r\nRETR 1\r\nQUIT\r\n");
    assert!(say(&server, &commands).contains("+OK 1 15\r\n+OK\r\nS: 1\r\n\r\n"));
    assert!(say(&server, &commands).contains("+OK 1 27\r\n+OK\r\nS: 1\r\nStatus: RO\r\n\r\n"));
}

#[test]
fn a_message_may_be_cut_once() {
    let server = two_messages();
    server.change(|behaviour| behaviour.cut_once = vec![b"a".to_vec()]);
    let replies = say(&server, &format!("{LOGIN}RETR 1\r\nRETR 1\r\nQUIT\r\n"));
    assert!(
        replies.contains("+OK\r\nS: 1\r\n\r\n.\r\n+OK\r\nS: 1\r\n\r\n..1\r\n2\r\n.\r\n"),
        "{replies}"
    );
}

#[test]
fn a_message_may_be_sent_without_its_octets() {
    let server = two_messages();
    server.change(|behaviour| behaviour.empty = vec![b"a".to_vec()]);
    let replies = say(&server, &format!("{LOGIN}RETR 1\r\nQUIT\r\n"));
    assert!(
        replies.ends_with("+OK 15 octets\r\n.\r\n+OK bye\r\n"),
        "{replies}"
    );
}
