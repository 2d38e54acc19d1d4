use std::collections::VecDeque;
use std::io::{self, Read, Write};

use crate::mail::maildrop::{Identity, Message, UniqueId};
use crate::pop3::Error;
use crate::pop3::pipeline::{HeaderOf, Pipeline, Retrieved};
use crate::pop3::session_hints::PipeliningLog;
use crate::pop3::tests::number;
use crate::pop3::tests::script::ScriptedServer;
use crate::pop3::wire::Wire;

fn wire<S: Read + Write>(server: S) -> Wire<S> {
    Wire::new(server, None, PipeliningLog::default())
}

fn scripted(script: &str) -> Wire<ScriptedServer> {
    wire(ScriptedServer::new(script))
}

fn message(n: u32, size: u64) -> Message {
    Message {
        number: number(n),
        identity: Identity {
            unique_id: UniqueId::new(b"a").expect("the unique-id is valid"),
            copy: 0,
        },
        size: Some(size),
    }
}

fn messages(numbers: std::ops::RangeInclusive<u32>) -> impl Iterator<Item = Message> {
    numbers.map(|n| message(n, 1))
}

/// Retrieves all messages; returns each message's number with its text, or with the refusal.
fn retrieve<S: Read + Write, I: Iterator<Item = Message>>(
    pipeline: &mut Pipeline<'_, S, I>,
) -> Result<Vec<String>, Error> {
    let mut retrieved = Vec::new();
    while let Some((message, what)) = pipeline.next()? {
        let mut text = Vec::new();
        let text = match what {
            Retrieved::Body => {
                while pipeline.read(&mut text)?.is_some() {}
                String::from_utf8_lossy(&text).into_owned()
            }
            Retrieved::Refused(refusal) => format!("refused: {}", refusal.text),
        };
        retrieved.push(format!("{} {text}", message.number));
    }
    Ok(retrieved)
}

#[test]
fn an_empty_line_after_a_message_of_another_size_may_be_skipped() {
    let alone = "C: RETR 1\nS: +OK\nS: abc\nS: .\nS:\nS:\nC: RETR 2\nS: +OK\nS: b\nS: .\nS:";
    let mut wire = scripted(alone);
    let mut pipeline = Pipeline::new(&mut wire, false, messages(1..=2));
    let retrieved = retrieve(&mut pipeline).expect("all messages come");
    assert_eq!(retrieved, ["1 abc\n", "2 b\n"]);

    let with_a_dot = "C: RETR 1\nS: +OK\nS: abc\nS: .\nS:\nS: .";
    let mut wire = scripted(with_a_dot);
    let mut pipeline = Pipeline::new(&mut wire, false, messages(1..=2));
    let error = retrieve(&mut pipeline).expect_err("a dot comes");
    assert!(error.is_out_of_step(), "{error}");

    let ahead = "C: RETR 1\nC: RETR 2\nS: +OK\nS: abc\nS: .\nS:\nS: +OK\nS: b\nS: .";
    let mut wire = scripted(ahead);
    let mut pipeline = Pipeline::new(&mut wire, true, messages(1..=2));
    let error = retrieve(&mut pipeline).expect_err("an empty line comes");
    assert!(error.is_out_of_step(), "{error}");
}

#[test]
fn without_pipelining_each_command_waits_for_its_reply() {
    let mut wire = scripted("C: RETR 1\nS: +OK\nS: a\nS: .\nC: RETR 2\nS: +OK\nS: b\nS: .");
    let mut pipeline = Pipeline::new(&mut wire, false, messages(1..=2));
    let retrieved = retrieve(&mut pipeline).expect("all messages come");
    assert_eq!(retrieved, ["1 a\n", "2 b\n"]);
}

#[test]
fn a_refused_message_does_not_stop_the_others() {
    let script = "C: RETR 1\nC: RETR 2\nC: RETR 3\nS: +OK\nS: a\nS: .\nS: -ERR cannot be rendered\n\
                  S: +OK\nS: ..c\nS: .";
    let mut wire = scripted(script);
    let mut pipeline = Pipeline::new(&mut wire, true, messages(1..=3));
    let retrieved = retrieve(&mut pipeline).expect("the session continues");
    assert_eq!(
        retrieved,
        ["1 a\n", "2 refused: cannot be rendered", "3 .c\n"]
    );
}

#[test]
fn headers_are_asked_for_by_top() {
    let mut wire = scripted("C: TOP 1 0\nS: +OK\nS: Subject: x\nS:\nS: .");
    let mut pipeline = Pipeline::new(&mut wire, true, messages(1..=1).map(HeaderOf));
    assert!(matches!(pipeline.next(), Ok(Some((_, Retrieved::Body)))));
    let mut header = Vec::new();
    while pipeline
        .read(&mut header)
        .expect("the response is whole")
        .is_some()
    {}
    assert_eq!(header, b"Subject: x\n\n");
}

#[test]
fn no_more_octets_of_messages_are_asked_for_than_needed_soon() {
    const MB: u64 = 1 << 20;
    let large = (1..=4).map(|n| message(n, 10 * MB));
    let script =
        "C: RETR 1\nC: RETR 2\nS: +OK\nS: a\nS: .\nC: RETR 3\nS: -ERR\nC: RETR 4\nS: -ERR\nS: -ERR";
    let mut wire = scripted(script);
    let mut pipeline = Pipeline::new(&mut wire, true, large);
    assert_eq!(retrieve(&mut pipeline).expect("all are answered").len(), 4);
}

#[test]
fn a_stopped_pipeline_still_reads_what_it_asked_for() {
    let mut wire = scripted("C: RETR 1\nS: +OK\nS: a\nS: .");
    let mut pipeline = Pipeline::new(&mut wire, false, messages(1..=3));
    assert!(matches!(pipeline.next(), Ok(Some(_))));
    pipeline.stop_asking();
    while pipeline
        .read(&mut Vec::new())
        .expect("the response is whole")
        .is_some()
    {}
    assert!(matches!(pipeline.next(), Ok(None)));
    assert_eq!(pipeline.not_requested(), 2);
}

#[test]
fn noop_is_sent_only_if_no_reply_is_on_its_way() {
    let mut wire =
        scripted("C: NOOP\nS: +OK\nC: RETR 1\nC: RETR 2\nS: -ERR\nS: -ERR\nC: NOOP\nS: +OK");
    let mut pipeline = Pipeline::new(&mut wire, true, messages(1..=2));
    pipeline.keep_awake().expect("NOOP is answered");
    pipeline.next().expect("the first is answered");
    pipeline.keep_awake().expect("nothing is sent");
    pipeline.next().expect("the second is answered");
    pipeline.keep_awake().expect("NOOP is answered");
}

#[test]
fn a_session_that_ends_in_a_message_is_an_error() {
    for script in [
        "C: RETR 1",
        "C: RETR 1\nS: +OK",
        "C: RETR 1\nS: +OK\nS: a\nS> .\\r",
    ] {
        let mut wire = scripted(script);
        let mut pipeline = Pipeline::new(&mut wire, false, messages(1..=2));
        let error = retrieve(&mut pipeline).expect_err(script);
        assert!(matches!(error, Error::Closed(_)), "{script}: {error}");
    }
}

#[test]
fn a_continuation_is_no_answer_to_retr() {
    let mut wire = scripted("C: RETR 1\nS: + ");
    let mut pipeline = Pipeline::new(&mut wire, false, messages(1..=1));
    let error = pipeline.next().expect_err("the reply is out of step");
    assert!(matches!(error, Error::OutOfStep(_)), "{error}");
}

#[test]
fn a_message_not_read_to_its_end_is_out_of_step() {
    let mut wire = scripted("C: RETR 1\nC: RETR 2\nS: +OK\nS: a\nS: .\nS: +OK\nS: b\nS: .");
    let mut pipeline = Pipeline::new(&mut wire, true, messages(1..=2));
    assert!(matches!(pipeline.next(), Ok(Some(_))));
    assert!(matches!(pipeline.next(), Err(Error::OutOfStep(_))));
}

/// A server that refuses one command at each read, and remembers how much waited at most.
#[derive(Default)]
struct SlowServer {
    commands: VecDeque<usize>,
    most_octets: usize,
    writes: usize,
}

impl Read for SlowServer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let answer = b"-ERR\r\n";
        self.commands.pop_front().expect("a command waits");
        buffer[..answer.len()].copy_from_slice(answer);
        Ok(answer.len())
    }
}

impl Write for SlowServer {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        self.commands.extend(
            octets
                .split_inclusive(|&octet| octet == b'\n')
                .map(<[u8]>::len),
        );
        self.most_octets = self.most_octets.max(self.commands.iter().sum());
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn unanswered_commands_fit_into_8_kib_and_go_in_large_flights() {
    let count = 5_000;
    let mut wire = wire(SlowServer::default());
    let mut pipeline = Pipeline::new(&mut wire, true, messages(1..=count));
    let retrieved = retrieve(&mut pipeline).expect("all are answered");
    assert_eq!(retrieved.len(), count as usize);
    let (server, _) = wire.into_stream();
    assert!(server.most_octets <= 8 * 1024, "{}", server.most_octets);
    assert!(server.most_octets > 8 * 1024 - 50, "{}", server.most_octets);
    // About 55 KiB of commands, at least half of the window at once.
    assert!(server.writes <= 14, "{} writes", server.writes);
}
