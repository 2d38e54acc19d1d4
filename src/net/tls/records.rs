//! The socket below TLS, read in large pieces: the library reads each record in two, its head and
//! the rest, and servers send small ones.
//! Knows nothing of records.

use std::io::{self, BufReader, Read, Write};

use crate::net::socket::Socket;

/// How many octets are read at once.
const BUFFER: usize = 32 * 1024;

/// A socket with a buffer for what comes.
#[derive(Debug)]
pub(super) struct Records(BufReader<Socket>);

impl Records {
    pub(super) fn new(socket: Socket) -> Self {
        Self(BufReader::with_capacity(BUFFER, socket))
    }

    pub(super) fn socket(&mut self) -> &mut Socket {
        self.0.get_mut()
    }
}

impl Read for Records {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Records {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.get_mut().write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.get_mut().flush()
    }
}
