//! Deletions from the server: messages that may be deleted, that are gone, or that came back.

use rusqlite::params;

use super::database::{MESSAGE, about, statements};
use super::orders::{END, NOTE_ORDERED_QUIT};
use super::state::{DELIVERED, GONE, STAGED};
use super::{Error, Ledger};
use crate::mail::deletable::{Deletable, Recorded};
use crate::mail::known::SET_ASIDE_FOR;
use crate::mail::maildrop::{Identity, MessageNumber};
use crate::moment::Moment;

/// Deletions of an account's messages from the server (custody step 7).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deletions<'a>(pub(super) &'a Ledger);

/// Messages that were deleted and are listed again.
#[derive(Debug, Default)]
pub(crate) struct TakenBack {
    /// Messages that count as delivered again, with the times of their deliveries.
    pub delivered: Vec<(MessageNumber, Identity, Moment)>,
    /// The number of those that have come back before, and are not deleted from now on.
    pub forbidden: usize,
}

impl Deletions<'_> {
    /// Returns the proof that a message may be deleted, for each message whose delivery is
    /// recorded.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn confirm_delivered(
        self,
        messages: impl Iterator<Item = (MessageNumber, Identity)>,
    ) -> Result<Vec<Recorded>, Error> {
        let key = self.0.key();
        self.0.read(|queries| {
            let mut recorded = Vec::new();
            let mut may_be_deleted = queries.prepare(&MAY_BE_DELETED)?;
            for (number, identity) in messages {
                // The plan was made before anything was fetched. What may have changed since then
                // is asked again at the last moment before DELE.
                if may_be_deleted.exists(about(&key, &identity, &[]))? {
                    recorded.push(Recorded::new(number, identity));
                }
            }
            Ok(recorded)
        })
    }

    /// Notes that QUIT is about to be sent after the DELE of messages. Unless the server answers
    /// it, nobody knows if they are deleted, and their unique-ids may mean other messages from then
    /// on.
    ///
    /// # Errors
    /// Nothing was written. QUIT must not be sent.
    pub(crate) fn note_quit(self, marked: &[&Deletable]) -> Result<(), Error> {
        if marked.is_empty() {
            return Ok(());
        }
        let (key, now) = (self.0.key(), Moment::now());
        self.0.write(|queries| {
            let mut note_quit = queries.prepare(&NOTE_QUIT)?;
            for message in marked {
                let identity = message.identity();
                note_quit.execute(about(&key, identity, params![now]))?;
                if matches!(message, Deletable::Ordered(_)) {
                    queries.execute(&NOTE_ORDERED_QUIT, params![key, identity.unique_id, now])?;
                }
            }
            Ok(())
        })
    }

    /// Notes that messages are gone from the server: it has answered QUIT with `+OK`. Orders to
    /// delete them are carried out. A message that is staged stays so, because it is still to be
    /// delivered.
    ///
    /// # Errors
    /// Nothing was written. The messages stay delivered, and the next listing shows that they are
    /// gone.
    pub(crate) fn mark_gone(self, deleted: &[&Deletable]) -> Result<(), Error> {
        if deleted.is_empty() {
            return Ok(());
        }
        let (key, now) = (self.0.key(), Moment::now());
        self.0.write(|queries| {
            let mut mark_gone = queries.prepare(&MARK_GONE)?;
            let mut note_deletion = queries.prepare(&NOTE_DELETION)?;
            for message in deleted {
                let identity = message.identity();
                match message {
                    Deletable::Recorded(_) => {
                        mark_gone.execute(about(&key, identity, params![now]))?;
                    }
                    Deletable::Ordered(_) => {
                        queries.execute(&MARK_ORDERED_GONE, about(&key, identity, params![now]))?;
                        queries.execute(&END, params![key, identity.unique_id])?;
                    }
                }
                note_deletion.execute(about(&key, identity, params![now]))?;
            }
            Ok(())
        })
    }

    /// Makes messages delivered again that were deleted and are listed again, unchanged: the server
    /// may have been restored from a backup. One that has come back before is no longer deleted.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn take_back(
        self,
        messages: Vec<(MessageNumber, Identity)>,
    ) -> Result<TakenBack, Error> {
        let key = self.0.key();
        self.0.write(|queries| {
            let mut taken = TakenBack::default();
            for (number, identity) in messages {
                let delivered = queries.first(&TAKE_BACK, about(&key, &identity, &[]), |row| {
                    row.get::<_, Option<Moment>>(0)
                })?;
                let Some(delivered) = delivered else {
                    taken.forbidden += queries.execute(&FORBID, about(&key, &identity, &[]))?;
                    continue;
                };
                queries.execute(&UNDO_DELETION, about(&key, &identity, &[]))?;
                // Without a time the delivery lies ahead, so that `keep` is never over.
                let delivered = delivered.unwrap_or(Moment(i64::MAX));
                taken.delivered.push((number, identity, delivered));
            }
            Ok(taken)
        })
    }

    /// Allows messages to be deleted once more that have come back before, if their last deletion
    /// was at least a day ago. Without that wait, messages that the server never deletes would be
    /// fetched in every run.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn retry(self) -> Result<(), Error> {
        let before = Moment::now().before(SET_ASIDE_FOR);
        self.0.write(|queries| {
            queries.execute(&RETRY, params![self.0.key(), before])?;
            Ok(())
        })
    }
}

statements! {
    MAY_BE_DELETED =
        "SELECT 1 FROM seen WHERE {MESSAGE} AND state = {DELIVERED} AND undeletable = 0
             AND suspicion = 0";

    NOTE_QUIT = "UPDATE seen SET quit_sent = ?4 WHERE {MESSAGE}";

    MARK_GONE =
        "UPDATE seen SET state = {GONE}, gone = ?4, vanished = ?4, quit_sent = NULL, unproven = 1
         WHERE {MESSAGE}";

    /// A message that was never fetched gets a row without a delivery. If its unique-id is listed
    /// again, there is nothing to compare, so it is fetched.
    MARK_ORDERED_GONE =
        "INSERT INTO seen (account, unique_id, copy, state, size, listed, gone, vanished)
         SELECT account, unique_id, ?3, {GONE}, size, given, ?4, ?4 FROM deletion_order
         WHERE account = ?1 AND unique_id = ?2
         ON CONFLICT DO UPDATE SET state = {GONE}, gone = ?4, vanished = ?4, quit_sent = NULL, attempts = 0,
             next_try = 0, undeletable = 0, came_back = 0, unproven = state = {DELIVERED}
             WHERE state <> {STAGED}";

    NOTE_DELETION = "UPDATE delivery SET deleted = ?4 WHERE {MESSAGE}";

    TAKE_BACK =
        "UPDATE seen SET state = {DELIVERED}, came_back = 1
         WHERE {MESSAGE} AND came_back = 0 RETURNING delivered";

    UNDO_DELETION = "UPDATE delivery SET deleted = NULL WHERE {MESSAGE}";

    FORBID = "UPDATE seen SET undeletable = 1 WHERE {MESSAGE} AND undeletable = 0";

    RETRY =
        "UPDATE seen SET undeletable = 0, came_back = 0
         WHERE account = ?1 AND state = {GONE} AND undeletable = 1 AND gone <= ?2";
}
