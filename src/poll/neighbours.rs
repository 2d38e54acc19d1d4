//! Finds out, by the listing, if a new account is a mailbox that is known under another account's
//! name, and if an account whose server has changed still is the same mailbox.

use std::io::{Read, Write};

use super::Poll;
use super::error::{Error, reading, recording};
use crate::exit::Failure;
use crate::mail::known::{KnownFacts, MAX_FAILURES};
use crate::mail::maildrop::{Identity, Listing, Message};
use crate::mail::same_header::KnownHeader;
use crate::poll::plan::Pick;
use crate::poll::same_mailbox::{ComparedHeaders, Mailbox, SharedMessages};
use crate::poll::top::{Answer, read_headers};
use crate::pop3::{GoOn, Transaction};
use crate::report::Event;
use crate::seen::{self, LastRun, Ledger, Neighbour};

/// Another account of the same user at the same host.
#[derive(Clone, Debug)]
pub(crate) struct OtherAccount {
    /// The account.
    pub neighbour: Neighbour,
    /// The consequence if it is the same mailbox.
    pub consequence: Consequence,
}

/// Finds other accounts of the same user at the same host.
pub(crate) type FindOtherAccounts<'a> = dyn Fn(&Ledger) -> Result<Vec<OtherAccount>, Failure> + 'a;

/// The consequence of another account that has the same mailbox.
#[derive(Clone, Debug)]
pub(crate) enum Consequence {
    /// Its record is continued: the mailbox was fetched by its URL.
    Continue,
    /// The user has to decide.
    Refuse(Failure),
    /// The user has to decide if both deliver to the same place. Otherwise they are independent.
    RefuseSamePlace(Failure),
}

impl Poll<'_> {
    /// Finds out if a new account is a mailbox that is known already, or if an account whose server has
    /// changed is the same mailbox. Returns the messages that have to be compared because of that, or
    /// `None` if nothing has changed.
    ///
    /// # Errors
    /// The user has to decide, the session failed, or the database did.
    pub(super) fn find_known_mailbox<S: Read + Write>(
        &mut self,
        session: &mut Transaction<S>,
        listing: &Listing,
        known: KnownFacts,
        last: &LastRun,
    ) -> Result<Option<Vec<Pick>>, Error> {
        // Names that mailpull made up say nothing about the mailbox.
        if listing.is_empty() || listing.names_are_made_up() {
            return Ok(None);
        }
        let judged = if !known.has_messages {
            self.continue_record(session, listing, last)?
        } else if self.ledger.former_place().is_some() {
            Some(self.judge_new_place(session, listing, last)?)
        } else {
            None
        };
        Ok(judged.map(|(mailbox, shared)| match mailbox {
            Mailbox::Same => {
                self.ledger.confirm_place();
                Vec::new()
            }
            Mailbox::Likely => shared.in_doubt(),
            // The unique-ids mean other messages here.
            Mailbox::Other => shared.into_picks(),
        }))
    }

    /// Takes over the record of another account if it is of this mailbox.
    fn continue_record<S: Read + Write>(
        &mut self,
        session: &mut Transaction<S>,
        listing: &Listing,
        last: &LastRun,
    ) -> Result<Option<(Mailbox, SharedMessages)>, Error> {
        let others = (self.find_other_accounts)(self.ledger).map_err(Error::Undecided)?;
        for other in &others {
            let neighbour = &other.neighbour;
            let neighbours = self.ledger.neighbours();
            let shared =
                SharedMessages::find(listing, |each| neighbours.each_known(neighbour, each))
                    .map_err(reading)?;
            let header = |ledger: &Ledger, message: &Identity| {
                ledger.neighbours().header(neighbour, message)
            };
            let sample = self.sample(listing, &shared, header)?;
            let mailbox = self.judge(session, &shared, sample, last)?;
            if mailbox == Mailbox::Other {
                continue;
            }
            match &other.consequence {
                Consequence::Continue => {
                    self.ledger.take_over(neighbour).map_err(recording)?;
                    self.reporter.report(Event::Warning(&format_args!(
                        "this mailbox was fetched as {} before; messages fetched then are not \
                         fetched again",
                        neighbour.name
                    )));
                    return Ok(Some((mailbox, shared)));
                }
                Consequence::Refuse(failure) => return self.refuse(failure),
                Consequence::RefuseSamePlace(failure) => {
                    let place = self.route.arrivals.place();
                    let delivers_here = self.ledger.neighbours().delivers_to(neighbour, place);
                    if delivers_here.map_err(reading)? {
                        return self.refuse(failure);
                    }
                }
            }
        }
        Ok(None)
    }

    /// Ends the poll without a trace in the database: the account's name must stay free.
    fn refuse<T>(&mut self, failure: &Failure) -> Result<T, Error> {
        self.ledger.remove_empty().map_err(recording)?;
        Err(Error::Undecided(failure.clone()))
    }

    /// Judges by the listing if an account whose server has changed is the same mailbox.
    fn judge_new_place<S: Read + Write>(
        &mut self,
        session: &mut Transaction<S>,
        listing: &Listing,
        last: &LastRun,
    ) -> Result<(Mailbox, SharedMessages), Error> {
        let known = self.ledger.messages();
        let shared = SharedMessages::find(listing, |each| known.each(each)).map_err(reading)?;
        let header = |ledger: &Ledger, message: &Identity| ledger.recognition().header(message);
        let sample = self.sample(listing, &shared, header)?;
        let mailbox = self.judge(session, &shared, sample, last)?;
        // With another host or user this was said before the connection was made.
        if self.ledger.has_another_port() {
            let former = self.ledger.former_place().unwrap_or_default();
            let text = if mailbox == Mailbox::Other {
                "if that was another mailbox, give this account another name, or messages with the \
                 same unique-ids are not fetched"
            } else {
                "it is the same mailbox, and messages fetched then are not fetched again"
            };
            self.reporter.report(Event::Warning(&format_args!(
                "this account was {former} until now; {text}"
            )));
        }
        Ok((mailbox, shared))
    }

    /// Returns a sample of shared messages to ask for, each with its header as it is known.
    fn sample(
        &self,
        listing: &Listing,
        shared: &SharedMessages,
        header: impl Fn(&Ledger, &Identity) -> Result<Option<KnownHeader>, seen::Error>,
    ) -> Result<Vec<(Message, KnownHeader)>, Error> {
        let mut sample = Vec::new();
        for pick in shared.sample() {
            let message = listing.message(pick.position, pick.copy);
            if let Some(known) = header(self.ledger, &message.identity).map_err(reading)? {
                sample.push((message, known));
            }
        }
        Ok(sample)
    }

    /// Judges a listing by the messages that it shares with known ones, and by the headers of a sample.
    fn judge<S: Read + Write>(
        &mut self,
        session: &mut Transaction<S>,
        shared: &SharedMessages,
        ours: Vec<(Message, KnownHeader)>,
        last: &LastRun,
    ) -> Result<Mailbox, Error> {
        let mut compared = ComparedHeaders::default();
        if ours.is_empty() || last.recognitions >= MAX_FAILURES {
            return Ok(shared.judge(compared));
        }
        let (asked, known): (Vec<_>, Vec<_>) = ours.into_iter().unzip();
        let mut known = known.iter();
        let asked = asked.into_iter();
        self.count_breaks_at_top(last, |poll| {
            read_headers(session, asked, poll.interrupt, |_, answer| {
                if let (Some(known), Answer::Header(listed, _)) = (known.next(), answer) {
                    compared.note(&listed, known);
                }
                GoOn::Yes
            })
            .map_err(Error::from)
        })?;
        Ok(shared.judge(compared))
    }
}
