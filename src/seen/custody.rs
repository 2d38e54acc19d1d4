//! Messages on their way: staged, and recorded as delivered (custody steps 3 and 6).
//! Decides nothing; every change is one durable transaction.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use rusqlite::{Row, Statement, Transaction, params};

use super::{Error, Ledger};
use crate::digest::Digest;
use crate::mail::custody::{Durable, Outcome, Staged, StagedHistory, StoredMessage, TargetPlace};
use crate::mail::headers::Header;
use crate::mail::known::next_try;
use crate::mail::maildrop::{AccountKey, Identity, UniqueId};
use crate::moment::Moment;
use crate::text::ServerText;

/// An account's messages from their staging to their delivery: steps 3 and 6 of the custody order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Custody<'a>(pub(super) &'a Ledger);

impl Custody<'_> {
    /// The messages that an earlier run staged and nobody knows to be delivered: those first that
    /// were not tried for longest.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn staged(&self) -> Result<Vec<Staged>, Error> {
        self.0.read(|connection| {
            connection
                .prepare(
                    "SELECT s.unique_id, s.copy, s.size, d.file_name, d.octets, d.digest,
                            d.header_digest, d.sender, d.subject, d.target, d.inode,
                            d.staged, s.handed_over, d.program, s.attempts, s.next_try
                     FROM seen s INDEXED BY seen_staged
                         JOIN delivery d USING (account, unique_id, copy)
                     WHERE s.account = ?1 AND s.state = 1 ORDER BY s.next_try, d.id",
                )?
                .query_map([self.0.owner.key.0], recall)?
                .filter_map(Result::transpose)
                .collect()
        })
    }

    /// Step 3: writes durable messages down under their final names, together with what became of
    /// those before. When this returns they are ours, and only then.
    ///
    /// # Errors
    /// Nothing was written; the files stay in tmp/ and the next run removes them.
    pub(crate) fn stage(
        &self,
        durable: Vec<Durable>,
        place: &TargetPlace,
        outcomes: &[Outcome],
    ) -> Result<Vec<Staged>, Error> {
        let now = Moment::now();
        let key = self.0.owner.key.0;
        self.0.write(|transaction| {
            settle(transaction, key, outcomes, now)?;
            let mut seen = transaction.prepare(
                "INSERT INTO seen (account, unique_id, copy, state, size, listed)
                 VALUES (?1, ?2, ?3, 1, ?4, ?5)
                 ON CONFLICT DO UPDATE SET state = 1, size = ?4, attempts = 0, next_try = 0,
                     handed_over = 0 WHERE state = 4",
            )?;
            let mut deliveries = Deliveries::of(transaction)?;
            for stored in durable.iter().map(Durable::stored) {
                let unique_id = stored.identity.unique_id.as_octets();
                let copy = stored.identity.copy;
                let size = stored.size.map(u64::cast_signed);
                let staged = seen.execute(params![key, unique_id, copy, size, now.0])?;
                if staged != 1 {
                    // Another message has this place; it must not be forgotten for this one.
                    return Err(rusqlite::Error::StatementChangedRows(staged));
                }
                deliveries.insert(AccountKey(key), stored, place, now)?;
            }
            Ok(())
        })?;
        Ok(durable
            .into_iter()
            .map(|durable| Staged::new(durable, place.clone(), now))
            .collect())
    }

    /// Step 6: writes down what became of staged messages, and which are about to be handed to an
    /// MDA.
    ///
    /// # Errors
    /// Nothing was written; the messages stay staged.
    pub(crate) fn record(&self, outcomes: &[Outcome], next: &[Staged]) -> Result<(), Error> {
        if outcomes.is_empty() && next.is_empty() {
            return Ok(());
        }
        let key = self.0.owner.key.0;
        self.0.write(|transaction| {
            settle(transaction, key, outcomes, Moment::now())?;
            let mut repeated = transaction.prepare_cached(
                "UPDATE delivery SET repeated = repeated + 1
                 WHERE account = ?1 AND unique_id = ?2 AND copy = ?3",
            )?;
            let mut handed_over = transaction.prepare_cached(
                "UPDATE seen SET handed_over = 1
                 WHERE account = ?1 AND unique_id = ?2 AND copy = ?3",
            )?;
            for staged in next {
                let identity = &staged.stored().identity;
                let whose = params![key, identity.unique_id.as_octets(), identity.copy];
                if staged.history().was_handed_over {
                    repeated.execute(whose)?;
                }
                handed_over.execute(whose)?;
            }
            Ok(())
        })
    }
}

/// Writes down where messages are delivered to, and since when they are on their way.
pub(super) struct Deliveries<'a>(Statement<'a>);

impl<'a> Deliveries<'a> {
    pub(super) fn of(transaction: &'a Transaction<'_>) -> rusqlite::Result<Self> {
        let insert = transaction.prepare(
            "INSERT OR REPLACE INTO delivery (account, unique_id, copy, program, target, inode,
                 file_name, octets, digest, header_digest, sender, subject, staged)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?;
        Ok(Self(insert))
    }

    pub(super) fn insert(
        &mut self,
        key: AccountKey,
        stored: &StoredMessage,
        place: &TargetPlace,
        staged: Moment,
    ) -> rusqlite::Result<()> {
        self.0.execute(params![
            key.0,
            stored.identity.unique_id.as_octets(),
            stored.identity.copy,
            place.program,
            place.path.as_os_str().as_bytes(),
            place.inode.cast_signed(),
            stored.file_name,
            stored.octets.cast_signed(),
            stored.digest.0,
            stored.header.digest.0,
            stored.header.from.as_octets(),
            stored.header.subject.as_octets(),
            staged.0,
        ])?;
        Ok(())
    }
}

/// Writes down what became of staged messages.
fn settle(
    transaction: &Transaction<'_>,
    key: i64,
    outcomes: &[Outcome],
    now: Moment,
) -> rusqlite::Result<()> {
    let mut delivered = transaction.prepare_cached(
        "UPDATE seen SET state = 2, delivered = ?4, attempts = 0, next_try = 0, handed_over = 0
         WHERE account = ?1 AND unique_id = ?2 AND copy = ?3",
    )?;
    let mut delivery = transaction.prepare_cached(
        "UPDATE delivery SET delivered = ?4, words = nullif(?5, x'')
         WHERE account = ?1 AND unique_id = ?2 AND copy = ?3",
    )?;
    let mut kept = transaction.prepare_cached(
        "UPDATE seen SET attempts = ?4, next_try = ?5, handed_over = ?6
         WHERE account = ?1 AND unique_id = ?2 AND copy = ?3",
    )?;
    let mut lost = transaction
        .prepare_cached("DELETE FROM seen WHERE account = ?1 AND unique_id = ?2 AND copy = ?3")?;
    let mut undelivered = transaction.prepare_cached(
        "DELETE FROM delivery WHERE account = ?1 AND unique_id = ?2 AND copy = ?3",
    )?;
    for outcome in outcomes {
        let identity = outcome.identity();
        let (unique_id, copy) = (identity.unique_id.as_octets(), identity.copy);
        match outcome {
            Outcome::Delivered(done) => {
                let output = done.output().as_octets();
                delivered.execute(params![key, unique_id, copy, now.0])?;
                delivery.execute(params![key, unique_id, copy, now.0, output])?;
            }
            Outcome::Kept {
                failures,
                is_in_doubt,
                ..
            } => {
                let next_try = next_try(*failures, now);
                let values = params![key, unique_id, copy, failures, next_try.0, is_in_doubt];
                kept.execute(values)?;
            }
            Outcome::Lost(_) => {
                lost.execute(params![key, unique_id, copy])?;
                undelivered.execute(params![key, unique_id, copy])?;
            }
        }
    }
    Ok(())
}

/// A staged message from its row; `None` if the row holds what no version ever wrote.
fn recall(row: &Row<'_>) -> rusqlite::Result<Option<Staged>> {
    let text = |index| -> rusqlite::Result<ServerText> {
        Ok(ServerText::new(row.get_ref(index)?.as_blob()?))
    };
    let Some(unique_id) = UniqueId::new(row.get_ref(0)?.as_blob()?) else {
        return Ok(None);
    };
    let stored = StoredMessage {
        identity: Identity {
            unique_id,
            copy: row.get(1)?,
        },
        size: row.get::<_, Option<i64>>(2)?.map(i64::cast_unsigned),
        file_name: row.get(3)?,
        octets: row.get::<_, i64>(4)?.cast_unsigned(),
        digest: Digest(row.get(5)?),
        header: Header {
            digest: Digest(row.get(6)?),
            from: text(7)?,
            return_path: None,
            subject: text(8)?,
        },
    };
    let place = TargetPlace {
        path: PathBuf::from(OsString::from_vec(row.get(9)?)),
        inode: row.get::<_, i64>(10)?.cast_unsigned(),
        program: row.get(13)?,
    };
    let past = StagedHistory {
        is_fresh: false,
        since: Moment(row.get(11)?),
        was_handed_over: row.get(12)?,
        failures: row.get(14)?,
        next_try: Moment(row.get(15)?),
    };
    Ok(Some(Staged::recalled(stored, place, past)))
}
