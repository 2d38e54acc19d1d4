//! `run-timeout`: the time after which a run ends in good order.

use std::time::Duration;

use super::Context;
use crate::exit::{Exit, Failure};
use crate::os::signals::RunEnding;
use crate::report::Event;

/// The time limit of a run, if it has one.
pub(super) struct RunLimit<'a> {
    timeout: Option<Duration>,
    context: &'a Context<'a>,
}

impl<'a> RunLimit<'a> {
    /// Begins the time of a run.
    pub(super) fn begin(timeout: Option<Duration>, context: &'a Context<'a>) -> Self {
        if let Some(timeout) = timeout {
            context.interrupt.end_in(timeout);
        }
        Self { timeout, context }
    }

    /// Reports that the limit has ended the run before `cut_short` accounts were done. Returns the
    /// status that this leads to.
    pub(super) fn report(&self, cut_short: usize) -> Option<Exit> {
        let timeout = self.timeout?;
        if cut_short == 0 || self.context.interrupt.ending() != Some(RunEnding::Timeout) {
            return None;
        }
        let what = format!(
            "the run was ended after {} s (run-timeout); accounts that were not finished: {cut_short}",
            timeout.as_secs()
        );
        let hint = "Run mailpull again: it continues where this run stopped";
        let failure = Failure::new(what, Exit::Temporary).with_hint(hint);
        self.context.reporter("").report(Event::Problem(&failure));
        Some(failure.exit)
    }
}
