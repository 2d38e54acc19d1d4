//! Reads a file that may hold a secret, and checks who else can read or write it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::process::geteuid;
use zeroize::Zeroizing;

use super::signals::WaitError;
use super::sys::{Kind, RealCalls};
use super::walk::{self, ROOT, UnsafePath, WalkError, WalkedFile, WalkedFolder};

pub(crate) use super::walk::shown;

/// The contents of a file, wiped when dropped, with the owner and the permissions that the open
/// file had: a file that is exchanged meanwhile cannot pass the checks of another.
#[derive(Default)]
pub(crate) struct CheckedFile {
    octets: Zeroizing<Vec<u8>>,
    path: String,
    owner: u32,
    mode: u32,
    identity: (u64, u64),
}

/// The reason why a file is not read or replaced.
#[derive(Debug)]
pub(crate) enum FileError {
    /// Another user could exchange it.
    Exposed(Exposed),
    /// The system refuses it, or it is too large.
    System(io::Error),
}

/// The reason why a file must not hold a secret.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Exposed {
    /// Others than its owner may read or write it.
    #[error("{path} holds {secret} and is open to others (mode {mode:04o})")]
    Mode {
        /// The file.
        path: String,
        /// The kind of secret in it, with an article.
        secret: &'static str,
        /// Its permissions.
        mode: u32,
        /// True if it is root's and we are not root: then only root, or who runs the container, can change it.
        is_roots: bool,
    },
    /// It names programs to run and belongs to another user.
    #[error("{path} belongs to user {owner}, neither you nor root")]
    Foreign {
        /// The file.
        path: String,
        /// Its owner's number.
        owner: u32,
    },
    /// It names programs to run, and others may write it.
    #[error("{path} can be written by others (mode {mode:04o})")]
    Writable {
        /// The file.
        path: String,
        /// Its permissions.
        mode: u32,
    },
    /// Another user could exchange it for another file.
    #[error(transparent)]
    Path(#[from] UnsafePath),
    /// It holds a secret and belongs to another user, who can change it.
    #[error("{path} holds {secret} and belongs to user {owner}, neither you nor root")]
    Owner {
        /// The file.
        path: String,
        /// The kind of secret in it, with an article.
        secret: &'static str,
        /// Its owner's number.
        owner: u32,
    },
}

impl Exposed {
    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Path(path) => path.hint(),
            Self::Mode {
                path,
                is_roots: true,
                ..
            } => format!(
                "Only root can make it private: chmod 600, or chmod 640 with a group of this user. In a \
                 container, mount it with mode 0440 and such a group (Kubernetes: defaultMode and \
                 fsGroup; Docker: uid, gid and mode), or use password-command = [\"cat\", \"{path}\"]"
            ),
            Self::Mode { path, .. } => format!("Make it private: chmod 600 {path}"),
            Self::Writable { path, .. } => {
                format!("Let only its owner write it: chmod go-w {path}")
            }
            Self::Foreign { owner, .. } | Self::Owner { owner, .. } => {
                format!("Change its owner, or run mailpull as user {owner}")
            }
        })
    }
}

impl CheckedFile {
    /// Reads a regular file of at most 1 MiB, or a pipe that this process has inherited.
    ///
    /// # Errors
    /// The system cannot read it; it is something else; it is too large; another user could exchange it;
    /// a signal ended the wait for a pipe.
    pub(crate) fn read(path: &Path) -> Result<Self, FileError> {
        Self::of(&walk::open_file(path)?, path)
    }

    /// Reads a regular file in a folder; `path` is its path in errors.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) fn read_in(
        folder: &WalkedFolder<RealCalls>,
        name: &OsStr,
        path: &Path,
    ) -> Result<Self, FileError> {
        Self::of(&walk::open_file_in(folder, name, path)?, path)
    }

    fn of(walked: &WalkedFile, path: &Path) -> Result<Self, FileError> {
        let facts = walked.facts;
        if facts.kind == Kind::Folder {
            return Err(FileError::System(io::ErrorKind::IsADirectory.into()));
        }
        let octets = match facts.kind {
            // The room is reserved before the first octet is read: a vector that grows leaves copies
            // of the secret in freed memory. Only a regular file reports its length.
            Kind::File => {
                let length = walked.file.metadata().map(|metadata| metadata.len());
                let length = usize::try_from(length?).unwrap_or(LIMIT).min(LIMIT);
                read_all(&walked.file, length)?
            }
            _ => read_all(Interruptible(&walked.file), LIMIT)?,
        };
        Ok(Self {
            octets,
            path: shown(path),
            owner: facts.owner,
            mode: facts.mode,
            identity: (facts.device, facts.inode),
        })
    }

    /// Returns the file's device and inode: two paths with the same ones are one file.
    pub(crate) fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// Returns the contents.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Requires that the file belongs to us or to root.
    ///
    /// # Errors
    /// It belongs to another user.
    pub(crate) fn require_ours(&self) -> Result<(), Exposed> {
        if [geteuid().as_raw(), ROOT].contains(&self.owner) {
            return Ok(());
        }
        Err(Exposed::Foreign {
            path: self.path.clone(),
            owner: self.owner,
        })
    }

    /// Requires that only its owner can write the file, because it may name programs to run.
    ///
    /// # Errors
    /// Others can write it.
    pub(crate) fn require_unwritable(&self) -> Result<(), Exposed> {
        if self.mode & 0o022 == 0 {
            return Ok(());
        }
        Err(Exposed::Writable {
            path: self.path.clone(),
            mode: self.mode,
        })
    }

    /// Requires that only its owner, or a group that root chose, can read the file. `secret` is the
    /// kind of secret in it, with an article.
    ///
    /// # Errors
    /// Others can read it, or it belongs to neither us nor root.
    pub(crate) fn require(&self, secret: &'static str) -> Result<(), Exposed> {
        let (path, owner, mode) = (self.path.clone(), self.owner, self.mode);
        match exposure(geteuid().as_raw(), owner, mode) {
            None => Ok(()),
            Some(Exposure::Mode) => Err(Exposed::Mode {
                path,
                secret,
                mode,
                is_roots: owner == ROOT && !geteuid().is_root(),
            }),
            Some(Exposure::Owner) => Err(Exposed::Owner {
                path,
                secret,
                owner,
            }),
        }
    }
}

impl From<WalkError> for FileError {
    fn from(error: WalkError) -> Self {
        match error {
            WalkError::System { source, .. } => Self::System(source),
            WalkError::Unsafe(path) => Self::Exposed(path.into()),
        }
    }
}

impl From<io::Error> for FileError {
    fn from(source: io::Error) -> Self {
        Self::System(source)
    }
}

impl FileError {
    /// Returns true if there is no such file.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::System(source) if source.kind() == io::ErrorKind::NotFound)
    }
}

fn read_all(file: impl Read, expected: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut octets = Zeroizing::new(Vec::with_capacity(expected + 1));
    file.take(LIMIT as u64 + 1).read_to_end(&mut octets)?;
    if octets.len() > LIMIT {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(octets)
}

/// A pipe or a terminal. A signal ends the wait for it.
struct Interruptible<'f>(&'f File);

impl Read for Interruptible<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // The kernel repeats read(2) after a signal for which there is a handler, but not poll(2).
        let mut watched = [PollFd::new(self.0, PollFlags::IN)];
        match rustix::event::poll(&mut watched, None) {
            Err(Errno::INTR) => Err(io::Error::other(WaitError::Interrupted)),
            Err(errno) => Err(errno.into()),
            Ok(_) => self.0.read(buffer),
        }
    }
}

/// The reason why a secret is exposed.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Exposure {
    Mode,
    Owner,
}

/// Returns the reason why a secret is exposed to others than user number `us`, if it is.
pub(super) fn exposure(us: u32, owner: u32, mode: u32) -> Option<Exposure> {
    if owner != us && owner != ROOT {
        return Some(Exposure::Owner);
    }
    let allowed = if owner == ROOT { 0o740 } else { 0o700 };
    (mode & 0o777 & !allowed != 0).then_some(Exposure::Mode)
}

/// The most octets of a configuration, a password file or a `.netrc`.
const LIMIT: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_the_owner_and_a_group_chosen_by_root_may_read() {
        for (us, owner, mode, fault) in [
            (1000, 1000, 0o600, None),
            (1000, 1000, 0o400, None),
            (1000, 1000, 0o640, Some(Exposure::Mode)),
            (1000, 1000, 0o604, Some(Exposure::Mode)),
            (1000, 1000, 0o620, Some(Exposure::Mode)),
            (1000, 0, 0o640, None),
            (1000, 0, 0o644, Some(Exposure::Mode)),
            (1000, 0, 0o660, Some(Exposure::Mode)),
            (1000, 1001, 0o600, Some(Exposure::Owner)),
            (0, 1001, 0o600, Some(Exposure::Owner)),
            (0, 0, 0o600, None),
        ] {
            assert_eq!(exposure(us, owner, mode), fault, "{us} {owner} {mode:o}");
        }
    }

    #[test]
    fn a_folder_and_a_file_too_large_are_refused() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let large = folder.path().join("large");
        fs::write(&large, vec![b'#'; LIMIT + 1]).expect("the file can be written");
        let missing = folder.path().join("missing");
        for (path, kind) in [
            (folder.path(), io::ErrorKind::IsADirectory),
            (&large, io::ErrorKind::FileTooLarge),
            (&missing, io::ErrorKind::NotFound),
        ] {
            let Err(FileError::System(error)) = CheckedFile::read(path) else {
                panic!("the system reads no such file");
            };
            assert_eq!(error.kind(), kind);
        }
    }
}
