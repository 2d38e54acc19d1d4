//! The end of a run by a signal (SIGINT, SIGTERM, SIGHUP) or by its time limit, and waits that end with it.

use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// The time that work in progress has after a signal, so that the run ends within 5 seconds.
pub(crate) const GRACE: Duration = Duration::from_secs(4);

/// The longest single poll(2). Where the system takes milliseconds as an `int`, a longer one is an
/// error.
const LONGEST_POLL: Duration = Duration::from_secs(60 * 60);

/// Notices that the user or the system asked the run to end. Clones share what they noticed.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<InterruptState>);

#[derive(Debug)]
struct InterruptState {
    /// The number of the last signal; 0 if there was no signal.
    signal: Arc<AtomicUsize>,
    /// The time at which a signal was first noticed.
    noticed: OnceLock<Instant>,
    /// The time at which the run should end by itself.
    run_ends: OnceLock<Instant>,
    /// Readable from the first signal on: nothing ever reads it.
    wake: UnixStream,
    waker: UnixStream,
}

/// The reason why a run should end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RunEnding {
    /// This signal arrived.
    Signal(u8),
    /// The time of the run is over.
    Timeout,
}

/// The reason why a wait ended before the awaited event came.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WaitError {
    /// The run should end.
    #[error("interrupted")]
    Interrupted,
    /// The deadline passed.
    #[error("timed out")]
    TimedOut,
}

impl Interrupt {
    /// Handles SIGINT, SIGTERM and SIGHUP: the first signal ends the run in an orderly way, the
    /// second one kills the process at once.
    ///
    /// # Errors
    /// The system refuses a descriptor or a handler.
    pub fn install() -> io::Result<Self> {
        Self::install_for(&[SIGINT, SIGTERM, SIGHUP])
    }

    /// Does the same without SIGHUP, which means something else to `mailpull watch`.
    ///
    /// # Errors
    /// The system refuses a descriptor or a handler.
    pub(crate) fn install_for_watch() -> io::Result<Self> {
        Self::install_for(&[SIGINT, SIGTERM])
    }

    fn install_for(signals: &[i32]) -> io::Result<Self> {
        let interrupt = Self::never()?;
        let armed = Arc::new(AtomicBool::new(false));
        for &signal in signals {
            let number = signal.unsigned_abs() as usize;
            // Handlers run in the order of their registration. At the first signal the flag is
            // still false here, so that only the second one ends the process.
            if is_first_process() {
                let status = 128 | signal;
                signal_hook::flag::register_conditional_shutdown(
                    signal,
                    status,
                    Arc::clone(&armed),
                )?;
            } else {
                signal_hook::flag::register_conditional_default(signal, Arc::clone(&armed))?;
            }
            signal_hook::flag::register(signal, Arc::clone(&armed))?;
            signal_hook::flag::register_usize(signal, Arc::clone(&interrupt.0.signal), number)?;
            signal_hook::low_level::pipe::register(signal, interrupt.0.waker.try_clone()?)?;
        }
        Ok(interrupt)
    }

    /// Returns an `Interrupt` that never fires.
    ///
    /// # Errors
    /// The system refuses a descriptor.
    pub fn never() -> io::Result<Self> {
        let (wake, waker) = UnixStream::pair()?;
        Ok(Self(Arc::new(InterruptState {
            signal: Arc::default(),
            noticed: OnceLock::new(),
            run_ends: OnceLock::new(),
            wake,
            waker,
        })))
    }

    /// Behaves as if SIGTERM had arrived.
    #[cfg(test)]
    pub(crate) fn raise(&self) {
        self.0.signal.store(15, Ordering::Relaxed);
        io::Write::write_all(&mut &self.0.waker, b"x").expect("the socket has room");
    }

    /// Returns the signal that asked the run to end.
    pub fn signal(&self) -> Option<u8> {
        match self.0.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => {
                self.0.noticed.get_or_init(Instant::now);
                u8::try_from(signal).ok()
            }
        }
    }

    /// Ends the run in `time`, as SIGTERM would. Only the first call has an effect.
    pub(crate) fn end_in(&self, time: Duration) {
        self.0.run_ends.get_or_init(|| Instant::now() + time);
    }

    /// Returns the reason why the run should end, if there is one.
    pub(crate) fn ending(&self) -> Option<RunEnding> {
        match self.signal() {
            Some(signal) => Some(RunEnding::Signal(signal)),
            None => self.has_timed_out().then_some(RunEnding::Timeout),
        }
    }

    /// Returns true if the run should end: nothing more should be begun.
    pub(crate) fn is_ending(&self) -> bool {
        self.ending().is_some()
    }

    fn has_timed_out(&self) -> bool {
        let ends = self.0.run_ends.get();
        ends.is_some_and(|ends| Instant::now() >= *ends)
    }

    /// Returns true if the run should have ended at least `grace` ago.
    pub fn is_over(&self, grace: Duration) -> bool {
        self.left(grace).is_some_and(|left| left.is_zero())
    }

    /// Returns the rest of `grace`, or `None` if the run need not end.
    fn left(&self, grace: Duration) -> Option<Duration> {
        self.ending()?;
        let timed_out = self.0.run_ends.get().filter(|_| self.has_timed_out());
        let since = self.0.noticed.get().into_iter().chain(timed_out).min()?;
        Some(grace.saturating_sub(since.elapsed()))
    }

    /// Waits until `fd` is ready, but not beyond `deadline`, and at most for `grace` after the
    /// run should end.
    ///
    /// # Errors
    /// The deadline or the grace is over.
    pub fn wait(
        &self,
        fd: BorrowedFd<'_>,
        ready: PollFlags,
        deadline: Instant,
        grace: Duration,
    ) -> Result<(), WaitError> {
        let watched = [PollFd::from_borrowed_fd(fd, ready)];
        self.wait_for_any(&watched, deadline, grace).map(drop)
    }

    /// Waits in the same way for several descriptors. Returns the index of the first one that is
    /// ready.
    pub(crate) fn wait_for_any(
        &self,
        awaited: &[PollFd<'_>],
        deadline: Instant,
        grace: Duration,
    ) -> Result<usize, WaitError> {
        loop {
            let grace_left = self.left(grace);
            if grace_left.is_some_and(|left| left.is_zero()) {
                return Err(WaitError::Interrupted);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let until_ending = self
                .0
                .run_ends
                .get()
                .map(|ends| ends.duration_since(Instant::now()));
            let wait = [grace_left.or(until_ending), Some(LONGEST_POLL)]
                .into_iter()
                .flatten()
                .fold(left, Duration::min);
            let mut watched = awaited.to_vec();
            // `wake` stays readable: once the signal is known, poll would return at once, again and
            // again.
            if self.signal().is_none() {
                watched.push(PollFd::new(&self.0.wake, PollFlags::IN));
            }
            // EINTR counts as a wake-up without a result: the next turn looks at the signal first.
            let woken = rustix::event::poll(&mut watched, timespec(wait).as_ref()).unwrap_or(0);
            let ready = watched[..awaited.len()]
                .iter()
                .position(|fd| !fd.revents().is_empty());
            if woken > 0
                && let Some(ready) = ready
            {
                return Ok(ready);
            }
            if woken == 0 && left.is_zero() {
                return Err(WaitError::TimedOut);
            }
        }
    }

    /// Sleeps, until the run should end.
    ///
    /// # Errors
    /// [`WaitError::Interrupted`], at once, if the run should end.
    pub fn pause(&self, time: Duration) -> Result<(), WaitError> {
        match self.wait_for_any(&[], Instant::now() + time, Duration::ZERO) {
            Err(WaitError::Interrupted) => Err(WaitError::Interrupted),
            Ok(_) | Err(WaitError::TimedOut) => Ok(()),
        }
    }
}

/// Ends the process by a signal, as if the signal had not been handled. A shell script that runs the program
/// in a loop ends with it then, while a program that exits with a status is followed by the next one.
///
/// Returns if the kernel does not let the signal end the process: it is the first one of its system.
pub(crate) fn die_by(signal: u8) {
    if !is_first_process() {
        // If the signal is unknown, the process exits with a status instead.
        let _ = signal_hook::low_level::emulate_default_handler(signal.into());
    }
}

/// Returns true for the first process of a system or a container, which the kernel protects from signals
/// that it does not handle.
fn is_first_process() -> bool {
    std::process::id() == 1
}

/// Returns true if the wait that this error is about ended because the run should end. Such an error carries
/// [`WaitError::Interrupted`], not `ErrorKind::Interrupted`: on that one, std's own loops
/// (`read_exact`, `write_all`) would try again.
pub(crate) fn is_interrupt(error: &io::Error) -> bool {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<WaitError>())
        .is_some_and(|error| *error == WaitError::Interrupted)
}

fn timespec(duration: Duration) -> Option<Timespec> {
    Timespec::try_from(duration).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::fd::AsFd;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(5)
    }

    fn interrupted() -> Interrupt {
        let interrupt = Interrupt::never().expect("a pair of sockets");
        interrupt.raise();
        interrupt
    }

    #[test]
    fn a_wait_ends_at_its_deadline() {
        let (reader, _writer) = UnixStream::pair().expect("a pair of sockets");
        let interrupt = Interrupt::never().expect("a pair of sockets");
        let waited = interrupt.wait(reader.as_fd(), PollFlags::IN, soon(), GRACE);
        assert_eq!(waited, Err(WaitError::TimedOut));
    }

    #[test]
    fn a_pause_ends_on_time_or_by_a_signal() {
        let interrupt = Interrupt::never().expect("a pair of sockets");
        assert_eq!(interrupt.pause(Duration::from_millis(1)), Ok(()));
        let paused = interrupted().pause(Duration::from_secs(60));
        assert_eq!(paused, Err(WaitError::Interrupted));
    }

    #[test]
    fn a_signal_ends_a_wait_once_its_grace_is_over() {
        let (reader, _writer) = UnixStream::pair().expect("a pair of sockets");
        let deadline = Instant::now() + Duration::from_secs(60);
        let waited = interrupted().wait(reader.as_fd(), PollFlags::IN, deadline, Duration::ZERO);
        assert_eq!(waited, Err(WaitError::Interrupted));
    }

    #[test]
    fn a_run_ends_by_itself_when_its_time_is_over() {
        let (reader, _writer) = UnixStream::pair().expect("a pair of sockets");
        let interrupt = Interrupt::never().expect("a pair of sockets");
        interrupt.end_in(Duration::from_millis(5));
        interrupt.end_in(Duration::ZERO);
        assert_eq!(interrupt.ending(), None);
        let deadline = Instant::now() + Duration::from_secs(60);
        let grace = Duration::from_millis(1);
        let waited = interrupt.wait(reader.as_fd(), PollFlags::IN, deadline, grace);
        assert_eq!(waited, Err(WaitError::Interrupted));
        assert_eq!(interrupt.ending(), Some(RunEnding::Timeout));
        interrupt.raise();
        assert_eq!(interrupt.ending(), Some(RunEnding::Signal(15)));
        assert!(interrupt.is_over(Duration::ZERO));
    }

    #[test]
    fn a_descriptor_that_is_ready_within_the_grace_is_reported() {
        let (reader, mut writer) = UnixStream::pair().expect("a pair of sockets");
        writer
            .write_all(b"x")
            .expect("the socket has room for an octet");
        let waited = interrupted().wait(reader.as_fd(), PollFlags::IN, soon(), GRACE);
        assert_eq!(waited, Ok(()));
    }
}
