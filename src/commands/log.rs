//! `mailpull log`: shows what was fetched, when, where it was delivered, and when it was deleted.

use std::io::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

use humantime::format_rfc3339_seconds;

use super::Context;
use crate::cli;
use crate::exit::{Exit, Failure};
use crate::mail::known::{Delivery, Taker};
use crate::moment::Moment;
use crate::report::{Octets, json};
use crate::seen::{self, Deliveries};
use crate::text::OneLine;

/// Shows the deliveries, one line each. The oldest comes first.
pub(super) fn run(arguments: &cli::LogArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let deliveries = Deliveries::open(&context.state_folder_to_read()?)?;
    let account = arguments.account.as_deref();
    if let Some(name) = account
        && !deliveries.has_account(name)?
    {
        let what = format!("nothing was ever fetched for an account {name:?}");
        return Err(Failure::new(what, Exit::Usage));
    }
    let mut out = io::stdout().lock();
    deliveries
        .for_each(account, |delivery| {
            let line = if context.global.json {
                json::delivery(&delivery, &time)
            } else {
                line(&delivery)
            };
            writeln!(out, "{}", OneLine(line)).map_err(LogError::Write)
        })
        .or_else(allow_closed_output)?;
    Ok(Exit::Done)
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
