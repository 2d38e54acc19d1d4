//! Compares what arrives with the messages whose copy is in doubt.
//!
//! A session that was out of step delivers messages under the unique-ids of others. So each message
//! that a later session fetches is looked for by its content among all that was delivered in doubt. What
//! is found there is that message, and the row gets the unique-id under which it is listed now. What is
//! not found was never delivered.

use std::collections::HashMap;

use super::{Error, Settler};
use crate::digest::Digest;
use crate::mail::custody::{Receipt, StoredMessage};
use crate::mail::known::Deviation;
use crate::mail::maildrop::{Identity, MessageNumber};
use crate::mail::same::{Likeness, MessageContent, compare};
use crate::mail::suspicion::Suspicion;
use crate::report::Event;
use crate::seen::{KnownContent, Match, Suspect};

/// The deliveries in doubt that no message of this session has claimed.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    by_name: HashMap<Identity, Suspect>,
    /// Only those that may have the name of another message.
    by_content: HashMap<Digest, Vec<Identity>>,
}

impl Suspects {
    fn new(all: Vec<Suspect>) -> Self {
        let mut suspects = Self::default();
        for suspect in all {
            suspects.insert(suspect);
        }
        suspects
    }

    fn insert(&mut self, suspect: Suspect) {
        if suspect.suspicion == Suspicion::OutOfStep {
            let same = self.by_content.entry(suspect.canonical).or_default();
            same.push(suspect.identity.clone());
        }
        self.by_name.insert(suspect.identity.clone(), suspect);
    }

    fn remove(&mut self, identity: &Identity) -> Option<Suspect> {
        let suspect = self.by_name.remove(identity)?;
        if let Some(same) = self.by_content.get_mut(&suspect.canonical) {
            same.retain(|other| other != identity);
        }
        Some(suspect)
    }

    /// Keeps a delivery under the name that it has now.
    fn keep_apart(&mut self, displaced: Suspect, identity: Identity) {
        if displaced.suspicion == Suspicion::OutOfStep {
            self.insert(Suspect {
                identity,
                ..displaced
            });
        }
    }

    /// Takes out the delivery of a message. Its own name counts first, then any that may be wrong. Since then
    /// the server may have added a line such as `Status: RO`.
    fn claim(&mut self, identity: &Identity, canonical: &Digest) -> Option<Suspect> {
        let own = self.by_name.get(identity);
        if own.is_some_and(|own| own.canonical == *canonical) {
            return self.remove(identity);
        }
        let other = self.by_content.get(canonical)?.first()?.clone();
        self.remove(&other)
    }
}

impl Settler<'_> {
    /// Drops a message that was delivered in doubt, under whatever name. Any other was never delivered,
    /// and stays.
    pub(super) fn verify(
        &mut self,
        number: MessageNumber,
        receipt: Receipt,
    ) -> Result<Option<Receipt>, Error> {
        let mut suspects = match self.suspects.take() {
            Some(suspects) => suspects,
            None => {
                let all = self.ledger.suspicions().all()?;
                self.settled.had_suspects = !all.is_empty();
                Suspects::new(all)
            }
        };
        let unknown = self.verify_among(&mut suspects, number, receipt);
        self.suspects = Some(suspects);
        unknown
    }

    /// Trusts a message whose content has come a second time.
    pub(super) fn trust(&mut self, identity: &Identity, receipt: &Receipt) -> Result<(), Error> {
        let suspicion = Suspicion::of_header(&receipt.stored().header);
        if self.ledger.suspicions().settle(identity, suspicion)? {
            self.count_short_again(receipt.stored());
        }
        Ok(())
    }

    /// Counts a message that has come a second time if it again does not have the listed size.
    fn count_short_again(&mut self, stored: &StoredMessage) {
        self.settled.short_again.count(match stored.size_doubt() {
            Suspicion::Short => Deviation::Shorter,
            Suspicion::Incomplete => Deviation::LessThanHalf,
            _ => Deviation::None,
        });
    }

    fn verify_among(
        &mut self,
        suspects: &mut Suspects,
        number: MessageNumber,
        receipt: Receipt,
    ) -> Result<Option<Receipt>, Error> {
        let stored = receipt.stored();
        let identity = stored.identity.clone();
        let mut found = suspects.claim(&identity, stored.content().canonical());
        if found.is_none() && self.is_as_known(stored, suspects.by_name.get(&identity))? {
            found = suspects.remove(&identity);
        }
        let Some(found) = found else {
            let Some(displaced) = suspects.remove(&identity) else {
                return Ok(Some(receipt));
            };
            if let Some(earlier) = self.find_earlier(&receipt)? {
                self.set_apart(suspects, displaced)?;
                self.claim(number, earlier, &identity)?;
                self.arrivals.intake().discard(receipt)?;
                return Ok(None);
            }
            // A database that was lost or put back may not know the whole message.
            if let Some(found) = self.find_unclaimed(receipt.stored())? {
                self.set_apart(suspects, displaced)?;
                self.record_found(number, receipt, &found)?;
                return Ok(None);
            }
            return self.replace(suspects, displaced, receipt).map(Some);
        };
        let of_header = Suspicion::of_header(&stored.header);
        let ledger = &self.ledger;
        if found.identity == identity {
            ledger.suspicions().set(&identity, of_header)?;
        } else {
            // Without its size it may be the reply for another message, with a notice that many messages have.
            let suspicion = match stored.suspicion {
                Suspicion::None => of_header,
                doubt => doubt,
            };
            let displaced = suspects.remove(&identity);
            let apart = ledger.suspicions().reassign(
                &found.identity,
                stored,
                displaced.as_ref(),
                suspicion,
            )?;
            if let (Some(displaced), Some(identity)) = (displaced, apart) {
                suspects.keep_apart(displaced, identity);
            }
            self.settled.misnamed += 1;
        }
        if found.suspicion != Suspicion::OutOfStep {
            self.count_short_again(receipt.stored());
        }
        self.claimed.insert(identity.clone());
        let state = found.state;
        self.settled
            .proven
            .push((number, Match { identity, state }));
        self.arrivals.intake().discard(receipt)?;
        Ok(None)
    }

    /// Returns true if a message is the one that is known under its name, although a server has added lines
    /// to its header since then. If the known copy may have been cut, equal lengths of the bodies show that
    /// neither download was cut: something on the way only changes the header each time.
    fn is_as_known(
        &self,
        stored: &StoredMessage,
        suspect: Option<&Suspect>,
    ) -> Result<bool, Error> {
        let may_be_cut = suspect.is_some_and(|found| found.suspicion != Suspicion::OutOfStep);
        let known = self.ledger.recognition().contents(&stored.identity)?;
        let download = stored.content();
        let is_same = |known: &MessageContent| match compare(known, &download) {
            Likeness::Same => true,
            Likeness::SameButChanged => may_be_cut && known.has_body_of(&download),
            Likeness::Another => false,
        };
        Ok(known
            .iter()
            .any(|known| known.found.identity == stored.identity && is_same(&known.content)))
    }

    /// Returns a message that was delivered whole under this unique-id, if this is it. A download in between
    /// was cut, and counted as another message.
    fn find_earlier(&self, receipt: &Receipt) -> Result<Option<Match>, Error> {
        let stored = receipt.stored();
        let known = self.ledger.recognition().contents(&stored.identity)?;
        let is_earlier = |known: &KnownContent| {
            known.found.identity != stored.identity
                && !self.claimed.contains(&known.found.identity)
                && compare(&known.content, &stored.content()) == Likeness::Same
        };
        Ok(known.into_iter().find(is_earlier).map(|known| known.found))
    }

    /// Takes a delivery away from its unique-id, which is that of another message. It may be claimed under
    /// its own.
    fn set_apart(&self, suspects: &mut Suspects, displaced: Suspect) -> Result<(), Error> {
        let apart = self.ledger.suspicions().set_apart(&displaced)?;
        suspects.keep_apart(displaced, apart);
        Ok(())
    }

    /// Makes room for a message that differs from what was delivered under its name.
    fn replace(
        &mut self,
        suspects: &mut Suspects,
        displaced: Suspect,
        receipt: Receipt,
    ) -> Result<Receipt, Error> {
        let suspicion = displaced.suspicion;
        self.set_apart(suspects, displaced)?;
        if suspicion == Suspicion::OutOfStep {
            self.settled.misnamed += 1;
            return Ok(receipt);
        }
        self.reporter.report(Event::Warning(&format_args!(
            "message {}: the second download differs from the first, which may be incomplete or another \
             message; both are delivered",
            receipt.stored().identity.unique_id
        )));
        let doubt = receipt.stored().suspicion;
        let suspicion = match doubt.is_incomplete() {
            true => suspicion.after_another_fault(),
            false => doubt,
        };
        self.settled.short_again.has_cut |= !doubt.is_incomplete();
        Ok(receipt.suspected(suspicion))
    }
}
