//! An open folder, in which files are named without a path: nobody can exchange it for another one
//! by renaming it or by a symbolic link.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::Error;
use super::unique_name::UniqueNames;
use crate::mail::maildrop::UniqueId;
use crate::mail::mark::FileMarks;
use crate::os::sys::{self, AtFlags, File, Mode, OFlags, WorldCalls};
use crate::os::walk::{self, PathRule, WalkedFolder};

/// An open folder, and its path for error messages.
#[derive(Debug)]
pub(super) struct Folder {
    handle: File,
    path: PathBuf,
}

impl Folder {
    /// Opens a folder that belongs to us or to root. Links on the way must be ours or root's, and the last
    /// component must not be a link.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let parent = path.parent().unwrap_or(Path::new("/"));
        let parent = walk::open_folder(parent, PathRule::Links);
        let parent = parent.map_err(|error| Error::walk("open", error))?;
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or(".");
        Self::open_in(&parent, name, path)
    }

    /// Opens a folder in another one; `path` is its path in errors.
    pub(super) fn open_in(
        folder: &WalkedFolder<WorldCalls>,
        name: &str,
        path: &Path,
    ) -> Result<Self, Error> {
        let opened = folder.open(name);
        let (handle, facts) = opened.map_err(|errno| Error::local("open", path, errno))?;
        folder.require_target(path, &facts)?;
        Ok(Self {
            handle,
            path: path.to_owned(),
        })
    }

    /// Requires that files can be created in it.
    pub(super) fn require_writable(&self) -> Result<(), Error> {
        sys::require_writable(&self.handle).map_err(|errno| Error::ReadOnly {
            path: self.path.clone(),
            source: errno.into(),
        })
    }

    pub(super) fn handle(&self) -> &File {
        &self.handle
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn path_of(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.path.join(name.as_ref())
    }

    /// Flushes the folder: only then the names of files that were created or renamed in it survive
    /// a power cut (fsync(2)).
    pub(super) fn flush(&self) -> Result<(), Error> {
        sys::fsync(&self.handle).map_err(|errno| Error::local("flush", &self.path, errno))
    }

    /// Returns the folder's device and inode.
    pub(super) fn identity(&self) -> Result<(u64, u64), Error> {
        sys::fstat(&self.handle)
            .map(|stat| (stat.st_dev, stat.st_ino))
            .map_err(|errno| Error::local("look at", &self.path, errno))
    }

    /// Returns the time at which a name in it last changed.
    pub(super) fn changed(&self) -> Result<(i64, i64), Error> {
        sys::fstat(&self.handle)
            .map(|stat| (stat.st_mtime, stat.st_mtime_nsec as i64))
            .map_err(|errno| Error::local("look at", &self.path, errno))
    }

    /// Returns true if a file of this name is in it.
    pub(super) fn contains(&self, name: &str) -> Result<bool, Error> {
        match sys::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(Error::local("look for", &self.path_of(name), errno)),
        }
    }

    /// Creates a file and removes its name, so that the file is gone with the process. The name gets the account's
    /// marks: if we are killed before it is removed, the next run removes it.
    #[cfg_attr(
        all(feature = "simulation", not(test)),
        allow(
            dead_code,
            reason = "only programs need such files, and they are simulated"
        )
    )]
    pub(super) fn unnamed_file(&self, marks: &FileMarks) -> Result<File, Error> {
        let unique_id = UniqueId::new(b"output").expect("the unique-id is valid");
        let name = UniqueNames::new(marks).next(&unique_id);
        let cannot = |errno| Error::local("create", &self.path_of(&name), errno);
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::TRUNC;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = sys::openat(&self.handle, name.as_str(), flags, mode).map_err(cannot)?;
        self.remove(name.as_ref())?;
        Ok(file)
    }

    /// Removes a file, unless it is gone already.
    pub(super) fn remove(&self, name: &OsStr) -> Result<(), Error> {
        match sys::unlinkat(&self.handle, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(Error::local("remove", &self.path_of(name), errno)),
        }
    }

    /// Returns the names of all files in it. readdir(3) may miss a file that is renamed meanwhile.
    pub(super) fn names(&self) -> Result<Vec<Vec<u8>>, Error> {
        sys::names(&self.handle).map_err(|errno| Error::local("read", &self.path, errno))
    }
}
