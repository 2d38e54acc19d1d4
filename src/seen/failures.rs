//! Messages that could not be retrieved, or that are larger than LIST said.
//! Decides nothing about them.

use std::collections::HashSet;

use rusqlite::params;

use super::{Error, Ledger};
use crate::mail::known::{MAX_FAILURES, SET_ASIDE_FOR, next_try};
use crate::mail::maildrop::{Identity, Message, UniqueId};
use crate::moment::Moment;

/// An account's messages that could not be retrieved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failures<'a>(pub(super) &'a Ledger);

impl Failures<'_> {
    /// Notes that a message could not be retrieved, and tells how often in a row that is.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note(&self, message: &Message) -> Result<u32, Error> {
        let (key, now) = (self.0.owner.key.0, Moment::now());
        let identity = &message.identity;
        let (unique_id, copy) = (identity.unique_id.as_octets(), identity.copy);
        let size = message.size.map(u64::cast_signed);
        self.0.write(|transaction| {
            let failures = transaction.query_row(
                "INSERT INTO seen (account, unique_id, copy, state, size, listed, attempts)
                 VALUES (?1, ?2, ?3, 4, ?4, ?5, 1)
                 ON CONFLICT DO UPDATE SET attempts = attempts + 1
                 RETURNING attempts",
                params![key, unique_id, copy, size, now.0],
                |row| row.get(0),
            )?;
            transaction.execute(
                "UPDATE seen SET next_try = ?4
                 WHERE account = ?1 AND unique_id = ?2 AND copy = ?3",
                params![key, unique_id, copy, next_try(failures, now).0],
            )?;
            Ok(failures)
        })
    }

    /// Notes that there was no room for a message. It may be tried again at any time.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note_no_room(&self, message: &Message) -> Result<(), Error> {
        let (key, now) = (self.0.owner.key.0, Moment::now());
        let unique_id = message.identity.unique_id.as_octets();
        let size = message.size.map(u64::cast_signed);
        self.0.write(|transaction| {
            transaction.execute(
                "INSERT INTO seen (account, unique_id, copy, state, size, listed, attempts)
                 VALUES (?1, ?2, ?3, 4, ?4, ?5, 1)
                 ON CONFLICT DO UPDATE SET attempts = attempts + 1 WHERE state = 4",
                params![key, unique_id, message.identity.copy, size, now.0],
            )?;
            Ok(())
        })
    }

    /// The messages that did not come so many times that they are set aside, or would be.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn set_aside(&self) -> Result<HashSet<Identity>, Error> {
        self.0.read(|connection| {
            connection
                .prepare(
                    "SELECT unique_id, copy FROM seen
                     WHERE account = ?1 AND state = 4 AND attempts >= ?2",
                )?
                .query_map(params![self.0.owner.key.0, MAX_FAILURES], |row| {
                    let unique_id = UniqueId::new(row.get_ref(0)?.as_blob()?);
                    let copy = row.get(1)?;
                    Ok(unique_id.map(|unique_id| Identity { unique_id, copy }))
                })?
                .filter_map(Result::transpose)
                .collect()
        })
    }

    /// Has messages wait for a day once this run has tried them.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn postpone(&self, messages: &HashSet<Identity>) -> Result<(), Error> {
        let (key, until) = (self.0.owner.key.0, Moment::now().plus(SET_ASIDE_FOR));
        self.0.write(|transaction| {
            let mut postpone = transaction.prepare(
                "UPDATE seen SET next_try = ?4
                 WHERE account = ?1 AND unique_id = ?2 AND copy = ?3",
            )?;
            for Identity { unique_id, copy } in messages {
                postpone.execute(params![key, unique_id.as_octets(), copy, until.0])?;
            }
            Ok(())
        })
    }

    /// Notes the real size of a message about which LIST lied, so that it is not fetched in vain
    /// again.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note_size(&self, message: &Message) -> Result<(), Error> {
        let (key, now) = (self.0.owner.key.0, Moment::now());
        let unique_id = message.identity.unique_id.as_octets();
        let size = message.size.map(u64::cast_signed);
        self.0.write(|transaction| {
            transaction.execute(
                "INSERT INTO seen (account, unique_id, copy, state, size, listed)
                 VALUES (?1, ?2, ?3, 4, ?4, ?5)
                 ON CONFLICT DO UPDATE SET size = ?4 WHERE state = 4",
                params![key, unique_id, message.identity.copy, size, now.0],
            )?;
            Ok(())
        })
    }

    /// Whether a message is only known for having failed.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn has_only_failed(&self, identity: &Identity) -> Result<bool, Error> {
        self.0.read(|connection| {
            connection
                .prepare(
                    "SELECT 1 FROM seen
                     WHERE account = ?1 AND unique_id = ?2 AND copy = ?3 AND state = 4",
                )?
                .exists(params![
                    self.0.owner.key.0,
                    identity.unique_id.as_octets(),
                    identity.copy
                ])
        })
    }
}
