//! The results of comparisons. They show how reliable a server's sizes and headers are: if another size,
//! or another header, means another message.

use std::collections::HashSet;

use rusqlite::params;

use super::database::{MESSAGE, Queries, about, statements};
use super::state::{DELIVERED, FAILED, GONE, STAGED};
use super::suspicions::TRUST_SHORT;
use super::{Error, Ledger};
use crate::mail::known::{Deviation, SET_ASIDE_FOR, ShortAgain, SizeHistory};
use crate::mail::maildrop::{AccountKey, Identity, MessageNumber};
use crate::moment::Moment;

/// The facts about the sizes and headers of an account's server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SizeChecks<'a>(pub(super) &'a Ledger);

/// A known message that was fetched again and compared.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    /// Its number in this session.
    pub number: MessageNumber,
    /// The known message that it was taken for.
    pub taken_for: Identity,
    /// Its size in this session's listing.
    pub size: Option<u64>,
    /// The result.
    pub result: Compared,
}

/// The result of a comparison.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Compared {
    /// It is this known message.
    Same {
        /// The known message.
        identity: Identity,
        /// Its size as it was recorded.
        recorded: Option<u64>,
        /// True if every octet is the same.
        is_unchanged: bool,
    },
    /// It is new mail, and has this identity now.
    New(Identity),
    /// Its content is another one at each download.
    ChangesEachTime,
}

/// The conclusions from comparisons.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Noted {
    /// The history of the sizes with these results.
    pub history: SizeHistory,
    /// The number of unique-ids that mean other messages now.
    pub reused: usize,
}

impl SizeChecks<'_> {
    /// Notes how many octets STAT counts more than LIST.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note_surplus(self, octets: i64) -> Result<(), Error> {
        let values = params![self.0.key(), octets];
        self.0
            .write(|queries| queries.execute(&NOTE_SURPLUS, values))?;
        Ok(())
    }

    /// Returns what earlier runs have learned about the server's sizes.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn history(self) -> Result<SizeHistory, Error> {
        let key = self.0.key();
        self.0.read(|queries| size_history(queries, key))
    }

    /// Notes the results of second downloads of messages that did not have their size. If the server lists
    /// wrong sizes, the other messages that are in doubt for that reason are trusted without a download.
    /// Returns the history of the sizes with these results.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note_short_again(self, again: ShortAgain) -> Result<SizeHistory, Error> {
        let key = self.0.key();
        self.0.write(|queries| {
            let mut history = size_history(queries, key)?;
            history.note_again(again);
            queries.execute(&NOTE_SHORT_AGAIN, params![key, history.short_again])?;
            if history.excuses(Deviation::Shorter) {
                queries.execute(&TRUST_SHORT, [key])?;
            }
            Ok(history)
        })
    }

    /// Notes that the server lists right sizes: a message of another size is in doubt again.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note_right_sizes(self) -> Result<(), Error> {
        let key = self.0.key();
        self.0
            .write(|queries| queries.execute(&NOTE_RIGHT_SIZES, [key]))?;
        Ok(())
    }

    /// Notes the sizes that messages have now, without a comparison.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn accept(self, sizes: &[(Identity, Option<u64>)]) -> Result<(), Error> {
        let key = self.0.key();
        self.0.write(|queries| {
            for (identity, size) in sizes {
                confirm(queries, key, identity, *size)?;
            }
            Ok(())
        })
    }

    /// Notes that this many messages had other headers but the same content. `None` means that a header has
    /// proved right, and resets the count. Returns the updated history.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note_headers(self, in_vain: Option<u32>) -> Result<SizeHistory, Error> {
        let key = self.0.key();
        self.0.write(|queries| {
            queries.execute(&NOTE_HEADERS, params![key, in_vain])?;
            size_history(queries, key)
        })
    }

    /// Notes the results of comparisons. Returns what follows from them.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note_comparisons(self, comparisons: &[Comparison]) -> Result<Noted, Error> {
        let key = self.0.key();
        self.0.write(|queries| {
            let mut reused = 0;
            let mut history = size_history(queries, key)?;
            let found: HashSet<_> = comparisons.iter().filter_map(Comparison::found).collect();
            for comparison in comparisons {
                let Comparison {
                    taken_for,
                    size,
                    result,
                    ..
                } = comparison;
                history.equal_contents = match result {
                    Compared::Same {
                        identity, recorded, ..
                    } => {
                        confirm(queries, key, identity, *size)?;
                        let is_resized = recorded.zip(*size).is_some_and(|(old, new)| old != new);
                        history.equal_contents.saturating_add(u32::from(is_resized))
                    }
                    Compared::New(_) => 0,
                    Compared::ChangesEachTime => {
                        freeze(queries, key, taken_for, *size)?;
                        history.equal_contents
                    }
                };
                if !found.contains(taken_for) && *result != Compared::ChangesEachTime {
                    reused += replace(queries, key, taken_for)?;
                }
            }
            queries.execute(&NOTE_EQUAL_CONTENTS, params![key, history.equal_contents])?;
            Ok(Noted { history, reused })
        })
    }
}

impl Comparison {
    /// Returns the identity that the message has now.
    fn found(&self) -> Option<&Identity> {
        match &self.result {
            Compared::Same { identity, .. } | Compared::New(identity) => Some(identity),
            Compared::ChangesEachTime => None,
        }
    }
}

/// Returns what earlier runs have learned about the server's sizes.
pub(super) fn size_history(
    queries: &Queries<'_>,
    key: AccountKey,
) -> rusqlite::Result<SizeHistory> {
    let history = queries.first(&SIZE_HISTORY, [key], |row| {
        Ok(SizeHistory {
            surplus: row.get(0)?,
            equal_contents: row.get(1)?,
            other_headers: row.get(2)?,
            short_again: row.get(3)?,
        })
    })?;
    Ok(history.unwrap_or_default())
}

/// Ends all doubt about a message: it is the one that is listed.
fn confirm(
    queries: &Queries<'_>,
    key: AccountKey,
    identity: &Identity,
    size: Option<u64>,
) -> rusqlite::Result<()> {
    let size = size.map(u64::cast_signed);
    queries.execute(&CONFIRM, about(&key, identity, params![size]))?;
    Ok(())
}

/// Leaves a message alone whose content is another one at each download. It is compared again when its
/// size changes, at most once a day.
fn freeze(
    queries: &Queries<'_>,
    key: AccountKey,
    identity: &Identity,
    size: Option<u64>,
) -> rusqlite::Result<()> {
    let until = Moment::now().plus(SET_ASIDE_FOR);
    queries.execute(&FREEZE, params![key, identity.unique_id, until])?;
    confirm(queries, key, identity, size)
}

/// Notes that another message is listed under the unique-id of a known one. If QUIT was sent for it and
/// not answered, the server has deleted it after all. Returns 1 if that is so.
fn replace(queries: &Queries<'_>, key: AccountKey, identity: &Identity) -> rusqlite::Result<usize> {
    let now = Moment::now();
    queries.execute(&REPLACE, about(&key, identity, params![now]))
}

statements! {
    SIZE_HISTORY =
        "SELECT surplus, equal_contents, other_headers, short_again FROM account WHERE id = ?1";
    NOTE_SURPLUS = "UPDATE account SET surplus = ?2 WHERE id = ?1";
    NOTE_HEADERS = "UPDATE account SET other_headers = coalesce(other_headers + ?2, 0) WHERE id = ?1";
    NOTE_EQUAL_CONTENTS = "UPDATE account SET equal_contents = ?2 WHERE id = ?1";

    NOTE_SHORT_AGAIN = "UPDATE account SET short_again = ?2 WHERE id = ?1";
    NOTE_RIGHT_SIZES = "UPDATE account SET short_again = 0 WHERE id = ?1 AND short_again > 0";

    CONFIRM =
        "UPDATE seen SET size = coalesce(?4, size), vanished = NULL, quit_sent = NULL
         WHERE {MESSAGE}";

    FREEZE =
        "UPDATE seen SET undeletable = 1, next_try = ?3 WHERE account = ?1 AND unique_id = ?2
             AND state IN ({DELIVERED}, {GONE})";

    /// The right side of an assignment sees the row as it was before.
    REPLACE =
        "UPDATE seen SET vanished = coalesce(vanished, ?4), quit_sent = NULL,
             gone = CASE WHEN state = {DELIVERED} AND quit_sent IS NOT NULL THEN ?4 ELSE gone END,
             state = CASE WHEN state = {DELIVERED} AND quit_sent IS NOT NULL THEN {GONE}
                 ELSE state END
         WHERE {MESSAGE} AND state NOT IN ({STAGED}, {FAILED})";
}
