//! A socket on which every wait has a deadline and ends if the run should end.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};
use std::{mem, thread};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::os::child::RunningChild;
use crate::os::signals::{GRACE, Interrupt, WaitError};
use crate::pace::{Pace, Paced, TooSlow, Traffic};

/// A server that has sent this many octets since our last write is sending a long answer.
const LONG_ANSWER: u64 = 256 * 1024;
/// The pause in a long answer after everything that has come is read, so that more can collect in
/// the kernel. A server sends record by record, and waking up for each costs more than reading it.
const COLLECT: Duration = Duration::from_micros(250);

/// A connected, non-blocking socket that reads and writes as if it blocked.
///
/// A wait that takes too long is an [`io::ErrorKind::TimedOut`];
/// [`crate::os::signals::is_interrupt`] recognises one that a signal ended.
#[derive(Debug)]
pub(crate) struct Socket {
    /// The tunnel program at the other end. This field is dropped before `fd`: if the socket were
    /// closed first, the program could complain about a broken pipe on standard error.
    tunnel: Option<RunningChild>,
    fd: OwnedFd,
    timeout: Duration,
    /// The time at which every read and write fails.
    deadline: Option<Instant>,
    is_in_handshake: bool,
    interrupt: Interrupt,
    pace: Pace,
    /// The number of octets received since something was sent.
    received: u64,
}

impl Socket {
    /// Takes a connected non-blocking socket. `timeout` is the most time that it may be silent.
    pub(crate) fn new(fd: OwnedFd, timeout: Duration, interrupt: Interrupt) -> Self {
        Self {
            tunnel: None,
            fd,
            timeout,
            deadline: None,
            is_in_handshake: false,
            interrupt,
            pace: Pace::default(),
            received: 0,
        }
    }

    /// Sets the program that carries it.
    pub(super) fn through(mut self, tunnel: RunningChild) -> Self {
        self.tunnel = Some(tunnel);
        self
    }

    /// Sets one deadline for a whole handshake. In it, a signal ends a wait at once, and a closed
    /// connection is an error.
    pub(crate) fn begin_handshake(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
        self.is_in_handshake = true;
    }

    /// Returns to one deadline for each wait.
    pub(crate) fn end_handshake(&mut self) {
        self.deadline = None;
        self.is_in_handshake = false;
    }

    /// Returns true if nothing has arrived, not even the end of the connection.
    pub(super) fn is_quiet(&self) -> bool {
        let now = Timespec::default();
        let mut arrived = [PollFd::new(&self.fd, PollFlags::IN)];
        poll(&mut arrived, Some(&now)) == Ok(0)
    }

    /// Sets one deadline for all that follows, in addition to the deadline for each wait.
    pub(super) fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = Some(deadline);
    }

    /// Returns the time for what has begun after a signal.
    fn grace(&self) -> Duration {
        if self.is_in_handshake {
            Duration::ZERO
        } else {
            GRACE
        }
    }

    /// Fails if no more may be read or written. A peer that always has octets ready must not escape
    /// the deadline because nothing waits for it.
    fn check_time(&self) -> io::Result<()> {
        if self.interrupt.is_over(self.grace()) {
            return Err(io::Error::other(WaitError::Interrupted));
        }
        if self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }

    fn wait(&self, ready: PollFlags) -> io::Result<()> {
        let now = Instant::now();
        let silence_ends = now + self.pace.longest_silence(self.timeout);
        let session_ends = now + self.pace.time_left();
        let deadline = silence_ends
            .min(session_ends)
            .min(self.deadline.unwrap_or(silence_ends));
        self.interrupt
            .wait(self.fd.as_fd(), ready, deadline, self.grace())
            .map_err(|error| match error {
                WaitError::Interrupted => io::Error::other(error),
                WaitError::TimedOut if deadline == session_ends => TooSlow::Session.into(),
                WaitError::TimedOut => io::ErrorKind::TimedOut.into(),
            })
    }

    fn retry<T>(
        &self,
        ready: PollFlags,
        mut attempt: impl FnMut(&OwnedFd) -> Result<T, Errno>,
    ) -> io::Result<T> {
        loop {
            self.check_time()?;
            match attempt(&self.fd) {
                Ok(done) => return Ok(done),
                Err(Errno::AGAIN) => self.wait(ready)?,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Paced for Socket {
    fn pace(&self) -> Pace {
        self.pace.clone()
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let begun = Instant::now();
        let mut may_collect = self.received >= LONG_ANSWER;
        let octets = self.retry(PollFlags::IN, |fd| {
            match rustix::io::read(fd, &mut *buffer) {
                Err(Errno::AGAIN) if mem::take(&mut may_collect) => {
                    thread::sleep(COLLECT);
                    rustix::io::read(fd, &mut *buffer)
                }
                read => read,
            }
        })?;
        self.received += octets as u64;
        self.pace
            .count(Traffic::Received, begun.elapsed(), octets)?;
        // A connection that is closed in a handshake is a temporary problem. If OpenSSL saw the end
        // of file, its error would count as a fault of the protocol.
        if octets == 0 && self.is_in_handshake && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(octets)
    }
}

impl Write for Socket {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.received = 0;
        let begun = Instant::now();
        let sent = self.retry(PollFlags::OUT, |fd| rustix::io::write(fd, octets))?;
        self.pace.count(Traffic::Sent, begun.elapsed(), sent)?;
        Ok(sent)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::limits;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Returns a socket and its other end.
    fn socket() -> (Socket, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        ours.set_nonblocking(true).expect("a socket can be set up");
        let interrupt = Interrupt::never().expect("a pair of sockets");
        (Socket::new(ours.into(), MINUTE, interrupt), theirs)
    }

    #[test]
    fn a_socket_is_quiet_until_something_arrives() {
        let (socket, mut peer) = socket();
        assert!(socket.is_quiet());
        peer.write_all(b"4").expect("the socket is open");
        assert!(!socket.is_quiet());
        let (socket, peer) = self::socket();
        drop(peer);
        assert!(!socket.is_quiet());
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(5)
    }

    #[test]
    fn a_deadline_holds_although_octets_are_always_ready() {
        let (mut socket, mut peer) = socket();
        let flood = thread::spawn(move || while peer.write_all(&[0; 4096]).is_ok() {});
        socket.set_deadline(soon());
        let error = loop {
            if let Err(error) = socket.read(&mut [0; 64]) {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(socket);
        flood.join().expect("the peer only writes");
    }

    #[test]
    fn a_peer_that_reads_nothing_cannot_exceed_a_deadline() {
        let (mut socket, _peer) = socket();
        socket.set_deadline(soon());
        let error = socket.write_all(&vec![0; 1 << 24]);
        assert_eq!(
            error.map_err(|error| error.kind()),
            Err(io::ErrorKind::TimedOut)
        );
    }

    #[test]
    fn a_wait_for_what_decides_nothing_is_short() {
        let (mut socket, _peer) = socket();
        socket.pace.limit_silence(Some(Duration::from_millis(5)));
        let error = socket.read(&mut [0]).expect_err("nothing was sent");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn a_wait_ends_when_the_session_is_too_old() {
        let (mut socket, _peer) = socket();
        let almost = limits::SESSION_TIME - Duration::from_millis(5);
        let counted = socket.pace.count(Traffic::Received, almost, 0);
        assert_eq!(counted, Ok(()));
        let error = socket.read(&mut [0]).expect_err("nothing was sent");
        assert_eq!(TooSlow::of(&error), Some(TooSlow::Session));
    }
}
