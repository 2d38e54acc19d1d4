//! The folders and files of a user: home, configuration and state.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::config::error::Error;
use crate::config::unreadable;
use crate::os::secret_file::shown;
use crate::os::walk::{ROOT, find_unknown_root};

/// Returns the path of the configuration file, which need not exist.
pub(super) fn config_file(chosen: Option<&Path>) -> Result<PathBuf, Error> {
    match (chosen, dirs::config_dir()) {
        (Some(path), _) => Ok(path.to_owned()),
        (None, Some(folder)) => {
            require_own_home(&folder)?;
            Ok(folder.join("mailpull/config.toml"))
        }
        (None, None) => Err(Error::NoHome),
    }
}

/// Returns the user's home folder.
///
/// # Errors
/// The user has no home folder.
pub(crate) fn home() -> Result<PathBuf, Error> {
    dirs::home_dir().ok_or(Error::NoHome)
}

/// Returns the folder of the user's configurations, if there is a home folder.
pub(crate) fn user_config_folder() -> Option<PathBuf> {
    dirs::config_dir()
}

/// Returns the state directory, which has the database, the spool and the locks: the chosen one, or
/// this user's.
///
/// # Errors
/// There is no home directory to find it in.
pub(crate) fn state_folder(chosen: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(path) = chosen {
        return std::path::absolute(path).map_err(|source| unreadable(path, source));
    }
    let folder = dirs::state_dir()
        .or_else(|| dirs::home_dir().map(|home| home.join(".local/state")))
        .ok_or(Error::NoHome)?;
    require_own_home(&folder)?;
    Ok(folder.join("mailpull"))
}

/// Requires that a folder is not in the home directory of another user: what mailpull makes there would keep
/// that user's own runs from working.
fn require_own_home(folder: &Path) -> Result<(), Error> {
    let Some(home) = dirs::home_dir().filter(|home| folder.starts_with(home)) else {
        return Ok(());
    };
    let us = geteuid().as_raw();
    match fs::metadata(&home).map(|home| home.uid()) {
        Ok(owner) if ![us, ROOT].contains(&owner) && find_unknown_root() != Some(owner) => {
            Err(Error::ForeignHome {
                home: shown(&home),
                owner,
                us,
            })
        }
        _ => Ok(()),
    }
}
