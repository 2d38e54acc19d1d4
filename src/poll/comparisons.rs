//! Records the results of comparisons, and reports what is not delivered because it is known.

use std::fmt::Display;

use super::Poll;
use super::error::{Error, recording};
use crate::exit::{Exit, Failure};
use crate::poll::settle::Settled;
use crate::report::Event;
use crate::seen::Compared;

/// The subject of the warning that a server adds header lines to messages that it has sent before.
const ADDED_LINES: &str = "added header lines";
/// The subject of the warning that sizes prove nothing on a server.
const SIZES: &str = "sizes prove nothing";

impl Poll<'_> {
    /// Records the results of the comparisons of a session that was in step to its end, and reports once
    /// each kind of result that the user would not expect.
    pub(super) fn note_comparisons(&mut self, settled: &Settled) -> Result<(), Error> {
        let comparisons = &settled.comparisons;
        if comparisons.is_empty() {
            return Ok(());
        }
        let checks = self.ledger.size_checks();
        let noted = checks.note_comparisons(comparisons).map_err(recording)?;
        self.learn_from_comparisons(comparisons, noted.reused)?;
        for comparison in comparisons {
            match &comparison.result {
                Compared::Same {
                    is_unchanged: false,
                    identity,
                    ..
                } => self.warn_once(
                    ADDED_LINES,
                    &format_args!(
                        "message {} is not delivered again: since its delivery only header lines \
                         have changed that servers write (such as Status); this is not reported for \
                         other messages",
                        identity.unique_id
                    ),
                )?,
                Compared::ChangesEachTime => {
                    let identity = &comparison.taken_for;
                    let is_first = self.ledger.messages().notice(identity).map_err(recording)?;
                    if is_first {
                        let what = format!(
                            "message {} has another content at each download; two were delivered, \
                             and no more are",
                            identity.unique_id
                        );
                        let hint = "A virus scanner or a spam filter between the server and mailpull \
                                    may change it. It stays on the server";
                        self.report_problem(&Failure::new(what, Exit::Protocol).with_hint(hint));
                    }
                }
                Compared::Same { .. } | Compared::New(_) => {}
            }
        }
        if noted.history.prove_nothing() {
            self.warn_once(
                SIZES,
                &"the server reports another size for messages that have not changed: from now on a \
                  new size is no reason to fetch a message again",
            )?;
        }
        Ok(())
    }

    /// Warns that each run fetches only a part of the mail.
    pub(super) fn warn_of_parts(&self) -> Result<(), Error> {
        self.warn_once(
            "parts of the mail",
            &"the server lists a part of its mail at a time, and does not allow another login at once \
              (LOGIN-DELAY): each run fetches one part, until no more mail waits",
        )
    }

    /// Warns about a subject, once for this account.
    pub(super) fn warn_once(&self, subject: &str, what: &dyn Display) -> Result<(), Error> {
        if self.ledger.notices().first(subject).map_err(recording)? {
            self.reporter.report(Event::Warning(what));
        }
        Ok(())
    }
}
