//! One connection, commands out, replies in: the blocking half of the protocol.
//! Does not know the states of a session.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Write};
use std::time::Instant;

use memchr::{memchr, memmem};
use zeroize::Zeroizing;

use super::Error;
use super::command::Command;
use super::reply::Status;
use super::session_hints::PipeliningLog;
use super::speed::{Speed, Wait};
use super::unstuff::Unstuffer;
use crate::limits;
use crate::text::ServerText;

/// How many octets are read from the connection at once.
const BUFFER: usize = 64 * 1024;

/// Sees the conversation, one line at a time, without its secrets. A message is one line that
/// tells its octets.
pub type Trace = Box<dyn FnMut(Direction, &dyn fmt::Display) + Send>;

/// Who speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// We do.
    Client,
    /// The server does.
    Server,
}

/// A connection on which commands and replies keep step.
///
/// Replies come in the order of the commands, so the wire remembers what it sent; an answer that
/// cannot belong there, or a multi-line response that was left unread, ends the session.
pub(super) struct Wire<S> {
    stream: S,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    unanswered: VecDeque<Unanswered>,
    unanswered_octets: usize,
    body: Option<Body>,
    speed: Speed,
    /// Whether the last line ended in a bare LF.
    bare_lf: bool,
    /// What is cut out of every line: servers have echoed what they refused.
    hidden: Vec<Zeroizing<Vec<u8>>>,
    trace: Option<Trace>,
    pipelining_log: PipeliningLog,
}

/// A multi-line response that is being read.
struct Body {
    unstuffer: Unstuffer,
    waiting_for: String,
}

struct Unanswered {
    shown: String,
    octets: usize,
    is_multi_line: bool,
    is_deletion: bool,
}

impl<S: Read + Write> Wire<S> {
    pub(super) fn new(stream: S, trace: Option<Trace>, pipelining_log: PipeliningLog) -> Self {
        Self {
            stream,
            buffer: vec![0; BUFFER].into(),
            start: 0,
            end: 0,
            unanswered: VecDeque::new(),
            unanswered_octets: 0,
            body: None,
            speed: Speed::default(),
            bare_lf: false,
            hidden: Vec::new(),
            trace,
            pipelining_log,
        }
    }

    /// Gives the connection back, bare. What was buffered is lost; see [`Self::has_buffered`].
    pub(super) fn into_stream(self) -> (S, Option<Trace>) {
        (self.stream, self.trace)
    }

    /// Whether octets were received that nobody has read.
    pub(super) fn has_buffered(&self) -> bool {
        self.start < self.end
    }

    /// How many octets of commands wait for their replies.
    pub(super) fn unanswered_octets(&self) -> usize {
        self.unanswered_octets
    }

    /// The command whose reply comes next, without its secrets.
    pub(super) fn awaited(&self) -> Option<&str> {
        self.unanswered.front().map(|command| &*command.shown)
    }

    /// Whether the session has lasted so long that no more should be asked for.
    pub(super) fn is_late(&self) -> bool {
        self.speed.is_late()
    }

    /// Sends commands in one write.
    pub(super) fn send(&mut self, commands: &[Command<'_>]) -> Result<(), Error> {
        if self.unanswered.is_empty() && self.has_buffered() {
            let next = commands.first().map(ToString::to_string);
            return Err(Error::Unsolicited(next.unwrap_or_default()));
        }
        // With room for all: what grows leaves copies behind that nobody wipes.
        let room = commands.iter().map(Command::room).sum();
        let mut out = Zeroizing::new(Vec::with_capacity(room));
        for command in commands {
            let before = out.len();
            command.encode(&mut out);
            let octets = out.len() - before;
            let shown = command.to_string();
            if let Some(trace) = &mut self.trace {
                trace(Direction::Client, &shown);
            }
            self.unanswered_octets += octets;
            self.unanswered.push_back(Unanswered {
                shown,
                octets,
                is_multi_line: command.is_multi_line(),
                is_deletion: matches!(command, Command::Dele(_)),
            });
        }
        self.pipelining_log.note(self.unanswered.len() > 1);
        let waiting = || {
            self.unanswered
                .back()
                .map_or_else(String::new, |c| c.shown.clone())
        };
        self.stream
            .write_all(&out)
            .and_then(|()| self.stream.flush())
            .map_err(|source| Error::io("sending", waiting(), source))
    }

    /// Cuts these octets out of every line to come, so that a server that echoes a secret
    /// does not have it shown. What is as short as a word of the server's own is left.
    pub(super) fn hide(&mut self, secret: &[u8]) {
        const SHORTEST: usize = 4;
        if secret.len() >= SHORTEST {
            self.hidden.push(Zeroizing::new(secret.to_vec()));
        }
    }

    /// The same without what is hidden.
    pub(super) fn mask<'l>(&self, line: &'l [u8]) -> Cow<'l, [u8]> {
        let mut line = Cow::Borrowed(line);
        for secret in &self.hidden {
            while let Some(start) = memmem::find(&line, secret) {
                line.to_mut().splice(start..start + secret.len(), *b"...");
            }
        }
        line
    }

    /// Reads the greeting, which answers nothing.
    pub(super) fn greeting(&mut self) -> Result<Status, Error> {
        let line = self.line("the greeting")?;
        self.status("the greeting", line)
    }

    /// Reads the status line of the reply to the oldest unanswered command. Behind a positive one
    /// to a multi-line command, the body has to be read before the next reply.
    pub(super) fn reply(&mut self) -> Result<Status, Error> {
        let Some(command) = self.unanswered.pop_front() else {
            return Err(Error::OutOfStep("nothing was asked".into()));
        };
        self.unanswered_octets -= command.octets;
        if self.body.is_some() {
            return Err(Error::OutOfStep(command.shown));
        }
        let mut line = self.line(&command.shown)?;
        if line.is_empty() && command.is_deletion {
            // Exchange sends an empty line before its answer to DELE (MailKit#1636).
            line = self.line(&command.shown)?;
        }
        let status = self.status(&command.shown, line)?;
        if command.is_multi_line && matches!(status, Status::Positive(_)) {
            self.body = Some(Body {
                unstuffer: Unstuffer::new(self.bare_lf),
                waiting_for: format!("the rest of the answer to {}", command.shown),
            });
        }
        Ok(status)
    }

    /// Reads a reply that has to be positive.
    pub(super) fn expect_positive(&mut self, name: &'static str) -> Result<(), Error> {
        match self.reply()? {
            Status::Positive(_) => Ok(()),
            status => Err(Error::unexpected(name, status)),
        }
    }

    /// Says NOOP. A server that refuses it has heard us all the same.
    pub(super) fn keep_awake(&mut self) -> Result<(), Error> {
        self.send(&[Command::Noop])?;
        match self.reply()? {
            Status::Negative(_) | Status::Positive(_) => Ok(()),
            status @ Status::Continue(_) => Err(Error::unexpected("NOOP", status)),
        }
    }

    fn status(&mut self, waiting_for: &str, line: Vec<u8>) -> Result<Status, Error> {
        let line = self.mask(&line);
        let status = Status::parse(&line);
        if let Some(trace) = &mut self.trace {
            match status {
                // A challenge may hold what only the two ends should know.
                Some(Status::Continue(_)) => trace(Direction::Server, &"+ ****"),
                _ => trace(Direction::Server, &ServerText::new(&line)),
            }
        }
        status.ok_or_else(|| Error::NotPop3 {
            waiting_for: waiting_for.into(),
            line: ServerText::new(&line),
        })
    }

    /// Reads the next piece of the multi-line response that a [`Self::reply`] began and appends
    /// what it holds to `out`; returns how many octets came over the line, or `None` once the
    /// response has ended.
    pub(super) fn body(&mut self, out: &mut Vec<u8>) -> Result<Option<usize>, Error> {
        let Some(mut body) = self.body.take() else {
            return Ok(None);
        };
        if !self.has_buffered() {
            self.fill(Wait::Rest, &body.waiting_for)?;
        }
        let taken = body.unstuffer.push(&self.buffer[self.start..self.end], out);
        self.start += taken;
        if !body.unstuffer.is_done() {
            self.body = Some(body);
        }
        Ok(Some(taken))
    }

    /// Reads a multi-line response of lines, each given to `each` without its line end.
    pub(super) fn lines(
        &mut self,
        limit: usize,
        mut each: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut pending = Vec::new();
        let mut octets = 0;
        while let Some(taken) = self.body(&mut pending)? {
            octets += taken;
            let mut start = 0;
            while let Some(end) = memchr(b'\n', &pending[start..]) {
                let line = &pending[start..start + end];
                if self.trace.is_some() {
                    let shown = ServerText::new(&self.mask(line));
                    self.trace_server(&shown);
                }
                // As it came: a unique-id may hold what a password holds.
                each(line).map_err(|error| self.without_secrets(error, line))?;
                start += end + 1;
            }
            pending.drain(..start);
            if octets > limit || pending.len() > limits::STATUS_LINE {
                return Err(Error::TooLong("an answer"));
            }
        }
        Ok(())
    }

    fn trace_server(&mut self, text: &ServerText) {
        if let Some(trace) = &mut self.trace {
            trace(Direction::Server, text);
        }
    }

    /// An error that may repeat a line, unless that holds a secret.
    fn without_secrets(&self, error: Error, line: &[u8]) -> Error {
        match self.mask(line) {
            Cow::Borrowed(_) => error,
            Cow::Owned(masked) => Error::NotPop3 {
                waiting_for: "a listing".into(),
                line: ServerText::new(&masked),
            },
        }
    }

    fn line(&mut self, waiting_for: &str) -> Result<Vec<u8>, Error> {
        let mut line = Vec::new();
        loop {
            let buffered = &self.buffer[self.start..self.end];
            let end = memchr(b'\n', buffered);
            line.extend_from_slice(&buffered[..end.unwrap_or(buffered.len())]);
            self.start += end.map_or(buffered.len(), |end| end + 1);
            if line.len() > limits::STATUS_LINE {
                return Err(Error::TooLong("a reply"));
            }
            if end.is_some() {
                break;
            }
            let wait = match line.is_empty() {
                true => Wait::Beginning,
                false => Wait::Rest,
            };
            self.fill(wait, waiting_for)?;
        }
        self.bare_lf = line.pop_if(|last| *last == b'\r').is_none();
        Ok(line)
    }

    /// Reads more octets into the empty buffer. A closed connection is an error: whatever was
    /// being read is not complete.
    fn fill(&mut self, wait: Wait, waiting_for: &str) -> Result<(), Error> {
        debug_assert!(self.start == self.end, "the buffer is empty");
        (self.start, self.end) = (0, 0);
        let begun = Instant::now();
        loop {
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Err(Error::Closed(waiting_for.into())),
                Ok(octets) => {
                    self.end = octets;
                    return self.speed.count(wait, begun.elapsed(), octets, waiting_for);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::io("waiting for", waiting_for, source)),
            }
        }
    }
}
