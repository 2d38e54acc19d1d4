//! The record of all deliveries, as `mailpull log` shows it: what was fetched, when, where it was
//! delivered, and when it was deleted from the server.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use rusqlite::{Row, params};

use super::database::{Database, statements};
use super::{Error, StateFolder};
use crate::mail::known::{Delivery, Taker};

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

    /// Returns the key of the first of the last `count` deliveries, of all accounts or of one.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn first_of_last(&self, account: Option<&str>, count: u32) -> Result<i64, Error> {
        let key = self.database.read(|queries| match account {
            Some(name) => queries.value::<Option<i64>>(&LAST_OF_ACCOUNT, params![name, count]),
            None => queries.value(&LAST_DELIVERIES, params![count]),
        })?;
        Ok(key.unwrap_or(0))
    }

    /// Gives all deliveries from a key on, or those of one account, to `each`. The oldest comes first.
    ///
    /// # Errors
    /// The database cannot be read, or `each` fails.
    pub(crate) fn for_each<E: From<Error>>(
        &self,
        account: Option<&str>,
        first: i64,
        mut each: impl FnMut(Delivery) -> Result<(), E>,
    ) -> Result<(), E> {
        // There is a row for each target that has taken the message.
        let mut last: Option<(i64, Delivery)> = None;
        let mut row = |(key, delivery): (i64, Delivery)| {
            if let Some((_, known)) = last.as_mut().filter(|(other, _)| *other == key) {
                known.takers.extend(delivery.takers);
                return Ok(());
            }
            last.replace((key, delivery))
                .map_or(Ok(()), |(_, whole)| each(whole))
        };
        match account {
            Some(name) if first == 0 => {
                self.database
                    .for_each(&OF_ACCOUNT, params![name], delivery, row)?
            }
            // From a row near the end on there are few: those of other accounts are left out here.
            Some(name) => self
                .database
                .for_each(&ALL, params![first], delivery, |found| {
                    match found.1.account == name {
                        true => row(found),
                        false => Ok(()),
                    }
                })?,
            None => self
                .database
                .for_each(&ALL, params![first], delivery, row)?,
        }
        last.map_or(Ok(()), |(_, whole)| each(whole))
    }
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<(i64, Delivery)> {
    let taker = row.get::<_, Option<String>>(12)?.map(|name| {
        Ok::<_, rusqlite::Error>(Taker {
            name,
            words: row.get(13)?,
            location: row.get(14)?,
            was_repeated: row.get(15)?,
        })
    });
    let delivery = Delivery {
        account: row.get(1)?,
        unique_id: row.get(2)?,
        delivered: row.get(3)?,
        deleted: row.get(4)?,
        was_repeated: row.get(5)?,
        target: PathBuf::from(OsString::from_vec(row.get(6)?)),
        file_name: row.get(7)?,
        octets: row.get::<_, i64>(8)?.cast_unsigned(),
        from: row.get(9)?,
        subject: row.get(10)?,
        program: row.get(11)?,
        takers: taker.transpose()?.into_iter().collect(),
    };
    Ok((row.get(0)?, delivery))
}

/// The columns that [`delivery`] reads. What one target may have and another one has taken is there twice, too,
/// unless the account delivers to both.
const COLUMNS: &str = "d.id, a.name, d.unique_id, d.delivered, d.deleted,
     EXISTS (SELECT 1 FROM handover r WHERE r.delivery = d.id
         AND (r.repeated > 0 OR r.begun > 0 AND r.taken IS NULL AND d.delivered IS NOT NULL)),
     d.target, d.file_name, d.octets, d.sender, d.subject, d.program,
     t.name, ifnull(h.words, x''), h.location, ifnull(h.repeated, 0) > 0";

/// The hand-overs of a delivery, unless it went to a Maildir.
const HANDOVER: &str = "LEFT JOIN handover h ON h.delivery = d.id AND h.taken IS NOT NULL
     LEFT JOIN target t ON t.id = h.target";

statements! {
    HAS_ACCOUNT = "SELECT 1 FROM account WHERE name = ?1";

    /// Reads the whole table, because all of it is shown.
    ALL =
        "SELECT {COLUMNS} FROM delivery d JOIN account a ON a.id = d.account {HANDOVER}
         WHERE d.id >= ?1 ORDER BY d.id";

    OF_ACCOUNT =
        "SELECT {COLUMNS} FROM account a JOIN delivery d ON d.account = a.id {HANDOVER}
         WHERE a.name = ?1 ORDER BY d.id";

    LAST_DELIVERIES = "SELECT min(id) FROM (SELECT id FROM delivery ORDER BY id DESC LIMIT ?1)";

    /// Reads from the end, because the rows of an account would have to be sorted.
    LAST_OF_ACCOUNT =
        "SELECT min(id) FROM (SELECT id FROM delivery NOT INDEXED
             WHERE account = (SELECT id FROM account WHERE name = ?1) ORDER BY id DESC LIMIT ?2)";
}
