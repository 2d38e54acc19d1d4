//! Freshness: a check that the database is the one that the account's last run left.
//!
//! A backup of the database may be restored, or the database lost. Then messages were delivered that
//! it does not know. So each run draws a new number, the *generation*, and writes it into the
//! database and into the account's lock file, which a restored database does not bring back.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::time::UNIX_EPOCH;

use super::database::statements;
use super::{Error, Ledger};

/// The comparison of the database with the one that the account's last run left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Freshness<'a>(pub(super) &'a Ledger);

impl Freshness<'_> {
    /// Returns true if messages may have been delivered that the database does not know: it is new,
    /// or comes from a backup or another machine.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn is_in_doubt(self) -> Result<bool, Error> {
        let noted = fs::read(self.0.lock_file()).unwrap_or_default();
        let generation = self.generation()?;
        Ok(generation.is_none_or(|generation| generation.as_bytes() != noted))
    }

    /// Returns true if messages may be on their way that the database does not know: an earlier run
    /// left another database, or this one did not know the account. A first run that was killed
    /// also leaves doubt, but it cannot have forgotten anything.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn has_forgotten(self) -> Result<bool, Error> {
        let was_noted = fs::metadata(self.0.lock_file()).is_ok_and(|file| file.len() > 0);
        Ok(self.0.account.is_new || was_noted && self.is_in_doubt()?)
    }

    /// Notes in the lock file that the database is the one that this run left.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(super) fn note_generation(self) -> Result<(), Error> {
        if let Some(generation) = self.generation()? {
            // If this fails, the next run looks into the Maildir for messages that it does not know.
            // That takes time and is harmless.
            let _ = OpenOptions::new()
                .write(true)
                .truncate(true)
                .open(self.0.lock_file())
                .and_then(|mut file| file.write_all(generation.as_bytes()));
        }
        Ok(())
    }

    /// Returns a line that no other database file has after the account's last run: the number that
    /// was drawn, and the inode and birth time of the file. Where the whole state folder is restored, the lock file
    /// agrees with the number, but the database is another file.
    fn generation(self) -> Result<Option<String>, Error> {
        let drawn = self.0.read(|queries| {
            queries.first(&GENERATION, [self.0.key()], |row| {
                row.get::<_, Option<i64>>(0)
            })
        })?;
        let (Some(drawn), Ok(file)) = (drawn.flatten(), fs::metadata(self.0.database_file()))
        else {
            return Ok(None);
        };
        // Some file systems do not record the birth time.
        let born = file.created().ok();
        let born = born.and_then(|born| born.duration_since(UNIX_EPOCH).ok());
        let born = born.map_or(0, |since| since.as_nanos());
        Ok(Some(format!("{drawn} {} {born}\n", file.ino())))
    }
}

statements! {
    GENERATION = "SELECT generation FROM account WHERE id = ?1";
}
