//! Buffers the socket below TLS. The TLS library reads each record with two calls, its head and the
//! rest, and servers send small records.

use std::io::{self, BufReader, Read, Write};

use super::hello::{self, Negotiated};
use crate::net::socket::Socket;
use crate::pace::{Pace, Paced};

/// The most octets that are read at once: two records of the largest size.
const BUFFER: usize = 32 * 1024;

/// A socket with a buffer for reading.
#[derive(Debug)]
pub(super) struct Records {
    buffered: BufReader<Socket>,
    /// The first octets that were received.
    head: Vec<u8>,
}

impl Records {
    pub(super) fn new(socket: Socket) -> Self {
        Self {
            buffered: BufReader::with_capacity(BUFFER, socket),
            head: Vec::new(),
        }
    }

    pub(super) fn socket(&mut self) -> &mut Socket {
        self.buffered.get_mut()
    }

    /// Returns true if nothing has arrived.
    pub(super) fn is_quiet(&self) -> bool {
        self.buffered.buffer().is_empty() && self.buffered.get_ref().is_quiet()
    }

    pub(super) fn pace(&self) -> Pace {
        self.buffered.get_ref().pace()
    }

    /// The version and the cipher suite, if the ServerHello was found.
    pub(super) fn negotiated(&self) -> Option<Negotiated> {
        Negotiated::read(&self.head)
    }
}

impl Read for Records {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let octets = self.buffered.read(buffer)?;
        let room = hello::HEAD.saturating_sub(self.head.len());
        self.head.extend_from_slice(&buffer[..octets.min(room)]);
        Ok(octets)
    }
}

impl Write for Records {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.buffered.get_mut().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.buffered.get_mut().flush()
    }
}
