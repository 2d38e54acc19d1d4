//! A pipe through which a program reads one message.
//! Does not know what the program is, or when to give it up.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::process::Stdio;

use rustix::event::{PollFd, PollFlags};
use rustix::io::{ioctl_fionbio, ioctl_fionread};
use rustix::pipe::fcntl_setpipe_size;

use crate::os::child::ChildPipes;

/// What a pipe holds unasked, in octets.
const USUAL: u64 = 64 * 1024;
/// What Linux lets it hold for anybody who asks.
const LARGEST: usize = 1024 * 1024;

/// A message on its way into a program.
///
/// A pipe and not the file: a program that opens /dev/stdin gets the same pipe, but another place
/// in the file, so that nobody could tell how far it read.
#[derive(Debug)]
pub(super) struct Feed {
    message: File,
    /// Kept open, so that what the program leaves can be counted and no write fails.
    reader: PipeReader,
    /// Until all is written.
    writer: Option<PipeWriter>,
    chunk: Vec<u8>,
}

impl Feed {
    /// Makes a pipe for a message of so many octets and writes what fits into it: most messages are
    /// whole in the pipe before the program starts, whatever becomes of us.
    ///
    /// # Errors
    /// The system refuses descriptors, or the message cannot be read.
    pub(super) fn new(message: File, octets: u64) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        if octets > USUAL {
            // With less room it takes more turns.
            let _ = fcntl_setpipe_size(&writer, LARGEST);
        }
        ioctl_fionbio(&writer, true)?;
        let mut feed = Self {
            message,
            reader,
            writer: Some(writer),
            chunk: Vec::new(),
        };
        feed.transfer()?;
        Ok(feed)
    }

    /// What the program gets as its standard input.
    ///
    /// # Errors
    /// The system refuses a descriptor.
    pub(super) fn stdin(&self) -> io::Result<Stdio> {
        self.reader.try_clone().map(Stdio::from)
    }

    /// Whether the program has read all there is.
    pub(super) fn was_read(&self) -> bool {
        self.writer.is_none() && ioctl_fionread(&self.reader).is_ok_and(|left| left == 0)
    }
}

impl ChildPipes for Feed {
    fn awaited(&self) -> Vec<PollFd<'_>> {
        let open = self.writer.iter();
        open.map(|writer| PollFd::new(writer, PollFlags::OUT))
            .collect()
    }

    /// Writes what there is room for, and closes the pipe after the last octet.
    ///
    /// # Errors
    /// The message cannot be read; the pipe stays open, as its end would look like that of the
    /// message.
    fn transfer(&mut self) -> io::Result<()> {
        while let Some(writer) = &mut self.writer {
            if self.chunk.is_empty() {
                (&self.message).take(USUAL).read_to_end(&mut self.chunk)?;
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
