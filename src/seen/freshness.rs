//! Freshness: a check that the database is the one that the account's last run left.
//!
//! A backup of the database may be restored, the database lost, or the state folder copied. Then
//! messages were delivered that it does not know. So each run that stages something first draws a new
//! number, the *generation*, and writes it into the database and into the account's lock file, which a
//! restored database does not bring back.
//!
//! The whole state folder may also be restored, lock files and all, by copying over the files that are
//! there. So the database also notes when the lock file was last changed.
//!
//! If they do not match, the account's *doubt* begins. It is stored, because many runs may pass
//! before every message that was delivered before is recognised.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use rusqlite::params;
use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use super::database::{Queries, statements};
use super::{Error, Ledger};
use crate::mail::maildrop::AccountKey;
use crate::mail::mark::Mark;
use crate::moment::Moment;
use crate::os::random::random;

/// The comparison of the database with the one that the account's last run left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Freshness<'a>(pub(super) &'a Ledger);

/// The doubt that the database knows all messages that were delivered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Doubt {
    /// The database is the one that the last run left.
    None,
    /// The database is new, an older one, or a copy. Not everything was recognised yet.
    Open,
    /// A run has recognised everything that was listed. A listing may have had holes, so new messages
    /// are still compared with the files in the Maildir for some days.
    Lingering,
}

/// The length of a lock file's text. It is always the same, so that the text is replaced in place: after
/// a power cut the file has the old text or the new one, and is never empty.
const TEXT_LENGTH: usize = 192;

/// The seconds that the lock file may have been changed after the time that the database notes: the text is
/// replaced once more when the database is written, which may wait for other runs.
const LOCK_TOLERANCE: i64 = 600;

/// The time for which new messages are still compared after a run has recognised everything.
const LINGERING: Duration = Duration::from_secs(14 * 24 * 3600);

impl Freshness<'_> {
    /// Compares the database with the one that the account's last run left, and begins the doubt if it
    /// is another. The account then also gets a new mark: the files with the former one belong to
    /// another database, of which this one may be a copy, and are never removed. Returns the account's
    /// mark.
    ///
    /// # Errors
    /// The database or the lock file cannot be read or written.
    pub(super) fn check(self) -> Result<Mark, Error> {
        let row = self.row()?;
        let noted = fs::read_to_string(self.0.lock_file()).unwrap_or_default();
        let file = self.file()?;
        let expected = signature(row.generation, &file);
        let is_signed = noted.lines().any(|line| line.trim() == expected);
        // In the second case nothing was ever staged.
        let is_the_last = is_signed && !self.was_lock_copied(&row, &noted)
            || row.generation.is_none() && noted.trim().is_empty();
        // An account of version 0.1.0 has no mark yet, and an imported account has none either.
        let is_copy = row.drawn_in.as_ref().is_some_and(|other| *other != file);
        let is_in_doubt = !is_the_last || is_copy;
        if !is_in_doubt && row.drawn_in.is_some() {
            return Ok(row.mark);
        }
        let mark = Mark(random());
        let key = self.0.key();
        self.0.write(|queries| {
            queries.execute(&DRAW_MARK, params![key, mark, file])?;
            if is_in_doubt {
                queries.execute(&BEGIN_DOUBT, params![key, Moment::now()])?;
            }
            Ok(())
        })?;
        if is_in_doubt {
            // A kill before this only makes the next run begin the doubt once more.
            self.sign()?;
        }
        Ok(mark)
    }

    /// Returns true if another program changed the lock file after the last run. It may have put a backup over
    /// all files of the state folder.
    fn was_lock_copied(self, row: &FreshnessRow, noted: &str) -> bool {
        let lines = noted.lines().filter(|line| !line.trim().is_empty());
        // A run that was killed while it drew a generation has written two lines, and perhaps has not noted
        // the time.
        let is_settled = lines.count() == 1;
        let times = row.lock_changed.zip(lock_changed(&self.0.lock_file()).ok());
        let is_later = |(then, now): (i64, i64)| now > then.saturating_add(LOCK_TOLERANCE);
        is_settled && times.is_some_and(is_later)
    }

    /// Draws a new generation, unless this run has done so. This must come before the run stages or
    /// delivers anything: an older database put in its place is then noticed even if the run is killed.
    ///
    /// # Errors
    /// The lock file or the database cannot be written. Nothing may be staged.
    pub(crate) fn sign(self) -> Result<(), Error> {
        if !self.0.is_signed.get() {
            let key = self.0.key();
            let write = |next| self.0.write(|queries| sign(queries, key, next));
            self.note_next(write, Flush::Now)?;
            self.0.is_signed.set(true);
        }
        Ok(())
    }

    /// Draws a new generation if this run has signed the database: a copy that was made while the run
    /// was at work is an older database, too. `write` gets the generation that it has to write
    /// into the database.
    ///
    /// # Errors
    /// The lock file cannot be written, or `write` fails.
    pub(super) fn sign_again(
        self,
        write: impl FnOnce(Option<Generation>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if !self.0.is_signed.get() {
            return write(None);
        }
        // After a power cut the text of before may be back, which fits this database, too.
        self.note_next(|next| write(Some(next)), Flush::Later)
    }

    /// Notes the next generation beside the one of the database, lets `write` write it, and then notes it
    /// alone. So the two match after a kill at any point, and the former database matches no more.
    fn note_next(
        self,
        write: impl FnOnce(Generation) -> Result<(), Error>,
        flush: Flush,
    ) -> Result<(), Error> {
        let next = i64::from_be_bytes(random());
        let (file, current) = (self.file()?, self.row()?.generation);
        self.note(&[current, Some(next)], &file, Flush::Now)?;
        let path = self.0.lock_file();
        write(Generation {
            number: next,
            lock_changed: lock_changed(&path).map_err(|source| Error::Sign { path, source })?,
        })?;
        self.note(&[Some(next)], &file, flush)
    }

    fn note(self, generations: &[Option<i64>], file: &str, flush: Flush) -> Result<(), Error> {
        let lines = generations.iter();
        let text: String = lines
            .map(|generation| signature(*generation, file) + "\n")
            .collect();
        let path = self.0.lock_file();
        write_text(&path, &text, flush).map_err(|source| Error::Sign { path, source })
    }

    /// Returns the doubt that the database knows all messages that were delivered.
    ///
    /// # Errors
    /// The database cannot be read.
    pub(crate) fn doubt(self) -> Result<Doubt, Error> {
        let row = self.row()?;
        Ok(match (row.doubt, row.recognised) {
            (None, _) => Doubt::None,
            (Some(_), None) => Doubt::Open,
            (Some(_), Some(_)) => Doubt::Lingering,
        })
    }

    fn row(self) -> Result<FreshnessRow, Error> {
        let row = self.0.read(|queries| {
            queries.first(&ROW, [self.0.key()], |row| {
                Ok(FreshnessRow {
                    generation: row.get(0)?,
                    mark: row.get(1)?,
                    drawn_in: row.get(2)?,
                    doubt: row.get(3)?,
                    recognised: row.get(4)?,
                    lock_changed: row.get(5)?,
                })
            })
        })?;
        Ok(row.unwrap_or_default())
    }

    /// Returns inode and birth time of the database's file: no two files have the same.
    fn file(self) -> Result<String, Error> {
        let path = self.0.database_file();
        file_identity(&path).map_err(|source| Error::Open { path, source })
    }
}

/// The columns of the account's row that say whether the database is the last one.
#[derive(Debug, Default)]
struct FreshnessRow {
    generation: Option<i64>,
    mark: Mark,
    /// The file in which the mark was drawn.
    drawn_in: Option<String>,
    doubt: Option<Moment>,
    recognised: Option<Moment>,
    /// The time of the last change of the lock file.
    lock_changed: Option<i64>,
}

/// A new generation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Generation {
    number: i64,
    /// The time at which it was written into the lock file, by the clock of the file system.
    lock_changed: i64,
}

/// Writes a new generation into the database.
pub(super) fn sign(
    queries: &Queries<'_>,
    key: AccountKey,
    next: Generation,
) -> rusqlite::Result<()> {
    queries.execute(&SIGN, params![key, next.number, next.lock_changed])?;
    Ok(())
}

/// Returns the time of the last change of a lock file (ctime), which a program that copies files cannot set.
fn lock_changed(path: &Path) -> io::Result<i64> {
    Ok(rustix::fs::stat(path)?.st_ctime)
}

/// Returns the line that no other database file has after the account's last run: the generation, and
/// the file's inode and birth time. Where the whole state folder is restored, the lock file agrees with
/// the generation, but the database is another file.
fn signature(generation: Option<i64>, file: &str) -> String {
    match generation {
        Some(generation) => format!("{generation} {file}"),
        None => format!("none {file}"),
    }
}

/// Returns inode and birth time of a file.
pub(super) fn file_identity(path: &Path) -> io::Result<String> {
    let file = fs::metadata(path)?;
    // Some file systems do not record the birth time.
    let born = file.created().ok();
    let born = born.and_then(|born| born.duration_since(UNIX_EPOCH).ok());
    let born = born.map_or(0, |since| since.as_nanos());
    Ok(format!("{} {born}", file.ino()))
}

/// The time at which a text must be on the disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Flush {
    /// Before the next step.
    Now,
    /// Whenever the system writes it.
    Later,
}

/// Replaces the text of a lock file.
fn write_text(path: &Path, text: &str, flush: Flush) -> io::Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    let is_new = file.metadata()?.len() == 0;
    file.write_all_at(format!("{text:TEXT_LENGTH$}").as_bytes(), 0)?;
    match flush {
        Flush::Later => return Ok(()),
        Flush::Now if !is_new => return file.sync_data(),
        Flush::Now => file.sync_all()?,
    }
    // Its name is in the folder.
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::File::open(folder)?.sync_all()
}

/// Records at the end of a run what it means for the account's doubt.
pub(super) fn end_doubt(
    queries: &Queries<'_>,
    key: AccountKey,
    recognition: RecognitionEnd,
) -> rusqlite::Result<()> {
    let now = Moment::now();
    match recognition {
        RecognitionEnd::Unfinished => Ok(0),
        RecognitionEnd::NothingToFind => queries.execute(&END_DOUBT, [key]),
        RecognitionEnd::Found => queries.execute(&PROLONG_DOUBT, params![key, now]),
        RecognitionEnd::Complete => {
            queries.execute(&END_LINGERING, params![key, now.before(LINGERING)])?;
            queries.execute(&NOTE_RECOGNISED, params![key, now])
        }
    }?;
    Ok(())
}

/// The share of a run in the recognition of messages that were delivered before.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum RecognitionEnd {
    /// The run left listed messages for a later one.
    #[default]
    Unfinished,
    /// The run recognised messages. The next listing may show more of them.
    Found,
    /// The run has dealt with everything that was listed, and recognised nothing more.
    Complete,
    /// The same, and there is no file that could be recognised.
    NothingToFind,
}

impl ToSql for Mark {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::from(&self.0[..]))
    }
}

impl FromSql for Mark {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let octets = value.as_blob()?;
        // It is empty until a run has drawn it.
        Ok(octets.try_into().map_or_else(|_| Self::default(), Self))
    }
}

statements! {
    ROW =
        "SELECT generation, mark, mark_drawn_in, doubt, recognised, lock_changed
         FROM account WHERE id = ?1";
    DRAW_MARK = "UPDATE account SET mark = ?2, mark_drawn_in = ?3 WHERE id = ?1";
    BEGIN_DOUBT = "UPDATE account SET doubt = ?2, recognised = NULL WHERE id = ?1";
    SIGN = "UPDATE account SET generation = ?2, lock_changed = ?3 WHERE id = ?1";

    NOTE_RECOGNISED =
        "UPDATE account SET recognised = ?2
         WHERE id = ?1 AND doubt IS NOT NULL AND recognised IS NULL";

    PROLONG_DOUBT = "UPDATE account SET recognised = ?2 WHERE id = ?1 AND recognised IS NOT NULL";

    END_DOUBT = "UPDATE account SET doubt = NULL, recognised = NULL WHERE id = ?1";

    END_LINGERING =
        "UPDATE account SET doubt = NULL, recognised = NULL WHERE id = ?1 AND recognised <= ?2";
}
