//! The reasons why there is no password. No error shows any part of one.

use std::io;

use crate::config::password::command::Problem;
use crate::exit::Exit;
use crate::os::child::unsafe_program;
use crate::os::keyring;
use crate::os::secret::Unusable;
use crate::os::secret_file::Exposed;

/// The reason why there is no password.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A command printed no password.
    #[error("{}", .problem.about(key))]
    Command {
        /// The key that names the command.
        key: &'static str,
        /// The reason why it printed none.
        problem: Problem,
    },
    /// systemd gave this process no credentials.
    #[error("there is no credential {0}: $CREDENTIALS_DIRECTORY is not set")]
    Credential(String),
    /// A file that holds a password is not private.
    #[error(transparent)]
    Exposed(#[from] Exposed),
    /// A signal arrived.
    #[error("interrupted")]
    Interrupted,
    /// The keyring cannot be used.
    #[error(transparent)]
    Keyring(#[from] keyring::Error),
    /// The keyring has no password for this login.
    #[error("the keyring has no password for {user} at {host}")]
    KeyringEmpty {
        /// The name to log in with.
        user: String,
        /// The server.
        host: String,
        /// The command that puts it there.
        command: String,
    },
    /// `.netrc` has a mistake.
    #[error("{path}:{line}: {problem}")]
    Netrc {
        /// The file.
        path: String,
        /// The line.
        line: usize,
        /// The mistake.
        problem: &'static str,
    },
    /// No source is configured, `.netrc` has no entry, and there is no terminal.
    #[error("there is no password for {user} at {host}, and no terminal to ask on")]
    Nobody {
        /// The name to log in with.
        user: String,
        /// The server.
        host: String,
    },
    /// The terminal does not work, or nothing was typed.
    #[error("cannot ask for the password: {0}")]
    Prompt(#[source] io::Error),
    /// A file that should hold the password cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// The system's error.
        source: io::Error,
    },
    /// The password cannot be sent.
    #[error("the password from {from} {problem}")]
    Unusable {
        /// The source of the password.
        from: String,
        /// The problem, as the end of a sentence.
        problem: Unusable,
    },
    /// The environment variable is not set.
    #[error("the variable {0}, which should hold the password, is not set")]
    Variable(String),
}

impl Error {
    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Credential(name) => Some(format!(
                "Use password-credential in a systemd service with LoadCredential={name}:PATH"
            )),
            Self::Command { problem, .. } => problem.hint(),
            Self::Exposed(source) => source.hint(),
            Self::Keyring(source) => source.hint(),
            Self::KeyringEmpty { command, .. } => Some(format!("Put it there with: {command}")),
            Self::Variable(_) => Some("Set it, or use another password key".to_owned()),
            Self::Nobody { .. } => Some(
                "Set password-command, or MAILPULL_PASSWORD for a URL, or add it to ~/.netrc"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// Returns the status that the account ends with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Command { problem, .. } => match problem {
                Problem::Run(error) if unsafe_program(error).is_some() => Exit::Configuration,
                Problem::Failed(ending, _) if ending.is_transient() => Exit::Temporary,
                Problem::Failed(..) | Problem::Run(_) | Problem::Unusable(_) => Exit::LoginRefused,
                Problem::Interrupted => Exit::Signal(2),
                Problem::Timeout(_) => Exit::Temporary,
            },
            Self::Interrupted => Exit::Signal(2),
            Self::Keyring(source) => source.exit(),
            _ => Exit::Configuration,
        }
    }
}
