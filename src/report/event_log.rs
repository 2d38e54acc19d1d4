//! The log of events: one line for each, with the fields of `--json`.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use super::{Event, Reporter, json};
use crate::os::log_sink::{LogSink, Severity};

/// The most octets of a line. Some system logs cut longer ones.
const LONGEST_LINE: usize = 2000;

/// A log that is open.
#[derive(Debug)]
pub(crate) struct EventLog {
    sink: LogSink,
    /// Formats the present.
    time: fn() -> String,
}

impl EventLog {
    /// Opens a file to which lines are added, or the system log if there is no path. `time` formats the
    /// present for a file.
    ///
    /// # Errors
    /// As [`LogSink::open`].
    pub(crate) fn open(path: Option<&Path>, time: fn() -> String) -> io::Result<Self> {
        let sink = LogSink::open(path)?;
        Ok(Self { sink, time })
    }

    /// Adds a line for an event, if it has one. An error is ignored: mail is fetched in any case.
    fn add(&self, account: &str, event: Event<'_>) {
        if let Some(line) = line(account, event) {
            let _ = self.sink.add(severity(event), &(self.time)(), &line);
        }
    }
}

/// Passes events on, and adds them to the log.
pub(crate) struct Logging<'a> {
    reporter: &'a dyn Reporter,
    log: Option<&'a EventLog>,
}

impl<'a> Logging<'a> {
    /// Passes events on to `reporter`.
    pub(crate) fn new(reporter: &'a dyn Reporter, log: Option<&'a EventLog>) -> Self {
        Self { reporter, log }
    }
}

impl Reporter for Logging<'_> {
    fn report(&self, account: &str, event: Event<'_>) {
        if let Some(log) = self.log {
            log.add(account, event);
        }
        self.reporter.report(account, event);
    }
}

fn severity(event: Event<'_>) -> Severity {
    match event {
        Event::Problem(_) | Event::TransientProblem(_) => Severity::Error,
        Event::Warning(_) => Severity::Warning,
        _ => Severity::Information,
    }
}

/// Returns `event=NAME account=NAME` and the other fields in the order of their names.
fn line(account: &str, event: Event<'_>) -> Option<String> {
    let mut line = String::new();
    for (name, value) in json::fields(account, event)? {
        let space = if line.is_empty() { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = write!(line, "{space}{name}={}", bare(&value).unwrap_or(&value));
    }
    if line.len() > LONGEST_LINE {
        let end = (0..=LONGEST_LINE)
            .rev()
            .find(|at| line.is_char_boundary(*at));
        line.truncate(end.unwrap_or_default());
    }
    Some(line)
}

/// Returns a string in JSON without its quotes, if it is one plain word.
fn bare(value: &str) -> Option<&str> {
    let word = value.strip_prefix('"')?.strip_suffix('"')?;
    let is_plain = |c: char| c.is_alphanumeric() || "._-+@:/%".contains(c);
    (!word.is_empty() && word.chars().all(is_plain)).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::{Exit, Failure};
    use crate::report::Summary;

    #[test]
    fn an_event_has_one_line_with_its_fields() {
        let failure = Failure::new("connecting:\n\"no\"", Exit::Temporary);
        assert_eq!(
            line("work", Event::Problem(&failure)).as_deref(),
            Some(r#"event=error account=work message="connecting:\n\"no\"" status=75"#)
        );
        let summary = Summary {
            delivered: 2,
            ..Summary::default()
        };
        assert_eq!(
            line("work", Event::Finished(&summary)).as_deref(),
            Some(
                "event=finished account=work deleted=0 delivered=2 discarded=0 dry_run=false failed=0 kept=0 octets=0 \
                 postponed=0 status=0 unfetched=0"
            )
        );
        assert_eq!(line("work", Event::Retrieved), None);
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let long = "ä".repeat(LONGEST_LINE);
        let line = line("", Event::Warning(&long)).expect("a warning has a line");
        assert!(line.starts_with("event=warning message=ää"));
        assert!((LONGEST_LINE - 1..=LONGEST_LINE).contains(&line.len()));
    }
}
