//! Makes what arrived durable, ours, delivered and recorded (steps 2 to 6 of the custody order),
//! batch by batch, while the next one arrives.
//! Knows nothing of servers.

use std::collections::HashSet;

use crate::delivery::{self, Target};
use crate::exit::{Exit, Failure};
use crate::mail::custody::{Durable, Outcome, Place, Receipt, Staged};
use crate::mail::known::{State, may_be_tried};
use crate::mail::maildrop::{Identity, MessageNumber, UniqueId};
use crate::moment::Moment;
use crate::poll::batch::{Arrival, Batch, Inlet, Purpose};
use crate::report::{AccountReporter, Event, Summary};
use crate::seen::{self, Ledger, Match};

/// So many temporary refusals in a row are not this or that message's fault.
const TRANSIENT_IN_A_ROW: usize = 3;

/// Why settling stopped. What is not recorded is settled by the next run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The target failed as a whole.
    #[error(transparent)]
    Delivery(#[from] delivery::Error),
    /// Messages disappeared before they were in their place.
    #[error(
        "{0} messages disappeared from tmp/ before they were delivered; the next run fetches them again"
    )]
    Vanished(usize),
    /// The target refuses one message after the other for now.
    #[error("nothing can be delivered for now; what arrived is kept for the next run")]
    Refusing,
    /// The database failed.
    #[error(transparent)]
    Seen(#[from] seen::Error),
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Delivery(source) => source.hint(),
            Self::Seen(source) => source.hint(),
            Self::Refusing | Self::Vanished(_) => None,
        }
    }

    /// The exit status that it leads to.
    pub fn exit(&self) -> Exit {
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
    /// What became of messages, not yet recorded.
    outcomes: Vec<Outcome>,
    /// Who of the known messages was found again, so that no other is taken for it.
    claimed: HashSet<Identity>,
    transient_in_a_row: usize,
    /// How many disappeared on their way.
    lost: usize,
    settled: Settled,
}

/// What settling came to.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// Delivered, failed and so on.
    pub summary: Summary,
    /// Messages that turned out to be what was delivered before.
    pub proven: Vec<(MessageNumber, Match)>,
    /// What messages are called here that the server has no name for.
    pub named: Vec<(MessageNumber, Identity)>,
    /// What ended it early, if something did.
    pub failure: Option<Error>,
}

impl<'a> Settler<'a> {
    /// Settles into `target` and `ledger`.
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

    /// Settles batches as they arrive, to the last or until something fails; what is delivered by
    /// then is recorded.
    pub(crate) fn run(mut self, inlet: Inlet) -> Settled {
        let intake = self.target.intake();
        let ended = inlet.batches().try_for_each(|batch| {
            self.settle(batch)?;
            inlet.tell_settled();
            Ok(())
        });
        let ended = self.end(ended);
        // Where settling cannot go on, nothing more is to be fetched.
        for arrival in inlet.close().flat_map(Batch::into_arrivals) {
            // What cannot be removed now is swept up by the next run.
            let _ = intake.discard(arrival.receipt);
        }
        ended
    }

    /// Finishes what earlier runs began: every message that was staged is delivered now, or known
    /// to be, or forgotten so that it is fetched again. Needs no server.
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
            .filter(|staged| may_be_tried(staged.past().next_try, now))
            .partition(|staged| staged.place().is_at(self.target.place()));
        match self.deliver(here) {
            // Those that were tried first may be what is refused: new mail gets its own chance.
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

    /// Removes what dead runs left, but nothing that only a database knew which is gone: a server
    /// that hides what was retrieved would never give it again.
    fn clean_up(&mut self, staged: &HashSet<String>) -> Result<(), Error> {
        let intake = self.target.intake();
        if !self.ledger.freshness().has_forgotten()? {
            return Ok(intake.sweep(staged)?);
        }
        // A mail reader cleans tmp/ up, and another database may still know what is there.
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

    /// The same for messages that were on their way to where the account delivered before.
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
    /// The database or the target failed, or the target takes nothing for now. Nothing of it is
    /// recorded that is not delivered.
    fn settle(&mut self, batch: Batch) -> Result<(), Error> {
        let receipts = self.compare(batch)?;
        let durable = self.target.intake().flush(receipts)?;
        let staged = self.stage(durable)?;
        self.deliver(staged)?;
        // The server must not hear QUIT for what is not stored.
        match self.lost {
            0 => Ok(()),
            lost => Err(Error::Vanished(lost)),
        }
    }

    /// Takes out what was delivered before, and needs only to be recognised. What is not the message
    /// that it was taken for is new mail under an old unique-id.
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

    /// Takes a message out that the database knows, content and all; any other gets a copy number
    /// of its own. Each known message answers for one.
    fn recall(
        &mut self,
        number: MessageNumber,
        receipt: Receipt,
        beside: &[Receipt],
    ) -> Result<Option<Receipt>, Error> {
        let known = self.ledger.recognition().find_matches(receipt.stored())?;
        // Where names are made up, one that is gone is no other message's.
        let is_made_up = UniqueId::is_made_up(receipt.stored().identity.unique_id.as_octets());
        let is_free = |found: &Match| {
            !(self.claimed.contains(&found.identity) || is_made_up && found.state == State::Gone)
        };
        if let Some(mut found) = known.into_iter().find(is_free) {
            let identity = &receipt.stored().identity;
            if found.identity != *identity && self.ledger.failures().has_only_failed(identity)? {
                // What failed under this copy number is the one delivered under that.
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

    /// Takes a message out of which the target has the file.
    fn recognise(
        &mut self,
        number: MessageNumber,
        receipt: Receipt,
    ) -> Result<Option<Receipt>, Error> {
        while let Some(found) = self.target.recognise(receipt.stored())? {
            // A file that is known is another message's, though they are the same octet by octet.
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

    /// A copy number that no message under a unique-id has. Those of this batch have theirs, too,
    /// and no rows yet; what is fetched for delivery came before whatever is compared.
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

    /// Removes what the database has no room for: it may be what fills the disk. After any other
    /// error nobody knows whether the rows are there after all, and they must not come without
    /// their files.
    fn withdraw(&self, error: &seen::Error, file_names: &[String]) {
        if error.exit() == Exit::Temporary {
            // The next run sweeps up what cannot be removed now.
            let _ = self.target.intake().withdraw(file_names);
        }
    }

    fn deliver(&mut self, mut staged: Vec<Staged>) -> Result<(), Error> {
        while !staged.is_empty() && self.target.takes_more() {
            let behind = staged.split_off(self.target.stride().min(staged.len()));
            let group = std::mem::replace(&mut staged, behind);
            if self.target.may_repeat() {
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

    /// Tells what became of messages and keeps it for the next record.
    fn note(&mut self, outcomes: Vec<Outcome>, place: &Place) {
        for outcome in &outcomes {
            if let Outcome::Delivered(delivered) = outcome {
                let stored = delivered.stored();
                self.transient_in_a_row = 0;
                self.settled.summary.delivered += 1;
                self.settled.summary.octets += stored.octets;
                self.reporter.report(Event::Delivered(stored, place));
                if !delivered.words().is_empty() {
                    let words = delivered.words();
                    self.reporter
                        .report(Event::Note(&format_args!("{place} said: {words}")));
                }
            }
        }
        let is_lost = |outcome: &&Outcome| matches!(outcome, Outcome::Lost(_));
        self.lost += outcomes.iter().filter(is_lost).count();
        self.note_kept(&outcomes);
        self.outcomes.extend(outcomes);
    }

    /// Tells why messages were not delivered, in one line: what keeps one of those that are
    /// delivered together keeps the others.
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

    /// Lets go of what is recorded now.
    fn release(&mut self) {
        self.target.release(&self.outcomes);
        self.outcomes.clear();
    }
}
