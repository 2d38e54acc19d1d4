//! Connections with a deadline on every wait.
//! Knows nothing of POP3.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

pub mod tls;

/// Where a server is, and how long to wait for it.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server's address.
    pub endpoint: Endpoint,
    /// How long one address may take to connect.
    pub connect_timeout: Duration,
    /// How long a wait may last without one octet moving.
    pub timeout: Duration,
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
