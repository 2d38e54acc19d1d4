//! One connection: sends commands and octets, and reads responses.

use std::fmt;
use std::io::{self, Read, Write};

use zeroize::Zeroizing;

use super::decoder::{Decoded, ResponseDecoder};
use super::error::{AnswerTo, Error};
use crate::pace::{Pace, Paced, Wait};
use crate::trace::{Direction, Trace};

/// The most octets that are read from the connection at once.
const BUFFER: usize = 16 * 1024;

/// A connection that collects what it sends, so that a whole flight takes one write.
pub(super) struct ImapWire<S> {
    stream: S,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// The octets that are not sent yet.
    out: Zeroizing<Vec<u8>>,
    decoder: ResponseDecoder,
    pace: Pace,
    trace: Option<Trace>,
}

impl<S: Read + Write + Paced> ImapWire<S> {
    pub(super) fn new(stream: S, trace: Option<Trace>) -> Self {
        Self {
            pace: stream.pace(),
            stream,
            buffer: vec![0; BUFFER].into(),
            start: 0,
            end: 0,
            out: Zeroizing::default(),
            decoder: ResponseDecoder::default(),
            trace,
        }
    }

    /// Returns the bare connection.
    ///
    /// # Errors
    /// Octets came that belong to no response.
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

    /// Adds a line to what is sent next.
    pub(super) fn line(&mut self, line: impl fmt::Display) {
        self.show(&line);
        self.out.extend_from_slice(format!("{line}\r\n").as_bytes());
    }

    /// Shows a line that the client sends to whoever follows the conversation.
    pub(super) fn show(&mut self, line: &dyn fmt::Display) {
        if let Some(trace) = &mut self.trace {
            trace(Direction::Client, line);
        }
    }

    /// Sends what was collected.
    pub(super) fn send(&mut self, to: AnswerTo) -> Result<(), Error> {
        let sent = self.stream.write_all(&self.out);
        self.out.clear();
        sent.and_then(|()| self.stream.flush())
            .map_err(|source| Error::sending(to, source))
    }

    /// Reads up to the end of the next response, or up to the octets of a message.
    pub(super) fn read(&mut self, to: AnswerTo) -> Result<Decoded, Error> {
        loop {
            let buffered = &self.buffer[self.start..self.end];
            let decoded = self.decoder.push(buffered);
            let (taken, decoded) = decoded.map_err(|source| Error::Malformed { to, source })?;
            self.start += taken;
            if let Some(decoded) = decoded {
                if let Some(trace) = &mut self.trace
                    && matches!(decoded, Decoded::Response(_))
                {
                    trace(Direction::Server, &self.decoder.shown());
                }
                return Ok(decoded);
            }
            let wait = match self.decoder.is_inside() {
                true => Wait::Rest,
                false => Wait::Beginning,
            };
            self.fill(wait, to)?;
        }
    }

    /// Reads more octets into the empty buffer.
    fn fill(&mut self, wait: Wait, to: AnswerTo) -> Result<(), Error> {
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
