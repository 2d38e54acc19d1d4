//! The retrieval of messages that are odd, incomplete or refused. What is complete is stored as it
//! was sent.

use std::num::NonZeroUsize;

use crate::support::certificates::Authority;
use crate::support::mail::{TestMessage, note, notes, odd, one_line};
use crate::support::model_server::{Behaviour, ModelServer, Protection};
use crate::support::sandbox::Sandbox;
use crate::support::script::{LIST_A, LIST_A_AND_B, QUIT, Script};

#[test]
fn a_refused_message_stops_no_others_and_is_retried() {
    let server = ModelServer::start(notes(["a", "b", "c"]));
    server.change(|behaviour| behaviour.refused = vec![b"b".to_vec()]);
    let sandbox = Sandbox::with_work(server.address(), "keep = false");

    sandbox.fetch().fails_with(75).stderr_is(
        "mailpull: work: retrieving message 2 (b): the server said \"this message cannot be \
         read\"; the next run tries it again\n",
    );

    assert_eq!(server.unique_ids(), [b"b"]);
    sandbox.work().holds(&notes(["a", "c"]));
    server.change(|behaviour| behaviour.refused.clear());
    sandbox.fetch().succeeds().is_silent();
    assert_eq!(server.count(), 0);
    sandbox.work().holds(&notes(["a", "b", "c"]));
}

#[test]
fn messages_received_before_the_connection_breaks_are_kept() {
    for end in ["cut", "reset"] {
        for partial in [
            r"+OK\r\n",
            r"+OK\r\nSubject: b\r\n\r\nb\r\n.",
            r"+OK\r\nb\r\n.\r",
        ] {
            let broken = format!(
                "{LIST_A_AND_B}
                 C: RETR 1
                 C: RETR 2
                 gives a
                 raw: {partial}
                 {end}"
            );
            // If no reply to the second RETR came, the one that did may have been its reply: both have
            // the same size. So the first message is compared, without pipelining.
            let compared = "
                login
                C: UIDL
                lists a b
                C: LIST
                lists 17 17
                C: RETR 2
                gives b
                C: RETR 1
                gives a";
            // A run that knows a message sends LIST only after UIDL has shown a new one.
            let next = "
                login
                C: UIDL
                C: STAT
                lists a b
                counts 2 34
                C: LIST
                lists 17 17
                C: RETR 2
                gives b";
            let next = if partial.is_empty() { compared } else { next };
            let server = Script::new(broken).then([next, QUIT].concat()).serve();
            let sandbox = Sandbox::with_work(server.address(), "");

            sandbox.fetch().fails_with(75).complains_in_lines(1);

            sandbox.work().holds(&notes(["a"]));
            sandbox.fetch().succeeds().is_silent();
            server.finish();
            sandbox.work().holds(&notes(["a", "b"]));
        }
    }
}

#[test]
fn a_server_that_stalls_in_a_message_times_out() {
    let retrieval = "
        C: RETR 1
        C: RETR 2
        gives a
        S: +OK
        S: Subject: b
        stall";
    let server = Script::new([LIST_A_AND_B, retrieval].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "timeout = '1s'");

    sandbox
        .fetch()
        .fails_with(75)
        .complains_in_lines(1)
        .stderr_has("waiting for the rest of the answer to RETR 2")
        .stderr_has("timed out");

    server.finish();
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn answers_may_arrive_one_octet_at_a_time() {
    let server = Script::new(
        r"drip: +OK ready\r\n
          C: CAPA
          drip: +OK\r\nPIPELINING\r\nUIDL\r\n.\r\n
          C: USER joe
          drip: +OK\r\n
          C: PASS open sesame
          drip: +OK\r\n
          C: CAPA
          drip: +OK\r\nPIPELINING\r\n.\r\n
          C: UIDL
          C: LIST
          drip: +OK\r\n1 a\r\n.\r\n+OK\r\n1 17\r\n.\r\n
          C: RETR 1
          drip: +OK\r\nSubject: a\r\n\r\na\r\n.\r\n
          C: DELE 1
          drip: +OK\r\n
          C: QUIT
          drip: +OK\r\n",
    )
    .serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");

    sandbox.fetch().succeeds().is_silent();

    server.finish();
    sandbox.work().holds(&notes(["a"]));
}

/// Fetches `messages` from a server that writes `segment` octets at once, and claims that each is
/// stored as it was sent.
#[track_caller]
fn arrives_as_sent(messages: &[TestMessage], segment: Option<usize>) {
    let authority = Authority::new();
    for security in [
        Protection::None,
        Protection::Tls(authority.certificate().acceptor()),
    ] {
        let keys = match security {
            Protection::None => "",
            _ => "security = 'tls'\ntls-ca-file = '~/ca.pem'",
        };
        let behaviour = Behaviour {
            security,
            segment: segment.and_then(NonZeroUsize::new),
            ..Behaviour::default()
        };
        let server = ModelServer::with(messages.to_vec(), behaviour);
        let sandbox = Sandbox::with_work(server.address(), keys);
        sandbox.write("home/ca.pem", authority.pem());

        sandbox.fetch().succeeds().is_silent();

        sandbox.work().holds(messages);
    }
}

fn all_odd() -> Vec<TestMessage> {
    odd().into_iter().map(|(_, message)| message).collect()
}

#[test]
fn odd_messages_arrive_unchanged() {
    arrives_as_sent(&all_odd(), None);
}

#[test]
fn odd_messages_arrive_unchanged_in_pieces_of_any_size() {
    for segment in [997, 16_384, 65_535] {
        arrives_as_sent(&all_odd(), Some(segment));
    }
}

#[test]
fn odd_messages_arrive_unchanged_one_octet_at_a_time() {
    let mut messages = all_odd();
    messages.retain(|message| message.octets.len() < 1000);
    arrives_as_sent(&messages, Some(1));
}

#[test]
fn a_line_of_ten_megabytes_arrives_unchanged() {
    arrives_as_sent(&[one_line(10_000_000)], None);
}

/// Claims that an answer to RETR is stored as `stored`. The answer is a `raw:` text that includes
/// the status line. QUIT follows, so the run must read exactly to the end of the answer.
#[track_caller]
fn is_read_as(sent: &str, stored: &[u8]) {
    let sent = format!("\nC: RETR 1\nraw: {sent}");
    let list = LIST_A.replace("lists 17", &format!("lists {}", stored.len()));
    let server = Script::new([&list, &sent, QUIT].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().succeeds().is_silent();

    server.finish();
    assert_eq!(sandbox.work().messages(), [stored]);
}

#[test]
fn only_a_dot_between_crlfs_ends_a_message() {
    is_read_as(r"+OK\r\na\n.\nb\r\n.\r\n", b"a\n.\nb\n");
    is_read_as(r"+OK\r\na\n.\r\n+OK\r\n.\r\n", b"a\n.\n+OK\n");
    is_read_as(r"+OK\r\na\r.\rb\r\n.\r\n", b"a\r.\rb\n");
    is_read_as(r"+OK\r\na\r\n.\nb\r\n.\r\n", b"a\n\nb\n");
    is_read_as(r"+OK\r\na\r\n.\r\r\n.\r\n", b"a\n\r\n");
}

#[test]
fn a_message_may_end_with_lf_like_its_status_line() {
    is_read_as(r"+OK\na\n..\n.\n", b"a\n.\n");
    is_read_as(r"+OK\na\r\n.\r\n", b"a\n");
}

#[test]
fn message_text_is_never_taken_for_an_answer() {
    let answer = r"raw: +OK\r\nSubject: x\r\n\r\nx\n.\r\n+OK\nDELE 2\n.\r\n-ERR\r\n.\r\n";
    let session = format!(
        "login
         C: UIDL
         C: LIST
         lists x b
         lists 17 17
         C: RETR 1
         C: RETR 2
         {answer}
         gives b"
    );
    let server = Script::new([&session, QUIT].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().succeeds().is_silent();

    server.finish();
    let expected = b"Subject: x\n\nx\n.\n+OK\nDELE 2\n.\n-ERR\n".to_vec();
    assert_eq!(sandbox.work().messages(), [note("b").stored(), expected]);
}
