//! Verifies the database as a whole, and notices a write-ahead log that may belong to another database: a
//! backup was put over the database of a killed run, and the log of that run is still there.
//!
//! SQLite cannot notice this. It applies the log, and the database is then a mixture of both: damaged, or
//! without messages that were delivered. But SQLite changes a database only right after it has written to
//! the log. So if the database was changed long after the log, another program has changed it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Error;
use super::database::{Database, Queries, statements};
use super::schema::with_suffix;
use super::state::{DELIVERED, STAGED};
use crate::os::random::random;

/// The seconds that may pass between the last write to the log and that to the database.
const TOLERANCE: i64 = 5;

/// Verifies the database as a whole. Returns a line for each fault.
pub(super) fn find_faults(queries: &Queries<'_>) -> rusqlite::Result<Vec<String>> {
    let mut faults: Vec<String> = queries.some(&INTEGRITY, [], |row| {
        Ok(Some(row.get(0)?).filter(|line: &String| line != "ok"))
    })?;
    let unrecorded: i64 = queries.value(&COUNT_UNRECORDED, [])?;
    if unrecorded > 0 {
        faults.push(format!(
            "{unrecorded} messages have no record of a delivery"
        ));
    }
    Ok(faults)
}

/// Returns true if the database was changed long after its log. The time of the status change (ctime) is that of
/// the copy also if `cp -p` has set the other times.
pub(super) fn has_older_log(database: &Path) -> bool {
    let log = fs::metadata(with_suffix(database, "-wal"));
    let (Ok(log), Ok(database)) = (log, fs::metadata(database)) else {
        return false;
    };
    log.len() > 0 && database.ctime() > log.mtime().saturating_add(TOLERANCE)
}

/// Verifies a database whose log may belong to another one, and puts all its accounts in doubt.
///
/// The log is not thrown away: a change of the database's mode counts as a change, too, and the log may be
/// the only record of the messages that a killed run has staged.
///
/// # Errors
/// The database is damaged, or cannot be read or written.
pub(super) fn doubt_all(database: &Database) -> Result<(), Error> {
    let faults = database.read(find_faults)?;
    if let Some(why) = faults.into_iter().next() {
        let path = database.path();
        return Err(Error::Damaged { path, why });
    }
    // The lock files have other generations, so the next run of each account begins the doubt. This also
    // writes to the log, so it happens only once.
    let generation = i64::from_be_bytes(random());
    database.write(|queries| queries.execute(&DRAW_GENERATIONS, [generation]))?;
    Ok(())
}

statements! {
    INTEGRITY = "PRAGMA integrity_check";

    /// Reads the whole database, as the check of its integrity does.
    COUNT_UNRECORDED =
        "SELECT count(*) FROM seen LEFT JOIN delivery USING (account, unique_id, copy)
         WHERE state IN ({STAGED}, {DELIVERED}) AND id IS NULL";

    /// An account without a generation has never staged anything.
    DRAW_GENERATIONS = "UPDATE account SET generation = ?1 WHERE generation IS NOT NULL";
}
