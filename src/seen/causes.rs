//! The causes of failures: how many messages failed alike at one step, and whether any succeeded
//! since. Three that failed alike have a common cause, the server or the target.

use std::collections::HashMap;

use rusqlite::params;
use rusqlite::types::{ToSql, ToSqlOutput};

use super::database::{MESSAGE, Queries, about, identity, statements};
use super::failures::{NOTE, SET_NEXT_TRY, SUSPECT};
use super::state::{DELIVERED, FAILED, STAGED};
use super::{Error, Ledger};
use crate::digest::Digest;
use crate::mail::handover::TargetKey;
use crate::mail::known::{MAX_FAILURES, next_try};
use crate::mail::maildrop::{AccountKey, Identity};
use crate::mail::streak::ALIKE;
use crate::moment::Moment;

/// The step at which a message failed. In the text of a statement it is written as its number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FailedStep {
    /// The server refused RETR, or the session broke there.
    Retrieval = 1,
    /// The target did not take it.
    Delivery = 2,
    /// The server refused DELE, or the session broke there.
    Deletion = 3,
}

/// The causes of an account's failures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Causes<'a>(pub(super) &'a Ledger);

/// A message that failed, and the reason without what is particular to this message.
#[derive(Clone, Debug)]
pub(crate) struct FailedMessage {
    /// The message's unique-id and copy number.
    pub identity: Identity,
    /// Its size in octets, as LIST reported it.
    pub size: Option<u64>,
    /// The reason.
    pub reason: String,
}

/// The cause of a failure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cause {
    /// The message, which has failed this many times in a row.
    Message(u32),
    /// The server or the target. Nothing is counted.
    Common,
}

/// The successes of other messages since these failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Successes {
    /// None has, as far as this run knows.
    None,
    /// Others have: these messages are at fault themselves.
    OfOthers,
}

/// A message whose DELE failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Undeleted {
    /// The number of times in a row that it failed.
    pub attempts: u32,
    /// The time of the next try.
    pub next_try: Moment,
    /// True if a session broke there.
    pub broke: bool,
}

impl Causes<'_> {
    /// Counts failures at RETR or DELE against their causes. Messages that failed alike, while none
    /// succeeded, are not counted, and what was counted of them before is taken back.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn count(
        self,
        step: FailedStep,
        failed: &[FailedMessage],
        evidence: Successes,
    ) -> Result<Vec<Cause>, Error> {
        if failed.is_empty() {
            return Ok(Vec::new());
        }
        let (key, now) = (self.0.key(), Moment::now());
        self.0.write(|queries| {
            for message in failed {
                let outlived = evidence == Successes::OfOthers;
                let values = params![step, message.reason, outlived, NO_TARGET];
                queries.execute(&NOTE_FAILED, about(&key, &message.identity, values))?;
            }
            let count = |message| count_one(queries, key, step, message, now);
            failed.iter().map(count).collect()
        })
    }

    /// Notes that a message succeeded at a step. Those that failed before it are at fault themselves
    /// from now on, and those that were set aside are tried once more at once.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn succeed(self, step: FailedStep) -> Result<(), Error> {
        let key = self.0.key();
        let has_fresh = self
            .0
            .read(|queries| queries.exists(&HAS_FRESH, params![key, step]))?;
        if !has_fresh {
            return Ok(());
        }
        self.0.write(|queries| outlive(queries, key, step))
    }

    /// Returns the messages that failed at a step while no other succeeded, each with its reason.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn fresh(self, step: FailedStep) -> Result<Vec<(Identity, String)>, Error> {
        let key = params![self.0.key(), step];
        self.0.read(|queries| {
            queries.some(&FRESH, key, |row| {
                let reason: String = row.get(2)?;
                Ok(identity(row, 0, 1)?.map(|identity| (identity, reason)))
            })
        })
    }

    /// Returns the messages that a target has refused while it has taken no other, each with its reason.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn refused_by(
        self,
        target: Option<TargetKey>,
    ) -> Result<Vec<(Identity, String)>, Error> {
        let values = params![self.0.key(), FailedStep::Delivery, number(target)];
        self.0.read(|queries| {
            queries.some(&REFUSED_BY, values, |row| {
                let reason: String = row.get(2)?;
                Ok(identity(row, 0, 1)?.map(|identity| (identity, reason)))
            })
        })
    }

    /// Takes back what was counted against staged messages: the target is at fault.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn forgive_staged(self, target: Option<TargetKey>) -> Result<(), Error> {
        let (key, now) = (self.0.key(), Moment::now());
        self.0.write(|queries| {
            match target {
                None => queries.execute(&FORGIVE_STAGED, params![key, now])?,
                Some(TargetKey(target)) => {
                    queries.execute(&FORGIVE_HANDOVERS, params![key, target, now])?
                }
            };
            Ok(())
        })
    }

    /// Returns the messages whose DELE failed.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn undeleted(self) -> Result<HashMap<Identity, Undeleted>, Error> {
        self.0.read(|queries| {
            queries.some(&UNDELETED, [self.0.key()], |row| {
                let undeleted = Undeleted {
                    attempts: row.get(2)?,
                    next_try: row.get(3)?,
                    broke: row.get(4)?,
                };
                Ok(identity(row, 0, 1)?.map(|identity| (identity, undeleted)))
            })
        })
    }

    /// Returns true if a message is still to be deleted at whose DELE a session broke.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn has_broken_deletion(self) -> Result<bool, Error> {
        let key = self.0.key();
        self.0
            .read(|queries| queries.exists(&HAS_BROKEN_DELETION, [key]))
    }

    /// Notes that a message may be what broke a session at its DELE. Nothing is counted.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn suspect_deletion(self, identity: &Identity, reason: &str) -> Result<(), Error> {
        let key = self.0.key();
        self.0.write(|queries| {
            let values = params![FailedStep::Deletion, reason, false, NO_TARGET];
            queries.execute(&NOTE_FAILED, about(&key, identity, values))?;
            queries.execute(&NOTE_BROKEN, about(&key, identity, &[]))?;
            Ok(())
        })
    }

    /// Notes what the configuration says about a target, as a digest. If it is another one than before, what
    /// failed there is tried again. Returns true if a message has succeeded there.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note_target(
        self,
        target: Option<TargetKey>,
        configuration: &Digest,
    ) -> Result<bool, Error> {
        let key = self.0.key();
        let is_proven = self.0.read(|queries| match target {
            None => queries.first(&IS_PROVEN, params![key, configuration], |row| row.get(0)),
            Some(TargetKey(target)) => {
                let values = params![key, target, configuration];
                queries.first(&IS_TARGET_PROVEN, values, |row| row.get(0))
            }
        })?;
        if let Some(is_proven) = is_proven {
            return Ok(is_proven);
        }
        self.0.write(|queries| {
            match target {
                None => {
                    queries.execute(&SET_TARGET, params![key, configuration])?;
                    queries.execute(&RETRY_STAGED, [key])?;
                }
                Some(TargetKey(target)) => {
                    let values = params![key, target, configuration];
                    queries.execute(&SET_CONFIGURATION, values)?;
                    queries.execute(&RETRY_HANDOVERS, params![key, target])?;
                }
            }
            let values = params![key, FailedStep::Delivery, number(target)];
            queries.execute(&FORGET_REFUSED, values)?;
            Ok(false)
        })
    }

    /// Lets everything be tried at once that was set aside or waits. What fails again is set aside
    /// again.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn retry_all(self) -> Result<(), Error> {
        let key = self.0.key();
        self.0.write(|queries| {
            queries.execute(&RETRY_ALL, params![key, MAX_FAILURES - 1])?;
            queries.execute(&RETRY_DELETIONS, params![key, MAX_FAILURES - 1])?;
            queries.execute(&RETRY_ALL_HANDOVERS, params![key, MAX_FAILURES - 1])?;
            for step in [FailedStep::Retrieval, FailedStep::Delivery] {
                queries.execute(&FORGET_FAILED, params![key, step])?;
            }
            Ok(())
        })
    }
}

/// Counts one failure that is noted, unless it has a common cause with others.
fn count_one(
    queries: &Queries<'_>,
    key: AccountKey,
    step: FailedStep,
    message: &FailedMessage,
    now: Moment,
) -> rusqlite::Result<Cause> {
    let FailedMessage {
        identity,
        size,
        reason,
    } = message;
    let is_fresh = queries.exists(&IS_FRESH, about(&key, identity, params![step]))?;
    let alike: i64 = queries.value(&COUNT_ALIKE, params![key, step, reason])?;
    let is_common = is_fresh && alike >= ALIKE as i64;
    let size = size.map(u64::cast_signed);
    match (step, is_common) {
        (FailedStep::Deletion, true) => {
            queries.execute(&FORGIVE_DELETIONS, params![key, reason])?;
        }
        (_, true) => {
            // It is known from now on, and tried after the others.
            queries.execute(&SUSPECT, about(&key, identity, params![size, now]))?;
            queries.execute(&FORGIVE_RETRIEVALS, params![key, reason])?;
        }
        (FailedStep::Deletion, false) => {
            let attempts = queries.value(&COUNT_DELETION, about(&key, identity, &[]))?;
            let next_try = next_try(attempts, now);
            queries.execute(&POSTPONE_DELETION, about(&key, identity, params![next_try]))?;
            return Ok(Cause::Message(attempts));
        }
        (_, false) => {
            let attempts = queries.value(&NOTE, about(&key, identity, params![size, now]))?;
            let next_try = next_try(attempts, now);
            queries.execute(&SET_NEXT_TRY, about(&key, identity, params![next_try]))?;
            return Ok(Cause::Message(attempts));
        }
    }
    Ok(Cause::Common)
}

/// Notes that a message succeeded at a step after others had failed there.
fn outlive(queries: &Queries<'_>, key: AccountKey, step: FailedStep) -> rusqlite::Result<()> {
    match step {
        FailedStep::Retrieval => queries.execute(&RELEASE_RETRIEVALS, [key])?,
        FailedStep::Delivery => return outlive_refused(queries, key, None),
        FailedStep::Deletion => queries.execute(&RELEASE_DELETIONS, [key])?,
    };
    queries.execute(&OUTLIVE, params![key, step, NO_TARGET])?;
    Ok(())
}

/// Notes that a target has taken a message after it had refused others.
pub(super) fn outlive_refused(
    queries: &Queries<'_>,
    key: AccountKey,
    target: Option<TargetKey>,
) -> rusqlite::Result<()> {
    match target {
        None => {
            queries.execute(&PROVE_TARGET, [key])?;
            queries.execute(&RELEASE_STAGED, [key])?;
        }
        Some(TargetKey(target)) => {
            queries.execute(&PROVE_ACCOUNT_TARGET, params![key, target])?;
            queries.execute(&RELEASE_HANDOVERS, params![key, target])?;
        }
    }
    let values = params![key, FailedStep::Delivery, number(target)];
    queries.execute(&OUTLIVE, values)?;
    Ok(())
}

/// The number in place of a target's key, where there is none.
const NO_TARGET: i64 = 0;

/// Returns the number under which the failures of deliveries to a target are recorded.
pub(super) fn number(target: Option<TargetKey>) -> i64 {
    target.map_or(NO_TARGET, |TargetKey(key)| key)
}

impl ToSql for FailedStep {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(*self as u8))
    }
}

/// The deliveries of messages that a target has refused while it has taken no other.
const REFUSED_DELIVERIES: &str = "FROM failure f JOIN delivery d USING (account, unique_id, copy)
     WHERE f.account = ?1 AND f.step = 2 AND f.target = ?2 AND f.outlived = 0";

/// The deliveries of an account's staged messages.
const STAGED_DELIVERIES: &str = "FROM seen s INDEXED BY seen_staged
     JOIN delivery d USING (account, unique_id, copy) WHERE s.account = ?1";

statements! {
    NOTE_FAILED =
        "INSERT INTO failure (account, unique_id, copy, step, reason, outlived, target)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET reason = ?5, outlived = max(outlived, ?6)";

    HAS_FRESH = "SELECT 1 FROM failure WHERE account = ?1 AND step = ?2 AND outlived = 0";

    FRESH =
        "SELECT unique_id, copy, reason FROM failure
         WHERE account = ?1 AND step = ?2 AND outlived = 0";

    IS_FRESH = "SELECT 1 FROM failure WHERE {MESSAGE} AND step = ?4 AND outlived = 0";

    COUNT_ALIKE =
        "SELECT count(*) FROM failure
         WHERE account = ?1 AND step = ?2 AND outlived = 0 AND reason = ?3";

    REFUSED_BY =
        "SELECT unique_id, copy, reason FROM failure
         WHERE account = ?1 AND step = ?2 AND target = ?3 AND outlived = 0";

    OUTLIVE =
        "UPDATE failure SET outlived = 1
         WHERE account = ?1 AND step = ?2 AND target = ?3 AND outlived = 0";

    FORGET_REFUSED = "DELETE FROM failure WHERE account = ?1 AND step = ?2 AND target = ?3";

    FORGET_FAILED = "DELETE FROM failure WHERE account = ?1 AND step = ?2";

    /// A failure that is over needs no row any more. Step 1 is RETR, 2 the delivery, 3 DELE.
    TIDY_FAILED =
        "DELETE FROM failure WHERE account = ?1 AND NOT EXISTS
             (SELECT 1 FROM seen s WHERE s.account = ?1 AND s.unique_id = failure.unique_id
                  AND s.copy = failure.copy AND CASE failure.step
                      WHEN 1 THEN s.state = {FAILED} OR s.attempts > 0
                      WHEN 2 THEN s.state = {STAGED}
                      ELSE s.state = {DELIVERED} END)
             AND NOT (failure.step = 3 AND EXISTS
                 (SELECT 1 FROM deletion_order o WHERE o.account = ?1 AND o.unique_id = failure.unique_id))";

    REMOVE_FAILED = "DELETE FROM main.failure WHERE account = ?1";

    FORGIVE_RETRIEVALS =
        "UPDATE seen SET attempts = 0, next_try = 0
         WHERE account = ?1 AND (unique_id, copy) IN
             (SELECT unique_id, copy FROM failure
              WHERE account = ?1 AND step = 1 AND outlived = 0 AND reason = ?2)";

    RELEASE_RETRIEVALS =
        "UPDATE seen SET next_try = 0
         WHERE account = ?1 AND (unique_id, copy) IN
             (SELECT unique_id, copy FROM failure
              WHERE account = ?1 AND step = 1 AND outlived = 0)";

    /// Those that were tried last come last.
    FORGIVE_STAGED =
        "UPDATE seen SET attempts = 0, next_try = min(next_try, ?2)
         WHERE account = ?1 AND state = {STAGED} AND (unique_id, copy) IN
             (SELECT unique_id, copy FROM failure
              WHERE account = ?1 AND step = 2 AND target = 0 AND outlived = 0)";

    RELEASE_STAGED =
        "UPDATE seen SET next_try = 0
         WHERE account = ?1 AND state = {STAGED} AND (unique_id, copy) IN
             (SELECT unique_id, copy FROM failure
              WHERE account = ?1 AND step = 2 AND target = 0 AND outlived = 0)";

    RETRY_STAGED =
        "UPDATE seen SET attempts = 0, next_try = 0
         WHERE account = ?1 AND state = {STAGED} AND attempts > 0";

    FORGIVE_HANDOVERS =
        "UPDATE handover SET attempts = 0, next_try = min(next_try, ?3)
         WHERE target = ?2 AND delivery IN (SELECT d.id {REFUSED_DELIVERIES})";

    RELEASE_HANDOVERS =
        "UPDATE handover SET next_try = 0
         WHERE target = ?2 AND delivery IN (SELECT d.id {REFUSED_DELIVERIES})";

    RETRY_HANDOVERS =
        "UPDATE handover SET attempts = 0, next_try = 0
         WHERE target = ?2 AND attempts > 0 AND delivery IN (SELECT d.id {STAGED_DELIVERIES} AND s.state = {STAGED})";

    RETRY_ALL_HANDOVERS =
        "UPDATE handover SET next_try = 0, attempts = min(attempts, ?2)
         WHERE (next_try > 0 OR attempts > ?2) AND delivery IN (SELECT d.id {STAGED_DELIVERIES} AND s.state = {STAGED})";

    FORGIVE_DELETIONS =
        "UPDATE failure SET attempts = 0, next_try = 0
         WHERE account = ?1 AND step = 3 AND outlived = 0 AND reason = ?2";

    RELEASE_DELETIONS =
        "UPDATE failure SET next_try = 0 WHERE account = ?1 AND step = 3 AND outlived = 0";

    COUNT_DELETION =
        "UPDATE failure SET attempts = attempts + 1 WHERE {MESSAGE} AND step = 3
         RETURNING attempts";

    POSTPONE_DELETION = "UPDATE failure SET next_try = ?4 WHERE {MESSAGE} AND step = 3";

    UNDELETED =
        "SELECT unique_id, copy, attempts, next_try, broke FROM failure
         WHERE account = ?1 AND step = 3";

    HAS_BROKEN_DELETION =
        "SELECT 1 FROM failure f
         WHERE f.account = ?1 AND f.step = 3 AND f.broke = 1
             AND (EXISTS (SELECT 1 FROM seen s WHERE s.account = ?1 AND s.unique_id = f.unique_id
                      AND s.copy = f.copy AND s.state = {DELIVERED})
                  OR EXISTS (SELECT 1 FROM deletion_order o
                      WHERE o.account = ?1 AND o.unique_id = f.unique_id))";

    NOTE_BROKEN = "UPDATE failure SET broke = 1 WHERE {MESSAGE} AND step = 3";

    IS_PROVEN = "SELECT target_proven FROM account WHERE id = ?1 AND target = ?2";

    SET_TARGET = "UPDATE account SET target = ?2, target_proven = 0 WHERE id = ?1";

    PROVE_TARGET = "UPDATE account SET target_proven = 1 WHERE id = ?1 AND target_proven = 0";

    IS_TARGET_PROVEN =
        "SELECT proven FROM account_target
         WHERE account = ?1 AND target = ?2 AND configuration = ?3";

    SET_CONFIGURATION =
        "INSERT INTO account_target (account, target, configuration) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET configuration = ?3, proven = 0";

    PROVE_ACCOUNT_TARGET =
        "UPDATE account_target SET proven = 1 WHERE account = ?1 AND target = ?2 AND proven = 0";

    RETRY_ALL =
        "UPDATE seen SET next_try = 0, attempts = min(attempts, ?2)
         WHERE account = ?1 AND (next_try > 0 OR attempts > ?2) AND left_by IS NULL";

    RETRY_DELETIONS =
        "UPDATE failure SET next_try = 0, attempts = min(attempts, ?2)
         WHERE account = ?1 AND step = 3";
}
