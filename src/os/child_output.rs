//! The output of a child process, read while the child is waited for.

use std::io;
use std::mem;
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags};
use rustix::io::{Errno, ioctl_fionbio};
use zeroize::Zeroizing;

use super::child::{ChildPipes, RunningChild};
use crate::text::ServerText;

/// The most octets of standard error that are kept.
const STDERR: usize = 8 << 10;

/// The output of a child that runs, as far as it goes into pipes.
pub(crate) struct ChildOutput {
    stdout: Pipe,
    stderr: Pipe,
}

/// The output of a child that has ended. It is wiped when dropped.
pub(crate) struct PrintedOutput {
    /// Its standard output, up to the limit.
    pub stdout: Zeroizing<Vec<u8>>,
    /// True if it was longer.
    pub is_cut: bool,
    /// The first line of its standard error.
    pub complaint: ServerText,
}

impl ChildOutput {
    /// Begins to read what a child prints, and keeps at most so many octets of its standard output.
    ///
    /// # Errors
    /// The system refuses it.
    pub(crate) fn of(child: &mut RunningChild, limit: usize) -> io::Result<Self> {
        let (stdout, stderr) = child.take_output();
        Ok(Self {
            stdout: Pipe::new(stdout.map(OwnedFd::from), limit)?,
            stderr: Pipe::new(stderr.map(OwnedFd::from), STDERR)?,
        })
    }

    /// Returns what a child that has ended printed.
    ///
    /// # Errors
    /// A pipe cannot be read.
    pub(crate) fn finish(mut self) -> io::Result<PrintedOutput> {
        for pipe in [&mut self.stdout, &mut self.stderr] {
            pipe.read_rest()?;
        }
        Ok(PrintedOutput {
            is_cut: self.stdout.has_overflowed(),
            stdout: self.stdout.take(),
            complaint: first_line(self.stderr.octets()),
        })
    }
}

impl ChildPipes for ChildOutput {
    fn awaited(&self) -> Vec<PollFd<'_>> {
        [&self.stdout, &self.stderr]
            .into_iter()
            .filter_map(|pipe| Some(PollFd::new(pipe.fd.as_ref()?, PollFlags::IN)))
            .collect()
    }

    fn transfer(&mut self) -> io::Result<()> {
        self.stdout.read()?;
        self.stderr.read()?;
        Ok(())
    }
}

/// One output stream of a command. What exceeds the limit is read and dropped: a full pipe would
/// block the command.
struct Pipe {
    fd: Option<OwnedFd>,
    /// It has its full size from the start: a vector that grows leaves copies of a password in freed
    /// memory.
    buffer: Zeroizing<Vec<u8>>,
    length: usize,
    /// The most octets that are kept.
    limit: usize,
}

impl Pipe {
    fn new(fd: Option<OwnedFd>, limit: usize) -> io::Result<Self> {
        if let Some(fd) = &fd {
            ioctl_fionbio(fd, true)?;
        }
        Ok(Self {
            fd,
            buffer: Zeroizing::new(vec![0; limit + 1]),
            length: 0,
            limit,
        })
    }

    /// Reads once without blocking. Returns true if there was something to read.
    fn read(&mut self) -> io::Result<bool> {
        let Some(fd) = &self.fd else {
            return Ok(false);
        };
        // Once the limit is reached, the last octet of the buffer takes all that follows, one octet
        // after the other.
        let start = self.length.min(self.limit);
        match rustix::io::read(fd, &mut self.buffer[start..]) {
            Ok(0) => self.fd = None,
            Ok(count) => {
                self.length = start + count;
                return Ok(true);
            }
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(false)
    }

    /// Reads what a command that has ended left in the pipe. Processes that it started may hold the
    /// pipe open, and write to it without end.
    fn read_rest(&mut self) -> io::Result<()> {
        while !self.has_overflowed() && self.read()? {}
        Ok(())
    }

    fn has_overflowed(&self) -> bool {
        self.length > self.limit
    }

    fn octets(&self) -> &[u8] {
        &self.buffer[..self.length]
    }

    fn take(&mut self) -> Zeroizing<Vec<u8>> {
        self.buffer.truncate(self.length);
        mem::take(&mut self.buffer)
    }
}

fn first_line(octets: &[u8]) -> ServerText {
    let mut lines = octets.split(|octet| matches!(octet, b'\r' | b'\n'));
    ServerText::new(lines.find(|line| !line.is_empty()).unwrap_or_default())
}
