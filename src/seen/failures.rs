//! Messages that could not be retrieved, or that are larger than LIST said.

use std::collections::HashSet;

use rusqlite::params;

use super::database::{MESSAGE, Sql, about, identity, statements};
use super::state::FAILED;
use super::{Error, Ledger};
use crate::mail::known::{MAX_FAILURES, SET_ASIDE_FOR};
use crate::mail::maildrop::{Identity, Message};
use crate::moment::Moment;

/// An account's messages that could not be retrieved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failures<'a>(pub(super) &'a Ledger);

impl Failures<'_> {
    /// Notes that a message may be what broke a session. Nothing is counted; from now on it is
    /// retrieved after the others, and alone.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn suspect(self, message: &Message) -> Result<(), Error> {
        self.note_listed(&SUSPECT, std::iter::once(message))
    }

    /// Notes that there was no room for messages. They may be tried again at any time.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note_no_room<'m>(
        self,
        messages: impl ExactSizeIterator<Item = &'m Message>,
    ) -> Result<(), Error> {
        self.note_listed(&NOTE_NO_ROOM, messages)
    }

    /// Notes the real sizes of messages that are larger than LIST said, so that the next run does not
    /// fetch them in vain.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note_sizes(self, messages: &[Message]) -> Result<(), Error> {
        self.note_listed(&NOTE_SIZE, messages.iter())
    }

    fn note_listed<'m>(
        self,
        sql: &Sql,
        messages: impl ExactSizeIterator<Item = &'m Message>,
    ) -> Result<(), Error> {
        if messages.len() == 0 {
            return Ok(());
        }
        let (key, now) = (self.0.key(), Moment::now());
        self.0.write(|queries| {
            for message in messages {
                let size = message.size.map(u64::cast_signed);
                queries.execute(sql, about(&key, &message.identity, params![size, now]))?;
            }
            Ok(())
        })
    }

    /// Returns the messages that have failed so often that they are set aside, or would be.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn set_aside(self) -> Result<HashSet<Identity>, Error> {
        let key = params![self.0.key(), MAX_FAILURES];
        self.0
            .read(|queries| queries.some(&SET_ASIDE, key, |row| identity(row, 0, 1)))
    }

    /// Makes messages wait for a day from now on.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn postpone(self, messages: &HashSet<Identity>) -> Result<(), Error> {
        let (key, until) = (self.0.key(), Moment::now().plus(SET_ASIDE_FOR));
        self.0.write(|queries| {
            for identity in messages {
                queries.execute(&SET_NEXT_TRY, about(&key, identity, params![until]))?;
            }
            Ok(())
        })
    }

    /// Returns true if a message is known only because it could not be retrieved.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn has_only_failed(self, identity: &Identity) -> Result<bool, Error> {
        let key = self.0.key();
        self.0
            .read(|queries| queries.exists(&HAS_ONLY_FAILED, about(&key, identity, &[])))
    }
}

statements! {
    /// A message in another state keeps it: one that is fetched again for a comparison can fail, too.
    NOTE =
        "INSERT INTO seen (account, unique_id, copy, state, size, listed, attempts)
         VALUES (?1, ?2, ?3, {FAILED}, ?4, ?5, 1)
         ON CONFLICT DO UPDATE SET attempts = attempts + 1
         RETURNING attempts";

    SET_NEXT_TRY = "UPDATE seen SET next_try = ?4 WHERE {MESSAGE}";

    SUSPECT =
        "INSERT INTO seen (account, unique_id, copy, state, size, listed)
         VALUES (?1, ?2, ?3, {FAILED}, ?4, ?5) ON CONFLICT DO NOTHING";

    NOTE_NO_ROOM =
        "INSERT INTO seen (account, unique_id, copy, state, size, listed, attempts)
         VALUES (?1, ?2, ?3, {FAILED}, ?4, ?5, 1)
         ON CONFLICT DO UPDATE SET attempts = attempts + 1 WHERE state = {FAILED}";

    NOTE_SIZE =
        "INSERT INTO seen (account, unique_id, copy, state, size, listed)
         VALUES (?1, ?2, ?3, {FAILED}, ?4, ?5)
         ON CONFLICT DO UPDATE SET size = ?4 WHERE state = {FAILED}";

    SET_ASIDE =
        "SELECT unique_id, copy FROM seen
         WHERE account = ?1 AND state = {FAILED} AND attempts >= ?2";

    HAS_ONLY_FAILED = "SELECT 1 FROM seen WHERE {MESSAGE} AND state = {FAILED}";
}
