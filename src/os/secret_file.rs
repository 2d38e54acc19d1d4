//! Reads a file that may hold a secret, and checks who else can read or write it.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use zeroize::Zeroizing;

use crate::text::ServerText;

/// The contents of a file, wiped when dropped, with the owner and the permissions that the open
/// file had: a file that is exchanged meanwhile cannot pass the checks of another.
#[derive(Default)]
pub(crate) struct CheckedFile {
    octets: Zeroizing<Vec<u8>>,
    path: String,
    owner: u32,
    mode: u32,
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
    /// Reads a file of at most 1 MiB.
    ///
    /// # Errors
    /// The system cannot read it; it is a directory; it is too large.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        // The room is reserved before the first octet is read: a vector that grows leaves copies of
        // the secret in freed memory. Only a regular file reports its length; a pipe does not.
        let expected = if metadata.is_file() {
            usize::try_from(metadata.len()).unwrap_or(LIMIT).min(LIMIT)
        } else {
            LIMIT
        };
        let mut octets = Zeroizing::new(Vec::with_capacity(expected + 1));
        file.take(LIMIT as u64 + 1).read_to_end(&mut octets)?;
        if octets.len() > LIMIT {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(Self {
            octets,
            path: shown(path),
            owner: metadata.uid(),
            mode: metadata.mode() & 0o7777,
        })
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
        let us = rustix::process::geteuid().as_raw();
        if [us, ROOT].contains(&self.owner) {
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
        match exposure(rustix::process::geteuid().as_raw(), owner, mode) {
            None => Ok(()),
            Some(Exposure::Mode) => Err(Exposed::Mode { path, secret, mode }),
            Some(Exposure::Owner) => Err(Exposed::Owner {
                path,
                secret,
                owner,
            }),
        }
    }
}

/// Returns a path as it is shown: on one line, and harmless to a terminal.
pub(crate) fn shown(path: &Path) -> String {
    ServerText::new(path.as_os_str().as_encoded_bytes()).to_string()
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

pub(super) const ROOT: u32 = 0;

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
            let error = CheckedFile::read(path).err().expect("the file is refused");
            assert_eq!(error.kind(), kind);
        }
    }
}
