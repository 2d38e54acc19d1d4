//! Asks for a password on the terminal.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::config::password::error::Error;
use crate::config::password::terminal::Saved;
use crate::os::signals::{Interrupt, WaitError};

/// Asks on the terminal, and returns what was typed.
///
/// The terminal stays in the mode in which it edits a line itself, without its echo. It is restored before
/// this returns, whatever happens: no other thread reads from it.
///
/// # Errors
/// The terminal does not work or was closed (Ctrl-D); a signal arrived, such as that of Ctrl-C.
pub(super) fn ask(question: &str, interrupt: &Interrupt) -> Result<Zeroizing<Vec<u8>>, Error> {
    let terminal = Saved::now().map_err(Error::Prompt)?;
    terminal.hide().map_err(Error::Prompt)?;
    let answer = read_answer(&terminal, question, interrupt);
    match &answer {
        Ok(_) => terminal.put_back(),
        Err(_) => terminal.restore(),
    }
    answer
}

fn read_answer(
    terminal: &Saved,
    question: &str,
    interrupt: &Interrupt,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    terminal.write(question).map_err(Error::Prompt)?;
    let deadline = Instant::now() + ANSWER_TIMEOUT;
    match terminal.wait(interrupt, deadline) {
        Ok(()) => {}
        Err(WaitError::Interrupted) => return Err(Error::Interrupted),
        Err(WaitError::TimedOut) => {
            let error = io::Error::new(ErrorKind::TimedOut, "nothing was typed for a day");
            return Err(Error::Prompt(error));
        }
    }
    let mut line = Zeroizing::new(vec![0; LONGEST_LINE]);
    let octets = terminal.read(&mut line).map_err(Error::Prompt)?;
    if octets == 0 {
        let error = io::Error::new(ErrorKind::UnexpectedEof, "nothing was typed");
        return Err(Error::Prompt(error));
    }
    line.truncate(octets);
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    // Without the echo the line of the question has not ended.
    terminal.write("\n").map_err(Error::Prompt)?;
    Ok(line)
}

/// The longest line that a terminal passes on.
const LONGEST_LINE: usize = 4096;

/// The longest that an answer is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
