//! Locks on files. A lock ends when its file is closed or its process ends, however that happens.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::OFlags;

use super::signals::Interrupt;

/// Opens a lock file, which is made if it is not there.
///
/// It is never renamed or removed: two processes could lock two files of the same name then.
///
/// # Errors
/// The system refuses it.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// Opens a lock file that exists, where it cannot be written.
///
/// # Errors
/// The system refuses it, or it does not exist.
pub(crate) fn open_to_read(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        // A FIFO that another user has put there must not block.
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
}

/// Takes the lock on a file or a folder without waiting. Returns false if another process has it.
///
/// # Errors
/// The file system has no locks.
pub(crate) fn try_take(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Takes the lock on a file or a folder, and waits for it if another process has it. Returns false
/// if that process still has it after `timeout`.
///
/// # Errors
/// The file system has no locks. A signal arrived: [`super::signals::is_interrupt`].
pub(crate) fn take(file: &File, timeout: Duration, interrupt: &Interrupt) -> io::Result<bool> {
    let deadline = Instant::now() + timeout;
    while !try_take(file)? {
        if Instant::now() >= deadline {
            return Ok(false);
        }
        // The system can wait for a lock, but only without a deadline.
        interrupt.pause(RETRY_INTERVAL).map_err(io::Error::other)?;
    }
    Ok(true)
}

const RETRY_INTERVAL: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::super::signals::is_interrupt;
    use super::*;

    #[test]
    fn a_lock_is_free_once_its_file_is_closed() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("lock");
        let [first, second] = [open(&path), open(&path)].map(|file| file.expect("a lock file"));
        assert!(try_take(&first).expect("there are locks"));
        assert!(!try_take(&second).expect("there are locks"));
        drop(first);
        assert!(try_take(&second).expect("there are locks"));
    }

    #[test]
    fn waiting_for_a_lock_ends_at_its_timeout_or_by_a_signal() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("lock");
        let [first, second] = [open(&path), open(&path)].map(|file| file.expect("a lock file"));
        assert!(try_take(&first).expect("there are locks"));
        let interrupt = Interrupt::never().expect("a pair of sockets");
        let taken = take(&second, Duration::from_millis(1), &interrupt);
        assert!(!taken.expect("there are locks"));
        interrupt.raise();
        let taken = take(&second, Duration::from_secs(60), &interrupt);
        assert!(is_interrupt(&taken.expect_err("a signal arrived")));
    }
}
