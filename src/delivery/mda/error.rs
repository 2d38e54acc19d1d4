//! The reasons why an MDA cannot be used, or did not take a message.

use std::fmt;
use std::io;
#[cfg(not(all(feature = "simulation", not(test))))]
use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use crate::exit::Exit;
use crate::os::child::Ending;
#[cfg(not(all(feature = "simulation", not(test))))]
use crate::os::sys::File;
#[cfg(not(all(feature = "simulation", not(test))))]
use crate::text::SHOWN_OCTETS;
use crate::text::ServerText;

/// sysexits(3): a temporary failure.
const EX_TEMPFAIL: i32 = 75;

/// The reason why an MDA cannot be used, or did not take a message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It ended before it had read the message.
    #[error("{0} ended with status 0, but did not read the whole message")]
    IgnoredInput(String),
    /// It was stopped because a signal ends the run.
    #[error("{0} was stopped, because the run was interrupted")]
    Interrupted(String),
    /// It is not there, or not executable.
    #[error("cannot run {0}: there is no such program, or it is not executable")]
    NoProgram(String),
    /// The message could not be read from the spool to its end.
    #[error("cannot read a message from the spool for {program}: {source}")]
    NotFed {
        /// The program.
        program: String,
        /// The system's error.
        source: io::Error,
    },
    /// It cannot be started.
    #[error("cannot run {program}: {source}")]
    NotRunnable {
        /// The program.
        program: String,
        /// The system's error.
        source: io::Error,
    },
    /// It ended with another status than 0.
    #[error("{program} {status}{output}")]
    Refused {
        /// The program.
        program: String,
        /// Its exit status, or the signal that ended it.
        status: Ending,
        /// The first line of its standard error.
        output: StderrLine,
    },
    /// It would run as root.
    #[error("{0} would run as root, on input that a stranger wrote")]
    Root(String),
    /// It took too long.
    #[error("{program} did not end within {} s", timeout.as_secs())]
    TimedOut {
        /// The program.
        program: String,
        /// The time that it had.
        timeout: Duration,
    },
}

impl Error {
    /// Returns what the user can do about it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::IgnoredInput(_) => {
                Some("If the program need not read the message, set mda-may-ignore-input = true")
            }
            Self::NoProgram(_) => Some("Check the spelling, or name it by its full path"),
            Self::Root(_) => {
                Some("Run mailpull as the user whose mail it is, or set mda-allow-root = true")
            }
            Self::TimedOut { .. } => Some("If it needs more time, set mda-timeout"),
            Self::Interrupted(_)
            | Self::NotFed { .. }
            | Self::NotRunnable { .. }
            | Self::Refused { .. } => None,
        }
    }

    /// Returns its text without what the program printed, which may differ for each message.
    pub(crate) fn kind(&self) -> String {
        match self {
            Self::Refused {
                program, status, ..
            } => format!("{program} {status}"),
            _ => self.to_string(),
        }
    }

    /// Returns the exit status that it leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::IgnoredInput(_) | Self::NotFed { .. } => Exit::LocalIo,
            Self::Interrupted(_) | Self::TimedOut { .. } => Exit::Temporary,
            Self::NoProgram(_) | Self::NotRunnable { .. } | Self::Root(_) => Exit::Configuration,
            Self::Refused { status, .. } if status.0.code() == Some(EX_TEMPFAIL) => Exit::Temporary,
            Self::Refused { .. } => Exit::LocalIo,
        }
    }

    /// Returns true if the program was stopped at its work, so that nobody knows if it had
    /// delivered the message by then.
    pub(super) fn is_in_doubt(&self) -> bool {
        matches!(
            self,
            Self::Interrupted(_) | Self::NotFed { .. } | Self::TimedOut { .. }
        )
    }
}

/// The first line that a program printed on standard error.
#[derive(Debug, Default)]
pub(crate) struct StderrLine(pub(super) ServerText);

impl StderrLine {
    /// Reads the first line of a file.
    #[cfg(not(all(feature = "simulation", not(test))))]
    pub(in crate::delivery) fn first_of(mut file: &File) -> Self {
        let mut octets = vec![0; SHOWN_OCTETS + 1];
        let read = file
            .seek(SeekFrom::Start(0))
            .and_then(|_| file.read(&mut octets))
            .unwrap_or(0);
        let line = octets[..read]
            .split(|&octet| octet == b'\n')
            .find(|line| !line.is_empty());
        Self(line.map_or_else(ServerText::default, ServerText::new))
    }
}

impl fmt::Display for StderrLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(f, " and said: {}", self.0)
    }
}
