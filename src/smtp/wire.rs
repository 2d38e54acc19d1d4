//! One connection: sends commands and octets, and reads replies.

use std::fmt;
use std::io::{self, Read, Write};

use super::error::{Error, ReplyTo};
use super::reply::{Reply, ReplyDecoder};
use crate::mail::wire_form::CHUNK;
use crate::pace::{Pace, Paced, Wait};
use crate::trace::{Direction, Trace};

/// The most octets that are read from the connection at once. Replies are short.
const BUFFER: usize = 4 * 1024;

/// A connection that collects what it sends, so that a whole flight takes one write.
pub(super) struct SmtpWire<S> {
    stream: S,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// The octets that are not sent yet.
    out: Vec<u8>,
    pace: Pace,
    trace: Option<Trace>,
}

impl<S: Read + Write + Paced> SmtpWire<S> {
    pub(super) fn new(stream: S, trace: Option<Trace>) -> Self {
        Self {
            pace: stream.pace(),
            stream,
            buffer: vec![0; BUFFER].into(),
            start: 0,
            end: 0,
            out: Vec::new(),
            trace,
        }
    }

    /// Returns the bare connection.
    ///
    /// # Errors
    /// Octets came that belong to no reply.
    pub(super) fn into_stream(self) -> Result<(S, Option<Trace>), Error> {
        if self.start < self.end {
            return Err(Error::Injected);
        }
        Ok((self.stream, self.trace))
    }

    /// Returns the connection, to ask whether something has arrived.
    pub(super) fn stream(&self) -> &S {
        &self.stream
    }

    /// Requires that no reply is left over. One that came too early would be taken for the answer
    /// to the next command.
    pub(super) fn require_quiet(&self) -> Result<(), Error> {
        match self.start < self.end {
            true => Err(Error::Unsolicited),
            false => Ok(()),
        }
    }

    /// Adds a command to what is sent next.
    pub(super) fn command(&mut self, command: impl fmt::Display) {
        if let Some(trace) = &mut self.trace {
            trace(Direction::Client, &command);
        }
        self.out
            .extend_from_slice(format!("{command}\r\n").as_bytes());
    }

    /// Returns the octets that are sent next, to add octets of a message.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Sends what was collected, if it is much.
    pub(super) fn send_if_much(&mut self, to: ReplyTo) -> Result<(), Error> {
        match self.out.len() < CHUNK {
            true => Ok(()),
            false => self.send(to),
        }
    }

    /// Sends what was collected.
    pub(super) fn send(&mut self, to: ReplyTo) -> Result<(), Error> {
        let sent = self.stream.write_all(&self.out);
        self.out.clear();
        sent.and_then(|()| self.stream.flush())
            .map_err(|source| Error::sending(to, source))
    }

    /// Reads the next reply.
    pub(super) fn reply(&mut self, to: ReplyTo) -> Result<Reply, Error> {
        let mut decoder = ReplyDecoder::default();
        loop {
            let buffered = &self.buffer[self.start..self.end];
            let decoded = decoder.push(buffered);
            let (taken, reply) = decoded.map_err(|source| Error::Malformed { to, source })?;
            self.start += taken;
            if let Some(reply) = reply {
                if let Some(trace) = &mut self.trace {
                    trace(Direction::Server, &reply);
                }
                return Ok(reply);
            }
            let wait = match decoder.is_inside() {
                true => Wait::Rest,
                false => Wait::Beginning,
            };
            self.fill(wait, to)?;
        }
    }

    /// Reads more octets into the empty buffer.
    fn fill(&mut self, wait: Wait, to: ReplyTo) -> Result<(), Error> {
        (self.start, self.end) = (0, 0);
        self.pace.await_next(wait);
        loop {
            match self.stream.read(&mut self.buffer) {
                Ok(0) => return Err(Error::Closed(to)),
                Ok(octets) => {
                    self.end = octets;
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(Error::waiting_for(to, source)),
            }
        }
    }
}
