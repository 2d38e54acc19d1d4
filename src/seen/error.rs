//! Errors of the database and of the state folder.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rusqlite::ErrorCode;
use rustix::fs::Access;
use rustix::io::Errno;
use rustix::process::geteuid;

use super::schema::with_suffix;
use crate::exit::Exit;
use crate::os::is_disk_full;
use crate::os::walk::{UnsafePath, WalkError};

/// The reason why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another program holds the database for longer than we wait.
    #[error("{} is in use by another program", .0.display())]
    Busy(PathBuf),
    /// A folder or file cannot be created.
    #[error("cannot create {}: {source}", path.display())]
    Create {
        /// The folder or file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The database is damaged.
    #[error("{} is damaged: {why}", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// SQLite's message.
        why: String,
    },
    /// The file belongs to another program.
    #[error("{} is not a database of mailpull", .0.display())]
    Foreign(PathBuf),
    /// Reading or writing the database failed.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The database.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// SQLite cannot use a path as long as that of the database.
    #[error("the path {} has {octets} octets, and SQLite can use 504", path.display())]
    LongPath {
        /// The database.
        path: PathBuf,
        /// The length of its path.
        octets: usize,
    },
    /// Another run holds the account's lock.
    #[error("another mailpull is fetching this account")]
    Locked,
    /// Another `mailpull watch` uses the state folder.
    #[error("another mailpull watch is running, with the state folder {}", .0.display())]
    Watched(PathBuf),
    /// The account's lock cannot be taken for another reason.
    #[error("cannot lock {}: {source}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The database was written by a later version.
    #[error("{} was written by a newer mailpull", .0.display())]
    Newer(PathBuf),
    /// The database, or what is beside it under the name of its log or journal, is not a file.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// The database exists and cannot be opened.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The database.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The signature of the database cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Sign {
        /// The lock file, which holds the signature.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Somebody has added something to the database that would run by itself.
    #[error("{} has triggers, views or virtual tables, which mailpull does not make", .0.display())]
    Tampered(PathBuf),
    /// The database cannot be brought up to date, because it can only be read.
    #[error("{} was written by an older mailpull, and can only be read", .0.display())]
    Older(PathBuf),
    /// Others can write to the state folder, or exchange it. They could make us delete mail.
    #[error(transparent)]
    Path(#[from] UnsafePath),
    /// The database can only be read, and a run that was killed has left changes beside it.
    #[error("{} can only be read, and a killed run has left changes beside it that are not in it yet", .0.display())]
    Unfinished(PathBuf),
}

impl Error {
    /// Returns the error for one of SQLite's about the database at `path`.
    pub(super) fn open(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(path),
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged {
                path,
                why: source.to_string(),
            },
            Some(ErrorCode::NotADatabase) => Self::Foreign(path),
            // SQLite does not say why it cannot make the files that it needs beside the database.
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => match why_unwritable(&path) {
                Some(why) => Self::Create {
                    path: with_suffix(&path, "-wal"),
                    source: why.into(),
                },
                None => Self::Io { path, source },
            },
            None if matches!(source, rusqlite::Error::FromSqlConversionFailure(..)) => {
                Self::Damaged {
                    path,
                    why: source.to_string(),
                }
            }
            _ => Self::Io { path, source },
        }
    }

    /// Returns the error for a folder that was not reached or created.
    pub(super) fn walk(error: WalkError) -> Self {
        match error {
            WalkError::System { path, source } => Self::Create { path, source },
            WalkError::Unsafe(path) => path.into(),
        }
    }

    /// Returns true if the database may be one that can be read, but not written.
    pub(super) fn may_be_readable(&self) -> bool {
        match self {
            Self::Path(path) => path.is_about_owner(),
            Self::Create { source, .. } | Self::Open { source, .. } => is_denied(source),
            Self::Io { source, .. } => matches!(
                source.sqlite_error_code(),
                Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly)
            ),
            _ => false,
        }
    }

    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Damaged { .. } => Some(
                "Remove seen.db-wal and seen.db-shm, and put a backup of seen.db in its place. Or move all \
                 three away: then every message on the servers is new again"
                    .to_owned(),
            ),
            Self::Foreign(_) => {
                Some("Move the file away, or name another folder with --state-dir".to_owned())
            }
            Self::Tampered(_) => Some(
                "If you do not know who made them, move the file away: then every message on the servers \
                 is new again. List them: SELECT * FROM sqlite_schema WHERE rootpage = 0"
                    .to_owned(),
            ),
            Self::Newer(_) => Some("Use the newer version".to_owned()),
            Self::Older(_) | Self::Unfinished(_) => Some(
                "Copy the folder to a place where you can write, and name the copy with --state-dir"
                    .to_owned(),
            ),
            Self::LongPath { .. } => Some("Name a shorter one with --state-dir".to_owned()),
            Self::NotAFile(_) => {
                Some("Move it away, or name another folder with --state-dir".to_owned())
            }
            Self::Path(path) => Some(format!(
                "{}. Or name another folder with --state-dir: what is in it decides what is deleted \
                 from the servers",
                path.hint()
            )),
            Self::Create { path, source } => hint_to_create(path, source),
            Self::Open { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("Run mailpull as the owner of the file".to_owned())
            }
            Self::Open { source, .. } if is_denied(source) => Some(MOUNT_TO_WRITE.to_owned()),
            Self::Lock { source, .. } | Self::Sign { source, .. } if is_disk_full(source) => {
                Some(FREE_SPACE.to_owned())
            }
            _ => None,
        }
    }

    /// Returns the exit status that it leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Busy(_) | Self::Locked | Self::Watched(_) => Exit::Temporary,
            Self::Create { source, .. }
            | Self::Lock { source, .. }
            | Self::Open { source, .. }
            | Self::Sign { source, .. }
                if is_disk_full(source) =>
            {
                Exit::Temporary
            }
            Self::Open { source, .. } if is_denied(source) => Exit::Configuration,
            Self::Create { .. } | Self::LongPath { .. } => Exit::CannotCreate,
            Self::Damaged { .. }
            | Self::Foreign(_)
            | Self::Newer(_)
            | Self::NotAFile(_)
            | Self::Older(_)
            | Self::Path(_)
            | Self::Tampered(_)
            | Self::Unfinished(_) => Exit::Configuration,
            Self::Io { source, .. } => match source.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => Exit::Temporary,
                _ => Exit::LocalIo,
            },
            Self::Lock { .. } | Self::Open { .. } | Self::Sign { .. } => Exit::LocalIo,
        }
    }
}

fn is_denied(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem)
}

/// Returns what the user can do if something cannot be created.
fn hint_to_create(path: &Path, error: &io::Error) -> Option<String> {
    Some(match error.kind() {
        _ if is_disk_full(error) => FREE_SPACE.to_owned(),
        io::ErrorKind::PermissionDenied => match owner_above(path) {
            Some((folder, owner)) => format!(
                "{} belongs to user {owner}, and mailpull runs as user {}. Name a folder of yours \
                 with --state-dir",
                folder.display(),
                geteuid().as_raw()
            ),
            None => {
                "Let its owner write there (chmod u+w), or name another folder with --state-dir"
                    .to_owned()
            }
        },
        io::ErrorKind::ReadOnlyFilesystem => MOUNT_TO_WRITE.to_owned(),
        io::ErrorKind::NotADirectory => {
            "A folder is needed there: move the file away, or name another folder with --state-dir"
                .to_owned()
        }
        _ => "Name another folder with --state-dir".to_owned(),
    })
}

const FREE_SPACE: &str = "Free some space";
const MOUNT_TO_WRITE: &str =
    "Mount its file system so that it can be written, or name another folder with --state-dir";

/// Returns why no file can be made beside the database, if that is so.
fn why_unwritable(database: &Path) -> Option<Errno> {
    let folder = database.parent()?;
    rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK).err()
}

/// Returns the folder in which something cannot be created, and its owner, if that is not us.
fn owner_above(path: &Path) -> Option<(&Path, u32)> {
    let folder = path.parent()?;
    let owner = fs::metadata(folder).ok()?.uid();
    (owner != geteuid().as_raw()).then_some((folder, owner))
}
