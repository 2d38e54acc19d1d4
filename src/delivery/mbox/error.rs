//! The reasons why an mbox file did not take messages.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::exit::Exit;
use crate::mail::custody::NotDelivered;
use crate::os::is_disk_full;
use crate::os::walk::{UnsafePath, WalkError};

/// The reason why an mbox file did not take messages.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Another program has it.
    #[error("{} is locked by another program ({by})", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
        /// The lock that the other program holds.
        by: HeldLock,
    },
    /// It cannot be created, or its folder is not there.
    #[error("cannot create {}: {source}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// No lock file can be made beside it.
    #[error("cannot create the lock {}: {source}", path.display())]
    DotLock {
        /// The lock file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The run ends.
    #[error("the run ended before {} was free", .0.display())]
    Interrupted(PathBuf),
    /// The disk or the file system failed.
    #[error("cannot {doing} {}: {source}", path.display())]
    Local {
        /// The verb.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Another program has put another file in its place.
    #[error("{} was replaced while messages were written", .0.display())]
    Replaced(PathBuf),
    /// It has something else than mail.
    #[error("{} is not an mbox: it does not begin with \"From \"", .0.display())]
    NotMbox(PathBuf),
    /// It is a folder, a link or a device.
    #[error("{} is not a regular file", .0.display())]
    NotRegular(PathBuf),
    /// Another user has a say in it.
    #[error(transparent)]
    Path(#[from] UnsafePath),
    /// A message cannot be read from the spool.
    #[error("cannot read a message from the spool: {0}")]
    Unreadable(#[from] io::Error),
    /// A message's file cannot be opened in the spool.
    #[error("{0}")]
    Spool(Box<super::super::Error>),
}

/// A lock that another program holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum HeldLock {
    /// The lock file beside it.
    #[error("its lock file is there")]
    DotLock,
    /// The lock of fcntl(2).
    #[error("by fcntl")]
    Record,
}

impl Error {
    pub(super) fn local(doing: &'static str, path: &Path, errno: Errno) -> Self {
        Self::Local {
            doing,
            path: path.to_owned(),
            source: errno.into(),
        }
    }

    /// Returns the error for a file whose folder was not reached.
    pub(super) fn walk(path: &Path, error: WalkError) -> Self {
        match error {
            WalkError::System { source, .. } => Self::Create {
                path: path.to_owned(),
                source,
            },
            WalkError::Unsafe(path) => path.into(),
        }
    }

    /// Returns what the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Busy {
                path,
                by: HeldLock::DotLock,
            } => Some(format!(
                "If no program uses it any more, remove {}.lock",
                path.display()
            )),
            Self::Create { path, source } if source.kind() == io::ErrorKind::NotFound => {
                let folder = path.parent().unwrap_or(Path::new("/"));
                Some(format!(
                    "Create its folder first: mkdir -p {}",
                    folder.display()
                ))
            }
            Self::DotLock { .. } => Some(
                "If no other program needs lock files there, set mbox-lock = \"fcntl\"".to_owned(),
            ),
            Self::NotMbox(_) => {
                Some("Name another file, or one that does not exist yet".to_owned())
            }
            Self::NotRegular(_) => Some("Name a file; for a Maildir the key is maildir".to_owned()),
            Self::Path(path) => Some(path.hint()),
            Self::Spool(error) => error.hint(),
            _ => None,
        }
    }

    /// Returns the error without what is particular to a message.
    fn kind(&self) -> String {
        match self {
            Self::Spool(error) => error.kind(),
            other => other.to_string(),
        }
    }

    /// Returns the exit status that it leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Busy { .. } | Self::Interrupted(_) | Self::Replaced(_) => Exit::Temporary,
            Self::Create { source, .. }
            | Self::DotLock { source, .. }
            | Self::Local { source, .. }
                if is_disk_full(source) =>
            {
                Exit::Temporary
            }
            Self::Create { .. } | Self::DotLock { .. } | Self::Local { doing: "lock", .. } => {
                Exit::CannotCreate
            }
            Self::Local { doing: "open", .. } => Exit::CannotCreate,
            Self::Local { .. } | Self::Unreadable(_) => Exit::LocalIo,
            Self::NotMbox(_) | Self::NotRegular(_) | Self::Path(_) => Exit::Configuration,
            Self::Spool(error) => error.exit(),
        }
    }

    /// Returns what the database and the user are told about a message that was not delivered.
    pub(super) fn not_delivered(&self) -> NotDelivered {
        NotDelivered {
            why: self.to_string(),
            kind: self.kind(),
            hint: self.hint(),
            exit: self.exit(),
        }
    }
}
