//! The calls by which a path is walked, one component after the other.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// The facts that decide if a file, a folder or a symbolic link can be trusted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Facts {
    pub(crate) kind: Kind,
    pub(crate) owner: u32,
    pub(crate) group: u32,
    /// The permissions, with the sticky bit and the set-id bits.
    pub(crate) mode: u32,
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// The kinds of files.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    File,
    Folder,
    Link,
    /// A FIFO, a socket or a device.
    Other,
}

/// The calls by which a path is walked. With the feature `simulation` there are two implementations: the
/// simulated disk has the Maildirs, and the real one has the state folder.
pub(crate) trait PathCalls {
    /// An open file or folder.
    type Handle;

    /// The flags to open a folder in which names are only looked up.
    const SEARCH: OFlags;

    fn open(path: &Path, flags: OFlags) -> Result<Self::Handle, Errno>;

    fn openat(folder: &Self::Handle, name: &OsStr, flags: OFlags) -> Result<Self::Handle, Errno>;

    fn mkdirat(folder: &Self::Handle, name: &OsStr, mode: Mode) -> Result<(), Errno>;

    fn fchmod(file: &Self::Handle, mode: Mode) -> Result<(), Errno>;

    /// Returns the target of a symbolic link.
    fn readlinkat(folder: &Self::Handle, name: &OsStr) -> Result<OsString, Errno>;

    fn facts(file: &Self::Handle) -> Result<Facts, Errno>;

    /// Returns true if the file system has no owners and permissions of its own: they are chosen by whoever
    /// mounts it.
    fn has_fixed_modes(file: &Self::Handle) -> bool;

    /// Returns the facts about a name in a folder. A symbolic link is not followed.
    fn facts_at(folder: &Self::Handle, name: &OsStr) -> Result<Facts, Errno>;
}
