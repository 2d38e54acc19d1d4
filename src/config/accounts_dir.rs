//! `accounts-dir`: a folder in which each file is an account.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::Dir;
use rustix::io::Errno;

use crate::config::document::{self, WrittenSection, WrittenValue};
use crate::config::error::Error;
use crate::config::holds_a_password;
use crate::config::keys::SectionKind;
use crate::config::origin::Origin;
use crate::config::paths;
use crate::config::settings::{At, Settings};
use crate::config::values;
use crate::os::secret_file::{CheckedFile, Exposed, FileError, shown};
use crate::os::sys::RealCalls;
use crate::os::walk::{self, PathRule, WalkError, WalkedFolder};

/// A file that is one account, or an account that a command has printed.
pub(super) struct AccountFile {
    /// Its name without `.toml`. No account may be allowed to have that name.
    pub(super) name: String,
    /// The path of the file, as errors show it.
    pub(super) path: String,
    /// Its device and inode, if it was read.
    identity: Option<(u64, u64)>,
    is_link: bool,
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
/// `.toml` and do not begin with a dot. Symbolic links are followed if nobody else can have made them, as in
/// a volume of Kubernetes.
///
/// # Errors
/// The folder cannot be read, or others can replace files in it. An error in one file is returned
/// with that file.
pub(super) fn read(path: &Path) -> Result<Vec<AccountFile>, Error> {
    let (folder, names) = open(path)?;
    let files = names
        .iter()
        .map(|name| AccountFile::read(&folder, name, path));
    let mut files: Vec<_> = files.collect();
    refuse_second_names(&mut files);
    Ok(files)
}

/// Lists the names of the accounts without reading their files.
///
/// # Errors
/// The folder cannot be read, or others can replace files in it.
pub(super) fn list_names(path: &Path) -> Result<Vec<String>, Error> {
    let (_, files) = open(path)?;
    let names = files.iter().map(|file| Path::new(file).file_stem());
    let names = names.filter_map(|name| Some(name?.to_str()?.to_owned()));
    Ok(names
        .filter(|name| document::is_account_name(name))
        .collect())
}

/// Opens the folder, and lists the files that are accounts.
fn open(path: &Path) -> Result<(WalkedFolder<RealCalls>, Vec<OsString>), Error> {
    let folder =
        walk::open_folder::<RealCalls>(path, PathRule::Strict).map_err(|error| match error {
            WalkError::System { source, .. } => unreadable(path, source),
            WalkError::Unsafe(path) => Exposed::from(path).into(),
        })?;
    let names = account_names(&folder).map_err(|errno| unreadable(path, errno.into()))?;
    Ok((folder, names))
}

fn account_names(folder: &WalkedFolder<RealCalls>) -> Result<Vec<OsString>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder.readable()?)? {
        let name = OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned();
        let is_hidden = name.as_encoded_bytes().starts_with(b".");
        let extension = Path::new(&name).extension();
        if !is_hidden && extension.is_some_and(|extension| extension == "toml") {
            names.push(name);
        }
    }
    // readdir(3) returns files in no order, and accounts are fetched in the order of the list.
    names.sort_unstable();
    Ok(names)
}

/// Refuses all names of a file but one: two accounts for one mailbox would deliver it twice. The name that is
/// not a symbolic link stays.
fn refuse_second_names(files: &mut [AccountFile]) {
    let mut first: HashMap<(u64, u64), String> = HashMap::new();
    let mut by_rank: Vec<_> = files.iter_mut().collect();
    by_rank.sort_by_key(|file| file.is_link);
    for file in by_rank {
        let Some(identity) = file.identity else {
            continue;
        };
        match first.entry(identity) {
            Entry::Vacant(vacant) => drop(vacant.insert(file.path.clone())),
            Entry::Occupied(other) => {
                file.read = Err(Error::SecondName {
                    path: file.path.clone(),
                    other: other.get().clone(),
                });
            }
        }
    }
}

impl AccountFile {
    /// Returns an account that a command has printed.
    pub(super) fn printed(section: WrittenSection) -> Self {
        let WrittenSection {
            name,
            origin,
            entries,
        } = section;
        let read = Settings::read(SectionKind::Account, entries);
        Self {
            name,
            path: document::ACCOUNTS_COMMAND.to_owned(),
            identity: None,
            is_link: false,
            read: read.map(|settings| (origin, settings)),
        }
    }

    fn read(folder: &WalkedFolder<RealCalls>, file: &OsStr, path: &Path) -> Self {
        let path = path.join(file);
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let origin = Origin::File {
            path: shown(&path).into(),
            line: 1,
        };
        let mut identity = None;
        let read = if document::is_account_name(&name) {
            CheckedFile::read_in(folder, file, &path)
                .map_err(|error| not_read(&path, error))
                .and_then(|private| {
                    identity = Some(private.identity());
                    settings(&private, &path)
                })
                .map(|settings| (origin, settings))
        } else {
            Err(document::invalid_account_name(&name, origin))
        };
        Self {
            name: name.into_owned(),
            path: shown(&path),
            identity,
            is_link: folder.is_link(file),
            read,
        }
    }
}

fn not_read(path: &Path, error: FileError) -> Error {
    match error {
        FileError::Exposed(exposed) => exposed.into(),
        FileError::System(source) => unreadable(path, source),
    }
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    let path = shown(path);
    Error::Read { path, source }
}

fn settings(private: &CheckedFile, path: &Path) -> Result<Settings, Error> {
    private.require_ours()?;
    private.require_unwritable()?;
    let settings = Settings::read(
        SectionKind::Account,
        document::account(private.octets(), &shown(path))?,
    )?;
    if holds_a_password(&settings) {
        private.require("a password")?;
    }
    Ok(settings)
}
