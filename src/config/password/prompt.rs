//! Asks for a password on the terminal.

use std::io::{self, ErrorKind};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::config::password::error::Error;
use crate::config::password::terminal::Saved;
use crate::os::signals::{Interrupt, WaitError};
use crate::os::thread::Task;

/// Asks on the terminal, and returns what was typed.
///
/// rpassword blocks in a read that nothing can end. After a signal its thread is left behind, with the
/// terminal as it was, and the program is expected to end.
///
/// # Errors
/// The terminal does not work or was closed (Ctrl-D); a signal arrived, such as that of Ctrl-C.
pub(super) fn ask(question: String, interrupt: &Interrupt) -> Result<Zeroizing<Vec<u8>>, Error> {
    let saved = Saved::now();
    // rpassword prints the question before it turns the echo off: what is typed in between would be
    // seen.
    if let Some(saved) = &saved {
        saved.hide();
    }
    let asked = Task::start(interrupt, move || {
        let typed = rpassword::prompt_password(question)?;
        Ok(Zeroizing::new(typed.into_bytes()))
    });
    let answer = asked
        .map(|task| task.wait_without_deadline(Duration::ZERO))
        .unwrap_or_else(|error| Ok(Err(error)));
    let unanswered = match answer {
        Ok(Ok(typed)) => {
            if let Some(saved) = &saved {
                saved.put_back();
            }
            return Ok(typed);
        }
        Ok(Err(error)) => explain(error),
        Err(WaitError::Interrupted | WaitError::TimedOut) => Error::Interrupted,
    };
    if let Some(saved) = saved {
        saved.restore();
    }
    Err(unanswered)
}

fn explain(error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::Interrupted => Error::Interrupted,
        ErrorKind::UnexpectedEof => {
            Error::Prompt(io::Error::new(error.kind(), "nothing was typed"))
        }
        _ => Error::Prompt(error),
    }
}
