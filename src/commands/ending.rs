//! Tells a user at a terminal how a run ends that a signal cut short.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::Context;
use crate::os::signals::WaitError;
use crate::report::Event;

/// Says after a signal that the run is finishing what has arrived, because that may take seconds. A run that
/// ends within [`SHORT_ENDING`] says nothing.
pub(super) fn announce(context: &Context<'_>) {
    if !io::stderr().is_terminal() {
        return;
    }
    let was_announced = Arc::clone(&context.ending_was_announced);
    let interrupt = context.interrupt.clone();
    let reporter = Arc::clone(&context.reporter);
    let announce = move || {
        while interrupt.pause(LONG_PAUSE) != Err(WaitError::Interrupted) {}
        if interrupt.signal().is_some() {
            thread::sleep(SHORT_ENDING);
            let what = "finishing; Ctrl-C again stops at once";
            was_announced.store(true, Ordering::Relaxed);
            reporter.report("", Event::Ending(&what));
        }
    };
    // Without a thread the run ends in the same way, only silently.
    let _ = thread::Builder::new().spawn(announce);
}

/// Reports after a signal which accounts were left unfinished. A single account has said it itself, unless it
/// was slow to end.
pub(super) fn report_unfinished(cut_short: usize, accounts: usize, context: &Context<'_>) {
    if accounts == 1 && !context.ending_was_announced.load(Ordering::Relaxed) {
        return;
    }
    let what = match (cut_short, accounts) {
        (_, 1) => "stopped; the next run continues here".to_owned(),
        (0, _) => "stopped; all accounts were finished".to_owned(),
        _ => format!(
            "stopped; {cut_short} of {accounts} accounts were not finished, and the next run continues \
             with them"
        ),
    };
    context.reporter.report("", Event::Ending(&what));
}

/// A run that ends within this time after a signal does not announce that.
const SHORT_ENDING: Duration = Duration::from_millis(100);

/// The time between two looks at a run that does not end.
const LONG_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);
