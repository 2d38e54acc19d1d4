//! The state folder: it holds the database, the spool of the MDAs, and the locks.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::{fs, io};

use rusqlite::Connection;

use super::database::Database;
use super::{Error, integrity, schema};
use crate::mail::maildrop::AccountKey;

/// A state folder that exists and is safe to use.
#[derive(Clone, Debug)]
pub(crate) struct StateFolder {
    path: PathBuf,
    /// Stays open as long as any other connection of this process may be opened. When the last
    /// connection is closed, SQLite copies the write-ahead log back into the database and removes
    /// it. Without this one that would happen at the end of every account.
    _database: Arc<Mutex<Connection>>,
    /// Held while an account writes.
    pub(super) writing: Arc<Mutex<()>>,
}

impl StateFolder {
    /// Opens a state folder, and creates what is missing of it (mode 0700).
    ///
    /// # Errors
    /// It cannot be created, others can write to it, or its database cannot be opened.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        for folder in [path.to_owned(), path.join("spool"), path.join("locks")] {
            make_folder(&folder).map_err(|source| Error::Create {
                path: folder.clone(),
                source,
            })?;
        }
        let cannot = |source| Error::Create {
            path: path.to_owned(),
            source,
        };
        // The way to the home folder may have a symbolic link in it, and with SQLITE_OPEN_NOFOLLOW
        // SQLite refuses one anywhere in the path.
        let path = path.canonicalize().map_err(cannot)?;
        let owner = fs::metadata(&path).map_err(cannot)?;
        let is_ours = owner.uid() == rustix::process::geteuid().as_raw();
        if !is_ours || owner.permissions().mode() & 0o022 != 0 {
            return Err(Error::Unsafe(path));
        }
        let database = database_in(&path);
        if !database.exists() {
            flush_ours(&path).map_err(cannot)?;
        }
        // Asked first, because a migration would write to the log.
        let has_older_log = integrity::has_older_log(&database);
        let database = schema::prepare(&database)?;
        let folder = Self {
            path,
            _database: Arc::new(Mutex::new(database)),
            writing: Arc::default(),
        };
        if has_older_log {
            integrity::doubt_all(&Database::open(&folder)?)?;
        }
        Ok(folder)
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

    /// Returns the folder in which messages for an MDA wait.
    pub(crate) fn spool(&self) -> PathBuf {
        self.path.join("spool")
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
    folder.join("seen.db")
}

/// Creates a folder with all its parents.
fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_folder(parent)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(path) {
        // Another run was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
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

            assert!(matches!(error, Error::Unsafe(_)), "{error}");
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
