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
    #[cfg_attr(not(test), expect(dead_code, reason = "no account notice is made yet"))]
    pub(crate) fn first(self, subject: &str) -> Result<bool, Error> {
        let values = params![self.0.key(), subject, Moment::now()];
        let inserted = self.0.write(|queries| queries.execute(&FIRST, values))?;
        Ok(inserted > 0)
    }
}

statements! {
    FIRST = "INSERT OR IGNORE INTO account_notice (account, subject, said) VALUES (?1, ?2, ?3)";

    REMOVE_ACCOUNT_NOTICES = "DELETE FROM main.account_notice WHERE account = ?1";
}
