//! Finishes what earlier runs left, before there is a session.

use std::collections::HashSet;

use super::{Error, Settled, Settler};
use crate::delivery;
use crate::exit::{Exit, Failure};
use crate::mail::custody::{Outcome, Staged};
use crate::mail::known::may_be_tried;
use crate::moment::Moment;
use crate::report::Event;

impl Settler<'_> {
    /// Finishes what earlier runs began. Every staged message is delivered now, or found to be
    /// delivered, or forgotten so that it is fetched again. Needs no server.
    pub(crate) fn recover(mut self) -> Settled {
        let ended = self.recover_staged();
        self.end(ended)
    }

    fn recover_staged(&mut self) -> Result<(), Error> {
        let now = Moment::now();
        let (here, elsewhere): (Vec<_>, Vec<_>) = self
            .ledger
            .custody()
            .staged()?
            .into_iter()
            .filter(|staged| may_be_tried(staged.history().next_try, now))
            .partition(|staged| staged.place().is_at(self.target.place()));
        match self.deliver(here) {
            // Perhaps only these old messages are refused: new mail gets a chance of its own.
            Err(Error::Refusing) => self.transient_in_a_row = 0,
            delivered => delivered?,
        }
        self.recover_elsewhere(elsewhere)?;
        self.record()?;
        let staged: HashSet<_> = self
            .ledger
            .custody()
            .staged()?
            .iter()
            .map(|staged| staged.stored().file_name.clone())
            .collect();
        self.clean_up(&staged)
    }

    /// Removes the files that earlier runs left without a row.
    ///
    /// If the database is new or an older copy, a file without a row may be the only copy of a message:
    /// a server that hides what was retrieved (Gmail) would never send it again. Such files stay.
    fn clean_up(&mut self, staged: &HashSet<String>) -> Result<(), Error> {
        let intake = self.target.intake();
        if !self.ledger.freshness().has_forgotten()? {
            return Ok(intake.sweep(staged)?);
        }
        // In a Maildir, mail readers remove old files from tmp/, and another database may know
        // those that are there.
        let place = self.target.place();
        if place.program.is_none() {
            return Ok(());
        }
        let count = intake.set_aside(staged)?;
        if count > 0 {
            self.reporter.report(Event::Warning(&format_args!(
                "the database is new or an older one; files in {} that it does not know were set \
                 aside as *.unknown: {count}; give each to the MDA or remove it, as the server may \
                 not have it any more",
                place.path.display()
            )));
        }
        Ok(())
    }

    /// Finishes messages that were staged for a target that the account does not use any more.
    fn recover_elsewhere(&mut self, mut staged: Vec<Staged>) -> Result<(), Error> {
        while let Some(place) = staged.first().map(|staged| staged.place().clone()) {
            let (there, others): (Vec<_>, Vec<_>) = staged
                .into_iter()
                .partition(|staged| staged.place().is_at(&place));
            staged = others;
            match delivery::reopen(&place, self.ledger.tag()) {
                delivery::Reopened::Target(target) => {
                    let outcomes = target.deliver(there);
                    self.note(outcomes, &place);
                }
                delivery::Reopened::Missing => {
                    let lost = there
                        .iter()
                        .map(|staged| Outcome::Lost(staged.stored().identity.clone()));
                    self.outcomes.extend(lost);
                }
                delivery::Reopened::Unreachable(error) => return Err(error.into()),
                delivery::Reopened::NeedsMda => {
                    let problem = format!(
                        "{} (messages: {}) waits for an MDA, but the account has none now: set mda \
                         once more to have it delivered",
                        place.path.display(),
                        there.len()
                    );
                    self.settled
                        .summary
                        .report_problem(self.reporter, &Failure::new(problem, Exit::Configuration));
                }
            }
        }
        Ok(())
    }
}
