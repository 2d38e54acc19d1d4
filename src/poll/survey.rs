//! Lists a mailbox and plans what to do with each message. Fetches nothing and deletes nothing.

use std::io::{Read, Write};

use crate::exit::Exit;
use crate::mail::known::{KnownMessage, KnownMessages};
use crate::mail::maildrop::{Listing, UniqueId};
use crate::mail::policy::{Keep, Policy};
use crate::moment::Moment;
use crate::poll::plan::{self, Plan};
use crate::pop3::{self, Sizes, Transaction};
use crate::report::{AccountReporter, Event, Intent, Summary};
use crate::text::ServerText;

/// The reason why there is no listing. A part of a listing is never used.
#[derive(Debug, thiserror::Error)]
#[error("listing the messages: {0}")]
pub(crate) struct Error(#[from] pop3::Error);

impl Error {
    /// Returns what the user can do about it, if anything.
    pub(crate) fn hint(&self) -> Option<String> {
        self.0.hint()
    }

    /// Returns the exit status that the error leads to.
    pub(crate) fn exit(&self) -> Exit {
        self.0.exit()
    }

    /// Returns the session's error.
    pub(crate) fn cause(&self) -> &pop3::Error {
        &self.0
    }

    /// Returns true if a signal caused the error.
    pub(crate) fn is_interrupt(&self) -> bool {
        self.0.is_interrupt()
    }
}

/// Lists the mailbox and decides about every message. Ages count until `now`.
///
/// The size of each message (LIST) is requested together with the listing if it decides something.
/// Otherwise it is requested only if there is something to fetch, or if the sum of all sizes (STAT) shows
/// that a known message may have another size: its unique-id may belong to another message now.
///
/// # Errors
/// The server refused or its answer cannot be believed.
pub(crate) fn survey<S: Read + Write>(
    session: &mut Transaction<S>,
    known: &KnownMessages,
    policy: &Policy,
    now: Moment,
) -> Result<(Listing, Plan), Error> {
    let sizes = sizes(known, policy, now);
    let mut listing = match session.list(sizes) {
        // With `keep = false` all fetched messages are deleted in this session, so that unique-ids
        // are not needed to tell old messages from new ones.
        Err(pop3::Error::NoUniqueIds)
            if policy.keep == Keep::Never && !session.announces_uidl() && !has_names(known) =>
        {
            session.list_unnamed()?
        }
        listing => listing?,
    };
    let mut plan = plan::plan(&listing, known, policy, now);
    let has_no_sizes = sizes == Sizes::Total && !listing.names_are_made_up();
    let needs_sizes = plan.retrieved().next().is_some();
    if has_no_sizes && (needs_sizes || !has_recorded_sizes(session, &mut listing, &plan, known)?) {
        session.add_sizes(&mut listing)?;
        plan = plan::plan(&listing, known, policy, now);
    }
    Ok((listing, plan))
}

/// Returns true if the sum of all sizes shows that the listed messages have their recorded sizes,
/// or if their sizes do not matter. Without pipelining this costs one more round trip: the price of
/// noticing a reused unique-id.
fn has_recorded_sizes<S: Read + Write>(
    session: &mut Transaction<S>,
    listing: &mut Listing,
    plan: &Plan,
    known: &KnownMessages,
) -> Result<bool, Error> {
    if listing.is_empty() || known.sizes_prove_nothing() {
        return Ok(true);
    }
    session.add_total(listing)?;
    Ok(listing.surplus_over(plan.recorded_octets) == Some(known.surplus()))
}

/// Returns true if the server has ever listed unique-ids of its own: then it only fails to do so now.
fn has_names(known: &KnownMessages) -> bool {
    known
        .rows()
        .any(|(unique_id, _)| !UniqueId::is_made_up(unique_id))
}

/// Returns whether sizes decide something before anything is fetched.
fn sizes(known: &KnownMessages, policy: &Policy, now: Moment) -> Sizes {
    let is_in_doubt = |known: &KnownMessage| known.suspicion.asks_for_comparison();
    if known.is_empty()
        || known.iter().any(is_in_doubt)
        || policy.needs_sizes()
        || policy.has_due(known, now)
    {
        Sizes::Each
    } else {
        Sizes::Total
    }
}

/// Reports what a poll would do, without doing it.
pub(crate) fn rehearse(
    listing: &Listing,
    plan: &Plan,
    keep: Keep,
    reporter: AccountReporter<'_>,
) -> Summary {
    let actions = [
        ("fetch", &plan.fetch),
        ("compare", &plan.compare),
        ("compare", &plan.verify),
        ("delete", &plan.delete),
    ];
    for (action, picks) in actions {
        for pick in picks {
            reporter.report(Event::DryRun(&Intent {
                action,
                number: listing.number(pick.position).value(),
                unique_id: &ServerText::new(listing.unique_id(pick.position)),
                size: listing.size(pick.position),
            }));
        }
    }
    let sizes = plan
        .fetch
        .iter()
        .filter_map(|pick| listing.size(pick.position));
    let at_once = if keep == Keep::Never {
        plan.fetch.len()
    } else {
        0
    };
    let deleted = plan.delete.len() + at_once;
    Summary {
        delivered: plan.fetch.len(),
        octets: sizes.sum(),
        deleted,
        kept: listing.len() + listing.nameless().len() + listing.left_out().len() - deleted,
        postponed: plan.postponed,
        is_dry: true,
        ..Summary::default()
    }
}
