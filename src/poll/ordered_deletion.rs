//! Deletes messages that the user names, without fetching them: finds them in a listing, records
//! the order, and carries it out. For orders that an earlier session left see `orders`.

use std::ffi::OsStr;
use std::io::{Read, Write};

use super::before_deletion::sizes_tell;
use super::delete::{DELETING, commit};
use super::error::{Error, reading, recording, while_doing};
use super::orders::refused_order;
use crate::exit::Failure;
use crate::mail::deletable::Deletable;
use crate::mail::known::{KnownMessage, State};
use crate::mail::maildrop::{Listing, Message, UniqueId};
use crate::mail::order::DeletionOrder;
use crate::mail::same_header::ListedHeader;
use crate::os::signals::Interrupt;
use crate::poll::named::listed_as;
use crate::poll::pairing::pair;
use crate::poll::top::{Answer, read_headers};
use crate::pop3::{BrokenDeletion, GoOn, Transaction};
use crate::seen::Ledger;

/// A listed message that the user has named.
#[derive(Debug)]
pub(crate) struct NamedMessage {
    /// The message in this listing.
    pub message: Message,
    /// The record of the message, or of another one that had its unique-id.
    pub known: Option<KnownMessage>,
    /// The message's header, if the server has shown it.
    pub header: Option<ListedHeader>,
    /// True if the message is not the recorded one.
    pub is_other: bool,
}

/// The result of looking for a message by its unique-id.
#[derive(Debug)]
pub(crate) enum NamedLookup {
    /// It is listed once.
    Listed(Box<NamedMessage>),
    /// Several messages are listed under this unique-id.
    Several(usize),
    /// It was named in an earlier order, and is not listed any more. The order has ended.
    NoLonger(UniqueId),
    /// No message is listed under this unique-id.
    Nothing,
}

/// The deletion of messages of one account.
#[derive(Clone, Copy)]
pub(crate) struct OrderedDeletion<'a> {
    /// The account's record. The caller holds its lock.
    pub ledger: &'a Ledger,
    /// The messages on the server.
    pub listing: &'a Listing,
}

impl OrderedDeletion<'_> {
    /// Finds the message that a user means by this word: its unique-id as the server spells it, or
    /// as mailpull shows it.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn find(self, word: &OsStr) -> Result<NamedLookup, Error> {
        let listing = self.listing;
        match listed_as(listing, word)[..] {
            [] => self.end_order(word),
            [position] => {
                let unique_id = UniqueId::new(listing.unique_id(position));
                let unique_id = unique_id.expect("a listing has only valid unique-ids");
                let known = self.ledger.messages().under(&unique_id);
                let known = known.map_err(reading)?;
                let pairs = pair(listing, &[position], known.iter());
                let copy = pairs.first().map_or(0, |pair| pair.copy);
                Ok(NamedLookup::Listed(Box::new(NamedMessage {
                    message: listing.message(position, copy),
                    known: pairs.first().and_then(|pair| pair.known).copied(),
                    header: None,
                    is_other: false,
                })))
            }
            ref positions => Ok(NamedLookup::Several(positions.len())),
        }
    }

    /// Ends an earlier order for a message that is not listed.
    fn end_order(self, word: &OsStr) -> Result<NamedLookup, Error> {
        let orders = self.ledger.orders();
        let all = orders.all().map_err(reading)?;
        let unique_ids = all.into_iter().map(|order| order.unique_id);
        let mut unique_ids = unique_ids.into_iter();
        let Some(unique_id) = unique_ids.find(|unique_id| unique_id.is_meant_by(word)) else {
            return Ok(NamedLookup::Nothing);
        };
        orders.end([&unique_id]).map_err(recording)?;
        Ok(NamedLookup::NoLonger(unique_id))
    }

    /// Asks for the headers of messages, in one flight.
    ///
    /// # Errors
    /// The session failed, or a signal came.
    pub(crate) fn read_headers<S: Read + Write>(
        self,
        session: &mut Transaction<S>,
        named: &mut [NamedMessage],
        interrupt: &Interrupt,
    ) -> Result<(), Error> {
        let asked: Vec<_> = named.iter().map(|named| named.message.clone()).collect();
        let mut answered = named.iter_mut();
        read_headers(session, asked.into_iter(), interrupt, |_, answer| {
            if let (Some(named), Answer::Header(header, _)) = (answered.next(), answer) {
                named.header = Some(header);
            }
            GoOn::Yes
        })?;
        Ok(())
    }

    /// Finds out which messages are other ones than those that are recorded under their unique-ids.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn compare_with_record(self, named: &mut [NamedMessage]) -> Result<(), Error> {
        let sizes = self.ledger.size_checks().history().map_err(reading)?;
        let sizes_count = !sizes.prove_nothing() && sizes_tell(self.listing);
        for named in named {
            // A message that failed was never fetched, and may have got its real size.
            let known = named
                .known
                .filter(|known| !matches!(known.state, State::Failed(_)));
            let Some(known) = known else { continue };
            let recorded = self.ledger.recognition().header(&named.message.identity);
            let recorded = recorded.map_err(reading)?;
            named.is_other = match (recorded, &named.header) {
                (Some(recorded), Some(header)) if !sizes.headers_prove_nothing() => {
                    !header.is_of(&recorded)
                }
                _ => {
                    let both = known.size.zip(named.message.size);
                    sizes_count && both.is_some_and(|(recorded, listed)| recorded != listed)
                }
            };
        }
        Ok(())
    }

    /// Records the order to delete messages, and then deletes them in this session. A message that
    /// the server refuses to delete is passed to `report`. Returns those that are deleted.
    ///
    /// # Errors
    /// The database failed, or the session did. Once an order is recorded it stands, and a later
    /// session carries it out.
    pub(crate) fn carry_out<S: Read + Write>(
        self,
        mut session: Transaction<S>,
        named: &[NamedMessage],
        mut report: impl FnMut(Failure),
    ) -> Result<Vec<UniqueId>, Error> {
        let orders: Vec<_> = named.iter().map(NamedMessage::order).collect();
        self.ledger.orders().give(&orders).map_err(recording)?;
        let messages = named.iter().map(|named| &named.message);
        let messages = messages.map(|message| (message.number, message.identity.clone()));
        let ordered = self.ledger.orders().confirm(messages).map_err(reading)?;
        let deletable: Vec<_> = ordered.into_iter().map(Deletable::Ordered).collect();
        let mut marked = Vec::with_capacity(deletable.len());
        let mut refused = Vec::new();
        let ended = session.delete(&deletable, |message, answer| {
            match answer {
                Ok(()) => marked.push(message),
                Err(refusal) => refused.push((&message.identity().unique_id, refusal.text)),
            }
            GoOn::Yes
        });
        if !refused.is_empty() {
            let unique_ids = refused.iter().map(|(unique_id, _)| *unique_id);
            self.ledger.orders().end(unique_ids).map_err(recording)?;
        }
        for (unique_id, said) in &refused {
            report(refused_order(unique_id, said));
        }
        if let Err(BrokenDeletion { source, .. }) = ended {
            return Err(while_doing(DELETING)(source));
        }
        commit(self.ledger, session, &marked)?;
        let unique_id = |message: &&Deletable| message.identity().unique_id.clone();
        Ok(marked.iter().map(unique_id).collect())
    }
}

impl NamedMessage {
    /// Returns true if both are one message.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.message.number == other.message.number
    }

    fn order(&self) -> DeletionOrder {
        DeletionOrder {
            unique_id: self.message.identity.unique_id.clone(),
            size: self.message.size,
            header: self.header.clone(),
            quit_was_unanswered: false,
        }
    }
}
