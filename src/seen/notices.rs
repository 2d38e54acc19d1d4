//! Reports about an account that are made once and not repeated in every run.

use rusqlite::params;

use super::database::statements;
use super::{Error, Ledger};
use crate::moment::Moment;

/// The reports about an account that are made once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Notices<'a>(pub(super) &'a Ledger);

impl Notices<'_> {
    /// Notes that a subject is reported. Returns true if it is the first time.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn first(self, subject: &str) -> Result<bool, Error> {
        let values = params![self.0.key(), subject, Moment::now()];
        let inserted = self.0.write(|queries| queries.execute(&FIRST, values))?;
        Ok(inserted > 0)
    }

    /// Returns true if a subject was reported and is not over.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn is_said(self, subject: &str) -> Result<bool, Error> {
        let values = params![self.0.key(), subject];
        self.0.read(|queries| queries.exists(&IS_SAID, values))
    }

    /// Notes that a subject is over, so that it is reported if it comes up again.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn forget(self, subject: &str) -> Result<(), Error> {
        let values = params![self.0.key(), subject];
        self.0.write(|queries| queries.execute(&FORGET, values))?;
        Ok(())
    }
}

statements! {
    FIRST = "INSERT OR IGNORE INTO account_notice (account, subject, said) VALUES (?1, ?2, ?3)";

    IS_SAID = "SELECT 1 FROM account_notice WHERE account = ?1 AND subject = ?2";

    FORGET = "DELETE FROM account_notice WHERE account = ?1 AND subject = ?2";

    REMOVE_ACCOUNT_NOTICES = "DELETE FROM main.account_notice WHERE account = ?1";
}
