//! An account's own row: who it is, how its last run and its last session ended.
//! Knows nothing of its messages.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{Error, Ledger};
use crate::digest::Digest;
use crate::exit::Exit;
use crate::maildrop::AccountKey;
use crate::moment::Moment;

impl Ledger {
    /// Whether the last session ended without QUIT.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn was_cut_off(&self) -> Result<bool, Error> {
        self.read(|connection| {
            connection.query_row(
                "SELECT cut_off FROM account WHERE id = ?1",
                [self.key.0],
                |row| row.get(0),
            )
        })
    }

    /// The policy of the last run, as [`Self::end_run`] was told.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn last_keep(&self) -> Result<Option<String>, Error> {
        self.read(|connection| {
            connection.query_row(
                "SELECT keep FROM account WHERE id = ?1",
                [self.key.0],
                |row| row.get(0),
            )
        })
    }

    /// Notes how a run ended.
    ///
    /// # Errors
    /// Nothing was written.
    pub fn end_run(&mut self, end: &RunEnd) -> Result<(), Error> {
        let key = self.key.0;
        self.write(|transaction| {
            transaction.execute(
                "UPDATE account SET last_run = ?2, last_status = ?3, keep = coalesce(?4, keep),
                     cut_off = coalesce(?5, cut_off),
                     failures = CASE ?3 WHEN 0 THEN 0 ELSE failures + 1 END
                 WHERE id = ?1",
                params![
                    key,
                    Moment::now().0,
                    end.exit.code(),
                    end.keep,
                    end.was_cut_off
                ],
            )?;
            Ok(())
        })
    }
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct RunEnd {
    /// Its status.
    pub exit: Exit,
    /// The policy that it followed, unless it has still to be confirmed.
    pub keep: Option<String>,
    /// Whether its session ended without QUIT; `None`: there was none.
    pub was_cut_off: Option<bool>,
}

/// The account with this name, made where there is none; written only where something differs.
pub(super) fn find(
    connection: &Connection,
    name: &str,
    server: &str,
    user: &str,
) -> rusqlite::Result<(AccountKey, String)> {
    let read = |row: &Row<'_>| Ok((AccountKey(row.get(0)?), row.get(1)?));
    let known = connection
        .query_row(
            "SELECT id, tag FROM account WHERE name = ?1 AND server = ?2 AND user = ?3",
            [name, server, user],
            read,
        )
        .optional()?;
    if let Some(known) = known {
        return Ok(known);
    }
    let tag = Digest::of(name.as_bytes()).hex(4);
    connection.query_row(
        "INSERT INTO account (name, server, user, tag) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE SET server = ?2, user = ?3
         RETURNING id, tag",
        [name, server, user, &tag],
        read,
    )
}
