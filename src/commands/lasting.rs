//! Errors that last: they are reported at once, then once a day, and their end once. Most runs are started by cron, which
//! sends a mail for each line.

use std::sync::{Mutex, OnceLock, PoisonError};

use crate::digest::Digest;
use crate::exit::Failure;
use crate::report::{Event, Reporter};
use crate::seen::{self, Ledger};

/// Passes events on. An error like one that ended a run, and was reported within a day, is passed on as one that is
/// shown only on a terminal, with `-v` and in `--json`.
pub(super) struct LastingErrors<'a> {
    reporter: &'a dyn Reporter,
    /// The mailbox. An error at another one is another error.
    place: String,
    earlier: OnceLock<EarlierErrors>,
    /// The subject of the error that has ended this run and was reported.
    new: Mutex<Option<String>>,
}

/// The errors of earlier runs.
#[derive(Default)]
struct EarlierErrors {
    /// The subjects of those that were reported within a day.
    said: Vec<String>,
    /// True if more than one run has failed in a row. The end of an error that came once is no news.
    have_lasted: bool,
}

/// The subjects of errors that ended a run begin with this.
const ENDED: &str = "ended by ";

impl<'a> LastingErrors<'a> {
    /// Passes events of an account on to `reporter`.
    pub(super) fn new(reporter: &'a dyn Reporter, place: String) -> Self {
        Self {
            reporter,
            place,
            earlier: OnceLock::new(),
            new: Mutex::default(),
        }
    }

    /// Reads what was reported. `failures` is the number of failed runs in a row.
    pub(super) fn read(&self, ledger: &Ledger, failures: u64) -> Result<(), seen::Error> {
        let said = ledger.notices().lately()?;
        self.earlier.get_or_init(|| EarlierErrors {
            said,
            have_lasted: failures > 1,
        });
        Ok(())
    }

    /// Notes that an error ends the run and is reported, unless it was reported less than a day ago.
    pub(super) fn note(&self, failure: &Failure) {
        if !self.is_said(failure) {
            let mut new = self.new.lock().unwrap_or_else(PoisonError::into_inner);
            *new = Some(subject(failure, &self.place));
        }
    }

    fn is_said(&self, failure: &Failure) -> bool {
        let earlier = self.earlier.get();
        earlier.is_some_and(|earlier| earlier.said.contains(&subject(failure, &self.place)))
    }

    /// Records the error that was reported.
    pub(super) fn record(&self, ledger: &Ledger) -> Result<(), seen::Error> {
        let mut new = self.new.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(subject) = new.take() {
            ledger.notices().is_due(&subject)?;
        }
        Ok(())
    }

    /// Notes that a run was good. Returns true if the user should know that an error is over.
    pub(super) fn end(&self, ledger: &Ledger) -> Result<bool, seen::Error> {
        let have_lasted = self
            .earlier
            .get()
            .is_some_and(|earlier| earlier.have_lasted);
        Ok(ledger.notices().forget_all(ENDED)? && have_lasted)
    }
}

impl Reporter for LastingErrors<'_> {
    fn report(&self, account: &str, event: Event<'_>) {
        let event = match event {
            Event::Problem(failure) if self.is_said(failure) => Event::TransientProblem(failure),
            event => event,
        };
        self.reporter.report(account, event);
    }
}

/// Returns the subject of an error that ended a run of the account at this place. Servers put times and numbers of
/// their own into their words, so words with digits do not count, unless they are paths.
fn subject(failure: &Failure, place: &str) -> String {
    let words = failure.what.split_whitespace();
    let is_path = |word: &str| word.starts_with(['/', '~']);
    let has_digit = |word: &str| word.contains(|c: char| c.is_ascii_digit());
    let words = words.filter(|word| is_path(word) || !has_digit(word));
    let status = failure.exit.code().to_string();
    let text: Vec<_> = [&*status, place].into_iter().chain(words).collect();
    let digest = Digest::of(text.join(" ").as_bytes());
    format!("{ENDED}{}", digest.hex(8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn times_and_numbers_of_servers_make_no_other_error() {
        let of = |what: &str, place: &str, exit| subject(&Failure::new(what, exit), place);
        let first = of(
            "refused: busy at 12:00:01 (id a7)",
            "me@h:1",
            Exit::Temporary,
        );
        let same = of(
            "refused: busy at 12:05:02 (id b9)",
            "me@h:1",
            Exit::Temporary,
        );
        assert_eq!(first, same);
        let one = of("cannot run /opt/1/mda: no", "me@h:1", Exit::Temporary);
        assert_ne!(
            of("cannot run /opt/2/mda: no", "me@h:1", Exit::Temporary),
            one
        );
        for (what, place, exit) in [
            (
                "refused: locked at 12:00:01 (id a7)",
                "me@h:1",
                Exit::Temporary,
            ),
            (
                "refused: busy at 12:00:01 (id a7)",
                "me@h:2",
                Exit::Temporary,
            ),
            (
                "refused: busy at 12:00:01 (id a7)",
                "me@h:1",
                Exit::LoginRefused,
            ),
        ] {
            assert_ne!(of(what, place, exit), first);
        }
    }
}
