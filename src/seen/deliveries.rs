//! The record of all deliveries, as `mailpull log` shows it: what was fetched, when, where it was
//! delivered, and when it was deleted from the server.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use rusqlite::{Row, params};

use super::database::{Database, statements};
use super::{Error, StateFolder};
use crate::mail::known::Delivery;

/// The record of all deliveries.
#[derive(Debug)]
pub(crate) struct Deliveries {
    database: Database,
}

impl Deliveries {
    /// Opens the database of a state folder.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub(crate) fn open(folder: &StateFolder) -> Result<Self, Error> {
        let database = Database::open(folder)?;
        Ok(Self { database })
    }

    /// Returns true if there is an account with this name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn has_account(&self, name: &str) -> Result<bool, Error> {
        self.database
            .read(|queries| queries.exists(&HAS_ACCOUNT, [name]))
    }

    /// Gives all deliveries, or those of one account, to `each`. The oldest comes first.
    ///
    /// # Errors
    /// The database cannot be read, or `each` fails.
    pub(crate) fn for_each<E: From<Error>>(
        &self,
        account: Option<&str>,
        each: impl FnMut(Delivery) -> Result<(), E>,
    ) -> Result<(), E> {
        match account {
            Some(name) => self
                .database
                .for_each(&OF_ACCOUNT, params![name], delivery, each),
            None => self.database.for_each(&ALL, [], delivery, each),
        }
    }
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        account: row.get(0)?,
        unique_id: row.get(1)?,
        delivered: row.get(2)?,
        deleted: row.get(3)?,
        was_repeated: row.get(4)?,
        target: PathBuf::from(OsString::from_vec(row.get(5)?)),
        file_name: row.get(6)?,
        octets: row.get::<_, i64>(7)?.cast_unsigned(),
        from: row.get(8)?,
        subject: row.get(9)?,
        program: row.get(10)?,
        words: row.get(11)?,
        location: row.get(12)?,
    })
}

/// The columns that [`delivery`] reads. What one target may have and another one has taken is there twice, too.
const COLUMNS: &str = "a.name, d.unique_id, d.delivered, d.deleted,
     EXISTS (SELECT 1 FROM handover r WHERE r.delivery = d.id
         AND (r.repeated > 0 OR r.begun > 0 AND r.taken IS NULL AND d.delivered IS NOT NULL)),
     d.target, d.file_name, d.octets, d.sender, d.subject, ifnull(t.name, d.program),
     ifnull(h.words, x''), h.location";

/// The hand-over of a delivery, unless it went to a Maildir.
const HANDOVER: &str = "LEFT JOIN handover h ON h.delivery = d.id AND h.taken IS NOT NULL
     LEFT JOIN target t ON t.id = h.target";

statements! {
    HAS_ACCOUNT = "SELECT 1 FROM account WHERE name = ?1";

    /// Reads the whole table, because all of it is shown.
    ALL =
        "SELECT {COLUMNS} FROM delivery d JOIN account a ON a.id = d.account {HANDOVER}
         ORDER BY d.id";

    OF_ACCOUNT =
        "SELECT {COLUMNS} FROM account a JOIN delivery d ON d.account = a.id {HANDOVER}
         WHERE a.name = ?1 ORDER BY d.id";
}
