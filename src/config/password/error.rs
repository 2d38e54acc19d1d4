//! Why there is no password, in one line that never shows any of it.
//! Does not know how it was looked for.

use std::io;

use crate::config::password::command::Problem;
use crate::exit::Exit;
use crate::os::keyring;
use crate::os::secret::Unusable;
use crate::os::secret_file::Exposed;

/// Why there is no password.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A command printed none.
    #[error("{}", .problem.told(key))]
    Command {
        /// The key that names it.
        key: &'static str,
        /// Why not.
        problem: Problem,
    },
    /// systemd gave this process no credentials.
    #[error(
        "$CREDENTIALS_DIRECTORY is not set, so there is no credential {0}: password-credential is \
         for a service with LoadCredential={0}:PATH"
    )]
    Credential(String),
    /// A file that holds it is not private.
    #[error(transparent)]
    Exposed(#[from] Exposed),
    /// A signal asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// The keyring gives none.
    #[error(transparent)]
    Keyring(#[from] keyring::Error),
    /// The keyring has none.
    #[error("the keyring has no password for {user} at {host}; put it there with: {command}")]
    KeyringEmpty {
        /// Who wants to log in.
        user: String,
        /// And where.
        host: String,
        /// What puts it there.
        command: String,
    },
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
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Exposed(source) => source.hint(),
            Self::Keyring(source) => source.hint(),
            _ => None,
        }
    }

    /// The status it ends the account with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Command { problem, .. } => match problem {
                Problem::Failed(..) | Problem::Run(_) => Exit::LoginRefused,
                Problem::Interrupted => Exit::Signal(2),
                Problem::Timeout(_) => Exit::Temporary,
            },
            Self::Interrupted => Exit::Signal(2),
            Self::Keyring(source) => source.exit(),
            _ => Exit::Configuration,
        }
    }
}
