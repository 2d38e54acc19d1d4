//! An mbox file that no other program writes to, because it is locked: by fcntl(2), and by a lock file beside it.
//!
//! Both locks are taken without waiting, and given back before the next try: other programs take them in any order.

use std::ffi::OsStr;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;

use super::dot_lock::DotLock;
use super::error::{Error, HeldLock};
use super::format::{FROM, separator};
use super::{FileId, MboxLocks, MboxOptions};
use crate::delivery::FileMode;
use crate::os::signals::Interrupt;
use crate::os::sys::{self, AtFlags, File, Instant, Mode, OFlags, PathCalls, Stat, WorldCalls};
use crate::os::walk::{self, PathRule, WalkedFolder};

/// The time between two tries to take the locks.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);
/// The octets that are written at once.
const BUFFER: usize = 1024 * 1024;

/// The files that this process holds. All its threads share the lock of fcntl(2), and it ends when any of them
/// closes the file.
static HELD: Mutex<Vec<FileId>> = Mutex::new(Vec::new());

fn held() -> MutexGuard<'static, Vec<FileId>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An mbox file by its path.
#[derive(Debug)]
pub(super) struct MboxPath {
    folder: WalkedFolder<WorldCalls>,
    path: PathBuf,
    file_mode: FileMode,
    locks: MboxLocks,
}

/// A locked mbox file. Dropping it gives the locks back.
#[derive(Debug)]
pub(super) struct LockedMbox {
    at: Arc<MboxPath>,
    /// `None` once it is closed.
    file: Option<File>,
    dot_lock: Option<DotLock>,
    pub(super) id: FileId,
    pub(super) length: u64,
    /// The time of its last change, when it was locked.
    pub(super) modified: (i64, i64),
}

impl MboxPath {
    /// Finds the folder of an mbox file.
    ///
    /// # Errors
    /// There is no such folder, or another user could exchange what is in it.
    pub(super) fn open(options: &MboxOptions) -> Result<Self, Error> {
        let path = &options.path;
        let parent = path.parent().unwrap_or(Path::new("/"));
        let folder = walk::open_folder(parent, PathRule::Links);
        let folder = folder.map_err(|error| Error::walk(path, error))?;
        folder.require_target(parent, &folder.facts)?;
        let found = Self {
            folder,
            path: path.clone(),
            file_mode: options.file_mode,
            locks: options.locks,
        };
        if let Some(facts) = found.look()? {
            found.require_ours(&facts)?;
        }
        Ok(found)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn folder(&self) -> &File {
        &self.folder.handle
    }

    pub(super) fn name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_default()
    }

    /// Removes the lock file that a run could not remove, so that other programs need not wait until there is mail.
    pub(super) fn remove_left_lock(self: &Arc<Self>) -> Result<(), Error> {
        if DotLock::is_left(self) && self.is_there()? {
            drop(self.try_lock()?);
        }
        Ok(())
    }

    /// Locks the file, which is created if it is not there.
    ///
    /// # Errors
    /// Another program has held a lock for `timeout`, the run ends, or the system refuses it.
    pub(super) fn lock(
        self: &Arc<Self>,
        timeout: Duration,
        interrupt: &Interrupt,
    ) -> Result<LockedMbox, Error> {
        let begun = Instant::now();
        loop {
            let by = match self.try_lock()? {
                Ok(locked) => return Ok(locked),
                Err(by) => by,
            };
            if begun.elapsed() >= timeout {
                let path = self.path.clone();
                return Err(Error::Busy { path, by });
            }
            interrupt
                .pause(RETRY_INTERVAL)
                .map_err(|_| Error::Interrupted(self.path.clone()))?;
        }
    }

    fn try_lock(self: &Arc<Self>) -> Result<Result<LockedMbox, HeldLock>, Error> {
        const BUSY: Result<LockedMbox, HeldLock> = Err(HeldLock::Record);
        let Some((file, id)) = self.open_unheld()? else {
            return Ok(BUSY);
        };
        // From here on the file is closed by dropping this.
        let mut locked = LockedMbox {
            at: Arc::clone(self),
            file: Some(file),
            dot_lock: None,
            id,
            length: 0,
            modified: (0, 0),
        };
        let taken = sys::lock_record(locked.file());
        if !taken.map_err(|errno| Error::local("lock", &self.path, errno))? {
            return Ok(BUSY);
        }
        if self.locks == MboxLocks::FcntlAndDotLock {
            match DotLock::take(self)? {
                None => return Ok(Err(HeldLock::DotLock)),
                taken => locked.dot_lock = taken,
            }
        }
        // Mail readers write a new file and rename it. Who has locked the old one has locked nothing.
        if !locked.is_in_its_place()? {
            return Ok(BUSY);
        }
        let stat = sys::fstat(locked.file());
        let stat = stat.map_err(|errno| Error::local("look at", &self.path, errno))?;
        locked.length = u64::try_from(stat.st_size).unwrap_or_default();
        locked.modified = (stat.st_mtime, stat.st_mtime_nsec as i64);
        locked.require_mbox()?;
        Ok(Ok(locked))
    }

    /// Opens the file, unless this process has it open, and notes that it has.
    fn open_unheld(&self) -> Result<Option<(File, FileId)>, Error> {
        let mut held = held();
        let common =
            OFlags::RDWR | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = match self.look()? {
            Some(facts) if held.contains(&FileId::of(&facts)) => return Ok(None),
            Some(facts) => {
                self.require_ours(&facts)?;
                sys::openat(self.folder(), self.name(), common, Mode::empty())
            }
            None => {
                let flags = common | OFlags::CREATE | OFlags::EXCL;
                let mode = Mode::RUSR | Mode::WUSR;
                sys::openat(self.folder(), self.name(), flags, mode).and_then(|file| {
                    if !self.file_mode.is_private() {
                        sys::fchmod(&file, self.file_mode.of_file())?;
                    }
                    Ok(file)
                })
            }
        };
        let file = match opened {
            Ok(file) => file,
            // Another program has just removed or created it.
            Err(Errno::NOENT | Errno::EXIST) => return Ok(None),
            Err(errno) => return Err(self.not_opened(errno)),
        };
        let facts = WorldCalls::facts(&file);
        let facts = facts.map_err(|errno| Error::local("look at", &self.path, errno))?;
        self.require_ours(&facts)?;
        let id = FileId::of(&facts);
        held.push(id);
        Ok(Some((file, id)))
    }

    fn not_opened(&self, errno: Errno) -> Error {
        match errno {
            Errno::NOTDIR | Errno::ROFS | Errno::NOSPC | Errno::DQUOT => Error::Create {
                path: self.path.clone(),
                source: errno.into(),
            },
            _ => Error::local("open", &self.path, errno),
        }
    }

    /// Requires that it is a regular file that only this user, or a group that was chosen, can write to.
    fn require_ours(&self, facts: &sys::Facts) -> Result<(), Error> {
        if facts.kind != sys::Kind::File {
            return Err(Error::NotRegular(self.path.clone()));
        }
        Ok(self.folder.require_target(&self.path, facts)?)
    }

    /// Returns true if there is a file.
    ///
    /// # Errors
    /// The system refuses to tell.
    pub(super) fn is_there(&self) -> Result<bool, Error> {
        Ok(self.look()?.is_some())
    }

    /// Returns the facts about what has its name, if anything.
    fn look(&self) -> Result<Option<sys::Facts>, Error> {
        match WorldCalls::facts_at(self.folder(), self.name()) {
            Ok(facts) => Ok(Some(facts)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(Error::local("look for", &self.path, errno)),
        }
    }
}

impl LockedMbox {
    fn file(&self) -> &File {
        self.file.as_ref().expect("it is open until it is dropped")
    }

    fn file_mut(&mut self) -> &mut File {
        self.file.as_mut().expect("it is open until it is dropped")
    }

    /// Returns what makes an error of one of the system.
    pub(super) fn failed(&self, doing: &'static str) -> impl Fn(io::Error) -> Error + use<> {
        let path = self.at.path.clone();
        move |source| Error::Local {
            doing,
            path: path.clone(),
            source,
        }
    }

    /// Requires that the path still leads to this file.
    ///
    /// # Errors
    /// Another program has put another file there, or removed it.
    pub(super) fn require_in_its_place(&self) -> Result<(), Error> {
        match self.is_in_its_place()? {
            true => Ok(()),
            false => Err(Error::Replaced(self.at.path.clone())),
        }
    }

    fn is_in_its_place(&self) -> Result<bool, Error> {
        match sys::statat(self.at.folder(), self.at.name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(FileId::of_stat(&stat) == self.id),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(Error::local("look for", &self.at.path, errno)),
        }
    }

    /// Requires that it is empty or begins as an mbox: if another path was meant, nothing is written.
    fn require_mbox(&mut self) -> Result<(), Error> {
        let length = self.length.min(FROM.len() as u64) as usize;
        match self.read_at(0, length)? == FROM[..length] {
            true => Ok(()),
            false => Err(Error::NotMbox(self.at.path.clone())),
        }
    }

    /// Reads some octets.
    fn read_at(&mut self, at: u64, count: usize) -> Result<Vec<u8>, Error> {
        let failed = self.failed("read");
        let mut octets = vec![0; count];
        self.reader_at(at)?
            .read_exact(&mut octets)
            .map_err(failed)?;
        Ok(octets)
    }

    /// Returns the file for reading from a place on.
    pub(super) fn reader_at(&mut self, at: u64) -> Result<&mut File, Error> {
        let failed = self.failed("read");
        let file = self.file_mut();
        file.seek(SeekFrom::Start(at)).map_err(failed)?;
        Ok(file)
    }

    /// Returns the line ends that are missing before an entry at this place.
    pub(super) fn separator_at(&mut self, at: u64) -> Result<&'static [u8], Error> {
        let begin = at.saturating_sub(2);
        Ok(separator(&self.read_at(begin, (at - begin) as usize)?))
    }

    /// Returns what appends to the file. It must be [`Appender::finish`]ed.
    pub(super) fn appender(&mut self) -> Appender<'_> {
        Appender {
            file: self.file_mut(),
            buffer: Vec::new(),
            written: 0,
        }
    }

    /// Removes what was appended behind `length`, and makes sure that it stays away. Returns false if that fails.
    pub(super) fn cut_back(&mut self, length: u64) -> bool {
        let is_cut = self.cut(length).is_ok() && sys::fsync(self.file()).is_ok();
        if is_cut {
            self.length = length;
        }
        is_cut
    }

    /// Removes what was appended behind `length`.
    pub(super) fn cut(&mut self, length: u64) -> Result<(), Error> {
        let cut = self.file().set_len(length);
        cut.map_err(self.failed("shorten"))?;
        self.length = length;
        Ok(())
    }

    /// Makes sure that what was appended survives a power cut, also if the file is new.
    pub(super) fn flush(&self) -> Result<(), Error> {
        let failed = |errno| Error::local("flush", &self.at.path, errno);
        sys::fsync(self.file()).map_err(failed)?;
        let folder = self.at.folder.readable().map_err(failed)?;
        sys::fsync(&folder).map_err(failed)
    }
}

impl Drop for LockedMbox {
    fn drop(&mut self) {
        drop(self.dot_lock.take());
        // It must be closed before another thread may open it.
        self.file = None;
        let mut held = held();
        if let Some(at) = held.iter().position(|id| *id == self.id) {
            held.swap_remove(at);
        }
    }
}

/// Appends octets to a file, many at once.
pub(super) struct Appender<'a> {
    file: &'a mut File,
    buffer: Vec<u8>,
    written: u64,
}

impl Appender<'_> {
    /// Writes what is left. Returns the number of octets that were appended.
    ///
    /// # Errors
    /// The system refuses it.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        self.flush()?;
        Ok(self.written)
    }
}

impl Write for Appender<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(octets);
        if self.buffer.len() >= BUFFER {
            self.flush()?;
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl FileId {
    fn of(facts: &sys::Facts) -> Self {
        Self {
            device: facts.device,
            inode: facts.inode,
        }
    }

    pub(super) fn of_stat(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
        }
    }
}
