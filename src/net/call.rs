//! Connects to one endpoint: resolves its name and tries its addresses one after the other.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use super::{Attempts, ConnectOptions, ConnectStep, Endpoint, Error, Socket};
use crate::limits;
use crate::os::signals::{Interrupt, WaitError};
use crate::os::thread::Task;

/// The parameters of a connection.
pub(super) struct Caller<'a> {
    pub(super) options: &'a ConnectOptions,
    pub(super) interrupt: &'a Interrupt,
    pub(super) watcher: &'a dyn Fn(ConnectStep<'_>),
}

impl Caller<'_> {
    /// Connects to an endpoint. Tries each address of the name in the resolver's order, until the
    /// time for all of them is over.
    ///
    /// The addresses are not raced (RFC 8305). The resolver puts first the addresses to which this
    /// machine has a route (RFC 6724), nobody waits at a screen for a fetch, and a race would open
    /// several connections to servers that count them. A dead address costs no more than its
    /// timeout.
    ///
    /// # Errors
    /// The name has no address, or no address answered in time.
    pub(super) fn call(
        &self,
        endpoint: &Endpoint,
        source: Option<IpAddr>,
    ) -> Result<Socket, Error> {
        let Self {
            options, interrupt, ..
        } = self;
        let mut attempts = Attempts::default();
        let addresses = addresses(endpoint, source, options, interrupt)?;
        let time = options
            .connect_timeout
            .saturating_mul(limits::CONNECT_TIMEOUTS);
        let begun = Instant::now();
        for address in addresses {
            if begun.elapsed() >= time {
                let why = format!("not tried: {} s were over", time.as_secs());
                self.note(&mut attempts, &address, why);
                continue;
            }
            let tried = Instant::now();
            match attempt(&address, source, options, interrupt) {
                Ok(socket) => {
                    (self.watcher)(ConnectStep::Answered {
                        address: &address,
                        took: tried.elapsed(),
                    });
                    return Ok(socket);
                }
                Err(AttemptError::Interrupted) => {
                    return Err(Error::Interrupted(endpoint.clone()));
                }
                Err(AttemptError::Local(errno)) => {
                    return Err(Error::Local {
                        endpoint: endpoint.clone(),
                        source: errno.into(),
                    });
                }
                Err(AttemptError::Remote(why)) => self.note(&mut attempts, &address, why),
            }
        }
        Err(Error::Connect {
            endpoint: endpoint.clone(),
            attempts,
        })
    }

    fn note(&self, attempts: &mut Attempts, address: &Address, why: String) {
        (self.watcher)(ConnectStep::Unreachable { address, why: &why });
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

/// The reason why one address did not connect.
enum AttemptError {
    /// This machine refuses: other addresses would fail, too.
    Local(Errno),
    Interrupted,
    /// The address does not answer, or cannot be reached.
    Remote(String),
}

fn addresses(
    endpoint: &Endpoint,
    source: Option<IpAddr>,
    options: &ConnectOptions,
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
    let resolver = Task::start(interrupt, move || {
        (name.as_str(), port).to_socket_addrs().map(Vec::from_iter)
    })
    .map_err(|source| Error::Local {
        endpoint: endpoint.clone(),
        source,
    })?;
    let resolved = match resolver.wait(deadline, Duration::ZERO) {
        Ok(resolved) => resolved,
        Err(WaitError::Interrupted) => return Err(Error::Interrupted(endpoint.clone())),
        Err(WaitError::TimedOut) => return Err(unresolved(no_answer(options))),
    };
    match resolved {
        Ok(addresses) if addresses.is_empty() => Err(unresolved("the name has no address".into())),
        Ok(addresses) => {
            let is_reachable =
                |to: &SocketAddr| source.is_none_or(|ip| ip.is_ipv4() == to.is_ipv4());
            let reachable: Vec<_> = addresses.into_iter().filter(is_reachable).collect();
            if reachable.is_empty() {
                let why = "no address is of the same family as source-address";
                return Err(unresolved(why.into()));
            }
            Ok(reachable.into_iter().map(Address::Tcp).collect())
        }
        Err(error) => Err(unresolved(error.to_string())),
    }
}

fn no_answer(options: &ConnectOptions) -> String {
    format!("no answer within {} s", options.connect_timeout.as_secs())
}

fn attempt(
    address: &Address,
    source: Option<IpAddr>,
    options: &ConnectOptions,
    interrupt: &Interrupt,
) -> Result<Socket, AttemptError> {
    let remote = |errno: Errno| AttemptError::Remote(io::Error::from(errno).to_string());
    let family = match address {
        Address::Tcp(SocketAddr::V4(_)) => AddressFamily::INET,
        Address::Tcp(SocketAddr::V6(_)) => AddressFamily::INET6,
        Address::Unix(_) => AddressFamily::UNIX,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let fd = match rustix::net::socket_with(family, SocketType::STREAM, flags, None) {
        Ok(fd) => fd,
        // A kernel without IPv6: the IPv4 addresses of the name may still connect.
        Err(Errno::AFNOSUPPORT) => return Err(remote(Errno::AFNOSUPPORT)),
        Err(errno) => return Err(AttemptError::Local(errno)),
    };
    if let (Some(source), Address::Tcp(_)) = (source, address) {
        // The address may come back, such as that of a VPN, so this is a temporary failure.
        rustix::net::bind(&fd, &SocketAddr::new(source, 0)).map_err(|errno| {
            let why = io::Error::from(errno);
            AttemptError::Remote(format!("cannot use source-address {source}: {why}"))
        })?;
    }
    let begun = match address {
        Address::Tcp(address) => rustix::net::connect(&fd, address),
        Address::Unix(path) => {
            let address = SocketAddrUnix::new(path.as_path()).map_err(remote)?;
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
                .map_err(|error| match error {
                    WaitError::Interrupted => AttemptError::Interrupted,
                    WaitError::TimedOut => AttemptError::Remote(no_answer(options)),
                })?;
            sockopt::socket_error(&fd)
                .map_err(remote)?
                .map_err(remote)?;
        }
        Err(errno) => return Err(remote(errno)),
    }
    if matches!(address, Address::Tcp(_)) {
        // POP3 is many small commands. Nagle's algorithm would hold each back until the server has
        // acknowledged the one before.
        sockopt::set_tcp_nodelay(&fd, true).map_err(remote)?;
        // Detects a server that vanished, also while nothing waits for it with a deadline.
        sockopt::set_socket_keepalive(&fd, true).map_err(remote)?;
    }
    Ok(Socket::new(fd, options.timeout, interrupt.clone()))
}
