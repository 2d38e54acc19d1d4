//! Asks on the terminal for consent, and for arguments that are missing, except passwords.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use crate::exit::{Exit, Failure};
use crate::os::signals::Interrupt;
use crate::text::{OneLine, ServerText};

/// A user who answers questions, if there is a terminal.
pub(super) struct Questions<'a> {
    interrupt: &'a Interrupt,
    has_terminal: bool,
}

impl<'a> Questions<'a> {
    /// Finds out if there is a terminal.
    pub(super) fn new(interrupt: &'a Interrupt) -> Self {
        Self {
            interrupt,
            has_terminal: io::stdin().is_terminal() && io::stderr().is_terminal(),
        }
    }

    /// Returns true if a user can answer.
    pub(super) fn can_ask(&self) -> bool {
        self.has_terminal
    }

    /// Asks for the value of `flag`. An empty answer means the proposal, if one is shown.
    pub(super) fn ask(
        &self,
        flag: &str,
        question: &str,
        proposal: Option<&str>,
    ) -> Result<String, Failure> {
        if !self.has_terminal {
            let what = format!("{flag} is missing, and there is no terminal to ask on");
            return Err(Failure::new(what, Exit::Usage));
        }
        let question = match proposal {
            None | Some("") => format!("{question}: "),
            Some(proposal) => format!("{question} [{}]: ", ServerText::from(proposal)),
        };
        loop {
            let answer = self.line(&question)?;
            match (answer.as_str(), proposal) {
                ("", Some(proposal)) => return Ok(proposal.to_owned()),
                ("", None) => {}
                _ => return Ok(answer),
            }
        }
    }

    /// Shows a line that a question is about. If that fails, so does the question.
    pub(super) fn show(&self, line: &str) {
        let _ = writeln!(io::stderr().lock(), "{}", OneLine(line));
    }

    /// Asks for the user's consent. No answer and no terminal mean no.
    pub(super) fn confirm(&self, question: &str) -> Result<bool, Failure> {
        if !self.has_terminal {
            return Ok(false);
        }
        let answer = self.line(&format!("{question} [y/N]: "))?;
        Ok(matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// Reads one line. A terminal returns one line at a time, so nothing after it is read.
    fn line(&self, question: &str) -> Result<String, Failure> {
        let cannot = |error: io::Error| {
            Failure::new(
                format!("cannot ask on the terminal: {error}"),
                Exit::LocalIo,
            )
        };
        let mut asked = io::stderr().lock();
        write!(asked, "{question}").map_err(cannot)?;
        asked.flush().map_err(cannot)?;
        let stdin = io::stdin();
        let awaited = Instant::now() + ANSWER_TIMEOUT;
        let mut line = [0; 4096];
        let waited = self
            .interrupt
            .wait(stdin.as_fd(), PollFlags::IN, awaited, Duration::ZERO);
        if waited.is_err() {
            // Ends the line of the question; if that fails the next line only looks odd.
            let _ = writeln!(asked);
        }
        let octets = waited
            .map_err(io::Error::other)
            .and_then(|()| Ok(rustix::io::read(stdin.as_fd(), &mut line)?))
            .map_err(cannot)?;
        match octets {
            0 => Err(Failure::new(
                "nothing was typed, so nothing was changed",
                Exit::Usage,
            )),
            octets => Ok(String::from_utf8_lossy(&line[..octets]).trim().to_owned()),
        }
    }
}

/// The longest that an answer is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
