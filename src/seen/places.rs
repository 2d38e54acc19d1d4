//! The Maildirs to which an account's messages were delivered. They are remembered after their
//! deliveries are forgotten: a Maildir that was there and is gone may be on a disk that is not mounted.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rusqlite::params;

use super::database::{Queries, statements};
use super::{Error, Ledger};
use crate::mail::custody::TargetPlace;
use crate::mail::maildrop::AccountKey;

/// The Maildirs to which an account's messages were delivered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places<'a>(pub(super) &'a Ledger);

impl Places<'_> {
    /// Returns the Maildir with this path as it was when a message was last delivered to it, or `None`
    /// if none ever was.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn find(self, maildir: &Path) -> Result<Option<TargetPlace>, Error> {
        let values = params![self.0.key(), maildir.as_os_str().as_bytes()];
        self.0.read(|queries| {
            queries.first(&FIND, values, |row| {
                Ok(TargetPlace {
                    path: maildir.to_owned(),
                    inode: row.get::<_, i64>(0)?.cast_unsigned(),
                    device: row.get::<_, Option<i64>>(1)?.map(i64::cast_unsigned),
                    program: None,
                })
            })
        })
    }

    /// Remembers a Maildir to which copies of messages will be delivered.
    ///
    /// # Errors
    /// Nothing was written.
    pub(crate) fn note(self, place: &TargetPlace) -> Result<(), Error> {
        let key = self.0.key();
        self.0.write(|queries| note_place(queries, key, place))
    }

    /// Returns the paths of all of them.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn all(self) -> Result<Vec<PathBuf>, Error> {
        self.0.read(|queries| {
            queries.all(&ALL_PLACES, [self.0.key()], |row| {
                Ok(PathBuf::from(OsString::from_vec(row.get(0)?)))
            })
        })
    }
}

/// Remembers the place of a delivery, if it is a Maildir.
pub(super) fn note_place(
    queries: &Queries<'_>,
    key: AccountKey,
    place: &TargetPlace,
) -> rusqlite::Result<()> {
    if place.program.is_some() {
        return Ok(());
    }
    let values = params![
        key,
        place.path.as_os_str().as_bytes(),
        place.inode.cast_signed(),
        place.device.map(u64::cast_signed),
    ];
    queries.execute(&NOTE_PLACE, values)?;
    Ok(())
}

statements! {
    FIND = "SELECT inode, device FROM place WHERE account = ?1 AND path = ?2";
    ALL_PLACES = "SELECT path FROM place WHERE account = ?1 ORDER BY path";

    NOTE_PLACE =
        "INSERT INTO place (account, path, inode, device) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET inode = ?3, device = ?4
             WHERE inode IS NOT ?3 OR device IS NOT ?4";
}
