//! Whether a database is the one that an account's last run left, or an older one, or new: a
//! signature of it stands where a backup of the database is not restored with it.
//! Does not know what a new or an older one lacks.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::time::UNIX_EPOCH;

use rusqlite::OptionalExtension;

use super::{Error, Ledger};

/// The comparison of the database with the one that the account's last run left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Freshness<'a>(pub(super) &'a Ledger);

impl Freshness<'_> {
    /// Whether messages may have been delivered of which the database knows nothing: it is not the
    /// one that the account's last run left. It is new, or comes from a backup or another machine.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn is_in_doubt(&self) -> Result<bool, Error> {
        let signed = fs::read(self.0.lock_file()).unwrap_or_default();
        let signature = self.signature()?;
        Ok(signature.is_none_or(|signature| signature.as_bytes() != signed))
    }

    /// Whether messages may be on their way of which the database knows nothing: an earlier run
    /// signed another one, or this one did not know the account. A first run that was killed leaves
    /// a database without a signature, and that is doubt, but nothing was forgotten.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn has_forgotten(&self) -> Result<bool, Error> {
        let was_signed = fs::metadata(self.0.lock_file()).is_ok_and(|file| file.len() > 0);
        Ok(self.0.owner.is_new || was_signed && self.is_in_doubt()?)
    }

    /// Signs the database as the one that a run left.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(super) fn sign(&self) -> Result<(), Error> {
        if let Some(signature) = self.signature()? {
            // Unsigned, it only makes the next run look into the Maildir.
            let _ = OpenOptions::new()
                .write(true)
                .truncate(true)
                .open(self.0.lock_file())
                .and_then(|mut file| file.write_all(signature.as_bytes()));
        }
        Ok(())
    }

    /// What only this file says after this account's last run: a number drawn then; and the file's
    /// own and when it was made, since a whole folder may be restored with the signature in it.
    fn signature(&self) -> Result<Option<String>, Error> {
        let drawn = self.0.read(|connection| {
            connection
                .query_row(
                    "SELECT generation FROM account WHERE id = ?1",
                    [self.0.owner.key.0],
                    |row| row.get::<_, Option<i64>>(0),
                )
                .optional()
        })?;
        let (Some(drawn), Ok(file)) = (drawn.flatten(), fs::metadata(self.0.folder.database()))
        else {
            return Ok(None);
        };
        // Not every file system tells it.
        let made = file.created().ok();
        let made = made.and_then(|made| made.duration_since(UNIX_EPOCH).ok());
        let made = made.map_or(0, |since| since.as_nanos());
        Ok(Some(format!("{drawn} {} {made}\n", file.ino())))
    }
}
