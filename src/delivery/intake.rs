//! The folder where messages arrive: a Maildir's tmp/, or the spool of an MDA.
//! Does not know what happens to them afterwards.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{Access, AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;

use super::Error;
use super::unique_name::UniqueNames;
use crate::digest::Hasher;
use crate::mail::custody::{Durable, Receipt, StoredMessage};
use crate::mail::headers::HeaderReader;
use crate::mail::maildrop::Message;

/// Up to so many files are flushed one by one: it is no more flushes than a syncfs is worth, and
/// does not make the user wait for what other programs wrote.
const FEW_FILES: usize = 4;
/// A syncfs that took longer carries other programs' octets; from then on files are flushed one
/// by one.
const SLOW_SYNCFS: Duration = Duration::from_secs(2);

/// What is put behind the name of a file that nobody knows: none of ours ends so.
const UNKNOWN: &[u8] = b".unknown";

/// The folder where messages arrive.
#[derive(Debug)]
pub struct Intake {
    folder: Arc<Folder>,
    names: UniqueNames,
    trusts_syncfs: AtomicBool,
}

/// An open folder and its path, for errors.
#[derive(Debug)]
pub(super) struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens a folder; the last component of the path may not be a symbolic link.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let fd = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|errno| Error::cannot("open", path, errno))?;
        Ok(Self {
            fd,
            path: path.to_owned(),
        })
    }

    /// Insists that files can be made in it.
    pub(super) fn require_writable(&self) -> Result<(), Error> {
        let wanted = Access::WRITE_OK | Access::EXEC_OK;
        rustix::fs::accessat(&self.fd, ".", wanted, AtFlags::EACCESS).map_err(|errno| {
            Error::ReadOnly {
                path: self.path.clone(),
                source: errno.into(),
            }
        })
    }

    pub(super) fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes what was renamed in it survive a power cut.
    pub(super) fn flush(&self) -> Result<(), Error> {
        rustix::fs::fsync(&self.fd).map_err(|errno| Error::cannot("flush", &self.path, errno))
    }

    pub(super) fn inode(&self) -> Result<u64, Error> {
        rustix::fs::fstat(&self.fd)
            .map(|stat| stat.st_ino)
            .map_err(|errno| Error::cannot("look at", &self.path, errno))
    }

    /// When names in it last changed.
    pub(super) fn changed(&self) -> Result<(i64, i64), Error> {
        rustix::fs::fstat(&self.fd)
            .map(|stat| (stat.st_mtime, stat.st_mtime_nsec as i64))
            .map_err(|errno| Error::cannot("look at", &self.path, errno))
    }

    pub(super) fn holds(&self, name: &str) -> Result<bool, Error> {
        match rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(Error::cannot("look for", &self.path_of(name), errno)),
        }
    }

    pub(super) fn remove(&self, name: &OsStr) -> Result<(), Error> {
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(Error::cannot("remove", &self.path.join(name), errno)),
        }
    }

    /// The names of all files in it.
    pub(super) fn names(&self) -> Result<Vec<Vec<u8>>, Error> {
        let list = || -> Result<Vec<Vec<u8>>, Errno> {
            let mut names = Vec::new();
            for entry in Dir::read_from(&self.fd)? {
                names.push(entry?.file_name().to_bytes().to_vec());
            }
            Ok(names)
        };
        list().map_err(|errno| Error::cannot("read", &self.path, errno))
    }
}

impl Intake {
    /// Takes an open folder; `tag` tells the account's files from others'.
    pub(super) fn new(folder: Folder, tag: &str) -> Self {
        let trusts_syncfs = AtomicBool::new(reports_errors(&folder.fd));
        Self {
            folder: Arc::new(folder),
            names: UniqueNames::new(tag),
            trusts_syncfs,
        }
    }

    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Insists that so many octets more can be stored, as far as anybody knows.
    ///
    /// # Errors
    /// There is less room on the disk.
    pub fn require_room(&self, octets: u64) -> Result<(), Error> {
        let Ok(disk) = rustix::fs::fstatvfs(&self.folder.fd) else {
            return Ok(());
        };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        // Some file systems do not know their size.
        if disk.f_blocks == 0 || free >= octets {
            return Ok(());
        }
        let path = self.folder.path.clone();
        Err(Error::NoRoom { path, octets, free })
    }

    /// Begins to take a message in.
    ///
    /// # Errors
    /// The file cannot be made; nothing is left behind.
    pub fn accept(&self, message: &Message) -> Result<Incoming, Error> {
        let name = self.names.next(&message.identity.unique_id);
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&self.folder.fd, &name, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|errno| Error::cannot("create", &self.folder.path_of(&name), errno))?;
        Ok(Incoming {
            file: fd.into(),
            unfinished: Unfinished {
                folder: Arc::clone(&self.folder),
                name,
            },
            octets: 0,
            hasher: Hasher::default(),
            header: HeaderReader::default(),
        })
    }

    /// Makes complete messages survive a power cut, their octets and their names: one syncfs where
    /// that is known to report errors, else one fsync a file.
    ///
    /// # Errors
    /// The batch is not stored, and its files are removed: after a failed flush nobody knows what
    /// the disk holds, and a second one would succeed without having written anything.
    pub fn flush(&self, receipts: Vec<Receipt>) -> Result<Vec<Durable>, Error> {
        if let Err(error) = self.flush_files(&receipts) {
            for receipt in receipts {
                // The flush is what failed; a file that stays is swept up by the next run.
                let _ = self.discard(receipt);
            }
            return Err(error);
        }
        Ok(receipts.into_iter().map(Durable::new).collect())
    }

    fn flush_files(&self, receipts: &[Receipt]) -> Result<(), Error> {
        if receipts.len() > FEW_FILES && self.trusts_syncfs.load(Ordering::Relaxed) {
            let begun = Instant::now();
            rustix::fs::syncfs(&self.folder.fd)
                .map_err(|errno| Error::cannot("flush", &self.folder.path, errno))?;
            if begun.elapsed() > SLOW_SYNCFS {
                self.trusts_syncfs.store(false, Ordering::Relaxed);
            }
            return Ok(());
        }
        for receipt in receipts {
            rustix::fs::fsync(receipt.file().as_fd()).map_err(|errno| {
                let path = self.folder.path_of(&receipt.stored().file_name);
                Error::cannot("flush", &path, errno)
            })?;
        }
        self.folder.flush()
    }

    /// Removes a message that turned out to be needless.
    ///
    /// # Errors
    /// The file cannot be removed; the next run sweeps it up.
    pub fn discard(&self, receipt: Receipt) -> Result<(), Error> {
        self.folder
            .remove(OsStr::new(&receipt.into_stored().file_name))
    }

    /// Removes messages that the database did not take: their file names.
    ///
    /// # Errors
    /// A file cannot be removed; the next run sweeps them up.
    pub fn withdraw(&self, file_names: &[String]) -> Result<(), Error> {
        file_names
            .iter()
            .try_for_each(|name| self.folder.remove(OsStr::new(name)))
    }

    /// Removes what an interrupted run left: files of this account that the database does not
    /// know and whose process is no more. Only right under the account's lock.
    ///
    /// # Errors
    /// The folder cannot be read or a file not removed.
    pub fn sweep(&self, staged: &HashSet<String>) -> Result<(), Error> {
        for name in self.abandoned(staged)? {
            self.folder.remove(OsStr::from_bytes(&name))?;
        }
        Ok(())
    }

    /// Renames the same files, so that no later run removes them either; how many those are.
    ///
    /// # Errors
    /// The folder cannot be read or a file not renamed.
    pub fn set_aside(&self, staged: &HashSet<String>) -> Result<usize, Error> {
        let abandoned = self.abandoned(staged)?;
        for name in &abandoned {
            let aside = [name, UNKNOWN].concat();
            rustix::fs::renameat(&self.folder.fd, &**name, &self.folder.fd, &*aside).map_err(
                |errno| {
                    Error::cannot(
                        "rename",
                        &self.folder.path.join(OsStr::from_bytes(name)),
                        errno,
                    )
                },
            )?;
        }
        if !abandoned.is_empty() {
            self.folder.flush()?;
        }
        Ok(abandoned.len())
    }

    fn abandoned(&self, staged: &HashSet<String>) -> Result<Vec<Vec<u8>>, Error> {
        let is_known = |name: &[u8]| str::from_utf8(name).is_ok_and(|name| staged.contains(name));
        let mut names = self.folder.names()?;
        names.retain(|name| self.names.is_abandoned(name) && !is_known(name));
        Ok(names)
    }
}

/// A message that is arriving. Dropped before [`Self::finish`], it leaves nothing behind.
pub struct Incoming {
    file: File,
    unfinished: Unfinished,
    octets: u64,
    hasher: Hasher,
    header: HeaderReader,
}

impl Incoming {
    /// Stores the next octets.
    ///
    /// # Errors
    /// They cannot be written (disk full, input/output error).
    pub fn write(&mut self, octets: &[u8]) -> Result<(), Error> {
        self.file.write_all(octets).map_err(|source| Error::Local {
            doing: "write",
            path: self.unfinished.folder.path_of(&self.unfinished.name),
            source,
        })?;
        self.octets += octets.len() as u64;
        self.hasher.update(octets);
        self.header.push(octets);
        Ok(())
    }

    /// Confirms that the message is complete: its terminator was seen.
    pub fn finish(self, message: Message) -> Receipt {
        let stored = StoredMessage {
            identity: message.identity,
            size: message.size,
            file_name: self.unfinished.keep(),
            octets: self.octets,
            digest: self.hasher.finish(),
            header: self.header.finish(),
        };
        Receipt::new(stored, self.file)
    }
}

/// Removes a file when it is dropped, unless the file is to be kept.
struct Unfinished {
    folder: Arc<Folder>,
    name: String,
}

impl Unfinished {
    fn keep(mut self) -> String {
        std::mem::take(&mut self.name)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.name.is_empty() {
            // The next run sweeps up what cannot be removed now.
            let _ = self.folder.remove(OsStr::new(&self.name));
        }
    }
}

/// Whether syncfs tells of a failed write here: on Linux since 5.8, on file systems that record
/// errors for it.
fn reports_errors(folder: &OwnedFd) -> bool {
    const EXT4: i64 = 0xEF53;
    const XFS: i64 = 0x5846_5342;
    const BTRFS: i64 = 0x9123_683E;
    const F2FS: i64 = 0xF2F5_2010;
    let release = rustix::system::uname();
    let release = release.release().to_string_lossy().into_owned();
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    let mut number = || parts.next().and_then(|part| part.parse::<u32>().ok());
    let is_new =
        matches!((number(), number()), (Some(major), Some(minor)) if (major, minor) >= (5, 8));
    is_new
        && rustix::fs::fstatfs(folder)
            .is_ok_and(|stat| [EXT4, XFS, BTRFS, F2FS].contains(&(stat.f_type & 0xFFFF_FFFF)))
}
