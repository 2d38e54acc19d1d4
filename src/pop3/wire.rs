//! One connection: sends commands, reads replies, and checks that they match.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::time::Duration;

use memchr::{memchr, memrchr};
use zeroize::Zeroizing;

use super::Error;
use super::command::Command;
use super::error::GREETING;
use super::reply::Status;
use super::session_hints::{Flight, PipeliningLog};
use super::stuff;
use super::unstuff::{ResponseSize, Unstuffer};
use crate::limits;
use crate::pace::{Pace, Wait};
use crate::text::ServerText;
use crate::trace::{Direction, Trace};

/// A message that is sent, as errors call it.
const MESSAGE: &str = "the message";

/// The most octets that are read from the connection at once.
const BUFFER: usize = 64 * 1024;

/// A connection on which each reply is matched with its command.
///
/// Replies come in the order of the commands, so the wire remembers what it has sent. A reply that
/// cannot belong to its command, or a multi-line response that was not read to its end, ends the
/// session.
pub(super) struct Wire<S> {
    stream: S,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    unanswered: VecDeque<Unanswered>,
    unanswered_octets: usize,
    body: Option<Body>,
    pace: Pace,
    /// True if the last line ended in a bare LF.
    bare_lf: bool,
    stray: StrayLines,
    /// The size of the last multi-line response.
    response_size: ResponseSize,
    /// True if RETR, TOP or DELE was sent before an earlier command was answered.
    has_pipelined: bool,
    /// The number of status lines that were read as replies.
    answered: usize,
    trace: Option<Trace>,
    pipelining_log: PipeliningLog,
}

/// The most lines that are skipped before a status line.
pub(super) const STRAY_LINES: usize = 8;

/// The most lines that are skipped around the greeting: a banner, or the words of a shell in front of the
/// program that carries the connection.
const BANNER_LINES: usize = 100;

/// The lines that no reply begins with, and that servers send between replies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct StrayLines {
    /// True if an empty line may come before the next status line. Exchange can send one before its answer to
    /// DELE (MailKit#1636), others before every reply.
    empty: bool,
    /// True if a second terminator may come. It may also be the end of a message that has ended too early for us.
    dots: bool,
    /// True if any other line that is no status line may come: the greeting may have further lines, and nothing
    /// depends on what is said before the first command.
    words: bool,
}

impl StrayLines {
    fn cover(self, line: &[u8]) -> bool {
        match line {
            b"" => self.empty,
            b"." => self.empty && self.dots,
            line => self.words && Status::parse(line).is_none(),
        }
    }

    /// Returns the most of them that may come before a status line.
    fn limit(self) -> usize {
        match self.words {
            true => BANNER_LINES,
            false => STRAY_LINES,
        }
    }

    /// Returns true if octets are nothing but such lines, the last of which may be incomplete.
    fn cover_all(self, octets: &[u8]) -> bool {
        let line = |line: &[u8]| self.cover(line.strip_suffix(b"\r").unwrap_or(line));
        octets.split(|&octet| octet == b'\n').all(line)
    }
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
            pace: Pace::default(),
            bare_lf: false,
            stray: StrayLines {
                empty: true,
                dots: true,
                words: false,
            },
            response_size: ResponseSize::default(),
            has_pipelined: false,
            answered: 0,
            trace,
            pipelining_log,
        }
    }

    /// Sets the pace that the connection counts.
    pub(super) fn paced_by(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// Sets the longest time that each further wait may take.
    pub(super) fn limit_silence(&self, longest: Duration) {
        self.pace.limit_silence(Some(longest));
    }

    /// Returns the bare connection. Octets in the buffer are lost; see [`Self::has_buffered`].
    pub(super) fn into_stream(self) -> (S, Option<Trace>) {
        (self.stream, self.trace)
    }

    /// The number of replies so far.
    pub(super) fn answered(&self) -> usize {
        self.answered
    }

    /// Returns true if received octets have not been read.
    pub(super) fn has_buffered(&self) -> bool {
        self.start < self.end
    }

    /// The number of octets of commands that wait for their replies.
    pub(super) fn unanswered_octets(&self) -> usize {
        self.unanswered_octets
    }

    /// The command whose reply is next, without its secrets.
    pub(super) fn awaited(&self) -> Option<&str> {
        self.unanswered.front().map(|command| &*command.shown)
    }

    /// The size of the last multi-line response that was read to its end.
    pub(super) fn response_size(&self) -> ResponseSize {
        self.response_size
    }

    /// Returns true if RETR, TOP or DELE was sent before an earlier command was answered.
    pub(super) fn has_pipelined(&self) -> bool {
        self.has_pipelined
    }

    /// Allows no line before the next status line.
    pub(super) fn forbid_stray(&mut self) {
        self.stray.empty = false;
    }

    /// Allows no second terminator in the rest of the session.
    pub(super) fn forbid_dots(&mut self) {
        self.stray.dots = false;
    }

    /// Returns true if a command waits for its reply.
    pub(super) fn is_awaiting(&self) -> bool {
        !self.unanswered.is_empty()
    }

    /// Returns true if octets were received that are neither read nor lines that may be skipped.
    pub(super) fn has_unsolicited(&self) -> bool {
        let buffered = &self.buffer[self.start..self.end];
        !buffered.is_empty() && !self.stray.cover_all(buffered)
    }

    /// Returns true if the session has lasted so long that nothing more should be asked for.
    pub(super) fn is_late(&self) -> bool {
        self.pace.is_late()
    }

    /// Sends commands in one write.
    pub(super) fn send(&mut self, commands: &[Command<'_>]) -> Result<(), Error> {
        // These octets would be read as the reply to the next command. Either a message ended too
        // early for us (a line with only a dot in it), or somebody injects replies.
        if self.unanswered.is_empty() && self.has_unsolicited() {
            let next = commands.first().map(ToString::to_string);
            return Err(Error::Unsolicited(next.unwrap_or_default()));
        }
        if self.unanswered.is_empty() {
            self.pipelining_log.note_answered();
            self.skip_words();
        }
        // Among several replies, such a line shows that the server does not support pipelining.
        // What the server says about encryption must be clear.
        self.stray.words &= self.unanswered.is_empty()
            && commands.len() == 1
            && !matches!(commands, [Command::Stls]);
        // Enough room for everything: a vector that grows leaves copies of a password in freed
        // memory.
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
            });
        }
        let is_of_message = |command: &Command<'_>| {
            matches!(
                command,
                Command::Retr(_) | Command::Top(..) | Command::Dele(_)
            )
        };
        self.has_pipelined |= self.unanswered.len() > 1 && commands.iter().any(is_of_message);
        let flight = commands.last().map_or(Flight::Listing, Command::flight);
        self.pipelining_log.note(self.unanswered.len() > 1, flight);
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

    /// Sends a part of a message.
    pub(super) fn send_part(&mut self, octets: &[u8]) -> Result<(), Error> {
        let written = self.stream.write_all(octets);
        written.map_err(|source| Error::io("sending", MESSAGE, source))
    }

    /// Sends the line that ends a message. From then on the server may have it.
    pub(super) fn end_message(&mut self) -> Result<(), Error> {
        if let Some(trace) = &mut self.trace {
            trace(Direction::Client, &"(the message)");
        }
        self.unanswered.push_back(Unanswered {
            shown: MESSAGE.to_owned(),
            octets: 0,
            is_multi_line: false,
        });
        self.send_part(stuff::END)?;
        let flushed = self.stream.flush();
        flushed.map_err(|source| Error::io("sending", MESSAGE, source))
    }

    /// Reads the greeting, which belongs to no command. Lines around it are skipped, unless another protocol
    /// begins with such a line. If the greeting does not follow, the first of them is the error.
    pub(super) fn greeting(&mut self) -> Result<Status, Error> {
        let what = GREETING;
        let first = self.line(what)?;
        let mut status = self.status(what, first.clone());
        for _ in 0..BANNER_LINES {
            match status {
                Ok(Status::Negative(_) | Status::Positive(_)) => break,
                _ if begins_another_protocol(&first) => break,
                Ok(Status::Continue(_)) | Err(_) => {}
            }
            self.pace.limit_silence(Some(limits::BANNER_TIMEOUT));
            let line = self.line(what);
            self.pace.limit_silence(None);
            match line {
                Ok(line) => status = self.status(what, line),
                Err(error) if error.is_closed() || error.is_timeout() => break,
                Err(error) => return Err(error),
            }
        }
        match status {
            Ok(status @ (Status::Negative(_) | Status::Positive(_))) => {
                self.stray.words = true;
                Ok(status)
            }
            Ok(Status::Continue(_)) | Err(_) => Err(Error::not_pop3(what, &first)),
        }
    }

    /// Skips the further lines of the greeting that have arrived.
    fn skip_words(&mut self) {
        let buffered = &self.buffer[self.start..self.end];
        if self.stray.words {
            self.start += memrchr(b'\n', buffered).map_or(0, |end| end + 1);
        }
    }

    /// Reads the status line of the reply to the oldest unanswered command. If it is positive and
    /// the command has a multi-line response, that must be read before the next reply.
    pub(super) fn reply(&mut self) -> Result<Status, Error> {
        let Some(command) = self.unanswered.pop_front() else {
            return Err(Error::OutOfStep("nothing was asked".into()));
        };
        self.unanswered_octets -= command.octets;
        if self.body.is_some() {
            return Err(Error::OutOfStep(command.shown));
        }
        let mut line = self.line(&command.shown)?;
        for _ in 0..self.stray.limit() {
            if !self.stray.cover(&line) {
                break;
            }
            line = match self.line(&command.shown) {
                Err(error) if self.stray.words && (error.is_closed() || error.is_timeout()) => {
                    return Err(Error::not_pop3(&command.shown, &line));
                }
                next => next?,
            };
        }
        self.stray.empty = true;
        self.stray.words = false;
        let status = self.status(&command.shown, line)?;
        self.answered += 1;
        if command.is_multi_line && matches!(status, Status::Positive(_)) {
            self.body = Some(Body {
                unstuffer: Unstuffer::new(self.bare_lf),
                waiting_for: format!("the rest of the answer to {}", command.shown),
            });
        }
        Ok(status)
    }

    /// Reads a reply that must be positive.
    pub(super) fn expect_positive(&mut self, name: &'static str) -> Result<(), Error> {
        match self.reply()? {
            Status::Positive(_) => Ok(()),
            status => Err(Error::unexpected(name, status)),
        }
    }

    /// Sends NOOP. A refusal is no error: the server has noticed that the client is there.
    pub(super) fn keep_awake(&mut self) -> Result<(), Error> {
        self.send(&[Command::Noop])?;
        match self.reply()? {
            Status::Negative(_) | Status::Positive(_) => Ok(()),
            status @ Status::Continue(_) => Err(Error::unexpected("NOOP", status)),
        }
    }

    fn status(&mut self, waiting_for: &str, line: Vec<u8>) -> Result<Status, Error> {
        let status = Status::parse(&line);
        if let Some(trace) = &mut self.trace {
            match status {
                // A challenge may contain something that only the two ends should know.
                Some(Status::Continue(_)) => trace(Direction::Server, &"+ ****"),
                _ => trace(Direction::Server, &ServerText::new(&line)),
            }
        }
        status.ok_or_else(|| Error::not_pop3(waiting_for, &line))
    }

    /// Appends the next piece of the multi-line response to `out`. Returns the number of octets
    /// received, or `None` once the response has ended.
    pub(super) fn body(&mut self, out: &mut Vec<u8>) -> Result<Option<usize>, Error> {
        let Some(mut body) = self.body.take() else {
            return Ok(None);
        };
        if !self.has_buffered() {
            self.fill(Wait::Rest, &body.waiting_for)?;
        }
        let taken = body.unstuffer.push(&self.buffer[self.start..self.end], out);
        self.start += taken;
        if body.unstuffer.is_done() {
            self.response_size = body.unstuffer.size();
        } else {
            self.body = Some(body);
        }
        Ok(Some(taken))
    }

    /// Reads a multi-line response line by line, and passes each line to `each` without its line
    /// end.
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
                    let shown = ServerText::new(line);
                    self.trace_server(&shown);
                }
                each(line)?;
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
            let wait = if line.is_empty() {
                Wait::Beginning
            } else {
                Wait::Rest
            };
            self.fill(wait, waiting_for)?;
        }
        self.bare_lf = line.pop_if(|last| *last == b'\r').is_none();
        Ok(line)
    }

    /// Reads more octets into the empty buffer. A closed connection is an error, because something
    /// is being read that is not complete.
    fn fill(&mut self, wait: Wait, waiting_for: &str) -> Result<(), Error> {
        debug_assert!(self.start == self.end, "unread octets would be lost");
        (self.start, self.end) = (0, 0);
        self.pace.await_next(wait);
        loop {
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Err(Error::Closed(waiting_for.into())),
                Ok(octets) => {
                    self.end = octets;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::io("waiting for", waiting_for, source)),
            }
        }
    }
}

/// Returns true if a line is the beginning of a session of another protocol: SMTP, FTP or NNTP, IMAP, SSH, HTTP, or
/// one that sends no text. A bare `+` would ask for a line of a login.
fn begins_another_protocol(line: &[u8]) -> bool {
    let is_numbered = matches!(
        line,
        [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9', b' ' | b'-', ..]
    );
    let beginnings = [&b"* "[..], b"SSH-", b"HTTP/", b"<", b"+"];
    let is_text = line.first().is_none_or(|first| !first.is_ascii_control());
    is_numbered || !is_text || beginnings.iter().any(|begin| line.starts_with(begin))
}
