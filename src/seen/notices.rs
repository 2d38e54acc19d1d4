//! Reports about an account that are made once and not repeated in every run.

use std::time::Duration;

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

    /// Returns true if a subject was not reported within a day, and notes that it is reported now.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn is_due(self, subject: &str) -> Result<bool, Error> {
        let now = Moment::now();
        let values = params![self.0.key(), subject, now, now.before(REPORTED_FOR)];
        let noted = self.0.write(|queries| queries.execute(&DAILY, values))?;
        Ok(noted > 0)
    }

    /// Returns the subjects that were reported within a day.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn lately(self) -> Result<Vec<String>, Error> {
        let now = Moment::now();
        let values = params![self.0.key(), now.before(REPORTED_FOR), now];
        self.0
            .read(|queries| queries.all(&LATELY, values, |row| row.get(0)))
    }

    /// Notes that subjects which begin so are over. Returns true if one was reported.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn forget_all(self, beginning: &str) -> Result<bool, Error> {
        let values = params![self.0.key(), beginning];
        let forgotten = self
            .0
            .write(|queries| queries.execute(&FORGET_ALL, values))?;
        Ok(forgotten > 0)
    }
}

/// The time after which a problem that lasts is reported again.
const REPORTED_FOR: Duration = Duration::from_secs(24 * 3600);

statements! {
    /// A report from a time that lies ahead was made by a wrong clock.
    DAILY =
        "INSERT INTO account_notice (account, subject, said) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET said = ?3 WHERE said <= ?4 OR said > ?3";

    FIRST = "INSERT OR IGNORE INTO account_notice (account, subject, said) VALUES (?1, ?2, ?3)";

    IS_SAID = "SELECT 1 FROM account_notice WHERE account = ?1 AND subject = ?2";

    FORGET = "DELETE FROM account_notice WHERE account = ?1 AND subject = ?2";

    LATELY = "SELECT subject FROM account_notice WHERE account = ?1 AND said > ?2 AND said <= ?3";

    FORGET_ALL =
        "DELETE FROM account_notice WHERE account = ?1 AND substr(subject, 1, length(?2)) = ?2";

    REMOVE_ACCOUNT_NOTICES = "DELETE FROM main.account_notice WHERE account = ?1";
}
