//! Known messages that a listing is without, found by their content: the server may list them under
//! other unique-ids now.

use rusqlite::{CachedStatement, params};

use super::database::{MESSAGE, Queries, about, identity, statements};
use super::messages::{KNOWN, known_message};
use super::recognition::{DROP_FAILED, RENAME_DELIVERY};
use super::state::{DELIVERED, GONE, STAGED, StoredState};
use super::{Error, Ledger};
use crate::digest::Digest;
use crate::mail::custody::StoredMessage;
use crate::mail::known::{KnownMessage, State};
use crate::mail::maildrop::{AccountKey, Identity};
use crate::mail::suspicion::Suspicion;

/// An account's known messages that a listing is without.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Missing<'a>(pub(super) &'a Ledger);

/// The contents of such messages: 16 octets of memory for each of them.
#[derive(Debug, Default)]
pub(crate) struct MissingContents(Vec<Content>);

/// The beginning of a message's SHA-256 without the lines that servers write, and the row of its delivery.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Content {
    hash: u64,
    /// [`FOUND`] once the message was found.
    delivery: i64,
}

/// No row has this number.
const FOUND: i64 = 0;

/// A known message that is listed under another unique-id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct RenamedMessage {
    /// The message as it is known.
    pub old: Identity,
    /// Its state, which does not change.
    pub state: State,
    /// The unique-id and copy number with which the server lists it now.
    pub new: Identity,
    /// The size in octets with which the server lists it now.
    pub size: Option<u64>,
    /// The reason to doubt that it is this message.
    pub doubt: Suspicion,
    /// True if it has its listed size, so that an earlier copy with the same octets is whole.
    pub is_whole: bool,
}

/// Loads the contents of messages.
struct Contents<'q> {
    content: CachedStatement<'q>,
    key: AccountKey,
    found: Vec<Content>,
}

impl<'q> Contents<'q> {
    fn new(queries: &Queries<'q>, key: AccountKey) -> rusqlite::Result<Self> {
        Ok(Self {
            content: queries.prepare(&CONTENT)?,
            key,
            found: Vec::new(),
        })
    }

    fn load(&mut self, unique_id: &[u8], copy: u32) -> rusqlite::Result<()> {
        let message = params![self.key, unique_id, copy];
        let rows = self.content.query_map(message, |row| {
            Ok(Content {
                hash: row.get::<_, Digest>(1)?.beginning(),
                delivery: row.get(0)?,
            })
        })?;
        for row in rows {
            self.found.push(row?);
        }
        Ok(())
    }

    fn finish(mut self) -> MissingContents {
        self.found.sort_unstable();
        MissingContents(self.found)
    }
}

impl MissingContents {
    /// Returns true if nothing can be found.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the contents of more messages.
    pub(crate) fn add(&mut self, mut more: Self) {
        self.0.append(&mut more.0);
        self.0.sort_unstable();
    }
}

impl Missing<'_> {
    /// Loads the contents of these messages: of those that were delivered, or are on their way, or that
    /// the server may have kept after their deletion.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn contents<'m>(
        self,
        missing: impl Iterator<Item = (&'m [u8], u32)>,
    ) -> Result<MissingContents, Error> {
        let key = self.0.key();
        self.0.read(|queries| {
            let mut contents = Contents::new(queries, key)?;
            for (unique_id, copy) in missing {
                contents.load(unique_id, copy)?;
            }
            Ok(contents.finish())
        })
    }

    /// Does the same for those known messages that a condition names.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn contents_if(
        self,
        is_missing: impl Fn(&[u8], &KnownMessage) -> bool,
    ) -> Result<MissingContents, Error> {
        let key = self.0.key();
        self.0.read(|queries| {
            let mut contents = Contents::new(queries, key)?;
            queries.all::<(), ()>(&KNOWN, [key], |row| {
                let unique_id = row.get_ref(0)?.as_blob()?;
                let known = known_message(row)?;
                match is_missing(unique_id, &known) {
                    true => contents.load(unique_id, known.copy),
                    false => Ok(()),
                }
            })?;
            Ok(contents.finish())
        })
    }

    /// Returns the known message that an arrived one is, if their octets are the same, apart from header
    /// lines that servers write. It is found once only: a second message with these octets is another
    /// one.
    ///
    /// What does not have its listed size may be the reply for another message. Then it is this one only
    /// with a doubt, and a later session compares it under its new unique-id.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn take(
        self,
        contents: &mut MissingContents,
        stored: &StoredMessage,
    ) -> Result<Option<RenamedMessage>, Error> {
        let canonical = stored.fingerprint.canonical.unwrap_or(stored.digest);
        let hash = canonical.beginning();
        let first = contents.0.partition_point(|content| content.hash < hash);
        let same = contents.0[first..].iter_mut();
        for content in same.take_while(|content| content.hash == hash) {
            if content.delivery == FOUND {
                continue;
            }
            if let Some((old, state)) = self.find(content.delivery, &canonical)? {
                content.delivery = FOUND;
                return Ok(Some(RenamedMessage {
                    old,
                    state,
                    new: stored.identity.clone(),
                    size: stored.size,
                    doubt: stored.name_doubt(),
                    is_whole: stored.has_its_size(),
                }));
            }
        }
        Ok(None)
    }

    fn find(self, delivery: i64, canonical: &Digest) -> Result<Option<(Identity, State)>, Error> {
        let values = params![self.0.key(), delivery, canonical];
        let found = self.0.read(|queries| {
            queries.first(&FIND, values, |row| {
                let state: StoredState = row.get(2)?;
                let state = state.with_times(row.get(3)?, row.get(4)?);
                Ok(identity(row, 0, 1)?.map(|identity| (identity, state)))
            })
        })?;
        Ok(found.flatten())
    }

    /// Gives messages the unique-ids and sizes with which the server lists them now. They keep their
    /// states.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn rename<'m>(
        self,
        renamed: impl Iterator<Item = &'m RenamedMessage>,
    ) -> Result<(), Error> {
        let key = self.0.key();
        self.0.write(|queries| {
            for message in renamed {
                let RenamedMessage {
                    old,
                    new,
                    size,
                    doubt,
                    is_whole,
                    ..
                } = message;
                // Under its new unique-id the message may have failed before it was recognised.
                queries.execute(&DROP_FAILED, about(&key, new, &[]))?;
                let size = size.map(u64::cast_signed);
                let now = params![new.unique_id, new.copy, size, doubt, is_whole];
                queries.execute(&RENAME_LISTED, about(&key, old, now))?;
                queries.execute(&RENAME_DELIVERY, about(&key, old, &now[..2]))?;
            }
            Ok(())
        })
    }
}

statements! {
    /// Messages that we delivered, or are about to deliver, and those that the server may have kept although it has
    /// confirmed the deletion. Any other message that we deleted is not missing from a listing: if the same
    /// octets are listed after that, they were sent again. What may have the name of another message is looked for by its
    /// content in any case (`poll/settle/verify.rs`). What may be incomplete keeps that doubt under its new name,
    /// unless this second download has its size.
    CONTENT =
        "SELECT d.id, coalesce(d.canonical, d.digest) FROM delivery d JOIN seen s USING (account, unique_id, copy)
         WHERE d.account = ?1 AND d.unique_id = ?2 AND d.copy = ?3
             AND (s.state IN ({STAGED}, {DELIVERED}) AND s.suspicion <> 1
                 OR s.state = {GONE} AND s.unproven = 1)";

    FIND =
        "SELECT s.unique_id, s.copy, s.state, s.delivered, s.next_try
         FROM delivery d JOIN seen s USING (account, unique_id, copy)
         WHERE d.id = ?2 AND d.account = ?1 AND coalesce(d.canonical, d.digest) = ?3";

    RENAME_LISTED =
        "UPDATE seen SET unique_id = ?4, copy = ?5, size = ?6, vanished = NULL,
             suspicion = CASE WHEN ?7 <> 0 THEN ?7 WHEN ?8 AND suspicion IN (2, 5, 6) THEN 0 ELSE suspicion END
         WHERE {MESSAGE}";
}
