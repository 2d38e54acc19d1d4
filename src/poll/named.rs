//! Finds the messages that a user names. Pure.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::mail::maildrop::{Listing, Position, UniqueId};

/// Returns the positions of the messages that a user means by this word: their unique-id as the server spells
/// it, or as mailpull shows it.
pub(crate) fn listed_as(listing: &Listing, word: &OsStr) -> Vec<Position> {
    let exact = listing.under(word.as_bytes());
    if !exact.is_empty() {
        return exact.to_vec();
    }
    let is_meant = |position: &Position| {
        let unique_id = UniqueId::new(listing.unique_id(*position));
        unique_id.is_some_and(|unique_id| unique_id.is_meant_by(word))
    };
    listing.positions().filter(is_meant).collect()
}
