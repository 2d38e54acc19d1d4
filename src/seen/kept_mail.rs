//! Deletions that the server has confirmed: a later session shows if it has carried them out.

use std::collections::HashSet;

use rusqlite::params;

use super::database::{MESSAGE, Sql, about, identity, statements};
use super::state::GONE;
use super::{Error, Ledger};
use crate::mail::maildrop::{Identity, UniqueId};

/// An account's deletions that no session has proven yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnprovenDeletions<'a>(pub(super) &'a Ledger);

impl UnprovenDeletions<'_> {
    /// Returns the deleted messages of which no later session has shown that they are gone.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn all(self) -> Result<Vec<Identity>, Error> {
        let key = self.0.key();
        self.0
            .read(|queries| queries.some(&UNPROVEN, [key], |row| identity(row, 0, 1)))
    }

    /// Notes that a session has retrieved all unknown messages, and found only these deleted messages again.
    /// The other deleted messages are gone for good: an equal message is new mail from now on. Returns the
    /// number of those that were not known to be gone before.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn prove_all_but(
        self,
        found: &HashSet<&Identity>,
        is_listed: impl Fn(&UniqueId) -> bool,
    ) -> Result<usize, Error> {
        let key = self.0.key();
        let unproven: Vec<Identity> = self.0.read(|queries| {
            queries.some(&UNPROVEN, [key], |row| {
                let is_left_alone: bool = row.get(2)?;
                let identity = identity(row, 0, 1)?;
                // One that the server keeps is not retrieved as long as it has its unique-id.
                Ok(identity.filter(|identity| !is_left_alone || !is_listed(&identity.unique_id)))
            })
        })?;
        self.prove(&PROVE, unproven, found)
    }

    /// Does the same on a server without unique-ids.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn prove_unnamed_but(self, found: &HashSet<&Identity>) -> Result<usize, Error> {
        let key = self.0.key();
        let (first, end) = UniqueId::RANGE_OF_CONTENT;
        let unproven: Vec<Identity> = self.0.read(|queries| {
            queries.some(&UNPROVEN_UNNAMED, params![key, first, end], |row| {
                identity(row, 0, 1)
            })
        })?;
        self.prove(&PROVE_UNNAMED, unproven, found)
    }

    fn prove(
        self,
        prove: &Sql,
        mut unproven: Vec<Identity>,
        found: &HashSet<&Identity>,
    ) -> Result<usize, Error> {
        unproven.retain(|identity| !found.contains(identity));
        if unproven.is_empty() {
            return Ok(0);
        }
        let key = self.0.key();
        self.0.write(|queries| {
            for identity in &unproven {
                queries.execute(prove, about(&key, identity, &[]))?;
            }
            Ok(unproven.len())
        })
    }
}

statements! {
    UNPROVEN =
        "SELECT unique_id, copy, undeletable FROM seen
         WHERE account = ?1 AND unproven = 1 AND state = {GONE}";

    PROVE = "UPDATE seen SET unproven = 0 WHERE {MESSAGE}";

    UNPROVEN_UNNAMED =
        "SELECT unique_id, copy FROM seen
         WHERE account = ?1 AND unique_id >= ?2 AND unique_id < ?3 AND state = {GONE}
             AND proven_gone = 0";

    PROVE_UNNAMED = "UPDATE seen SET proven_gone = 1, unproven = 0 WHERE {MESSAGE}";
}
