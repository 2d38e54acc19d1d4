//! A server in memory that plays a script, for unit tests of sessions.

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use crate::pace::Paced;

/// The server's end of a connection. It checks that the client sends exactly the commands of a
/// script in its order, and neither earlier nor later.
///
/// A script has one line for each line of the conversation:
///
/// - `C: USER joe`: the client sends this line. Lines without a reply between them are one flight.
/// - `S: +OK`: the server sends this line.
/// - `S> +OK\n`: the server sends this text without a line end of its own; `\r` and `\n` are escapes.
/// - `fail timed out`: the next read fails like this; also `fail interrupted` and `fail reset`.
///
/// After its end the server has closed the connection. Dropping it panics if the client has not
/// sent all that the script expects.
#[derive(Debug)]
pub(crate) struct ScriptedServer {
    steps: VecDeque<ServerStep>,
}

#[derive(Debug)]
enum ServerStep {
    Expect(String),
    Fail(io::ErrorKind),
    Send(Vec<u8>),
}

impl ScriptedServer {
    pub(crate) fn new(script: &str) -> Self {
        let steps = script.lines().map(|line| {
            let line = line.trim_start();
            let split = line.split_once([':', '>']).map(|(who, _)| who);
            let text = || line.get(3..).unwrap_or_default();
            match (split, line) {
                (Some("C"), _) => ServerStep::Expect(text().to_owned()),
                (Some("S"), line) if line.starts_with("S:") => {
                    ServerStep::Send(format!("{}\r\n", text()).into_bytes())
                }
                (Some("S"), _) => {
                    let text = text().replace("\\r", "\r").replace("\\n", "\n");
                    ServerStep::Send(text.into_bytes())
                }
                (_, "fail timed out") => ServerStep::Fail(io::ErrorKind::TimedOut),
                (_, "fail reset") => ServerStep::Fail(io::ErrorKind::ConnectionReset),
                (_, "fail interrupted") => ServerStep::Fail(io::ErrorKind::Interrupted),
                _ => panic!("no line of a script: {line}"),
            }
        });
        Self {
            steps: steps.collect(),
        }
    }
}

impl Paced for ScriptedServer {}

impl Read for ScriptedServer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(ServerStep::Fail(kind)) = self.steps.front() {
            let kind = *kind;
            self.steps.pop_front();
            return Err(kind.into());
        }
        let mut filled = 0;
        while let Some(ServerStep::Send(text)) = self.steps.front_mut() {
            let octets = text.len().min(buffer.len() - filled);
            buffer[filled..filled + octets].copy_from_slice(&text[..octets]);
            text.drain(..octets);
            filled += octets;
            if !text.is_empty() {
                break;
            }
            self.steps.pop_front();
        }
        match self.steps.front() {
            Some(ServerStep::Expect(line)) if filled == 0 => {
                panic!("the client waits for a reply, but should first send: {line}")
            }
            _ => Ok(filled),
        }
    }
}

impl Write for ScriptedServer {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(octets);
        for line in text.split_terminator("\r\n") {
            match self.steps.pop_front() {
                Some(ServerStep::Expect(expected)) if expected == line => {}
                step => panic!("the client sends \"{line}\" where the script has {step:?}"),
            }
        }
        assert!(
            text.ends_with("\r\n"),
            "a command is not a whole line: {text}"
        );
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let missing = self
            .steps
            .iter()
            .find(|step| matches!(step, ServerStep::Expect(_)));
        assert!(missing.is_none(), "the client never sent {missing:?}");
    }
}
