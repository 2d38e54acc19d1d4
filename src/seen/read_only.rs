//! Opens a database that can only be read: a backup, or one on a volume that is mounted so.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::Error;
use super::migrations::MIGRATIONS;
use super::schema::{BUSY_TIMEOUT, check_owner, version, with_suffix};

/// Opens a database that can only be read. Makes no file.
///
/// # Errors
/// It belongs to another program; it was written by an older version; a killed run has left changes beside it
/// that cannot be read without making a file.
pub(super) fn open(path: &Path) -> Result<Connection, Error> {
    let cannot = |source| Error::open(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let has_octets = |suffix| fs::metadata(with_suffix(path, suffix)).is_ok_and(|it| it.len() > 0);
    let has_changes = has_octets("-wal") || has_octets("-journal");
    let mut connection =
        Connection::open_with_flags(uri(path, has_changes), flags).map_err(cannot)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(cannot)?;
    check_owner(&mut connection, path).map_err(|error| match error {
        Error::Create { .. } | Error::Io { .. } if has_changes => {
            Error::Unfinished(path.to_owned())
        }
        error => error,
    })?;
    connection
        .execute_batch("PRAGMA trusted_schema = OFF")
        .map_err(cannot)?;
    match version(&connection).map_err(cannot)? == MIGRATIONS.len() {
        true => Ok(connection),
        false => Err(Error::Older(path.to_owned())),
    }
}

/// Returns the URI by which SQLite only reads the database.
///
/// If there is a log or a journal, it must be applied. Another run may be at work then, or was killed. SQLite reads
/// the log with the help of the shared memory of that run (`-shm`), or of its own if no run is at work. It cannot
/// apply the journal of a killed run.
///
/// If there is none, nothing is changed until a run begins. SQLite would need the shared memory also then, unless it
/// is told that the database does not change.
fn uri(path: &Path, has_changes: bool) -> String {
    let mut uri = String::from("file:");
    for octet in path.as_os_str().as_encoded_bytes() {
        match octet {
            b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*octet)),
            octet if octet.is_ascii_alphanumeric() => uri.push(char::from(*octet)),
            octet => uri.push_str(&format!("%{octet:02X}")),
        }
    }
    uri.push_str(match has_changes {
        true => "?readonly_shm=1",
        false => "?immutable=1",
    });
    uri
}
