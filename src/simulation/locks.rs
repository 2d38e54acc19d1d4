//! Locks that outlive a process which was killed while it held them.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks what a killed process or a panicking thread may have held.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
