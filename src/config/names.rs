//! The names of all accounts, for completions and hints.

use std::path::Path;

use crate::config::accounts_dir;
use crate::config::document::Document;
use crate::config::error::Error;
use crate::config::not_read;
use crate::config::places::config_file;
use crate::os::secret_file::{CheckedFile, shown};

/// Returns the names of all accounts, without reading the files of single accounts or running a command that prints
/// accounts.
///
/// # Errors
/// The errors of [`super::load`] about the configuration file and the folder.
pub(crate) fn list_names(chosen: Option<&Path>) -> Result<Vec<String>, Error> {
    let path = config_file(chosen)?;
    let file = CheckedFile::read(&path).map_err(|error| not_read(&path, error))?;
    let document = Document::parse(file.octets(), &shown(&path))?;
    let mut names: Vec<_> = document.accounts.into_iter().map(|it| it.name).collect();
    if let Some(folder) = document.accounts_dir {
        let base = path.parent().unwrap_or(Path::new(""));
        let folder = accounts_dir::find(folder, base, dirs::home_dir().as_deref())?;
        names.extend(accounts_dir::list_names(&folder)?);
    }
    Ok(names)
}
