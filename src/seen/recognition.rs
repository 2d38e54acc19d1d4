//! Who is who: known messages found by what they are, not by what the server calls them.
//! Decides nothing about them.

use std::collections::HashMap;

use rusqlite::params;

use super::custody::Deliveries;
use super::state::state;
use super::{Error, Ledger};
use crate::digest::Digest;
use crate::mail::custody::{Found, StoredMessage, TargetPlace};
use crate::mail::known::State;
use crate::mail::maildrop::{Identity, UniqueId};
use crate::moment::Moment;

/// A message of ours with the same unique-id and the same octets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Match {
    /// Who it is.
    pub identity: Identity,
    /// Where it stands.
    pub state: State,
}

/// The headers of known messages.
#[derive(Debug, Default)]
pub(crate) struct Headers(HashMap<Digest, Vec<(Identity, Option<u64>)>>);

impl Headers {
    /// The messages that have this header, and this size as far as sizes are known.
    pub(crate) fn find(
        &self,
        header: &Digest,
        size: Option<u64>,
    ) -> impl Iterator<Item = &Identity> {
        self.0
            .get(header)
            .into_iter()
            .flatten()
            .filter(move |(_, known)| known.is_none() || size.is_none() || *known == size)
            .map(|(identity, _)| identity)
    }
}

/// An account's messages, found by what they are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recognition<'a>(pub(super) &'a Ledger);

impl Recognition<'_> {
    /// The messages, delivered or staged, that have this unique-id and these octets, the one with the same copy
    /// number first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn find_matches(&self, stored: &StoredMessage) -> Result<Vec<Match>, Error> {
        let unique_id = stored.identity.unique_id.as_octets();
        self.0.read(|connection| {
            connection
                .prepare(
                    "SELECT s.copy, s.state, s.delivered, s.next_try
                     FROM seen s JOIN delivery d USING (account, unique_id, copy)
                     WHERE s.account = ?1 AND s.unique_id = ?2 AND s.state IN (1, 2, 3)
                       AND d.digest = ?3
                     ORDER BY s.copy <> ?4, s.copy",
                )?
                .query_map(
                    params![
                        self.0.owner.key.0,
                        unique_id,
                        stored.digest.0,
                        stored.identity.copy
                    ],
                    |row| {
                        Ok(Match {
                            identity: Identity {
                                unique_id: stored.identity.unique_id.clone(),
                                copy: row.get(0)?,
                            },
                            state: state(row.get(1)?, row.get(2)?, row.get(3)?),
                        })
                    },
                )?
                .collect()
        })
    }

    /// Whether a file is known as that of a message with this unique-id.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn has_file(&self, stored: &StoredMessage) -> Result<bool, Error> {
        self.0.read(|connection| {
            connection
                .prepare(
                    "SELECT 1 FROM delivery
                     WHERE account = ?1 AND unique_id = ?2 AND file_name = ?3",
                )?
                .exists(params![
                    self.0.owner.key.0,
                    stored.identity.unique_id.as_octets(),
                    stored.file_name
                ])
        })
    }

    /// Records a message that an earlier run delivered there; who it is then.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn record_found(&self, found: &Found, place: &TargetPlace) -> Result<Match, Error> {
        let (key, now) = (self.0.owner.key, Moment::now());
        let stored = found.delivered.stored();
        let Identity { unique_id, copy } = &stored.identity;
        self.0.write(|transaction| {
            let adopted = transaction.execute(
                "INSERT INTO seen (account, unique_id, copy, state, size, listed, delivered)
                 VALUES (?1, ?2, ?3, 2, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET state = 2, size = ?4, delivered = ?6, attempts = 0,
                     next_try = 0 WHERE state = 4",
                params![
                    key.0,
                    unique_id.as_octets(),
                    copy,
                    stored.size.map(u64::cast_signed),
                    now.0,
                    found.when.0,
                ],
            )?;
            if adopted != 1 {
                // Another message has this place.
                return Err(rusqlite::Error::StatementChangedRows(adopted));
            }
            Deliveries::of(transaction)?.insert(key, stored, place, now)?;
            transaction.execute(
                "UPDATE delivery SET delivered = ?4
                 WHERE account = ?1 AND unique_id = ?2 AND copy = ?3",
                params![key.0, unique_id.as_octets(), copy, found.when.0],
            )?;
            Ok(())
        })?;
        Ok(Match {
            identity: stored.identity.clone(),
            state: State::Delivered(found.when),
        })
    }

    /// The headers of all messages that may still be on the server. They are looked up so rarely
    /// that an index of them would only slow every delivery down.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn headers(&self) -> Result<Headers, Error> {
        self.0.read(|connection| {
            let mut rows = connection.prepare(
                "SELECT s.unique_id, s.copy, s.size, d.header_digest
                 FROM delivery d JOIN seen s USING (account, unique_id, copy)
                 WHERE d.account = ?1 AND s.state IN (0, 2)
                 ORDER BY d.id",
            )?;
            let mut rows = rows.query([self.0.owner.key.0])?;
            let mut headers = Headers::default();
            while let Some(row) = rows.next()? {
                let Some(unique_id) = UniqueId::new(row.get_ref(0)?.as_blob()?) else {
                    continue;
                };
                let copy = row.get(1)?;
                let size = row.get::<_, Option<i64>>(2)?.map(i64::cast_unsigned);
                let whose = (Identity { unique_id, copy }, size);
                headers
                    .0
                    .entry(Digest(row.get(3)?))
                    .or_default()
                    .push(whose);
            }
            Ok(headers)
        })
    }

    /// Gives known messages the unique-ids by which the server lists them now.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn rename(&self, renamed: &[(Identity, Identity)]) -> Result<(), Error> {
        let key = self.0.owner.key.0;
        self.0.write(|transaction| {
            let mut failed = transaction.prepare(
                "DELETE FROM seen
                 WHERE account = ?1 AND unique_id = ?2 AND copy = ?3 AND state = 4",
            )?;
            for (_, new) in renamed {
                failed.execute(params![key, new.unique_id.as_octets(), new.copy])?;
            }
            for table in ["seen", "delivery"] {
                let mut rename = transaction.prepare(&format!(
                    "UPDATE {table} SET unique_id = ?4, copy = ?5
                     WHERE account = ?1 AND unique_id = ?2 AND copy = ?3"
                ))?;
                for (old, new) in renamed {
                    rename.execute(params![
                        key,
                        old.unique_id.as_octets(),
                        old.copy,
                        new.unique_id.as_octets(),
                        new.copy,
                    ])?;
                }
            }
            Ok(())
        })
    }

    /// The first copy number under a unique-id that no message has.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn free_copy(&self, unique_id: &UniqueId) -> Result<u32, Error> {
        self.0.read(|connection| {
            connection.query_row(
                "SELECT coalesce(max(copy) + 1, 0) FROM seen WHERE account = ?1 AND unique_id = ?2",
                params![self.0.owner.key.0, unique_id.as_octets()],
                |row| row.get(0),
            )
        })
    }
}
