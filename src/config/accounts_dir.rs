//! `accounts-dir`: a folder in which each file is an account.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::config::document::{self, WrittenValue};
use crate::config::error::Error;
use crate::config::holds_a_password;
use crate::config::origin::Origin;
use crate::config::paths;
use crate::config::settings::{At, Settings};
use crate::config::values;
use crate::os::secret_file::{CheckedFile, Exposed, shown};

/// A file that is one account.
pub(super) struct AccountFile {
    /// Its name without `.toml`. No account may be allowed to have that name.
    pub(super) name: String,
    /// The path of the file, as errors show it.
    pub(super) path: String,
    /// Its settings, and where they begin.
    pub(super) read: Result<(Origin, Settings), Error>,
}

/// Returns the folder that the configuration names. A relative path begins in `base`, the folder
/// of the configuration file.
///
/// # Errors
/// The value is not a path.
pub(super) fn find(
    written: WrittenValue,
    base: &Path,
    home: Option<&Path>,
) -> Result<PathBuf, Error> {
    let WrittenValue { value, origin, .. } = written;
    let at = |value| At {
        value,
        key: document::ACCOUNTS_DIR,
        origin: origin.clone(),
    };
    match values::line(value) {
        Ok(path) if path.starts_with(['/', '~']) => paths::absolute(&at(()), path, home),
        Ok(path) => Ok(base.join(path)),
        Err(wrong) => Err(at(()).error(wrong)),
    }
}

/// Reads all accounts of a folder, in the order of their names: the files whose names end in
/// `.toml` and do not begin with a dot. Symbolic links are followed.
///
/// # Errors
/// The folder cannot be read, or others can replace files in it. An error in one file is returned
/// with that file.
pub(super) fn read(folder: &Path) -> Result<Vec<AccountFile>, Error> {
    let cannot = |source| unreadable(folder, source);
    require_unreplaceable(folder)?;
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
    // readdir(3) returns files in no order, and accounts are fetched in the order of the list.
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
        let read = if document::is_account_name(&name) {
            settings(path).map(|settings| (origin, settings))
        } else {
            Err(document::invalid_account_name(&name, origin))
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
        // Opening a FIFO blocks until another process opens its other end, maybe never.
        return Err(cannot(io::Error::other("it is not a regular file")));
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

/// Requires that others cannot replace files in the folder. In a folder with the sticky bit, as
/// Kubernetes mounts secrets, others can only add files of their own, and those are refused.
fn require_unreplaceable(folder: &Path) -> Result<(), Error> {
    let metadata = fs::metadata(folder).map_err(|source| unreadable(folder, source))?;
    let mode = metadata.mode() & 0o7777;
    if mode & 0o022 != 0 && mode & 0o1000 == 0 {
        let path = shown(folder);
        return Err(Exposed::Writable { path, mode }.into());
    }
    Ok(())
}
