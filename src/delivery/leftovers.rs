//! Files of an account that no database knows: version 0.1.0 left them, or a database that is lost or
//! was copied. Nobody can say whether they are needed, so they are never removed.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::Error;
use super::folder::Folder;
use super::unique_name::ParsedName;
use crate::mail::mark::Mark;

/// The suffix of a file that is set aside. No name that we make ends like this.
pub(super) const UNKNOWN: &[u8] = b".unknown";

/// A search for an account's files that its database does not know.
#[derive(Debug)]
pub(crate) struct Leftovers {
    /// The tags of the account.
    pub tags: Vec<String>,
    /// The marks of all accounts of the database.
    pub marks: HashSet<Mark>,
    /// The names of the account's staged messages.
    pub staged: HashSet<String>,
}

impl Leftovers {
    /// Returns the names of the files in a folder.
    pub(super) fn find(&self, folder: &Folder) -> Result<Vec<Vec<u8>>, Error> {
        let mut names = folder.names()?;
        names.retain(|name| self.include(name));
        Ok(names)
    }

    /// Returns the files in a folder, which need not exist.
    ///
    /// # Errors
    /// The folder exists and cannot be read.
    pub(crate) fn list(&self, folder: &Path) -> Result<Vec<PathBuf>, Error> {
        let folder = match Folder::open(folder) {
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            folder => folder?,
        };
        let mut paths: Vec<_> = self
            .find(&folder)?
            .iter()
            .map(|name| folder.path_of(OsStr::from_bytes(name)))
            .collect();
        paths.sort();
        Ok(paths)
    }

    fn include(&self, name: &[u8]) -> bool {
        let is_foreign = |parsed: ParsedName<'_>| {
            self.tags.iter().any(|tag| tag == parsed.tag)
                && parsed.mark.is_none_or(|mark| !self.marks.contains(&mark))
        };
        !name.ends_with(UNKNOWN)
            && ParsedName::read(name).is_some_and(is_foreign)
            && !is_of(&self.staged, name)
    }
}

/// Returns true if a file is that of a staged message.
pub(super) fn is_of(staged: &HashSet<String>, name: &[u8]) -> bool {
    str::from_utf8(name).is_ok_and(|name| staged.contains(name))
}
