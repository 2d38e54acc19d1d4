//! The boundary to the operating system for everything that custody depends on: files, clocks, random
//! numbers, threads and channels.
//!
//! This module makes no decisions. Its items are those of std and rustix, under the same names where
//! possible. So this is the single place where a simulated system can replace the real one.

mod real;

pub(crate) use real::{
    AtFlags, File, Instant, Mode, OFlags, RenameFlags, Stat, calendar_time, can_run, create_folder,
    fstat, fstatvfs, fsync, getrandom, host_name, is_empty, linkat, metadata, mpsc, names, open,
    openat, owner, process_id, read_to_string, renameat, renameat_with, require_writable, statat,
    symlink_metadata, syncfs, syncfs_reports_errors, thread, unlinkat,
};
