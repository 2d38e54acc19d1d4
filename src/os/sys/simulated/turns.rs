//! Threads and channels whose waits give the turn to the other thread.

/// Threads that end within a scope.
pub(crate) mod thread {
    use std::panic::{self, AssertUnwindSafe};
    use std::thread;

    use super::super::machine::{self, ThreadPlace};

    /// The scope of threads.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Scope<'scope, 'env: 'scope>(&'scope thread::Scope<'scope, 'env>);

    /// A thread in a scope.
    pub(crate) struct ScopedJoinHandle<'scope, T> {
        handle: thread::ScopedJoinHandle<'scope, T>,
        place: std::sync::Arc<ThreadPlace>,
    }

    /// Runs threads that end before this returns.
    pub(crate) fn scope<'env, T>(work: impl for<'scope> FnOnce(Scope<'scope, 'env>) -> T) -> T {
        thread::scope(|scope| {
            let ended = panic::catch_unwind(AssertUnwindSafe(|| work(Scope(scope))));
            machine::await_other_threads();
            ended.unwrap_or_else(|payload| panic::resume_unwind(payload))
        })
    }

    impl<'scope> Scope<'scope, '_> {
        /// Starts a thread.
        pub(crate) fn spawn<T: Send + 'scope>(
            self,
            work: impl FnOnce() -> T + Send + 'scope,
        ) -> ScopedJoinHandle<'scope, T> {
            let place = std::sync::Arc::new(machine::enrol());
            let theirs = std::sync::Arc::clone(&place);
            let handle = self.0.spawn(move || {
                let _here = theirs.enter();
                work()
            });
            ScopedJoinHandle { handle, place }
        }
    }

    impl<T> ScopedJoinHandle<'_, T> {
        /// Waits for the end of the thread.
        pub(crate) fn join(self) -> thread::Result<T> {
            self.place.await_end();
            self.handle.join()
        }
    }
}

/// Channels.
pub(crate) mod mpsc {
    use std::sync::mpsc;
    use std::time::Duration;

    pub(crate) use mpsc::{RecvTimeoutError, Sender, TryRecvError};

    use super::super::machine;

    /// The receiving end of a channel.
    #[derive(Debug)]
    pub(crate) struct Receiver<T>(mpsc::Receiver<T>);

    /// Makes a channel.
    pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
        let (sender, receiver) = mpsc::channel();
        (sender, Receiver(receiver))
    }

    impl<T> Receiver<T> {
        /// Returns what has been sent.
        pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
            self.0.try_recv()
        }

        /// Waits for something that is sent. The other thread never takes too long.
        pub(crate) fn recv_timeout(&self, _timeout: Duration) -> Result<T, RecvTimeoutError> {
            loop {
                match self.0.try_recv() {
                    Ok(received) => return Ok(received),
                    Err(TryRecvError::Disconnected) => return Err(RecvTimeoutError::Disconnected),
                    Err(TryRecvError::Empty) => machine::pause(),
                }
            }
        }

        /// Returns what is sent until the other end is gone.
        pub(crate) fn iter(&self) -> impl Iterator<Item = T> + '_ {
            std::iter::from_fn(|| self.recv_timeout(Duration::MAX).ok())
        }
    }

    impl<T> IntoIterator for Receiver<T> {
        type Item = T;
        type IntoIter = mpsc::IntoIter<T>;

        /// Returns what was sent. The other thread must not wait for this one any more.
        fn into_iter(self) -> mpsc::IntoIter<T> {
            let (sender, rest) = mpsc::channel();
            for received in self.iter() {
                // The receiver is in this function.
                let _ = sender.send(received);
            }
            rest.into_iter()
        }
    }
}
