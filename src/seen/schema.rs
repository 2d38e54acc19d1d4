//! The tables, and how a database is opened: pragmas, ownership, migrations.
//! Knows nothing of what the rows mean.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::Error;

/// "mpul": marks the file as ours.
const APPLICATION_ID: i32 = 0x6d70_756c;
/// What every SQLite database begins with.
const HEAD: &[u8] = b"SQLite format 3\0";
/// How long another run may hold the database before we give up.
const BUSY: Duration = Duration::from_secs(10);

/// The steps from an empty database to the current schema; `user_version` counts those taken.
/// Version 0.1.0 has the first one. A released step is never changed: a new one follows it.
const MIGRATIONS: &[&str] = &["
CREATE TABLE account (
    id           INTEGER PRIMARY KEY,
    name         TEXT NOT NULL UNIQUE,
    server       TEXT NOT NULL,
    user         TEXT NOT NULL,
    tag          TEXT NOT NULL,             -- in the names of its files
    keep         TEXT,                      -- the policy of its last run
    last_run     INTEGER,
    last_status  INTEGER,
    failures     INTEGER NOT NULL DEFAULT 0,-- runs in a row that failed
    cut_off      INTEGER NOT NULL DEFAULT 0,-- the last session did not end with QUIT
    generation   INTEGER,                   -- drawn anew by every run
    acquaintance TEXT,                      -- what its sessions learned of the server
    login        TEXT,                      -- how its last session logged in
    logged_in    INTEGER,                   -- when that was
    lost_step    INTEGER,                   -- when the server could not keep step with pipelining
    moved        INTEGER,                   -- when its record was given to another database
    recognitions INTEGER NOT NULL DEFAULT 0 -- of renamed messages, begun in a row and not ended
) STRICT;

CREATE TABLE seen (
    account     INTEGER NOT NULL REFERENCES account (id),
    unique_id   BLOB    NOT NULL,
    copy        INTEGER NOT NULL,
    -- 0 SEEN, 1 STAGED, 2 DELIVERED, 3 GONE, 4 TROUBLED (could not be retrieved)
    state       INTEGER NOT NULL CHECK (state BETWEEN 0 AND 4),
    size        INTEGER,                    -- as the first scan listing said
    listed      INTEGER NOT NULL,           -- first listed
    delivered   INTEGER,
    gone        INTEGER,                    -- deleted from the server by us
    vanished    INTEGER,                    -- when a listing was first without it
    attempts    INTEGER NOT NULL DEFAULT 0, -- that failed, in a row
    next_try    INTEGER NOT NULL DEFAULT 0, -- not before
    handed_over INTEGER NOT NULL DEFAULT 0, -- an MDA has it, or had it when we died
    came_back   INTEGER NOT NULL DEFAULT 0, -- listed again, unchanged, after its deletion
    undeletable INTEGER NOT NULL DEFAULT 0, -- the server lists it whatever DELE answers
    PRIMARY KEY (account, unique_id, copy)
) STRICT, WITHOUT ROWID;

CREATE INDEX seen_staged ON seen (account) WHERE state = 1;
CREATE INDEX seen_vanished ON seen (account, vanished) WHERE vanished IS NOT NULL;

CREATE TABLE delivery (
    id            INTEGER PRIMARY KEY,
    account       INTEGER NOT NULL REFERENCES account (id),
    unique_id     BLOB    NOT NULL,
    copy          INTEGER NOT NULL,
    program       TEXT,                     -- the MDA, if it is one
    target        BLOB    NOT NULL,         -- absolute path of the Maildir, or of the spool
    inode         INTEGER NOT NULL,         -- of the folder it stands in
    file_name     TEXT    NOT NULL,
    octets        INTEGER NOT NULL,         -- as stored
    digest        BLOB    NOT NULL,         -- SHA-256 of the message as stored
    header_digest BLOB    NOT NULL,         -- SHA-256 of its header as stored
    sender        BLOB    NOT NULL,         -- From
    subject       BLOB    NOT NULL,
    staged        INTEGER NOT NULL,
    delivered     INTEGER,
    deleted       INTEGER,                  -- from the server
    repeated      INTEGER NOT NULL DEFAULT 0, -- handed over again after a kill
    words         BLOB,                     -- what an MDA said that took it
    UNIQUE (account, unique_id, copy)
) STRICT;

CREATE TABLE notice (                       -- what was said once and is not said again
    account   INTEGER NOT NULL REFERENCES account (id),
    unique_id BLOB    NOT NULL,
    copy      INTEGER NOT NULL,
    PRIMARY KEY (account, unique_id, copy)
) STRICT, WITHOUT ROWID;
"];

/// Opens a database, making it (0600) where there is none.
///
/// # Errors
/// It cannot be opened, is another program's, newer than this one, or damaged; it is never made
/// anew over something else.
///
/// Only for the first connection of a process: closing a file takes all locks from it that the
/// process has (POSIX), those of other connections, too.
pub(super) fn prepare(path: &Path) -> Result<Connection, Error> {
    let is_foreign = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
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

/// Opens a database that is there.
///
/// # Errors
/// It cannot be opened, is another program's, newer than this one, or damaged.
pub(super) fn open(path: &Path) -> Result<Connection, Error> {
    let cannot = |source| Error::open(path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut connection = Connection::open_with_flags(path, flags).map_err(cannot)?;
    connection.busy_timeout(BUSY).map_err(cannot)?;
    check_owner(&mut connection, path)?;
    let journal = journal(path);
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = {journal}; PRAGMA synchronous = EXTRA;
             PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = ON;",
        ))
        .map_err(cannot)?;
    migrate(&mut connection, MIGRATIONS, path)?;
    Ok(connection)
}

/// How SQLite is to keep its journal: a write-ahead log needs memory that all who use the database
/// share, which processes on different machines cannot.
fn journal(path: &Path) -> &'static str {
    // Where nobody can say what it is, SQLite finds out whether it works.
    let file_system = rustix::fs::statfs(path).map_or(0, |stat| stat.f_type & 0xFFFF_FFFF);
    if is_network(file_system) {
        "DELETE"
    } else {
        "WAL"
    }
}

/// Whether files may be on another machine. FUSE may be anything, sshfs as well.
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

/// Whether a file cannot be a database: SQLite takes few octets, or zeros, for an empty one and
/// would write over them. Where it left a journal, only SQLite can tell.
fn is_foreign(file: File, path: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    file.take(HEAD.len() as u64).read_to_end(&mut head)?;
    let has_journal = ["-journal", "-wal"].iter().any(|suffix| {
        let mut journal = path.as_os_str().to_owned();
        journal.push(suffix);
        Path::new(&journal).exists()
    });
    Ok(!head.is_empty() && head != HEAD && !has_journal)
}

fn check_owner(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    // At one point in time: another run may be making the tables.
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
    if number("PRAGMA user_version")? > MIGRATIONS.len() as i64 {
        return Err(Error::Newer(path.to_owned()));
    }
    Ok(())
}

/// Takes the steps that are missing, in one transaction, so that a kill leaves the old version.
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
    // Another run may have migrated while we waited.
    for step in steps.iter().skip(version(transaction)?) {
        transaction.execute_batch(step)?;
    }
    transaction.execute_batch(&format!(
        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {};",
        steps.len()
    ))
}

fn version(connection: &Connection) -> rusqlite::Result<usize> {
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
        let connection = Connection::open(path).expect("it can be opened");
        let pragmas = "PRAGMA journal_mode = WAL; PRAGMA cache_size = 10;";
        connection.execute_batch(pragmas).expect("they are known");
        connection
    }

    /// The version, and what its last step wrote.
    fn look(connection: &Connection) -> (usize, String) {
        let text = connection.query_row("SELECT text FROM one", [], |row| row.get(0));
        let version = version(connection).expect("it can be read");
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
            migrate(&mut connection, steps, &path).expect("it works");
            let (version, text) = look(&connection);
            assert_eq!((version, &*text), expected);
        }
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_before() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("seen.db");
        let mut connection = connect(&path);
        migrate(&mut connection, &[FIRST], &path).expect("it works");
        for steps in [
            &[FIRST, "INSERT INTO nothing"][..],
            &[FIRST, SECOND, "no SQL"],
        ] {
            migrate(&mut connection, steps, &path).expect_err("a step fails");
            assert_eq!(look(&connection), (1, "first".to_owned()));
            assert_eq!(look(&connect(&path)), (1, "first".to_owned()));
        }
        migrate(&mut connection, &[FIRST, SECOND], &path).expect("it works");
        assert_eq!(look(&connection), (2, "second".to_owned()));
    }

    #[test]
    fn a_kill_before_the_commit_leaves_the_version_before() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("seen.db");
        let mut connection = connect(&path);
        migrate(&mut connection, &[FIRST], &path).expect("it works");
        let wal = folder.path().join("seen.db-wal");
        let before = fs::metadata(&wal).expect("it is there").len();
        let transaction = connection.transaction().expect("it can begin");
        take(&[FIRST, SECOND], &transaction).expect("it works");
        let written = fs::metadata(&wal).expect("it is there").len();
        assert!(written > before + 1_000_000, "nothing of it is on the disk");

        // What a process leaves that ends here, for good.
        let left = folder.path().join("left.db");
        fs::copy(&path, &left).expect("it can be copied");
        fs::copy(&wal, folder.path().join("left.db-wal")).expect("it can be copied");

        let mut next = connect(&left);
        assert_eq!(look(&next), (1, "first".to_owned()));
        migrate(&mut next, &[FIRST, SECOND], &left).expect("it works");
        assert_eq!(look(&next), (2, "second".to_owned()));
    }
}
