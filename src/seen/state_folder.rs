//! The state folder: it holds the database, the spool of the MDAs, and the locks.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::{fs, io};

use rusqlite::Connection;

use super::connections::{BorrowedConnection, Connections};
use super::database::Database;
use super::{Error, Lock, integrity, read_only, schema};
use crate::mail::maildrop::AccountKey;
use crate::os::sys::{Facts, Kind, RealCalls};
use crate::os::walk::{self, PathRule, WalkedFolder};

const DATABASE: &str = "seen.db";
/// The most octets in the path of a database (SQLite's `MAX_PATHNAME`, less the longest suffix).
const LONGEST_PATH: usize = 504;

/// The use that is made of the database.
#[derive(Clone, Copy, Debug)]
enum Access {
    Read,
    Write,
}

/// A state folder that exists and is safe to use.
#[derive(Clone, Debug)]
pub(crate) struct StateFolder {
    path: PathBuf,
    access: Access,
    connections: Connections,
    /// Held while an account writes.
    pub(super) writing: Arc<Mutex<()>>,
}

impl StateFolder {
    /// Opens a state folder, and creates what is missing of it (mode 0700).
    ///
    /// # Errors
    /// It cannot be created, others can write to it or exchange it, or its database cannot be opened.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let walked = walk::make_folders(path, PathRule::Volume).map_err(Error::walk)?;
        walked.require_own()?;
        require_short_path(&walked.path)?;
        for name in ["spool", "locks"] {
            require_folder(&walked, name)?;
        }
        // The path without symbolic links: with SQLITE_OPEN_NOFOLLOW SQLite refuses one anywhere in it.
        let path = walked.path.clone();
        let database = database_in(&path);
        if !require_own_database(&walked)? {
            flush_ours(&path).map_err(|source| Error::Create {
                path: path.clone(),
                source,
            })?;
        }
        // Asked first, because a migration would write to the log.
        let has_older_log = integrity::has_older_log(&database);
        let database = schema::prepare(&database)?;
        let folder = Self::of(path, database, Access::Write);
        if has_older_log {
            integrity::doubt_all(&Database::open(&folder)?)?;
        }
        Ok(folder)
    }

    /// Opens a state folder for a command that changes nothing. It may be one that can only be read, such as
    /// a backup or a volume that is mounted so, or one of another user. Then nothing in it is changed.
    ///
    /// # Errors
    /// As [`Self::open`]. If the database can only be read, it must also be up to date.
    pub(crate) fn open_to_read(path: &Path) -> Result<Self, Error> {
        let refused = match Self::open(path) {
            Err(error) if error.may_be_readable() => error,
            opened => return opened,
        };
        // Another user can only show us something else: nothing is done because of it.
        let Ok(walked) = walk::open_folder::<RealCalls>(path, PathRule::Links) else {
            return Err(refused);
        };
        require_short_path(&walked.path)?;
        match find_database(&walked) {
            Ok(Some(_)) => {}
            Ok(None) => return Err(refused),
            Err(Error::Open { .. }) => return Err(refused),
            Err(error) => return Err(error),
        }
        let database = read_only::open(&database_in(&walked.path))?;
        Ok(Self::of(walked.path, database, Access::Read))
    }

    /// Opens a state folder for a command that changes nothing, if it has a database. Creates nothing.
    ///
    /// # Errors
    /// As [`Self::open_to_read`].
    pub(crate) fn find_to_read(path: &Path) -> Result<Option<Self>, Error> {
        match fs::symlink_metadata(database_in(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            _ => Self::open_to_read(path).map(Some),
        }
    }

    fn of(path: PathBuf, database: Connection, access: Access) -> Self {
        Self {
            path,
            access,
            connections: Connections::new(database),
            writing: Arc::default(),
        }
    }

    /// Returns a connection to the database.
    ///
    /// # Errors
    /// The database cannot be opened.
    pub(super) fn connect(&self) -> Result<BorrowedConnection, Error> {
        self.connections.borrow(|| match self.access {
            Access::Read => read_only::open(&self.database()),
            Access::Write => schema::open(&self.database()),
        })
    }

    /// Opens a state folder if it has a database. Creates nothing.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn find(path: &Path) -> Result<Option<Self>, Error> {
        if database_in(path).exists() {
            Self::open(path).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Returns false if it was opened to read and can only be read, or belongs to another user.
    pub(crate) fn can_be_written(&self) -> bool {
        matches!(self.access, Access::Write)
    }

    /// Returns the folder in which messages for an MDA wait.
    pub(crate) fn spool(&self) -> PathBuf {
        self.path.join("spool")
    }

    /// Takes the lock of `mailpull watch`, of which there is one for a state folder.
    ///
    /// # Errors
    /// Another one holds it, or the file cannot be opened.
    pub(crate) fn lock_for_watch(&self) -> Result<Lock, Error> {
        Lock::take(&self.path.join("locks/watch.lock")).map_err(|error| match error {
            Error::Locked => Error::Watched(self.path.clone()),
            error => error,
        })
    }

    pub(super) fn database(&self) -> PathBuf {
        database_in(&self.path)
    }

    pub(super) fn former_tags(&self) -> PathBuf {
        self.path.join("renamed")
    }

    /// Returns the path of an account's lock file.
    pub(super) fn lock(&self, AccountKey(account): AccountKey) -> PathBuf {
        self.path.join("locks").join(format!("{account}.lock"))
    }
}

fn database_in(folder: &Path) -> PathBuf {
    folder.join(DATABASE)
}

/// Creates a folder in the state folder, unless it exists.
fn require_folder(state: &WalkedFolder<RealCalls>, name: &str) -> Result<(), Error> {
    let path = state.path.join(name);
    let made = state.make(name).and_then(|_| state.open(name));
    let (_, facts) = made.map_err(|errno| Error::Create {
        path: path.clone(),
        source: errno.into(),
    })?;
    Ok(state.require_own_file(&path, &facts)?)
}

/// Requires that SQLite can use the paths of the database and of the files beside it.
fn require_short_path(folder: &Path) -> Result<(), Error> {
    let path = database_in(folder);
    let octets = path.as_os_str().len();
    match octets {
        ..=LONGEST_PATH => Ok(()),
        _ => Err(Error::LongPath { path, octets }),
    }
}

/// Requires that the database, if there is one, is a file of ours. Returns true if there is one.
fn require_own_database(state: &WalkedFolder<RealCalls>) -> Result<bool, Error> {
    let found = find_database(state)?;
    if let Some(facts) = found {
        state.require_own_file(&database_in(&state.path), &facts)?;
    }
    Ok(found.is_some())
}

/// Returns the facts about the database, if there is one. It and the files beside it must be regular files:
/// SQLite would wait for ever for a FIFO.
fn find_database(state: &WalkedFolder<RealCalls>) -> Result<Option<Facts>, Error> {
    for suffix in ["-journal", "-shm", "-wal"] {
        find_file(state, &format!("{DATABASE}{suffix}"))?;
    }
    find_file(state, DATABASE)
}

fn find_file(state: &WalkedFolder<RealCalls>, name: &str) -> Result<Option<Facts>, Error> {
    let path = state.path.join(name);
    match state.look(name) {
        Ok(Some(facts)) if facts.kind != Kind::File => Err(Error::NotAFile(path)),
        Ok(found) => Ok(found),
        Err(errno) => Err(Error::Open {
            path,
            source: errno.into(),
        }),
    }
}

/// Makes a folder and the folders above it survive a power cut. This run may have created them, or one
/// that was killed before it flushed them.
fn flush_ours(path: &Path) -> io::Result<()> {
    let us = rustix::process::geteuid().as_raw();
    let is_ours = |folder: &Path| folder.metadata().is_ok_and(|found| found.uid() == us);
    let flush = |folder: &Path| fs::File::open(folder)?.sync_all();
    // Folders of other users were not created by mailpull.
    for folder in path.ancestors().take_while(|folder| is_ours(folder)) {
        flush(folder)?;
        // The folder's name is in the folder above it. If that one belongs to another user, we may not be
        // allowed to open it.
        match folder.parent() {
            Some(parent) if !is_ours(parent) => drop(flush(parent)),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_state_folder_is_created_with_its_parents_for_its_owner_only() {
        let home = tempfile::tempdir().expect("a folder can be made");
        let path = home.path().join("state/mailpull");

        StateFolder::open(&path).expect("a new folder can be opened");

        for folder in ["", "spool", "locks"] {
            let metadata = fs::metadata(path.join(folder)).expect("the folder was created");
            assert_eq!(metadata.permissions().mode() & 0o777, 0o700, "{folder}");
        }
    }

    #[test]
    fn a_state_folder_that_others_can_write_to_is_refused() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        for mode in [0o770, 0o707] {
            let permissions = fs::Permissions::from_mode(mode);
            fs::set_permissions(folder.path(), permissions).expect("the folder is ours");

            let error = StateFolder::open(folder.path()).expect_err("the folder is unsafe");

            assert!(matches!(error, Error::Path(_)), "{error}");
        }
    }

    #[test]
    fn no_state_folder_is_created_where_one_is_only_looked_for() {
        let home = tempfile::tempdir().expect("a folder can be made");
        let path = home.path().join("state");

        let found = StateFolder::find(&path).expect("nothing is wrong");

        assert!(found.is_none());
        assert!(!path.exists());
    }
}
