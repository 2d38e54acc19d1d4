//! Finishes what earlier runs left, before there is a session.

use std::collections::HashSet;

use super::{Error, Settled, Settler};
use crate::delivery::{self, Arrivals, Leftovers, SoughtMessages, StagedState};
use crate::exit::{Exit, Failure};
use crate::mail::custody::Staged;
use crate::mail::known::may_be_tried;
use crate::mail::maildrop::UniqueId;
use crate::moment::Moment;
use crate::report::Event;
use crate::seen::Doubt;

impl Settler<'_> {
    /// Finishes what earlier runs began. Every staged message is delivered now, or found to be
    /// delivered, or forgotten so that it is fetched again. Needs no server.
    pub(crate) fn recover(mut self) -> Settled {
        let ended = self.recover_staged();
        self.end(ended)
    }

    fn recover_staged(&mut self) -> Result<(), Error> {
        self.recall_failures()?;
        let staged = self.ledger.custody().staged()?;
        if !staged.is_empty() {
            self.ledger.freshness().sign()?;
        }
        let file_name = |staged: &Staged| staged.stored().file_name.clone();
        let before = staged.iter().map(file_name).collect();
        let (mut here, elsewhere): (Vec<_>, Vec<_>) = staged
            .into_iter()
            .partition(|staged| staged.place().is_at(self.arrivals.place()));
        let elsewhere = self.take_over_moved(&mut here, elsewhere)?;
        let here = self.recognise_staged(here)?;
        match self.targets.is_empty() {
            true => self.settled.fault = self.deliverer.deliver_old(here)?,
            false => self.deliver_spooled()?,
        }
        let now = Moment::now();
        let elsewhere = elsewhere
            .into_iter()
            .filter(|staged| may_be_tried(staged.history().next_try, now))
            .collect();
        self.recover_elsewhere(elsewhere)?;
        self.deliverer.record()?;
        let known = self.staged_files()?;
        self.clean_up(&known, before)
    }

    /// Gives the messages in the spool to each target that has not taken them.
    fn deliver_spooled(&mut self) -> Result<(), Error> {
        let custody = self.ledger.custody();
        custody.set_targets(&self.targets, self.usual)?;
        if self.queues.is_empty() {
            for target in &self.targets {
                let staged = custody.staged_for(*target)?;
                self.settled.fault = self.deliverer.deliver_old(staged)?;
            }
        }
        for (queue, target) in self.queues.iter_mut().zip(&self.targets) {
            queue.send_old(custody.staged_for(*target)?);
        }
        Ok(())
    }

    /// Drops staged messages that another database has delivered already, if this one is in doubt: it may
    /// have been put back after the other one fetched the same messages. Returns the rest.
    fn recognise_staged(&mut self, staged: Vec<Staged>) -> Result<Vec<Staged>, Error> {
        if staged.is_empty() || self.ledger.freshness().doubt()? == Doubt::None {
            return Ok(staged);
        }
        let unique_id = |staged: &'_ Staged| staged.stored().identity.unique_id.clone();
        let sought: Vec<_> = staged.iter().map(unique_id).collect();
        let sought = sought.iter().map(UniqueId::as_octets);
        let (tags, own) = (self.ledger.tags(), self.ledger.marks().own);
        self.arrivals
            .find_earlier(&SoughtMessages::new(sought, tags, own))?;
        let mut unknown = Vec::with_capacity(staged.len());
        for staged in staged {
            match self.find_unclaimed(staged.stored())? {
                None => unknown.push(staged),
                Some(found) => {
                    self.ledger.recognition().record_found_staged(&found)?;
                    self.settled.summary.recognised += 1;
                    // The next run removes what cannot be removed now.
                    let _ = self.arrivals.intake().withdraw(&[staged.into_file_name()]);
                }
            }
        }
        Ok(unknown)
    }

    fn staged_files(&self) -> Result<HashSet<String>, Error> {
        let staged = self.ledger.custody().staged()?;
        let names = staged.into_iter().map(|staged| staged.into_file_name());
        Ok(names.collect())
    }

    /// Removes the files that killed runs left without a row.
    ///
    /// Files in the spool that no database knows may be the only copies of their messages: a server that
    /// hides what was retrieved (Gmail) would never send them again. So they are set aside and reported.
    /// In a Maildir, mail readers remove old files from tmp/, and another database may know those that
    /// are there.
    ///
    /// `staged` are the files of messages that are still staged, and `before` of those that were when this
    /// run began: an MDA's files are removed a little after their delivery is recorded.
    fn clean_up(&mut self, staged: &HashSet<String>, before: HashSet<String>) -> Result<(), Error> {
        let (intake, place) = (self.arrivals.intake(), self.arrivals.place());
        intake.sweep(staged)?;
        if place.program.is_none() || self.ledger.freshness().doubt()? != Doubt::Open {
            return Ok(());
        }
        let count = intake.set_aside(&Leftovers {
            tags: self.ledger.tags(),
            marks: self.ledger.all_marks()?,
            staged: before,
        })?;
        if count > 0 {
            self.reporter.report(Event::Warning(&format_args!(
                "the database is new or an older one; files in {} that it does not know were set \
                 aside as *.unknown: {count}; deliver each by hand or remove it, as the server may \
                 not have it any more",
                place.path.display()
            )));
        }
        Ok(())
    }

    /// Adds to `here` the messages that were staged for another Maildir and are in this one: the user has moved
    /// that Maildir and changed `maildir`. Records their place, and returns the others. That a message is not
    /// here proves nothing.
    fn take_over_moved(
        &self,
        here: &mut Vec<Staged>,
        elsewhere: Vec<Staged>,
    ) -> Result<Vec<Staged>, Error> {
        let (in_maildirs, mut others): (Vec<_>, Vec<_>) = elsewhere
            .into_iter()
            .partition(|staged| staged.place().program.is_none());
        if in_maildirs.is_empty() {
            return Ok(others);
        }
        let states = self.arrivals.locate_all(&in_maildirs)?;
        let mut moved = Vec::new();
        for (staged, state) in in_maildirs.into_iter().zip(states) {
            let is_here = match state {
                StagedState::Waiting | StagedState::Delivered => true,
                // Perhaps only the list was copied here, and the message is still in the other Maildir.
                StagedState::Taken => matches!(
                    delivery::locate_in_maildir(&staged)?,
                    StagedState::Lost | StagedState::Taken
                ),
                _ => false,
            };
            if is_here {
                moved.push(staged);
            } else {
                others.push(staged);
            }
        }
        let place = self.arrivals.place();
        here.extend(self.ledger.custody().note_moved(moved, place)?);
        Ok(others)
    }

    /// Finishes messages that were staged for a target that the account does not use any more.
    fn recover_elsewhere(&mut self, mut staged: Vec<Staged>) -> Result<(), Error> {
        while let Some(place) = staged.first().map(|staged| staged.place().clone()) {
            let (there, others): (Vec<_>, Vec<_>) = staged
                .into_iter()
                .partition(|staged| staged.place().is_at(&place));
            staged = others;
            match delivery::reopen(&place, self.ledger.marks()) {
                delivery::Reopened::Maildir(maildir) => {
                    self.deliverer.deliver_elsewhere(there, &maildir)?;
                    maildir.intake().sweep(&self.staged_files()?)?;
                }
                delivery::Reopened::Missing => self.deliverer.note_lost(&there),
                delivery::Reopened::Unreachable(error) => return Err(error.into()),
                delivery::Reopened::NeedsMda => {
                    let problem = format!(
                        "{} (messages: {}) waits for an MDA, an mbox file or a mail server, but the \
                         account has none now: set mda, mbox, lmtp or deliver once more to have it \
                         delivered",
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
