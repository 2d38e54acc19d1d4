//! A program whose standard input and output are the connection.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use crate::os::child::{self, ProcessGroup, RunningChild};

/// A program, and the variables that it must not see.
#[derive(Clone, Debug)]
pub(crate) struct Tunnel {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The environment variables that hold a password of any account.
    pub hidden_variables: Vec<String>,
}

impl Tunnel {
    /// Returns the program's name.
    pub(crate) fn program(&self) -> &str {
        self.command.first().map_or("", String::as_str)
    }

    /// Starts the program. Its standard error is that of mailpull, because it may ask the user
    /// something.
    ///
    /// # Errors
    /// The program cannot be started.
    pub(crate) fn open(&self) -> io::Result<(OwnedFd, RunningChild)> {
        let (program, arguments) = self
            .command
            .split_first()
            .ok_or(io::ErrorKind::InvalidInput)?;
        // A socket pair and not two pipes: one descriptor to read, write and poll, like TCP.
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = child::command(program, arguments, &self.hidden_variables);
        command
            .stdin(Stdio::from(OwnedFd::from(theirs.try_clone()?)))
            .stdout(Stdio::from(OwnedFd::from(theirs)));
        // In the process group of mailpull: a program in another group is stopped when it reads
        // from the terminal (SIGTTIN).
        let running = RunningChild::start(&mut command, ProcessGroup::Ours)?;
        Ok((ours.into(), running))
    }
}
