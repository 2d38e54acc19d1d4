//! The walk along a path on the simulated disk. It has no symbolic links, and one user.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::super::path_calls::{Facts, Kind, PathCalls};
use super::calls::{self, File};
use super::disk::{Disk, Inode};
use super::machine::{MachineState, step};

/// The calls of the simulated machine.
#[derive(Debug)]
pub(crate) enum SimulatedCalls {}

impl PathCalls for SimulatedCalls {
    type Handle = File;

    const SEARCH: OFlags = OFlags::DIRECTORY;

    fn open(path: &Path, flags: OFlags) -> Result<File, Errno> {
        calls::open(path, flags)
    }

    fn openat(folder: &File, name: &OsStr, flags: OFlags) -> Result<File, Errno> {
        match name == "." {
            true => folder.try_clone().map_err(|_| Errno::IO),
            false => calls::openat(folder, name, flags, Mode::empty()),
        }
    }

    fn mkdirat(folder: &File, name: &OsStr, _: Mode) -> Result<(), Errno> {
        let name = name.as_encoded_bytes();
        let what = |disk: &Disk| format!("mkdir {}", disk.path_in(folder.inode, name));
        step(what, |state| {
            state.faults.require_room()?;
            state.disk.create(folder.inode, name, true).map(drop)
        })
    }

    fn fchmod(file: &File, mode: Mode) -> Result<(), Errno> {
        calls::fchmod(file, mode)
    }

    fn readlinkat(_: &File, _: &OsStr) -> Result<OsString, Errno> {
        Err(Errno::INVAL)
    }

    fn facts(file: &File) -> Result<Facts, Errno> {
        let what = |disk: &Disk| format!("fstat {}", disk.path_of(file.inode));
        step(what, |state| Ok(facts(state, file.inode)))
    }

    fn has_fixed_modes(_: &File) -> bool {
        false
    }

    fn facts_at(folder: &File, name: &OsStr) -> Result<Facts, Errno> {
        let name = name.as_encoded_bytes();
        let what = |disk: &Disk| format!("stat {}", disk.path_in(folder.inode, name));
        step(what, |state| {
            let inode = state.disk.find(folder.inode, name)?;
            Ok(facts(state, inode))
        })
    }
}

fn facts(state: &MachineState, inode: Inode) -> Facts {
    let kind = match state.disk.is_folder(inode) {
        true => Kind::Folder,
        false => Kind::File,
    };
    Facts {
        kind,
        owner: geteuid().as_raw(),
        group: 0,
        mode: 0o700,
        device: 1,
        inode,
    }
}
