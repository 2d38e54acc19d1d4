//! A blocking call on a thread of its own, so that a deadline or a signal can end the wait for it.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use super::signals::{Interrupt, WaitError};

/// A call that cannot be interrupted itself, such as getaddrinfo(3), on a thread of its own.
#[derive(Debug)]
pub(crate) struct Task<T> {
    interrupt: Interrupt,
    /// Reports the end of the file once the thread has dropped its side.
    done: UnixStream,
    worker: JoinHandle<T>,
}

impl<T: Send + 'static> Task<T> {
    /// Starts the call.
    ///
    /// # Errors
    /// The system refuses a descriptor or a thread.
    pub(crate) fn start(
        interrupt: &Interrupt,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<Self> {
        let (done, doing) = UnixStream::pair()?;
        let worker = thread::Builder::new().spawn(move || {
            let result = work();
            drop(doing);
            result
        })?;
        Ok(Self {
            interrupt: interrupt.clone(),
            done,
            worker,
        })
    }

    /// Waits for the result, but not beyond `deadline`, and at most for `grace` after a signal.
    ///
    /// # Errors
    /// The deadline or the grace is over. The thread is left behind: it ends with its call or with
    /// the process.
    pub(crate) fn wait(self, deadline: Instant, grace: Duration) -> Result<T, WaitError> {
        let done = self.done.as_fd();
        self.interrupt.wait(done, PollFlags::IN, deadline, grace)?;
        let joined = self.worker.join();
        Ok(joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn never() -> Interrupt {
        Interrupt::never().expect("a pair of sockets")
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    /// Starts a call that returns once the sender is dropped.
    fn hanging(interrupt: &Interrupt) -> (Task<()>, mpsc::Sender<()>) {
        let (hold, held) = mpsc::channel();
        let task = Task::start(interrupt, move || {
            let _: Result<(), _> = held.recv();
        });
        (task.expect("a thread"), hold)
    }

    #[test]
    fn the_result_of_a_call_is_returned() {
        let task = Task::start(&never(), || 7).expect("a thread");
        assert_eq!(task.wait(later(), Duration::ZERO), Ok(7));
    }

    #[test]
    fn a_call_that_hangs_is_left_at_the_deadline() {
        let (task, _hold) = hanging(&never());
        let soon = Instant::now() + Duration::from_millis(5);
        assert_eq!(task.wait(soon, Duration::ZERO), Err(WaitError::TimedOut));
    }

    #[test]
    fn a_signal_ends_the_wait_for_a_call() {
        let interrupt = never();
        let (task, _hold) = hanging(&interrupt);
        interrupt.raise();
        let waited = task.wait(later(), Duration::ZERO);
        assert_eq!(waited, Err(WaitError::Interrupted));
    }
}
