//! An account's known messages, for people: shown, forgotten, marked.
//! Knows no server.

use rusqlite::params;

use super::state::state;
use super::{Error, Ledger};
use crate::mail::known::{KnownMessage, KnownMessages, State};
use crate::mail::maildrop::{Identity, Message, UniqueId};
use crate::moment::Moment;

/// One known message.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// What the server calls it.
    pub unique_id: UniqueId,
    /// Its number among those under the same unique-id.
    pub copy: u32,
    /// Where it stands.
    pub state: State,
    /// Its size in octets, as the scan listing said.
    pub size: Option<u64>,
    /// How often in a row it failed.
    pub failures: u32,
}

/// All known messages of an account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Messages<'a>(pub(super) &'a Ledger);

impl Messages<'_> {
    /// Loads all that is known of the account's messages.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn known(&self) -> Result<KnownMessages, Error> {
        self.0.read(|connection| {
            let mut known = KnownMessages::default();
            let mut rows = connection.prepare(
                "SELECT unique_id, copy, state, size, delivered, undeletable, next_try, vanished
                 FROM seen
                 WHERE account = ?1 ORDER BY unique_id, copy",
            )?;
            let mut rows = rows.query([self.0.owner.key.0])?;
            while let Some(row) = rows.next()? {
                let facts = KnownMessage {
                    copy: row.get(1)?,
                    state: state(row.get(2)?, row.get(4)?, row.get(6)?),
                    size: row.get::<_, Option<i64>>(3)?.map(i64::cast_unsigned),
                    next_try: Moment(row.get(6)?),
                    is_absent: row.get::<_, Option<i64>>(7)?.is_some(),
                    is_undeletable: row.get(5)?,
                };
                known.push(row.get_ref(0)?.as_blob()?, facts);
            }
            Ok(known)
        })
    }

    /// All known messages, ordered by unique-id.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>, Error> {
        self.0.read(|connection| {
            connection
                .prepare(
                    "SELECT unique_id, copy, state, delivered, next_try, size, attempts FROM seen
                     WHERE account = ?1 ORDER BY unique_id, copy",
                )?
                .query_map([self.0.owner.key.0], |row| {
                    let Some(unique_id) = UniqueId::new(row.get_ref(0)?.as_blob()?) else {
                        return Ok(None);
                    };
                    Ok(Some(Entry {
                        unique_id,
                        copy: row.get(1)?,
                        state: state(row.get(2)?, row.get(3)?, row.get(4)?),
                        size: row.get::<_, Option<i64>>(5)?.map(i64::cast_unsigned),
                        failures: row.get(6)?,
                    }))
                })?
                .filter_map(Result::transpose)
                .collect()
        })
    }

    /// Forgets all messages under a unique-id; how many those were.
    ///
    /// # Errors
    /// Nothing was forgotten.
    pub(crate) fn forget(&self, unique_id: &UniqueId) -> Result<usize, Error> {
        let key = self.0.owner.key.0;
        self.0.write(|transaction| {
            let mut forgotten = 0;
            for table in ["delivery", "notice", "seen"] {
                forgotten = transaction.execute(
                    &format!("DELETE FROM {table} WHERE account = ?1 AND unique_id = ?2"),
                    params![key, unique_id.as_octets()],
                )?;
            }
            Ok(forgotten)
        })
    }

    /// Marks messages that were never delivered as seen; how many those were.
    ///
    /// # Errors
    /// Nothing was marked.
    pub(crate) fn mark_seen(
        &self,
        messages: impl Iterator<Item = Message>,
    ) -> Result<usize, Error> {
        let (key, now) = (self.0.owner.key.0, Moment::now());
        self.0.write(|transaction| {
            let mut mark = transaction.prepare(
                "INSERT INTO seen (account, unique_id, copy, state, size, listed)
                 VALUES (?1, ?2, ?3, 0, ?4, ?5)
                 ON CONFLICT DO UPDATE SET state = 0, attempts = 0, next_try = 0 WHERE state = 4",
            )?;
            let mut marked = 0;
            for Message { identity, size, .. } in messages {
                marked += mark.execute(params![
                    key,
                    identity.unique_id.as_octets(),
                    identity.copy,
                    size.map(u64::cast_signed),
                    now.0,
                ])?;
            }
            Ok(marked)
        })
    }

    /// Whether sizes decide something in the next session: nothing is known, so that they have to be
    /// remembered, or something delivered until `due` may have to go.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn needs_sizes(&self, due: Option<Moment>) -> Result<bool, Error> {
        self.0.read(|connection| {
            connection.query_row(
                "SELECT NOT EXISTS (SELECT 1 FROM seen WHERE account = ?1)
                     OR (?2 IS NOT NULL AND EXISTS (
                         SELECT 1 FROM seen WHERE account = ?1 AND state = 2
                             AND undeletable = 0 AND delivered <= ?2))",
                params![self.0.owner.key.0, due.map(|due| due.0)],
                |row| row.get(0),
            )
        })
    }

    /// Notes which messages the server lists no more, and which it lists again.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note_missing(&self, left: &[Identity], back: &[Identity]) -> Result<(), Error> {
        let key = self.0.owner.key.0;
        let changes = [(left, Some(Moment::now().0)), (back, None)];
        self.0.write(|transaction| {
            let mut note = transaction.prepare(
                "UPDATE seen SET vanished = ?4
                 WHERE account = ?1 AND unique_id = ?2 AND copy = ?3",
            )?;
            for (identities, vanished) in changes {
                for Identity { unique_id, copy } in identities {
                    note.execute(params![key, unique_id.as_octets(), copy, vanished])?;
                }
            }
            Ok(())
        })
    }

    /// Whether something is to be said of a message for the first time.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn notice(&self, identity: &Identity) -> Result<bool, Error> {
        let key = self.0.owner.key.0;
        self.0.write(|transaction| {
            let new = transaction.execute(
                "INSERT OR IGNORE INTO notice (account, unique_id, copy) VALUES (?1, ?2, ?3)",
                params![key, identity.unique_id.as_octets(), identity.copy],
            )?;
            Ok(new > 0)
        })
    }
}
