//! The server's end of one connection: cleartext or TLS, lines in, octets out, turns counted.
//! Knows no script.

use std::io::{self, Read, Write};
use std::mem;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use native_tls::{TlsAcceptor, TlsStream};

use crate::support::SOCKET_DEADLINE;

/// A connection to a client.
pub(super) struct Wire {
    heard: Vec<u8>,
    pending: Vec<u8>,
    has_spoken: bool,
    stream: Stream,
    turns: usize,
}

enum Stream {
    Broken,
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SOCKET_DEADLINE))?;
        stream.set_write_timeout(Some(SOCKET_DEADLINE))?;
        Ok(Self {
            has_spoken: false,
            heard: Vec::new(),
            pending: Vec::new(),
            stream: Stream::Plain(stream),
            turns: 0,
        })
    }

    /// Counts how often the client took its turn: how often, after the server had spoken, it had to
    /// wait for more than it had already heard.
    pub(super) fn turns(&self) -> usize {
        self.turns
    }

    /// Keeps octets for the next [`Wire::flush`].
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

    /// Returns what was said too early, before TLS.
    pub(super) fn said_too_early(&self) -> &[u8] {
        &self.heard
    }

    /// Shakes hands. The error of a client that breaks off is text.
    pub(super) fn start_tls(&mut self, acceptor: &TlsAcceptor) -> Result<(), String> {
        match mem::replace(&mut self.stream, Stream::Broken) {
            Stream::Plain(stream) => {
                let shaken = acceptor.accept(stream).map_err(|e| e.to_string())?;
                self.stream = Stream::Tls(Box::new(shaken));
                Ok(())
            }
            Stream::Broken | Stream::Tls(_) => Err("TLS was started before".to_owned()),
        }
    }

    /// Ends the server's side properly: close_notify if there is TLS, then FIN.
    pub(super) fn close(&mut self) -> io::Result<()> {
        if let Stream::Tls(stream) = &mut self.stream {
            stream.shutdown()?;
        }
        self.cut()
    }

    /// Sends FIN and nothing else.
    pub(super) fn cut(&mut self) -> io::Result<()> {
        match &self.stream {
            Stream::Broken => Ok(()),
            Stream::Plain(stream) => stream.shutdown(Shutdown::Write),
            Stream::Tls(stream) => stream.get_ref().shutdown(Shutdown::Write),
        }
    }

    /// Sends RST.
    pub(super) fn reset(&mut self) -> io::Result<()> {
        let stream = mem::replace(&mut self.stream, Stream::Broken);
        let socket = match &stream {
            Stream::Broken => return Ok(()),
            Stream::Plain(stream) => stream,
            Stream::Tls(stream) => stream.get_ref(),
        };
        rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO))?;
        Ok(())
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

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Broken => Ok(0),
            Self::Plain(stream) => stream.read(buf),
            Self::Tls(stream) => stream.read(buf),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Broken => Err(io::ErrorKind::NotConnected.into()),
            Self::Plain(stream) => stream.write(buf),
            Self::Tls(stream) => stream.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Broken => Ok(()),
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
