//! The standard input of an MDA: a pipe through which it reads one message.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::process::Stdio;

use rustix::event::{PollFd, PollFlags};
use rustix::io::{ioctl_fionbio, ioctl_fionread};
use rustix::pipe::fcntl_setpipe_size;

use crate::os::child::ChildPipes;
use crate::os::sys::File;

/// The octets that a pipe of Linux has room for unless it is asked for more (pipe(7)).
const USUAL_ROOM: u64 = 64 * 1024;
/// The most octets that an unprivileged process can ask room for (/proc/sys/fs/pipe-max-size).
const MOST_ROOM: usize = 1024 * 1024;

/// A message on its way into a program.
///
/// It is a pipe and not the file itself. A program that opens /dev/stdin anew opens the same pipe,
/// but a second description of a file, with an offset of its own: then nobody could say how far the
/// program has read.
#[derive(Debug)]
pub(super) struct StdinPipe {
    message: File,
    /// Kept open for two reasons: the octets that the program did not read can be counted, and a
    /// write after the program has closed its end does not fail (EPIPE).
    reader: PipeReader,
    /// `None` once the whole message is written.
    writer: Option<PipeWriter>,
    chunk: Vec<u8>,
}

impl StdinPipe {
    /// Makes a pipe for a message of this length, and writes as much as there is room for. Most
    /// messages are in the pipe as a whole before the program starts: the program gets all of such
    /// a message even if we are killed.
    ///
    /// # Errors
    /// The system refuses descriptors, or the message cannot be read.
    pub(super) fn new(message: File, octets: u64) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        if octets > USUAL_ROOM {
            // A user with many large pipes is refused. Then the message takes more writes.
            let _ = fcntl_setpipe_size(&writer, MOST_ROOM);
        }
        ioctl_fionbio(&writer, true)?;
        let mut pipe = Self {
            message,
            reader,
            writer: Some(writer),
            chunk: Vec::new(),
        };
        pipe.transfer()?;
        Ok(pipe)
    }

    /// Returns the end of the pipe that the program reads.
    ///
    /// # Errors
    /// The system refuses a descriptor.
    pub(super) fn read_end(&self) -> io::Result<Stdio> {
        self.reader.try_clone().map(Stdio::from)
    }

    /// Returns true if the program has read the whole message.
    pub(super) fn was_read(&self) -> bool {
        self.writer.is_none() && ioctl_fionread(&self.reader).is_ok_and(|left| left == 0)
    }
}

impl ChildPipes for StdinPipe {
    fn awaited(&self) -> Vec<PollFd<'_>> {
        let open = self.writer.iter();
        open.map(|writer| PollFd::new(writer, PollFlags::OUT))
            .collect()
    }

    /// Writes as much as there is room for, and closes the pipe after the last octet.
    ///
    /// # Errors
    /// The message cannot be read. The pipe stays open: the program would take its end for the end
    /// of the message.
    fn transfer(&mut self) -> io::Result<()> {
        while let Some(writer) = &mut self.writer {
            if self.chunk.is_empty() {
                (&self.message)
                    .take(USUAL_ROOM)
                    .read_to_end(&mut self.chunk)?;
            }
            if self.chunk.is_empty() {
                self.writer = None;
                break;
            }
            match writer.write(&self.chunk) {
                Ok(count) => drop(self.chunk.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
