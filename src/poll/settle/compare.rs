//! Compares a batch with the known messages: what was delivered before is dropped.

use super::{Error, Settler};
use crate::mail::custody::{Found, Receipt, StoredMessage};
use crate::mail::maildrop::{Identity, MessageNumber, UniqueId};
use crate::mail::same::{Judgement, MessageContent, judge};
use crate::poll::batch::{Arrival, Batch, Purpose};
use crate::seen::{Compared, Comparison, KnownContent, Match};

/// The result of looking for a message among the known ones.
enum Recalled {
    /// It is known, and not delivered.
    Known { receipt: Receipt, result: Compared },
    /// It is new.
    New(Receipt),
}

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
                Purpose::Comparison { listed } => self
                    .compare_with_known(number, receipt, &receipts, listed)?
                    .map_or(Ok(None), |receipt| self.recognise(number, receipt))?,
                Purpose::Delivery | Purpose::Verification => self.verify(number, receipt)?,
                Purpose::Naming => self.name(number, receipt, &receipts)?,
                Purpose::Recognition => self
                    .recognise(number, receipt)?
                    .map_or(Ok(None), |receipt| self.verify(number, receipt))?,
            };
            receipts.extend(unknown);
        }
        Ok(receipts)
    }

    /// Compares a message with the known ones under its unique-id, and keeps the result for the record.
    fn compare_with_known(
        &mut self,
        number: MessageNumber,
        receipt: Receipt,
        beside: &[Receipt],
        listed: usize,
    ) -> Result<Option<Receipt>, Error> {
        let taken_for = receipt.stored().identity.clone();
        let size = receipt.stored().size;
        let (result, unknown) = match self.recall(number, receipt, beside, listed)? {
            Recalled::Known { receipt, result } => {
                self.arrivals.intake().discard(receipt)?;
                (result, None)
            }
            Recalled::New(receipt) => {
                let identity = receipt.stored().identity.clone();
                (Compared::New(identity), Some(receipt))
            }
        };
        self.settled.comparisons.push(Comparison {
            number,
            taken_for,
            size,
            result,
        });
        Ok(unknown)
    }

    /// Gives a message a unique-id that is made up from its content: the server has none. Lines that
    /// servers write do not count: many add `Status: RO` to what was read. Drops the message if it was
    /// delivered before.
    fn name(
        &mut self,
        number: MessageNumber,
        receipt: Receipt,
        beside: &[Receipt],
    ) -> Result<Option<Receipt>, Error> {
        let name = UniqueId::of_content(receipt.stored().content().canonical());
        let receipt = receipt.named(name);
        match self.recall(number, receipt, beside, 1)? {
            Recalled::Known { receipt, .. } => {
                self.arrivals.intake().discard(receipt)?;
                Ok(None)
            }
            Recalled::New(receipt) => {
                let identity = receipt.stored().identity.clone();
                self.settled.named.push((number, identity));
                Ok(Some(receipt))
            }
        }
    }

    /// Looks for a message among those that are known under its unique-id. Each known message stands for
    /// one listed message only. A new one gets a copy number of its own.
    fn recall(
        &mut self,
        number: MessageNumber,
        receipt: Receipt,
        beside: &[Receipt],
        listed: usize,
    ) -> Result<Recalled, Error> {
        let identity = receipt.stored().identity.clone();
        let download = receipt.stored().content();
        let mut known = self.known_contents(&identity, &download)?;
        known.retain(|known| !self.claimed.contains(&known.found.identity));
        let result = match judge(known.iter().map(|known| &known.content), &download, listed) {
            Judgement::Same(index) => {
                let same = known.swap_remove(index);
                let is_unchanged = same.content.digest == download.digest;
                let recorded = same.size;
                let found = self.claim(number, same.found, &identity)?;
                self.trust(&found, &receipt)?;
                Compared::Same {
                    identity: found,
                    recorded,
                    is_unchanged,
                }
            }
            Judgement::ChangesEachTime => Compared::ChangesEachTime,
            Judgement::New => {
                let receipt = self.renumber(receipt, beside)?;
                self.claimed.insert(receipt.stored().identity.clone());
                return Ok(Recalled::New(receipt));
            }
        };
        Ok(Recalled::Known { receipt, result })
    }

    /// Returns the messages that are known under a unique-id. Names that mailpull makes up were once made
    /// from all octets, also from lines that servers write, and databases still have such names.
    fn known_contents(
        &self,
        identity: &Identity,
        download: &MessageContent,
    ) -> Result<Vec<KnownContent>, Error> {
        let recognition = self.ledger.recognition();
        let mut known = recognition.contents(identity)?;
        if UniqueId::is_made_up(identity.unique_id.as_octets()) {
            let former = Identity {
                unique_id: UniqueId::of_content(&download.digest),
                copy: 0,
            };
            if former.unique_id != identity.unique_id {
                known.extend(recognition.contents(&former)?);
            }
        }
        Ok(known)
    }

    /// Notes that a listed message is a known one, and returns its identity from now on.
    pub(super) fn claim(
        &mut self,
        number: MessageNumber,
        mut found: Match,
        identity: &Identity,
    ) -> Result<Identity, Error> {
        if found.identity != *identity && self.ledger.failures().has_only_failed(identity)? {
            // The message that failed under this copy number is the one that was delivered
            // under the other.
            let renamed = [(found.identity, identity.clone())];
            self.ledger.recognition().rename(&renamed)?;
            found.identity = identity.clone();
        }
        let identity = found.identity.clone();
        self.claimed.insert(identity.clone());
        self.settled.proven.push((number, found));
        Ok(identity)
    }

    /// Gives a new message a copy number of its own, unless its number belongs to nothing but its own
    /// failures.
    fn renumber(&self, receipt: Receipt, beside: &[Receipt]) -> Result<Receipt, Error> {
        let identity = &receipt.stored().identity;
        if self.ledger.failures().has_only_failed(identity)? {
            return Ok(receipt);
        }
        let copy = self.free_copy(&identity.unique_id, beside)?;
        Ok(receipt.renumbered(copy))
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
        self.record_found(number, receipt, &found)?;
        Ok(None)
    }

    /// Records that a message stands in a file of the target, and drops this copy of it.
    pub(super) fn record_found(
        &mut self,
        number: MessageNumber,
        receipt: Receipt,
        found: &Found,
    ) -> Result<(), Error> {
        let found = self
            .ledger
            .recognition()
            .record_found(found, self.arrivals.place())?;
        self.settled.summary.recognised += 1;
        self.settled.proven.push((number, found));
        self.arrivals.intake().discard(receipt)?;
        Ok(())
    }

    /// Returns a file of the target with the octets of a message that no known message claims.
    pub(super) fn find_unclaimed(&self, stored: &StoredMessage) -> Result<Option<Found>, Error> {
        while let Some(found) = self.arrivals.recognise(stored)? {
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
