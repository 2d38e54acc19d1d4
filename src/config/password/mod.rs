//! Where an account's password comes from, and how it is got.
//! Sends it nowhere and shows it to nobody.

use std::io;
use std::path::PathBuf;

use crate::config::private::Exposed;
use crate::exit::Exit;
use crate::secret::{Secret, Unusable};
use crate::text::ServerText;

mod command;
mod netrc;
mod prompt;

/// The variable that holds the password for a URL on the command line.
pub const ONE_SHOT_VARIABLE: &str = "MAILPULL_PASSWORD";

/// Where a password comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Nothing was said: `.netrc`, then the terminal.
    Ask,
    /// What a private file holds.
    File(PathBuf),
    /// As it stands in the configuration.
    Literal(Secret),
    /// A URL on the command line: [`ONE_SHOT_VARIABLE`], then as [`Source::Ask`].
    OneShot,
    /// What a program prints, given with its arguments.
    Program(Vec<String>),
    /// What a line for `sh -c` prints.
    Shell(String),
    /// The value of an environment variable.
    Variable(String),
}

/// What a password is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// Who logs in.
    pub user: &'a str,
    /// The server's name.
    pub host: &'a str,
}

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command said no.
    #[error("password-command {how}{}", shown(.stderr))]
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
        "there is no password for {user} at {host}: set password-command, or add them to \
         ~/.netrc; without a terminal nobody can be asked"
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

impl Source {
    /// The environment variable that may hold it: no child process may inherit that.
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::OneShot => Some(ONE_SHOT_VARIABLE),
            Self::Variable(name) => Some(name),
            _ => None,
        }
    }

    /// Gets the password, which may take a minute of a command or a human's patience.
    ///
    /// # Errors
    /// Whatever keeps it away, see [`Error`]; [`Error::Interrupted`] within 0.1 s of
    /// `interrupted` turning true.
    pub fn obtain(
        &self,
        login: Login<'_>,
        hidden: &[String],
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Secret, Error> {
        let _ = (login, hidden, interrupted);
        todo!()
    }
}

fn shown(stderr: &ServerText) -> String {
    match stderr.is_empty() {
        true => String::new(),
        false => format!(": {stderr}"),
    }
}
