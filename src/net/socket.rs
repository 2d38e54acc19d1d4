//! One socket on which every wait has a deadline and ends when the run is asked to end.
//! Knows nothing of names, of TLS or of POP3.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};
use std::{mem, thread};

use rustix::event::PollFlags;
use rustix::io::Errno;

use crate::os::child::RunningChild;
use crate::os::signals::{GRACE, Interrupt, WaitError};

/// So many octets without a word of ours between them are a flow.
const FLOW: u64 = 256 * 1024;
/// How long a flow is left to itself once all is read that came. A server sends record by record,
/// and to be woken for each costs more than to read it.
const BREATH: Duration = Duration::from_micros(250);

/// A connected, non-blocking socket that reads and writes as if it blocked.
///
/// A wait that takes too long is an [`io::ErrorKind::TimedOut`]; one that a signal ended is told by
/// [`crate::os::signals::is_interrupt`].
#[derive(Debug)]
pub struct Socket {
    /// What carries it. It ends before the socket does, or it would complain of the broken pipe.
    tunnel: Option<RunningChild>,
    fd: OwnedFd,
    timeout: Duration,
    handshake: Option<Instant>,
    interrupt: Interrupt,
    /// How many octets came since something was written.
    flow: u64,
}

impl Socket {
    /// Takes a connected non-blocking socket, and how long it may be silent.
    pub fn new(fd: OwnedFd, timeout: Duration, interrupt: Interrupt) -> Self {
        Self {
            tunnel: None,
            fd,
            timeout,
            handshake: None,
            interrupt,
            flow: 0,
        }
    }

    /// Says which program carries it.
    pub(super) fn through(mut self, tunnel: RunningChild) -> Self {
        self.tunnel = Some(tunnel);
        self
    }

    /// Puts a handshake under one deadline as a whole, ends it at once on a signal, and makes a
    /// closed connection an error in it.
    pub fn begin_handshake(&mut self, deadline: Instant) {
        self.handshake = Some(deadline);
    }

    /// Returns to one deadline a wait.
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
        let mut may_rest = self.flow >= FLOW;
        let octets = self.retry(PollFlags::IN, |fd| {
            match rustix::io::read(fd, &mut *buffer) {
                Err(Errno::AGAIN) if mem::take(&mut may_rest) => {
                    thread::sleep(BREATH);
                    rustix::io::read(fd, &mut *buffer)
                }
                read => read,
            }
        })?;
        self.flow += octets as u64;
        if octets == 0 && self.handshake.is_some() && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(octets)
    }
}

impl Write for Socket {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.flow = 0;
        self.retry(PollFlags::OUT, |fd| rustix::io::write(fd, octets))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
