//! The seen-database: what every message of every account has become, across runs.
//! Knows nothing of servers or of Maildirs; the only door to rusqlite.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::{fs, io};

use rusqlite::{Connection, ErrorCode};

use crate::exit::Exit;
use crate::os::is_disk_full;

mod account;
mod accounts;
mod custody;
mod deletions;
mod deliveries;
mod failures;
mod former_tags;
mod freshness;
mod ledger;
mod lock;
mod messages;
mod passage;
mod recognition;
pub(crate) mod record;
mod runs;
mod schema;
mod state;

pub(crate) use accounts::{Accounts, KnownAccount, Verdict};
pub(crate) use deliveries::History;
pub(crate) use ledger::Ledger;
pub(crate) use lock::Lock;
pub(crate) use messages::Entry;
pub(crate) use passage::{Arrival, Imported};
pub(crate) use recognition::{Headers, Match};
pub(crate) use runs::{LastRun, RunEnd};

/// The folder that holds the database, the spool of the MDAs and the locks.
#[derive(Clone, Debug)]
pub(crate) struct StateFolder {
    path: PathBuf,
    /// Open for as long as anybody may open another, so that not every account's end copies the
    /// write-ahead log back.
    _database: Arc<Mutex<Connection>>,
    /// Held while somebody writes: SQLite's own waiting is for other processes, and unfair.
    writing: Arc<Mutex<()>>,
}

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something else holds the database.
    #[error("{} is in use by another program", .0.display())]
    Busy(PathBuf),
    /// A folder or file cannot be made.
    #[error("cannot create {}: {source}", path.display())]
    Create {
        /// What was to be made.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database is damaged.
    #[error(
        "{} is damaged ({why}); nothing was changed. Restore it from a backup, or move it away: \
         then everything on the servers is new again",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the library said.
        why: String,
    },
    /// The file belongs to another program.
    #[error("{} is not a database of mailpull; nothing was changed", .0.display())]
    Foreign(PathBuf),
    /// Reading or writing failed.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the library said.
        source: rusqlite::Error,
    },
    /// Another run has this account.
    #[error("another mailpull is fetching this account")]
    Locked,
    /// A lock cannot be taken for another reason.
    #[error("cannot lock {}: {source}", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file was written by a later version.
    #[error("{} was written by a newer mailpull; use that one", .0.display())]
    Newer(PathBuf),
    /// The database is there and may not be used.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder is not ours alone.
    #[error(
        "{} belongs to somebody else or can be written by others; it holds what decides about \
         deletions: chmod 700 it, or name another with --state-dir",
        .0.display()
    )]
    Unsafe(PathBuf),
}

impl Error {
    fn open(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(path),
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged {
                path,
                why: source.to_string(),
            },
            Some(ErrorCode::NotADatabase) => Self::Foreign(path),
            _ => Self::Io { path, source },
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        None
    }

    /// The exit status that it leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Busy(_) | Self::Locked => Exit::Temporary,
            Self::Create { source, .. } | Self::Lock { source, .. } | Self::Open { source, .. }
                if is_disk_full(source) =>
            {
                Exit::Temporary
            }
            Self::Open { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Exit::Configuration
            }
            Self::Create { .. } => Exit::CannotCreate,
            Self::Damaged { .. } | Self::Foreign(_) | Self::Newer(_) | Self::Unsafe(_) => {
                Exit::Configuration
            }
            Self::Io { source, .. } => match source.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => Exit::Temporary,
                _ => Exit::LocalIo,
            },
            Self::Lock { .. } | Self::Open { .. } => Exit::LocalIo,
        }
    }
}

impl StateFolder {
    /// Opens the folder; what is missing of it is made (0700).
    ///
    /// # Errors
    /// It cannot be made, or is not ours alone; its database cannot be opened or is none of ours.
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
        // A home may be reached by a link; SQLite refuses one anywhere in the path.
        let path = path.canonicalize().map_err(cannot)?;
        let owner = fs::metadata(&path).map_err(cannot)?;
        let is_ours = owner.uid() == rustix::process::geteuid().as_raw();
        if !is_ours || owner.permissions().mode() & 0o022 != 0 {
            return Err(Error::Unsafe(path));
        }
        let database = schema::prepare(&database_in(&path))?;
        Ok(Self {
            path,
            _database: Arc::new(Mutex::new(database)),
            writing: Arc::default(),
        })
    }

    /// Opens the folder if it has a database; nothing is made.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn find(path: &Path) -> Result<Option<Self>, Error> {
        match database_in(path).exists() {
            true => Self::open(path).map(Some),
            false => Ok(None),
        }
    }

    /// The folder in which an MDA's messages wait.
    pub(crate) fn spool(&self) -> PathBuf {
        self.path.join("spool")
    }

    fn database(&self) -> PathBuf {
        database_in(&self.path)
    }

    fn former_tags(&self) -> PathBuf {
        self.path.join("renamed")
    }

    fn lock(&self, account: i64) -> PathBuf {
        self.path.join("locks").join(format!("{account}.lock"))
    }
}

fn database_in(folder: &Path) -> PathBuf {
    folder.join("seen.db")
}

/// Makes a folder with all its parents, and makes each survive a power cut.
fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_folder(parent)?;
    }
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => match path.parent() {
            Some(parent) => fs::File::open(parent)?.sync_all(),
            None => Ok(()),
        },
    }
}
