//! Events as lines on standard error. Success is silent.

use std::fmt::Display;
use std::io::{self, Write};

use super::{Event, Octets, Reporter};
use crate::exit::Failure;
use crate::moment;
use crate::text::OneLine;

/// The amount of output.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Verbosity {
    /// Only errors.
    Quiet,
    /// Errors, and on a terminal a summary of each account.
    #[default]
    Normal,
    /// Every step of a run.
    Verbose,
    /// The conversation, too, without secrets.
    Trace,
}

/// Writes events as lines.
#[derive(Debug)]
pub(crate) struct Plain {
    verbosity: Verbosity,
    is_watched: bool,
    colored: bool,
}

impl Plain {
    /// Makes a reporter for this audience. In colour, errors begin with a red word.
    pub(crate) fn new(verbosity: Verbosity, audience: Audience, color: Color) -> Self {
        Self {
            verbosity,
            is_watched: audience == Audience::Terminal,
            colored: color == Color::Ansi,
        }
    }

    /// Returns the line for an event, if it has one.
    pub(super) fn line(&self, account: &str, event: Event<'_>) -> Option<OutputLine> {
        let is_verbose = self.verbosity >= Verbosity::Verbose;
        // Names come from databases and files, too. Whatever a layer below has not escaped is escaped here.
        let about = |what: &dyn Display| OneLine(format_args!("{account}: {what}")).to_string();
        let remark = |what: &dyn Display| Some(OutputLine::Remark(about(what)));
        match event {
            Event::Problem(failure) => Some(OutputLine::Remark(
                self.complaint(account, &sentences(failure)),
            )),
            Event::TransientProblem(failure) if self.is_watched || is_verbose => {
                self.line(account, Event::Problem(failure))
            }
            Event::Ending(what) if self.is_watched && self.verbosity > Verbosity::Quiet => {
                Some(OutputLine::Remark(complaint("mailpull:", account, what)))
            }
            Event::Warning(what) if self.verbosity > Verbosity::Quiet => {
                Some(OutputLine::Remark(complaint("mailpull:", account, what)))
            }
            Event::Checked { .. } | Event::DryRun(_) if self.verbosity == Verbosity::Quiet => None,
            Event::Checked { messages, octets } => {
                Some(OutputLine::Answer(about(&waiting(messages, octets))))
            }
            Event::DryRun(intent) => Some(OutputLine::Answer(about(intent))),
            Event::Finished(summary) if summary.did_nothing() => None,
            Event::Finished(summary) if summary.is_dry && self.verbosity > Verbosity::Quiet => {
                Some(OutputLine::Answer(about(summary)))
            }
            Event::Finished(summary) if self.has_summaries() => remark(summary),
            Event::Note(what) if is_verbose => remark(what),
            Event::Delivered(stored, place) if is_verbose => remark(&format_args!(
                "delivered {} ({}) from \"{}\": \"{}\" to {}",
                stored.identity.unique_id,
                Octets(stored.octets),
                stored.header.from,
                stored.header.subject,
                place
            )),
            Event::Deleted(what) if is_verbose => remark(&format_args!("deleted {what}")),
            Event::Ruled {
                unique_id,
                rule,
                action,
            } if is_verbose => match rule {
                Some(rule) => remark(&format_args!("rule {rule}: {action} {unique_id}")),
                None => remark(&format_args!("filter: {action} {unique_id}")),
            },
            Event::Trace(speaker, line) if self.verbosity >= Verbosity::Trace => {
                let line = about(&format_args!("{speaker}: {line}"));
                Some(OutputLine::Remark(format!(
                    "{} {line}",
                    moment::time_of_day()
                )))
            }
            _ => None,
        }
    }

    fn has_summaries(&self) -> bool {
        match self.verbosity {
            Verbosity::Quiet => false,
            Verbosity::Normal => self.is_watched,
            Verbosity::Verbose | Verbosity::Trace => true,
        }
    }

    fn complaint(&self, account: &str, what: &dyn Display) -> String {
        let program = if self.colored {
            "\x1b[1;31mmailpull:\x1b[0m"
        } else {
            "mailpull:"
        };
        complaint(program, account, what)
    }
}

impl Reporter for Plain {
    fn report(&self, account: &str, event: Event<'_>) {
        if let Some(line) = self.line(account, event) {
            line.print();
        }
    }
}

/// A line of output, by where it goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum OutputLine {
    /// An answer that the user asked for, on standard output.
    Answer(String),
    /// A remark on what happened, on standard error.
    Remark(String),
}

impl OutputLine {
    /// Prints the line. A full or closed output must not end a run that delivers mail.
    pub(super) fn print(&self) {
        let _ = match self {
            Self::Answer(line) => writeln!(io::stdout().lock(), "{line}"),
            Self::Remark(line) => writeln!(io::stderr().lock(), "{line}"),
        };
    }
}

/// The readers of the lines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Audience {
    /// Cron, a file, another program: success must be silent.
    Anyone,
    /// A person at a terminal: each account gets a summary.
    Terminal,
}

/// The colours of the output.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Color {
    /// ANSI escapes.
    Ansi,
    /// No colours.
    None,
}

fn complaint(program: &str, account: &str, what: &dyn Display) -> String {
    match account {
        // The event concerns no account, or all of them.
        "" => format!("{program} {}", OneLine(what)),
        account => format!("{program} {}: {}", OneLine(account), OneLine(what)),
    }
}

/// Joins the error and its hint, each as a sentence. An error that ends with the text of a server may
/// have a full stop already.
fn sentences(failure: &Failure) -> String {
    let Failure { what, hint, .. } = failure;
    match hint {
        Some(hint) => format!("{}. {hint}", what.trim_end_matches('.')),
        None => what.clone(),
    }
}

fn waiting(messages: usize, octets: Option<u64>) -> String {
    let plural = if messages == 1 { "" } else { "s" };
    let octets = octets
        .filter(|octets| *octets > 0)
        .map_or_else(String::new, |octets| format!(", {}", Octets(octets)));
    format!("{messages} new message{plural}{octets}")
}

#[cfg(test)]
mod tests {
    use super::super::Summary;
    use super::*;
    use crate::exit::Exit;

    fn plain(verbosity: Verbosity, audience: Audience) -> Plain {
        Plain::new(verbosity, audience, Color::None)
    }

    #[test]
    fn success_is_silent_without_a_terminal() {
        let plain = plain(Verbosity::Normal, Audience::Anyone);
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
        let plain = plain(Verbosity::Quiet, Audience::Anyone);
        let failure = Failure::new("connecting: no", Exit::Temporary);
        for (account, line) in [
            ("work", "mailpull: work: connecting: no"),
            ("", "mailpull: connecting: no"),
        ] {
            let remark = OutputLine::Remark(line.to_owned());
            assert_eq!(plain.line(account, Event::Problem(&failure)), Some(remark));
        }
    }

    #[test]
    fn a_hint_stands_on_the_line_of_its_error() {
        for audience in [Audience::Anyone, Audience::Terminal] {
            let plain = plain(Verbosity::Quiet, audience);
            for what in ["logging in: no", "logging in: no."] {
                let failure = Failure::new(what, Exit::LoginRefused).with_hint("Check the user");
                let line = "mailpull: work: logging in: no. Check the user".to_owned();
                assert_eq!(
                    plain.line("work", Event::Problem(&failure)),
                    Some(OutputLine::Remark(line))
                );
            }
        }
    }

    #[test]
    fn a_run_that_did_nothing_has_no_summary() {
        let plain = plain(Verbosity::Verbose, Audience::Terminal);
        let failed = Summary {
            exit: Exit::Temporary,
            ..Summary::default()
        };
        assert_eq!(plain.line("work", Event::Finished(&failed)), None);
        let empty = OutputLine::Remark("work: 0 new messages, 0 kept".to_owned());
        let summary = Summary::default();
        assert_eq!(plain.line("work", Event::Finished(&summary)), Some(empty));
    }

    #[test]
    fn a_dry_run_answers_on_standard_output_only() {
        let plain = plain(Verbosity::Normal, Audience::Terminal);
        let summary = Summary {
            delivered: 2,
            is_dry: true,
            ..Summary::default()
        };
        let answer = OutputLine::Answer("work: would fetch 2 new messages, 0 kept".to_owned());
        assert_eq!(plain.line("work", Event::Finished(&summary)), Some(answer));
    }
}
