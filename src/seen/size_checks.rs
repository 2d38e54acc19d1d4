//! The facts about a server's sizes: how far they show that a message is the one that is known.

use rusqlite::params;

use super::database::statements;
use super::{Error, Ledger};

/// The facts about the sizes of an account's server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SizeChecks<'a>(pub(super) &'a Ledger);

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
}

statements! {
    SURPLUS = "SELECT surplus FROM account WHERE id = ?1";
    NOTE_SURPLUS = "UPDATE account SET surplus = ?2 WHERE id = ?1";
}
