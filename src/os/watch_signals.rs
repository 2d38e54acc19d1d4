//! The signals that ask `mailpull watch` for something: SIGUSR1 to visit all accounts now, SIGHUP to read the
//! configuration again.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGUSR1};

/// Notices the signals.
#[derive(Debug)]
pub(crate) struct WatchSignals {
    hurry: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
    /// Readable after a signal.
    wake: UnixStream,
}

/// The requests that arrived since the last call.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct WatchRequests {
    /// All accounts are to be visited now.
    pub hurry: bool,
    /// The configuration is to be read again.
    pub reload: bool,
}

impl WatchSignals {
    /// Handles the signals from now on.
    ///
    /// # Errors
    /// The system refuses a descriptor or a handler.
    pub(crate) fn install() -> io::Result<Self> {
        let (wake, waker) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let signals = Self {
            hurry: Arc::default(),
            reload: Arc::default(),
            wake,
        };
        for (signal, flag) in [(SIGUSR1, &signals.hurry), (SIGHUP, &signals.reload)] {
            // The flag comes first, because handlers run in the order of their registration.
            signal_hook::flag::register(signal, Arc::clone(flag))?;
            signal_hook::low_level::pipe::register(signal, waker.try_clone()?)?;
        }
        Ok(signals)
    }

    /// Returns what was asked for since the last call.
    pub(crate) fn take(&self) -> WatchRequests {
        let mut octets = [0; 64];
        while (&self.wake).read(&mut octets).is_ok_and(|read| read > 0) {}
        WatchRequests {
            hurry: self.hurry.swap(false, Ordering::Relaxed),
            reload: self.reload.swap(false, Ordering::Relaxed),
        }
    }
}

impl AsFd for WatchSignals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}
