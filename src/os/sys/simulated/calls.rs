//! Look-alikes of the calls of std and rustix, on the simulated machine. In the story a call has
//! the name of the system call and its paths, so that a test can compare both.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use rustix::path::Arg;
use rustix::rand::GetRandomFlags;

use super::disk::{Disk, Inode};
use super::machine::{MachineState, step};

/// An open file or folder.
#[derive(Debug)]
pub(crate) struct File {
    pub(super) inode: Inode,
    position: AtomicUsize,
    appends: bool,
}

/// The facts that the system gives about an open file or a name in a folder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stat {
    pub st_dev: u64,
    pub st_ino: Inode,
    pub st_size: i64,
    pub st_mtime: i64,
    pub st_mtime_nsec: u64,
}

/// The facts that std gives about a path or an open file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metadata {
    is_folder: bool,
}

/// The facts that the system gives about a disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatVfs {
    pub f_bavail: u64,
    pub f_blocks: u64,
    pub f_frsize: u64,
}

/// A point in time of this run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instant(Duration);

impl Instant {
    pub(crate) fn now() -> Self {
        // A reading of the clock cannot fail.
        Self(step(|_| "read the clock".into(), |state| Ok(state.clock)).unwrap_or_default())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Self::now().0.saturating_sub(self.0)
    }
}

impl Metadata {
    fn of(state: &MachineState, inode: Inode) -> Self {
        Self {
            is_folder: state.disk.is_folder(inode),
        }
    }

    pub(crate) fn is_file(&self) -> bool {
        !self.is_folder
    }
}

impl File {
    fn new(inode: Inode, flags: OFlags) -> Self {
        Self {
            inode,
            position: AtomicUsize::new(0),
            appends: flags.contains(OFlags::APPEND),
        }
    }

    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(open(path, OFlags::RDONLY)?)
    }

    pub(crate) fn sync_all(&self) -> io::Result<()> {
        Ok(fsync(self)?)
    }

    pub(crate) fn set_len(&self, length: u64) -> io::Result<()> {
        let what = |disk: &Disk| format!("truncate {}", disk.path_of(self.inode));
        Ok(step(what, |state| {
            state.disk.set_length(self.inode, length as usize)
        })?)
    }

    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        let what = |disk: &Disk| format!("fstat {}", disk.path_of(self.inode));
        Ok(step(what, |state| Ok(Metadata::of(state, self.inode)))?)
    }

    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            inode: self.inode,
            position: AtomicUsize::new(self.position.load(Ordering::Relaxed)),
            appends: self.appends,
        })
    }
}

impl Read for &File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let at = self.position.load(Ordering::Relaxed);
        let what = |disk: &Disk| format!("read {}", disk.path_of(self.inode));
        let count = step(what, |state| {
            let octets = state.disk.octets(self.inode)?;
            let rest = octets.get(at..).unwrap_or_default();
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        })?;
        self.position.store(at + count, Ordering::Relaxed);
        Ok(count)
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for File {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let at = self.position.load(Ordering::Relaxed);
        let what = |disk: &Disk| format!("write {}", disk.path_of(self.inode));
        let at = step(what, |state| {
            let at = match self.appends {
                true => state.disk.octets(self.inode)?.len(),
                false => at,
            };
            state.faults.require_room()?;
            state.disk.write(self.inode, at, octets).map(|()| at)
        })?;
        self.position.store(at + octets.len(), Ordering::Relaxed);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for &File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(at) = to else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        self.position.store(at as usize, Ordering::Relaxed);
        Ok(at)
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        (&*self).seek(to)
    }
}

/// A program reads nothing of a simulated disk.
impl From<File> for Stdio {
    fn from(_: File) -> Self {
        Self::null()
    }
}

fn octets(name: &impl Arg) -> Result<Vec<u8>, Errno> {
    Ok(name.as_str()?.as_bytes().to_vec())
}

pub(crate) fn open(path: &Path, flags: OFlags) -> Result<File, Errno> {
    let what = |_: &Disk| format!("open {}", path.display());
    step(what, |state| {
        Ok(File::new(state.disk.look_up(path)?, flags))
    })
}

pub(crate) fn openat(folder: &File, name: impl Arg, flags: OFlags, _: Mode) -> Result<File, Errno> {
    let name = octets(&name)?;
    let what = |disk: &Disk| format!("open {}", disk.path_in(folder.inode, &name));
    step(what, |state| {
        let inode = match state.disk.find(folder.inode, &name) {
            Ok(_) if flags.contains(OFlags::EXCL) => return Err(Errno::EXIST),
            Err(Errno::NOENT) if flags.contains(OFlags::CREATE) => {
                state.faults.require_room()?;
                state.disk.create(folder.inode, &name, false)?
            }
            found => found?,
        };
        if flags.contains(OFlags::DIRECTORY) && !state.disk.is_folder(inode) {
            return Err(Errno::NOTDIR);
        }
        Ok(File::new(inode, flags))
    })
}

/// The simulated files have no permissions.
pub(crate) fn fchmod(file: &File, _: Mode) -> Result<(), Errno> {
    step(
        |disk| format!("fchmod {}", disk.path_of(file.inode)),
        |_| Ok(()),
    )
}

pub(crate) fn fsync(file: &File) -> Result<(), Errno> {
    let what = |disk: &Disk| format!("fsync {}", disk.path_of(file.inode));
    step(what, |state| {
        if state.faults.fail_flush() {
            state.disk.lose(file.inode);
            state.tell(|| "that fails".into());
            return Err(Errno::IO);
        }
        state.disk.flush(file.inode);
        Ok(())
    })
}

pub(crate) fn syncfs(_: &File) -> Result<(), Errno> {
    step(
        |_| "syncfs".into(),
        |state| {
            if state.faults.fail_flush() {
                state.disk.lose_all();
                state.tell(|| "that fails".into());
                return Err(Errno::IO);
            }
            state.disk.flush_all();
            Ok(())
        },
    )
}

pub(crate) fn fstat(file: &File) -> Result<Stat, Errno> {
    let what = |disk: &Disk| format!("fstat {}", disk.path_of(file.inode));
    step(what, |state| Ok(stat(state, file.inode)))
}

pub(crate) fn statat(folder: &File, name: impl Arg, _: AtFlags) -> Result<Stat, Errno> {
    let name = octets(&name)?;
    let what = |disk: &Disk| format!("stat {}", disk.path_in(folder.inode, &name));
    step(what, |state| {
        let inode = state.disk.find(folder.inode, &name)?;
        Ok(stat(state, inode))
    })
}

fn stat(state: &MachineState, inode: Inode) -> Stat {
    Stat {
        st_dev: 1,
        st_ino: inode,
        st_size: state
            .disk
            .octets(inode)
            .map_or(0, |octets| octets.len() as i64),
        st_mtime: 0,
        st_mtime_nsec: state.disk.changed(inode),
    }
}

pub(crate) fn fstatvfs(_: &File) -> Result<StatVfs, Errno> {
    Ok(StatVfs {
        f_bavail: 1 << 30,
        f_blocks: 1 << 31,
        f_frsize: 4096,
    })
}

/// No other program uses the simulated files.
pub(crate) fn lock_record(_: &File) -> Result<bool, Errno> {
    Ok(true)
}

pub(crate) fn require_writable(_: &File) -> Result<(), Errno> {
    Ok(())
}

pub(crate) fn names(folder: &File) -> Result<Vec<Vec<u8>>, Errno> {
    let what = |disk: &Disk| format!("list {}", disk.path_of(folder.inode));
    step(what, |state| state.disk.names(folder.inode))
}

pub(crate) fn linkat(
    from: &File,
    name: impl Arg,
    to: &File,
    new_name: impl Arg,
    _: AtFlags,
) -> Result<(), Errno> {
    let (name, new_name) = (octets(&name)?, octets(&new_name)?);
    let what = |disk: &Disk| {
        let from = disk.path_in(from.inode, &name);
        format!("link {from} {}", disk.path_in(to.inode, &new_name))
    };
    step(what, |state| {
        state.faults.require_room()?;
        state.disk.link((from.inode, &name), (to.inode, &new_name))
    })
}

pub(crate) fn renameat(
    from: &File,
    name: impl Arg,
    to: &File,
    new_name: impl Arg,
) -> Result<(), Errno> {
    renameat_with(from, name, to, new_name, RenameFlags::empty())
}

pub(crate) fn renameat_with(
    from: &File,
    name: impl Arg,
    to: &File,
    new_name: impl Arg,
    flags: RenameFlags,
) -> Result<(), Errno> {
    let (name, new_name) = (octets(&name)?, octets(&new_name)?);
    let what = |disk: &Disk| {
        let from = disk.path_in(from.inode, &name);
        format!("rename {from} {}", disk.path_in(to.inode, &new_name))
    };
    step(what, |state| {
        if flags.contains(RenameFlags::NOREPLACE) && state.disk.find(to.inode, &new_name).is_ok() {
            return Err(Errno::EXIST);
        }
        state.faults.require_room()?;
        state
            .disk
            .rename((from.inode, &name), (to.inode, &new_name))
    })
}

pub(crate) fn unlinkat(folder: &File, name: impl Arg, _: AtFlags) -> Result<(), Errno> {
    let name = octets(&name)?;
    let what = |disk: &Disk| format!("unlink {}", disk.path_in(folder.inode, &name));
    step(what, |state| state.disk.unlink(folder.inode, &name))
}

pub(crate) fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    let path = path.as_ref();
    let what = |_: &Disk| format!("stat {}", path.display());
    Ok(step(what, |state| {
        Ok(Metadata::of(state, state.disk.look_up(path)?))
    })?)
}

pub(crate) fn can_run(_: &Path) -> bool {
    true
}

/// The only file that the program reads by its path is that of the boot id.
pub(crate) fn read_to_string(_: &str) -> io::Result<String> {
    Ok(step(
        |_| "read the boot id".into(),
        |state| Ok(format!("boot {}", state.boot)),
    )?)
}

pub(crate) fn syncfs_reports_errors(_: &File) -> bool {
    true
}

pub(crate) fn host_name() -> String {
    "host".into()
}

pub(crate) fn process_id() -> u32 {
    step(
        |_| "ask for the process id".into(),
        |state| Ok(state.process),
    )
    .unwrap_or_default()
}

pub(crate) fn calendar_time() -> SystemTime {
    let clock = step(|_| "read the calendar".into(), |state| Ok(state.clock));
    UNIX_EPOCH + clock.unwrap_or_default()
}

pub(crate) fn getrandom(buffer: &mut [u8], _: GetRandomFlags) -> Result<usize, Errno> {
    step(
        |_| "draw random octets".into(),
        |state| {
            buffer.fill_with(|| state.random.next() as u8);
            Ok(buffer.len())
        },
    )
}

/// A point at which the process may be killed.
pub(crate) fn crash_point(what: &'static str) {
    // If the process is dead, this does not return.
    let _ = step(|_| what.into(), |_| Ok(()));
}
