//! The tables, and how a database is opened: pragmas, the check that it is ours, migrations.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use rustix::fs::OFlags;

use super::Error;

/// The number in the file that marks it as ours: "mpul".
const APPLICATION_ID: i32 = 0x6d70_756c;
/// The first octets of every SQLite database.
const HEAD: &[u8] = b"SQLite format 3\0";
/// The time that another run may hold the database before we give up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The steps from an empty database to the current schema. `user_version` counts those taken.
///
/// Version 0.1.0 has the first step. A released step is never changed, and a new one follows it. Even
/// its comments stay as they are, because SQLite stores them with the tables. To read them today:
///
/// - State 4, TROUBLED, is FAILED everywhere else.
/// - `keep` is the policy that the last run followed. `server` and `user` are those of the last run
///   that ended its session with QUIT.
/// - `acquaintance` is the server profile, and `lost_step` the time at which the server mixed up its
///   replies to pipelined commands.
/// - `unique_id` and `copy` are the key of a message, the same in all tables. `copy` distinguishes
///   messages with the same unique-id.
/// - `vanished` is the time at which a listing was without the message for the first time.
/// - `last_run`, `listed`, `staged` and the other times are seconds since 1970.
/// - `id` of an account also names its lock file. It is not AUTOINCREMENT: a number may be used again
///   after its account and all rows that refer to it were removed. The generation in a lock file that
///   is left does not match that of the new account.
/// - `words` is the output of an MDA that took the message.
pub(super) const MIGRATIONS: &[&str] = &[
    "
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
",
    "
ALTER TABLE account ADD COLUMN surplus INTEGER NOT NULL DEFAULT 0
    /* octets that STAT counts more than LIST */;
ALTER TABLE account ADD COLUMN equal_contents INTEGER NOT NULL DEFAULT 0
    /* messages in a row whose size had changed and whose content had not */;
ALTER TABLE seen ADD COLUMN quit_sent INTEGER
    /* when QUIT was sent after its DELE; null once the answer is known */;
ALTER TABLE delivery ADD COLUMN canonical BLOB
    /* SHA-256 without the header lines that servers write; null if that is digest */;
ALTER TABLE delivery ADD COLUMN body BLOB
    /* SHA-256 of the beginning of the body and of its length; null if it is blank */;
ALTER TABLE delivery ADD COLUMN message_id BLOB
    /* SHA-256 of Message-ID */;
ALTER TABLE delivery ADD COLUMN date BLOB
    /* SHA-256 of Date */;

CREATE TABLE account_notice (               -- what was said once about an account
    account INTEGER NOT NULL REFERENCES account (id),
    subject TEXT    NOT NULL,               -- a word of the program
    said    INTEGER NOT NULL,               -- when
    PRIMARY KEY (account, subject)
) STRICT, WITHOUT ROWID;
",
    "
ALTER TABLE seen ADD COLUMN proven_gone INTEGER NOT NULL DEFAULT 0
    /* without unique-ids: a session after the deletion retrieved all, and not this content */;
",
    "
ALTER TABLE account ADD COLUMN clock INTEGER
    /* the clock at the start of the last run */;
ALTER TABLE account ADD COLUMN clock_behind INTEGER
    /* a time that the clock had reached before it was set back */;
",
    "
ALTER TABLE account ADD COLUMN mark BLOB NOT NULL DEFAULT x''
    /* in the names of its files: only files with this mark are removed */;
ALTER TABLE account ADD COLUMN mark_drawn_in TEXT
    /* inode and birth time of this database then; null: a mark is to be drawn */;
ALTER TABLE account ADD COLUMN doubt INTEGER
    /* since when messages may have been delivered that this database does not know */;
ALTER TABLE account ADD COLUMN recognised INTEGER
    /* when a run had recognised all that was listed: the doubt ends some days later */;

CREATE TABLE place (                        -- a Maildir to which messages were delivered
    account INTEGER NOT NULL REFERENCES account (id),
    path    BLOB    NOT NULL,               -- its absolute path
    inode   INTEGER NOT NULL,               -- of its new/ at the last delivery
    device  INTEGER,                        -- of its new/ then; null: not known
    PRIMARY KEY (account, path)
) STRICT, WITHOUT ROWID;

INSERT INTO place (account, path, inode)
SELECT account, target, inode FROM
    (SELECT account, target, inode, max(id) FROM delivery
     WHERE program IS NULL AND delivered IS NOT NULL GROUP BY account, target);
",
    "
CREATE INDEX account_user ON account (user);
",
    "
ALTER TABLE seen ADD COLUMN suspicion INTEGER NOT NULL DEFAULT 0
    /* why our copy is in doubt: 0 it is not, 1 OUT OF STEP (it may be another message), 2 INCOMPLETE,
       3 PLACEHOLDER (the server has the message), 4 UNSETTLED (a second download was no better) */;

CREATE INDEX seen_suspicion ON seen (account) WHERE suspicion <> 0;

-- Version 0.1.0 never deleted what may be incomplete. What came back after its deletion is another case.
UPDATE seen SET suspicion = 1, undeletable = 0 WHERE state = 2 AND undeletable = 1 AND came_back = 0;
",
    "
ALTER TABLE account ADD COLUMN pipelining_doubt INTEGER NOT NULL DEFAULT 0
    /* the commands that the server hung up on, while no session without pipelining has followed */;
ALTER TABLE account ADD COLUMN pipelining_breaks INTEGER NOT NULL DEFAULT 0
    /* times in a row that such commands broke a session and the next one worked without */;
ALTER TABLE account ADD COLUMN pipelining_flight INTEGER NOT NULL DEFAULT 0
    /* those commands: 1 login or listing, 2 RETR or TOP, 3 DELE */;
ALTER TABLE account ADD COLUMN target BLOB
    /* SHA-256 of what the configuration said about the target of the last run */;
ALTER TABLE account ADD COLUMN target_proven INTEGER NOT NULL DEFAULT 0
    /* a message has been delivered there */;

CREATE TABLE failure (                      -- of a message, at one step
    account   INTEGER NOT NULL REFERENCES account (id),
    unique_id BLOB    NOT NULL,
    copy      INTEGER NOT NULL,
    step      INTEGER NOT NULL CHECK (step BETWEEN 1 AND 3), -- 1 RETR, 2 the delivery, 3 DELE
    reason    TEXT    NOT NULL,             -- without what is particular to the message
    outlived  INTEGER NOT NULL DEFAULT 0,   -- another message has succeeded since
    attempts  INTEGER NOT NULL DEFAULT 0,   -- only of step 3: that failed, in a row
    next_try  INTEGER NOT NULL DEFAULT 0,   -- only of step 3: not before
    broke     INTEGER NOT NULL DEFAULT 0,   -- only of step 3: a session ended there
    PRIMARY KEY (account, step, unique_id, copy)
) STRICT, WITHOUT ROWID;
",
    "
ALTER TABLE account ADD COLUMN other_headers INTEGER NOT NULL DEFAULT 0
    /* messages in a row whose header (TOP) was another one and whose content was not */;
",
    "
ALTER TABLE seen ADD COLUMN unproven INTEGER NOT NULL DEFAULT 0
    /* deleted, and no session has shown since then that the server has let it go */;

CREATE INDEX seen_unproven ON seen (account) WHERE unproven = 1;
",
    "
ALTER TABLE account ADD COLUMN short_again INTEGER NOT NULL DEFAULT 0
    /* second downloads that had the same octets although LIST says more: with 3, or 6 for less than half
       of the size, the server lists wrong sizes. Until then seen.suspicion is 5 SHORT */;
",
    "
ALTER TABLE account ADD COLUMN lock_changed INTEGER
    /* when its lock file got the generation, by the file system's clock: a later change is a copy */;
",
    "
ALTER TABLE account ADD COLUMN listing_memory INTEGER NOT NULL DEFAULT 0
    /* octets of memory that the last listing needed: the next run takes them before it connects */;
",
];

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
