//! The errors of the configuration.

use std::io;

use crate::config::origin::Origin;
use crate::config::shard::Shard;
use crate::exit::Exit;
use crate::os::secret_file::Exposed;

/// The reason why an account cannot be used, or why a configuration cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name on the command line belongs to no account.
    #[error("there is no account {name}")]
    Account {
        /// The name, quoted, or a phrase if it must not be shown.
        name: String,
        /// The names that may have been meant.
        hint: Option<String>,
    },
    /// `accounts-command` has printed no accounts, and no list of an earlier run is there.
    #[error("{what}")]
    AccountsCommand {
        /// The reason.
        what: String,
        /// What the user can do about it.
        hint: Option<String>,
    },
    /// A password would cross the network in readable form.
    #[error("{at}: security = \"none\" would send the password to {endpoint} in cleartext")]
    Cleartext {
        /// The place of `security`.
        at: Origin,
        /// The server.
        endpoint: String,
    },
    /// One section has two keys that exclude each other.
    #[error("{at}: {second:?} contradicts {first:?}")]
    Conflict {
        /// The place of the second key.
        at: Origin,
        /// The key that was written first.
        first: &'static str,
        /// The key that was written second.
        second: &'static str,
    },
    /// The configuration file and a file of `accounts-dir` have the same account.
    #[error("{at}: the account is also in {path}")]
    Duplicate {
        /// The place of the account in the configuration file.
        at: Origin,
        /// The other file.
        path: String,
    },
    /// A named account is in another shard.
    #[error("the account {name} is in shard {shard}")]
    Elsewhere {
        /// Its name.
        name: String,
        /// Its shard.
        shard: Shard,
    },
    /// A file that holds a password is not private.
    #[error(transparent)]
    Exposed(#[from] Exposed),
    /// The home directory belongs to another user: sudo may have kept `$HOME`.
    #[error("HOME is {home}, which belongs to user {owner}, and mailpull runs as user {us}")]
    ForeignHome {
        /// The home directory.
        home: String,
        /// The number of its owner.
        owner: u32,
        /// The number of the effective user.
        us: u32,
    },
    /// Something necessary is missing.
    #[error("{}there is no {what}", before(at))]
    Incomplete {
        /// The place where it should be.
        at: Origin,
        /// The missing thing, as the end of a sentence.
        what: &'static str,
        /// A sentence that says how to write it.
        hint: &'static str,
    },
    /// There is no configuration file.
    #[error("there is no {path}")]
    Missing {
        /// The path of the file.
        path: String,
    },
    /// The configuration file names no account.
    #[error("{path} names no account")]
    NoAccount {
        /// The file.
        path: String,
    },
    /// There is no home directory to find a file or folder in.
    #[error("there is no home directory")]
    NoHome,
    /// The configuration file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// The system's error.
        source: io::Error,
    },
    /// A file of `accounts-dir` has two names, which would be two accounts with one mailbox.
    #[error("{path} is the same file as {other}")]
    SecondName {
        /// The name that makes no account.
        path: String,
        /// The name that makes one.
        other: String,
    },
    /// The text is not a valid configuration.
    #[error("{at}: {problem}")]
    Syntax {
        /// The place of the mistake.
        at: Origin,
        /// The mistake.
        problem: String,
        /// A sentence that says what to write instead.
        hint: Option<&'static str>,
    },
    /// The new account's name is in use.
    #[error("there is already an account {name}")]
    Taken {
        /// The name, quoted.
        name: String,
    },
    /// The key does not exist.
    #[error("{at}: unknown key {key}")]
    UnknownKey {
        /// The place where it was written.
        at: Origin,
        /// The key, quoted.
        key: String,
        /// The keys that may have been meant.
        hint: Option<String>,
    },
    /// The arguments make no sense.
    #[error("{what}")]
    Usage {
        /// The mistake.
        what: String,
        /// A sentence that says what to type instead.
        hint: Option<&'static str>,
    },
    /// A key cannot have this value.
    #[error("{} {problem}", subject(at, key))]
    Value {
        /// The place where it was written.
        at: Origin,
        /// The key.
        key: &'static str,
        /// The problem with the value, as the rest of a sentence.
        problem: String,
        /// A sentence that says what to write instead.
        hint: Option<String>,
    },
    /// The configuration file cannot be written. It has not changed.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: String,
        /// The system's error.
        source: io::Error,
    },
}

impl Error {
    /// Makes an error about the arguments, with what to type instead.
    pub(super) fn usage(what: impl Into<String>, hint: &'static str) -> Self {
        Self::Usage {
            what: what.into(),
            hint: Some(hint),
        }
    }

    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Account { hint, .. }
            | Self::AccountsCommand { hint, .. }
            | Self::UnknownKey { hint, .. }
            | Self::Value { hint, .. } => {
                return hint.clone();
            }
            Self::Exposed(source) => return source.hint(),
            Self::ForeignHome { owner, .. } => {
                return Some(format!(
                    "Run mailpull as that user (sudo -u '#{owner}' mailpull), or set HOME: otherwise it \
                     would leave files there that the user cannot read"
                ));
            }
            Self::Syntax { hint, .. } | Self::Usage { hint, .. } => (*hint)?,
            Self::Read { .. } | Self::Write { .. } => return None,
            Self::Incomplete { hint, .. } => hint,
            Self::Cleartext { .. } => {
                "Use \"tls\" or \"starttls\", or set allow-cleartext = true to send it anyway"
            }
            Self::Conflict { .. } | Self::Duplicate { .. } => "Keep one of them",
            Self::Elsewhere { .. } => "Name it in that shard, or leave out --shard",
            Self::Missing { .. } => {
                "Set up an account: mailpull account add. Or fetch without one: mailpull fetch pops://USER@HOST --maildir DIR"
            }
            Self::NoAccount { .. } => "Set up an account: mailpull account add",
            Self::NoHome => "Set HOME, or name the file with -c and the folder with --state-dir",
            Self::SecondName { .. } => {
                "Give each account a file of its own, or remove one of the names"
            }
            Self::Taken { .. } => "Give the new account another name",
        };
        Some(hint.to_owned())
    }

    /// Returns the exit status: 64 for mistakes in the arguments, 78 for mistakes in a file and for
    /// decisions that are left to the user.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Account { .. } | Self::Elsewhere { .. } | Self::Usage { .. } => Exit::Usage,
            Self::Conflict { at, .. }
            | Self::Incomplete { at, .. }
            | Self::Syntax { at, .. }
            | Self::UnknownKey { at, .. }
            | Self::Value { at, .. }
                if at.was_typed() =>
            {
                Exit::Usage
            }
            Self::Write { .. } => Exit::CannotCreate,
            _ => Exit::Configuration,
        }
    }
}

/// Returns where something is missing, with a colon. If a URL lacks it, nothing: URLs are not shown.
fn before(at: &Origin) -> String {
    match at {
        Origin::Url => String::new(),
        at => format!("{at}: "),
    }
}

/// Returns the subject of a sentence about a value: the key, or the flag that sets it.
fn subject(at: &Origin, key: &str) -> String {
    match at {
        Origin::Flag(flag) if flag.starts_with("--") => flag.clone(),
        at => format!("{at}: {key:?}"),
    }
}
