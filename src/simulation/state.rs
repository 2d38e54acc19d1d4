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
