//! One run at a time for an account.
//! Knows nothing of what the run does.

use std::fs::File;
use std::path::Path;

use super::Error;
use crate::os::lock;

/// An account's lock. It ends when it is dropped or the process ends, however that happens: the
/// file is never renamed or removed, so that it cannot go stale and two runs cannot hold two of it.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock without waiting.
    ///
    /// # Errors
    /// Another run has it, or the file cannot be opened.
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
