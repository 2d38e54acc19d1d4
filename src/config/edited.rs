//! The configuration file in the hands of an editor: a private copy, which is checked before it replaces the file.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::config::check::{CheckedConfig, check_file};
use crate::config::error::Error;
use crate::config::places::config_file;
use crate::config::{Config, holds_a_password, not_read};
use crate::os::random::random;
use crate::os::replace_file::{LockedFile, Secrecy};
use crate::os::secret_file::{CheckedFile, FileError, shown};
use crate::os::signals::Interrupt;

/// A copy of the configuration file for an editor.
#[derive(Debug)]
pub(crate) struct EditedConfig {
    /// The configuration file.
    path: PathBuf,
    /// The contents of the file when it was copied; `None` if there was no file.
    before: Option<Zeroizing<Vec<u8>>>,
    /// The folder of the copy, which only its owner can enter.
    folder: PathBuf,
    /// The copy.
    copy: PathBuf,
}

impl EditedConfig {
    /// Copies the chosen configuration file, or this user's. It may have mistakes, or be missing.
    ///
    /// # Errors
    /// It cannot be read, or the copy cannot be written.
    pub(crate) fn begin(chosen: Option<&Path>) -> Result<Self, Error> {
        let path = config_file(chosen)?;
        let before = match CheckedFile::read(&path) {
            Err(FileError::System(error)) if error.kind() == io::ErrorKind::NotFound => None,
            read => Some(read.map_err(|error| not_read(&path, error))?),
        };
        let before = before.map(|file| Zeroizing::new(file.octets().to_owned()));
        let unguessable = u128::from_ne_bytes(random());
        let folder = std::env::temp_dir().join(format!("mailpull-{unguessable:032x}"));
        let copy = folder.join("config.toml");
        let text = before
            .as_ref()
            .map_or(TEMPLATE.as_bytes(), |it| it.as_slice());
        write_privately(&folder, &copy, text).map_err(|source| cannot_write(&copy, source))?;
        Ok(Self {
            path,
            before,
            folder,
            copy,
        })
    }

    /// Returns the path of the copy.
    pub(crate) fn copy(&self) -> &Path {
        &self.copy
    }

    /// Returns the path of the configuration file, as it is shown.
    pub(crate) fn path(&self) -> String {
        shown(&self.path)
    }

    /// Returns true if the copy has another text than the file had, or than the template.
    ///
    /// # Errors
    /// The copy cannot be read.
    pub(crate) fn is_changed(&self) -> Result<bool, Error> {
        let before = self.before.as_ref();
        let before = before.map_or(TEMPLATE.as_bytes(), |it| it.as_slice());
        Ok(self.read()?.octets() != before)
    }

    /// Finds the mistakes of the copy. Their places are those of the file.
    ///
    /// # Errors
    /// The copy cannot be read.
    pub(crate) fn check(&self) -> Result<CheckedConfig, Error> {
        Ok(check_file(&self.read()?, &self.path, None))
    }

    /// Replaces the configuration file by the copy.
    ///
    /// # Errors
    /// The copy has a mistake, the file has changed in the meantime or cannot be written.
    pub(crate) fn install(&self, interrupt: &Interrupt) -> Result<(), Error> {
        let edited = self.read()?;
        let config = Config::of(&edited, &self.path, dirs::home_dir())?;
        let secrecy = match config.all().any(holds_a_password) {
            true => Secrecy::Secret,
            false => Secrecy::AsBefore,
        };
        let refused = |error| match error {
            FileError::Exposed(exposed) => exposed.into(),
            FileError::System(source) => cannot_write(&self.path, source),
        };
        let file = LockedFile::lock(&self.path, interrupt).map_err(refused)?;
        let now = file.read().map_err(refused)?;
        if now.as_ref().map(CheckedFile::octets) != self.before.as_ref().map(|it| it.as_slice()) {
            let what = "it was changed in the meantime, by another program";
            return Err(cannot_write(&self.path, io::Error::other(what)));
        }
        let replaced = file.replace(edited.octets(), secrecy);
        replaced.map_err(|source| cannot_write(&self.path, source))
    }

    /// Removes the copy, and what an editor has left beside it.
    pub(crate) fn remove(self) {
        // Only its owner can read it.
        let _ = fs::remove_dir_all(&self.folder);
    }

    fn read(&self) -> Result<CheckedFile, Error> {
        CheckedFile::read(&self.copy).map_err(|error| not_read(&self.copy, error))
    }
}

fn write_privately(folder: &Path, path: &Path, text: &[u8]) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(folder)?;
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text)
}

fn cannot_write(path: &Path, source: io::Error) -> Error {
    let path = shown(path);
    Error::Write { path, source }
}

/// The text of a new configuration file.
const TEMPLATE: &str = "\
# The configuration of mailpull. See mailpull(1) for all keys. An example:
#
# [accounts.work]
# server = \"pop.example.com\"
# user = \"me\"
# maildir = \"~/Mail/work\"
";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const COMPLETE: &str =
        "[accounts.work]\nserver = 'h'\nuser = 'me'\nmaildir = '/m'\npassword-env = 'X'\n";

    fn begin(text: Option<&str>) -> (tempfile::TempDir, EditedConfig) {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("config.toml");
        if let Some(text) = text {
            fs::write(&path, text).expect("the file can be written");
        }
        let edited = EditedConfig::begin(Some(&path)).expect("it can be copied");
        (folder, edited)
    }

    fn type_into(edited: &EditedConfig, text: &str) {
        fs::write(edited.copy(), text).expect("the copy is ours");
    }

    #[test]
    fn a_new_password_makes_the_file_private() {
        let (_folder, edited) = begin(Some(COMPLETE));
        let open = fs::Permissions::from_mode(0o644);
        fs::set_permissions(&edited.path, open).expect("it is ours");
        type_into(&edited, &COMPLETE.replace("password-env", "password"));

        let interrupt = Interrupt::never().expect("a pair of sockets");
        edited.install(&interrupt).expect("the text is valid");

        let metadata = fs::metadata(&edited.path).expect("the file is there");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        edited.remove();
    }

    #[test]
    fn a_file_that_has_changed_is_not_replaced() {
        for before in [Some("# mine\n"), None] {
            let (_folder, edited) = begin(before);
            type_into(&edited, COMPLETE);
            fs::write(&edited.path, "# theirs\n").expect("the file can be written");

            let interrupt = Interrupt::never().expect("a pair of sockets");
            edited.install(&interrupt).expect_err("it has changed");

            let text = fs::read(&edited.path).expect("the file is there");
            assert_eq!(text, b"# theirs\n");
            edited.remove();
        }
    }

    #[test]
    fn the_copy_is_private_and_leaves_nothing_behind() {
        let (_folder, edited) = begin(None);
        let mode = |path: &Path| fs::metadata(path).map(|it| it.permissions().mode() & 0o777);
        assert_eq!(mode(edited.copy()).ok(), Some(0o600));
        assert_eq!(mode(&edited.folder).ok(), Some(0o700));
        assert!(!edited.is_changed().expect("the copy is ours"));
        let folder = edited.folder.clone();
        edited.remove();
        assert!(!folder.exists());
    }
}
