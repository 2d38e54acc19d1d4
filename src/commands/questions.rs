//! Asks on the terminal for consent, for texts and for choices, except passwords.

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

    /// Asks for a text. An empty answer means the proposal, if there is one.
    pub(super) fn ask(
        &self,
        question: &str,
        proposal: Option<&str>,
    ) -> Result<TypedAnswer, Failure> {
        let question = match proposal {
            None | Some("") => format!("{question}: "),
            Some(proposal) => format!("{question} [{}]: ", ServerText::from(proposal)),
        };
        loop {
            let answer = self.line(&question)?;
            match (answer.as_str(), proposal) {
                (BACK, _) => return Ok(TypedAnswer::Back),
                ("", Some(proposal)) => return Ok(TypedAnswer::Text(proposal.to_owned())),
                ("", None) => {}
                _ => return Ok(TypedAnswer::Text(answer)),
            }
        }
    }

    /// Shows numbered choices and asks for one. Returns its index, or `None` if the user wants to go back. An
    /// empty answer means the first choice, unless `Proposal::None` says that it must be typed.
    pub(super) fn choose(
        &self,
        question: &str,
        choices: &[String],
        proposal: Proposal,
    ) -> Result<Option<usize>, Failure> {
        self.show(question);
        for (index, choice) in choices.iter().enumerate() {
            self.show(&format!("  {}  {choice}", index + 1));
        }
        let prompt = match proposal {
            Proposal::First => format!("1 to {} [1]: ", choices.len()),
            Proposal::None => format!("1 to {}: ", choices.len()),
        };
        loop {
            let answer = self.line(&prompt)?;
            match (answer.as_str(), proposal) {
                (BACK, _) => return Ok(None),
                ("", Proposal::First) => return Ok(Some(0)),
                _ => {}
            }
            let number = answer
                .parse()
                .ok()
                .and_then(|number: usize| number.checked_sub(1));
            if let Some(index) = number.filter(|index| *index < choices.len()) {
                return Ok(Some(index));
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

    /// Asks for the user's consent to something that most want. An empty answer means yes.
    pub(super) fn agree(&self, question: &str) -> Result<bool, Failure> {
        let answer = self.line(&format!("{question} [Y/n]: "))?;
        Ok(matches!(
            answer.to_ascii_lowercase().as_str(),
            "" | "y" | "yes"
        ))
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
            0 => {
                // Ctrl-D leaves the cursor behind the question.
                let _ = writeln!(asked);
                Err(Failure::new(
                    "nothing was typed, so nothing was changed",
                    Exit::Usage,
                ))
            }
            octets => Ok(String::from_utf8_lossy(&line[..octets]).trim().to_owned()),
        }
    }
}

/// An answer that was typed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum TypedAnswer {
    Text(String),
    /// The user wants to return to the question before.
    Back,
}

/// The choice that an empty answer stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Proposal {
    First,
    None,
}

/// The answer that returns to the question before.
const BACK: &str = "<";

/// The longest that an answer is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
