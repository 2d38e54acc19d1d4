//! Known messages, found by their content instead of the unique-id that the server gives them.

use std::collections::HashMap;

use rusqlite::params;

use super::custody::{fingerprint, insert_delivery};
use super::database::{MESSAGE, Queries, about, identity, size, statements};
use super::places::note_place;
use super::state::{DELIVERED, FAILED, GONE, SEEN, STAGED, StoredState};
use super::{Error, Ledger};
use crate::digest::Digest;
use crate::mail::custody::{Found, StoredMessage, TargetPlace};
use crate::mail::known::State;
use crate::mail::maildrop::{AccountKey, Identity, UniqueId};
use crate::mail::same::MessageContent;
use crate::mail::same_header::KnownHeader;
use crate::moment::Moment;

/// An account's known messages, found by their content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recognition<'a>(pub(super) &'a Ledger);

/// A known message with the same unique-id and the same octets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Match {
    /// The message's unique-id and copy number.
    pub identity: Identity,
    /// Its state.
    pub state: State,
}

/// A known message under a unique-id, with what decides whether a download is the same message.
#[derive(Clone, Debug)]
pub(crate) struct KnownContent {
    /// The message.
    pub found: Match,
    /// Its content as it was delivered.
    pub content: MessageContent,
    /// Its size as LIST reported it.
    pub size: Option<u64>,
}

/// The headers of known messages.
#[derive(Debug, Default)]
pub(crate) struct Headers(HashMap<Digest, Vec<HeaderOwner>>);

/// A known message that has a header.
#[derive(Debug)]
pub(crate) struct HeaderOwner {
    /// The message.
    pub identity: Identity,
    /// Its size as LIST reported it.
    size: Option<u64>,
    /// True if we delivered it.
    pub is_delivered: bool,
}

impl Headers {
    /// Returns the messages with this header and this size. A size that is not known matches any.
    pub(crate) fn find(
        &self,
        header: &Digest,
        size: Option<u64>,
    ) -> impl Iterator<Item = &HeaderOwner> {
        self.0
            .get(header)
            .into_iter()
            .flatten()
            .filter(move |known| known.size.is_none() || size.is_none() || known.size == size)
    }
}

impl Recognition<'_> {
    /// Returns the messages that are known under this unique-id and may be on the server. Those that were
    /// not deleted come first, and of these the one with the same copy number.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn contents(self, identity: &Identity) -> Result<Vec<KnownContent>, Error> {
        let Identity { unique_id, copy } = identity;
        let values = params![self.0.key(), unique_id, copy];
        self.0.read(|queries| {
            queries.all(&CONTENTS, values, |row| {
                let state: StoredState = row.get(1)?;
                Ok(KnownContent {
                    found: Match {
                        identity: Identity {
                            unique_id: unique_id.clone(),
                            copy: row.get(0)?,
                        },
                        state: state.with_times(row.get(2)?, row.get(3)?),
                    },
                    content: MessageContent {
                        digest: row.get(5)?,
                        from: row.get(6)?,
                        fingerprint: fingerprint(row, 7)?,
                    },
                    size: size(row, 4)?,
                })
            })
        })
    }

    /// Returns true if a message with this unique-id is known to be in a file of this name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn has_file(self, stored: &StoredMessage) -> Result<bool, Error> {
        let unique_id = &stored.identity.unique_id;
        let values = params![self.0.key(), unique_id, stored.file_name];
        self.0.read(|queries| queries.exists(&HAS_FILE, values))
    }

    /// Records a message that an earlier run delivered to `place`, and returns it as it is known now.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn record_found(self, found: &Found, place: &TargetPlace) -> Result<Match, Error> {
        let (key, now) = (self.0.key(), Moment::now());
        let stored = found.delivered.stored();
        let identity = &stored.identity;
        let size = stored.size.map(u64::cast_signed);
        self.0.write(|queries| {
            let row = about(&key, identity, params![size, now, found.when]);
            let recorded = queries.execute(&RECORD_FOUND, row)?;
            if recorded != 1 {
                // Another message has this key. It must not be forgotten for this one.
                return Err(rusqlite::Error::StatementChangedRows(recorded));
            }
            insert_delivery(queries, key, stored, place, now)?;
            note_place(queries, key, place)?;
            queries.execute(&DATE_FOUND, about(&key, identity, params![found.when]))?;
            Ok(())
        })?;
        Ok(Match {
            identity: identity.clone(),
            state: State::Delivered(found.when),
        })
    }

    /// Records that a staged message was delivered already, in the file that was found.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn record_found_staged(self, found: &Found) -> Result<(), Error> {
        let key = self.0.key();
        let stored = found.delivered.stored();
        self.0.write(|queries| {
            let row = about(&key, &stored.identity, params![found.when]);
            queries.execute(&RECORD_FOUND_STAGED, row)?;
            let row = about(
                &key,
                &stored.identity,
                params![found.when, stored.file_name],
            );
            queries.execute(&NAME_FOUND, row)?;
            Ok(())
        })
    }

    /// Returns the headers of all messages that may still be on the server.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn headers(self) -> Result<Headers, Error> {
        self.0.read(|queries| {
            let mut headers = Headers::default();
            queries.all::<(), ()>(&HEADERS, [self.0.key()], |row| {
                if let Some(identity) = identity(row, 0, 1)? {
                    let same = headers.0.entry(row.get(3)?).or_default();
                    same.push(HeaderOwner {
                        identity,
                        size: size(row, 2)?,
                        is_delivered: row.get(4)?,
                    });
                }
                Ok(())
            })?;
            Ok(headers)
        })
    }

    /// Returns the header of a known message, if it was retrieved.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn header(self, message: &Identity) -> Result<Option<KnownHeader>, Error> {
        self.0
            .read(|queries| known_header(queries, self.0.key(), message))
    }

    /// Gives known messages the unique-ids with which the server lists them now.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn rename(self, renamed: &[(Identity, Identity)]) -> Result<(), Error> {
        let key = self.0.key();
        self.0.write(|queries| {
            for (_, new) in renamed {
                // Under its new unique-id the message may have failed before it was recognised.
                queries.execute(&DROP_FAILED, about(&key, new, &[]))?;
            }
            for (old, new) in renamed {
                let new = params![new.unique_id, new.copy];
                queries.execute(&RENAME, about(&key, old, new))?;
                queries.execute(&RENAME_DELIVERY, about(&key, old, new))?;
            }
            Ok(())
        })
    }

    /// Returns the lowest copy number that is above those of all known messages with this unique-id.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn free_copy(self, unique_id: &UniqueId) -> Result<u32, Error> {
        self.0
            .read(|queries| queries.value(&FREE_COPY, params![self.0.key(), unique_id]))
    }
}

/// Returns the header of an account's message, if it was retrieved.
pub(super) fn known_header(
    queries: &Queries<'_>,
    account: AccountKey,
    message: &Identity,
) -> rusqlite::Result<Option<KnownHeader>> {
    queries.first(&HEADER, about(&account, message, &[]), |row| {
        Ok(KnownHeader {
            digest: row.get(0)?,
            from: row.get(1)?,
            subject: row.get(2)?,
            fingerprint: fingerprint(row, 3)?,
        })
    })
}

statements! {
    HEADER =
        "SELECT header_digest, sender, subject, canonical, body, message_id, date FROM delivery
         WHERE {MESSAGE}";

    CONTENTS =
        "SELECT s.copy, s.state, s.delivered, s.next_try, s.size, d.digest, d.sender, d.canonical,
             d.body, d.message_id, d.date
         FROM seen s JOIN delivery d USING (account, unique_id, copy)
         WHERE s.account = ?1 AND s.unique_id = ?2 AND s.state IN ({STAGED}, {DELIVERED}, {GONE})
             AND s.proven_gone = 0
         ORDER BY s.state = {GONE}, s.copy <> ?3, s.copy";

    HAS_FILE =
        "SELECT 1 FROM delivery WHERE account = ?1 AND unique_id = ?2 AND file_name = ?3";

    RECORD_FOUND =
        "INSERT INTO seen (account, unique_id, copy, state, size, listed, delivered)
         VALUES (?1, ?2, ?3, {DELIVERED}, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET state = {DELIVERED}, size = ?4, delivered = ?6, attempts = 0,
             next_try = 0 WHERE state = {FAILED}";

    RECORD_FOUND_STAGED =
        "UPDATE seen SET state = {DELIVERED}, delivered = ?4, attempts = 0, next_try = 0
         WHERE {MESSAGE} AND state = {STAGED}";

    NAME_FOUND = "UPDATE delivery SET delivered = ?4, file_name = ?5 WHERE {MESSAGE}";
    DATE_FOUND = "UPDATE delivery SET delivered = ?4 WHERE {MESSAGE}";

    /// Reads the whole account. That happens so rarely that an index of the headers would only slow
    /// down every delivery.
    HEADERS =
        "SELECT s.unique_id, s.copy, s.size, d.header_digest, s.state = {DELIVERED}
         FROM delivery d JOIN seen s USING (account, unique_id, copy)
         WHERE d.account = ?1 AND s.state IN ({SEEN}, {DELIVERED}) AND s.suspicion <> 1
         ORDER BY d.id";

    DROP_FAILED = "DELETE FROM seen WHERE {MESSAGE} AND state = {FAILED}";
    RENAME = "UPDATE seen SET unique_id = ?4, copy = ?5 WHERE {MESSAGE}";
    RENAME_DELIVERY = "UPDATE delivery SET unique_id = ?4, copy = ?5 WHERE {MESSAGE}";

    FREE_COPY =
        "SELECT coalesce(max(copy) + 1, 0) FROM seen WHERE account = ?1 AND unique_id = ?2";
}
