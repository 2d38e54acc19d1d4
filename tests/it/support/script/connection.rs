//! A connection of the scripted server: it reads lines, collects octets for one write, and counts
//! the client's turns.

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

    /// The number of the client's turns. A turn begins with the first octets that the client sends
    /// after the server has sent something. Commands that are pipelined together are one turn.
    pub(super) fn turns(&self) -> usize {
        self.turns
    }

    /// Adds octets to the next [`ScriptConnection::flush`].
    pub(super) fn send(&mut self, octets: &[u8]) {
        self.pending.extend_from_slice(octets);
    }

    /// Sends the collected octets in one write.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = mem::take(&mut self.pending);
        self.has_spoken = true;
        self.stream.write_all(&pending)?;
        self.stream.flush()
    }

    /// Reads a line with its LF. At the end of the connection it returns the remaining octets.
    pub(super) fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.heard.iter().position(|&octet| octet == b'\n') {
                return Ok(self.heard.drain(..=at).collect());
            }
            if self.read_more()? == 0 {
                return Ok(mem::take(&mut self.heard));
            }
        }
    }

    /// Reads until the client disconnects, and returns the octets.
    pub(super) fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.read_more()? != 0 {}
        Ok(mem::take(&mut self.heard))
    }

    /// Reads until the client disconnects, and drops the octets.
    pub(super) fn ignore(&mut self) -> io::Result<()> {
        while self.read_more()? != 0 {
            self.heard.clear();
        }
        Ok(())
    }

    /// Returns the octets that have been read from the socket but not been taken yet.
    pub(super) fn unread(&self) -> &[u8] {
        &self.heard
    }

    /// Reads more octets. A connection that broke counts as closed.
    fn read_more(&mut self) -> io::Result<usize> {
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
