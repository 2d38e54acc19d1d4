//! Threads and channels whose waits give the turn to the other thread.

/// Threads that end within a scope.
pub(crate) mod thread {
    use std::cell::RefCell;
    use std::panic::{self, AssertUnwindSafe};
    use std::rc::Rc;
    use std::sync::Arc;
    use std::thread;

    use super::super::machine::{self, ThreadPlace};

    /// The scope of threads.
    #[derive(Clone)]
    pub(crate) struct Scope<'scope, 'env: 'scope> {
        scope: &'scope thread::Scope<'scope, 'env>,
        started: Rc<RefCell<Vec<Arc<ThreadPlace>>>>,
    }

    /// A thread in a scope.
    pub(crate) struct ScopedJoinHandle<'scope, T> {
        handle: thread::ScopedJoinHandle<'scope, T>,
        place: Arc<ThreadPlace>,
    }

    /// Runs threads that end before this returns.
    pub(crate) fn scope<'env, T>(work: impl for<'scope> FnOnce(Scope<'scope, 'env>) -> T) -> T {
        thread::scope(|scope| {
            let started = Rc::default();
            let ours = Scope {
                scope,
                started: Rc::clone(&started),
            };
            let ended = panic::catch_unwind(AssertUnwindSafe(|| work(ours)));
            for place in started.take() {
                place.await_end();
            }
            ended.unwrap_or_else(|payload| panic::resume_unwind(payload))
        })
    }

    impl<'scope> Scope<'scope, '_> {
        /// Starts a thread.
        pub(crate) fn spawn<T: Send + 'scope>(
            &self,
            work: impl FnOnce() -> T + Send + 'scope,
        ) -> ScopedJoinHandle<'scope, T> {
            let place = Arc::new(machine::enrol());
            self.started.borrow_mut().push(Arc::clone(&place));
            let theirs = Arc::clone(&place);
            let handle = self.scope.spawn(move || {
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
