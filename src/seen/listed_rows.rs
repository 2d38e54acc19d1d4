//! The rows of the last `mailpull list` of an account, so that `#N` means the message that the user saw. They are
//! kept under the account's name, because an account has no other row before its first fetch.

use rusqlite::params;

use super::database::statements;
use super::{Error, Ledger};
use crate::mail::maildrop::{MessageNumber, UniqueId};

/// The rows of the last `mailpull list` of an account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListedRows<'a>(pub(super) &'a Ledger);

impl ListedRows<'_> {
    /// Replaces the rows by those of another list. The number of a row is the message's number in its session.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn replace<'r>(
        self,
        rows: impl Iterator<Item = (MessageNumber, &'r [u8])>,
    ) -> Result<(), Error> {
        let name = &self.0.account.name;
        self.0.database.write(|queries| {
            queries.execute(&REMOVE_ROWS, [name])?;
            for (number, unique_id) in rows {
                queries.execute(&ADD_ROW, params![name, number.value(), unique_id])?;
            }
            Ok(())
        })
    }

    /// Returns the unique-id of a row.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn unique_id(self, number: u32) -> Result<Option<UniqueId>, Error> {
        let values = params![self.0.account.name, number];
        let octets = self.0.database.read(|queries| {
            queries.first(&UNIQUE_ID_OF_ROW, values, |row| row.get::<_, Vec<u8>>(0))
        })?;
        Ok(octets.and_then(|octets| UniqueId::new(&octets)))
    }
}

statements! {
    ADD_ROW = "INSERT INTO listed_row (account_name, number, unique_id) VALUES (?1, ?2, ?3)";

    UNIQUE_ID_OF_ROW = "SELECT unique_id FROM listed_row WHERE account_name = ?1 AND number = ?2";

    RENAME_ROWS = "UPDATE listed_row SET account_name = ?1 WHERE account_name = ?2";

    REMOVE_ROWS = "DELETE FROM listed_row WHERE account_name = ?1";

    REMOVE_LISTED_ROWS =
        "DELETE FROM main.listed_row WHERE account_name = (SELECT name FROM main.account WHERE id = ?1)";
}
