//! Questions on the terminal, for what no flag has said.
//! Knows no answer, and asks for no password.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use crate::exit::{Exit, Failure};
use crate::os::signals::Interrupt;
use crate::text::ServerText;

/// Somebody to be asked, or nobody.
pub(super) struct Questions<'a> {
    interrupt: &'a Interrupt,
    is_anybody_there: bool,
}

impl<'a> Questions<'a> {
    /// Looks whether somebody is there.
    pub(super) fn new(interrupt: &'a Interrupt) -> Self {
        Self {
            interrupt,
            is_anybody_there: io::stdin().is_terminal() && io::stderr().is_terminal(),
        }
    }

    /// Whether somebody is there.
    pub(super) fn has_listener(&self) -> bool {
        self.is_anybody_there
    }

    /// Asks for what `flag` would have said. An empty answer is the proposal, where there is one.
    pub(super) fn ask(
        &self,
        flag: &str,
        question: &str,
        proposal: Option<&str>,
    ) -> Result<String, Failure> {
        if !self.is_anybody_there {
            let what = format!("{flag} is missing, and without a terminal nobody can be asked");
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

    /// Asks whether to do something; whoever says nothing does not want it, nor does nobody.
    pub(super) fn confirm(&self, question: &str) -> Result<bool, Failure> {
        if !self.is_anybody_there {
            return Ok(false);
        }
        let answer = self.line(&format!("{question} [y/N]: "))?;
        Ok(matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// Reads one line. A terminal gives one at a time, so that nothing is read ahead.
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
            // What comes next shall not stand behind the question; it is all the same if it does.
            let _ = writeln!(asked);
        }
        let octets = waited
            .map_err(io::Error::other)
            .and_then(|()| Ok(rustix::io::read(stdin.as_fd(), &mut line)?))
            .map_err(cannot)?;
        match octets {
            0 => Err(Failure::new(
                "nothing was typed; nothing was written",
                Exit::Usage,
            )),
            octets => Ok(String::from_utf8_lossy(&line[..octets]).trim().to_owned()),
        }
    }
}

/// Longer than anybody thinks about an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
