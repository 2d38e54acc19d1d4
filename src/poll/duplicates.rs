//! Which new messages may be here already: where the database is new or an old one, what it does
//! not know may have been delivered.
//! Only suspects; believes no name of a file.

use crate::delivery::{SoughtMessages, Target};
use crate::mail::maildrop::Listing;
use crate::poll::plan::{Pick, Plan};
use crate::poll::settle::Error;
use crate::seen::Ledger;

/// Has messages recognised, instead of delivered at once, that the target seems to hold although
/// the database does not know them.
///
/// # Errors
/// The database or the target cannot be read.
pub(crate) fn suspect_newcomers(
    plan: &mut Plan,
    listing: &Listing,
    ledger: &Ledger,
    target: &dyn Target,
) -> Result<(), Error> {
    // A name that we made up says nothing of what a file holds.
    if listing.names_are_made_up() || !ledger.is_in_doubt()? {
        return Ok(());
    }
    let unique_id = |pick: &Pick| listing.unique_id(pick.position);
    let unknown = plan.retrieved().chain(&plan.too_large).map(unique_id);
    target.search(&SoughtMessages::new(unknown, ledger.tags()))?;
    plan.suspect(|pick| target.may_hold(unique_id(pick)));
    Ok(())
}
