//! The configuration: from TOML files, flags and URLs to checked accounts.
//!
//! A file is parsed into sections (`document`), whose values are read key by key (`keys`,
//! `settings`, `values`). A command selects accounts (`selection`), flags are laid over their
//! settings (`overrides`), and the rules between keys are checked (`account`, `connection`, `tls`,
//! `route`, `oauth2`, `targets`).

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::os::secret_file::{CheckedFile, FileError, shown};

mod account;
mod accounts_command;
mod accounts_dir;
mod applied;
mod check;
mod connection;
mod destination;
mod document;
mod edit;
mod edited;
mod error;
mod imap;
mod keys;
mod lmtp;
mod names;
mod nearest;
mod new_account;
mod oauth2;
mod origin;
mod overrides;
pub(crate) mod password;
mod paths;
mod peers;
mod places;
mod route;
mod run_settings;
mod schema;
mod selection;
mod settings;
mod shape;
pub(crate) mod shard;
mod target_keys;
mod targets;
mod tls;
mod url;
mod values;

pub use account::Account;
pub(crate) use applied::{AppliedConfig, AppliedSection, AppliedSetting, Extent};
pub(crate) use check::{CheckedConfig, check};
pub(crate) use document::is_account_name;
pub(crate) use edit::{WrittenAccount, require_account_name};
pub(crate) use edited::EditedConfig;
pub use error::Error;
pub use keys::Key;
pub(crate) use new_account::{NewAccount, PasswordPlace};
pub use origin::Origin;
pub use overrides::Overrides;
pub(crate) use places::{home, state_folder, user_config_folder};
pub use run_settings::{LogPlace, RunSettings};
pub(crate) use run_settings::{parse_duration, parse_run_timeout};
pub(crate) use schema::schema;
pub use selection::{Selection, Selector, UnusableAccount};

pub(crate) use accounts_command::{ConfigSource, PrintedAccounts};
use accounts_dir::AccountFile;
use document::{Document, WrittenValue};
use keys::SectionKind;
pub(crate) use names::list_names;
pub(crate) use nearest::nearest;
use password::Source;
use places::config_file;
use settings::Settings;
use targets::Targets;
use values::via::Via;

/// A configuration that was read. The rules between the keys of its accounts are not checked yet.
#[derive(Debug, Default)]
pub struct Config {
    path: String,
    home: Option<PathBuf>,
    defaults: Settings,
    accounts: Vec<Section>,
    targets: Targets,
    unusable: Vec<UnusableAccount>,
    run: RunSettings,
    /// The reason why the accounts of a command may be old ones.
    warning: Option<String>,
}

/// The places of accounts beside the configuration file.
struct MoreAccounts {
    /// The value of `accounts-dir`.
    folder: Option<WrittenValue>,
    /// The value of `accounts-command`.
    command: Option<WrittenValue>,
}

/// The settings of one account or target.
#[derive(Clone, Debug)]
struct Section {
    name: String,
    origin: Origin,
    settings: Settings,
    scope: Scope,
}

/// The accounts that a mistake in a section concerns.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scope {
    /// All accounts: the section is in the file that they share. Its user has probably just edited
    /// that file and wants to see the mistake.
    All,
    /// Only this account, which has a file of its own.
    Own,
}

/// Reads the chosen configuration file, or this user's, and the folder of accounts that it names.
///
/// # Errors
/// The errors of [`Config::read`], or there is no home directory to find the file in.
pub(crate) fn load(source: ConfigSource<'_>) -> Result<Config, Error> {
    let path = config_file(source.chosen)?;
    let private = CheckedFile::read(&path).map_err(|error| not_read(&path, error))?;
    Config::of_all(&private, &path, dirs::home_dir(), Some(source))
}

/// Finds the accounts that a command works on: one URL, for which the configuration need not be usable,
/// or accounts of the configuration.
///
/// # Errors
/// The errors of [`load`], [`Config::select`] and [`Account::from_url`], or a URL is not the only
/// argument.
pub(crate) fn accounts(
    selector: &Selector<'_>,
    source: ConfigSource<'_>,
    overrides: &Overrides,
) -> Result<Selection, Error> {
    match (selector.names, selector.shard) {
        ([name], None) if url::is_url(name) => {
            let config = usable(load(source))?;
            Ok(Selection {
                accounts: vec![Account::from_url(name, overrides, &config)?],
                unusable: Vec::new(),
                run: config.run,
                warning: None,
            })
        }
        ([name], Some(_)) if url::is_url(name) => {
            Err(Error::usage("a URL is in no shard", "Leave out --shard"))
        }
        (names, _) if names.iter().any(|name| url::is_url(name)) => Err(Error::usage(
            "a URL cannot be combined with other arguments",
            "Name one URL, or accounts",
        )),
        _ => load(source)?.select(selector, overrides),
    }
}

/// Returns an empty configuration if there is none that can be used.
fn usable(loaded: Result<Config, Error>) -> Result<Config, Error> {
    match loaded {
        Err(error @ Error::ForeignHome { .. }) => Err(error),
        loaded => Ok(loaded.unwrap_or_default()),
    }
}

/// Returns every key that an account can have, in the order of the manual.
pub fn keys() -> &'static [Key] {
    keys::KEYS
}

impl Config {
    /// Reads a configuration file, and the folder of accounts that it names. `~/` means `home`.
    ///
    /// # Errors
    /// A file or folder is missing or cannot be read, the file has a mistake, others can write to
    /// it, or it holds a password and is not private. A mistake in the file of one account is an
    /// error of that account; it is returned when the account is selected.
    pub fn read(path: &Path, home: Option<PathBuf>) -> Result<Self, Error> {
        let private = CheckedFile::read(path).map_err(|error| not_read(path, error))?;
        Self::of(&private, path, home)
    }

    /// Parses a file that was read, checks its permissions, and reads the folder of accounts.
    fn of(private: &CheckedFile, path: &Path, home: Option<PathBuf>) -> Result<Self, Error> {
        Self::of_all(private, path, home, None)
    }

    /// Does the same, and with a `source` also reads the accounts that a command prints.
    fn of_all(
        private: &CheckedFile,
        path: &Path,
        home: Option<PathBuf>,
        source: Option<ConfigSource<'_>>,
    ) -> Result<Self, Error> {
        let (mut config, more) = Self::parse_with_more(private.octets(), &shown(path), home)?;
        if config.all().any(holds_a_password) {
            private.require("a password")?;
        }
        // The commands in it run as this user, and it says where passwords are sent.
        private.require_ours()?;
        private.require_unwritable()?;
        if let Some(folder) = more.folder {
            let base = path.parent().unwrap_or(Path::new(""));
            let folder = accounts_dir::find(folder, base, config.home.as_deref())?;
            config.add(accounts_dir::read(&folder)?);
        }
        if let (Some(command), Some(source)) = (more.command, source) {
            let command = run_settings::command(command, config.home.as_deref())?;
            let hidden = config.secret_variables(&Overrides::default());
            let list = source.list(&command, &hidden)?;
            config.warning.clone_from(&list.warning);
            config.add(
                list.sections()?
                    .into_iter()
                    .map(AccountFile::printed)
                    .collect(),
            );
        }
        if config.unusable.is_empty() {
            config.targets.require_used(config.all())?;
        }
        Ok(config)
    }

    /// Parses the text of a configuration file, which errors call `path`. Checks no permissions and
    /// reads no folder of accounts.
    ///
    /// # Errors
    /// The text has a mistake.
    pub fn parse(text: &[u8], path: &str, home: Option<PathBuf>) -> Result<Self, Error> {
        Self::parse_with_more(text, path, home).map(|(config, _)| config)
    }

    /// Also returns where more accounts are.
    fn parse_with_more(
        text: &[u8],
        path: &str,
        home: Option<PathBuf>,
    ) -> Result<(Self, MoreAccounts), Error> {
        let document = Document::parse(text, path)?;
        let run = RunSettings::read(document.run, home.as_deref())?;
        let config = Self {
            path: path.to_owned(),
            home,
            defaults: Settings::read(SectionKind::Account, document.defaults)?,
            accounts: sections(document.accounts)?,
            targets: Targets::read(document.targets)?,
            unusable: Vec::new(),
            run,
            warning: None,
        };
        let more = MoreAccounts {
            folder: document.accounts_dir,
            command: document.accounts_command,
        };
        Ok((config, more))
    }

    /// Adds accounts that have files of their own. An account that is also in the configuration
    /// file becomes unusable, because it is unclear which of the two is meant.
    fn add(&mut self, files: Vec<AccountFile>) {
        let here = |section: &Section| (section.name.clone(), section.origin.clone());
        let here: HashMap<_, _> = self.accounts.iter().map(here).collect();
        for AccountFile {
            name, path, read, ..
        } in files
        {
            let read = match here.get(&name) {
                None => read,
                Some(at) => {
                    self.accounts.retain(|section| section.name != name);
                    let at = at.clone();
                    Err(Error::Duplicate { at, path })
                }
            };
            match read {
                Ok((origin, settings)) => self.accounts.push(Section {
                    name,
                    origin,
                    settings,
                    scope: Scope::Own,
                }),
                Err(error) => self.unusable.push(UnusableAccount { name, error }),
            }
        }
    }

    /// Returns the names of all accounts, also of those that are disabled or unusable.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let usable = self.accounts.iter().map(|section| &*section.name);
        usable.chain(self.unusable.iter().map(|unusable| &*unusable.name))
    }

    fn all(&self) -> impl Iterator<Item = &Settings> {
        let sections = self.accounts.iter().chain(&self.targets.0);
        let sections = sections.map(|section| &section.settings);
        sections.chain([&self.defaults])
    }
}

fn sections(written: Vec<document::WrittenSection>) -> Result<Vec<Section>, Error> {
    written
        .into_iter()
        .map(|section| {
            Ok(Section {
                name: section.name,
                origin: section.origin,
                settings: Settings::read(SectionKind::Account, section.entries)?,
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

fn not_read(path: &Path, error: FileError) -> Error {
    match error {
        FileError::Exposed(exposed) => exposed.into(),
        FileError::System(source) => unreadable(path, source),
    }
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
    use crate::os::signals::Interrupt;

    /// Reads a text as a private file that is shown as `config.toml`.
    fn read(text: impl AsRef<[u8]>) -> Result<Config, String> {
        read_with_mode(text, 0o600)
    }

    fn read_with_mode(text: impl AsRef<[u8]>, mode: u32) -> Result<Config, String> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("config.toml");
        fs::write(&path, text).expect("the file can be written");
        fs::set_permissions(&path, Permissions::from_mode(mode))
            .expect("the owner can set permissions");
        Config::read(&path, Some("/home/me".into())).map_err(|error| {
            assert_eq!(error.exit(), Exit::Configuration);
            let folder = format!("{}/", folder.path().display());
            error.to_string().replace(&folder, "")
        })
    }

    #[test]
    fn a_mistake_is_reported_with_file_line_and_key() {
        for (text, message) in [
            (
                "pasword = 'hunter2'",
                "config.toml:2: unknown key \"pasword\"",
            ),
            (
                "\r\nport = 0\r\n",
                "config.toml:3: \"port\" must be a number from 1 to 65535, not 0",
            ),
            (
                "maildir = '/m'\nmda = 'x'",
                "config.toml:3: \"mda\" contradicts \"maildir\"",
            ),
            (
                "password = 'hunter2'\npassword-env = 'X'",
                "config.toml:3: \"password-env\" contradicts \"password\"",
            ),
            (
                "server = 'h:1'\nport = 1",
                "config.toml:3: \"port\" contradicts \"server\"",
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
    fn an_enormous_file_gives_a_short_error() {
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
            let error = read(text).expect_err("the file is refused");
            assert!(error.len() < 600, "{error}");
        }
    }

    #[test]
    fn a_missing_a_wrong_and_an_empty_file_are_distinguished() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let missing = folder.path().join("config.toml");
        for (path, phrase) in [
            (&*missing, "there is no "),
            (folder.path(), "is a directory"),
        ] {
            let error = Config::read(path, None).expect_err("the file is refused");
            assert_eq!(error.exit(), Exit::Configuration);
            assert!(error.to_string().contains(phrase), "{error}");
            assert!(error.to_string().contains(&shown(path)), "{error}");
        }
        for text in ["", "# nothing\n", "[defaults]\nkeep = false"] {
            let config = read(text).expect("the file is a configuration");
            let error = config.select(&Selector::default(), &Overrides::default());
            let error = error.expect_err("there is no account");
            assert!(error.to_string().contains("names no account"), "{error}");
            assert_eq!(error.exit(), Exit::Configuration);
        }
    }

    #[test]
    fn a_url_cannot_be_combined_with_other_arguments() {
        let urls = ["pops://me@h", "w"].map(str::to_owned);
        let shard = "0/2".parse().ok();
        for (names, shard) in [(&urls[..], None), (&urls[..1], shard)] {
            let selector = Selector { names, shard };
            let interrupt = Interrupt::never().expect("a pair of sockets");
            let source = ConfigSource {
                chosen: None,
                state_dir: None,
                interrupt: &interrupt,
                printed: &PrintedAccounts::default(),
            };
            let error = accounts(&selector, source, &Overrides::default());
            let error = error.expect_err("the URL is not alone");
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
                let end = format!("is open to others (mode {mode:04o})");
                assert!(error.ends_with(&end), "{error}");
            }
        }
    }
}
