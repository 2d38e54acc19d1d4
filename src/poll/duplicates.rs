//! Marks new messages that may have been delivered already: if the database is new or an older copy,
//! a message that it does not know may stand in the Maildir.
//!
//! Only marks them: the files' names prove nothing. Each marked message is fetched and compared with the
//! content of the file before it is taken for delivered.

use crate::delivery::{Arrivals, SoughtMessages};
use crate::mail::maildrop::Listing;
use crate::poll::plan::{Pick, Plan};
use crate::poll::settle::Error;
use crate::seen::{Doubt, Ledger};

/// Moves messages that the Maildir seems to hold, although the database does not know them, from
/// the plan's new messages to those that are to be recognised.
///
/// # Errors
/// The database or the target cannot be read.
pub(crate) fn mark_possible_duplicates(
    plan: &mut Plan,
    listing: &Listing,
    ledger: &Ledger,
    arrivals: &dyn Arrivals,
) -> Result<(), Error> {
    // A unique-id that mailpull made up is in no file's name.
    if listing.names_are_made_up() || ledger.freshness().doubt()? == Doubt::None {
        return Ok(());
    }
    let unique_id = |pick: &Pick| listing.unique_id(pick.position);
    let unknown = plan.retrieved().chain(&plan.too_large).map(unique_id);
    let own = ledger.marks().own;
    arrivals.find_earlier(&SoughtMessages::new(unknown, ledger.tags(), own))?;
    plan.suspect(|pick| arrivals.may_have_found(unique_id(pick)));
    Ok(())
}
