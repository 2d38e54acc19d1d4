//! `mailpull status`: shows when each account was fetched last, what failed, and what waits. It connects to
//! nothing.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use super::Context;
use super::log::time;
use super::login_delay::delay_left;
use super::long_output::LongOutput;
use crate::cli;
use crate::config::{Overrides, Selection, Selector};
use crate::exit::{Exit, Failure};
use crate::mail::clock::Clock;
use crate::mail::status::AccountStatus;
use crate::moment::Moment;
use crate::report::{json, metrics};
use crate::seen;

/// Shows the accounts. The status is 0 if the last run of each was good, else the strongest of their
/// statuses.
pub(super) fn run(arguments: &cli::StatusArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let selector = Selector {
        names: &arguments.accounts,
        shard: None,
    };
    let Selection {
        accounts, unusable, ..
    } = context.accounts(&selector, &Overrides::default())?;
    let unusable = context.report_unusable(&unusable);
    let statuses = match context.find_state_folder_to_read()? {
        Some(folder) => seen::account_statuses(&folder)?,
        None => HashMap::new(),
    };
    let unknown = AccountStatus::default();
    let accounts = accounts.iter().map(|account| {
        let status = statuses.get(&account.name);
        (&*account.name, status.unwrap_or(&unknown))
    });
    let accounts: Vec<_> = accounts.collect();
    if arguments.metrics {
        // A reader who closed standard output has seen enough.
        let _ = io::stdout()
            .lock()
            .write_all(metrics::metrics(&accounts).as_bytes());
    } else {
        let now = Moment::now();
        let mut out = LongOutput::new();
        for (name, status) in &accounts {
            let next_try = next_try(status, now);
            if context.global.json {
                out.line(&json::status(name, status, next_try, &time));
            } else {
                lines(name, status, next_try, now)
                    .iter()
                    .for_each(|line| out.line(line));
            }
        }
    }
    let exits = accounts.iter().map(|(_, status)| exit(status));
    Ok(exits.chain(unusable).max().unwrap_or_default())
}

fn exit(status: &AccountStatus) -> Exit {
    let last = status.last_run.map(|(_, exit)| exit);
    last.map_or(Exit::Done, Exit::of_earlier_run)
}

/// Returns the time before which the server wants no login, if that lies ahead.
fn next_try(status: &AccountStatus, now: Moment) -> Option<Moment> {
    let clock = Clock::judge(status.clock, now);
    let left = delay_left(status.server_profile.as_deref(), status.logged_in, &clock)?;
    Some(now.plus(left))
}

/// Returns the state of an account in words: one line, and more if something is wrong or waits.
fn lines(name: &str, status: &AccountStatus, next_try: Option<Moment>, now: Moment) -> Vec<String> {
    let Some((last_run, exit)) = status.last_run else {
        return vec![format!("{name}: never fetched")];
    };
    let on_server = status
        .on_server
        .map(|count| format!("{count} on the server"));
    let waiting = [
        (status.staged, "fetched and not delivered"),
        (status.set_aside, "set aside"),
    ];
    let waiting = waiting.into_iter().filter(|(count, _)| *count > 0);
    let counts = waiting
        .map(|(count, what)| format!("{count} {what}"))
        .chain(on_server);
    let counts = counts.collect::<Vec<_>>().join(", ");
    let mut first = match (exit, status.last_success) {
        (0, _) => format!("{name}: fetched {}", when(last_run, now)),
        (_, success) => {
            let success = success.map_or_else(
                || "no success yet".to_owned(),
                |success| format!("last success {}", when(success, now)),
            );
            let runs = if status.failures == 1 { "run" } else { "runs" };
            format!(
                "{name}: failed with status {exit}, {} {runs} in a row; {success}",
                status.failures
            )
        }
    };
    if !counts.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(first, "; messages: {counts}");
    }
    let mut lines = vec![first];
    if exit != 0
        && let Some((at, problem)) = &status.problem
    {
        lines.push(format!("    {}: {problem}", time(*at)));
    }
    if let Some(next_try) = next_try {
        lines.push(format!(
            "    the server wants no login before {}",
            time(next_try)
        ));
    }
    if status.set_aside > 0 {
        lines.push(format!(
            "    Set aside: mailpull seen list {name} --failed; to try them now: mailpull fetch {name} --retry"
        ));
    }
    lines
}

/// Returns a moment, and how long ago it was.
fn when(moment: Moment, now: Moment) -> String {
    let ago = now.since(moment).map(ago);
    let ago = ago.map_or_else(
        || "ahead of the clock".to_owned(),
        |ago| format!("{ago} ago"),
    );
    format!("{} ({ago})", time(moment))
}

/// Returns a duration in its largest unit: `5 min`.
fn ago(duration: Duration) -> String {
    const UNITS: [(u64, &str); 3] = [(24 * 3600, "days"), (3600, "h"), (60, "min")];
    let seconds = duration.as_secs();
    let found = UNITS.iter().find(|(unit, _)| seconds >= 2 * unit);
    match found {
        Some((unit, name)) => format!("{} {name}", seconds / unit),
        None => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_800_000_000);

    fn shown(status: &AccountStatus, next_try: Option<Moment>) -> String {
        lines("work", status, next_try, NOW).join("\n")
    }

    fn ended(exit: u8, seconds_ago: i64) -> AccountStatus {
        AccountStatus {
            last_run: Some((Moment(NOW.0 - seconds_ago), exit)),
            ..AccountStatus::default()
        }
    }

    #[test]
    fn a_good_account_has_one_line() {
        assert_eq!(
            shown(&AccountStatus::default(), None),
            "work: never fetched"
        );
        let status = AccountStatus {
            on_server: Some(7),
            ..ended(0, 300)
        };
        assert_eq!(
            shown(&status, None),
            "work: fetched 2027-01-15T07:55:00Z (5 min ago); messages: 7 on the server"
        );
    }

    #[test]
    fn a_failing_account_shows_its_last_error() {
        let status = AccountStatus {
            last_success: Some(Moment(NOW.0 - 3 * 24 * 3600)),
            problem: Some((Moment(NOW.0 - 60), "connecting: no route".to_owned())),
            failures: 1,
            staged: 2,
            set_aside: 1,
            ..ended(75, 60)
        };
        assert_eq!(
            shown(&status, Some(Moment(NOW.0 + 60))),
            "work: failed with status 75, 1 run in a row; last success 2027-01-12T08:00:00Z (3 days ago); \
             messages: 2 fetched and not delivered, 1 set aside\n\
             \x20   2027-01-15T07:59:00Z: connecting: no route\n\
             \x20   the server wants no login before 2027-01-15T08:01:00Z\n\
             \x20   Set aside: mailpull seen list work --failed; to try them now: mailpull fetch work --retry"
        );
        let never = AccountStatus {
            failures: 4,
            ..ended(77, 60)
        };
        assert_eq!(
            shown(&never, None),
            "work: failed with status 77, 4 runs in a row; no success yet"
        );
    }

    #[test]
    fn an_error_that_is_over_is_not_shown() {
        let status = AccountStatus {
            problem: Some((Moment(NOW.0 - 600), "connecting: no route".to_owned())),
            ..ended(0, 60)
        };
        assert!(!shown(&status, None).contains("no route"));
    }

    #[test]
    fn the_status_is_that_of_the_last_run() {
        for (last, expected) in [
            (0, Exit::Done),
            (65, Exit::SetAside),
            (130, Exit::Temporary),
        ] {
            assert_eq!(exit(&ended(last, 60)), expected);
        }
    }
}
