//! A file that may hold a secret: read once, and judged by the descriptor it was read from; or
//! replaced.
//! Does not know what is written in it.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::Path;

use zeroize::Zeroizing;

use crate::text::ServerText;

/// The contents of a file, wiped when dropped, and whose eyes they are open to.
#[derive(Default)]
pub struct Private {
    octets: Zeroizing<Vec<u8>>,
    path: String,
    owner: u32,
    mode: u32,
}

/// Why a file must not hold a secret.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Exposed {
    /// More than its owner may read or write it.
    #[error("{path} holds {secret} and is open to others (mode {mode:04o}): chmod 600 {path}")]
    Mode {
        /// The file.
        path: String,
        /// What is in it, with an article.
        secret: &'static str,
        /// Its permissions.
        mode: u32,
    },
    /// Somebody else made what says which programs are run.
    #[error("{path} belongs to user {owner}, neither you nor root")]
    Foreign {
        /// The file.
        path: String,
        /// Whose it is.
        owner: u32,
    },
    /// Others may write what says which programs are run.
    #[error("{path} can be written by others (mode {mode:04o}): chmod go-w {path}")]
    Writable {
        /// The file.
        path: String,
        /// Its permissions.
        mode: u32,
    },
    /// Somebody else can change it.
    #[error("{path} holds {secret} and belongs to user {owner}, neither you nor root")]
    Owner {
        /// The file.
        path: String,
        /// What is in it, with an article.
        secret: &'static str,
        /// Whose it is.
        owner: u32,
    },
}

impl Private {
    /// Reads a file of at most 1 MiB.
    ///
    /// # Errors
    /// What the system says, a directory, a file that is too large.
    pub fn read(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        // Room for all that may come: a vector that grows leaves copies behind. What is no regular
        // file does not tell how much that is.
        let expected = match metadata.is_file() {
            true => usize::try_from(metadata.len()).unwrap_or(LIMIT).min(LIMIT),
            false => LIMIT,
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

    /// The contents.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Insists that we, or root, own the file.
    ///
    /// # Errors
    /// Somebody else does.
    pub fn insist_ours(&self) -> Result<(), Exposed> {
        let us = rustix::process::geteuid().as_raw();
        if [us, ROOT].contains(&self.owner) {
            return Ok(());
        }
        Err(Exposed::Foreign {
            path: self.path.clone(),
            owner: self.owner,
        })
    }

    /// Insists that nobody but its owner can write the file: it may name programs to run.
    ///
    /// # Errors
    /// Somebody else can.
    pub fn insist_unwritable(&self) -> Result<(), Exposed> {
        if self.mode & 0o022 == 0 {
            return Ok(());
        }
        Err(Exposed::Writable {
            path: self.path.clone(),
            mode: self.mode,
        })
    }

    /// Insists that nobody but its owner, or a group that root chose, can read the file; `secret`
    /// is what is in it, with an article.
    ///
    /// # Errors
    /// Somebody else can, or the owner is neither us nor root.
    pub fn insist(&self, secret: &'static str) -> Result<(), Exposed> {
        let (path, owner, mode) = (self.path.clone(), self.owner, self.mode);
        match judge(rustix::process::geteuid().as_raw(), owner, mode) {
            None => Ok(()),
            Some(Fault::Mode) => Err(Exposed::Mode { path, secret, mode }),
            Some(Fault::Owner) => Err(Exposed::Owner {
                path,
                secret,
                owner,
            }),
        }
    }
}

/// Who may read what is written in the place of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Secrecy {
    /// Whoever may read the file; a new one, its owner.
    AsBefore,
    /// Its owner at most.
    Secret,
}

/// Writes a file in the place of another, which keeps its owner and is there whole at any moment,
/// whatever happens. Missing folders are made, for their owner only. Behind a symbolic link it is
/// the file that is replaced.
///
/// # Errors
/// What the system says; the file is as it was.
pub fn replace(path: &Path, octets: &[u8], secrecy: Secrecy) -> io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let before = fs::metadata(&path).ok();
    let mut next = path.clone().into_os_string();
    next.push(format!(".new.{}", std::process::id()));
    let written = write_new(Path::new(&next), octets, before.as_ref(), secrecy)
        .and_then(|()| fs::rename(&next, &path));
    if written.is_err() {
        // It may not be there; the first error is the one to tell.
        let _ = fs::remove_file(&next);
    }
    written?;
    File::open(folder)?.sync_all()
}

fn write_new(
    path: &Path,
    octets: &[u8],
    before: Option<&Metadata>,
    secrecy: Secrecy,
) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(octets)?;
    if let Some(before) = before {
        let ours = file.metadata()?;
        if (ours.uid(), ours.gid()) != (before.uid(), before.gid()) {
            fchown(&file, Some(before.uid()), Some(before.gid()))?;
        }
        let mask = match secrecy {
            Secrecy::AsBefore => 0o7777,
            Secrecy::Secret => 0o600,
        };
        file.set_permissions(Permissions::from_mode(before.mode() & mask))?;
    }
    file.sync_all()
}

/// A path as it is shown: on one line, harmless to a terminal.
pub fn shown(path: &Path) -> String {
    ServerText::new(path.as_os_str().as_encoded_bytes()).to_string()
}

#[derive(Debug, Eq, PartialEq)]
enum Fault {
    Mode,
    Owner,
}

fn judge(us: u32, owner: u32, mode: u32) -> Option<Fault> {
    if owner != us && owner != ROOT {
        return Some(Fault::Owner);
    }
    let allowed = if owner == ROOT { 0o740 } else { 0o700 };
    (mode & 0o777 & !allowed != 0).then_some(Fault::Mode)
}

const ROOT: u32 = 0;

/// The most octets of a configuration, a password file or a `.netrc`.
const LIMIT: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_and_a_group_of_roots_may_read_a_password() {
        for (us, owner, mode, fault) in [
            (1000, 1000, 0o600, None),
            (1000, 1000, 0o400, None),
            (1000, 1000, 0o640, Some(Fault::Mode)),
            (1000, 1000, 0o604, Some(Fault::Mode)),
            (1000, 1000, 0o620, Some(Fault::Mode)),
            (1000, 0, 0o640, None),
            (1000, 0, 0o644, Some(Fault::Mode)),
            (1000, 0, 0o660, Some(Fault::Mode)),
            (1000, 1001, 0o600, Some(Fault::Owner)),
            (0, 1001, 0o600, Some(Fault::Owner)),
            (0, 0, 0o600, None),
        ] {
            assert_eq!(judge(us, owner, mode), fault, "{us} {owner} {mode:o}");
        }
    }

    #[test]
    fn what_is_no_file_of_a_bearable_size_is_refused() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let large = folder.path().join("large");
        fs::write(&large, vec![b'#'; LIMIT + 1]).expect("it can be written");
        let missing = folder.path().join("missing");
        for (path, kind) in [
            (folder.path(), io::ErrorKind::IsADirectory),
            (&large, io::ErrorKind::FileTooLarge),
            (&missing, io::ErrorKind::NotFound),
        ] {
            let error = Private::read(path).err().expect("it is refused");
            assert_eq!(error.kind(), kind);
        }
    }
}
