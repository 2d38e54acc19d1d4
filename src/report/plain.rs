//! Lines on standard error: silence is success.
//! Knows no terminal.

use std::fmt::Display;
use std::io::{self, Write};

use super::{Event, Octets, Reporter};

/// How much is said.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Verbosity {
    /// Errors.
    Quiet,
    /// Errors, and on a terminal what came.
    #[default]
    Normal,
    /// What happens to every message.
    Verbose,
    /// The conversation as well, without secrets.
    Trace,
}

/// Writes lines.
#[derive(Debug)]
pub struct Plain {
    verbosity: Verbosity,
    summaries: bool,
    colored: bool,
}

impl Plain {
    /// `summaries`: whether an account that is done gets a line without `-v` too. `colored`:
    /// whether the word that begins an error stands out.
    pub fn new(verbosity: Verbosity, summaries: Summaries, color: Color) -> Self {
        Self {
            verbosity,
            summaries: summaries == Summaries::Shown && verbosity > Verbosity::Quiet,
            colored: color == Color::Ansi,
        }
    }

    /// The line for an event, if it is worth one.
    pub(super) fn line(&self, account: &str, event: Event<'_>) -> Option<String> {
        let is_verbose = self.verbosity >= Verbosity::Verbose;
        let told = |what: &dyn Display| format!("{account}: {what}");
        match event {
            Event::Problem(what, _) => Some(self.error(account, what)),
            Event::Warning(what) => Some(format!("mailpull: {account}: {what}")),
            Event::Finished(summary) if self.summaries || is_verbose => Some(told(summary)),
            Event::Note(what) if is_verbose => Some(told(what)),
            Event::Delivered(parcel, place) if is_verbose => Some(told(&format_args!(
                "delivered {} ({}) from \"{}\": \"{}\" to {}",
                parcel.identity.unique_id,
                Octets(parcel.octets),
                parcel.header.from,
                parcel.header.subject,
                place
            ))),
            Event::Deleted(what) if is_verbose => Some(told(&format_args!("deleted {what}"))),
            Event::Trace(who, line) if self.verbosity >= Verbosity::Trace => {
                Some(told(&format_args!("{who}: {line}")))
            }
            _ => None,
        }
    }

    fn error(&self, account: &str, what: &dyn Display) -> String {
        let account = if account.is_empty() {
            String::new()
        } else {
            format!("{account}: ")
        };
        if self.colored {
            format!("\x1b[1;31mmailpull:\x1b[0m {account}{what}")
        } else {
            format!("mailpull: {account}{what}")
        }
    }
}

/// Whether an account that is done gets a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Summaries {
    /// Only with `-v`.
    Hidden,
    /// Always.
    Shown,
}

/// Whether output has colours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Color {
    /// ANSI escapes.
    Ansi,
    /// None.
    None,
}

impl Reporter for Plain {
    fn report(&self, account: &str, event: Event<'_>) {
        if let Some(line) = self.line(account, event) {
            // A full or closed standard error must not end a run that delivers mail.
            let _ = writeln!(io::stderr().lock(), "{line}");
        }
        match event {
            Event::Checked { messages, octets } if self.verbosity > Verbosity::Quiet => {
                let plural = if messages == 1 { "" } else { "s" };
                let octets =
                    octets.map_or_else(String::new, |octets| format!(", {}", Octets(octets)));
                print(&format!(
                    "{account}: {messages} new message{plural}{octets}"
                ));
            }
            Event::Would(intent) if self.verbosity > Verbosity::Quiet => {
                let size = intent
                    .size
                    .map_or_else(String::new, |size| format!(" ({})", Octets(size)));
                print(&format!(
                    "{account}: would {} message {}{size} {}",
                    intent.action, intent.number, intent.unique_id
                ));
            }
            Event::Finished(summary) if summary.is_dry && self.verbosity > Verbosity::Quiet => {
                print(&format!("{account}: {summary}"));
            }
            _ => {}
        }
    }
}

/// Writes what the user asked for to standard output; who closed it has seen enough.
fn print(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::super::Summary;
    use super::*;
    use crate::exit::Exit;

    fn plain(verbosity: Verbosity, summaries: Summaries) -> Plain {
        Plain::new(verbosity, summaries, Color::None)
    }

    #[test]
    fn success_is_silent_without_a_terminal() {
        let plain = plain(Verbosity::Normal, Summaries::Hidden);
        let summary = Summary::default();
        for event in [
            Event::Finished(&summary),
            Event::Note(&"x"),
            Event::Deleted(&"x"),
            Event::Trace("C", &"QUIT"),
        ] {
            assert_eq!(plain.line("work", event), None);
        }
    }

    #[test]
    fn an_error_is_one_line_that_names_the_account() {
        let line = plain(Verbosity::Quiet, Summaries::Hidden)
            .line("work", Event::Problem(&"connecting: no", Exit::Temporary));
        assert_eq!(line.as_deref(), Some("mailpull: work: connecting: no"));
    }
}
