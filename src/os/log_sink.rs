//! A file, or the system log, to which lines are added.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process;
use std::sync::{Mutex, PoisonError};

/// The socket of the system log.
const SYSLOG: &str = "/dev/log";
/// The facility "mail" (syslog(3)), to which the severity is added.
const FACILITY: u8 = 2 << 3;

/// The severity of a line, with its number in syslog(3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Severity {
    /// An error.
    Error = 3,
    /// A warning.
    Warning = 4,
    /// Information.
    Information = 6,
}

/// A place for lines.
#[derive(Debug)]
pub(crate) enum LogSink {
    /// The system log.
    Syslog(UnixDatagram),
    /// A file. Each line is one write, so that lines of several processes do not mix.
    File(Mutex<File>),
}

impl LogSink {
    /// Opens a file to which lines are added, or makes it, for its owner only. Without a path it is the
    /// system log.
    ///
    /// # Errors
    /// The file cannot be opened or made, or there is no system log.
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        let Some(path) = path else {
            let socket = UnixDatagram::unbound()?;
            socket.connect(Path::new(SYSLOG))?;
            // A system log that hangs must hold up no mail.
            socket.set_nonblocking(true)?;
            return Ok(Self::Syslog(socket));
        };
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).mode(0o600).open(path)?;
        Ok(Self::File(Mutex::new(file)))
    }

    /// Adds a line. In a file, `time` comes first; the system log has its own.
    ///
    /// # Errors
    /// The line is lost.
    pub(crate) fn add(&self, severity: Severity, time: &str, line: &str) -> io::Result<()> {
        match self {
            Self::Syslog(socket) => {
                let priority = FACILITY | severity as u8;
                let line = format!("<{priority}>mailpull[{}]: {line}", process::id());
                socket.send(line.as_bytes()).map(drop)
            }
            Self::File(file) => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.write_all(format!("{time} {line}\n").as_bytes())
            }
        }
    }
}
