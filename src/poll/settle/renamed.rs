//! Recognises messages that the server lists under new unique-ids, after they were retrieved and
//! before they are delivered.

use std::collections::HashMap;

use super::{Error, Settler};
use crate::mail::custody::Receipt;
use crate::mail::maildrop::MessageNumber;
use crate::poll::batch::Batch;
use crate::report::Event;
use crate::seen::{Match, RenamedMessage};

/// The numbers of arrived messages in this session, by their file names.
pub(super) type Numbers = HashMap<String, MessageNumber>;

impl Settler<'_> {
    /// Returns the numbers of the messages of a batch, if they may be needed.
    pub(super) fn numbers(&self, batch: &Batch) -> Numbers {
        if self.missing.is_empty() {
            return Numbers::default();
        }
        let arrivals = batch.arrivals().iter();
        arrivals
            .map(|arrival| (arrival.receipt.stored().file_name.clone(), arrival.number))
            .collect()
    }

    /// Drops new messages that have the content of a known one which is missing from the listing: the
    /// server has renamed it, for example because the mailbox has moved to another server. The known
    /// message gets the new unique-id and keeps its state.
    ///
    /// A known message that is still listed is never looked at. Two messages that are listed at the
    /// same time are two deliveries, even if their octets are equal.
    pub(super) fn recognise_renamed(
        &mut self,
        receipts: Vec<Receipt>,
        numbers: &Numbers,
    ) -> Result<Vec<Receipt>, Error> {
        if self.missing.is_empty() {
            return Ok(receipts);
        }
        let mut unknown = Vec::with_capacity(receipts.len());
        let mut renamed = Vec::new();
        for receipt in receipts {
            let found = self
                .ledger
                .missing()
                .take(&mut self.missing, receipt.stored())?;
            match found {
                Some(message) => renamed.push((receipt, message)),
                None => unknown.push(receipt),
            }
        }
        self.record_renamed(renamed, numbers)?;
        Ok(unknown)
    }

    fn record_renamed(
        &mut self,
        renamed: Vec<(Receipt, RenamedMessage)>,
        numbers: &Numbers,
    ) -> Result<(), Error> {
        if renamed.is_empty() {
            return Ok(());
        }
        // In one transaction, before any file is removed. After a kill in between, the next run knows
        // the messages by their new unique-ids, and removes the files.
        let messages = renamed.iter().map(|(_, message)| message);
        self.ledger.missing().rename(messages)?;
        self.settled.renamed += renamed.len();
        for (receipt, message) in renamed {
            self.claimed.insert(message.new.clone());
            let known = Match {
                identity: message.new,
                state: message.state,
            };
            let number = numbers.get(&receipt.stored().file_name);
            self.settled
                .proven
                .extend(number.map(|&number| (number, known)));
            self.target.intake().discard(receipt)?;
        }
        Ok(())
    }

    /// Reports how many messages were recognised.
    pub(super) fn report_renamed(&self) {
        let renamed = self.settled.renamed;
        if renamed > 0 {
            self.reporter.report(Event::Warning(&format_args!(
                "the server lists known messages under new unique-ids; recognised by their content \
                 and not delivered again: {renamed}"
            )));
        }
    }
}
