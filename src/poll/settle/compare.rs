//! Compares a batch with the known messages: what was delivered before is dropped.

use super::{Error, Settler};
use crate::mail::custody::{Found, Receipt, StoredMessage};
use crate::mail::maildrop::{MessageNumber, UniqueId};
use crate::poll::batch::{Arrival, Batch, Purpose};
use crate::seen::Match;

impl Settler<'_> {
    /// Drops messages that were already delivered. A message that differs from the one it was taken
    /// for is new mail under an old unique-id, and stays.
    pub(super) fn compare(&mut self, batch: Batch) -> Result<Vec<Receipt>, Error> {
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
        let is_free = |found: &Match| !self.claimed.contains(&found.identity);
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
        let Some(found) = self.find_unclaimed(receipt.stored())? else {
            return Ok(Some(receipt));
        };
        let found = self
            .ledger
            .recognition()
            .record_found(&found, self.target.place())?;
        self.settled.summary.recognised += 1;
        self.settled.proven.push((number, found));
        self.target.intake().discard(receipt)?;
        Ok(None)
    }

    /// Returns a file of the target with the octets of a message that no known message claims.
    pub(super) fn find_unclaimed(&self, stored: &StoredMessage) -> Result<Option<Found>, Error> {
        while let Some(found) = self.target.recognise(stored)? {
            // A file with a row belongs to another message, even if the octets are the same.
            if !self
                .ledger
                .recognition()
                .has_file(found.delivered.stored())?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
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
}
