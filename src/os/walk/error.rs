//! The reasons why a path cannot be used: which component is wrong, and why.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::super::sys::Kind;
use super::rule::{ROOT, Reason};
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
    /// True if the file system has no owners and permissions of its own.
    pub(super) has_fixed_modes: bool,
}

impl WalkError {
    /// Returns true if nothing is there.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::System { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

impl UnsafePath {
    /// Returns true if the only fault that was found is that another user owns the component.
    pub(crate) fn is_about_owner(&self) -> bool {
        match self.reason {
            Reason::Foreign { .. } | Reason::NotOurs { .. } | Reason::InFolderOf { .. } => true,
            Reason::Writable { .. } => false,
        }
    }

    /// Returns what the user can do about it.
    pub(crate) fn hint(&self) -> String {
        let component = shown(&self.component);
        if self.has_fixed_modes {
            return match self.reason {
                Reason::Writable { .. } => "Its file system has fixed permissions: mount it with \
                     umask=077 (FAT, NTFS), or dir_mode=0700,file_mode=0600 (CIFS)"
                    .to_owned(),
                _ => {
                    "Its file system has fixed owners: mount it with the option uid=".to_owned()
                        + &us().to_string()
                }
            };
        }
        match (self.kind, self.reason) {
            (Kind::Folder, Reason::NotOurs { owner: ROOT, us }) => format!(
                "Name a folder below it, which has to belong to user {us}, or give it to that user: \
                 chown {us} {component}"
            ),
            (_, Reason::NotOurs { owner: ROOT, us }) => {
                format!("Give it to that user: chown {us} {component}")
            }
            (_, Reason::NotOurs { owner, us }) => {
                format!("Run mailpull as user {owner}, or give it to user {us}")
            }
            (Kind::Link, _) => "Name the place to which it leads".to_owned(),
            (_, Reason::Writable { mode }) => {
                let who = match mode & 0o022 {
                    0o020 => "g",
                    0o002 => "o",
                    _ => "go",
                };
                format!("Let only its owner write it: chmod {who}-w {component}")
            }
            (_, Reason::Foreign { owner } | Reason::InFolderOf { owner }) => {
                format!("Run mailpull as user {owner}, or choose a place below folders of your own")
            }
        }
    }
}

fn us() -> u32 {
    rustix::process::geteuid().as_raw()
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
            Reason::NotOurs { owner, us } => {
                write!(f, "belongs to user {owner}, and mailpull runs as user {us}")
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
