//! The question on the terminal. The only door to rpassword.
//! Does not know what else holds a password.

use std::io::{self, ErrorKind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::config::password::error::Error;
use crate::config::password::terminal::Saved;

/// Asks on the terminal, and returns what was typed.
///
/// The reading thread cannot be called back: when `interrupted` turns true it is left behind, with
/// the terminal as it was, and the program is expected to end.
///
/// # Errors
/// The terminal does not work or was closed (Ctrl-D); Ctrl-C, or `interrupted` turned true.
pub(super) fn ask(
    question: String,
    interrupted: &dyn Fn() -> bool,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let saved = Saved::now();
    // rpassword asks first and hides then: what is typed in between would be seen.
    if let Some(saved) = &saved {
        saved.hide();
    }
    let (sender, answer) = mpsc::channel();
    thread::spawn(move || {
        let typed = rpassword::prompt_password(question);
        // Nobody listens any more after an interruption; the password is wiped.
        let _ = sender.send(typed.map(|text| Zeroizing::new(text.into_bytes())));
    });
    let unanswered = loop {
        match answer.recv_timeout(PULSE) {
            Ok(Ok(typed)) => {
                if let Some(saved) = &saved {
                    saved.put_back();
                }
                return Ok(typed);
            }
            Ok(Err(error)) => break explain(error),
            Err(RecvTimeoutError::Disconnected) => break explain(ErrorKind::Other.into()),
            Err(RecvTimeoutError::Timeout) if interrupted() => break Error::Interrupted,
            Err(RecvTimeoutError::Timeout) => {}
        }
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

const PULSE: Duration = Duration::from_millis(50);
