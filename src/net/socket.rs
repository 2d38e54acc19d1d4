//! A socket on which every wait has a deadline and ends if the run should end.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};
use std::{mem, thread};

use rustix::event::PollFlags;
use rustix::io::Errno;

use crate::os::child::RunningChild;
use crate::os::signals::{GRACE, Interrupt, WaitError};

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
    handshake: Option<Instant>,
    interrupt: Interrupt,
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
            handshake: None,
            interrupt,
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
        self.handshake = Some(deadline);
    }

    /// Returns to one deadline for each wait.
    pub(crate) fn end_handshake(&mut self) {
        self.handshake = None;
    }

    fn wait(&self, ready: PollFlags) -> io::Result<()> {
        let silence_ends = Instant::now() + self.timeout;
        let (deadline, grace) = match self.handshake {
            Some(deadline) => (deadline.min(silence_ends), Duration::ZERO),
            // After a signal, the session may still finish what it has begun, within the grace.
            None => (silence_ends, GRACE),
        };
        self.interrupt
            .wait(self.fd.as_fd(), ready, deadline, grace)
            .map_err(|error| match error {
                WaitError::Interrupted => io::Error::other(error),
                WaitError::TimedOut => io::ErrorKind::TimedOut.into(),
            })
    }

    fn retry<T>(
        &self,
        ready: PollFlags,
        mut attempt: impl FnMut(&OwnedFd) -> Result<T, Errno>,
    ) -> io::Result<T> {
        loop {
            match attempt(&self.fd) {
                Ok(done) => return Ok(done),
                Err(Errno::AGAIN) => self.wait(ready)?,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
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
        // A connection that is closed in a handshake is a temporary problem. If OpenSSL saw the end
        // of file, its error would count as a fault of the protocol.
        if octets == 0 && self.handshake.is_some() && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(octets)
    }
}

impl Write for Socket {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.received = 0;
        self.retry(PollFlags::OUT, |fd| rustix::io::write(fd, octets))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
