//! The services of the operating system: secrets in memory and in files, the keyring, signals, child
//! processes, threads, locks, the replacement of files, random numbers, and when the machine was started.
//!
//! Below them, `sys` is the boundary to the system for everything that custody depends on.

use std::io;

pub(crate) mod boot;
pub(crate) mod child;
pub(crate) mod child_output;
pub(crate) mod keyring;
pub(crate) mod lent_terminal;
pub(crate) mod lock;
pub(crate) mod log_sink;
pub(crate) mod random;
pub(crate) mod replace_file;
pub mod secret;
pub(crate) mod secret_file;
pub(crate) mod service_manager;
pub(crate) mod signals;
pub(crate) mod sys;
pub(crate) mod thread;
pub(crate) mod walk;
pub(crate) mod watch_signals;

/// Returns true if the disk is full, or the user's share of it: there may be room later.
pub(crate) fn is_disk_full(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), QuotaExceeded | StorageFull)
}
