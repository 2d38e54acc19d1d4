//! Opens a database that can only be read: a backup, or one on a volume that is mounted so.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::Error;
use super::migrations::MIGRATIONS;
use super::schema::{check_owner, version, with_suffix};

/// Opens a database that can only be read.
///
/// # Errors
/// It belongs to another program; it was written by an older version; a killed run has left changes beside it.
pub(super) fn open(path: &Path) -> Result<Connection, Error> {
    let cannot = |source| Error::open(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let log = fs::metadata(with_suffix(path, "-wal"));
    let has_log = log.is_ok_and(|log| log.len() > 0);
    // Where SQLite cannot make its shared memory, it reads a database with a write-ahead log only if it
    // is told that nothing changes. It ignores the log then.
    let mut connection = Connection::open_with_flags(uri(path, has_log), flags).map_err(cannot)?;
    check_owner(&mut connection, path).map_err(|error| match error {
        Error::Io { .. } if has_log => Error::Unfinished(path.to_owned()),
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

fn uri(path: &Path, has_log: bool) -> String {
    let mut uri = String::from("file:");
    for octet in path.as_os_str().as_encoded_bytes() {
        match octet {
            b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*octet)),
            octet if octet.is_ascii_alphanumeric() => uri.push(char::from(*octet)),
            octet => uri.push_str(&format!("%{octet:02X}")),
        }
    }
    if !has_log {
        uri.push_str("?immutable=1");
    }
    uri
}
