//! The operating system itself.

use std::ffi::{CStr, OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use rustix::fs::{Access, Dir, FileType, FlockOperation};
use rustix::io::Errno;
use rustix::path::Arg;

use super::path_calls::{Facts, Kind, PathCalls};

pub(crate) use std::fs::{File, metadata, read_to_string};
pub(crate) use std::process::id as process_id;
pub(crate) use std::sync::mpsc;
pub(crate) use std::thread;
pub(crate) use std::time::{Instant, SystemTime};

pub(crate) use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, Stat, fchmod, fstat, fstatvfs, fsync, linkat, renameat,
    renameat_with, statat, syncfs, unlinkat,
};
pub(crate) use rustix::rand::getrandom;

/// The calls of the operating system itself.
#[derive(Debug)]
pub(crate) enum RealCalls {}

impl PathCalls for RealCalls {
    type Handle = File;

    // Others may allow us to pass a folder, but not to read it.
    #[cfg(any(target_os = "android", target_os = "freebsd", target_os = "linux"))]
    const SEARCH: OFlags = OFlags::PATH.union(OFlags::DIRECTORY);
    #[cfg(not(any(target_os = "android", target_os = "freebsd", target_os = "linux")))]
    const SEARCH: OFlags = OFlags::DIRECTORY;

    fn open(path: &Path, flags: OFlags) -> Result<File, Errno> {
        open(path, flags)
    }

    fn openat(folder: &File, name: &OsStr, flags: OFlags) -> Result<File, Errno> {
        openat(folder, name, flags, Mode::empty())
    }

    fn mkdirat(folder: &File, name: &OsStr, mode: Mode) -> Result<(), Errno> {
        rustix::fs::mkdirat(folder, name, mode)
    }

    fn fchmod(file: &File, mode: Mode) -> Result<(), Errno> {
        fchmod(file, mode)
    }

    fn readlinkat(folder: &File, name: &OsStr) -> Result<OsString, Errno> {
        let target = rustix::fs::readlinkat(folder, name, Vec::new())?;
        Ok(OsString::from_vec(target.into_bytes()))
    }

    fn facts(file: &File) -> Result<Facts, Errno> {
        fstat(file).map(|stat| facts(&stat))
    }

    fn has_fixed_modes(file: &File) -> bool {
        const CIFS: i64 = 0xFF53_4D42;
        const EXFAT: i64 = 0x2011_BAB0;
        const FAT: i64 = 0x4D44;
        const NTFS: i64 = 0x7366_746E;
        const SMB: i64 = 0x517B;
        const SMB2: i64 = 0xFE53_4D42;
        const VBOX: i64 = 0x786F_4256;
        rustix::fs::fstatfs(file).is_ok_and(|stat| {
            [CIFS, EXFAT, FAT, NTFS, SMB, SMB2, VBOX].contains(&(stat.f_type & 0xFFFF_FFFF))
        })
    }

    fn facts_at(folder: &File, name: &OsStr) -> Result<Facts, Errno> {
        statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map(|stat| facts(&stat))
    }
}

fn facts(stat: &Stat) -> Facts {
    Facts {
        kind: match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder,
            FileType::Symlink => Kind::Link,
            _ => Kind::Other,
        },
        owner: stat.st_uid,
        group: stat.st_gid,
        mode: stat.st_mode & 0o7777,
        device: stat.st_dev,
        inode: stat.st_ino,
    }
}

/// Opens a file or folder by its path.
fn open(path: &Path, flags: OFlags) -> Result<File, Errno> {
    rustix::fs::open(path, flags, Mode::empty()).map(File::from)
}

/// Opens or creates a file in a folder.
pub(crate) fn openat(
    folder: &File,
    name: impl Arg,
    flags: OFlags,
    mode: Mode,
) -> Result<File, Errno> {
    rustix::fs::openat(folder, name, flags, mode).map(File::from)
}

/// Takes the lock on a whole file that other programs take by fcntl(2), without waiting. Returns false if another
/// process has it. The lock ends when the process closes *any* descriptor of the file.
pub(crate) fn lock_record(file: &File) -> Result<bool, Errno> {
    match rustix::fs::fcntl_lock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::ACCESS | Errno::AGAIN) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Confirms that the effective user may create files in a folder.
pub(crate) fn require_writable(folder: &File) -> Result<(), Errno> {
    let wanted = Access::WRITE_OK | Access::EXEC_OK;
    rustix::fs::accessat(folder, ".", wanted, AtFlags::EACCESS)
}

/// Returns the names of all files in a folder.
pub(crate) fn names(folder: &File) -> Result<Vec<Vec<u8>>, Errno> {
    Dir::read_from(folder)?
        .map(|entry| entry.map(|entry| CStr::to_bytes(entry.file_name()).to_vec()))
        .collect()
}

/// Returns true if a path leads to a program that this user can run.
pub(crate) fn can_run(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, Access::EXEC_OK).is_ok()
}

/// Returns true if syncfs reports a failed write: on Linux since 5.8, on the file systems that are
/// known to record errors for it. Before 5.8 it succeeded whatever had happened.
pub(crate) fn syncfs_reports_errors(folder: &File) -> bool {
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

/// Returns the name of this machine.
pub(crate) fn host_name() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}

/// Returns the time of the calendar.
pub(crate) fn calendar_time() -> SystemTime {
    SystemTime::now()
}

/// Does nothing: here a simulated process may be killed.
pub(crate) fn crash_point(_what: &'static str) {}

/// Does work during which no other thread of a simulated process goes on: it holds a lock that others wait for.
pub(crate) fn undivided<T>(work: impl FnOnce() -> T) -> T {
    work()
}
