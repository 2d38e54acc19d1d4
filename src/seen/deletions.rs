//! Deletions from the server: which messages may be deleted, which are gone, which came back.
//! Decides nothing about them.

use rusqlite::{OptionalExtension, params};

use super::{Error, Ledger};
use crate::mail::custody::Recorded;
use crate::mail::known::SET_ASIDE_FOR;
use crate::mail::maildrop::{Identity, MessageNumber};
use crate::moment::Moment;

/// Step 7 of the custody order: deleting an account's messages from the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deletions<'a>(pub(super) &'a Ledger);

impl Deletions<'_> {
    /// Vouches for the messages whose delivery is recorded: only these may be deleted. Others are
    /// left out.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn confirm_delivered(
        &self,
        messages: impl Iterator<Item = (MessageNumber, Identity)>,
    ) -> Result<Vec<Recorded>, Error> {
        self.0.read(|connection| {
            let mut is_delivered = connection.prepare(
                "SELECT 1 FROM seen WHERE account = ?1 AND unique_id = ?2 AND copy = ?3
                 AND state = 2 AND undeletable = 0",
            )?;
            let mut recorded = Vec::new();
            for (number, identity) in messages {
                let unique_id = identity.unique_id.as_octets();
                if is_delivered.exists(params![self.0.owner.key.0, unique_id, identity.copy])? {
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
    pub(crate) fn mark_gone(&self, deleted: &[&Recorded]) -> Result<(), Error> {
        if deleted.is_empty() {
            return Ok(());
        }
        let (key, now) = (self.0.owner.key.0, Moment::now());
        self.0.write(|transaction| {
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

    /// Notes that what was staged since then may be incomplete, and must not be deleted from the
    /// server; how many messages those are.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn forbid_since(&self, begun: Moment) -> Result<usize, Error> {
        let key = self.0.owner.key.0;
        self.0.write(|transaction| {
            transaction.execute(
                "UPDATE seen SET undeletable = 1
                 WHERE account = ?1 AND (unique_id, copy) IN
                     (SELECT unique_id, copy FROM delivery WHERE account = ?1 AND staged >= ?2)",
                params![key, begun.0],
            )
        })
    }

    /// Takes a message for delivered again that was deleted and is back, unchanged: the server may
    /// have been restored from its backup. When it was delivered; `None`: it comes back for the
    /// second time, and is not to be deleted any more.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn take_back(&self, identity: &Identity) -> Result<Option<Moment>, Error> {
        let key = self.0.owner.key.0;
        self.0.write(|transaction| {
            let whose = params![key, identity.unique_id.as_octets(), identity.copy];
            let delivered: Option<Option<i64>> = transaction
                .query_row(
                    "UPDATE seen SET state = 2, came_back = 1
                     WHERE account = ?1 AND unique_id = ?2 AND copy = ?3 AND came_back = 0
                     RETURNING delivered",
                    whose,
                    |row| row.get(0),
                )
                .optional()?;
            transaction.execute(
                if delivered.is_some() {
                    "UPDATE delivery SET deleted = NULL
                     WHERE account = ?1 AND unique_id = ?2 AND copy = ?3"
                } else {
                    "UPDATE seen SET undeletable = 1
                     WHERE account = ?1 AND unique_id = ?2 AND copy = ?3"
                },
                whose,
            )?;
            Ok(delivered.map(|delivered| Moment(delivered.unwrap_or(i64::MAX))))
        })
    }

    /// Has messages deleted once more that came back each time, unless that was less than a day
    /// ago: a server that never lets go of them would have to send them again at every run.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn retry(&self) -> Result<(), Error> {
        let (key, before) = (self.0.owner.key.0, Moment::now().before(SET_ASIDE_FOR));
        self.0.write(|transaction| {
            transaction.execute(
                "UPDATE seen SET undeletable = 0, came_back = 0
                 WHERE account = ?1 AND state = 3 AND undeletable = 1 AND gone <= ?2",
                params![key, before.0],
            )?;
            Ok(())
        })
    }
}
