//! Why there is no password, in one line that never shows any of it.
//! Does not know how it was looked for.

use std::io;

use crate::exit::Exit;
use crate::private::Exposed;
use crate::secret::Unusable;
use crate::text::ServerText;

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command said no.
    #[error("password-command {how}{}", complaint(.stderr))]
    Command {
        /// How it ended.
        how: String,
        /// The first line of its standard error.
        stderr: ServerText,
    },
    /// The command cannot be run or watched.
    #[error("cannot run the password-command: {0}")]
    CommandRun(#[source] io::Error),
    /// The command took too long, and was killed.
    #[error("password-command has printed no password within {0} s, and was killed")]
    CommandTimeout(u64),
    /// A file that holds it is not private.
    #[error(transparent)]
    Exposed(#[from] Exposed),
    /// A signal asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// `.netrc` is not understood.
    #[error("{path}:{line}: {problem}")]
    Netrc {
        /// The file.
        path: String,
        /// The line.
        line: usize,
        /// What is wrong there.
        problem: &'static str,
    },
    /// Nothing holds it, and nobody is there to ask.
    #[error(
        "there is no password for {user} at {host}: set password-command, or MAILPULL_PASSWORD \
         for a URL, or add them to ~/.netrc; without a terminal nobody can be asked"
    )]
    Nobody {
        /// Who wants to log in.
        user: String,
        /// And where.
        host: String,
    },
    /// The terminal does not work, or nothing was typed.
    #[error("cannot ask for the password: {0}")]
    Prompt(#[source] io::Error),
    /// A file that should hold it cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// What was got cannot be sent.
    #[error("the password from {from} {problem}")]
    Unusable {
        /// Where it came from.
        from: String,
        /// What is wrong with it.
        problem: Unusable,
    },
    /// The environment variable is not there.
    #[error("the variable {0}, which should hold the password, is not set")]
    Variable(String),
}

impl Error {
    /// The status it ends the account with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Command { .. } | Self::CommandRun(_) => Exit::LoginRefused,
            Self::CommandTimeout(_) => Exit::Temporary,
            Self::Interrupted => Exit::Signal(2),
            _ => Exit::Configuration,
        }
    }
}

fn complaint(stderr: &ServerText) -> String {
    match stderr.is_empty() {
        true => String::new(),
        false => format!(": {stderr}"),
    }
}
