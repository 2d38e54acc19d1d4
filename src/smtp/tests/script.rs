//! A mail server in memory that plays a transcript, for unit tests of sessions.

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use crate::pace::Paced;

/// The server's end of a connection. It checks that the client sends exactly the octets of a
/// transcript, and neither earlier nor later.
///
/// - `C: LHLO me` and `S: 250 OK`: the client or the server sends this line.
/// - `C> a\r\n` and `S> 2`: the same without a line end of its own; `\r` and `\n` are escapes.
/// - `break`: the next write of the client fails.
///
/// After its end the server has closed the connection. Dropping it panics if the client has not
/// sent all that the transcript expects.
#[derive(Debug)]
pub(crate) struct TranscriptServer {
    steps: VecDeque<TranscriptStep>,
    /// The most octets that one read returns.
    piece: usize,
}

#[derive(Debug)]
enum TranscriptStep {
    Break,
    Expect(Vec<u8>),
    Send(Vec<u8>),
}

impl TranscriptServer {
    pub(crate) fn new(transcript: &str, piece: usize) -> Self {
        let steps = transcript.lines().map(str::trim_start);
        let steps = steps.filter(|line| !line.is_empty()).map(|line| {
            let (what, text) = line.split_at_checked(3).unwrap_or((line, ""));
            let raw = || {
                let text = text.replace("\\r", "\r").replace("\\n", "\n");
                text.into_bytes()
            };
            let whole = || format!("{text}\r\n").into_bytes();
            match what {
                "C: " => TranscriptStep::Expect(whole()),
                "C> " => TranscriptStep::Expect(raw()),
                "S: " => TranscriptStep::Send(whole()),
                "S> " => TranscriptStep::Send(raw()),
                _ if line == "break" => TranscriptStep::Break,
                _ => panic!("no line of a transcript: {line}"),
            }
        });
        Self {
            steps: steps.collect(),
            piece,
        }
    }
}

impl Paced for TranscriptServer {}

impl Read for TranscriptServer {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.steps.front_mut() {
            None => Ok(0),
            Some(TranscriptStep::Send(octets)) => {
                let count = octets.len().min(buffer.len()).min(self.piece);
                buffer[..count].copy_from_slice(&octets[..count]);
                octets.drain(..count);
                if octets.is_empty() {
                    self.steps.pop_front();
                }
                Ok(count)
            }
            Some(step) => panic!("the client waits for a reply where the transcript has {step:?}"),
        }
    }
}

impl Write for TranscriptServer {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut rest = octets;
        while !rest.is_empty() {
            let sent = String::from_utf8_lossy(rest).into_owned();
            match self.steps.front_mut() {
                Some(TranscriptStep::Break) => {
                    self.steps.pop_front();
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
                Some(TranscriptStep::Expect(expected)) => {
                    let count = expected.len().min(rest.len());
                    assert_eq!(
                        String::from_utf8_lossy(&rest[..count]),
                        String::from_utf8_lossy(&expected[..count])
                    );
                    expected.drain(..count);
                    rest = &rest[count..];
                    if expected.is_empty() {
                        self.steps.pop_front();
                    }
                }
                step => panic!("the client sends {sent:?} where the transcript has {step:?}"),
            }
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for TranscriptServer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let is_expected = |step: &&TranscriptStep| matches!(step, TranscriptStep::Expect(_));
        let missing = self.steps.iter().find(is_expected);
        assert!(missing.is_none(), "the client never sent {missing:?}");
    }
}
