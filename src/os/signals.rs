//! Signals that end the run, and waiting that they can end: the only door to signal-hook.
//! Does not know what is being waited for.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use signal_hook::SigId;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};

/// How long after a signal what was begun may still take, so that all is over within 5 seconds.
pub(crate) const GRACE: Duration = Duration::from_secs(4);

/// How often a child is looked at that was not heard of: whoever started us may have blocked its
/// signal.
const PULSE: Duration = Duration::from_millis(100);

/// Whether the user or the system asked the run to end. Clones share the answer.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<State>);

#[derive(Debug)]
struct State {
    signal: Arc<AtomicUsize>,
    noticed: OnceLock<Instant>,
    /// Readable for good once a signal came.
    wake: UnixStream,
    waker: UnixStream,
}

/// Why waiting ended without what was waited for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WaitError {
    /// A signal asked the run to end.
    #[error("interrupted")]
    Interrupted,
    /// The deadline passed.
    #[error("timed out")]
    TimedOut,
}

impl Interrupt {
    /// Lets SIGINT, SIGTERM and SIGHUP end the run in good order. The second of them ends the
    /// process at once.
    ///
    /// # Errors
    /// The system refuses a descriptor or a handler.
    pub fn install() -> io::Result<Self> {
        let interrupt = Self::never()?;
        let armed = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let number = signal.unsigned_abs() as usize;
            signal_hook::flag::register_conditional_shutdown(
                signal,
                128 | signal,
                Arc::clone(&armed),
            )?;
            signal_hook::flag::register(signal, Arc::clone(&armed))?;
            signal_hook::flag::register_usize(signal, Arc::clone(&interrupt.0.signal), number)?;
            signal_hook::low_level::pipe::register(signal, interrupt.0.waker.try_clone()?)?;
        }
        Ok(interrupt)
    }

    /// One that no signal reaches.
    ///
    /// # Errors
    /// The system refuses a descriptor.
    pub fn never() -> io::Result<Self> {
        let (wake, waker) = UnixStream::pair()?;
        Ok(Self(Arc::new(State {
            signal: Arc::default(),
            noticed: OnceLock::new(),
            wake,
            waker,
        })))
    }

    /// The signal that asked the run to end.
    pub fn signal(&self) -> Option<u8> {
        match self.0.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => {
                self.0.noticed.get_or_init(Instant::now);
                u8::try_from(signal).ok()
            }
        }
    }

    /// Whether a signal came and `grace` has passed since.
    pub fn is_over(&self, grace: Duration) -> bool {
        self.left(grace).is_some_and(|left| left.is_zero())
    }

    /// What is left of `grace`, if a signal came.
    fn left(&self, grace: Duration) -> Option<Duration> {
        self.signal()?;
        let noticed = self.0.noticed.get()?;
        Some(grace.saturating_sub(noticed.elapsed()))
    }

    /// Waits until `fd` is ready, at most until `deadline`, and after a signal at most for `grace`.
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

    /// The same for several; tells the first of them that is ready.
    fn wait_for_any(
        &self,
        awaited: &[PollFd<'_>],
        deadline: Instant,
        grace: Duration,
    ) -> Result<usize, WaitError> {
        loop {
            let patience = self.left(grace);
            if patience.is_some_and(|left| left.is_zero()) {
                return Err(WaitError::Interrupted);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = patience.map_or(left, |patience| patience.min(left));
            let mut watched = awaited.to_vec();
            // Once the signal is known the wake-up would only spin.
            if patience.is_none() {
                watched.push(PollFd::new(&self.0.wake, PollFlags::IN));
            }
            // EINTR comes round again: the signal is looked at first.
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

    /// Does nothing for so long.
    ///
    /// # Errors
    /// [`WaitError::Interrupted`], at once: a signal came.
    pub fn pause(&self, time: Duration) -> Result<(), WaitError> {
        match self.wait_for_any(&[], Instant::now() + time, Duration::ZERO) {
            Err(WaitError::Interrupted) => Err(WaitError::Interrupted),
            Ok(_) | Err(WaitError::TimedOut) => Ok(()),
        }
    }

    /// Hears of the end of every child process from now on.
    ///
    /// # Errors
    /// The system refuses a descriptor or a handler.
    pub fn watch_children(&self) -> io::Result<ChildWatch> {
        let (heard, bell) = UnixStream::pair()?;
        heard.set_nonblocking(true)?;
        Ok(ChildWatch {
            interrupt: self.clone(),
            heard,
            bell: signal_hook::low_level::pipe::register(SIGCHLD, bell)?,
        })
    }

    /// Runs what cannot be interrupted itself on a thread of its own.
    ///
    /// # Errors
    /// The system refuses a descriptor or a thread.
    pub fn spawn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<Task<T>> {
        let (done, doing) = UnixStream::pair()?;
        let worker = thread::Builder::new().spawn(move || {
            let result = work();
            drop(doing);
            result
        })?;
        Ok(Task {
            interrupt: self.clone(),
            done,
            worker,
        })
    }
}

/// Tells that a child process ended, whichever it was (SIGCHLD).
#[derive(Debug)]
pub struct ChildWatch {
    interrupt: Interrupt,
    heard: UnixStream,
    bell: SigId,
}

impl ChildWatch {
    /// Waits until a child is to be looked at or, where that is given, something can be written to
    /// `fd`, at most until `deadline`, and after a signal at most for `grace`; whether it was a child:
    /// one ended since the last [`Self::clear`], or nothing was heard for a while.
    ///
    /// # Errors
    /// The deadline or the grace is over.
    pub fn wait_or_write(
        &self,
        fd: Option<BorrowedFd<'_>>,
        deadline: Instant,
        grace: Duration,
    ) -> Result<bool, WaitError> {
        let mut awaited = vec![PollFd::new(&self.heard, PollFlags::IN)];
        awaited.extend(fd.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::OUT)));
        let soon = Instant::now() + PULSE;
        match self
            .interrupt
            .wait_for_any(&awaited, deadline.min(soon), grace)
        {
            Ok(ready) => Ok(ready == 0),
            Err(WaitError::TimedOut) if soon < deadline => Ok(true),
            Err(broken) => Err(broken),
        }
    }

    /// Makes it tell of those only that end from now on: to be called before a child is looked at.
    pub fn clear(&self) {
        let mut octets = [0; 64];
        while matches!((&self.heard).read(&mut octets), Ok(1..)) {}
    }
}

impl Drop for ChildWatch {
    fn drop(&mut self) {
        signal_hook::low_level::unregister(self.bell);
    }
}

/// Work on a thread of its own. Dropped, it is left to itself.
#[derive(Debug)]
pub struct Task<T> {
    interrupt: Interrupt,
    done: UnixStream,
    worker: JoinHandle<T>,
}

impl<T> Task<T> {
    /// Waits until it is done, at most until `deadline`, and after a signal at most for `grace`.
    ///
    /// # Errors
    /// The deadline or the grace is over; the task goes on and can be waited for again.
    pub fn wait(&self, deadline: Instant, grace: Duration) -> Result<(), WaitError> {
        let done = self.done.as_fd();
        self.interrupt.wait(done, PollFlags::IN, deadline, grace)
    }

    /// Its result, for which it blocks.
    pub fn join(self) -> T {
        self.worker
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// Whether this error was caused by a signal that ended a wait. It carries
/// [`WaitError::Interrupted`]: `ErrorKind::Interrupted` would be tried again by every caller.
pub(crate) fn is_interrupt(error: &io::Error) -> bool {
    error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<WaitError>())
        .is_some_and(|broken| *broken == WaitError::Interrupted)
}

fn timespec(duration: Duration) -> Option<Timespec> {
    Timespec::try_from(duration).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::process::Command;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(5)
    }

    fn interrupted() -> Interrupt {
        let interrupt = Interrupt::never().expect("a pair of sockets");
        interrupt.0.signal.store(15, Ordering::Relaxed);
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
    fn a_pause_ends_by_itself_or_by_a_signal() {
        let interrupt = Interrupt::never().expect("a pair of sockets");
        assert_eq!(interrupt.pause(Duration::from_millis(1)), Ok(()));
        let broken = interrupted().pause(Duration::from_secs(60));
        assert_eq!(broken, Err(WaitError::Interrupted));
    }

    #[test]
    fn a_signal_ends_a_wait_once_its_grace_is_over() {
        let (reader, _writer) = UnixStream::pair().expect("a pair of sockets");
        let deadline = Instant::now() + Duration::from_secs(60);
        let waited = interrupted().wait(reader.as_fd(), PollFlags::IN, deadline, Duration::ZERO);
        assert_eq!(waited, Err(WaitError::Interrupted));
    }

    #[test]
    fn what_is_ready_within_the_grace_is_taken() {
        let (reader, mut writer) = UnixStream::pair().expect("a pair of sockets");
        writer.write_all(b"x").expect("it has room");
        let waited = interrupted().wait(reader.as_fd(), PollFlags::IN, soon(), GRACE);
        assert_eq!(waited, Ok(()));
    }

    #[test]
    fn the_end_of_a_child_is_heard() {
        let interrupt = Interrupt::never().expect("a pair of sockets");
        let knell = interrupt.watch_children().expect("a handler");
        let mut child = Command::new("true").spawn().expect("a program");
        let far = Instant::now() + Duration::from_secs(60);
        while child.try_wait().expect("a child").is_none() {
            assert_eq!(knell.wait_or_write(None, far, GRACE), Ok(true));
        }
        // Sooner than it would be looked at unheard.
        assert_eq!(knell.wait_or_write(None, soon(), GRACE), Ok(true));
    }

    #[test]
    fn work_that_hangs_is_left_behind() {
        let interrupt = Interrupt::never().expect("a pair of sockets");
        let (hold, held) = UnixStream::pair().expect("a pair of sockets");
        let task = interrupt
            .spawn(move || drop((&held).read(&mut [0])))
            .expect("a thread");
        assert_eq!(task.wait(soon(), GRACE), Err(WaitError::TimedOut));
        drop(hold);
        assert_eq!(task.wait(Instant::now() + GRACE, GRACE), Ok(()));
        task.join();
    }
}
