//! One account's rows: what is known, what is on its way, what may be deleted.
//! Decides nothing; every change is one durable transaction.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::sync::PoisonError;

use rusqlite::{Connection, Row, Statement, Transaction, TransactionBehavior, params};

use super::account::{self, AccountRow};
use super::{Error, StateFolder, former_tags, schema};
use crate::digest::Digest;
use crate::mail::custody::{
    Durable, Outcome, Place, Recorded, Staged, StagedHistory, StoredMessage,
};
use crate::mail::headers::Header;
use crate::mail::known::{KnownMessage, KnownMessages, State, next_try};
use crate::mail::maildrop::{AccountKey, Identity, MessageNumber, UniqueId};
use crate::moment::Moment;
use crate::text::ServerText;

/// One account's rows.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
    pub(super) folder: StateFolder,
    pub(super) owner: AccountRow,
}

impl Ledger {
    /// Opens the rows of the account with this name; there need not be any, and nothing is written
    /// before [`Self::lock`]. `server` and `user` are remembered when its next run ends.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub fn open(folder: &StateFolder, name: &str, server: &str, user: &str) -> Result<Self, Error> {
        let path = folder.database();
        let connection = schema::open(&path)?;
        let owner = account::find(&connection, name, server, user)
            .map_err(|source| Error::open(&path, source))?;
        Ok(Self {
            connection,
            folder: folder.clone(),
            owner,
        })
    }

    /// Eight hexadecimal digits that the names of the account's files carry.
    pub fn tag(&self) -> &str {
        &self.owner.tag
    }

    /// The same, and what they carried while the account was fetched by its URL or had other names.
    pub fn tags(&self) -> Vec<String> {
        let one_shot = account::tag(&self.owner.one_shot_name());
        let mut tags = vec![self.owner.tag.clone(), one_shot];
        former_tags::add(&self.folder.former_tags(), &mut tags);
        tags
    }

    /// Where the account's lock is.
    pub(super) fn lock_file(&self) -> PathBuf {
        self.folder.lock(self.owner.key.0)
    }

    /// Loads all that is known of the account's messages.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn known(&self) -> Result<KnownMessages, Error> {
        self.read(|connection| {
            let mut known = KnownMessages::default();
            let mut rows = connection.prepare(
                "SELECT unique_id, copy, state, size, delivered, undeletable, next_try, vanished
                 FROM seen
                 WHERE account = ?1 ORDER BY unique_id, copy",
            )?;
            let mut rows = rows.query([self.owner.key.0])?;
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

    /// The messages that an earlier run staged and nobody knows to be delivered: those first that
    /// were not tried for longest.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn staged(&self) -> Result<Vec<Staged>, Error> {
        self.read(|connection| {
            connection
                .prepare(
                    "SELECT s.unique_id, s.copy, s.size, d.file_name, d.octets, d.digest,
                            d.header_digest, d.sender, d.subject, d.target, d.inode,
                            d.staged, s.handed_over, d.program, s.attempts, s.next_try
                     FROM seen s INDEXED BY seen_staged
                         JOIN delivery d USING (account, unique_id, copy)
                     WHERE s.account = ?1 AND s.state = 1 ORDER BY s.next_try, d.id",
                )?
                .query_map([self.owner.key.0], recall)?
                .filter_map(Result::transpose)
                .collect()
        })
    }

    /// Step 3: writes durable messages down under their final names, together with what became of
    /// those before. When this returns they are ours, and only then.
    ///
    /// # Errors
    /// Nothing was written; the files stay in tmp/ and the next run removes them.
    pub fn stage(
        &mut self,
        durable: Vec<Durable>,
        place: &Place,
        outcomes: &[Outcome],
    ) -> Result<Vec<Staged>, Error> {
        let now = Moment::now();
        let key = self.owner.key.0;
        self.write(|transaction| {
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
    pub fn record(&mut self, outcomes: &[Outcome], next: &[Staged]) -> Result<(), Error> {
        if outcomes.is_empty() && next.is_empty() {
            return Ok(());
        }
        let key = self.owner.key.0;
        self.write(|transaction| {
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
                if staged.past().was_handed_over {
                    repeated.execute(whose)?;
                }
                handed_over.execute(whose)?;
            }
            Ok(())
        })
    }

    /// Vouches for the messages whose delivery is recorded: only these may be deleted. Others are
    /// left out.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn confirm_delivered(
        &self,
        messages: impl Iterator<Item = (MessageNumber, Identity)>,
    ) -> Result<Vec<Recorded>, Error> {
        self.read(|connection| {
            let mut is_delivered = connection.prepare(
                "SELECT 1 FROM seen WHERE account = ?1 AND unique_id = ?2 AND copy = ?3
                 AND state = 2 AND undeletable = 0",
            )?;
            let mut recorded = Vec::new();
            for (number, identity) in messages {
                let unique_id = identity.unique_id.as_octets();
                if is_delivered.exists(params![self.owner.key.0, unique_id, identity.copy])? {
                    recorded.push(Recorded::new(number, identity));
                }
            }
            Ok(recorded)
        })
    }

    /// Notes that these messages are gone from the server: it confirmed the end of the session.
    ///
    /// # Errors
    /// Nothing was written; the next listing tells it again.
    pub fn mark_gone(&mut self, deleted: &[&Recorded]) -> Result<(), Error> {
        if deleted.is_empty() {
            return Ok(());
        }
        let (key, now) = (self.owner.key.0, Moment::now());
        self.write(|transaction| {
            let mut seen = transaction.prepare(
                "UPDATE seen SET state = 3, gone = ?4, vanished = ?4
                 WHERE account = ?1 AND unique_id = ?2 AND copy = ?3",
            )?;
            let mut delivery = transaction.prepare(
                "UPDATE delivery SET deleted = ?4
                 WHERE account = ?1 AND unique_id = ?2 AND copy = ?3",
            )?;
            for identity in deleted.iter().map(|recorded| recorded.identity()) {
                let values = params![key, identity.unique_id.as_octets(), identity.copy, now.0];
                seen.execute(values)?;
                delivery.execute(values)?;
            }
            Ok(())
        })
    }

    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        work(&self.connection).map_err(|source| Error::open(&self.folder.database(), source))
    }

    pub(super) fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let writing = self.folder.writing.lock();
        let _writing = writing.unwrap_or_else(PoisonError::into_inner);
        self.connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .and_then(|transaction| {
                let result = work(&transaction)?;
                transaction.commit()?;
                Ok(result)
            })
            .map_err(|source| Error::open(&self.folder.database(), source))
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
        place: &Place,
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
                let words = done.words().as_octets();
                delivered.execute(params![key, unique_id, copy, now.0])?;
                delivery.execute(params![key, unique_id, copy, now.0, words])?;
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
    let place = Place {
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

/// A state from its columns. A delivery without a time lies ahead: it is never over.
pub(super) fn state(number: u8, delivered: Option<i64>, next_try: i64) -> State {
    match number {
        1 => State::Staged,
        2 => State::Delivered(Moment(delivered.unwrap_or(i64::MAX))),
        3 => State::Gone,
        4 => State::Failed(Moment(next_try)),
        _ => State::Seen,
    }
}
