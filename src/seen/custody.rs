//! Messages on their way: staged, and recorded as delivered (custody steps 3 and 6).

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use rusqlite::{Row, params};

use super::causes::{FailedStep, NOTE_FAILED, number, outlive_refused};
use super::database::{MESSAGE, Queries, about, file_name, identity, size, statements};
use super::handovers::{self, IS_WANTED, MAY_BE_TAKEN};
use super::places::note_place;
use super::state::{DELIVERED, FAILED, STAGED};
use super::{Error, Ledger};
use crate::mail::custody::{Durable, Outcome, Staged, StagedHistory, StoredMessage, TargetPlace};
use crate::mail::handover::{DeliveryKey, TargetKey};
use crate::mail::headers::Header;
use crate::mail::known::next_try;
use crate::mail::maildrop::{AccountKey, Identity};
use crate::mail::same::Fingerprint;
use crate::moment::Moment;

/// An account's messages on their way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Custody<'a>(pub(super) &'a Ledger);

impl Custody<'_> {
    /// Returns the messages that an earlier run staged and that are not known to be delivered. Those
    /// that have waited longest since their last try come first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn staged(self) -> Result<Vec<Staged>, Error> {
        self.0
            .read(|queries| queries.some(&ALL_STAGED, [self.0.key()], staged))
    }

    /// Custody step 3: records durable messages under their final names, together with what became
    /// of the messages before them. When this returns, the messages are ours, and only then.
    ///
    /// # Errors
    /// Nothing was written. The files stay in tmp/, and the next run removes them.
    pub(crate) fn stage(
        self,
        durable: Vec<Durable>,
        place: &TargetPlace,
        outcomes: &[Outcome],
    ) -> Result<(Vec<Staged>, Vec<Finished>), Error> {
        self.0.freshness().sign()?;
        let (key, now) = (self.0.key(), Moment::now());
        let (keys, finished) = self.0.write(|queries| {
            let finished = settle(queries, key, outcomes, now)?;
            let mut keys = Vec::with_capacity(durable.len());
            for stored in durable.iter().map(Durable::stored) {
                let size = stored.size.map(u64::cast_signed);
                let row = about(&key, &stored.identity, params![size, now, stored.suspicion]);
                let staged = queries.execute(&STAGE, row)?;
                if staged != 1 {
                    // Another message has this key. If its row were replaced, it would be forgotten,
                    // and it could be deleted from the server as if it were this one.
                    return Err(rusqlite::Error::StatementChangedRows(staged));
                }
                let delivery = insert_delivery(queries, key, stored, place, now)?;
                for TargetKey(target) in &stored.chosen {
                    queries.execute(&CHOOSE_TARGET, params![delivery.0, target])?;
                }
                keys.push(delivery);
            }
            note_place(queries, key, place)?;
            Ok((keys, finished))
        })?;
        let staged = durable
            .into_iter()
            .zip(keys)
            .map(|(durable, key)| Staged::new(key, durable, place.clone()));
        Ok((staged.collect(), finished))
    }

    /// Records that messages were thrown away, and by whom, as `log` shows it: they count as delivered. Their
    /// files were at `place`.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn discard(
        self,
        messages: &[(StoredMessage, String)],
        place: &TargetPlace,
    ) -> Result<(), Error> {
        if messages.is_empty() {
            return Ok(());
        }
        self.0.freshness().sign()?;
        let (key, now) = (self.0.key(), Moment::now());
        self.0.write(|queries| {
            for (stored, nowhere) in messages {
                let size = stored.size.map(u64::cast_signed);
                let row = about(&key, &stored.identity, params![size, now, stored.suspicion]);
                let staged = queries.execute(&STAGE, row)?;
                if staged != 1 {
                    return Err(rusqlite::Error::StatementChangedRows(staged));
                }
                let nowhere = TargetPlace {
                    program: Some(nowhere.clone()),
                    ..place.clone()
                };
                let DeliveryKey(delivery) = insert_delivery(queries, key, stored, &nowhere, now)?;
                queries.execute(&DELIVER, about(&key, &stored.identity, params![now]))?;
                queries.first(&NOTE_DELIVERY, params![delivery, now], |_| Ok(()))?;
            }
            Ok(())
        })
    }

    /// Records that messages which were staged for another Maildir are in this one.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note_moved(
        self,
        staged: Vec<Staged>,
        place: &TargetPlace,
    ) -> Result<Vec<Staged>, Error> {
        if staged.is_empty() {
            return Ok(staged);
        }
        let key = self.0.key();
        self.0.write(|queries| {
            for staged in &staged {
                let values = params![place.path.as_os_str().as_bytes(), place.inode.cast_signed()];
                queries.execute(&NOTE_MOVED, about(&key, &staged.stored().identity, values))?;
            }
            note_place(queries, key, place)
        })?;
        let moved = staged.into_iter();
        Ok(moved
            .map(|staged| {
                let history = *staged.history();
                let stored = staged.stored().clone();
                Staged::recalled(staged.key(), stored, place.clone(), history)
            })
            .collect())
    }

    /// Custody step 6: records what became of staged messages. Returns those that all targets have now.
    ///
    /// # Errors
    /// Nothing was written. The messages stay staged.
    pub(crate) fn record(self, outcomes: &[Outcome]) -> Result<Vec<Finished>, Error> {
        if outcomes.is_empty() {
            return Ok(Vec::new());
        }
        let key = self.0.key();
        self.0
            .write(|queries| settle(queries, key, outcomes, Moment::now()))
    }
}

/// A message whose delivery is recorded: all targets of the account have it.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    /// The name of its file where it arrived.
    pub file_name: String,
    /// Its length in octets.
    pub octets: u64,
}

/// Inserts the delivery of a message that is on its way to `place`, and returns its key. If its file was lost
/// after a target had taken it, the key is that of then: the target does not get it again.
pub(super) fn insert_delivery(
    queries: &Queries<'_>,
    key: AccountKey,
    stored: &StoredMessage,
    place: &TargetPlace,
    staged: Moment,
) -> rusqlite::Result<DeliveryKey> {
    let path = place.path.as_os_str().as_bytes();
    let inode = place.inode.cast_signed();
    let again = params![stored.digest, path, inode, stored.file_name, staged];
    let again = about(&key, &stored.identity, again);
    if let Some(delivery) = queries.first(&DELIVER_AGAIN, again, |row| row.get(0))? {
        queries.execute(&FORGET_CHOICE, [delivery])?;
        return Ok(DeliveryKey(delivery));
    }
    let values = params![
        place.program,
        path,
        inode,
        stored.file_name,
        stored.octets.cast_signed(),
        stored.digest,
        stored.header.digest,
        stored.header.from,
        stored.header.subject,
        staged,
        stored.fingerprint.canonical,
        stored.fingerprint.body,
        stored.fingerprint.message_id,
        stored.fingerprint.date,
    ];
    let row = about(&key, &stored.identity, values);
    queries.value(&INSERT_DELIVERY, row).map(DeliveryKey)
}

/// Records what became of staged messages. Returns those that all targets have now.
pub(super) fn settle(
    queries: &Queries<'_>,
    key: AccountKey,
    outcomes: &[Outcome],
    now: Moment,
) -> rusqlite::Result<Vec<Finished>> {
    let mut finished = Vec::new();
    let mut has_succeeded = false;
    // A message may have got another name since it was staged, and another message its name. So it is found by
    // the key of its delivery.
    for outcome in outcomes {
        let outcome_key = outcome.key();
        let DeliveryKey(delivery) = outcome_key.delivery;
        match outcome {
            Outcome::Delivered(done) => {
                let (said, location) = (done.output(), done.location());
                if !handovers::note_taken(queries, outcome_key, said, location, now)? {
                    continue;
                }
                finished.extend(finish(queries, key, outcome_key.delivery, now)?);
                if !std::mem::replace(&mut has_succeeded, true) {
                    outlive_refused(queries, key, outcome_key.target)?;
                }
            }
            Outcome::Kept {
                failures,
                is_in_doubt,
                exit,
                kind,
                ..
            } => {
                let Some(identity) = queries.first(&NAMED_NOW, [delivery], named)?.flatten() else {
                    continue;
                };
                if !exit.is_transient() {
                    let target = number(outcome_key.target);
                    let values = params![FailedStep::Delivery, kind, false, target];
                    queries.execute(&NOTE_FAILED, about(&key, &identity, values))?;
                    has_succeeded = false;
                }
                if !is_in_doubt {
                    handovers::note_refused(queries, outcome_key)?;
                }
                let next_try = next_try(*failures, now);
                match outcome_key.target {
                    Some(TargetKey(target)) => {
                        let values = params![delivery, target, failures, next_try];
                        queries.execute(&KEEP_HANDOVER, values)?;
                    }
                    None => {
                        let values = params![failures, next_try];
                        queries.execute(&KEEP, about(&key, &identity, values))?;
                    }
                }
            }
            Outcome::Lost(_) => {
                let Some(identity) = queries.first(&NAMED_NOW, [delivery], named)?.flatten() else {
                    continue;
                };
                // This target has not got it.
                handovers::note_refused(queries, outcome_key)?;
                queries.execute(&LOSE_DELIVERY, [delivery])?;
                queries.execute(&LOSE, about(&key, &identity, &[]))?;
            }
        }
    }
    Ok(finished)
}

/// Records that a message is delivered, if all targets of the account have it.
pub(super) fn finish(
    queries: &Queries<'_>,
    key: AccountKey,
    DeliveryKey(delivery): DeliveryKey,
    now: Moment,
) -> rusqlite::Result<Option<Finished>> {
    if queries.exists(&IS_AWAITED, params![key, delivery])? {
        return Ok(None);
    }
    let Some(identity) = queries.first(&NAMED_NOW, [delivery], named)?.flatten() else {
        return Ok(None);
    };
    queries.execute(&DELIVER, about(&key, &identity, params![now]))?;
    queries.first(&NOTE_DELIVERY, params![delivery, now], |row| {
        Ok(Finished {
            file_name: row.get(0)?,
            octets: row.get::<_, i64>(1)?.cast_unsigned(),
        })
    })
}

/// Reads the unique-id and copy number that a message has now.
fn named(row: &Row<'_>) -> rusqlite::Result<Option<Identity>> {
    identity(row, 0, 1)
}

/// Reads a fingerprint from its four columns.
pub(super) fn fingerprint(row: &Row<'_>, first: usize) -> rusqlite::Result<Fingerprint> {
    Ok(Fingerprint {
        canonical: row.get(first)?,
        body: row.get(first + 1)?,
        message_id: row.get(first + 2)?,
        date: row.get(first + 3)?,
    })
}

/// Reads a staged message from its row.
pub(super) fn staged(row: &Row<'_>) -> rusqlite::Result<Option<Staged>> {
    let Some(identity) = identity(row, 0, 1)? else {
        return Ok(None);
    };
    let stored = StoredMessage {
        identity,
        size: size(row, 2)?,
        file_name: file_name(row, 3)?,
        octets: row.get::<_, i64>(4)?.cast_unsigned(),
        digest: row.get(5)?,
        header: Header {
            digest: row.get(6)?,
            from: row.get(7)?,
            return_path: None,
            subject: row.get(8)?,
        },
        fingerprint: Box::new(fingerprint(row, 12)?),
        suspicion: row.get(16)?,
        chosen: Vec::new(),
    };
    let place = TargetPlace {
        path: PathBuf::from(OsString::from_vec(row.get(9)?)),
        inode: row.get::<_, i64>(10)?.cast_unsigned(),
        device: None,
        program: row.get(11)?,
    };
    let key = DeliveryKey(row.get(17)?);
    let history = StagedHistory {
        is_fresh: false,
        was_handed_over: row.get(18)?,
        failures: row.get(19)?,
        next_try: row.get(20)?,
    };
    Ok(Some(Staged::recalled(key, stored, place, history)))
}

/// The first columns that [`staged`] reads.
pub(super) const STAGED_COLUMNS: &str = "s.unique_id, s.copy, s.size, d.file_name, d.octets, d.digest, d.header_digest,
     d.sender, d.subject, d.target, d.inode, d.program, d.canonical, d.body, d.message_id, d.date, s.suspicion, d.id";

/// The rows of an account's staged messages. The index is named because the planner does not know that few
/// rows are staged.
pub(super) const STAGED_ROWS: &str = "FROM seen s INDEXED BY seen_staged
     JOIN delivery d USING (account, unique_id, copy) WHERE s.account = ?1";

statements! {
    ALL_STAGED =
        "SELECT {STAGED_COLUMNS}, {MAY_BE_TAKEN}, max(s.attempts, ifnull(
                 (SELECT max(h.attempts) FROM handover h WHERE h.delivery = d.id AND h.taken IS NULL), 0)),
             max(s.next_try, ifnull(
                 (SELECT max(h.next_try) FROM handover h WHERE h.delivery = d.id AND h.taken IS NULL), 0))
         {STAGED_ROWS} AND s.state = {STAGED} ORDER BY s.next_try, d.id";

    /// Takes the place of a message that has only failed, and of no other.
    STAGE =
        "INSERT INTO seen (account, unique_id, copy, state, size, listed, suspicion)
         VALUES (?1, ?2, ?3, {STAGED}, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET state = {STAGED}, size = ?4, attempts = 0, next_try = 0,
             suspicion = ?6, left_by = NULL WHERE state = {FAILED}";

    INSERT_DELIVERY =
        "INSERT OR REPLACE INTO delivery (account, unique_id, copy, program, target, inode,
             file_name, octets, digest, header_digest, sender, subject, staged, canonical, body,
             message_id, date)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
         RETURNING id";

    NOTE_MOVED = "UPDATE delivery SET target = ?4, inode = ?5 WHERE {MESSAGE}";
    NAMED_NOW = "SELECT unique_id, copy FROM delivery WHERE id = ?1";

    DELIVER =
        "UPDATE seen SET state = {DELIVERED}, delivered = ?4, attempts = 0, next_try = 0
         WHERE {MESSAGE}";

    NOTE_DELIVERY =
        "UPDATE delivery SET delivered = ?2 WHERE id = ?1 RETURNING file_name, octets";

    FORGET_CHOICE = "DELETE FROM chosen_target WHERE delivery = ?1";
    CHOOSE_TARGET = "INSERT INTO chosen_target (delivery, target) VALUES (?1, ?2) ON CONFLICT DO NOTHING";

    /// A target of the account has not taken the message yet.
    IS_AWAITED =
        "SELECT 1 FROM delivery d JOIN account_target a ON a.account = ?1
         WHERE d.id = ?2 AND d.program IS NOT NULL AND {IS_WANTED} AND NOT EXISTS
             (SELECT 1 FROM handover h
              WHERE h.delivery = ?2 AND h.target = a.target AND h.taken IS NOT NULL)";

    /// No message is staged under this key, so the row is that of a file that was lost.
    DELIVER_AGAIN =
        "UPDATE delivery SET target = ?5, inode = ?6, file_name = ?7, staged = ?8
         WHERE {MESSAGE} AND digest = ?4 AND delivered IS NULL AND EXISTS
             (SELECT 1 FROM handover h WHERE h.delivery = delivery.id AND h.begun IS NOT NULL)
         RETURNING id";

    KEEP_HANDOVER =
        "UPDATE handover SET attempts = ?3, next_try = ?4 WHERE delivery = ?1 AND target = ?2";
    KEEP = "UPDATE seen SET attempts = ?4, next_try = ?5 WHERE {MESSAGE}";

    LOSE = "DELETE FROM seen WHERE {MESSAGE}";
    /// What a target has, or may have, is remembered.
    LOSE_DELIVERY =
        "DELETE FROM delivery WHERE id = ?1 AND NOT EXISTS
             (SELECT 1 FROM handover h WHERE h.delivery = ?1 AND h.begun IS NOT NULL)";
}
