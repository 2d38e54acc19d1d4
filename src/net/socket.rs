//! A socket on which every wait has a deadline and ends if the run should end.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};
use std::{mem, thread};

use rustix::event::PollFlags;
use rustix::io::Errno;

use crate::os::child::RunningChild;
use crate::os::signals::{GRACE, Interrupt, WaitError};

/// After this many octets without one sent in between, the server is sending a long answer.
const LONG_ANSWER: u64 = 256 * 1024;
/// The time that a long answer may collect in the kernel once everything received is read. A
/// server sends it record by record, and waking up for each costs more than reading it.
const COLLECT: Duration = Duration::from_micros(250);

/// A connected, non-blocking socket that reads and writes as if it blocked.
///
/// A wait that takes too long is an [`io::ErrorKind::TimedOut`];
/// [`crate::os::signals::is_interrupt`] recognises one that a signal ended.
#[derive(Debug)]
pub struct Socket {
    /// The program that carries it. It is dropped before the socket; otherwise it would complain
    /// about a broken pipe.
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
    pub fn new(fd: OwnedFd, timeout: Duration, interrupt: Interrupt) -> Self {
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
    pub fn begin_handshake(&mut self, deadline: Instant) {
        self.handshake = Some(deadline);
    }

    /// Returns to one deadline for each wait.
    pub fn end_handshake(&mut self) {
        self.handshake = None;
    }

    fn wait(&self, ready: PollFlags) -> io::Result<()> {
        let silent = Instant::now() + self.timeout;
        let (deadline, grace) = match self.handshake {
            Some(deadline) => (deadline.min(silent), Duration::ZERO),
            None => (silent, GRACE),
        };
        self.interrupt
            .wait(self.fd.as_fd(), ready, deadline, grace)
            .map_err(|broken| match broken {
                WaitError::Interrupted => io::Error::other(broken),
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
