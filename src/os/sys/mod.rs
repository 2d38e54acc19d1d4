//! The boundary to the operating system for everything that custody depends on: files, clocks, random
//! numbers, threads and channels.
//!
//! This module makes no decisions. Its items are those of std and rustix, under the same names where
//! possible. With the feature `simulation` they are look-alikes on a machine in memory, and the program
//! itself cannot be built.

mod path_calls;
#[cfg_attr(
    all(feature = "simulation", not(test)),
    allow(
        dead_code,
        unused_imports,
        reason = "the simulation uses only its walk along a path"
    )
)]
mod real;
#[cfg(any(test, feature = "simulation"))]
pub(crate) mod simulated;

#[cfg(not(all(feature = "simulation", not(test))))]
use real as world;
#[cfg(all(feature = "simulation", not(test)))]
use simulated as world;

pub(crate) use path_calls::{Facts, Kind, PathCalls};
pub(crate) use real::RealCalls;
#[cfg(not(all(feature = "simulation", not(test))))]
pub(crate) use real::RealCalls as WorldCalls;
#[cfg(all(feature = "simulation", not(test)))]
pub(crate) use simulated::SimulatedCalls as WorldCalls;
pub(crate) use world::{
    AtFlags, File, Instant, Mode, OFlags, RenameFlags, Stat, calendar_time, can_run, crash_point,
    fchmod, fstat, fstatvfs, fsync, getrandom, host_name, linkat, lock_record, metadata, mpsc,
    names, openat, process_id, read_to_string, renameat, renameat_with, require_writable, statat,
    syncfs, syncfs_reports_errors, thread, undivided, unlinkat,
};
