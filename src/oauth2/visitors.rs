//! The connections to a port that waits for a browser. All are heard at the same time, so that one that
//! sends nothing does not keep the browser out.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use crate::os::signals::{Interrupt, WaitError};

/// A port on both loopback addresses, with its connections.
#[derive(Debug)]
pub(super) struct Visitors {
    /// `localhost` may mean either address. If only one were ours, another user of this machine could
    /// listen at the other.
    listeners: Vec<TcpListener>,
    /// The connections whose request is not complete, the oldest first.
    present: VecDeque<Visitor>,
}

/// A connection, and what it has sent.
#[derive(Debug)]
struct Visitor {
    stream: TcpStream,
    request: Vec<u8>,
    until: Instant,
}

/// The state of a visitor's request.
enum Progress {
    Complete,
    Incomplete,
    /// The visitor has gone, or sends no request.
    Never,
}

impl Visitors {
    /// Opens a free port. Without IPv6 on this machine it is open on 127.0.0.1 alone.
    ///
    /// # Errors
    /// No port could be opened.
    pub(super) fn open() -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let port = first.local_addr()?.port();
            let listeners = match TcpListener::bind((Ipv6Addr::LOCALHOST, port)) {
                Ok(second) => vec![first, second],
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => continue,
                Err(_) => vec![first],
            };
            for listener in &listeners {
                listener.set_nonblocking(true)?;
            }
            return Ok(Self {
                listeners,
                present: VecDeque::new(),
            });
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    /// Returns the port.
    ///
    /// # Errors
    /// The system does not say.
    pub(super) fn port(&self) -> io::Result<u16> {
        Ok(self.listeners[0].local_addr()?.port())
    }

    /// Waits for the next complete request. Returns it and the connection for the answer.
    ///
    /// # Errors
    /// The deadline is over, or a signal came.
    pub(super) fn next(
        &mut self,
        interrupt: &Interrupt,
        deadline: Instant,
    ) -> Result<(Vec<u8>, TcpStream), WaitError> {
        loop {
            let now = Instant::now();
            self.present.retain(|visitor| visitor.until > now);
            let wake = self
                .present
                .front()
                .map_or(deadline, |visitor| visitor.until);
            let sockets = self.listeners.iter().map(AsFd::as_fd);
            let streams = self.present.iter().map(|visitor| visitor.stream.as_fd());
            let watched: Vec<_> = sockets
                .chain(streams)
                .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
                .collect();
            match interrupt.wait_for_any(&watched, wake.min(deadline), Duration::ZERO) {
                Err(WaitError::TimedOut) if Instant::now() < deadline => continue,
                waited => waited?,
            };
            self.accept();
            if let Some(complete) = self.read() {
                return Ok(complete);
            }
        }
    }

    /// Lets in some of those who wait. If there are too many, the oldest have to leave.
    fn accept(&mut self) {
        for listener in &self.listeners {
            // Few at a time, so that what a browser has sent is read before others take its place.
            for _ in 0..AT_ONCE {
                let Ok((stream, _)) = listener.accept() else {
                    break;
                };
                if stream.set_nonblocking(true).is_err() {
                    continue;
                }
                if self.present.len() >= MOST {
                    self.present.pop_front();
                }
                self.present.push_back(Visitor {
                    stream,
                    request: Vec::new(),
                    until: Instant::now() + REQUEST_TIMEOUT,
                });
            }
        }
    }

    /// Reads what has come. Returns the first complete request.
    fn read(&mut self) -> Option<(Vec<u8>, TcpStream)> {
        let mut at = 0;
        while let Some(visitor) = self.present.get_mut(at) {
            match visitor.read() {
                Progress::Incomplete => at += 1,
                Progress::Never => drop(self.present.remove(at)),
                Progress::Complete => {
                    let visitor = self.present.remove(at)?;
                    return Some((visitor.request, visitor.stream));
                }
            }
        }
        None
    }
}

impl Visitor {
    fn read(&mut self) -> Progress {
        let mut chunk = [0; 4096];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Progress::Never,
                Ok(octets) => self.request.extend_from_slice(&chunk[..octets]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Progress::Incomplete;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Progress::Never,
            }
            if self.request.windows(4).any(|end| end == b"\r\n\r\n") {
                return Progress::Complete;
            }
            if self.request.len() > LONGEST_REQUEST {
                return Progress::Never;
            }
        }
    }
}

/// The ports that are tried.
const ATTEMPTS: usize = 20;

/// The most connections at the same time. A browser opens a handful.
const MOST: usize = 64;

/// The number of connections that are let in together at each address.
const AT_ONCE: usize = 8;

/// The most time that a connection may take to send its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The most octets of a request.
const LONGEST_REQUEST: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

    fn next(visitors: &mut Visitors) -> Result<Vec<u8>, WaitError> {
        let interrupt = Interrupt::never().expect("a pair of sockets");
        let deadline = Instant::now() + Duration::from_secs(60);
        visitors
            .next(&interrupt, deadline)
            .map(|(request, _)| request)
    }

    #[test]
    fn both_loopback_addresses_are_heard() {
        let mut visitors = Visitors::open().expect("loopback has a free port");
        let port = visitors.port().expect("it has a port");
        for address in ["127.0.0.1", "::1"] {
            let mut browser = TcpStream::connect((address, port)).expect("the port is open");
            browser.write_all(REQUEST).expect("the socket has room");

            assert_eq!(next(&mut visitors), Ok(REQUEST.to_vec()), "{address}");
        }
    }

    #[test]
    fn visitors_that_send_nothing_do_not_keep_the_browser_out() {
        let mut visitors = Visitors::open().expect("loopback has a free port");
        let port = visitors.port().expect("it has a port");
        let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the port is open");
        let idle: Vec<_> = (0..2 * MOST).map(|_| connect()).collect();
        let mut browser = connect();
        browser.write_all(REQUEST).expect("the socket has room");

        assert_eq!(next(&mut visitors), Ok(REQUEST.to_vec()));
        drop(idle);
    }

    #[test]
    fn a_request_may_come_in_pieces_and_has_a_longest_length() {
        let mut visitors = Visitors::open().expect("loopback has a free port");
        let port = visitors.port().expect("it has a port");
        let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the port is open");
        let mut endless = connect();
        endless
            .write_all(&[b'x'; LONGEST_REQUEST + 1])
            .expect("the socket has room");
        let mut browser = connect();
        for piece in REQUEST.chunks(7) {
            browser.write_all(piece).expect("the socket has room");
        }

        assert_eq!(next(&mut visitors), Ok(REQUEST.to_vec()));
        assert!(visitors.present.is_empty());
    }
}
