//! Asks for a password on the terminal. The only module that uses rpassword.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rpassword::ConfigBuilder;
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
    // The whole line is there, so this does not wait.
    let has_octets = Rc::new(Cell::new(false));
    let reader = LineReader {
        terminal: terminal.reader().map_err(Error::Prompt)?,
        has_octets: Rc::clone(&has_octets),
    };
    let config = ConfigBuilder::new().input_reader(reader).output_discard();
    let line = rpassword::read_password_with_config(config.build()).map_err(Error::Prompt)?;
    if !has_octets.get() {
        let error = io::Error::new(ErrorKind::UnexpectedEof, "nothing was typed");
        return Err(Error::Prompt(error));
    }
    let line = Zeroizing::new(line.into_bytes());
    // Without the echo the line of the question has not ended.
    terminal.write("\n").map_err(Error::Prompt)?;
    Ok(line)
}

/// Reads a line of the terminal, and notes if there is anything: an empty line ends with a line feed, and Ctrl-D
/// does not.
struct LineReader {
    terminal: File,
    has_octets: Rc<Cell<bool>>,
}

impl Read for LineReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let octets = self.terminal.read(buffer)?;
        self.has_octets.set(self.has_octets.get() || octets > 0);
        Ok(octets)
    }
}

/// The longest that an answer is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
