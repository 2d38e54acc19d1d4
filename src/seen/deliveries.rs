//! What was fetched, when, where it was delivered, and when it was deleted from the server.
//! Only reads.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use rusqlite::Connection;

use super::{Error, StateFolder, schema};
use crate::mail::known::Delivery;
use crate::moment::Moment;
use crate::text::ServerText;

/// The record of all deliveries.
#[derive(Debug)]
pub(crate) struct History {
    connection: Connection,
    path: PathBuf,
}

impl History {
    /// Opens the record.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub(crate) fn open(folder: &StateFolder) -> Result<Self, Error> {
        let path = folder.database();
        Ok(Self {
            connection: schema::open(&path)?,
            path,
        })
    }

    /// Whether there is an account with this name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn knows(&self, account: &str) -> Result<bool, Error> {
        self.connection
            .prepare("SELECT 1 FROM account WHERE name = ?1")
            .and_then(|mut named| named.exists([account]))
            .map_err(|source| Error::open(&self.path, source))
    }

    /// Gives all deliveries, or one account's, to `each`, the oldest first.
    ///
    /// # Errors
    /// The database cannot be read, or `each` says stop.
    pub(crate) fn deliveries<E: From<Error>>(
        &self,
        account: Option<&str>,
        mut each: impl FnMut(Delivery) -> Result<(), E>,
    ) -> Result<(), E> {
        let cannot = |source| E::from(Error::open(&self.path, source));
        let mut statement = self
            .connection
            .prepare(
                "SELECT a.name, d.unique_id, d.delivered, d.deleted, d.repeated, d.target,
                        d.file_name, d.octets, d.sender, d.subject, d.program,
                        ifnull(d.words, x'')
                 FROM delivery d JOIN account a ON a.id = d.account
                 WHERE ?1 IS NULL OR a.name = ?1 ORDER BY d.id",
            )
            .map_err(cannot)?;
        let mut rows = statement.query([account]).map_err(cannot)?;
        while let Some(row) = rows.next().map_err(cannot)? {
            each(delivery(row).map_err(cannot)?)?;
        }
        Ok(())
    }
}

fn delivery(row: &rusqlite::Row<'_>) -> rusqlite::Result<Delivery> {
    let text = |index| -> rusqlite::Result<ServerText> {
        Ok(ServerText::new(row.get_ref(index)?.as_blob()?))
    };
    Ok(Delivery {
        account: row.get(0)?,
        unique_id: text(1)?,
        delivered: row.get::<_, Option<i64>>(2)?.map(Moment),
        deleted: row.get::<_, Option<i64>>(3)?.map(Moment),
        was_repeated: row.get::<_, i64>(4)? > 0,
        target: PathBuf::from(OsString::from_vec(row.get(5)?)),
        file_name: row.get(6)?,
        octets: row.get::<_, i64>(7)?.cast_unsigned(),
        from: text(8)?,
        subject: text(9)?,
        program: row.get(10)?,
        words: text(11)?,
    })
}
