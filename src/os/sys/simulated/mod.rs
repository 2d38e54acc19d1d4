//! Another world: a machine in memory, on which a seed decides what happens.
#![cfg_attr(
    test,
    allow(
        dead_code,
        reason = "the unit tests of the program run on the real system"
    )
)]

pub(crate) mod call_faults;
mod calls;
pub(crate) mod disk;
pub(crate) mod generator;
pub(crate) mod machine;
mod path_calls;
mod turns;

#[cfg_attr(test, allow(unused_imports, reason = "the same"))]
pub(crate) use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};

#[cfg_attr(test, allow(unused_imports, reason = "the same"))]
pub(crate) use calls::{
    File, Instant, Stat, calendar_time, can_run, crash_point, fchmod, fstat, fstatvfs, fsync,
    getrandom, host_name, linkat, lock_record, metadata, names, openat, process_id, read_to_string,
    renameat, renameat_with, require_writable, statat, syncfs, syncfs_reports_errors, unlinkat,
};
#[cfg_attr(test, allow(unused_imports, reason = "the same"))]
pub(crate) use machine::undivided;
#[cfg_attr(test, allow(unused_imports, reason = "the same"))]
pub(crate) use path_calls::SimulatedCalls;
#[cfg_attr(test, allow(unused_imports, reason = "the same"))]
pub(crate) use turns::{mpsc, thread};
