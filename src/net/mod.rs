//! Connections with a deadline on every wait.
//! Knows nothing of POP3.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use crate::exit::Exit;
use crate::interrupt::{Broken, Interrupt};
use crate::limits;

pub mod proxy;
pub mod socket;
pub mod srv;
pub mod step;
pub mod tls;
pub mod tunnel;

pub use proxy::{Login, Protocol, Proxy};
pub use socket::Socket;
pub use step::Step;
pub use tunnel::Tunnel;

/// Where a server is, and how long to wait for it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server's address.
    pub endpoint: Endpoint,
    /// How long one address may take to connect; see also [`limits::CONNECT_TIMEOUTS`].
    pub connect_timeout: Duration,
    /// How long a wait may last without one octet moving.
    pub timeout: Duration,
    /// The way there.
    pub route: Route,
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
    #[error("cannot connect to {endpoint}: {}", attempts.told(endpoint))]
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
    fn told(&self, endpoint: &Endpoint) -> String {
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
    options: &Options,
    interrupt: &Interrupt,
    watcher: &dyn Fn(Step<'_>),
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
            watcher(Step::Passed(&options.endpoint));
            Ok(socket)
        }
        Route::Tunnel(tunnel) => {
            let (fd, running) = tunnel.open().map_err(|source| Error::Tunnel {
                program: tunnel.program().to_owned(),
                source,
            })?;
            watcher(Step::Started(tunnel.program()));
            let socket = Socket::new(fd, options.timeout, interrupt.clone());
            Ok(socket.through(running))
        }
    }
}

/// Who calls.
struct Caller<'a> {
    options: &'a Options,
    interrupt: &'a Interrupt,
    watcher: &'a dyn Fn(Step<'_>),
}

impl Caller<'_> {
    /// Calls an endpoint, trying each address of the name in the resolver's order until the time
    /// for all of them is over.
    ///
    /// They are not raced (RFC 8305): the resolver puts first what this machine has a way to (RFC
    /// 6724), nobody waits at a screen for a fetch, and a race would open a connection to every
    /// address of servers that count connections. A dead address costs its time-out, no more.
    ///
    /// # Errors
    /// The name has no address, or none of them answered within the connect time-out.
    fn call(&self, endpoint: &Endpoint, source: Option<IpAddr>) -> Result<Socket, Error> {
        let Self {
            options, interrupt, ..
        } = self;
        let mut attempts = Attempts::default();
        let addresses = addresses(endpoint, source, options, interrupt)?;
        let patience = options
            .connect_timeout
            .saturating_mul(limits::CONNECT_TIMEOUTS);
        let begun = Instant::now();
        for address in addresses {
            if begun.elapsed() >= patience {
                let why = format!("not tried, as {} s were over", patience.as_secs());
                self.note(&mut attempts, &address, why);
                continue;
            }
            let tried = Instant::now();
            match attempt(&address, source, options, interrupt) {
                Ok(socket) => {
                    (self.watcher)(Step::Answered {
                        address: &address,
                        took: tried.elapsed(),
                    });
                    return Ok(socket);
                }
                Err(Failure::Interrupted) => {
                    return Err(Error::Interrupted(endpoint.clone()));
                }
                Err(Failure::Here(errno)) => {
                    return Err(Error::Local {
                        endpoint: endpoint.clone(),
                        source: errno.into(),
                    });
                }
                Err(Failure::There(why)) => self.note(&mut attempts, &address, why),
            }
        }
        Err(Error::Connect {
            endpoint: endpoint.clone(),
            attempts,
        })
    }

    fn note(&self, attempts: &mut Attempts, address: &Address, why: String) {
        (self.watcher)(Step::Unreachable { address, why: &why });
        attempts.0.push((address.to_string(), why));
    }
}

/// One address to try.
enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// Why one address did not connect.
enum Failure {
    Here(Errno),
    Interrupted,
    There(String),
}

fn addresses(
    endpoint: &Endpoint,
    source: Option<IpAddr>,
    options: &Options,
    interrupt: &Interrupt,
) -> Result<Vec<Address>, Error> {
    let (host, port) = match endpoint {
        Endpoint::Unix(path) => return Ok(vec![Address::Unix(path.clone())]),
        Endpoint::Tcp { host, port } => (host.clone(), *port),
    };
    let unresolved = |why: String| Error::Resolve {
        host: host.clone(),
        why,
    };
    let name = host.clone();
    let deadline = Instant::now() + options.connect_timeout;
    let resolver = interrupt
        .spawn(move || (name.as_str(), port).to_socket_addrs().map(Vec::from_iter))
        .map_err(|source| Error::Local {
            endpoint: endpoint.clone(),
            source,
        })?;
    match resolver.wait(deadline, Duration::ZERO) {
        Ok(()) => {}
        Err(Broken::Interrupted) => return Err(Error::Interrupted(endpoint.clone())),
        Err(Broken::TimedOut) => return Err(unresolved(no_answer(options))),
    }
    match resolver.join() {
        Ok(addresses) if addresses.is_empty() => Err(unresolved("it has none".into())),
        Ok(addresses) => {
            let is_reachable =
                |to: &SocketAddr| source.is_none_or(|ip| ip.is_ipv4() == to.is_ipv4());
            let reachable: Vec<_> = addresses.into_iter().filter(is_reachable).collect();
            match reachable.is_empty() {
                true => Err(unresolved(
                    "it has none of the family of source-address".into(),
                )),
                false => Ok(reachable.into_iter().map(Address::Tcp).collect()),
            }
        }
        Err(error) => Err(unresolved(error.to_string())),
    }
}

fn no_answer(options: &Options) -> String {
    format!("no answer within {} s", options.connect_timeout.as_secs())
}

fn attempt(
    address: &Address,
    source: Option<IpAddr>,
    options: &Options,
    interrupt: &Interrupt,
) -> Result<Socket, Failure> {
    let there = |errno: Errno| Failure::There(io::Error::from(errno).to_string());
    let family = match address {
        Address::Tcp(SocketAddr::V4(_)) => AddressFamily::INET,
        Address::Tcp(SocketAddr::V6(_)) => AddressFamily::INET6,
        Address::Unix(_) => AddressFamily::UNIX,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = match rustix::net::socket_with(family, SocketType::STREAM, flags, None) {
        Ok(fd) => fd,
        Err(Errno::AFNOSUPPORT) => return Err(there(Errno::AFNOSUPPORT)),
        Err(errno) => return Err(Failure::Here(errno)),
    };
    if let (Some(source), Address::Tcp(_)) = (source, address) {
        // It may come back, as that of a VPN does.
        rustix::net::bind(&fd, &SocketAddr::new(source, 0)).map_err(|errno| {
            let why = io::Error::from(errno);
            Failure::There(format!("cannot use source-address {source}: {why}"))
        })?;
    }
    let begun = match address {
        Address::Tcp(address) => rustix::net::connect(&fd, address),
        Address::Unix(path) => {
            let address = SocketAddrUnix::new(path.as_path()).map_err(there)?;
            rustix::net::connect(&fd, &address)
        }
    };
    match begun {
        Ok(()) => {}
        Err(Errno::INPROGRESS) => {
            let socket = rustix::fd::AsFd::as_fd(&fd);
            let deadline = Instant::now() + options.connect_timeout;
            interrupt
                .wait(socket, PollFlags::OUT, deadline, Duration::ZERO)
                .map_err(|broken| match broken {
                    Broken::Interrupted => Failure::Interrupted,
                    Broken::TimedOut => Failure::There(no_answer(options)),
                })?;
            sockopt::socket_error(&fd).map_err(there)?.map_err(there)?;
        }
        Err(errno) => return Err(there(errno)),
    }
    if matches!(address, Address::Tcp(_)) {
        sockopt::set_tcp_nodelay(&fd, true).map_err(there)?;
        // A peer that vanished without a word is noticed even where no deadline runs.
        sockopt::set_socket_keepalive(&fd, true).map_err(there)?;
    }
    Ok(Socket::new(fd, options.timeout, interrupt.clone()))
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
