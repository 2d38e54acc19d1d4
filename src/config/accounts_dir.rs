//! `accounts-dir`: a folder in which each file is an account.
//! Does not know what its keys mean, nor which accounts are wanted.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::config::document::{self, Written};
use crate::config::error::Error;
use crate::config::holds_a_password;
use crate::config::origin::Origin;
use crate::config::paths;
use crate::config::settings::{At, Settings};
use crate::config::values::{self, Wrong};
use crate::os::secret_file::{CheckedFile, Exposed, shown};

/// A file that is one account's.
pub(super) struct AccountFile {
    /// Its name without `.toml`, which need not be an account's.
    pub(super) name: String,
    /// The file as it is shown.
    pub(super) path: String,
    /// What it says, and where that begins.
    pub(super) read: Result<(Origin, Settings), Error>,
}

/// The folder that the configuration names; a relative one is `beside` it.
///
/// # Errors
/// What was written is no path.
pub(super) fn find(written: Written, beside: &Path, home: Option<&Path>) -> Result<PathBuf, Error> {
    let Written { value, origin, .. } = written;
    let at = |value| At {
        value,
        key: document::ACCOUNTS_DIR,
        origin: origin.clone(),
    };
    match values::line(value) {
        Ok(path) if path.starts_with(['/', '~']) => paths::absolute(&at(()), path, home),
        Ok(path) => Ok(beside.join(path)),
        Err(Wrong(problem)) => Err(at(()).wrong(problem)),
    }
}

/// Reads all accounts of a folder, in the order of their names: the files whose names end in
/// `.toml` and do not begin with a dot. Symbolic links are followed.
///
/// # Errors
/// The folder cannot be read, or others can replace files in it. What is wrong with a file is told
/// of that file.
pub(super) fn read(folder: &Path) -> Result<Vec<AccountFile>, Error> {
    let cannot = |source| unreadable(folder, source);
    insist_unreplaceable(folder)?;
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !is_hidden
            && path
                .extension()
                .is_some_and(|extension| extension == "toml")
        {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files.iter().map(|path| AccountFile::read(path)).collect())
}

impl AccountFile {
    fn read(path: &Path) -> Self {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let origin = Origin::File {
            path: shown(path).into(),
            line: 1,
        };
        let read = match document::is_account_name(&name) {
            true => settings(path).map(|settings| (origin, settings)),
            false => Err(document::no_account_name(&name, origin)),
        };
        Self {
            name: name.into_owned(),
            path: shown(path),
            read,
        }
    }
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    let path = shown(path);
    Error::Read { path, source }
}

fn settings(path: &Path) -> Result<Settings, Error> {
    let cannot = |source| unreadable(path, source);
    if !fs::metadata(path).map_err(cannot)?.is_file() {
        // To open a pipe may take for ever.
        return Err(cannot(io::Error::other("it is no regular file")));
    }
    let private = CheckedFile::read(path).map_err(cannot)?;
    private.require_ours()?;
    private.require_unwritable()?;
    let settings = Settings::read(document::account(private.octets(), &shown(path))?)?;
    if holds_a_password(&settings) {
        private.require("a password")?;
    }
    Ok(settings)
}

/// Insists that nobody else can put a file in the place of another. In a folder with the sticky bit
/// (Kubernetes mounts secrets so) others may only add files of their own, which are refused.
fn insist_unreplaceable(folder: &Path) -> Result<(), Error> {
    let metadata = fs::metadata(folder).map_err(|source| unreadable(folder, source))?;
    let mode = metadata.mode() & 0o7777;
    if mode & 0o022 != 0 && mode & 0o1000 == 0 {
        let path = shown(folder);
        return Err(Exposed::Writable { path, mode }.into());
    }
    Ok(())
}
