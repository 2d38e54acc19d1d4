//! An account's lock: one run at a time.

use std::fs::File;
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
        let cannot = |source| Error::Lock {
            path: path.to_owned(),
            source,
        };
        let file = lock::open(path).map_err(cannot)?;
        if lock::try_take(&file).map_err(cannot)? {
            Ok(Self { _file: file })
        } else {
            Err(Error::Locked)
        }
    }
}
