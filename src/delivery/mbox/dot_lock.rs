//! The lock file beside an mbox file: `FILE.lock`, which most mail programs respect.
//!
//! A killed run leaves it behind. Another run may take it over: it holds the lock of fcntl(2), so no run is at
//! work. The lock file of another program is never removed.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::sync::Arc;

use rustix::io::Errno;

use super::FileId;
use super::error::Error;
use super::locked::MboxPath;
use crate::os::sys::{self, AtFlags, File, Mode, OFlags, RenameFlags};

/// The second line of our lock files. The first one is the process id, by which other programs can tell that it
/// has ended.
const OURS: &str = "mailpull\n";

/// A lock file that is ours. Dropping it removes it.
#[derive(Debug)]
pub(super) struct DotLock {
    mbox: Arc<MboxPath>,
    name: OsString,
    id: FileId,
}

impl DotLock {
    /// Returns true if there is a lock file that a run of mailpull has made.
    pub(super) fn is_left(mbox: &MboxPath) -> bool {
        is_ours(mbox.folder(), &name(mbox))
    }

    /// Makes the lock file. Returns `None` if another program has it. The caller holds the lock of fcntl(2).
    ///
    /// # Errors
    /// No lock file can be made.
    pub(super) fn take(mbox: &Arc<MboxPath>) -> Result<Option<Self>, Error> {
        let folder = mbox.folder();
        let name = name(mbox);
        let failed = |errno: Errno| Error::DotLock {
            path: mbox.path().with_file_name(&name),
            source: errno.into(),
        };
        // It gets its name when it is complete. A kill leaves this one, and the next run makes it anew.
        let new: OsString = [OsStr::new("."), &name, OsStr::new(".new")]
            .into_iter()
            .collect();
        let id = create(folder, &new).map_err(failed)?;
        let taken = place(folder, &new, &name).map_err(failed);
        // It is gone if it was renamed.
        let _ = sys::unlinkat(folder, &*new, AtFlags::empty());
        Ok(taken?.then_some(Self {
            mbox: Arc::clone(mbox),
            name,
            id,
        }))
    }
}

impl Drop for DotLock {
    fn drop(&mut self) {
        let folder = self.mbox.folder();
        // If another program took it for a left one and made its own, that one stays.
        if find(folder, &self.name) == Some(self.id) {
            // If it cannot be removed, the next run takes it over.
            let _ = sys::unlinkat(folder, &*self.name, AtFlags::empty());
        }
    }
}

fn name(mbox: &MboxPath) -> OsString {
    [mbox.name(), OsStr::new(".lock")].into_iter().collect()
}

/// Creates a lock file under a name that only the holder of the lock of fcntl(2) uses.
fn create(folder: &File, name: &OsStr) -> Result<FileId, Errno> {
    match sys::unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(errno) => return Err(errno),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = sys::openat(folder, name, flags, Mode::RUSR | Mode::WUSR)?;
    let text = format!("{}\n{OURS}", sys::process_id());
    let written = file.write_all(text.as_bytes());
    written.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    sys::fstat(&file).map(|stat| FileId::of_stat(&stat))
}

/// Gives the lock file its name. Returns false if another program has one there.
fn place(folder: &File, new: &OsStr, name: &OsStr) -> Result<bool, Errno> {
    match sys::renameat_with(folder, new, folder, name, RenameFlags::NOREPLACE) {
        Ok(()) => return Ok(true),
        Err(Errno::EXIST) => {}
        // The file system cannot do that.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            match sys::linkat(folder, new, folder, name, AtFlags::empty()) {
                Ok(()) => return Ok(true),
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
        }
        Err(errno) => return Err(errno),
    }
    if !is_ours(folder, name) {
        return Ok(false);
    }
    sys::renameat(folder, new, folder, name).map(|()| true)
}

/// Returns true if a run of mailpull has made a lock file.
fn is_ours(folder: &File, name: &OsStr) -> bool {
    const MOST: u64 = 64;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(file) = sys::openat(folder, name, flags, Mode::empty()) else {
        return false;
    };
    let mut text = Vec::new();
    let read = file.take(MOST).read_to_end(&mut text);
    read.is_ok() && text.ends_with(OURS.as_bytes())
}

fn find(folder: &File, name: &OsStr) -> Option<FileId> {
    let stat = sys::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Some(FileId::of_stat(&stat))
}
