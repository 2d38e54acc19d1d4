//! One connection: sends commands and octets, and reads responses.

use std::fmt;
use std::io::{self, Read, Write};

use zeroize::Zeroizing;

use super::decoder::{Decoded, ResponseDecoder};
use super::error::{AnswerTo, Error};
use crate::mail::wire_form::CHUNK;
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

    /// Adds a line of the client to the trace.
    pub(super) fn show(&mut self, line: &dyn fmt::Display) {
        if let Some(trace) = &mut self.trace {
            trace(Direction::Client, line);
        }
    }

    /// Adds octets that nobody may see to what is sent next. None of their copies is left behind.
    pub(super) fn secret(&mut self, octets: &[u8]) {
        let mut out = Zeroizing::new(Vec::with_capacity(self.out.len() + octets.len()));
        out.extend_from_slice(&self.out);
        out.extend_from_slice(octets);
        self.out = out;
    }

    /// Returns the octets that are sent next, to add octets of a message.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Sends what was collected, if it is much.
    pub(super) fn send_if_much(&mut self, to: AnswerTo) -> Result<(), Error> {
        match self.out.len() < CHUNK {
            true => Ok(()),
            false => self.send(to),
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

    /// Reads this many octets of a message; `each` takes them in pieces.
    pub(super) fn message(
        &mut self,
        to: AnswerTo,
        octets: u64,
        each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<(), Error> {
        let mut missing = octets;
        while missing > 0 {
            if self.start == self.end {
                self.fill(Wait::Rest, to)?;
            }
            let buffered = &self.buffer[self.start..self.end];
            let most = usize::try_from(missing).unwrap_or(usize::MAX);
            let piece = &buffered[..buffered.len().min(most)];
            each(piece).map_err(Error::Output)?;
            self.start += piece.len();
            missing -= piece.len() as u64;
        }
        Ok(())
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
