//! How a database is opened: pragmas, the check that it is ours, migrations.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use rustix::fs::OFlags;

use super::Error;
use super::migrations::MIGRATIONS;

/// The number in the file that marks it as ours: "mpul".
const APPLICATION_ID: i32 = 0x6d70_756c;
/// The first octets of every SQLite database.
const HEAD: &[u8] = b"SQLite format 3\0";
/// The time that another run may hold the database before we give up.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens a database, and creates it (mode 0600) if there is none. A file that is not a database is
/// never overwritten.
///
/// This is only for the first connection of a process, because it opens and closes the file itself:
/// by POSIX, closing a file drops all locks that the process has on it, also those of SQLite's other
/// connections.
///
/// # Errors
/// The file cannot be opened, belongs to another program, was written by a newer version, or is
/// damaged.
pub(super) fn prepare(path: &Path) -> Result<Connection, Error> {
    let is_foreign = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        // A FIFO in its place must not block, and a link leads elsewhere.
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(path)
        .and_then(|file| is_foreign(file, path))
        .map_err(|source| {
            let path = path.to_owned();
            match path.symlink_metadata() {
                Ok(_) => Error::Open { path, source },
                Err(_) => Error::Create { path, source },
            }
        })?;
    if is_foreign {
        return Err(Error::Foreign(path.to_owned()));
    }
    open(path)
}

/// Opens a database that exists.
///
/// # Errors
/// As [`prepare`].
pub(super) fn open(path: &Path) -> Result<Connection, Error> {
    let cannot = |source| Error::open(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut connection = Connection::open_with_flags(path, flags).map_err(cannot)?;
    // Before anything is read: another run may be migrating the database just now.
    connection.busy_timeout(BUSY_TIMEOUT).map_err(cannot)?;
    // The plan of a statement does not depend on the values of its parameters. Otherwise SQLite
    // would prepare some statements again each time, to see if one of the partial indexes fits the
    // new values.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(cannot)?;
    check_owner(&mut connection, path)?;
    let journal = journal(path);
    // EXTRA also flushes the folder after a rollback journal is removed. With less, a power cut could
    // bring the journal back, and with it the state before a commit after which mail was deleted.
    // Functions in the schema of a database that somebody else made are not trusted.
    // With a cache of 512 KiB, 32 connections take 48 MB less than by default.
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = {journal}; PRAGMA synchronous = EXTRA;
             PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = ON; PRAGMA cache_size = -512;",
        ))
        .map_err(cannot)?;
    migrate(&mut connection, MIGRATIONS, path)?;
    Ok(connection)
}

/// Returns the journal mode for a database. With a write-ahead log, all processes that use the
/// database share memory, which processes on different machines cannot.
fn journal(path: &Path) -> &'static str {
    // If the file system is unknown, SQLite itself falls back from WAL if it does not work.
    let file_system = rustix::fs::statfs(path).map_or(0, |stat| stat.f_type & 0xFFFF_FFFF);
    if is_network(file_system) {
        "DELETE"
    } else {
        "WAL"
    }
}

/// Returns true if files of this file system may be on another machine. FUSE can be anything, for
/// example sshfs.
fn is_network(file_system: i64) -> bool {
    const AFS: i64 = 0x5346_414F;
    const CEPH: i64 = 0x00C3_6400;
    const CIFS: i64 = 0xFF53_4D42;
    const FUSE: i64 = 0x6573_5546;
    const GFS2: i64 = 0x0116_1970;
    const LUSTRE: i64 = 0x0BD0_0BD0;
    const NFS: i64 = 0x6969;
    const OCFS2: i64 = 0x7461_636F;
    const P9: i64 = 0x0102_1997;
    const SMB: i64 = 0x517B;
    const SMB2: i64 = 0xFE53_4D42;
    const VBOX: i64 = 0x786F_4256;
    [
        AFS, CEPH, CIFS, FUSE, GFS2, LUSTRE, NFS, OCFS2, P9, SMB, SMB2, VBOX,
    ]
    .contains(&file_system)
}

/// Returns true if a file cannot be a database. SQLite takes a file of a few octets, or of zeros,
/// for an empty database, and would overwrite it. If there is a journal, the file may be half
/// written, and only SQLite can say what it is.
fn is_foreign(file: File, path: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    file.take(HEAD.len() as u64).read_to_end(&mut head)?;
    let has_journal = ["-journal", "-wal"]
        .iter()
        .any(|suffix| with_suffix(path, suffix).exists());
    Ok(!head.is_empty() && head != HEAD && !has_journal)
}

/// Returns the path of a file that SQLite keeps beside a database.
pub(super) fn with_suffix(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

pub(super) fn check_owner(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    // In one transaction, because another run may be creating the tables: its application_id and its
    // tables become visible together.
    let transaction = connection
        .transaction()
        .map_err(|source| Error::open(path, source))?;
    let number = |sql| {
        transaction
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .map_err(|source| Error::open(path, source))
    };
    let application_id = number("PRAGMA application_id")?;
    let is_empty = number("SELECT count(*) FROM sqlite_schema")? == 0;
    if application_id != i64::from(APPLICATION_ID) && !(application_id == 0 && is_empty) {
        return Err(Error::Foreign(path.to_owned()));
    }
    // Triggers, views and virtual tables have no pages of their own. No version has made any, and those of
    // somebody else would run whenever we read or write.
    if number("SELECT count(*) FROM sqlite_schema WHERE ifnull(rootpage, 0) = 0")? != 0 {
        return Err(Error::Tampered(path.to_owned()));
    }
    if number("PRAGMA user_version")? > MIGRATIONS.len() as i64 {
        return Err(Error::Newer(path.to_owned()));
    }
    Ok(())
}

/// Takes the steps that are missing, in one transaction, so that a kill leaves the version before.
fn migrate(connection: &mut Connection, steps: &[&str], path: &Path) -> Result<(), Error> {
    let cannot = |source| Error::open(path, source);
    if version(connection).map_err(cannot)? == steps.len() {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(cannot)?;
    take(steps, &transaction).map_err(cannot)?;
    transaction.commit().map_err(cannot)
}

fn take(steps: &[&str], transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    // The version is read again, because another run may have migrated while this one waited.
    for step in steps.iter().skip(version(transaction)?) {
        transaction.execute_batch(step)?;
    }
    transaction.execute_batch(&format!(
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {};",
        steps.len()
    ))
}

pub(super) fn version(connection: &Connection) -> rusqlite::Result<usize> {
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const FIRST: &str = "CREATE TABLE one (text TEXT); INSERT INTO one VALUES ('first');";
    /// Writes more than its page cache holds, so that some is on the disk before the commit.
    const SECOND: &str = "CREATE TABLE two (octets BLOB);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
            INSERT INTO two SELECT randomblob(4000) FROM n;
        UPDATE one SET text = 'second';";

    fn connect(path: &Path) -> Connection {
        let connection = Connection::open(path).expect("the folder is ours");
        let pragmas = "PRAGMA journal_mode = WAL; PRAGMA cache_size = 10;";
        connection
            .execute_batch(pragmas)
            .expect("SQLite has these pragmas");
        connection
    }

    /// Returns the version, and the text that its last step wrote.
    fn look(connection: &Connection) -> (usize, String) {
        let text = connection.query_row("SELECT text FROM one", [], |row| row.get(0));
        let version = version(connection).expect("the database was opened");
        (version, text.expect("the first step was taken"))
    }

    #[test]
    fn steps_that_are_missing_are_taken_and_no_other() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("seen.db");
        let mut connection = connect(&path);
        for (steps, expected) in [
            (&[FIRST][..], (1, "first")),
            (&[FIRST], (1, "first")),
            (&[FIRST, SECOND], (2, "second")),
            (&["not SQL", "nor this", ""], (3, "second")),
        ] {
            migrate(&mut connection, steps, &path).expect("the steps are valid SQL");
            let (version, text) = look(&connection);
            assert_eq!((version, &*text), expected);
        }
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_before() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("seen.db");
        let mut connection = connect(&path);
        migrate(&mut connection, &[FIRST], &path).expect("the steps are valid SQL");
        for steps in [
            &[FIRST, "INSERT INTO nothing"][..],
            &[FIRST, SECOND, "no SQL"],
        ] {
            migrate(&mut connection, steps, &path).expect_err("a step fails");
            assert_eq!(look(&connection), (1, "first".to_owned()));
            assert_eq!(look(&connect(&path)), (1, "first".to_owned()));
        }
        migrate(&mut connection, &[FIRST, SECOND], &path).expect("the steps are valid SQL");
        assert_eq!(look(&connection), (2, "second".to_owned()));
    }

    #[test]
    fn a_kill_before_the_commit_leaves_the_version_before() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("seen.db");
        let mut connection = connect(&path);
        migrate(&mut connection, &[FIRST], &path).expect("the steps are valid SQL");
        let wal = folder.path().join("seen.db-wal");
        let before = fs::metadata(&wal)
            .expect("the log is written before the commit")
            .len();
        let transaction = connection
            .transaction()
            .expect("no other transaction is open");
        take(&[FIRST, SECOND], &transaction).expect("the steps are valid SQL");
        let written = fs::metadata(&wal)
            .expect("the log is written before the commit")
            .len();
        assert!(written > before + 1_000_000, "nothing of it is on the disk");

        // A copy of the files is what a kill would leave here.
        let left = folder.path().join("left.db");
        fs::copy(&path, &left).expect("the folder is ours");
        fs::copy(&wal, folder.path().join("left.db-wal")).expect("the folder is ours");

        let mut next = connect(&left);
        assert_eq!(look(&next), (1, "first".to_owned()));
        migrate(&mut next, &[FIRST, SECOND], &left).expect("the steps are valid SQL");
        assert_eq!(look(&next), (2, "second".to_owned()));
    }
}
