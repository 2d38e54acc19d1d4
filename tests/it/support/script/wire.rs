//! A connection as a script sees it: lines in, octets out, the client's turns counted.
//! Knows no script.

use std::io::{self, Read, Write};
use std::mem;
use std::net::TcpStream;

use crate::support::stream::ServerStream;

/// A connection to a client.
pub(super) struct ScriptConnection {
    pub(super) stream: ServerStream,
    has_spoken: bool,
    heard: Vec<u8>,
    pending: Vec<u8>,
    turns: usize,
}

impl ScriptConnection {
    pub(super) fn new(socket: TcpStream) -> io::Result<Self> {
        Ok(Self {
            stream: ServerStream::new(socket)?,
            has_spoken: false,
            heard: Vec::new(),
            pending: Vec::new(),
            turns: 0,
        })
    }

    /// Counts how often the client took its turn: how often, after the server had spoken, it had to
    /// wait for more than it had already heard.
    pub(super) fn turns(&self) -> usize {
        self.turns
    }

    /// Keeps octets for the next [`ScriptConnection::flush`].
    pub(super) fn send(&mut self, octets: &[u8]) {
        self.pending.extend_from_slice(octets);
    }

    /// Sends what is kept in one write.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = mem::take(&mut self.pending);
        self.has_spoken = true;
        self.stream.write_all(&pending)?;
        self.stream.flush()
    }

    /// Reads up to and with the next LF; at the end of the connection what is there, or nothing.
    pub(super) fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.heard.iter().position(|&octet| octet == b'\n') {
                return Ok(self.heard.drain(..=at).collect());
            }
            if self.hear()? == 0 {
                return Ok(mem::take(&mut self.heard));
            }
        }
    }

    /// Reads until the client closes and returns what it still said.
    pub(super) fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.hear()? != 0 {}
        Ok(mem::take(&mut self.heard))
    }

    /// Reads until the client closes and forgets what it said.
    pub(super) fn ignore(&mut self) -> io::Result<()> {
        while self.hear()? != 0 {
            self.heard.clear();
        }
        Ok(())
    }

    /// Returns what was said but not asked for yet.
    pub(super) fn unread(&self) -> &[u8] {
        &self.heard
    }

    /// Hears more. A client that is gone, in whatever way, has nothing more to say.
    fn hear(&mut self) -> io::Result<usize> {
        let mut chunk = [0; 65536];
        let count = match self.stream.read(&mut chunk) {
            Ok(count) => count,
            Err(e) if is_timeout(&e) => return Err(e),
            Err(_) => 0,
        };
        if count > 0 && mem::take(&mut self.has_spoken) {
            self.turns += 1;
        }
        self.heard.extend_from_slice(&chunk[..count]);
        Ok(count)
    }
}

fn is_timeout(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock
    )
}
