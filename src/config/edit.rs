//! Renames and removes accounts in the configuration. Comments and the layout of all else stay.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use toml_edit::{DocumentMut, Item, TableLike};
use zeroize::Zeroizing;

use crate::config::document::{self, ACCOUNTS, Document};
use crate::config::error::Error;
use crate::config::origin::Origin;
use crate::config::values::quoted;
use crate::config::{Config, accounts_dir, config_file};
use crate::os::replace_file::{LockedFile, Secrecy};
use crate::os::secret_file::{CheckedFile, FileError, shown};
use crate::os::signals::Interrupt;

/// The place of an account in the configuration, where it can be renamed or removed.
#[derive(Debug)]
pub(crate) enum WrittenAccount {
    /// A table of this file.
    Section(PathBuf),
    /// A file of its own.
    File(PathBuf),
}

impl WrittenAccount {
    /// Finds an account. Returns `None` if the configuration does not have it, or if there is none.
    ///
    /// # Errors
    /// The configuration cannot be read, or has a mistake.
    pub(crate) fn find(chosen: Option<&Path>, name: &str) -> Result<Option<Self>, Error> {
        let path = config_file(chosen)?;
        let file = match CheckedFile::read(&path) {
            Err(FileError::System(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(None);
            }
            file => file.map_err(|error| super::not_read(&path, error))?,
        };
        let document = Document::parse(file.octets(), &shown(&path))?;
        if document.accounts.iter().any(|section| section.name == name) {
            return Ok(Some(Self::Section(path)));
        }
        let Some(folder) = document.accounts_dir else {
            return Ok(None);
        };
        let base = path.parent().unwrap_or(Path::new(""));
        let folder = accounts_dir::find(folder, base, dirs::home_dir().as_deref())?;
        let is_there = accounts_dir::list_names(&folder)?
            .iter()
            .any(|it| it == name);
        Ok(is_there.then(|| Self::File(folder.join(format!("{name}.toml")))))
    }

    /// Returns the path of the file that has it, as it is shown.
    pub(crate) fn path(&self) -> String {
        let (Self::Section(path) | Self::File(path)) = self;
        shown(path)
    }

    /// Gives the account another name.
    ///
    /// # Errors
    /// The file cannot be changed, or is written in a way that this does not understand. It is as it was then.
    pub(crate) fn rename(&self, old: &str, new: &str, interrupt: &Interrupt) -> Result<(), Error> {
        match self {
            Self::Section(path) => change(path, interrupt, |accounts| {
                let account = accounts.remove(old)?;
                accounts.insert(new, account);
                Some(())
            }),
            Self::File(path) => {
                let next = path.with_file_name(format!("{new}.toml"));
                rename_file(path, &next).map_err(|source| cannot_write(path, source))
            }
        }
    }

    /// Removes the account.
    ///
    /// # Errors
    /// As [`Self::rename`].
    pub(crate) fn remove(&self, name: &str, interrupt: &Interrupt) -> Result<(), Error> {
        match self {
            Self::Section(path) => {
                change(path, interrupt, |accounts| accounts.remove(name).map(drop))
            }
            Self::File(path) => fs::remove_file(path)
                .and_then(|()| flush_folder_of(path))
                .map_err(|source| cannot_write(path, source)),
        }
    }
}

/// Changes the table of accounts in a file, and checks that the accounts can still be read.
fn change(
    path: &Path,
    interrupt: &Interrupt,
    change: impl FnOnce(&mut dyn TableLike) -> Option<()>,
) -> Result<(), Error> {
    let refused = |error| match error {
        FileError::Exposed(exposed) => exposed.into(),
        FileError::System(source) => cannot_write(path, source),
    };
    let file = LockedFile::lock(path, interrupt).map_err(refused)?;
    let before = file.read().map_err(refused)?.unwrap_or_default();
    let changed = str::from_utf8(before.octets())
        .ok()
        .and_then(|text| text.parse::<DocumentMut>().ok())
        .and_then(|mut document| {
            let accounts = document.get_mut(ACCOUNTS).and_then(Item::as_table_like_mut);
            change(accounts?)?;
            Some(Zeroizing::new(document.to_string()))
        });
    let Some(text) = changed else {
        return Err(Error::Syntax {
            at: Origin::File {
                path: shown(path).into(),
                line: 1,
            },
            problem: "the accounts cannot be changed here".to_owned(),
            hint: Some("Change the file with an editor"),
        });
    };
    Config::parse(text.as_bytes(), &shown(path), dirs::home_dir())?;
    file.replace(text.as_bytes(), Secrecy::AsBefore)
        .map_err(|source| cannot_write(path, source))
}

/// Renames a file unless the new name is taken.
fn rename_file(old: &Path, new: &Path) -> std::io::Result<()> {
    match renameat_with(CWD, old, CWD, new, RenameFlags::NOREPLACE) {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if !new.exists() => {
            fs::rename(old, new)?;
        }
        renamed => renamed?,
    }
    flush_folder_of(new)
}

fn flush_folder_of(path: &Path) -> std::io::Result<()> {
    fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

fn cannot_write(path: &Path, source: std::io::Error) -> Error {
    let path = shown(path);
    Error::Write { path, source }
}

/// Returns the name if an account can have it.
///
/// # Errors
/// No account can.
pub(crate) fn require_account_name(name: &str) -> Result<(), Error> {
    match document::is_account_name(name) {
        true => Ok(()),
        false => Err(Error::Usage {
            what: format!("{} cannot be an account's name", quoted(name)),
            hint: Some("Use up to 64 of A-Z a-z 0-9 @ . _ + -, and begin with a letter or a digit"),
        }),
    }
}
