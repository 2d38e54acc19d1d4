//! Reports what happens in a run: the events, and the reporters that show them.
//! An event that cannot be shown never fails a run.

use std::cmp::Ordering;
use std::fmt::{self, Display};

use crate::exit::{Exit, Failure};
use crate::mail::custody::{StoredMessage, TargetPlace};
use crate::mail::headers::ShownHeader;
use crate::mail::known::MAX_FAILURES;

pub(crate) mod columns;
mod event_log;
pub(crate) mod finding;
pub(crate) mod json;
mod last_problem;
pub(crate) mod metrics;
pub(crate) mod plain;
pub(crate) mod terminal;

pub(crate) use event_log::{EventLog, Logging};
pub(crate) use finding::{Fact, Finding};
pub(crate) use json::Json;
pub(crate) use last_problem::LastProblem;
pub(crate) use plain::Plain;
pub(crate) use terminal::Terminal;

/// Something that happened.
#[derive(Clone, Copy)]
pub(crate) enum Event<'a> {
    /// Messages are about to be fetched.
    FetchStarted {
        /// The number of messages.
        messages: usize,
        /// Their octets together, if the server said so.
        octets: Option<u64>,
    },
    /// `check`: messages wait on the server.
    Checked {
        /// The number of new messages.
        messages: usize,
        /// Their octets together, if the server said so.
        octets: Option<u64>,
    },
    /// A message was delivered.
    Delivered(&'a StoredMessage, &'a TargetPlace),
    /// A message was deleted from the server.
    Deleted(&'a dyn Display),
    /// A signal has asked the run to end: how it goes on. It is shown at a terminal only.
    Ending(&'a dyn Display),
    /// A rule, or the filter, has decided that a message is not delivered.
    Ruled {
        /// The message's unique-id.
        unique_id: &'a dyn Display,
        /// The number of the rule, from 1; `None` if it was the filter.
        rule: Option<usize>,
        /// "discard", "leave" or "delete".
        action: &'static str,
    },
    /// The run of an account has ended.
    Finished(&'a Summary),
    /// A step of a run, shown with `-v`.
    Note(&'a dyn Display),
    /// Something failed.
    Problem(&'a Failure),
    /// This many octets of messages were received.
    Received(u64),
    /// One more message was received or refused.
    Retrieved,
    /// A temporary failure that has not happened often enough in a row to be reported.
    TransientProblem(&'a Failure),
    /// A line of the conversation without secrets, shown with `-vv`: "C" or "S", and the line.
    Trace(&'static str, &'a dyn Display),
    /// The user should know this, although nothing failed.
    Warning(&'a dyn Display),
    /// `--dry-run`: this would be done with a message.
    DryRun(&'a Intent<'a>),
}

/// The action of a dry run that would be taken on a message.
pub(crate) struct Intent<'a> {
    /// "fetch", "compare" or "delete".
    pub action: &'static str,
    /// The message's number in this session.
    pub number: u32,
    /// The message's unique-id.
    pub unique_id: &'a dyn Display,
    /// The message's size in octets, if the server said so.
    pub size: Option<u64>,
    /// The message's sender and subject, if the server has sent the header.
    pub header: Option<&'a ShownHeader>,
}

impl Display for Intent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "would {} message {}", self.action, self.number)?;
        if let Some(size) = self.size {
            write!(f, " ({})", Octets(size))?;
        }
        write!(f, " {}", self.unique_id)?;
        let Some(ShownHeader { from, subject, .. }) = self.header else {
            return Ok(());
        };
        if !from.as_octets().is_empty() {
            write!(f, " from \"{from}\"")?;
        }
        if !subject.as_octets().is_empty() {
            write!(f, ": \"{subject}\"")?;
        }
        Ok(())
    }
}

/// The result of one account's run.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Summary {
    /// The number of messages delivered.
    pub delivered: usize,
    /// The octets of the delivered messages together, as stored.
    pub octets: u64,
    /// The number of messages deleted from the server.
    pub deleted: usize,
    /// The number of listed messages that are left on the server.
    pub kept: usize,
    /// The number of messages that a rule has thrown away.
    pub discarded: usize,
    /// The number of messages without a record that turned out to be delivered.
    pub recognised: usize,
    /// The number of messages that could not be fetched or delivered.
    pub failed: usize,
    /// The number of new messages that wait for the next run because of a limit.
    pub postponed: usize,
    /// The number of messages that were about to be fetched when a signal or the time limit ended the run.
    pub unfetched: usize,
    /// True if deletions wait until the user confirms them.
    pub holds_deletions: bool,
    /// True for a dry run.
    pub is_dry: bool,
    /// True for a run that fetches nothing: `mailpull delete`.
    pub only_deletes: bool,
    /// The number of lines about single messages that were printed.
    pub lines: usize,
    /// The number of such lines that were left out.
    pub left_out: usize,
    /// The strongest exit status that a message led to.
    pub exit: Exit,
}

/// The most lines about single messages that a run prints for an account.
const MOST_LINES: usize = 20;

/// Shows events. Several accounts may report at the same time.
pub(crate) trait Reporter: Sync {
    /// Shows an event of an account. `""` stands for no account, or all of them.
    fn report(&self, account: &str, event: Event<'_>);
}

/// A reporter for the events of one account.
#[derive(Clone, Copy)]
pub(crate) struct AccountReporter<'a> {
    reporter: &'a dyn Reporter,
    /// The name of the account.
    pub(crate) account: &'a str,
    is_quiet: bool,
}

impl<'a> AccountReporter<'a> {
    /// Reports for `account`.
    pub(crate) fn new(reporter: &'a dyn Reporter, account: &'a str) -> Self {
        Self {
            reporter,
            account,
            is_quiet: false,
        }
    }

    /// Holds temporary failures back, as [`Event::TransientProblem`].
    pub(crate) fn quiet_until_persistent(self) -> Self {
        Self {
            is_quiet: true,
            ..self
        }
    }

    /// Returns true if failures with this exit status are held back.
    pub(crate) fn holds_back(&self, exit: Exit) -> bool {
        self.is_quiet && exit == Exit::Temporary
    }

    /// Reports an event.
    pub(crate) fn report(&self, event: Event<'_>) {
        let event = match event {
            Event::Problem(failure) if self.holds_back(failure.exit) => {
                Event::TransientProblem(failure)
            }
            event => event,
        };
        self.reporter.report(self.account, event);
    }
}

impl Summary {
    /// Reports a failure.
    pub(crate) fn report_problem(&mut self, reporter: AccountReporter<'_>, failure: &Failure) {
        self.exit = self.exit.max(failure.exit);
        reporter.report(Event::Problem(failure));
    }

    /// Reports that a message has failed this many times in a row: as it is while the next run tries
    /// again, once in other words when the message is set aside, and not at all after that.
    pub(crate) fn report_message_failure(
        &mut self,
        reporter: AccountReporter<'_>,
        failure: Failure,
        failures: u32,
    ) {
        let what = &failure.what;
        match failures.cmp(&MAX_FAILURES) {
            Ordering::Less => {
                let what = format!("{what}; the next run tries it again");
                self.report_one_of_many(reporter, &Failure { what, ..failure });
            }
            Ordering::Equal => {
                let what = format!(
                    "{what}; it failed {failures} times in a row and is set aside: from now on it \
                     is tried once a day"
                );
                let exit = Exit::SetAside;
                self.report_one_of_many(
                    reporter,
                    &Failure {
                        what,
                        exit,
                        ..failure
                    },
                );
            }
            Ordering::Greater => self.exit = self.exit.max(Exit::SetAside),
        }
    }

    /// Reports a problem with one of perhaps many messages. After [`MOST_LINES`] only their number is counted.
    pub(crate) fn report_one_of_many(&mut self, reporter: AccountReporter<'_>, failure: &Failure) {
        self.exit = self.exit.max(failure.exit);
        if self.lines < MOST_LINES {
            self.lines += 1;
            self.report_problem(reporter, failure);
        } else {
            self.left_out += 1;
        }
    }

    /// Reports how many lines about single messages were left out.
    pub(crate) fn report_left_out(&mut self, reporter: AccountReporter<'_>) {
        let what = match std::mem::take(&mut self.left_out) {
            0 => return,
            count => format!("{count} more messages failed"),
        };
        let hint = format!(
            "To see them: mailpull seen list {} --failed",
            reporter.account
        );
        self.report_problem(reporter, &Failure::new(what, self.exit).with_hint(hint));
    }

    /// Returns the number of messages that have a record now and had none before.
    pub(crate) fn settled(&self) -> usize {
        self.delivered + self.recognised + self.discarded
    }

    /// Returns true if nothing is left for a later run. Recognised messages count as left: the next
    /// listing may show more of them.
    pub(crate) fn is_complete(&self) -> bool {
        let left = self.failed + self.postponed + self.recognised;
        left == 0 && !self.holds_deletions
    }

    /// Returns true if nothing happened: no message was fetched or deleted, and nothing failed.
    pub(crate) fn is_idle(&self) -> bool {
        let happened = self.settled() + self.deleted + self.failed;
        happened == 0 && self.exit == Exit::Done
    }

    /// Returns true if the run failed before it did anything.
    pub(crate) fn did_nothing(&self) -> bool {
        let nothing = Self {
            exit: self.exit,
            ..Self::default()
        };
        self.exit != Exit::Done && *self == nothing
    }

    /// Adds the result of a part of the run.
    pub(crate) fn add(&mut self, part: &Self) {
        self.delivered += part.delivered;
        self.octets += part.octets;
        self.recognised += part.recognised;
        self.discarded += part.discarded;
        self.failed += part.failed;
        self.lines += part.lines;
        self.left_out += part.left_out;
        self.exit = self.exit.max(part.exit);
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.only_deletes {
            return write!(f, "{} deleted, {} kept", self.deleted, self.kept);
        }
        let would = if self.is_dry { "would fetch " } else { "" };
        let plural = if self.delivered == 1 { "" } else { "s" };
        write!(f, "{would}{} new message{plural}", self.delivered)?;
        if self.octets > 0 {
            write!(f, ", {}", Octets(self.octets))?;
        }
        if self.discarded > 0 {
            write!(f, ", {} discarded", self.discarded)?;
        }
        if self.deleted > 0 {
            let would = if self.is_dry { "would be " } else { "" };
            write!(f, ", {} {would}deleted", self.deleted)?;
        }
        write!(f, ", {} kept", self.kept)?;
        if self.postponed > 0 {
            write!(f, ", {} for the next run", self.postponed)?;
        }
        if self.failed > 0 {
            write!(f, ", {} failed", self.failed)?;
        }
        if self.unfetched > 0 {
            write!(f, "; stopped before {} more", self.unfetched)?;
        }
        Ok(())
    }
}

/// A number of octets for people: `512 octets`, `3.4 kB`, `1.2 GB`; powers of ten.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Octets(pub u64);

impl Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
        if self.0 < 1000 {
            return write!(f, "{} octets", self.0);
        }
        let mut tenths = self.0 / 100;
        let mut unit = 0;
        while tenths >= 10_000 && unit + 1 < UNITS.len() {
            tenths /= 1000;
            unit += 1;
        }
        write!(f, "{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_shown_in_powers_of_ten() {
        for (octets, shown) in [
            (0, "0 octets"),
            (999, "999 octets"),
            (1000, "1.0 kB"),
            (3_449_999, "3.4 MB"),
            (999_999, "999.9 kB"),
            (1_200_000_000, "1.2 GB"),
            (u64::MAX, "18446744.0 TB"),
        ] {
            assert_eq!(Octets(octets).to_string(), shown);
        }
    }

    #[test]
    fn a_summary_is_one_line() {
        let summary = Summary {
            delivered: 12,
            octets: 3_400_000,
            deleted: 2,
            kept: 41,
            ..Summary::default()
        };
        assert_eq!(
            summary.to_string(),
            "12 new messages, 3.4 MB, 2 deleted, 41 kept"
        );
        let summary = Summary {
            delivered: 1,
            postponed: 3,
            failed: 1,
            ..Summary::default()
        };
        assert_eq!(
            summary.to_string(),
            "1 new message, 0 kept, 3 for the next run, 1 failed"
        );
        let stopped = Summary {
            delivered: 2,
            kept: 9,
            unfetched: 7,
            ..Summary::default()
        };
        assert_eq!(
            stopped.to_string(),
            "2 new messages, 9 kept; stopped before 7 more"
        );
    }
}
