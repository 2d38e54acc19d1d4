//! Decides which of the user's orders to delete messages still stand. An order ends when its
//! message is not listed any more, or may be another one, or when the server refuses to delete it.

use std::collections::HashMap;
use std::io::{Read, Write};

use super::Poll;
use super::before_deletion::{REUSES_UNIQUE_IDS, is_a_number, sizes_tell};
use super::error::{Error, reading, recording};
use crate::exit::{Exit, Failure};
use crate::mail::deletable::Deletable;
use crate::mail::known::KnownFacts;
use crate::mail::maildrop::{Listing, Message, MessageNumber, UniqueId};
use crate::mail::order::{DeletionOrder, ListingTrust, OrderVerdict};
use crate::mail::same_header::ListedHeader;
use crate::poll::top::{Answer, read_headers};
use crate::pop3::{GoOn, Transaction};
use crate::report::Event;
use crate::seen::LastRun;
use crate::text::ServerText;

impl Poll<'_> {
    /// Ends the orders that are not to be carried out. Returns true if there were any: then the
    /// plan is another one.
    ///
    /// # Errors
    /// The session failed, or the database did.
    pub(super) fn judge_orders<S: Read + Write>(
        &mut self,
        session: &mut Transaction<S>,
        listing: &Listing,
        known: KnownFacts,
        last: &LastRun,
    ) -> Result<bool, Error> {
        let orders = self.ledger.orders().all().map_err(reading)?;
        // Names that are made up from the content are in no listing.
        if orders.is_empty() || listing.names_are_made_up() {
            return Ok(false);
        }
        let headers = match self.may_ask_for_headers(session, known, last)? {
            true => self.count_breaks_at_top(last, |poll| {
                poll.headers_of_ordered(session, listing, &orders)
            })?,
            false => HashMap::new(),
        };
        let notices = self.ledger.notices();
        let reuses = notices.is_said(REUSES_UNIQUE_IDS).map_err(reading)?;
        let mut ended: Vec<&UniqueId> = Vec::new();
        for order in &orders {
            let unique_id = &order.unique_id;
            let trust = ListingTrust {
                may_reuse_unique_id: reuses || is_a_number(unique_id.as_octets()),
                sizes_tell: sizes_tell(listing),
                sizes_change: known.sizes.prove_nothing(),
                is_other_mailbox: known.are_doubtful,
            };
            let verdict = match listing.under(unique_id.as_octets()) {
                // The message may be one that UIDL leaves out.
                [] if !listing.nameless().is_empty() || !listing.left_out().is_empty() => continue,
                [] => {
                    self.reporter.report(Event::Note(&format_args!(
                        "message {unique_id} is no longer on the server: the order to delete it ends"
                    )));
                    ended.push(unique_id);
                    continue;
                }
                &[position] => {
                    let header = headers.get(&listing.number(position));
                    order.judge(listing.size(position), header, trust)
                }
                _ => OrderVerdict::Unproven,
            };
            let why = match verdict {
                OrderVerdict::SameMessage => continue,
                OrderVerdict::OtherMessage => "its unique-id belongs to another message now",
                OrderVerdict::Unproven => {
                    "nothing shows that it is still the message that was meant"
                }
            };
            self.reporter.report(Event::Warning(&format_args!(
                "the order to delete message {unique_id} ends, and the message stays: {why}"
            )));
            ended.push(unique_id);
        }
        if ended.is_empty() {
            return Ok(false);
        }
        self.ledger.orders().end(ended).map_err(recording)?;
        Ok(true)
    }

    /// Asks for the headers of messages whose headers were known when their deletion was ordered.
    /// The others may break the session at TOP.
    fn headers_of_ordered<S: Read + Write>(
        &mut self,
        session: &mut Transaction<S>,
        listing: &Listing,
        orders: &[DeletionOrder],
    ) -> Result<HashMap<MessageNumber, ListedHeader>, Error> {
        let with_header = orders.iter().filter(|order| order.header.is_some());
        let messages: Vec<Message> = with_header
            .filter_map(|order| match listing.under(order.unique_id.as_octets()) {
                &[position] => Some(listing.message(position, 0)),
                _ => None,
            })
            .collect();
        let mut headers = HashMap::new();
        if !messages.is_empty() {
            read_headers(
                session,
                messages.into_iter(),
                self.interrupt,
                |message, answer| {
                    if let Answer::Header(header, _) = answer {
                        headers.insert(message.number, header);
                    }
                    GoOn::Yes
                },
            )?;
        }
        Ok(headers)
    }

    /// Ends the orders that the server refuses to carry out, and reports them. Otherwise a message
    /// could be deleted long after the user has seen that it was not.
    pub(super) fn end_refused_orders(
        &mut self,
        refused: &[&(&Deletable, ServerText)],
    ) -> Result<(), Error> {
        if refused.is_empty() {
            return Ok(());
        }
        let unique_ids = refused
            .iter()
            .map(|(message, _)| &message.identity().unique_id);
        self.ledger.orders().end(unique_ids).map_err(recording)?;
        for (message, said) in refused {
            let failure = refused_order(&message.identity().unique_id, said);
            self.summary.report_one_of_many(self.reporter, &failure);
        }
        Ok(())
    }
}

/// Returns the failure of an order that the server has refused.
pub(super) fn refused_order(unique_id: &UniqueId, said: &ServerText) -> Failure {
    let what = format!(
        "deleting message {unique_id}: the server said \"{said}\"; the message stays, and its order ends"
    );
    Failure::new(what, Exit::Temporary)
}
