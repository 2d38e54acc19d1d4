//! Replaces a file atomically: at every instant the old or the new contents are there as a whole.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::lock;
use super::secret_file::{CheckedFile, ROOT};
use super::signals::Interrupt;

/// The users that may read a file once it is replaced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Secrecy {
    /// The users that could read it before. A new file: its owner.
    AsBefore,
    /// Its owner, and a group that root chose.
    Secret,
}

/// A file that is to be replaced, or made, while other processes of mailpull wait.
#[derive(Debug)]
pub(crate) struct LockedFile {
    path: PathBuf,
    /// Its folder, which holds the lock: a lock on the file itself would be lost with the old file.
    _folder: File,
}

impl LockedFile {
    /// Locks the place of a file, which need not exist. A symbolic link is followed: it stays, and
    /// the file that it leads to is replaced. Missing folders are made, for their owner only.
    ///
    /// # Errors
    /// The system refuses it; another process keeps the folder locked; a signal arrived; something
    /// that is not a regular file is there.
    pub(crate) fn lock(path: &Path, interrupt: &Interrupt) -> io::Result<Self> {
        let path = followed(path)?;
        let folder = folder(&path);
        make_folders(folder)?;
        let folder = File::open(folder)?;
        // Any process that can read the folder can lock it, too, and may never let go of it.
        if !lock::take(&folder, LOCK_TIMEOUT, interrupt)? {
            let what = "another program keeps its folder locked";
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, what));
        }
        require_replaceable(&path)?;
        Ok(Self {
            path,
            _folder: folder,
        })
    }

    /// Reads the file; `None` if it does not exist.
    ///
    /// # Errors
    /// As [`CheckedFile::read`].
    pub(crate) fn read(&self) -> io::Result<Option<CheckedFile>> {
        match CheckedFile::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
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
        .mode(0o600)
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

/// Makes a folder and those above it, for their owner only, unless they exist.
///
/// # Errors
/// The system refuses it.
pub(crate) fn make_folders(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Returns the path to which the symbolic links of a path lead, even if nothing is there.
fn followed(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = folder(&path).join(target),
            // It is not a link, or not there. Any other error comes again when it is opened.
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
            Secrecy::AsBefore => before.mode(),
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

/// The most symbolic links on the way to a file; the limit of Linux, too.
const MOST_LINKS: usize = 40;

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
