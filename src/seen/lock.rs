//! An account's lock: one run at a time.

use std::fs::File;
use std::io;
use std::path::Path;

use super::Error;
use crate::os::lock;

/// An account's lock, held until it is dropped. Its file also holds the generation that the last run
/// noted (see [`super::freshness`]).
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock without waiting.
    ///
    /// # Errors
    /// Another run holds it, or the file cannot be opened.
    pub(super) fn take(path: &Path) -> Result<Self, Error> {
        let file = lock::open(path);
        Self::on(file.map_err(|source| cannot_lock(path, source))?, path)
    }

    /// Takes the lock where no file can be made. A backup may have no lock file, and that of another user may
    /// be private: then there is no lock.
    ///
    /// # Errors
    /// Another run holds it.
    pub(super) fn take_to_read(path: &Path) -> Result<Option<Self>, Error> {
        match lock::open_to_read(path) {
            Ok(file) => Self::on(file, path).map(Some),
            Err(_) => Ok(None),
        }
    }

    fn on(file: File, path: &Path) -> Result<Self, Error> {
        let is_ours = lock::try_take(&file).map_err(|source| cannot_lock(path, source))?;
        match is_ours {
            true => Ok(Self { _file: file }),
            false => Err(Error::Locked),
        }
    }
}

fn cannot_lock(path: &Path, source: io::Error) -> Error {
    Error::Lock {
        path: path.to_owned(),
        source,
    }
}
