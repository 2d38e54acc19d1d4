//! The reasons why a path cannot be used: which component is wrong, and why.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::super::sys::Kind;
use super::rule::Reason;
use crate::text::ServerText;

/// The reason why a file or folder was not opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WalkError {
    /// The system refuses a component.
    #[error("{}: {source}", shown(path))]
    System {
        /// The component.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Another user could exchange what is found there.
    #[error(transparent)]
    Unsafe(#[from] UnsafePath),
}

/// A component of a path by which another user could exchange what is found there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnsafePath {
    pub(super) path: PathBuf,
    /// The component that is wrong.
    pub(super) component: PathBuf,
    pub(super) kind: Kind,
    pub(super) reason: Reason,
}

impl WalkError {
    /// Returns true if nothing is there.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::System { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

impl UnsafePath {
    /// Returns what the user can do about it.
    pub(crate) fn hint(&self) -> String {
        let component = shown(&self.component);
        match (self.kind, self.reason) {
            (Kind::Link, _) => "Name the place to which it leads".to_owned(),
            (_, Reason::Writable { .. }) => {
                format!("Let only its owner write it: chmod go-w {component}")
            }
            (_, Reason::Foreign { owner } | Reason::InFolderOf { owner }) => {
                format!("Run mailpull as user {owner}, or choose a place below folders of your own")
            }
        }
    }
}

impl std::error::Error for UnsafePath {}

impl fmt::Display for UnsafePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path != self.component {
            write!(f, "{} is not safe: ", shown(&self.path))?;
        }
        let kind = match self.kind {
            Kind::Folder => "the folder ",
            Kind::Link => "the symbolic link ",
            Kind::File | Kind::Other => "",
        };
        write!(f, "{kind}{} ", shown(&self.component))?;
        match self.reason {
            Reason::Foreign { owner } => {
                write!(f, "belongs to user {owner}, neither you nor root")
            }
            Reason::InFolderOf { owner } => write!(f, "is in a folder of user {owner}"),
            Reason::Writable { mode } if self.kind == Kind::Link => {
                write!(
                    f,
                    "is in a folder that others can write to (mode {mode:04o})"
                )
            }
            Reason::Writable { mode } => write!(f, "can be written by others (mode {mode:04o})"),
        }
    }
}

/// Returns a path as it is shown: on one line, and harmless to a terminal.
pub(crate) fn shown(path: &Path) -> String {
    ServerText::new(path.as_os_str().as_encoded_bytes()).to_string()
}
