//! What is wrong with messages: those that do not come, lie about their size, may be incomplete, or
//! do not go.
//! Decides nothing about them.

use std::collections::HashSet;

use rusqlite::{OptionalExtension, params};

use super::{Error, Ledger};
use crate::mail::known::{MAX_FAILURES, SET_ASIDE_FOR, next_try};
use crate::mail::maildrop::{Identity, Message, UniqueId};
use crate::moment::Moment;

impl Ledger {
    /// Notes that a message could not be retrieved, and tells how often in a row that is.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn note_failure(&mut self, message: &Message) -> Result<u32, Error> {
        let (key, now) = (self.owner.key.0, Moment::now());
        let identity = &message.identity;
        let (unique_id, copy) = (identity.unique_id.as_octets(), identity.copy);
        let size = message.size.map(u64::cast_signed);
        self.write(|transaction| {
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
    pub fn note_want_of_room(&mut self, message: &Message) -> Result<(), Error> {
        let (key, now) = (self.owner.key.0, Moment::now());
        let unique_id = message.identity.unique_id.as_octets();
        let size = message.size.map(u64::cast_signed);
        self.write(|transaction| {
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
    pub fn waiting_long(&self) -> Result<HashSet<Identity>, Error> {
        self.read(|connection| {
            connection
                .prepare(
                    "SELECT unique_id, copy FROM seen
                     WHERE account = ?1 AND state = 4 AND attempts >= ?2",
                )?
                .query_map(params![self.owner.key.0, MAX_FAILURES], |row| {
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
    pub fn postpone(&mut self, messages: &HashSet<Identity>) -> Result<(), Error> {
        let (key, until) = (self.owner.key.0, Moment::now().plus(SET_ASIDE_FOR));
        self.write(|transaction| {
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
    pub fn note_size(&mut self, message: &Message) -> Result<(), Error> {
        let (key, now) = (self.owner.key.0, Moment::now());
        let unique_id = message.identity.unique_id.as_octets();
        let size = message.size.map(u64::cast_signed);
        self.write(|transaction| {
            transaction.execute(
                "INSERT INTO seen (account, unique_id, copy, state, size, listed)
                 VALUES (?1, ?2, ?3, 4, ?4, ?5)
                 ON CONFLICT DO UPDATE SET size = ?4 WHERE state = 4",
                params![key, unique_id, message.identity.copy, size, now.0],
            )?;
            Ok(())
        })
    }

    /// Notes that what was staged since then may be incomplete, and must not be deleted from the
    /// server; how many messages those are.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn suspect_since(&mut self, begun: Moment) -> Result<usize, Error> {
        let key = self.owner.key.0;
        self.write(|transaction| {
            transaction.execute(
                "UPDATE seen SET undeletable = 1
                 WHERE account = ?1 AND (unique_id, copy) IN
                     (SELECT unique_id, copy FROM delivery WHERE account = ?1 AND staged >= ?2)",
                params![key, begun.0],
            )
        })
    }

    /// Takes a message for delivered again that was deleted and is back, unchanged: the server may
    /// have been restored from its backup. When it was delivered; `None`: it comes back for the
    /// second time, and is not to be deleted any more.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn take_back(&mut self, identity: &Identity) -> Result<Option<Moment>, Error> {
        let key = self.owner.key.0;
        self.write(|transaction| {
            let whose = params![key, identity.unique_id.as_octets(), identity.copy];
            let delivered: Option<Option<i64>> = transaction
                .query_row(
                    "UPDATE seen SET state = 2, came_back = 1
                     WHERE account = ?1 AND unique_id = ?2 AND copy = ?3 AND came_back = 0
                     RETURNING delivered",
                    whose,
                    |row| row.get(0),
                )
                .optional()?;
            transaction.execute(
                if delivered.is_some() {
                    "UPDATE delivery SET deleted = NULL
                     WHERE account = ?1 AND unique_id = ?2 AND copy = ?3"
                } else {
                    "UPDATE seen SET undeletable = 1
                     WHERE account = ?1 AND unique_id = ?2 AND copy = ?3"
                },
                whose,
            )?;
            Ok(delivered.map(|delivered| Moment(delivered.unwrap_or(i64::MAX))))
        })
    }

    /// Has messages deleted once more that came back each time, unless that was less than a day
    /// ago: a server that never lets go of them would have to send them again at every run.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn retry_deletions(&mut self) -> Result<(), Error> {
        let (key, before) = (self.owner.key.0, Moment::now().before(SET_ASIDE_FOR));
        self.write(|transaction| {
            transaction.execute(
                "UPDATE seen SET undeletable = 0, came_back = 0
                 WHERE account = ?1 AND state = 3 AND undeletable = 1 AND gone <= ?2",
                params![key, before.0],
            )?;
            Ok(())
        })
    }

    /// Whether something is to be said of a message for the first time.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn notice(&mut self, identity: &Identity) -> Result<bool, Error> {
        let key = self.owner.key.0;
        self.write(|transaction| {
            let new = transaction.execute(
                "INSERT OR IGNORE INTO notice (account, unique_id, copy) VALUES (?1, ?2, ?3)",
                params![key, identity.unique_id.as_octets(), identity.copy],
            )?;
            Ok(new > 0)
        })
    }

    /// Whether a message is only known for having failed.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn is_troubled(&self, identity: &Identity) -> Result<bool, Error> {
        self.read(|connection| {
            connection
                .prepare(
                    "SELECT 1 FROM seen
                     WHERE account = ?1 AND unique_id = ?2 AND copy = ?3 AND state = 4",
                )?
                .exists(params![
                    self.owner.key.0,
                    identity.unique_id.as_octets(),
                    identity.copy
                ])
        })
    }
}
