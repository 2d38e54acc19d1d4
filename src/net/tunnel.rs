//! A program whose standard input and output are the connection.
//! Knows nothing of what goes through it.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

/// A program, and what it must not know.
#[derive(Clone, Debug)]
pub struct Tunnel {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Environment variables that hold a password, of any account.
    pub hidden_variables: Vec<String>,
}

/// A tunnel that is open. Dropped, it is killed.
#[derive(Debug)]
pub struct RunningTunnel(Child);

impl Tunnel {
    /// The program's name.
    pub fn program(&self) -> &str {
        self.command.first().map_or("", String::as_str)
    }

    /// Starts the program. What it says on standard error is shown as it is: it may ask something.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(&self) -> io::Result<(OwnedFd, RunningTunnel)> {
        let (program, arguments) = self
            .command
            .split_first()
            .ok_or(io::ErrorKind::InvalidInput)?;
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::from(OwnedFd::from(theirs.try_clone()?)))
            .stdout(Stdio::from(OwnedFd::from(theirs)));
        for variable in &self.hidden_variables {
            command.env_remove(variable);
        }
        Ok((ours.into(), RunningTunnel(command.spawn()?)))
    }
}

impl Drop for RunningTunnel {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
