//! Replaces a file atomically: at every instant the old or the new contents are there as a whole.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::lock;
use super::secret_file::{CheckedFile, FileError};
use super::signals::Interrupt;
use super::sys::RealCalls;
use super::walk::{self, ROOT, WalkedFolder};

/// The users that may read a file once it is replaced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Secrecy {
    /// The users that could read it before. A new file: its owner.
    AsBefore,
    /// Its owner, and a group that root chose.
    Secret,
    /// The users that could read it before. A new file: everybody, unless the umask says otherwise.
    Public,
}

/// A file that is to be replaced, or made, while other processes of mailpull wait.
#[derive(Debug)]
pub(crate) struct LockedFile {
    /// Its folder. Nobody else can exchange it, so its path stays right.
    folder: WalkedFolder<RealCalls>,
    name: OsString,
    path: PathBuf,
    /// The folder holds the lock: a lock on the file itself would be lost with the old file.
    _lock: File,
}

impl LockedFile {
    /// Locks the place of a file, which need not exist. A symbolic link is followed: it stays, and
    /// the file that it leads to is replaced. Missing folders are made, for their owner only.
    ///
    /// # Errors
    /// The system refuses it; another user could exchange the file; another process keeps the folder
    /// locked; a signal arrived; something that is not a regular file is there.
    pub(crate) fn lock(path: &Path, interrupt: &Interrupt) -> Result<Self, FileError> {
        let (folder, name) = walk::make_folder_of(path)?;
        let lock = folder.readable().map_err(io::Error::from)?;
        // Any process that can read the folder can lock it, too, and may never let go of it.
        if !lock::take(&lock, LOCK_TIMEOUT, interrupt)? {
            let what = "another program keeps its folder locked";
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, what).into());
        }
        let path = folder.path.join(&name);
        require_replaceable(&path)?;
        Ok(Self {
            folder,
            name,
            path,
            _lock: lock,
        })
    }

    /// Reads the file; `None` if it does not exist.
    ///
    /// # Errors
    /// As [`CheckedFile::read`].
    pub(crate) fn read(&self) -> Result<Option<CheckedFile>, FileError> {
        match CheckedFile::read_in(&self.folder, &self.name, &self.path) {
            Err(error) if error.is_not_found() => Ok(None),
            read => read.map(Some),
        }
    }

    /// Replaces the file, see [`replace`].
    ///
    /// # Errors
    /// As [`replace`].
    pub(crate) fn replace(&self, octets: &[u8], secrecy: Secrecy) -> io::Result<()> {
        let mut next = self.path.clone().into_os_string();
        // With our number: the user may have a file of any fixed name in this folder.
        next.push(format!(".new.{}", std::process::id()));
        replace(&self.path, next.as_ref(), octets, secrecy)
    }
}

/// Writes a file under the name `next`, which must be free and in the same folder, and renames it
/// to `path`. A file that is replaced keeps its owner.
///
/// # Errors
/// The system refuses it. The file is as it was, unless only its folder could not be flushed.
pub(crate) fn replace(path: &Path, next: &Path, octets: &[u8], secrecy: Secrecy) -> io::Result<()> {
    let before = require_replaceable(path)?;
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(if secrecy == Secrecy::Public {
            0o644
        } else {
            0o600
        })
        .open(next)?;
    // The file is flushed before it is renamed: after a power cut some file systems have the new
    // name, but not yet the contents.
    let written =
        write(file, octets, before.as_ref(), secrecy).and_then(|()| fs::rename(next, path));
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(next);
    }
    written?;
    // A rename is durable only once its folder is flushed.
    File::open(folder(path))?.sync_all()
}

/// Requires that a file can be replaced: a regular file is there, or nothing.
///
/// # Errors
/// Something else is there, which would be lost; the system does not say.
pub(crate) fn require_replaceable(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata)),
        Ok(_) => Err(io::Error::other("it is not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
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
        // Root may be replacing the file of a user, who would lose it.
        if (ours.uid(), ours.gid()) != (before.uid(), before.gid()) {
            fchown(&file, Some(before.uid()), Some(before.gid()))?;
        }
        let mode = match secrecy {
            Secrecy::AsBefore | Secrecy::Public => before.mode(),
            Secrecy::Secret => closed(before.uid(), before.mode()),
        };
        file.set_permissions(Permissions::from_mode(mode & 0o7777))?;
    }
    file.sync_all()
}

/// Returns the mode of a file that is to hold a secret. A group that root chose may still read it.
/// If everybody could read the file, root did not choose a group.
fn closed(owner: u32, mode: u32) -> u32 {
    let is_chosen = owner == ROOT && mode & 0o007 == 0;
    mode & if is_chosen { 0o640 } else { 0o600 }
}

/// The longest that another process may keep a folder locked.
const LOCK_TIMEOUT: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests {
    use super::super::secret_file::exposure;
    use super::*;

    fn mode(path: &Path) -> u32 {
        let metadata = fs::metadata(path).expect("the file is there");
        metadata.mode() & 0o7777
    }

    #[test]
    fn a_secret_closes_a_file_except_to_a_group_chosen_by_root() {
        for (owner, before, after) in [
            (1000, 0o100644, 0o600),
            (1000, 0o100640, 0o600),
            (1000, 0o100400, 0o400),
            (ROOT, 0o100640, 0o640),
            (ROOT, 0o100660, 0o640),
            (ROOT, 0o100644, 0o600),
        ] {
            assert_eq!(closed(owner, before), after, "{owner} {before:o}");
            assert_eq!(exposure(owner, owner, closed(owner, before)), None);
        }
    }

    #[test]
    fn links_that_lead_in_a_circle_are_refused() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("link", &link).expect("a link can be made");
        let interrupt = Interrupt::never().expect("a pair of sockets");
        let error = LockedFile::lock(&link, &interrupt).expect_err("the link leads to itself");
        let FileError::System(error) = error else {
            panic!("the link is ours");
        };
        assert_eq!(
            error.raw_os_error(),
            Some(rustix::io::Errno::LOOP.raw_os_error())
        );
    }

    #[test]
    fn a_replaced_file_keeps_its_mode_unless_it_holds_a_secret() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let [path, next] = ["file", "file.new"].map(|name| folder.path().join(name));
        for (secrecy, after) in [(Secrecy::AsBefore, 0o644), (Secrecy::Secret, 0o600)] {
            fs::write(&path, "old").expect("the file can be written");
            fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("it is ours");
            replace(&path, &next, b"new", secrecy).expect("the file can be replaced");
            assert_eq!(fs::read(&path).expect("the file is there"), b"new");
            assert_eq!(mode(&path), after);
            assert!(!next.exists());
        }
    }

    #[test]
    fn a_file_that_cannot_be_replaced_stays() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let [path, next] = ["file", "file.new"].map(|name| folder.path().join(name));
        fs::write(&path, "old").expect("the file can be written");
        fs::write(&next, "another's").expect("the file can be written");
        replace(&path, &next, b"new", Secrecy::AsBefore).expect_err("the name is taken");
        assert_eq!(fs::read(&path).expect("the file is there"), b"old");
        assert_eq!(fs::read(&next).expect("the file is there"), b"another's");
    }
}
