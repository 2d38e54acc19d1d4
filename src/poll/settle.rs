//! Makes messages durable, stages, delivers and records them (custody steps 2 to 6), one batch while
//! the next one arrives.
//!
//! The server is out of reach here: what a session says cannot change what is recorded.

use std::collections::HashSet;

use crate::delivery::{self, Target};
use crate::exit::{Exit, Failure};
use crate::mail::custody::{Durable, Outcome, Receipt, Staged, TargetPlace};
use crate::mail::known::{State, may_be_tried};
use crate::mail::maildrop::{Identity, MessageNumber, UniqueId};
use crate::moment::Moment;
use crate::poll::batch::{Arrival, Batch, Inlet, Purpose};
use crate::report::{AccountReporter, Event, Summary};
use crate::seen::{self, Ledger, Match};

/// After this many temporary refusals in a row the target is at fault, not the message.
const TRANSIENT_IN_A_ROW: usize = 3;

/// The reason why settling stopped. The next run settles what is not recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The target failed as a whole.
    #[error(transparent)]
    Delivery(#[from] delivery::Error),
    /// Messages disappeared from tmp/ before they were delivered.
    #[error(
        "messages disappeared from tmp/ before they were delivered: {0}; the next run fetches them again"
    )]
    Vanished(usize),
    /// The target refuses one message after the other, for now.
    #[error("nothing can be delivered for now; what arrived is kept for the next run")]
    Refusing,
    /// The database failed.
    #[error(transparent)]
    Seen(#[from] seen::Error),
}

impl Error {
    /// Returns what the user can do about it, if anything.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Delivery(source) => source.hint(),
            Self::Seen(source) => source.hint(),
            Self::Refusing | Self::Vanished(_) => None,
        }
    }

    /// Returns the exit status that the error leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Delivery(error) => error.exit(),
            Self::Refusing => Exit::Temporary,
            Self::Vanished(_) => Exit::LocalIo,
            Self::Seen(error) => error.exit(),
        }
    }
}

/// Takes batches from their arrival to their record.
pub(crate) struct Settler<'a> {
    ledger: &'a mut Ledger,
    target: &'a dyn Target,
    reporter: AccountReporter<'a>,
    /// Outcomes that are not recorded yet.
    outcomes: Vec<Outcome>,
    /// Known messages that were found again, so that no second message is taken for one of them.
    claimed: HashSet<Identity>,
    transient_in_a_row: usize,
    /// The number of messages that disappeared from tmp/.
    lost: usize,
    settled: Settled,
}

/// The result of settling.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// The counts of delivered messages, failed ones and so on.
    pub summary: Summary,
    /// Messages that turned out to be what was delivered before.
    pub proven: Vec<(MessageNumber, Match)>,
    /// The identities made up for messages that have no unique-id.
    pub named: Vec<(MessageNumber, Identity)>,
    /// The reason why settling ended early, if it did.
    pub failure: Option<Error>,
}

impl<'a> Settler<'a> {
    /// Creates a settler that delivers to `target` and records in `ledger`.
    pub(crate) fn new(
        ledger: &'a mut Ledger,
        target: &'a dyn Target,
        reporter: AccountReporter<'a>,
    ) -> Self {
        Self {
            ledger,
            target,
            reporter,
            outcomes: Vec::new(),
            claimed: HashSet::new(),
            transient_in_a_row: 0,
            lost: 0,
            settled: Settled::default(),
        }
    }

    /// Settles batches as they arrive, to the last one or until something fails. What is delivered by
    /// then is recorded.
    pub(crate) fn run(mut self, inlet: Inlet) -> Settled {
        let intake = self.target.intake();
        let ended = inlet.batches().try_for_each(|batch| {
            self.settle(batch)?;
            inlet.report_settled();
            Ok(())
        });
        let ended = self.end(ended);
        // After a failure the receiver stops; what it had sent by then is fetched again.
        for arrival in inlet.close().flat_map(Batch::into_arrivals) {
            // The next run removes what cannot be removed now.
            let _ = intake.discard(arrival.receipt);
        }
        ended
    }

    /// Finishes what earlier runs began. Every staged message is delivered now, or found to be
    /// delivered, or forgotten so that it is fetched again. Needs no server.
    pub(crate) fn recover(mut self) -> Settled {
        let ended = self.recover_staged();
        self.end(ended)
    }

    fn end(mut self, ended: Result<(), Error>) -> Settled {
        let recorded = self.record();
        let recognised = self.settled.summary.recognised;
        if recognised > 0 {
            self.reporter.report(Event::Warning(&format_args!(
                "the database is new or an older one; messages recognised by their files in {} and \
                 not delivered again: {recognised}",
                self.target.place()
            )));
        }
        self.settled.failure = ended.and(recorded).err();
        self.settled
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

    /// Settles one batch.
    ///
    /// # Errors
    /// The database or the target failed, or the target takes nothing for now. Only what is delivered
    /// is recorded.
    fn settle(&mut self, batch: Batch) -> Result<(), Error> {
        let receipts = self.compare(batch)?;
        let durable = self.target.intake().flush(receipts)?;
        let staged = self.stage(durable)?;
        self.deliver(staged)?;
        // A session that retrieved messages which are not stored must not end with QUIT: some
        // servers hide or delete what was retrieved.
        match self.lost {
            0 => Ok(()),
            lost => Err(Error::Vanished(lost)),
        }
    }

    /// Drops messages that were already delivered. A message that differs from the one it was taken
    /// for is new mail under an old unique-id, and stays.
    fn compare(&mut self, batch: Batch) -> Result<Vec<Receipt>, Error> {
        let arrivals = batch.into_arrivals();
        let mut receipts = Vec::with_capacity(arrivals.len());
        for Arrival {
            number,
            receipt,
            purpose,
        } in arrivals
        {
            let unknown = match purpose {
                Purpose::Comparison => self
                    .recall(number, receipt, &receipts)?
                    .map_or(Ok(None), |receipt| self.recognise(number, receipt))?,
                Purpose::Delivery => Some(receipt),
                Purpose::Naming => {
                    let content = receipt.stored().digest.hex(32);
                    let receipt = receipt.named(UniqueId::of_content(&content));
                    let unknown = self.recall(number, receipt, &receipts)?;
                    if let Some(receipt) = &unknown {
                        let identity = receipt.stored().identity.clone();
                        self.claimed.insert(identity.clone());
                        self.settled.named.push((number, identity));
                    }
                    unknown
                }
                Purpose::Recognition => self.recognise(number, receipt)?,
            };
            receipts.extend(unknown);
        }
        Ok(receipts)
    }

    /// Drops a message if the database knows one with the same content. Any other gets a copy number
    /// of its own. Each known message stands for one listed message only.
    fn recall(
        &mut self,
        number: MessageNumber,
        receipt: Receipt,
        beside: &[Receipt],
    ) -> Result<Option<Receipt>, Error> {
        let known = self.ledger.recognition().find_matches(receipt.stored())?;
        // A made-up unique-id is a hash of the content: a deleted message with the same content
        // was another delivery of it, not this one.
        let is_made_up = UniqueId::is_made_up(receipt.stored().identity.unique_id.as_octets());
        let is_free = |found: &Match| {
            !(self.claimed.contains(&found.identity) || is_made_up && found.state == State::Gone)
        };
        if let Some(mut found) = known.into_iter().find(is_free) {
            let identity = &receipt.stored().identity;
            if found.identity != *identity && self.ledger.failures().has_only_failed(identity)? {
                // The message that failed under this copy number is the one that was delivered
                // under the other.
                let renamed = [(found.identity, identity.clone())];
                self.ledger.recognition().rename(&renamed)?;
                found.identity = identity.clone();
            }
            self.claimed.insert(found.identity.clone());
            self.settled.proven.push((number, found));
            self.target.intake().discard(receipt)?;
            return Ok(None);
        }
        let identity = &receipt.stored().identity;
        if self.ledger.failures().has_only_failed(identity)? {
            return Ok(Some(receipt));
        }
        let copy = self.free_copy(&identity.unique_id, beside)?;
        Ok(Some(receipt.renumbered(copy)))
    }

    /// Drops a message if the target has a file with the same octets that no known message claims.
    fn recognise(
        &mut self,
        number: MessageNumber,
        receipt: Receipt,
    ) -> Result<Option<Receipt>, Error> {
        while let Some(found) = self.target.recognise(receipt.stored())? {
            // A file with a row belongs to another message, even if the octets are the same.
            if self
                .ledger
                .recognition()
                .has_file(found.delivered.stored())?
            {
                continue;
            }
            let found = self
                .ledger
                .recognition()
                .record_found(&found, self.target.place())?;
            self.settled.summary.recognised += 1;
            self.settled.proven.push((number, found));
            self.target.intake().discard(receipt)?;
            return Ok(None);
        }
        Ok(Some(receipt))
    }

    /// Returns a copy number that no message under a unique-id has yet: neither in the database nor
    /// among the messages of this batch (`beside`), which have no rows yet.
    fn free_copy(&self, unique_id: &UniqueId, beside: &[Receipt]) -> Result<u32, Error> {
        let beside = beside
            .iter()
            .map(|receipt| &receipt.stored().identity)
            .filter(|other| other.unique_id == *unique_id)
            .map(|other| other.copy + 1);
        Ok(beside.fold(self.ledger.recognition().free_copy(unique_id)?, u32::max))
    }

    fn stage(&mut self, durable: Vec<Durable>) -> Result<Vec<Staged>, Error> {
        if durable.is_empty() {
            return Ok(Vec::new());
        }
        let names = durable.iter().map(|durable| &durable.stored().file_name);
        let names: Vec<_> = names.cloned().collect();
        let staged = self
            .ledger
            .custody()
            .stage(durable, self.target.place(), &self.outcomes)
            .inspect_err(|error| self.withdraw(error, &names))?;
        self.release();
        Ok(staged)
    }

    /// Removes the files of a batch if the database has no room for it: they may be what fills the
    /// disk. After any other error the rows may have been written after all, and must not be left
    /// without their files.
    fn withdraw(&self, error: &seen::Error, file_names: &[String]) {
        if error.exit() == Exit::Temporary {
            // The next run removes what cannot be removed now.
            let _ = self.target.intake().withdraw(file_names);
        }
    }

    fn deliver(&mut self, mut staged: Vec<Staged>) -> Result<(), Error> {
        while !staged.is_empty() && self.target.accepts_more() {
            let behind = staged.split_off(self.target.group_size().min(staged.len()));
            let group = std::mem::replace(&mut staged, behind);
            if self.target.may_deliver_twice() {
                self.ledger.custody().record(&self.outcomes, &group)?;
                self.release();
            }
            let outcomes = self.target.deliver(group);
            self.note(outcomes, self.target.place());
            if self.transient_in_a_row >= TRANSIENT_IN_A_ROW {
                self.record()?;
                return Err(Error::Refusing);
            }
        }
        Ok(())
    }

    /// Reports what became of messages, and keeps it for the next record.
    fn note(&mut self, outcomes: Vec<Outcome>, place: &TargetPlace) {
        for outcome in &outcomes {
            if let Outcome::Delivered(delivered) = outcome {
                let stored = delivered.stored();
                self.transient_in_a_row = 0;
                self.settled.summary.delivered += 1;
                self.settled.summary.octets += stored.octets;
                self.reporter.report(Event::Delivered(stored, place));
                if !delivered.output().is_empty() {
                    let output = delivered.output();
                    self.reporter
                        .report(Event::Note(&format_args!("{place} said: {output}")));
                }
            }
        }
        let is_lost = |outcome: &&Outcome| matches!(outcome, Outcome::Lost(_));
        self.lost += outcomes.iter().filter(is_lost).count();
        self.note_kept(&outcomes);
        self.outcomes.extend(outcomes);
    }

    /// Reports in one line why messages were not delivered: messages that are delivered together fail
    /// for the same reason.
    fn note_kept(&mut self, outcomes: &[Outcome]) {
        let mut kept = outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Kept {
                identity,
                why,
                hint,
                is_transient,
                failures,
                ..
            } => Some((&identity.unique_id, (why, hint), *is_transient, *failures)),
            Outcome::Delivered(_) | Outcome::Lost(_) => None,
        });
        let Some((id, (why, hint), is_transient, failures)) = kept.next() else {
            return;
        };
        let exit = if is_transient {
            self.transient_in_a_row += 1;
            Exit::Temporary
        } else {
            self.transient_in_a_row = 0;
            Exit::LocalIo
        };
        let others = kept.count();
        self.settled.summary.failed += 1 + others;
        let more = match others {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        let failure = Failure {
            hint: hint.clone(),
            ..Failure::new(format_args!("delivering message {id}{more}: {why}"), exit)
        };
        self.settled
            .summary
            .report_message_failure(self.reporter, failure, failures);
    }

    fn record(&mut self) -> Result<(), Error> {
        self.ledger.custody().record(&self.outcomes, &[])?;
        self.release();
        Ok(())
    }

    /// Forgets outcomes that are recorded now.
    fn release(&mut self) {
        self.target.forget_delivered(&self.outcomes);
        self.outcomes.clear();
    }
}
