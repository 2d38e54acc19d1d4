//! The state folders of histories. They are real, because SQLite reaches the system by itself.

use std::path::{Path, PathBuf};
use std::{env, fs, io, process};

use crate::seen::StateFolder;

/// A new database, of which each history gets a copy: to create its tables takes as long as some
/// runs.
#[derive(Debug)]
pub(super) struct NewDatabase(StateDir);

/// A folder that is removed when it is dropped.
#[derive(Debug)]
pub(super) struct StateDir(PathBuf);

impl NewDatabase {
    /// Creates the database.
    pub(super) fn create() -> Result<Self, String> {
        let folder = StateDir::create("new").map_err(|error| error.to_string())?;
        // When it is closed, all of the database is in one file.
        drop(folder.open()?);
        Ok(Self(folder))
    }

    /// Returns a folder with a copy of the database.
    pub(super) fn copy(&self, seed: u64) -> io::Result<StateDir> {
        let folder = StateDir::create(&seed.to_string())?;
        fs::copy(self.0.database(), folder.database())?;
        Ok(folder)
    }
}

impl StateDir {
    fn create(name: &str) -> io::Result<Self> {
        let memory = Path::new("/dev/shm");
        let parent = match memory.is_dir() {
            true => memory.to_owned(),
            false => env::temp_dir(),
        };
        let path = parent.join(format!("mailpull-simulation-{}-{name}", process::id()));
        // It may be that of an earlier process with the same number.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// Opens the database. The runs of a history use it one after the other, which saves the time
    /// to open it.
    pub(super) fn open(&self) -> Result<StateFolder, String> {
        StateFolder::open(&self.0).map_err(|error| error.to_string())
    }

    /// Replaces the database by a new one, and removes the locks if they are lost, too.
    pub(super) fn lose(&self, new: &NewDatabase, with_locks: bool) -> io::Result<()> {
        if with_locks {
            // They may be lost already.
            let _ = fs::remove_dir_all(self.0.join("locks"));
        }
        // The new file exists before the old one is removed, so that it is another one.
        let new_file = self.0.join("new.db");
        fs::copy(new.0.database(), &new_file)?;
        fs::rename(new_file, self.database())
    }

    /// Makes a copy of the database, which must be closed.
    pub(super) fn back_up(&self) -> io::Result<()> {
        fs::copy(self.database(), self.backup()).map(drop)
    }

    /// Puts the copy back, into the file of the database or beside it.
    pub(super) fn put_back(&self, in_place: bool) -> io::Result<()> {
        if in_place {
            return fs::copy(self.backup(), self.database()).map(drop);
        }
        fs::rename(self.backup(), self.database())
    }

    /// Copies the folder. Its database must be closed.
    pub(super) fn copy(&self) -> io::Result<Self> {
        let name = self.0.file_name().unwrap_or_default().to_string_lossy();
        let copy = Self(self.0.with_file_name(format!("{name}-copy")));
        let _ = fs::remove_dir_all(&copy.0);
        fs::create_dir(&copy.0)?;
        fs::copy(self.database(), copy.database())?;
        fs::create_dir(copy.0.join("locks"))?;
        // Nothing has opened the folder since its locks were lost.
        let Ok(locks) = fs::read_dir(self.0.join("locks")) else {
            return Ok(copy);
        };
        for lock in locks {
            let lock = lock?;
            fs::copy(lock.path(), copy.0.join("locks").join(lock.file_name()))?;
        }
        Ok(copy)
    }

    fn backup(&self) -> PathBuf {
        self.0.join("backup.db")
    }

    fn database(&self) -> PathBuf {
        self.0.join("seen.db")
    }
}

impl Drop for StateDir {
    fn drop(&mut self) {
        // What is left of it is harmless.
        let _ = fs::remove_dir_all(&self.0);
    }
}
