//! Messages whose copy is in doubt: found, trusted again, or recognised under another unique-id.

use rusqlite::params;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use super::database::{MESSAGE, Queries, about, identity, statements};
use super::recognition::{DROP_FAILED, FREE_COPY, RENAME, RENAME_DELIVERY};
use super::state::{DELIVERED, STAGED, StoredState};
use super::{Error, Ledger};
use crate::digest::Digest;
use crate::mail::custody::StoredMessage;
use crate::mail::known::State;
use crate::mail::maildrop::{AccountKey, Identity, Message, UniqueId};
use crate::mail::suspicion::Suspicion;
use crate::moment::Moment;

/// An account's messages whose copy is in doubt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suspicions<'a>(pub(super) &'a Ledger);

/// The last delivery before a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeliveryMark(i64);

/// A message whose copy is in doubt.
#[derive(Clone, Debug)]
pub(crate) struct Suspect {
    /// The unique-id and copy number under which it was delivered.
    pub identity: Identity,
    /// The SHA-256 of the delivered message without the header lines that servers write.
    pub canonical: Digest,
    /// The reason.
    pub suspicion: Suspicion,
    /// The state of its row.
    pub state: State,
}

impl Suspicions<'_> {
    /// Returns true if listed messages are to be compared, which is done without pipelining.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn are_waiting(self) -> Result<bool, Error> {
        let key = [self.0.key()];
        self.0.read(|queries| queries.exists(&ARE_WAITING, key))
    }

    /// Returns the last delivery until now, of whatever account.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn mark(self) -> Result<DeliveryMark, Error> {
        let last = self.0.read(|queries| queries.value(&LAST_DELIVERY, []))?;
        Ok(DeliveryMark(last))
    }

    /// Puts everything in doubt that was staged since then, and returns its number.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn suspect_all(self, since: DeliveryMark) -> Result<usize, Error> {
        let values = params![self.0.key(), since.0];
        self.0
            .write(|queries| queries.execute(&SUSPECT_ALL, values))
    }

    /// Puts those of the messages in doubt that were staged since then, and returns their number.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn suspect(
        self,
        messages: &[Message],
        since: DeliveryMark,
        suspicion: Suspicion,
    ) -> Result<usize, Error> {
        self.0.write(|queries| {
            let mut suspects = 0;
            for Message { identity, .. } in messages {
                let values = params![self.0.key(), identity.unique_id, since.0, suspicion];
                suspects += queries.execute(&SUSPECT, values)?;
            }
            Ok(suspects)
        })
    }

    /// Sets the suspicion of messages that were staged since then, and whose session was in step after all.
    /// Replaces none other than OUT OF STEP.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn explain(
        self,
        messages: &[Message],
        since: DeliveryMark,
        suspicion: Suspicion,
    ) -> Result<(), Error> {
        self.0.write(|queries| {
            for Message { identity, .. } in messages {
                let values = params![self.0.key(), identity.unique_id, since.0, suspicion];
                queries.execute(&EXPLAIN, values)?;
            }
            Ok(())
        })
    }

    /// Sets the suspicion of messages that a session in step has shown to be known. Replaces none other than
    /// OUT OF STEP.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn explain_known<'m>(
        self,
        messages: impl Iterator<Item = (&'m Identity, Suspicion)>,
    ) -> Result<(), Error> {
        let key = self.0.key();
        self.0.write(|queries| {
            for (identity, suspicion) in messages {
                queries.execute(&EXPLAIN_KNOWN, about(&key, identity, params![suspicion]))?;
            }
            Ok(())
        })
    }

    /// Returns the first message that was staged since then and does not have its size, and the number of
    /// all of them.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn short(self, since: DeliveryMark) -> Result<Option<(Identity, u32)>, Error> {
        let values = params![self.0.key(), since.0];
        self.0.read(|queries| {
            let first = queries.first(&FIRST_SHORT, values, |row| identity(row, 0, 1))?;
            let count = queries.value(&COUNT_SHORT, values)?;
            Ok(first.flatten().map(|first| (first, count)))
        })
    }

    /// Trusts everything again that was staged since then and was in doubt only until its session
    /// would have ended well.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn trust_all(self, since: DeliveryMark) -> Result<(), Error> {
        let values = params![self.0.key(), since.0];
        self.0.write(|queries| {
            queries.execute(&TRUST_ALL, values)?;
            Ok(())
        })
    }

    /// Returns the messages that are to be compared.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn all(self) -> Result<Vec<Suspect>, Error> {
        self.0.read(|queries| {
            queries.some(&SUSPECTS, [self.0.key()], |row| {
                let Some(identity) = identity(row, 0, 1)? else {
                    return Ok(None);
                };
                Ok(Some(Suspect {
                    identity,
                    canonical: row.get(2)?,
                    suspicion: row.get(3)?,
                    state: row
                        .get::<_, StoredState>(4)?
                        .with_times(row.get(5)?, row.get(6)?),
                }))
            })
        })
    }

    /// Sets the suspicion of a delivered message after it was compared.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn set(self, identity: &Identity, suspicion: Suspicion) -> Result<(), Error> {
        let key = self.0.key();
        self.0.write(|queries| {
            queries.execute(&SET, about(&key, identity, params![suspicion]))?;
            Ok(())
        })
    }

    /// Sets the suspicion of a message after its comparison. Returns true if the message was to be compared.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn settle(self, identity: &Identity, suspicion: Suspicion) -> Result<bool, Error> {
        let key = self.0.key();
        let is_suspect = self
            .0
            .read(|queries| queries.exists(&IS_SUSPECT, about(&key, identity, &[])))?;
        if is_suspect {
            self.set(identity, suspicion)?;
        }
        Ok(is_suspect)
    }

    /// Gives a delivery its true unique-id: the message that was delivered as `from` is listed as
    /// `listed`. Another delivery that had this unique-id until now gets a made-up one, which is
    /// returned.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn reassign(
        self,
        from: &Identity,
        listed: &StoredMessage,
        displaced: Option<&Suspect>,
        suspicion: Suspicion,
    ) -> Result<Option<Identity>, Error> {
        let (key, to) = (self.0.key(), &listed.identity);
        let size = listed.size.map(u64::cast_signed);
        self.0.write(|queries| {
            let apart = displaced
                .map(|displaced| set_apart(queries, key, displaced))
                .transpose()?;
            // Under this name the message may have failed before it was recognised.
            queries.execute(&DROP_FAILED, about(&key, to, &[]))?;
            let new = params![to.unique_id, to.copy];
            queries.execute(&RENAME, about(&key, from, new))?;
            queries.execute(&RENAME_DELIVERY, about(&key, from, new))?;
            queries.execute(&RECOGNISE, about(&key, to, params![suspicion, size]))?;
            Ok(apart)
        })
    }

    /// Takes a delivery away from its unique-id, because the message that is listed under it is another
    /// one. Returns the name that the delivery gets, which is made up from its content.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn set_apart(self, displaced: &Suspect) -> Result<Identity, Error> {
        let key = self.0.key();
        self.0.write(|queries| set_apart(queries, key, displaced))
    }

    /// Ends the doubt about deliveries that have lost their names, once all that is listed was compared. What is
    /// left is a message that is not on the server any more, or a part of one. Those that have a name and are
    /// not listed stay in doubt: the listing may have had a hole.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn end_search(self) -> Result<(), Error> {
        let (key, (made_up, _)) = (self.0.key(), UniqueId::RANGE_OF_CONTENT);
        self.0.write(|queries| {
            queries.execute(&FORGET_NAMELESS, params![key, made_up])?;
            Ok(())
        })
    }
}

/// A delivery whose name was wrong may still be another listed message. One that was incomplete is not.
fn set_apart(
    queries: &Queries<'_>,
    key: AccountKey,
    displaced: &Suspect,
) -> rusqlite::Result<Identity> {
    let suspicion = match displaced.suspicion {
        Suspicion::OutOfStep => Suspicion::OutOfStep,
        _ => Suspicion::None,
    };
    let unique_id = UniqueId::of_content(&displaced.canonical);
    let copy = queries.value(&FREE_COPY, params![key, unique_id])?;
    let apart = Identity { unique_id, copy };
    let new = params![apart.unique_id, apart.copy];
    queries.execute(&RENAME, about(&key, &displaced.identity, new))?;
    queries.execute(&RENAME_DELIVERY, about(&key, &displaced.identity, new))?;
    let values = params![suspicion, Moment::now()];
    queries.execute(&LOSE_SIGHT, about(&key, &apart, values))?;
    Ok(apart)
}

impl ToSql for Suspicion {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(*self as u8))
    }
}

impl FromSql for Suspicion {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        let known = Self::ALL
            .into_iter()
            .find(|suspicion| *suspicion as i64 == number);
        // A newer version may know more reasons. A message with an unknown one must not be deleted,
        // so reading it fails.
        known.ok_or(FromSqlError::OutOfRange(number))
    }
}

statements! {
    /// The index is named because the planner does not know that few rows are in doubt.
    ARE_WAITING =
        "SELECT 1 FROM seen INDEXED BY seen_suspicion
         WHERE account = ?1 AND suspicion <> 0 AND suspicion IN (1, 2, 5, 6) AND state = {DELIVERED}
             AND vanished IS NULL";

    LAST_DELIVERY = "SELECT coalesce(max(id), 0) FROM delivery";

    /// `+` keeps the planner from reading all deliveries of the account by its index.
    SUSPECT_ALL =
        "UPDATE seen SET suspicion = 1
         WHERE account = ?1 AND state IN ({STAGED}, {DELIVERED}) AND (unique_id, copy) IN
             (SELECT unique_id, copy FROM delivery WHERE +account = ?1 AND id > ?2)";

    SUSPECT =
        "UPDATE seen SET suspicion = ?4
         WHERE account = ?1 AND unique_id = ?2 AND state IN ({STAGED}, {DELIVERED}) AND copy IN
             (SELECT copy FROM delivery WHERE account = ?1 AND unique_id = ?2 AND id > ?3)";

    EXPLAIN =
        "UPDATE seen SET suspicion = ?4
         WHERE account = ?1 AND unique_id = ?2 AND state IN ({STAGED}, {DELIVERED})
             AND suspicion IN (0, 1) AND copy IN
             (SELECT copy FROM delivery WHERE account = ?1 AND unique_id = ?2 AND id > ?3)";

    EXPLAIN_KNOWN = "UPDATE seen SET suspicion = ?4 WHERE {MESSAGE} AND suspicion = 1";

    FIRST_SHORT =
        "SELECT s.unique_id, s.copy
         FROM seen s INDEXED BY seen_suspicion JOIN delivery d USING (account, unique_id, copy)
         WHERE s.account = ?1 AND s.suspicion <> 0 AND s.suspicion = 5 AND d.id > ?2
         ORDER BY d.id LIMIT 1";

    COUNT_SHORT =
        "SELECT count(*)
         FROM seen s INDEXED BY seen_suspicion JOIN delivery d USING (account, unique_id, copy)
         WHERE s.account = ?1 AND s.suspicion <> 0 AND s.suspicion = 5 AND d.id > ?2";

    /// At least half of each of them came, and that is no reason for doubt on this server.
    TRUST_SHORT =
        "UPDATE seen INDEXED BY seen_suspicion SET suspicion = 0
         WHERE account = ?1 AND suspicion <> 0 AND suspicion = 5";

    TRUST_ALL =
        "UPDATE seen INDEXED BY seen_suspicion SET suspicion = 0
         WHERE account = ?1 AND suspicion <> 0 AND suspicion = 1 AND (unique_id, copy) IN
             (SELECT unique_id, copy FROM delivery WHERE +account = ?1 AND id > ?2)";

    SUSPECTS =
        "SELECT s.unique_id, s.copy, coalesce(d.canonical, d.digest), s.suspicion, s.state,
             s.delivered, s.next_try
         FROM seen s INDEXED BY seen_suspicion JOIN delivery d USING (account, unique_id, copy)
         WHERE s.account = ?1 AND s.suspicion <> 0 AND s.suspicion IN (1, 2, 5, 6)
             AND s.state IN ({STAGED}, {DELIVERED})
         ORDER BY d.id";

    SET =
        "UPDATE seen SET suspicion = ?4,
             attempts = CASE state WHEN {DELIVERED} THEN 0 ELSE attempts END,
             next_try = CASE state WHEN {DELIVERED} THEN 0 ELSE next_try END
         WHERE {MESSAGE}";

    IS_SUSPECT = "SELECT 1 FROM seen WHERE {MESSAGE} AND suspicion IN (1, 2, 5, 6)";

    RECOGNISE =
        "UPDATE seen SET suspicion = ?4, size = ?5, vanished = NULL
         WHERE {MESSAGE}";

    /// The listed size was that of another message.
    LOSE_SIGHT =
        "UPDATE seen SET suspicion = ?4, vanished = ?5, size = NULL WHERE {MESSAGE}";

    FORGET_NAMELESS =
        "UPDATE seen INDEXED BY seen_suspicion SET suspicion = 0
         WHERE account = ?1 AND suspicion <> 0 AND suspicion = 1 AND vanished IS NOT NULL
             AND substr(unique_id, 1, length(?2)) = ?2";
}
