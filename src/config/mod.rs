//! What the user configured: the TOML files, the flags, and where secrets come from.
//! Connects to nothing and delivers nothing.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::os::secret_file::{CheckedFile, shown};

mod account;
mod accounts_dir;
mod connection;
mod document;
mod error;
mod keys;
mod new_account;
mod oauth2;
mod origin;
mod overrides;
pub(crate) mod password;
mod paths;
mod route;
mod selection;
mod settings;
pub(crate) mod shard;
mod tls;
mod url;
mod values;

pub use account::Account;
pub use document::is_account_name;
pub use error::Error;
pub use keys::Key;
pub use new_account::Addition;
pub use oauth2::SignIn;
pub use origin::Origin;
pub use overrides::Overrides;
pub use selection::{Choice, Unusable, Wanted};

use accounts_dir::AccountFile;
use document::{Document, Written};
use password::Source;
use settings::Settings;
use values::via::Via;

/// The configuration: accounts that are readable, and not yet checked, and those that are not.
#[derive(Debug)]
pub struct Config {
    path: String,
    home: Option<PathBuf>,
    defaults: Settings,
    accounts: Vec<Section>,
    unusable: Vec<Unusable>,
}

/// What is written about one account.
#[derive(Clone, Debug)]
struct Section {
    name: String,
    origin: Origin,
    settings: Settings,
    scope: Scope,
}

/// Whom a mistake in an account's section concerns.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scope {
    /// All accounts: it stands in the file that they share, which somebody has just written.
    All,
    /// This account alone: it has a file of its own.
    Own,
}

/// Reads the chosen configuration file, or this user's, and the folder of accounts that it names.
///
/// # Errors
/// As [`Config::read`]; there is no home directory to find the file in.
pub fn load(chosen: Option<&Path>) -> Result<Config, Error> {
    Config::read(&config_file(chosen)?, dirs::home_dir())
}

/// Where the configuration file is, or would be.
fn config_file(chosen: Option<&Path>) -> Result<PathBuf, Error> {
    match (chosen, dirs::config_dir()) {
        (Some(path), _) => Ok(path.to_owned()),
        (None, Some(folder)) => Ok(folder.join("mailpull/config.toml")),
        (None, None) => Err(Error::NoHome),
    }
}

/// Finds the accounts that a command is about: one URL, for which no file is read, or accounts of
/// the configuration.
///
/// # Errors
/// As [`load`], [`Config::select`] and [`Account::from_url`]; a URL with anything beside it.
pub fn accounts(
    wanted: &Wanted<'_>,
    chosen: Option<&Path>,
    overrides: &Overrides,
) -> Result<Choice, Error> {
    let usage = |what: &str| Err(Error::Usage(what.to_owned()));
    match (wanted.names, wanted.shard) {
        ([name], None) if url::is_url(name) => Ok(Choice {
            accounts: vec![Account::from_url(name, overrides)?],
            unusable: Vec::new(),
        }),
        ([name], Some(_)) if url::is_url(name) => usage("a URL is in no shard: leave --shard away"),
        (names, _) if names.iter().any(|name| url::is_url(name)) => {
            usage("a URL stands alone: name one URL, or accounts")
        }
        _ => load(chosen)?.select(wanted, overrides),
    }
}

/// Returns every key that an account can have, in the order of the manual.
pub fn keys() -> &'static [Key] {
    keys::KEYS
}

/// The folder of the seen-database, the spool and the locks: the chosen one, or this user's.
///
/// # Errors
/// There is no home directory to find it in.
pub fn state_folder(chosen: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(path) = chosen {
        return std::path::absolute(path).map_err(|source| unreadable(path, source));
    }
    dirs::state_dir()
        .or_else(|| dirs::home_dir().map(|home| home.join(".local/state")))
        .map(|folder| folder.join("mailpull"))
        .ok_or(Error::NoHome)
}

impl Config {
    /// Reads a configuration file, and the folder of accounts that it names; `~/` in them means
    /// `home`.
    ///
    /// # Errors
    /// No such file or folder, one that cannot be read, a file that cannot be understood, one that
    /// holds a password and is not private, one that others can write. A mistake in the file of
    /// one account is an error of that account, told when it is chosen.
    pub fn read(path: &Path, home: Option<PathBuf>) -> Result<Self, Error> {
        let private = CheckedFile::read(path).map_err(|source| unreadable(path, source))?;
        Self::of(&private, path, home)
    }

    /// Understands what was read at a path.
    fn of(private: &CheckedFile, path: &Path, home: Option<PathBuf>) -> Result<Self, Error> {
        let (mut config, folder) = Self::understand(private.octets(), &shown(path), home)?;
        if config.all().any(holds_a_password) {
            private.require("a password")?;
        }
        private.require_unwritable()?;
        if let Some(folder) = folder {
            let beside = path.parent().unwrap_or(Path::new(""));
            let folder = accounts_dir::find(folder, beside, config.home.as_deref())?;
            config.add(accounts_dir::read(&folder)?);
        }
        Ok(config)
    }

    /// Understands the text of a configuration file, which errors call `path`. Whether others can
    /// read a password in it is not asked, and no folder of accounts is looked into.
    ///
    /// # Errors
    /// Text that is no configuration.
    pub fn parse(text: &[u8], path: &str, home: Option<PathBuf>) -> Result<Self, Error> {
        Self::understand(text, path, home).map(|(config, _)| config)
    }

    fn understand(
        text: &[u8],
        path: &str,
        home: Option<PathBuf>,
    ) -> Result<(Self, Option<Written>), Error> {
        let document = Document::parse(text, path)?;
        let config = Self {
            path: path.to_owned(),
            home,
            defaults: Settings::read(document.defaults)?,
            accounts: sections(document.accounts)?,
            unusable: Vec::new(),
        };
        Ok((config, document.accounts_dir))
    }

    /// Takes up accounts that have files of their own. One that the configuration file has, too,
    /// cannot be used: nobody knows which is meant.
    fn add(&mut self, files: Vec<AccountFile>) {
        let here = |section: &Section| (section.name.clone(), section.origin.clone());
        let here: HashMap<_, _> = self.accounts.iter().map(here).collect();
        for AccountFile { name, path, read } in files {
            let read = match here.get(&name) {
                None => read,
                Some(at) => {
                    self.accounts.retain(|section| section.name != name);
                    let problem = format!("the account is in {path}, too; keep one of them");
                    let at = at.clone();
                    Err(Error::Syntax { at, problem })
                }
            };
            match read {
                Ok((origin, settings)) => self.accounts.push(Section {
                    name,
                    origin,
                    settings,
                    scope: Scope::Own,
                }),
                Err(error) => self.unusable.push(Unusable { name, error }),
            }
        }
    }

    /// The names of all accounts, enabled or not, usable or not.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let usable = self.accounts.iter().map(|section| &*section.name);
        usable.chain(self.unusable.iter().map(|unusable| &*unusable.name))
    }

    fn all(&self) -> impl Iterator<Item = &Settings> {
        let sections = self.accounts.iter().map(|section| &section.settings);
        sections.chain([&self.defaults])
    }
}

fn sections(written: Vec<document::Section>) -> Result<Vec<Section>, Error> {
    written
        .into_iter()
        .map(|section| {
            Ok(Section {
                name: section.name,
                origin: section.origin,
                settings: Settings::read(section.entries)?,
                scope: Scope::All,
            })
        })
        .collect()
}

fn holds_a_password(settings: &Settings) -> bool {
    let sources = [&settings.password, &settings.oauth2_client_secret];
    let mut sources = sources.into_iter().flatten().map(|at| &at.value);
    let via = settings.via.as_ref().map(|at| &at.value);
    sources.any(|source| matches!(source, Source::Literal(_)))
        || via.is_some_and(Via::holds_a_password)
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    let path = shown(path);
    match source.kind() {
        io::ErrorKind::NotFound => Error::Missing { path },
        _ => Error::Read { path, source },
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::exit::Exit;

    /// Reads a text as a private file that is shown as `config.toml`.
    fn read(text: impl AsRef<[u8]>) -> Result<Config, String> {
        read_with_mode(text, 0o600)
    }

    fn read_with_mode(text: impl AsRef<[u8]>, mode: u32) -> Result<Config, String> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("config.toml");
        fs::write(&path, text).expect("it can be written");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("they can be set");
        Config::read(&path, Some("/home/me".into())).map_err(|error| {
            assert_eq!(error.exit(), Exit::Configuration);
            let folder = format!("{}/", folder.path().display());
            error.to_string().replace(&folder, "")
        })
    }

    #[test]
    fn what_a_section_cannot_say_is_named_with_its_file_line_and_key() {
        for (text, message) in [
            (
                "pasword = 'hunter2'",
                "config.toml:2: unknown key \"pasword\"; did you mean \"password\"?",
            ),
            (
                "\r\nport = 0\r\n",
                "config.toml:3: \"port\" must be a number from 1 to 65535, not 0",
            ),
            (
                "maildir = '/m'\nmda = 'x'",
                "config.toml:3: \"mda\" contradicts \"maildir\"; keep one of them",
            ),
            (
                "password = 'hunter2'\npassword-env = 'X'",
                "config.toml:3: \"password-env\" contradicts \"password\"; keep one of them",
            ),
            (
                "server = 'h:1'\nport = 1",
                "config.toml:3: \"port\" contradicts \"server\"; keep one of them",
            ),
            (
                "password = \"hunter\\n2\"",
                "config.toml:2: \"password\" contains a line break or a NUL",
            ),
            (
                "password = ['hunter2']",
                "config.toml:2: \"password\" must be a string, not a list",
            ),
        ] {
            for section in ["defaults", "accounts.w"] {
                let error = read(format!("[{section}]\n{text}")).expect_err(text);
                assert_eq!(error, message);
            }
        }
    }

    #[test]
    fn a_monstrous_file_gives_a_short_error() {
        let key = "k".repeat(100_000);
        let nested = "[".repeat(100_000);
        for text in [
            format!("[accounts.{key}]"),
            format!("[accounts.w]\n{key} = 1"),
            format!("[accounts.w]\nkeep = '{key}'"),
            format!("[accounts.w]\nserver = '{key}'"),
            format!("[accounts.w]\nmda = {nested}"),
            format!("[accounts.w]\nport = {}", "9".repeat(100_000)),
            "\0".repeat(100_000),
            key,
        ] {
            let error = read(text).expect_err("it is refused");
            assert!(error.len() < 600, "{error}");
        }
    }

    #[test]
    fn a_missing_file_a_folder_and_an_empty_file_say_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let missing = folder.path().join("config.toml");
        for (path, phrase) in [(&*missing, "write it"), (folder.path(), "is a directory")] {
            let error = Config::read(path, None).expect_err("it is refused");
            assert_eq!(error.exit(), Exit::Configuration);
            assert!(error.to_string().contains(phrase), "{error}");
            assert!(error.to_string().contains(&shown(path)), "{error}");
        }
        for text in ["", "# nothing\n", "[defaults]\nkeep = false"] {
            let config = read(text).expect("it can be read");
            let error = config.select(&Wanted::default(), &Overrides::default());
            let error = error.expect_err("there is no account");
            assert!(
                error.to_string().contains("names no account; add "),
                "{error}"
            );
            assert_eq!(error.exit(), Exit::Configuration);
        }
    }

    #[test]
    fn a_url_stands_alone() {
        let urls = ["pops://me@h", "w"].map(str::to_owned);
        let shard = "0/2".parse().ok();
        for (names, shard) in [(&urls[..], None), (&urls[..1], shard)] {
            let wanted = Wanted { names, shard };
            let error = accounts(&wanted, None, &Overrides::default());
            let error = error.expect_err("it is not alone");
            assert_eq!(error.exit(), Exit::Usage);
        }
    }

    #[test]
    fn only_a_private_file_may_hold_a_password() {
        let password = "[accounts.w]\npassword = 'hunter2'";
        let in_defaults = "[defaults]\npassword = 'hunter2'";
        let command = "[accounts.w]\npassword-command = 'x'";
        let proxy = "[accounts.w]\nproxy = 'http://p:1'";
        let of_a_proxy = "[accounts.w]\nproxy = 'http://u:hunter2@p:1'";
        for (text, mode, is_accepted) in [
            (password, 0o600, true),
            (password, 0o400, true),
            (password, 0o604, false),
            (in_defaults, 0o644, false),
            (command, 0o644, true),
            (proxy, 0o644, true),
            (of_a_proxy, 0o644, false),
            (of_a_proxy, 0o600, true),
        ] {
            let config = read_with_mode(text, mode);
            assert_eq!(config.is_ok(), is_accepted, "{text} {mode:o}");
            if let Err(error) = config {
                assert!(error.ends_with(": chmod 600 config.toml"), "{error}");
            }
        }
    }
}
