//! Recognises messages that the server lists under new unique-ids, after they were retrieved and
//! before they are delivered.

use std::collections::HashMap;

use super::{Error, Settler};
use crate::mail::custody::Receipt;
use crate::mail::known::{Deviation, State};
use crate::mail::maildrop::{Identity, MessageNumber};
use crate::mail::suspicion::Suspicion;
use crate::poll::batch::{Arrival, Batch, Purpose};
use crate::seen::{Match, RenamedMessage};

/// Arrived messages before they are compared, by their file names.
pub(super) type Arrived = HashMap<String, ArrivedMessage>;

/// An arrived message, before it is compared.
pub(super) struct ArrivedMessage {
    /// Its number in this session.
    number: MessageNumber,
    /// The known message that it is compared with.
    compared_with: Option<Identity>,
}

impl Settler<'_> {
    /// Returns the messages of a batch before they are compared, if they may be needed.
    pub(super) fn arrived(&self, batch: &Batch) -> Arrived {
        let is_compared = |arrival: &Arrival| matches!(arrival.purpose, Purpose::Comparison { .. });
        if self.missing.is_empty() && !batch.arrivals().iter().any(is_compared) {
            return Arrived::default();
        }
        let arrived = |arrival: &Arrival| {
            let stored = arrival.receipt.stored();
            let message = ArrivedMessage {
                number: arrival.number,
                compared_with: is_compared(arrival).then(|| stored.identity.clone()),
            };
            (stored.file_name.clone(), message)
        };
        batch.arrivals().iter().map(arrived).collect()
    }

    /// Drops new messages that have the content of a known one which is missing from the listing: the
    /// server has renamed it, for example because the mailbox has moved to another server. The known
    /// message gets the new unique-id and keeps its state. A message that we deleted counts until a session
    /// has shown that the server has let it go.
    ///
    /// A known message that is still listed is never looked at. Two messages that are listed at the
    /// same time are two deliveries, even if their octets are equal.
    pub(super) fn recognise_renamed(
        &mut self,
        receipts: Vec<Receipt>,
        arrived: &Arrived,
    ) -> Result<Vec<Receipt>, Error> {
        self.note_displaced(&receipts, arrived)?;
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
        self.record_renamed(renamed, arrived)?;
        Ok(unknown)
    }

    /// Counts known messages as missing whose unique-ids turned out to mean other messages: a server that
    /// numbers its messages from 1 gives each one another number when the first is deleted.
    ///
    /// They are found by messages of the same batch and of later ones. A message of an earlier batch was
    /// delivered by then.
    fn note_displaced(&mut self, receipts: &[Receipt], arrived: &Arrived) -> Result<(), Error> {
        let mut displaced = Vec::new();
        for receipt in receipts {
            let message = arrived.get(&receipt.stored().file_name);
            if let Some(known) = message.and_then(|message| message.compared_with.as_ref())
                && !self.claimed.contains(known)
                // With several messages under one unique-id, nobody knows which of them is gone.
                && self.ledger.recognition().free_copy(&known.unique_id)? == 1
            {
                displaced.push((known.unique_id.as_octets(), known.copy));
            }
        }
        if !displaced.is_empty() {
            let contents = self.ledger.missing().contents(displaced.into_iter())?;
            self.missing.add(contents);
        }
        Ok(())
    }

    fn record_renamed(
        &mut self,
        mut renamed: Vec<(Receipt, RenamedMessage)>,
        arrived: &Arrived,
    ) -> Result<(), Error> {
        if renamed.is_empty() {
            return Ok(());
        }
        // In one transaction, before any file is removed. After a kill in between, the next run knows
        // the messages by their new unique-ids, and removes the files.
        if self
            .ledger
            .size_checks()
            .history()?
            .excuses(Deviation::Longer)
        {
            let doubts = renamed.iter_mut().map(|(_, message)| &mut message.doubt);
            doubts
                .filter(|doubt| **doubt == Suspicion::Short)
                .for_each(|doubt| *doubt = Suspicion::None);
        }
        let messages = renamed.iter().map(|(_, message)| message);
        self.ledger.missing().rename(messages)?;
        for (receipt, message) in renamed {
            match message.state {
                State::Gone => self.settled.kept += 1,
                _ => self.settled.renamed += 1,
            }
            self.claimed.insert(message.new.clone());
            let known = Match {
                identity: message.new,
                state: message.state,
            };
            let arrived = arrived.get(&receipt.stored().file_name);
            self.settled
                .proven
                .extend(arrived.map(|message| (message.number, known)));
            self.arrivals.intake().discard(receipt)?;
        }
        Ok(())
    }
}
