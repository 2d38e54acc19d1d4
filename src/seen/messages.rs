//! An account's known messages, for people: shown, forgotten, marked.
//! Knows no server.

use rusqlite::params;

use super::ledger::state;
use super::{Error, Ledger};
use crate::mail::known::State;
use crate::mail::maildrop::{Identity, Message, UniqueId};
use crate::moment::Moment;

/// One known message.
#[derive(Clone, Debug)]
pub struct Entry {
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

impl Ledger {
    /// All known messages, ordered by unique-id.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>, Error> {
        self.read(|connection| {
            connection
                .prepare(
                    "SELECT unique_id, copy, state, delivered, next_try, size, attempts FROM seen
                     WHERE account = ?1 ORDER BY unique_id, copy",
                )?
                .query_map([self.owner.key.0], |row| {
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
    pub fn forget(&mut self, unique_id: &UniqueId) -> Result<usize, Error> {
        let key = self.owner.key.0;
        self.write(|transaction| {
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
    pub fn mark_seen(&mut self, messages: impl Iterator<Item = Message>) -> Result<usize, Error> {
        let (key, now) = (self.owner.key.0, Moment::now());
        self.write(|transaction| {
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
    pub fn needs_sizes(&self, due: Option<Moment>) -> Result<bool, Error> {
        self.read(|connection| {
            connection.query_row(
                "SELECT NOT EXISTS (SELECT 1 FROM seen WHERE account = ?1)
                     OR (?2 IS NOT NULL AND EXISTS (
                         SELECT 1 FROM seen WHERE account = ?1 AND state = 2
                             AND undeletable = 0 AND delivered <= ?2))",
                params![self.owner.key.0, due.map(|due| due.0)],
                |row| row.get(0),
            )
        })
    }

    /// Notes which messages the server lists no more, and which it lists again.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn note_attendance(&mut self, left: &[Identity], back: &[Identity]) -> Result<(), Error> {
        let key = self.owner.key.0;
        let changes = [(left, Some(Moment::now().0)), (back, None)];
        self.write(|transaction| {
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
}
