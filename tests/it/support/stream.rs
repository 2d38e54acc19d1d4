//! The server's end of a connection, in cleartext or TLS, and the ways to end it.

use std::io::{self, Read, Write};
use std::mem;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use openssl::ssl::{ErrorCode, NameType, SslAcceptor, SslStream};

/// The server's side of TLS. It is OpenSSL's own, because native-tls does not let a server be as
/// weak as some tests need.
pub(crate) type TlsAcceptor = SslAcceptor;

/// The time that a test server waits for a client that sends nothing or does not read.
pub(crate) const SOCKET_DEADLINE: Duration = Duration::from_secs(60);

/// A connection to a client.
pub(crate) enum ServerStream {
    /// There is no connection any more.
    Broken,
    Plain(TcpStream),
    Tls(Box<SslStream<TcpStream>>),
}

impl ServerStream {
    /// Takes a socket. Every wait gets a deadline, and every write is sent as its own segment.
    pub(crate) fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(SOCKET_DEADLINE))?;
        socket.set_write_timeout(Some(SOCKET_DEADLINE))?;
        Ok(Self::Plain(socket))
    }

    /// Performs the TLS handshake. The error is OpenSSL's text.
    pub(crate) fn start_tls(&mut self, acceptor: &TlsAcceptor) -> Result<(), String> {
        match mem::replace(self, Self::Broken) {
            Self::Plain(socket) => {
                let shaken = acceptor.accept(socket).map_err(|e| e.to_string())?;
                *self = Self::Tls(Box::new(shaken));
                Ok(())
            }
            Self::Broken | Self::Tls(_) => Err("TLS was started before".to_owned()),
        }
    }

    /// Returns the name that the client asked for in the handshake (SNI).
    pub(crate) fn asked_for(&self) -> Option<&str> {
        match self {
            Self::Tls(stream) => stream.ssl().servername(NameType::HOST_NAME),
            Self::Broken | Self::Plain(_) => None,
        }
    }

    /// Writes octets to the socket, beneath TLS if there is any.
    pub(crate) fn write_beneath_tls(&self, octets: &[u8]) -> io::Result<()> {
        let mut socket = self.socket().ok_or(io::ErrorKind::NotConnected)?;
        socket.write_all(octets)
    }

    /// Ends the server's side properly: sends close_notify in TLS, then FIN.
    pub(crate) fn close(&mut self) -> io::Result<()> {
        if let Self::Tls(stream) = self {
            match stream.shutdown() {
                Err(error) if error.code() != ErrorCode::ZERO_RETURN => {
                    return Err(io::Error::other(error));
                }
                _ => {}
            }
        }
        self.cut()
    }

    /// Sends FIN only.
    pub(crate) fn cut(&mut self) -> io::Result<()> {
        match self.socket() {
            Some(socket) => socket.shutdown(Shutdown::Write),
            None => Ok(()),
        }
    }

    /// Sends RST.
    pub(crate) fn reset(&mut self) -> io::Result<()> {
        if let Some(socket) = self.socket() {
            rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO))?;
        }
        *self = Self::Broken;
        Ok(())
    }

    fn socket(&self) -> Option<&TcpStream> {
        match self {
            Self::Broken => None,
            Self::Plain(socket) => Some(socket),
            Self::Tls(stream) => Some(stream.get_ref()),
        }
    }
}

impl Read for ServerStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Broken => Ok(0),
            Self::Plain(socket) => socket.read(buf),
            Self::Tls(stream) => stream.read(buf),
        }
    }
}

impl Write for ServerStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Broken => Err(io::ErrorKind::NotConnected.into()),
            Self::Plain(socket) => socket.write(buf),
            Self::Tls(stream) => stream.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Broken => Ok(()),
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
