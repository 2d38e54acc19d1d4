//! The user who listens at the other end of a connection on this machine.
//!
//! Any user can listen at a free port, so cleartext to this machine must not go to just anybody. The
//! kernel knows the owner: of the listener at a Unix socket, and of each TCP socket in /proc/net. Other
//! systems than Linux do not tell it in this way.

use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

/// The owner of a listener.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ListenerOwner {
    /// The user with this number.
    User(u32),
    /// The system does not say. That is no danger on Linux: only root can redirect a connection so
    /// that its other end is not in the tables.
    Unknown,
}

impl ListenerOwner {
    /// Returns true if the listener may be given secrets: it is root's, or the owner is this user.
    pub(super) fn is_trusted(self) -> bool {
        match self {
            Self::User(user) => user == 0 || user == rustix::process::geteuid().as_raw(),
            Self::Unknown => true,
        }
    }
}

/// Finds the owner of the listener that a connected socket has reached.
#[cfg(target_os = "linux")]
pub(super) fn find_owner(socket: BorrowedFd<'_>) -> ListenerOwner {
    use rustix::net::{getpeername, getsockname, sockopt};

    // The credentials are those of the process that called listen(2).
    if let Ok(peer) = sockopt::socket_peercred(socket)
        && sockopt::socket_domain(socket) == Ok(rustix::net::AddressFamily::UNIX)
    {
        return ListenerOwner::User(peer.uid.as_raw());
    }
    let local = getsockname(socket).ok();
    let remote = getpeername(socket).ok().flatten();
    let [ours, theirs] = [local, remote].map(|name| SocketAddr::try_from(name?).ok());
    let (Some(ours), Some(theirs)) = (ours, theirs) else {
        return ListenerOwner::Unknown;
    };
    // Each table may be missing: that of IPv6 if the kernel has none.
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(std::fs::read_to_string);
    let rows: Vec<_> = tables
        .iter()
        .flatten()
        .flat_map(|table| table.lines().filter_map(TcpSocket::read))
        .collect();
    owner_of(&rows, ours, theirs)
}

/// Finds no owner: this system does not tell it.
#[cfg(not(target_os = "linux"))]
pub(super) fn find_owner(_socket: BorrowedFd<'_>) -> ListenerOwner {
    ListenerOwner::Unknown
}

/// A row of /proc/net/tcp or tcp6.
#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only Linux has the tables")
)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct TcpSocket {
    local: SocketAddr,
    remote: SocketAddr,
    is_listener: bool,
    user: u32,
}

#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only Linux has the tables")
)]
impl TcpSocket {
    /// Reads a row; `None` for the heading, and for a connection that has ended.
    fn read(line: &str) -> Option<Self> {
        const TIME_WAIT: &str = "06";
        const LISTEN: &str = "0A";
        let mut words = line.split_ascii_whitespace().skip(1);
        let (local, remote) = (address(words.next()?)?, address(words.next()?)?);
        let state = words.next()?;
        if state == TIME_WAIT {
            return None;
        }
        // Before it come the queues, the timer and the retransmissions.
        let user = words.nth(3)?.parse().ok()?;
        Some(Self {
            local,
            remote,
            is_listener: state == LISTEN,
            user,
        })
    }
}

/// Reads `0100007F:006E`. Each group of eight digits is a number in the machine's own byte order.
#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only Linux has the tables")
)]
fn address(text: &str) -> Option<SocketAddr> {
    let (digits, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut octets = [0; 16];
    let groups = digits.as_bytes().chunks(8);
    for (group, octets) in groups.zip(octets.chunks_mut(4)) {
        let group = u32::from_str_radix(str::from_utf8(group).ok()?, 16).ok()?;
        octets.copy_from_slice(&group.to_ne_bytes());
    }
    Some(match (digits.len(), octets) {
        (8, [a, b, c, d, ..]) => SocketAddr::from(([a, b, c, d], port)),
        // An IPv4 address in a socket for IPv6 (::ffff:127.0.0.1) is the same address.
        (32, octets) => (std::net::Ipv6Addr::from(octets).to_canonical(), port).into(),
        _ => return None,
    })
}

/// Finds the owner in the tables. `ours` and `theirs` are the two ends of the connection.
#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only Linux has the tables")
)]
fn owner_of(rows: &[TcpSocket], ours: SocketAddr, theirs: SocketAddr) -> ListenerOwner {
    let mut other_ends = rows
        .iter()
        .filter(|row| !row.is_listener && row.remote == ours);
    // If there is no such connection, a firewall has led it to another port.
    let other_end = other_ends
        .clone()
        .find(|row| row.local == theirs)
        .or_else(|| other_ends.next());
    let theirs = other_end.map_or(theirs, |row| row.local);
    let at_port = |row: &&TcpSocket| row.is_listener && row.local.port() == theirs.port();
    let listeners: Vec<_> = rows.iter().filter(at_port).collect();
    // The kernel takes the listener with exactly this address before one for all addresses, and
    // one of the same family before `::`.
    let ranks: [&dyn Fn(SocketAddr) -> bool; 3] = [
        &|local| local == theirs,
        &|local| local.ip().is_unspecified() && local.is_ipv4() == theirs.is_ipv4(),
        &|local| local.ip().is_unspecified(),
    ];
    let best = ranks.iter().find_map(|fits| {
        let users = listeners
            .iter()
            .filter(|row| fits(row.local))
            .map(|row| row.user);
        // If several users share a port, any of them may have the connection.
        users.max_by_key(|user| !ListenerOwner::User(*user).is_trusted())
    });
    match (best, other_end) {
        (Some(user), _) => ListenerOwner::User(user),
        // The listener has closed, so the user of the process that accepted the connection counts. The
        // kernel shows root for a connection that nobody has accepted, but that ends with its listener.
        (None, Some(row)) => ListenerOwner::User(row.user),
        (None, None) => ListenerOwner::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(text: &str) -> SocketAddr {
        text.parse().expect(text)
    }

    /// Makes rows of "listener user" and "local remote user".
    fn rows(text: &str) -> Vec<TcpSocket> {
        let row = |line: &str| {
            let words: Vec<_> = line.split_ascii_whitespace().collect();
            let (remote, user) = match words[..] {
                [_, user] => (None, user),
                [_, remote, user] => (Some(socket(remote)), user),
                _ => panic!("{line} is no row"),
            };
            TcpSocket {
                local: socket(words[0]),
                remote: remote.unwrap_or_else(|| socket("0.0.0.0:0")),
                is_listener: remote.is_none(),
                user: user.parse().expect(user),
            }
        };
        text.split(", ")
            .filter(|line| !line.is_empty())
            .map(row)
            .collect()
    }

    #[test]
    fn a_row_of_the_table_is_read() {
        let line = "  0: 0100007F:006E 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001   \
                    0 7000390 1 00000000bfbed990 100 0 0 10 0";
        let [listener] = rows("127.0.0.1:110 1001")[..] else {
            panic!("one row");
        };
        let expected = if cfg!(target_endian = "little") {
            Some(listener)
        } else {
            None
        };
        if expected.is_some() {
            assert_eq!(TcpSocket::read(line), expected);
        }
        let heading =
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid";
        assert_eq!(TcpSocket::read(heading), None);
        assert_eq!(TcpSocket::read(&line.replace(" 0A ", " 06 ")), None);
        assert_eq!(TcpSocket::read(""), None);
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn an_ipv4_address_may_be_written_as_ipv6() {
        let mapped = "0000000000000000FFFF00000100007F:0016";
        assert_eq!(address(mapped), Some(socket("127.0.0.1:22")));
        let loopback = "00000000000000000000000001000000:0016";
        assert_eq!(address(loopback), Some(socket("[::1]:22")));
        assert_eq!(address("7F:0016"), None);
    }

    #[test]
    fn the_owner_is_that_of_the_listener_which_the_kernel_takes() {
        use ListenerOwner::{Unknown, User};
        let v4 = "127.0.0.1:110";
        for (theirs, table, owner) in [
            (v4, "", Unknown),
            (v4, "127.0.0.1:110 7", User(7)),
            (v4, "127.0.0.1:111 7, 127.0.0.2:110 8, [::1]:110 9", Unknown),
            (v4, "0.0.0.0:110 7", User(7)),
            (v4, "[::]:110 7", User(7)),
            (v4, "0.0.0.0:110 7, 127.0.0.1:110 8, [::]:110 9", User(8)),
            (v4, "[::]:110 7, 0.0.0.0:110 8", User(8)),
            ("[::1]:110", "0.0.0.0:110 7, [::]:110 8", User(8)),
            ("[::1]:110", "0.0.0.0:110 7, 127.0.0.1:110 7", User(7)),
            // Any of several may have the connection.
            (
                v4,
                "127.0.0.1:110 0, 127.0.0.1:110 7, 127.0.0.1:110 0",
                User(7),
            ),
            // The process that has accepted the connection may be another user's.
            (
                v4,
                "127.0.0.1:110 0, 127.0.0.1:110 127.0.0.1:5000 7",
                User(0),
            ),
            // The listener has closed.
            (v4, "127.0.0.1:110 127.0.0.1:5000 7", User(7)),
            (v4, "127.0.0.1:110 127.0.0.1:5001 7", Unknown),
            // Another connection comes from the same port of ours.
            (
                v4,
                "127.0.0.1:25 127.0.0.1:5000 0, 127.0.0.1:25 0, 127.0.0.1:110 127.0.0.1:5000 7",
                User(7),
            ),
            // The firewall has led the connection to another port.
            (
                v4,
                "127.0.0.1:8110 7, 127.0.0.1:8110 127.0.0.1:5000 0",
                User(7),
            ),
        ] {
            let found = owner_of(&rows(table), socket("127.0.0.1:5000"), socket(theirs));
            assert_eq!(found, owner, "{theirs}: {table}");
        }
    }

    #[test]
    fn root_and_this_user_are_trusted() {
        let us = rustix::process::geteuid().as_raw();
        for (owner, is_trusted) in [
            (ListenerOwner::User(0), true),
            (ListenerOwner::User(us), true),
            (ListenerOwner::User(us + 1), us + 1 == 0),
            (ListenerOwner::Unknown, true),
        ] {
            assert_eq!(owner.is_trusted(), is_trusted, "{owner:?}");
        }
    }
}
