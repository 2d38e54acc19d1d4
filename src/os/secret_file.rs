//! A file that may hold a secret: read once, and judged by the descriptor it was read from; or
//! replaced.
//! Does not know what is written in it.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::text::ServerText;

/// The contents of a file, wiped when dropped, and whose eyes they are open to.
#[derive(Default)]
pub(crate) struct CheckedFile {
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

impl Exposed {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        None
    }
}

impl CheckedFile {
    /// Reads a file of at most 1 MiB.
    ///
    /// # Errors
    /// What the system says, a directory, a file that is too large.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
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
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Insists that we, or root, own the file.
    ///
    /// # Errors
    /// Somebody else does.
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

    /// Insists that nobody but its owner can write the file: it may name programs to run.
    ///
    /// # Errors
    /// Somebody else can.
    pub(crate) fn require_unwritable(&self) -> Result<(), Exposed> {
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
    pub(crate) fn require(&self, secret: &'static str) -> Result<(), Exposed> {
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
pub(crate) enum Secrecy {
    /// Whoever may read the file; a new one, its owner.
    AsBefore,
    /// Its owner, and a group that root chose.
    Secret,
}

/// The place of a file that is to be replaced. Whoever else takes it waits meanwhile.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    folder: File,
}

impl Place {
    /// Takes the place of a file: behind symbolic links, of the one that they lead to, which need
    /// not be there. Missing folders are made, for their owner only.
    ///
    /// # Errors
    /// What the system says; somebody keeps the folder locked; what is there is no regular file.
    pub(crate) fn take(path: &Path) -> io::Result<Self> {
        let path = followed(path)?;
        let folder = folder(&path);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let folder = File::open(folder)?;
        lock(&folder)?;
        require_replaceable(&path)?;
        Ok(Self { path, folder })
    }

    /// Reads the file; `None` if it is not there.
    ///
    /// # Errors
    /// As [`CheckedFile::read`].
    pub(crate) fn read(&self) -> io::Result<Option<CheckedFile>> {
        match CheckedFile::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    /// Writes a file in the place of the one that is there, which keeps its owner and is there
    /// whole at any moment, whatever happens.
    ///
    /// # Errors
    /// What the system says; the file is as it was, unless only its folder could not be synced.
    pub(crate) fn replace(&self, octets: &[u8], secrecy: Secrecy) -> io::Result<()> {
        let before = require_replaceable(&self.path)?;
        let mut next = self.path.clone().into_os_string();
        next.push(format!(".new.{}", std::process::id()));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&next)?;
        let written = write(file, octets, before.as_ref(), secrecy)
            .and_then(|()| fs::rename(&next, &self.path));
        if written.is_err() {
            // The first error is the one to tell.
            let _ = fs::remove_file(&next);
        }
        written?;
        self.folder.sync_all()
    }
}

/// Insists that a file can be replaced: that it is a regular one, or not there.
///
/// # Errors
/// It is something else, which would be gone for good; what the system says.
pub(crate) fn require_replaceable(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata)),
        Ok(_) => Err(io::Error::other("it is no regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where the links of a path lead, whether anything is there or not.
fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = folder(&path).join(target),
            // Not there, or no link: whoever opens it learns more.
            Err(_) => return Ok(path),
        }
    }
    Err(rustix::io::Errno::LOOP.into())
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Locks a folder. Whoever can read it can do so, too, and keep it: nobody is waited for for ever.
fn lock(folder: &File) -> io::Result<()> {
    let deadline = Instant::now() + LOCK_TIMEOUT;
    loop {
        match folder.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(TURN),
            Err(TryLockError::WouldBlock) => {
                let what = "another program keeps its folder locked";
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, what));
            }
        }
    }
}

fn write(
    mut file: File,
    octets: &[u8],
    before: Option<&Metadata>,
    secrecy: Secrecy,
) -> io::Result<()> {
    file.write_all(octets)?;
    if let Some(before) = before {
        let ours = file.metadata()?;
        if (ours.uid(), ours.gid()) != (before.uid(), before.gid()) {
            fchown(&file, Some(before.uid()), Some(before.gid()))?;
        }
        let mode = match secrecy {
            Secrecy::AsBefore => before.mode(),
            Secrecy::Secret => closed(before.uid(), before.mode()),
        };
        file.set_permissions(Permissions::from_mode(mode & 0o7777))?;
    }
    file.sync_all()
}

/// The mode of a file that is to hold a secret. A group that root chose may read on; where
/// everybody could, nobody chose.
fn closed(owner: u32, mode: u32) -> u32 {
    let is_chosen = owner == ROOT && mode & 0o007 == 0;
    mode & if is_chosen { 0o640 } else { 0o600 }
}

/// A path as it is shown: on one line, harmless to a terminal.
pub(crate) fn shown(path: &Path) -> String {
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

/// The most symbolic links on the way to a file; the system's own limit.
const MOST_LINKS: usize = 40;

/// How long somebody else may hold a place.
const LOCK_TIMEOUT: Duration = Duration::from_secs(4);
/// How often it is tried.
const TURN: Duration = Duration::from_millis(20);

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
    fn a_secret_closes_a_file_but_to_a_group_that_root_chose() {
        for (owner, before, after) in [
            (1000, 0o100644, 0o600),
            (1000, 0o100640, 0o600),
            (1000, 0o100400, 0o400),
            (ROOT, 0o100640, 0o640),
            (ROOT, 0o100660, 0o640),
            (ROOT, 0o100644, 0o600),
        ] {
            assert_eq!(closed(owner, before), after, "{owner} {before:o}");
            assert_eq!(judge(owner, owner, closed(owner, before)), None);
        }
    }

    #[test]
    fn links_that_lead_in_a_circle_are_no_place() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("link", &link).expect("a link can be made");
        let error = Place::take(&link).expect_err("it leads nowhere");
        assert_eq!(
            error.raw_os_error(),
            Some(rustix::io::Errno::LOOP.raw_os_error())
        );
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
            let error = CheckedFile::read(path).err().expect("it is refused");
            assert_eq!(error.kind(), kind);
        }
    }
}
