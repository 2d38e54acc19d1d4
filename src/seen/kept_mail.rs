//! Deletions on servers without unique-ids: a later session shows if the server has carried them out.

use std::collections::HashSet;

use rusqlite::params;

use super::database::{MESSAGE, about, identity, statements};
use super::state::GONE;
use super::{Error, Ledger};
use crate::mail::maildrop::{Identity, UniqueId};

/// An account's deletions on a server without unique-ids.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnprovenDeletions<'a>(pub(super) &'a Ledger);

impl UnprovenDeletions<'_> {
    /// Notes that a session retrieved all that was listed, and that of the deleted messages it found
    /// only these again. All others are gone for good: an equal message is new mail from now on.
    /// Returns the number of those that were not known to be gone before.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn prove_all_but(self, found: &HashSet<&Identity>) -> Result<usize, Error> {
        let key = self.0.key();
        let (first, end) = UniqueId::RANGE_OF_CONTENT;
        let unproven: Vec<Identity> = self.0.read(|queries| {
            queries.some(&UNPROVEN, params![key, first, end], |row| {
                identity(row, 0, 1)
            })
        })?;
        let gone: Vec<_> = unproven
            .iter()
            .filter(|identity| !found.contains(identity))
            .collect();
        if gone.is_empty() {
            return Ok(0);
        }
        self.0.write(|queries| {
            for identity in &gone {
                queries.execute(&PROVE, about(&key, identity, &[]))?;
            }
            Ok(gone.len())
        })
    }
}

statements! {
    UNPROVEN =
        "SELECT unique_id, copy FROM seen
         WHERE account = ?1 AND unique_id >= ?2 AND unique_id < ?3 AND state = {GONE}
             AND proven_gone = 0";

    PROVE = "UPDATE seen SET proven_gone = 1 WHERE {MESSAGE}";
}
