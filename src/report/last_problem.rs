//! Remembers the last error of an account's run, for `mailpull status`.

use std::sync::{Mutex, PoisonError};

use super::{Event, Reporter};

/// Passes events on, and remembers the last error, also one that is not shown.
pub(crate) struct LastProblem<'a> {
    reporter: &'a dyn Reporter,
    last: Mutex<Option<String>>,
}

impl<'a> LastProblem<'a> {
    /// Passes events on to `reporter`.
    pub(crate) fn new(reporter: &'a dyn Reporter) -> Self {
        Self {
            reporter,
            last: Mutex::default(),
        }
    }

    /// Returns the last error, without its hint.
    pub(crate) fn take(&self) -> Option<String> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.take()
    }
}

impl Reporter for LastProblem<'_> {
    fn report(&self, account: &str, event: Event<'_>) {
        if let Event::Problem(failure) | Event::TransientProblem(failure) = event {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            *last = Some(failure.what.clone());
        }
        self.reporter.report(account, event);
    }
}
