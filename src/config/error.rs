//! What can be wrong with a configuration, and the line that tells the user.
//! Does not know how a configuration is read.

use std::io;

use crate::config::origin::Origin;
use crate::config::shard::Shard;
use crate::exit::Exit;
use crate::os::secret_file::Exposed;
use crate::os::signals::is_interrupt;

/// Why there is no account to work with. Each is shown as one line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name on the command line is no account's.
    #[error("there is no account {name}{hint}")]
    Account {
        /// The name, quoted, or a phrase where it must not be shown.
        name: String,
        /// What it may have meant.
        hint: String,
    },
    /// A password would cross the network in the clear.
    #[error("{at}: {problem}")]
    Cleartext {
        /// Where `security` was written.
        at: Origin,
        /// What is missing, and what to do.
        problem: String,
    },
    /// Two keys that exclude each other stand in one section.
    #[error("{at}: {second:?} contradicts {first:?}; keep one of them")]
    Conflict {
        /// Where the second was written.
        at: Origin,
        /// The key that was there first.
        first: &'static str,
        /// The other one.
        second: &'static str,
    },
    /// A named account is in another shard.
    #[error("the account {name} is in shard {shard}; name it there, or leave --shard away")]
    Elsewhere {
        /// Its name.
        name: String,
        /// Its shard.
        shard: Shard,
    },
    /// A file that holds a password is not private.
    #[error(transparent)]
    Exposed(#[from] Exposed),
    /// Something necessary was not written.
    #[error("{}there is no {what}; {advice}", before(at))]
    Incomplete {
        /// Where it should have been.
        at: Origin,
        /// What is not there.
        what: &'static str,
        /// How to write it.
        advice: &'static str,
    },
    /// There is no configuration file.
    #[error(
        "there is no {path}; write it, or name a server: \
         mailpull fetch pops://USER@HOST --maildir DIR"
    )]
    Missing {
        /// Where it was looked for.
        path: String,
    },
    /// The configuration file names no account.
    #[error("{path} names no account; add [accounts.NAME] with server, user and maildir")]
    NoAccount {
        /// The file.
        path: String,
    },
    /// There is no home directory to find the configuration file in.
    #[error("there is no home directory; set HOME, or name the configuration file with -c")]
    NoHome,
    /// The configuration file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// An account of this name is there.
    #[error("there is an account {name} already; give the new one another name")]
    Taken {
        /// The name, quoted.
        name: String,
    },
    /// The text is not what a configuration is written in.
    #[error("{at}: {problem}")]
    Syntax {
        /// Where.
        at: Origin,
        /// What is wrong there.
        problem: String,
    },
    /// A key that nothing knows.
    #[error("{at}: unknown key {key}{hint}")]
    UnknownKey {
        /// Where it was written.
        at: Origin,
        /// The key, quoted.
        key: String,
        /// What it may have meant.
        hint: String,
    },
    /// The arguments make no sense.
    #[error("{0}")]
    Usage(String),
    /// The configuration file cannot be written; it is as it was.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A value that its key cannot have.
    #[error("{} {problem}", subject(at, key))]
    Value {
        /// Where it was written.
        at: Origin,
        /// The key.
        key: &'static str,
        /// What is wrong with the value, as the rest of a sentence.
        problem: String,
    },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Exposed(source) => source.hint(),
            _ => None,
        }
    }

    /// The status it ends the program with: 64 for what was typed, 78 for what was written in a
    /// file and for what the user has to decide.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Account { .. } | Self::Elsewhere { .. } | Self::Usage(_) => Exit::Usage,
            Self::Conflict { at, .. }
            | Self::Incomplete { at, .. }
            | Self::Syntax { at, .. }
            | Self::UnknownKey { at, .. }
            | Self::Value { at, .. }
                if at.was_typed() =>
            {
                Exit::Usage
            }
            Self::Write { source, .. } if is_interrupt(source) => Exit::Signal(2),
            Self::Write { .. } => Exit::CannotCreate,
            _ => Exit::Configuration,
        }
    }
}

/// Where something should have been, with a colon; what a URL lacks is said of the account.
fn before(at: &Origin) -> String {
    match at {
        Origin::Url => String::new(),
        at => format!("{at}: "),
    }
}

/// What a problem is told of: the key, or the flag that stands for it.
fn subject(at: &Origin, key: &str) -> String {
    match at {
        Origin::Flag(flag) if flag.starts_with("--") => flag.clone(),
        at => format!("{at}: {key:?}"),
    }
}
