//! A folder that was reached by a walk, and what is done in it without its path.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::super::sys::{Facts, Kind, Mode, OFlags, PathCalls};
use super::error::UnsafePath;
use super::rule::{Reason, Users};

/// A folder that was opened and judged.
#[derive(Debug)]
pub(crate) struct WalkedFolder<C: PathCalls> {
    /// Opened only to look up names in it.
    pub(crate) handle: C::Handle,
    pub(crate) facts: Facts,
    /// Its path without symbolic links.
    pub(crate) path: PathBuf,
}

impl<C: PathCalls> WalkedFolder<C> {
    /// Opens a folder in this one for reading. A symbolic link is not followed.
    ///
    /// # Errors
    /// The system refuses it, or it is not a folder.
    pub(crate) fn open(&self, name: &str) -> Result<(C::Handle, Facts), Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = C::openat(&self.handle, OsStr::new(name), flags)?;
        let facts = C::facts(&handle)?;
        Ok((handle, facts))
    }

    /// Requires that the folder is ours, and that nobody else can write to it.
    ///
    /// # Errors
    /// It belongs to another user, or others can write to it.
    pub(crate) fn require_own(&self) -> Result<(), UnsafePath> {
        self.require_own_file(&self.path, &self.facts)
    }

    /// Requires the same of something in it.
    ///
    /// # Errors
    /// As [`Self::require_own`].
    pub(crate) fn require_own_file(&self, path: &Path, facts: &Facts) -> Result<(), UnsafePath> {
        let judged = Users::here().judge_own(facts);
        judged.map_err(|reason| self.unsafe_entry(path, facts, reason))
    }

    /// Requires that mail can be delivered into a folder: this one, or one in it. Other users may deliver
    /// there, too, if a group was given that right.
    ///
    /// # Errors
    /// It belongs to another user, or everybody can exchange what is in it.
    pub(crate) fn require_target(&self, path: &Path, facts: &Facts) -> Result<(), UnsafePath> {
        let judged = Users::here().judge_target(facts);
        judged.map_err(|reason| self.unsafe_entry(path, facts, reason))
    }

    fn unsafe_entry(&self, path: &Path, facts: &Facts, reason: Reason) -> UnsafePath {
        UnsafePath {
            path: path.to_owned(),
            component: path.to_owned(),
            kind: facts.kind,
            reason,
            has_fixed_modes: C::has_fixed_modes(&self.handle),
        }
    }

    /// Returns the facts about a name in it; `None` if nothing has the name.
    ///
    /// # Errors
    /// The system refuses it.
    pub(crate) fn look(&self, name: &str) -> Result<Option<Facts>, Errno> {
        match C::facts_at(&self.handle, OsStr::new(name)) {
            Ok(facts) => Ok(Some(facts)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Makes a folder in this one (mode 0700), unless it exists. Returns true if it was made.
    ///
    /// # Errors
    /// The system refuses it.
    pub(crate) fn make(&self, name: &str) -> Result<bool, Errno> {
        match C::mkdirat(&self.handle, OsStr::new(name), Mode::RWXU) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    /// Gives this folder, or one in it, other permissions. It keeps the bit by which new files get its group.
    ///
    /// # Errors
    /// The system refuses it.
    pub(crate) fn set_mode(&self, name: &str, mode: u32) -> Result<(), Errno> {
        let (handle, facts) = self.open(name)?;
        C::fchmod(&handle, Mode::from_raw_mode(mode | facts.mode & SET_GROUP))
    }

    /// Returns true if a name in it is a symbolic link.
    pub(crate) fn is_link(&self, name: &OsStr) -> bool {
        C::facts_at(&self.handle, name).is_ok_and(|facts| facts.kind == Kind::Link)
    }

    /// Returns the folder opened for reading.
    ///
    /// # Errors
    /// The system refuses it.
    pub(crate) fn readable(&self) -> Result<C::Handle, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        C::openat(&self.handle, OsStr::new("."), flags)
    }
}

const SET_GROUP: u32 = 0o2000;
