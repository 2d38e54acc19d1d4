//! All known messages of an account: read, listed for people, forgotten, marked.

use rusqlite::{Row, params};

use super::database::{MESSAGE, about, identity, size, statements};
use super::orders::END;
use super::size_checks::size_history;
use super::state::{DELIVERED, FAILED, SEEN, StoredState};
use super::{Error, Ledger};
use crate::mail::known::{KnownFacts, KnownMessage};
use crate::mail::maildrop::{AccountKey, Identity, Message, UniqueId};
use crate::moment::Moment;

/// All known messages of an account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Messages<'a>(pub(super) &'a Ledger);

/// A known message, as `seen list` shows it.
#[derive(Clone, Debug)]
pub(crate) struct SeenEntry {
    /// The message's unique-id.
    pub unique_id: UniqueId,
    /// The facts about it that every run reads.
    pub known: KnownMessage,
    /// The number of times in a row that it could not be retrieved or delivered.
    pub failures: u32,
    /// True if it was listed again after its deletion.
    pub came_back: bool,
}

impl Messages<'_> {
    /// Returns the facts about the known messages as a whole.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn facts(self) -> Result<KnownFacts, Error> {
        let key = self.0.key();
        self.0.read(|queries| {
            Ok(KnownFacts {
                has_messages: queries.exists(&HAS_MESSAGES, [key])?,
                are_doubtful: false,
                sizes: size_history(queries, key)?,
            })
        })
    }

    /// Gives all known messages to `each`, in the order of their unique-ids' octets and of their copy
    /// numbers.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn each(self, each: impl FnMut(&[u8], KnownMessage)) -> Result<(), Error> {
        self.each_of(self.0.key(), each)
    }

    /// Does the same for this account or another one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(super) fn each_of(
        self,
        account: AccountKey,
        mut each: impl FnMut(&[u8], KnownMessage),
    ) -> Result<(), Error> {
        self.0.read(|queries| {
            queries.all::<(), ()>(&KNOWN, [account], |row| {
                each(row.get_ref(0)?.as_blob()?, known_message(row)?);
                Ok(())
            })
        })
    }

    /// Returns the number of messages that were delivered, but not between these times.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn delivered_outside(self, first: Moment, last: Moment) -> Result<i64, Error> {
        let values = params![self.0.key(), first, last];
        self.0
            .read(|queries| queries.value(&DELIVERED_OUTSIDE, values))
    }

    /// Returns true if a message is known, and did not fail.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn is_taken(self, identity: &Identity) -> Result<bool, Error> {
        let key = self.0.key();
        self.0
            .read(|queries| queries.exists(&IS_TAKEN, about(&key, identity, &[])))
    }

    /// Returns the messages that are known under a unique-id, by copy number.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn under(self, unique_id: &UniqueId) -> Result<Vec<KnownMessage>, Error> {
        let values = params![self.0.key(), unique_id];
        self.0
            .read(|queries| queries.all(&KNOWN_UNDER, values, known_message))
    }

    /// Returns all known messages, ordered by unique-id.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn entries(self) -> Result<Vec<SeenEntry>, Error> {
        self.0.read(|queries| {
            queries.some(&ENTRIES, [self.0.key()], |row| {
                let Some(Identity { unique_id, .. }) = identity(row, 0, 1)? else {
                    return Ok(None);
                };
                Ok(Some(SeenEntry {
                    unique_id,
                    known: known_message(row)?,
                    failures: row.get(11)?,
                    came_back: row.get(12)?,
                }))
            })
        })
    }

    /// Forgets all messages with this unique-id, and the order to delete one of them. Returns the number
    /// of messages.
    ///
    /// # Errors
    /// Nothing was forgotten.
    pub(crate) fn forget(self, unique_id: &UniqueId) -> Result<usize, Error> {
        self.0.write(|queries| {
            let key = params![self.0.key(), unique_id];
            queries.execute(&FORGET_DELIVERIES, key)?;
            queries.execute(&FORGET_NOTICES, key)?;
            queries.execute(&END, key)?;
            queries.execute(&FORGET_MESSAGES, key)
        })
    }

    /// Marks messages as seen unless they were delivered, and returns the number of those marked.
    ///
    /// # Errors
    /// Nothing was marked.
    pub(crate) fn mark_seen(self, messages: impl Iterator<Item = Message>) -> Result<usize, Error> {
        let (key, now) = (self.0.key(), Moment::now());
        self.0.write(|queries| {
            let mut marked = 0;
            for Message { identity, size, .. } in messages {
                let size = size.map(u64::cast_signed);
                marked +=
                    queries.execute(&MARK_SEEN, about(&key, &identity, params![size, now]))?;
            }
            Ok(marked)
        })
    }

    /// Returns true if the next session needs the sizes of messages: nothing is known yet, so that
    /// they have to be recorded, or a message that was delivered until `due` may have to be
    /// deleted.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn needs_sizes(self, due: Option<Moment>) -> Result<bool, Error> {
        self.0
            .read(|queries| queries.value(&NEEDS_SIZES, params![self.0.key(), due]))
    }

    /// Notes which messages are missing from the listing, and which are listed again.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note_missing(
        self,
        left: &[Identity],
        back: impl IntoIterator<Item = Identity>,
    ) -> Result<(), Error> {
        let (key, now) = (self.0.key(), Moment::now());
        self.0.write(|queries| {
            for identity in left {
                queries.execute(&NOTE_MISSING, about(&key, identity, params![Some(now)]))?;
            }
            for identity in back {
                let since = None::<Moment>;
                queries.execute(&NOTE_MISSING, about(&key, &identity, params![since]))?;
            }
            Ok(())
        })
    }

    /// Notes that something was reported about a message. True if it is the first time.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn notice(self, identity: &Identity) -> Result<bool, Error> {
        Ok(self.notice_all([identity].into_iter())? == [true])
    }

    /// Notes the same of several messages. True for each that it is the first time for.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn notice_all<'i>(
        self,
        identities: impl ExactSizeIterator<Item = &'i Identity>,
    ) -> Result<Vec<bool>, Error> {
        if identities.len() == 0 {
            return Ok(Vec::new());
        }
        let key = self.0.key();
        self.0.write(|queries| {
            identities
                .map(|identity| Ok(queries.execute(&NOTICE, about(&key, identity, &[]))? > 0))
                .collect()
        })
    }

    /// Returns all known messages.
    #[cfg(test)]
    pub(crate) fn all(self) -> Vec<(String, KnownMessage)> {
        let mut all = Vec::new();
        let push = |id: &[u8], row| all.push((String::from_utf8_lossy(id).into_owned(), row));
        self.each(push).expect("the database can be read");
        all
    }
}

/// Reads the columns that [`KNOWN`] and [`ENTRIES`] begin with.
pub(super) fn known_message(row: &Row<'_>) -> rusqlite::Result<KnownMessage> {
    let stored: StoredState = row.get(2)?;
    let left = stored.left_by(row.get(10)?, row.get(6)?);
    Ok(KnownMessage {
        copy: row.get(1)?,
        state: match left {
            Some(left) => left,
            None => stored.with_times(row.get(4)?, row.get(6)?),
        },
        size: size(row, 3)?,
        next_try: row.get(6)?,
        is_absent: row.get::<_, Option<Moment>>(7)?.is_some(),
        is_undeletable: row.get(5)?,
        quit_was_unanswered: row.get::<_, Option<Moment>>(8)?.is_some(),
        suspicion: row.get(9)?,
    })
}

/// The most failures in a row of a staged message at one of its targets.
const HANDOVER_ATTEMPTS: &str =
    "(SELECT max(h.attempts) FROM delivery d JOIN handover h ON h.delivery = d.id
     WHERE s.state = 1 AND d.account = s.account AND d.unique_id = s.unique_id AND d.copy = s.copy
         AND h.taken IS NULL)";

/// The time of the last next try of a staged message at one of its targets.
const HANDOVER_NEXT_TRY: &str =
    "(SELECT max(h.next_try) FROM delivery d JOIN handover h ON h.delivery = d.id
     WHERE s.state = 1 AND d.account = s.account AND d.unique_id = s.unique_id AND d.copy = s.copy
         AND h.taken IS NULL)";

statements! {
    KNOWN =
        "SELECT unique_id, copy, state, size, delivered, undeletable, next_try, vanished,
             quit_sent, suspicion, left_by
         FROM seen WHERE account = ?1 ORDER BY unique_id, copy";

    KNOWN_UNDER =
        "SELECT unique_id, copy, state, size, delivered, undeletable, next_try, vanished,
             quit_sent, suspicion, left_by
         FROM seen WHERE account = ?1 AND unique_id = ?2 ORDER BY copy";

    DELIVERED_OUTSIDE =
        "SELECT count(*) FROM seen
         WHERE account = ?1 AND state = {DELIVERED} AND delivered NOT BETWEEN ?2 AND ?3";

    IS_TAKEN = "SELECT 1 FROM seen WHERE {MESSAGE} AND state <> {FAILED}";

    HAS_MESSAGES = "SELECT 1 FROM seen WHERE account = ?1 LIMIT 1";

    ENTRIES =
        "SELECT unique_id, copy, state, size, delivered, undeletable,
             max(next_try, ifnull({HANDOVER_NEXT_TRY}, 0)), vanished, quit_sent, suspicion, left_by,
             max(attempts, ifnull({HANDOVER_ATTEMPTS}, 0)), came_back
         FROM seen s WHERE account = ?1 ORDER BY unique_id, copy";

    FORGET_DELIVERIES = "DELETE FROM delivery WHERE account = ?1 AND unique_id = ?2";
    FORGET_NOTICES = "DELETE FROM notice WHERE account = ?1 AND unique_id = ?2";
    FORGET_MESSAGES = "DELETE FROM seen WHERE account = ?1 AND unique_id = ?2";

    MARK_SEEN =
        "INSERT INTO seen (account, unique_id, copy, state, size, listed)
         VALUES (?1, ?2, ?3, {SEEN}, ?4, ?5)
         ON CONFLICT DO UPDATE SET state = {SEEN}, attempts = 0, next_try = 0
             WHERE state = {FAILED}";

    NEEDS_SIZES =
        "SELECT NOT EXISTS (SELECT 1 FROM seen WHERE account = ?1)
             OR (?2 IS NOT NULL AND EXISTS (
                 SELECT 1 FROM seen WHERE account = ?1 AND state = {DELIVERED}
                     AND undeletable = 0 AND suspicion = 0 AND delivered <= ?2))";

    NOTE_MISSING = "UPDATE seen SET vanished = ?4 WHERE {MESSAGE}";

    NOTICE = "INSERT OR IGNORE INTO notice (account, unique_id, copy) VALUES (?1, ?2, ?3)";
}
