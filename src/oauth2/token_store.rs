//! Stores the tokens of a sign-in: in a file of the state folder, or in the keyring.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::Error;
use super::tokens::Tokens;
use crate::digest::Digest;
use crate::os::keyring::Item;
use crate::os::lock;
use crate::os::replace_file::{self, Secrecy};
use crate::os::secret::Secret;
use crate::os::secret_file::{CheckedFile, FileError, shown};
use crate::os::signals::{Interrupt, is_interrupt};
use crate::os::walk::{self, PathRule};

/// The place in which tokens are stored.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Backend {
    /// A file that only its owner can read.
    #[default]
    File,
    /// The keyring of the desktop.
    Keyring,
}

/// The stored tokens of one sign-in. Their name depends on provider, client and user, not on the
/// account, which may be renamed.
#[derive(Debug)]
pub(crate) struct TokenStore {
    backend: Backend,
    folder: PathBuf,
    name: String,
    user: String,
}

impl TokenStore {
    /// Makes the store for the tokens of `user` that `provider` grants to `client`. Files are below
    /// `state_folder`.
    pub(crate) fn new(
        backend: Backend,
        state_folder: &Path,
        [provider, client, user]: [&str; 3],
    ) -> Self {
        let identity = format!("{provider}\n{client}\n{user}");
        Self {
            backend,
            folder: state_folder.join("tokens"),
            name: Digest::of(identity.as_bytes()).hex(8),
            user: user.to_owned(),
        }
    }

    /// Describes where the tokens are stored.
    pub(crate) fn place(&self) -> String {
        match self.backend {
            Backend::File => shown(&self.path()),
            Backend::Keyring => "the keyring".to_owned(),
        }
    }

    /// Takes the lock that is needed to change the tokens. A refresh token may be valid for one use
    /// only: if two runs used the same one, the second would lose the sign-in.
    ///
    /// # Errors
    /// The folder or the file cannot be made, a signal arrived, or another run held the lock for
    /// [`LOCK_TIMEOUT`].
    pub(super) fn lock(&self, interrupt: &Interrupt) -> Result<File, Error> {
        let path = self.folder.join(format!("{}.lock", self.name));
        let cannot = |source| {
            if is_interrupt(&source) {
                Error::Interrupted
            } else {
                file_error("lock", &path, source)
            }
        };
        walk::make_folders(&self.folder, PathRule::Volume)
            .map_err(|error| not_opened("create", &self.folder, error.into()))?;
        let file = lock::open(&path).map_err(cannot)?;
        if !lock::take(&file, LOCK_TIMEOUT, interrupt).map_err(cannot)? {
            return Err(cannot(io::ErrorKind::TimedOut.into()));
        }
        Ok(file)
    }

    /// Returns the stored tokens. Returns `None` if there are none, or if the text does not hold
    /// tokens, so that a new sign-in can replace it.
    ///
    /// # Errors
    /// The tokens cannot be read, or other users can read them.
    pub(super) fn load(&self, interrupt: &Interrupt) -> Result<Option<Tokens>, Error> {
        match self.backend {
            Backend::File => self.load_file(),
            Backend::Keyring => {
                let found = self.item().find(interrupt)?;
                Ok(found.and_then(|secret| Tokens::read(secret.expose())))
            }
        }
    }

    fn load_file(&self) -> Result<Option<Tokens>, Error> {
        let path = self.path();
        let folder = walk::open_folder(&self.folder, PathRule::Volume).map_err(FileError::from);
        let name = path.file_name().unwrap_or_default();
        let private = match folder.and_then(|folder| CheckedFile::read_in(&folder, name, &path)) {
            Err(error) if error.is_not_found() => return Ok(None),
            read => read.map_err(|error| not_opened("read", &path, error))?,
        };
        private.require("a sign-in")?;
        Ok(Tokens::read(private.octets()))
    }

    /// Stores tokens, so that a power cut at any moment leaves either the old or the new ones.
    ///
    /// # Errors
    /// They cannot be stored; the old ones are still there.
    pub(super) fn store(&self, tokens: &Tokens, interrupt: &Interrupt) -> Result<(), Error> {
        let written = tokens.written();
        match self.backend {
            Backend::File => {
                let path = self.path();
                self.store_file(&written)
                    .map_err(|source| file_error("write", &path, source))
            }
            Backend::Keyring => {
                // A `Secret` has no line break, and the written form ends with one.
                let line = written.trim_ascii_end().to_vec();
                let secret = Secret::new(line).expect("JSON has no control characters");
                let label = format!("mailpull: sign-in of {}", self.user);
                self.item().store(&label, &secret, interrupt)?;
                Ok(())
            }
        }
    }

    /// Removes the tokens. Returns false if there were none. The file of the lock stays: another run may
    /// wait for it.
    ///
    /// # Errors
    /// They cannot be removed.
    pub(super) fn remove(&self, interrupt: &Interrupt) -> Result<bool, Error> {
        match self.backend {
            Backend::File => {
                let path = self.path();
                self.remove_file(&path)
                    .map_err(|source| file_error("remove", &path, source))
            }
            Backend::Keyring => Ok(self.item().remove(interrupt)?),
        }
    }

    fn remove_file(&self, path: &Path) -> io::Result<bool> {
        self.remove_unfinished()?;
        match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            removed => removed?,
        }
        File::open(&self.folder)?.sync_all()?;
        Ok(true)
    }

    fn store_file(&self, written: &[u8]) -> io::Result<()> {
        let next = self.remove_unfinished()?;
        replace_file::replace(&self.path(), &next, written, Secrecy::Secret)
    }

    /// Removes the file that a killed run may have left. The lock is held, so no other run is writing it.
    /// Returns its path.
    fn remove_unfinished(&self) -> io::Result<PathBuf> {
        let next = self.folder.join(format!("{}.new", self.name));
        match fs::remove_file(&next) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(next),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.json", self.name))
    }

    fn item(&self) -> Item<'_> {
        Item::new([
            ("service", "mailpull-oauth2"),
            ("user", &self.user),
            ("id", &self.name),
        ])
    }
}

fn not_opened(doing: &'static str, path: &Path, error: FileError) -> Error {
    match error {
        FileError::Exposed(exposed) => exposed.into(),
        FileError::System(source) => file_error(doing, path, source),
    }
}

fn file_error(doing: &'static str, path: &Path, source: io::Error) -> Error {
    let path = shown(path);
    Error::TokenFile {
        doing,
        path,
        source,
    }
}

/// The most time that another run may take to renew the tokens: three times 30 seconds for
/// connecting, the handshake and the answer, and some more.
const LOCK_TIMEOUT: Duration = Duration::from_secs(100);
