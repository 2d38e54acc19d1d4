//! Connections with a deadline on every wait.
//! Knows nothing of POP3.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::exit::Exit;
use crate::os::signals::Interrupt;

mod call;
pub(crate) mod proxy;
pub(crate) mod socket;
pub mod srv;
pub(crate) mod step;
pub(crate) mod tls;
pub(crate) mod tunnel;

use call::Caller;
pub use proxy::{Protocol, Proxy, ProxyLogin};
pub use socket::Socket;
pub use step::ConnectStep;
pub use tunnel::Tunnel;

/// Where a server is, and how long to wait for it.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// The server's address.
    pub endpoint: Endpoint,
    /// How long one address may take to connect; see also [`crate::limits::CONNECT_TIMEOUTS`].
    pub connect_timeout: Duration,
    /// How long a wait may last without one octet moving.
    pub timeout: Duration,
    /// The way there.
    pub route: Route,
}

impl ConnectOptions {
    /// Whether nothing leaves this machine, judged by what is written: a proxy or a program may
    /// carry it anywhere, whatever the server is called.
    pub fn stays_here(&self) -> bool {
        self.endpoint.is_loopback() && matches!(self.route, Route::Direct(_))
    }
}

/// The way to a server.
#[derive(Clone, Debug)]
pub enum Route {
    /// Straight, from this address of ours if one is named.
    Direct(Option<IpAddr>),
    /// Through a proxy, which resolves the name; from this address of ours if one is named.
    Proxy(Proxy, Option<IpAddr>),
    /// Through a program's standard input and output.
    Tunnel(Tunnel),
}

/// A server's address as the user spelt it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Endpoint {
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
    /// Whether it cannot leave this machine, judged by its spelling alone: resolving a name would
    /// let whoever answers decide.
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp { host, .. } => {
                host.eq_ignore_ascii_case("localhost")
                    || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
            }
        }
    }

    /// The name that the server's certificate must have.
    pub fn host(&self) -> &str {
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

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No address answered; each with its reason.
    #[error("cannot connect to {endpoint}: {}", attempts.describe(endpoint))]
    Connect {
        /// Where to.
        endpoint: Endpoint,
        /// The addresses tried, and what each said.
        attempts: Attempts,
    },
    /// A signal came.
    #[error("interrupted while connecting to {0}")]
    Interrupted(Endpoint),
    /// The system refused something that has nothing to do with the server.
    #[error("cannot open a connection to {endpoint}: {source}")]
    Local {
        /// Where to.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
    /// The proxy did not pass us on.
    #[error("cannot reach {endpoint} through the proxy {proxy}: {source}")]
    Proxy {
        /// The server.
        endpoint: Endpoint,
        /// The proxy.
        proxy: Endpoint,
        /// Why.
        source: proxy::Error,
    },
    /// The name has no address, or nobody could say so.
    #[error("cannot find the address of {host}: {why}")]
    Resolve {
        /// The name.
        host: String,
        /// What the resolver said.
        why: String,
    },
    /// The program that is the way cannot be run.
    #[error("cannot run the tunnel-command {program}: {source}")]
    Tunnel {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// TLS failed.
    #[error(transparent)]
    Tls(#[from] tls::Error),
}

/// Addresses that did not answer, each with its reason.
#[derive(Debug, Default)]
pub struct Attempts(Vec<(String, String)>);

impl Attempts {
    /// What they said, without repeating an address that the user spelt.
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
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Proxy { source, .. } => source.hint(),
            Self::Tls(source) => source.hint(),
            _ => None,
        }
    }

    /// The exit status that it leads to.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Connect { .. } | Self::Interrupted(_) | Self::Resolve { .. } => Exit::Temporary,
            Self::Local { .. } => Exit::LocalIo,
            Self::Proxy { source, .. } => source.exit(),
            Self::Tls(error) => error.exit(),
            Self::Tunnel { .. } => Exit::Configuration,
        }
    }

    /// Whether a signal caused it.
    pub fn is_interrupt(&self) -> bool {
        match self {
            Self::Interrupted(_) => true,
            Self::Proxy { source, .. } => source.is_interrupt(),
            Self::Tls(error) => error.is_interrupt(),
            _ => false,
        }
    }
}

/// Connects by the route, and tells `watcher` how that goes.
///
/// # Errors
/// As the parts of the way have them.
pub fn connect(
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

/// A connection with or without TLS.
#[derive(Debug)]
pub enum Stream {
    /// Without.
    Plain(Socket),
    /// With.
    Tls(Box<tls::TlsStream>),
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
    fn loopback_is_told_by_spelling() {
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
