//! The logins of an account that the server refused in a row.

use rusqlite::params;

use super::database::statements;
use super::{Error, Ledger};
use crate::mail::refusals::{Refusals, SecretMark};

/// The refused logins of an account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RefusedLogins<'a>(pub(super) &'a Ledger);

impl RefusedLogins<'_> {
    /// Returns the refusals since the last login.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn last(self) -> Result<Option<Refusals>, Error> {
        let read = self.0.read(|queries| {
            queries.first(&REFUSALS, [self.0.key()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get::<_, Vec<u8>>(2)?))
            })
        })?;
        Ok(read.and_then(|(count, last, mark)| {
            let mark = SecretMark::from_octets(&mark)?;
            Some(Refusals { count, last, mark })
        }))
    }

    /// Records the refusals, or that there are none since the last login.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn record(self, refusals: Option<&Refusals>) -> Result<(), Error> {
        let count = refusals.map_or(0, |refusals| refusals.count);
        let last = refusals.map(|refusals| refusals.last);
        let mark = refusals.map(|refusals| refusals.mark.as_octets());
        let values = params![self.0.key(), count, last, mark];
        self.0
            .write(|queries| queries.execute(&RECORD_REFUSALS, values))?;
        Ok(())
    }
}

statements! {
    REFUSALS =
        "SELECT refusals, refused_at, refused_mark FROM account
         WHERE id = ?1 AND refusals > 0 AND refused_at IS NOT NULL AND refused_mark IS NOT NULL";

    RECORD_REFUSALS =
        "UPDATE account SET refusals = ?2, refused_at = ?3, refused_mark = ?4 WHERE id = ?1";
}
