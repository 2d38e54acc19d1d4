//! Lists a mailbox and plans what to do with each message. Fetches nothing and deletes nothing.

use std::io::{Read, Write};

use crate::exit::Exit;
use crate::mail::known::{KnownFacts, KnownMessage, RulesMark};
use crate::mail::maildrop::{Listing, UniqueId};
use crate::mail::order::DeletionOrder;
use crate::mail::policy::{Keep, Policy};
use crate::moment::Moment;
use crate::poll::join::{Group, join};
use crate::poll::missing::ListingChanges;
use crate::poll::pairing::pair;
use crate::poll::plan::{Plan, Planner};
use crate::poll::renamed::RenamedSigns;
use crate::pop3::{self, Sizes, Transaction};
use crate::seen::{self, Ledger};

/// The reason why there is no plan. A part of a listing is never used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The session failed, or the listing cannot be believed.
    #[error("listing the messages: {0}")]
    Pop3(#[from] pop3::Error),
    /// The database failed.
    #[error("reading what is known: {0}")]
    Seen(#[from] seen::Error),
}

impl Error {
    /// Returns what the user can do about it, if anything.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Pop3(source) => source.hint(),
            Self::Seen(source) => source.hint(),
        }
    }

    /// Returns the exit status that the error leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Pop3(source) => source.exit(),
            Self::Seen(source) => source.exit(),
        }
    }
}

/// The known messages of an account.
#[derive(Clone, Copy)]
pub(crate) struct KnownMessages<'a> {
    /// Where they are recorded; `None` if there is no database.
    ledger: Option<&'a Ledger>,
    /// The facts about them as a whole.
    pub(crate) facts: KnownFacts,
}

impl<'a> KnownMessages<'a> {
    /// Returns the known messages of an account. If it has moved to another mailbox, its unique-ids may
    /// mean other messages now, so all of them are in doubt.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn of(ledger: &'a Ledger) -> Result<Self, seen::Error> {
        let facts = KnownFacts {
            are_doubtful: ledger.former_place().is_some(),
            ..ledger.messages().facts()?
        };
        let ledger = Some(ledger);
        Ok(Self { ledger, facts })
    }

    /// Returns those of an account that has no record.
    pub(crate) fn nothing() -> Self {
        Self {
            ledger: None,
            facts: KnownFacts::default(),
        }
    }

    /// Compares a listing with the known messages, and decides about every listed message. Ages count
    /// until `now`.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn compare(
        self,
        listing: &Listing,
        policy: &Policy,
        now: Moment,
    ) -> Result<ComparedListing, seen::Error> {
        let orders = self.orders()?;
        // They are in the order of their unique-ids.
        let is_ordered = |group: &Group<'_>| {
            let order = |order: &DeletionOrder| order.unique_id.as_octets().cmp(group.unique_id);
            group.listed.len() == 1 && orders.binary_search_by(order).is_ok()
        };
        let mut planner = Planner::new(listing, self.facts, policy, now);
        let mut changes = ListingChanges::of(listing);
        let mut signs = RenamedSigns::default();
        join(
            listing,
            |each| self.each(each),
            |group| {
                match is_ordered(&group) {
                    true => planner.decide_ordered(&group),
                    false => planner.decide(&group),
                }
                changes.compare(listing, &group);
                signs.count(&group);
            },
        )?;
        Ok(ComparedListing {
            plan: planner.finish(),
            changes,
            signs,
        })
    }

    /// Returns the words for the states of all listed messages under these rules, by position: those of `State::word`, and
    /// `new` for a message that would be fetched and never was.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn states(
        self,
        listing: &Listing,
        rules: RulesMark,
    ) -> Result<Vec<&'static str>, seen::Error> {
        const NEW: &str = "new";
        let mut states = vec![NEW; listing.len()];
        join(
            listing,
            |each| self.each(each),
            |group| {
                for pair in pair(listing, group.listed, group.known.iter()) {
                    if let Some(known) = pair.known {
                        states[pair.position.index()] = known.state.word();
                    }
                }
            },
        )?;
        // A unique-id may belong to another message now.
        let policy = Policy {
            rules,
            ..Policy::default()
        };
        let compared = self.compare(listing, &policy, Moment::now())?;
        for pick in &compared.plan.fetch {
            let state = &mut states[pick.position.index()];
            if !["failed", "staged"].contains(state) {
                *state = NEW;
            }
        }
        Ok(states)
    }

    /// Returns only the known messages that are missing from a listing, or are back.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn changes(self, listing: &Listing) -> Result<ListingChanges, seen::Error> {
        let mut changes = ListingChanges::of(listing);
        join(
            listing,
            |each| self.each(each),
            |group| changes.compare(listing, &group),
        )?;
        Ok(changes)
    }

    fn each(self, each: impl FnMut(&[u8], KnownMessage)) -> Result<(), seen::Error> {
        match self.ledger {
            Some(ledger) => ledger.messages().each(each),
            None => Ok(()),
        }
    }

    /// Returns the orders to delete messages.
    fn orders(self) -> Result<Vec<DeletionOrder>, seen::Error> {
        match self.ledger {
            Some(ledger) => ledger.orders().all(),
            None => Ok(Vec::new()),
        }
    }

    /// Returns true if the server has ever listed unique-ids of its own: then it only fails to do so now.
    fn have_names(self) -> Result<bool, seen::Error> {
        let mut have_names = false;
        self.each(|unique_id, _| have_names |= !UniqueId::is_made_up(unique_id))?;
        Ok(have_names)
    }

    /// Returns whether sizes decide something before anything is fetched.
    fn sizes(self, policy: &Policy, now: Moment) -> Result<Sizes, seen::Error> {
        let Some(ledger) = self.ledger else {
            return Ok(Sizes::Each);
        };
        let due = policy.due_until(now);
        Ok(
            if policy.needs_sizes()
                || ledger.messages().needs_sizes(due)?
                || ledger.suspicions().are_waiting()?
                || ledger.orders().are_given()?
            {
                Sizes::Each
            } else {
                Sizes::Total
            },
        )
    }
}

/// A listing, compared with the known messages.
#[derive(Debug)]
pub(crate) struct ComparedListing {
    /// The decisions about the listed messages.
    pub plan: Plan,
    /// The known messages that are missing or back.
    pub changes: ListingChanges,
    /// The signs that the server has renamed its messages.
    pub signs: RenamedSigns,
}

/// Lists the mailbox and decides about every message. Ages count until `now`.
///
/// The size of each message (LIST) is requested together with the listing if it decides something.
/// Otherwise it is requested only if there is something to fetch, or if the sum of all sizes (STAT) shows
/// that a known message may have another size: its unique-id may belong to another message now.
///
/// # Errors
/// The server refused or its answer cannot be believed, or the database cannot be read.
pub(crate) fn survey<S: Read + Write>(
    session: &mut Transaction<S>,
    known: KnownMessages<'_>,
    policy: &Policy,
    now: Moment,
) -> Result<(Listing, ComparedListing), Error> {
    let sizes = known.sizes(policy, now)?;
    let mut listing = match session.list(sizes) {
        // With `keep = false` all fetched messages are deleted in this session, so that unique-ids
        // are not needed to tell old messages from new ones.
        Err(pop3::Error::NoUniqueIds(_))
            if policy.keep == Keep::Never
                && !session.announces_uidl()
                && !known.have_names()? =>
        {
            session.list_unnamed()?
        }
        listing => listing?,
    };
    let mut compared = known.compare(&listing, policy, now)?;
    let has_no_sizes = sizes == Sizes::Total && !listing.names_are_made_up();
    let needs_sizes = compared.plan.retrieved().next().is_some();
    if has_no_sizes
        && (needs_sizes || !has_recorded_sizes(session, &mut listing, &compared.plan, known.facts)?)
    {
        session.add_sizes(&mut listing)?;
        // Two plans would take twice the memory.
        drop(compared);
        compared = known.compare(&listing, policy, now)?;
    }
    Ok((listing, compared))
}

/// Returns true if the sum of all sizes shows that the listed messages have their recorded sizes,
/// or if their sizes do not matter. Without pipelining this costs one more round trip: the price of
/// noticing a reused unique-id.
fn has_recorded_sizes<S: Read + Write>(
    session: &mut Transaction<S>,
    listing: &mut Listing,
    plan: &Plan,
    known: KnownFacts,
) -> Result<bool, Error> {
    if listing.is_empty() || known.sizes.prove_nothing() {
        return Ok(true);
    }
    session.add_total(listing)?;
    Ok(listing.surplus_over(plan.recorded_octets) == Some(known.sizes.surplus))
}
