//! `mailpull log`: shows what was fetched, when, where it was delivered, and when it was deleted.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::time::{Duration, UNIX_EPOCH};

use humantime::format_rfc3339_seconds;

use super::Context;
use super::long_output::LongOutput;
use crate::calendar::Calendar;
use crate::cli;
use crate::config;
use crate::exit::{Exit, Failure};
use crate::mail::known::{Delivery, Taker};
use crate::moment::Moment;
use crate::report::columns::{cut, filled, terminal_width};
use crate::report::plain::Verbosity;
use crate::report::{Octets, json};
use crate::seen::{self, Deliveries};
use crate::text::OneLine;

/// Shows the deliveries, one line each, the oldest first. On a terminal they are columns with local times.
pub(super) fn run(arguments: &cli::LogArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let deliveries = Deliveries::open(&context.state_folder_to_read()?)?;
    let account = arguments.account.as_deref();
    if let Some(name) = account
        && !deliveries.has_account(name)?
    {
        let what = format!("nothing was ever fetched for an account {name:?}");
        return Err(Failure::new(what, Exit::Usage));
    }
    let since = arguments.since.as_deref();
    let since = since.map(|text| past("--since", text)).transpose()?;
    let first = match (arguments.last, since) {
        (Some(count), None) => deliveries.first_of_last(account, count)?,
        _ => 0,
    };
    let columns = match context.verbosity {
        Verbosity::Quiet | Verbosity::Normal => terminal_width(),
        Verbosity::Verbose | Verbosity::Trace => None,
    };
    let calendar = match arguments.utc {
        true => Calendar::utc(),
        false => Calendar::local(),
    };
    let mut out = LongOutput::new();
    let mut print = |line: &str| writeln!(out, "{}", OneLine(line)).map_err(LogError::Write);
    // Both limits together: the last of those since then.
    let mut kept = VecDeque::new();
    deliveries
        .for_each(account, first, |delivery| {
            if since.is_some_and(|since| delivery.delivered.is_some_and(|when| when < since)) {
                return Ok(());
            }
            let line = match (context.global.json, columns) {
                (true, _) => json::delivery(&delivery, &time),
                (false, Some(columns)) => row(&delivery, &calendar, columns),
                (false, None) => line(&delivery),
            };
            match (arguments.last, since) {
                (Some(count), Some(_)) => {
                    kept.push_back(line);
                    if kept.len() > count as usize {
                        kept.pop_front();
                    }
                    Ok(())
                }
                _ => print(&line),
            }
        })
        .or_else(allow_closed_output)?;
    let printed = kept.iter().try_for_each(|line| print(line));
    printed.or_else(allow_closed_output)?;
    Ok(Exit::Done)
}

/// Reads the value of a flag: a time in the past, or how long ago it was.
pub(super) fn past(flag: &str, text: &str) -> Result<Moment, Failure> {
    let now = Moment::now();
    let ago = config::parse_duration(text).map(|ago| now.before(ago));
    let moment = ago.or_else(|| Calendar::local().read_past(text, now));
    moment.ok_or_else(|| {
        let what = format!("{flag} {text:?} is no time");
        let hint = "Write 2d, yesterday, 2026-11-30 or \"2026-11-30 14:05\"";
        Failure::new(what, Exit::Usage).with_hint(hint)
    })
}

/// The reason why not all deliveries were shown.
enum LogError {
    /// The database cannot be read.
    Read(seen::Error),
    /// Standard output cannot be written.
    Write(io::Error),
}

impl From<seen::Error> for LogError {
    fn from(error: seen::Error) -> Self {
        Self::Read(error)
    }
}

/// Takes it for success that the reader has closed standard output: `mailpull log | head`.
fn allow_closed_output(error: LogError) -> Result<(), Failure> {
    match error {
        LogError::Read(error) => Err(error.into()),
        LogError::Write(io) if io.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        LogError::Write(io) => {
            let what = format!("cannot write the log: {io}");
            Err(Failure::new(what, Exit::LocalIo))
        }
    }
}

fn line(delivery: &Delivery) -> String {
    let when = delivery
        .delivered
        .map_or_else(|| "not yet delivered".into(), time);
    let deleted = delivery.deleted.map_or_else(String::new, |when| {
        format!(", deleted from the server {}", time(when))
    });
    let repeated = if delivery.was_repeated {
        ", possibly delivered before"
    } else {
        ""
    };
    let (place, output) = match &delivery.takers[..] {
        [] => (name(delivery), String::new()),
        [taker] => (placed(taker), output(taker)),
        takers => {
            let all = takers.iter().map(|taker| {
                let twice = if taker.was_repeated {
                    ", possibly twice"
                } else {
                    ""
                };
                format!("{}{twice}{}", placed(taker), output(taker))
            });
            (all.collect::<Vec<_>>().join("; "), String::new())
        }
    };
    format!(
        "{when} {} {} {} from \"{}\": \"{}\" to {place}{deleted}{repeated}{output}",
        delivery.account,
        delivery.unique_id,
        Octets(delivery.octets),
        delivery.from,
        delivery.subject,
    )
}

/// Returns the columns of a delivery for a terminal.
fn row(delivery: &Delivery, calendar: &Calendar, width: usize) -> String {
    let when = delivery.delivered.map(|when| calendar.minute(when));
    let row = format!(
        "{:16}  {}  {:>10}  {}  {}",
        when.as_deref().unwrap_or("not delivered"),
        filled(&delivery.account, 12),
        Octets(delivery.octets).to_string(),
        filled(&delivery.from.to_string(), 24),
        delivery.subject,
    );
    cut(row.trim_end(), width)
}

/// Returns the name of the target, or of all targets.
fn name(delivery: &Delivery) -> String {
    let maildir = || delivery.target.to_string_lossy().into_owned();
    delivery.program.clone().unwrap_or_else(maildir)
}

/// Returns the name of a target, and where it has the message.
fn placed(taker: &Taker) -> String {
    let location = taker.location.as_ref();
    let location = location.map_or_else(String::new, |location| format!(", as {location}"));
    format!("{}{location}", taker.name)
}

/// Returns what a target has said.
fn output(taker: &Taker) -> String {
    match taker.words.is_empty() {
        true => String::new(),
        false => format!(", it said: {}", taker.words),
    }
}

/// Formats a point in time as UTC.
pub(super) fn time(moment: Moment) -> String {
    let seconds = u64::try_from(moment.0).unwrap_or(0);
    // The clock may have been wrong. The format ends with the year 9999, so later times are cut.
    let at = UNIX_EPOCH + Duration::from_secs(seconds.min(253_402_300_799));
    format_rfc3339_seconds(at).to_string()
}
