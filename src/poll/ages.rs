//! Starts the ages of messages anew after a change of the clock (`mail/clock.rs`), and says so once.

use std::time::Duration;

use super::Poll;
use super::error::{Error, reading, recording};
use crate::mail::clock::ClockChange;
use crate::mail::policy::Keep;
use crate::report::Event;

impl Poll<'_> {
    /// Starts all ages anew if the clock has changed since the last run.
    ///
    /// # Errors
    /// The database cannot be written.
    pub(super) fn start_ages(&self) -> Result<(), Error> {
        let clock = self.ledger.clock();
        let Some(what) = explanation(clock.change()) else {
            return Ok(());
        };
        self.ledger.date_anew().map_err(recording)?;
        let what = format_args!("{what}; the time of keep counts anew for all delivered messages");
        self.reporter
            .report(if clock.is_news() && self.counts_ages() {
                Event::Warning(&what)
            } else {
                Event::Note(&what)
            });
        Ok(())
    }

    /// Starts the ages of messages anew that were delivered at an impossible time. Their times come from
    /// version 0.1.0 or from another machine.
    ///
    /// # Errors
    /// The database cannot be read or written.
    pub(super) fn start_impossible_ages(&self) -> Result<(), Error> {
        if !self.counts_ages() {
            return Ok(());
        }
        let (first, last) = self.ledger.clock().possible();
        let impossible = self.ledger.messages().delivered_outside(first, last);
        let count = impossible.map_err(reading)?;
        if count == 0 {
            return Ok(());
        }
        self.ledger.date_anew().map_err(recording)?;
        self.reporter.report(Event::Warning(&format_args!(
            "the clock was wrong when {count} messages were delivered; the time of keep counts anew \
             for them"
        )));
        Ok(())
    }

    /// Returns true if an age decides when messages are deleted.
    fn counts_ages(&self) -> bool {
        matches!(self.options.policy.keep, Keep::For(_))
    }
}

/// Returns what happened to the clock, or `None` if nothing did.
fn explanation(change: ClockChange) -> Option<String> {
    Some(match change {
        ClockChange::None => return None,
        ClockChange::TooEarly => {
            "the clock is wrong: it shows a time before this version of mailpull existed".to_owned()
        }
        ClockChange::SetBack(time) => {
            format!(
                "the clock was set back by {} since the last run",
                words(time)
            )
        }
        ClockChange::SetAhead(time) => format!(
            "the last run was {} ago, or the clock was set ahead",
            words(time)
        ),
        ClockChange::Corrected => "the clock was behind and was corrected".to_owned(),
    })
}

/// Returns a time in whole days or hours.
fn words(time: Duration) -> String {
    let hours = time.as_secs() / 3600;
    match (hours / 24, hours) {
        (0, 1) => "an hour".to_owned(),
        (0, hours) => format!("{hours} hours"),
        (1, _) => "a day".to_owned(),
        (days, _) => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_the_clock_has_an_explanation() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        for (change, text) in [
            (ClockChange::SetBack(hours(1)), "back by an hour "),
            (ClockChange::SetBack(hours(23)), "back by 23 hours "),
            (ClockChange::SetBack(hours(24)), "back by a day "),
            (
                ClockChange::SetAhead(hours(24 * 365)),
                "run was 365 days ago",
            ),
            (ClockChange::TooEarly, "before this version"),
            (ClockChange::Corrected, "corrected"),
        ] {
            let explained = explanation(change).expect("it is a change");
            assert!(explained.contains(text), "{explained}");
        }
        assert_eq!(explanation(ClockChange::None), None);
    }
}
