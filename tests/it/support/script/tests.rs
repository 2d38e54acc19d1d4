//! Tests of the scripted server through raw sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Script, ScriptServer, unescape};
use crate::support::certificates::{Authority, TestCertificate, handshake};
use crate::support::stream::SOCKET_DEADLINE;

fn connect(server: &ScriptServer) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(SOCKET_DEADLINE)).unwrap();
    stream
}

#[track_caller]
fn hears(stream: &mut impl Read, expected: &str) {
    let mut octets = vec![0; expected.len()];
    stream.read_exact(&mut octets).unwrap();
    assert_eq!(String::from_utf8_lossy(&octets), expected);
}

fn complaint(server: ScriptServer) -> String {
    let failure = catch_unwind(AssertUnwindSafe(|| server.finish())).unwrap_err();
    failure.downcast_ref::<String>().unwrap().clone()
}

#[test]
fn a_client_that_waits_takes_a_turn_for_each_command() {
    let server = Script::new("S: +OK\nC: NOOP\nS: +OK\nC: QUIT\nS: +OK bye").serve();
    let mut client = connect(&server);
    hears(&mut client, "+OK\r\n");
    client.write_all(b"NOOP\r\n").unwrap();
    hears(&mut client, "+OK\r\n");
    client.write_all(b"QUIT\r\n").unwrap();
    hears(&mut client, "+OK bye\r\n");
    drop(client);
    let heard = server.finish();
    assert_eq!(heard[0].said, ["NOOP", "QUIT"]);
    assert_eq!(heard[0].turns, 2);
}

#[test]
fn a_pipelined_flight_is_one_turn() {
    let server = Script::new("S: +OK\nC: NOOP\nS: +OK\nC: QUIT\nS: +OK").serve();
    let mut client = connect(&server);
    hears(&mut client, "+OK\r\n");
    client.write_all(b"NOOP\r\nQUIT\r\n").unwrap();
    hears(&mut client, "+OK\r\n+OK\r\n");
    drop(client);
    assert_eq!(server.finish()[0].turns, 1);
}

#[test]
fn a_wrong_command_is_reported_with_the_conversation_so_far() {
    let server = Script::new("S: +OK\n C: USER joe\n S: +OK").serve();
    connect(&server).write_all(b"USER jim\r\n").unwrap();
    let complaint = complaint(server);
    assert_eq!(
        complaint,
        "conversation 1: the client left the script\n    S: +OK\n  > C: USER joe\n  \
         the client sent something else\n  expected \"USER joe\\r\\n\"\n  \
         received \"USER jim\\r\\n\""
    );
}

#[test]
fn one_octet_after_the_script_fails_the_test() {
    let server = Script::new("S: +OK").serve();
    connect(&server).write_all(b"Q").unwrap();
    assert!(complaint(server).contains("the client sent \"Q\""));
}

#[test]
fn connections_are_counted() {
    let server = Script::new("S: +OK").then("S: +OK").serve();
    drop(connect(&server));
    assert!(complaint(server).contains("connected 1 times, not 2"));

    let server = Script::new("S: +OK").serve();
    drop(connect(&server));
    drop(connect(&server));
    assert!(complaint(server).contains("once too often"));
}

#[test]
fn tls_begins_where_the_script_says() {
    let authority = Authority::new();
    let server = Script::new("S: +OK\nC: STLS\nS: +OK begin\ntls\nC: QUIT\nS: +OK\nclose")
        .identity(authority.certificate().acceptor())
        .serve();
    let mut client = connect(&server);
    hears(&mut client, "+OK\r\n");
    client.write_all(b"STLS\r\n").unwrap();
    hears(&mut client, "+OK begin\r\n");
    let mut client = handshake(client, &authority).unwrap();
    client.write_all(b"QUIT\r\n").unwrap();
    hears(&mut client, "+OK\r\n");
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    drop(client);
    server.finish();
}

#[test]
fn tls_refused_fails_if_the_client_accepts() {
    let authority = Authority::new();
    let server = Script::new("tls refused")
        .identity(TestCertificate::self_signed().acceptor())
        .serve();
    handshake(connect(&server), &authority).unwrap_err();
    server.finish();

    let server = Script::new("tls refused")
        .identity(authority.certificate().acceptor())
        .serve();
    drop(handshake(connect(&server), &authority).unwrap());
    assert!(complaint(server).contains("accepted the certificate"));
}

#[test]
fn a_connection_can_be_cut_reset_and_dripped() {
    let server = Script::new("drip: +O\\x4b\\r\\n\ncut")
        .then("S: +OK\nreset")
        .serve();
    let mut client = connect(&server);
    hears(&mut client, "+OK\r\n");
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    client.write_all(b"QUIT\r\n").unwrap();
    drop(client);
    let mut client = connect(&server);
    let error = client.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    server.finish();
}

#[test]
fn an_endless_response_ends_when_the_client_leaves() {
    let server = Script::new("endless: 1 a\\r\\n").serve();
    hears(&mut connect(&server), "1 a\r\n1 a\r\n");
    server.finish();
}

#[test]
fn a_test_and_a_conversation_can_wait_for_each_other() {
    let server = Script::new("reached greeting\nhold greeting\nS: +OK\nstall").serve();
    let mut client = connect(&server);
    server.reached("greeting");
    client.set_nonblocking(true).unwrap();
    let nothing = client.read(&mut [0]).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    client.set_nonblocking(false).unwrap();
    server.release("greeting");
    hears(&mut client, "+OK\r\n");
}

#[test]
fn an_attached_message_is_sent_byte_stuffed() {
    let server = Script::new("message letter")
        .attach("letter", ".a\r\n")
        .serve();
    hears(&mut connect(&server), "..a\r\n.\r\n");
}

#[test]
fn escapes_are_octets() {
    assert_eq!(unescape(r"a\r\n\t\0\\\xff"), b"a\r\n\t\0\\\xff");
}
