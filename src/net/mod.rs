//! Connections with a deadline for every wait: directly, through a proxy or through a program, and
//! TLS over them.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::exit::Exit;
use crate::os::child::unsafe_program;
use crate::os::signals::Interrupt;
use crate::os::walk::UnsafePath;
use crate::pace::{Pace, Paced};

mod call;
mod listener;
pub(crate) mod proxy;
pub(crate) mod socket;
pub mod srv;
pub(crate) mod step;
pub(crate) mod tls;
pub(crate) mod tunnel;

use call::Caller;
use listener::ListenerOwner;
pub(crate) use proxy::{Protocol, Proxy, ProxyLogin};
pub(crate) use socket::Socket;
pub(crate) use step::ConnectStep;
pub(crate) use tunnel::Tunnel;

/// A server's address, the route to it and the timeouts.
#[derive(Clone, Debug)]
pub(crate) struct ConnectOptions {
    /// The server's address.
    pub endpoint: Endpoint,
    /// The most time that one address may take to connect; see also
    /// [`crate::limits::CONNECT_TIMEOUTS`].
    pub connect_timeout: Duration,
    /// The most time that may pass without an octet received or sent.
    pub timeout: Duration,
    /// The route to the server.
    pub route: Route,
}

impl ConnectOptions {
    /// Returns true if nothing leaves this machine, judged by the configuration alone. A proxy or a
    /// program may carry it anywhere, whatever the name of the server.
    pub(crate) fn stays_here(&self) -> bool {
        self.endpoint.is_loopback() && matches!(self.route, Route::Direct(_))
    }
}

/// The route to a server.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    /// Directly, from this local address if one is configured.
    Direct(Option<IpAddr>),
    /// Through a proxy, which resolves the name; from this local address if one is configured.
    Proxy(Proxy, Option<IpAddr>),
    /// Through the standard input and output of a program.
    Tunnel(Tunnel),
}

/// A server's address as it is configured.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Endpoint {
    /// A host name or an IP address (an IPv6 address without brackets), and a port.
    Tcp {
        /// The host's name or address.
        host: String,
        /// The port.
        port: u16,
    },
    /// The absolute path of a Unix socket.
    Unix(PathBuf),
}

impl Endpoint {
    /// Returns true if it is on this machine, judged by its spelling alone. If the name were
    /// resolved, an attacker who controls DNS could decide that.
    pub(crate) fn is_loopback(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp { host, .. } => {
                host.eq_ignore_ascii_case("localhost")
                    || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
            }
        }
    }

    /// Returns the name that the server's certificate must have.
    pub(crate) fn host(&self) -> &str {
        match self {
            Self::Unix(_) => "localhost",
            Self::Tcp { host, .. } => host,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// The reason why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No address answered.
    #[error("cannot connect to {endpoint}: {}", attempts.describe(endpoint))]
    Connect {
        /// The server.
        endpoint: Endpoint,
        /// The addresses that were tried, each with its error.
        attempts: Attempts,
    },
    /// A signal arrived.
    #[error("interrupted while connecting to {0}")]
    Interrupted(Endpoint),
    /// The listener on this machine may be anybody's.
    #[error(
        "the listener at {endpoint} belongs to user {user}, who is neither you nor root; nothing was sent"
    )]
    Listener {
        /// The server.
        endpoint: Endpoint,
        /// The number of the user.
        user: u32,
        /// What the user can do.
        hint: &'static str,
    },
    /// This machine refused something that does not depend on the server.
    #[error("cannot open a connection to {endpoint}: {source}")]
    Local {
        /// The server.
        endpoint: Endpoint,
        /// The system's error.
        source: io::Error,
    },
    /// The proxy did not connect to the server.
    #[error("cannot reach {endpoint} through the proxy {proxy}: {source}")]
    Proxy {
        /// The server.
        endpoint: Endpoint,
        /// The proxy.
        proxy: Endpoint,
        /// The reason.
        source: proxy::Error,
    },
    /// The name could not be resolved.
    #[error("cannot find the address of {host}: {why}")]
    Resolve {
        /// The name.
        host: String,
        /// The resolver's error.
        why: String,
    },
    /// The program of the tunnel cannot be run.
    #[error("cannot run the tunnel-command {program}: {source}")]
    Tunnel {
        /// The program.
        program: String,
        /// The system's error.
        source: io::Error,
    },
    /// TLS failed.
    #[error(transparent)]
    Tls(#[from] tls::Error),
}

/// The addresses that did not answer, each with its error.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Vec<(String, String)>);

impl Attempts {
    /// Describes the attempts, without an address that the error names already.
    fn describe(&self, endpoint: &Endpoint) -> String {
        match &self.0[..] {
            [(address, why)] if *address == endpoint.to_string() => why.clone(),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Attempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (address, why)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{address}: {why}")?;
        }
        Ok(())
    }
}

impl Error {
    /// Returns the hint: what the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Listener { hint, .. } => Some((*hint).to_owned()),
            Self::Proxy { source, .. } => source.hint(),
            Self::Tls(source) => source.hint(),
            Self::Tunnel { source, .. } => unsafe_program(source).map(UnsafePath::hint),
            _ => None,
        }
    }

    /// Returns the exit status that the error leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Connect { .. } | Self::Interrupted(_) | Self::Resolve { .. } => Exit::Temporary,
            Self::Listener { .. } => Exit::Protocol,
            Self::Local { .. } => Exit::LocalIo,
            Self::Proxy { source, .. } => source.exit(),
            Self::Tls(error) => error.exit(),
            Self::Tunnel { .. } => Exit::Configuration,
        }
    }

    /// Returns true if a signal caused it.
    pub(crate) fn is_interrupt(&self) -> bool {
        match self {
            Self::Interrupted(_) => true,
            Self::Proxy { source, .. } => source.is_interrupt(),
            Self::Tls(error) => error.is_interrupt(),
            _ => false,
        }
    }
}

/// Connects by the configured route; `watcher` is called at each step.
///
/// # Errors
/// There is no connection: see [`Error`].
pub(crate) fn connect(
    options: &ConnectOptions,
    interrupt: &Interrupt,
    watcher: &dyn Fn(ConnectStep<'_>),
) -> Result<Socket, Error> {
    let caller = Caller {
        options,
        interrupt,
        watcher,
    };
    match &options.route {
        Route::Direct(source) => caller.call(&options.endpoint, *source),
        Route::Proxy(proxy, source) => {
            let mut socket = caller.call(&proxy.endpoint, *source)?;
            socket.begin_handshake(Instant::now() + options.connect_timeout);
            let passed = match &options.endpoint {
                Endpoint::Tcp { host, port } => proxy.pass(&mut socket, host, *port),
                Endpoint::Unix(_) => Err(io::Error::from(io::ErrorKind::Unsupported).into()),
            };
            passed.map_err(|source| Error::Proxy {
                endpoint: options.endpoint.clone(),
                proxy: proxy.endpoint.clone(),
                source,
            })?;
            socket.end_handshake();
            watcher(ConnectStep::Passed(&options.endpoint));
            Ok(socket)
        }
        Route::Tunnel(tunnel) => {
            let (fd, running) = tunnel.open().map_err(|source| Error::Tunnel {
                program: tunnel.program().to_owned(),
                source,
            })?;
            watcher(ConnectStep::Started(tunnel.program()));
            let socket = Socket::new(fd, options.timeout, interrupt.clone());
            Ok(socket.through(running))
        }
    }
}

/// Requires that the listener on this machine which a socket has reached is root's or this user's.
/// `hint` says what the user can do otherwise. Nothing may be sent before: any user can listen at a
/// free port.
///
/// # Errors
/// It belongs to another user.
pub(crate) fn require_own_listener(
    socket: &Socket,
    endpoint: &Endpoint,
    hint: &'static str,
) -> Result<(), Error> {
    match listener::find_owner(socket.as_fd()) {
        ListenerOwner::User(user) if !ListenerOwner::User(user).is_trusted() => {
            Err(Error::Listener {
                endpoint: endpoint.clone(),
                user,
                hint,
            })
        }
        _ => Ok(()),
    }
}

/// A connection with or without TLS.
#[derive(Debug)]
pub(crate) enum Stream {
    /// Without TLS.
    Plain(Socket),
    /// With TLS.
    Tls(Box<tls::TlsStream>),
}

impl Stream {
    /// Returns true if nothing has arrived, not even the end of the connection.
    pub(crate) fn is_quiet(&self) -> bool {
        match self {
            Self::Plain(socket) => socket.is_quiet(),
            Self::Tls(stream) => stream.is_quiet(),
        }
    }

    /// Sets one deadline for all that follows, in addition to the deadline for each wait.
    pub(crate) fn set_deadline(&mut self, deadline: Instant) {
        match self {
            Self::Plain(socket) => socket.set_deadline(deadline),
            Self::Tls(stream) => stream.set_deadline(deadline),
        }
    }
}

impl Paced for Stream {
    fn pace(&self) -> Pace {
        match self {
            Self::Plain(socket) => socket.pace(),
            Self::Tls(stream) => stream.pace(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(octets),
            Self::Tls(stream) => stream.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str) -> Endpoint {
        Endpoint::Tcp {
            host: host.into(),
            port: 110,
        }
    }

    #[test]
    fn loopback_is_recognised_by_its_spelling() {
        for host in ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LocalHost"] {
            assert!(tcp(host).is_loopback(), "{host}");
        }
        for host in ["localhost.example.com", "128.0.0.1", "pop.example.com", ""] {
            assert!(!tcp(host).is_loopback(), "{host}");
        }
    }

    #[test]
    fn an_ipv6_address_is_shown_in_brackets() {
        assert_eq!(tcp("::1").to_string(), "[::1]:110");
    }
}
