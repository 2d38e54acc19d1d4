//! What the user configured: the TOML file, the flags, and where secrets come from.
//! Connects to nothing and delivers nothing.

use std::io;
use std::path::{Path, PathBuf};

mod account;
mod error;
mod file;
mod keys;
mod origin;
mod overrides;
pub mod password;
mod private;
mod server;
mod units;
mod url;
mod value;

pub use account::Account;
pub use error::Error;
pub use origin::Origin;
pub use overrides::Overrides;
pub use private::Exposed;

use account::Draft;
use file::{Document, Written};
use keys::Settings;
use password::{ONE_SHOT_VARIABLE, Source};
use private::{Private, shown};
use value::quoted;

/// The configuration file: accounts that are readable, and not yet checked.
#[derive(Clone, Debug)]
pub struct Config {
    path: String,
    home: Option<PathBuf>,
    defaults: Settings,
    accounts: Vec<Section>,
}

/// One account's section.
#[derive(Clone, Debug)]
struct Section {
    name: String,
    origin: Origin,
    settings: Settings,
}

/// Reads the chosen configuration file, or this user's.
///
/// # Errors
/// No such file, one that cannot be read or understood, one that holds a password and is not
/// private.
pub fn load(chosen: Option<&Path>) -> Result<Config, Error> {
    let home = dirs::home_dir();
    match (chosen, dirs::config_dir()) {
        (Some(path), _) => Config::read(path, home),
        (None, Some(folder)) => Config::read(&folder.join("mailpull/config.toml"), home),
        (None, None) => Err(Error::NoHome),
    }
}

/// Finds the accounts that the arguments of a command name: either one URL, for which no file is
/// read, or names from the configuration file, or all its enabled accounts.
///
/// # Errors
/// As [`load`], [`Config::select`] and [`Account::from_url`]; a URL with anything beside it.
pub fn accounts(
    names: &[String],
    chosen: Option<&Path>,
    overrides: &Overrides,
) -> Result<Vec<Account>, Error> {
    match names {
        [name] if url::is_url(name) => Ok(vec![Account::from_url(name, overrides)?]),
        names if names.iter().any(|name| url::is_url(name)) => Err(Error::Usage(
            "a URL stands alone: name one URL, or accounts".to_owned(),
        )),
        names => load(chosen)?.select(names, overrides),
    }
}

impl Config {
    /// Reads a configuration file; `~/` in it means `home`.
    ///
    /// # Errors
    /// As [`load`].
    pub fn read(path: &Path, home: Option<PathBuf>) -> Result<Self, Error> {
        let private = Private::read(path).map_err(|source| unreadable(path, source))?;
        let document = Document::parse(private.octets(), &shown(path))?;
        let config = Self {
            path: shown(path),
            home,
            defaults: settings(document.defaults)?,
            accounts: sections(document.accounts)?,
        };
        if config.all().any(holds_a_password) {
            private.insist()?;
        }
        Ok(config)
    }

    /// Checks the named accounts, in the order of their names, or all enabled ones, in the order
    /// of the file.
    ///
    /// # Errors
    /// A name that no account has; a file without accounts; an account whose keys do not go
    /// together.
    pub fn select(&self, names: &[String], overrides: &Overrides) -> Result<Vec<Account>, Error> {
        if self.accounts.is_empty() {
            let path = self.path.clone();
            return Err(Error::NoAccount { path });
        }
        if !names.is_empty() {
            return self.named(names, overrides);
        }
        let mut accounts = Vec::new();
        for section in &self.accounts {
            if section.is_enabled(&self.defaults, overrides) {
                accounts.push(self.check(section, overrides)?);
            }
        }
        Ok(accounts)
    }

    fn named(&self, names: &[String], overrides: &Overrides) -> Result<Vec<Account>, Error> {
        let mut accounts: Vec<Account> = Vec::new();
        for name in names {
            let section = self.find(name)?;
            if accounts.iter().all(|account| account.name != *name) {
                accounts.push(self.check(section, overrides)?);
            }
        }
        Ok(accounts)
    }

    fn find(&self, name: &str) -> Result<&Section, Error> {
        let found = self.accounts.iter().find(|section| section.name == name);
        found.ok_or_else(|| Error::Account {
            // What is no name at all may be a mistyped URL with a password in it.
            name: match file::is_account_name(name) {
                true => quoted(name),
                false => "of such a name".to_owned(),
            },
            hint: keys::hint(name, self.accounts.iter().map(|section| &*section.name)),
        })
    }

    fn check(&self, section: &Section, overrides: &Overrides) -> Result<Account, Error> {
        Draft {
            name: section.name.clone(),
            origin: section.origin.clone(),
            written: section.settings.clone().over(self.defaults.clone()),
            flags: overrides.settings().clone(),
            home: self.home.as_deref(),
            secret_variables: self.secret_variables(overrides),
        }
        .check()
    }

    fn secret_variables(&self, overrides: &Overrides) -> Vec<String> {
        self.all()
            .chain([overrides.settings()])
            .filter_map(|settings| settings.password.as_ref()?.value.variable())
            .chain([ONE_SHOT_VARIABLE])
            .map(str::to_owned)
            .collect()
    }

    fn all(&self) -> impl Iterator<Item = &Settings> {
        let sections = self.accounts.iter().map(|section| &section.settings);
        sections.chain([&self.defaults])
    }
}

impl Section {
    fn is_enabled(&self, defaults: &Settings, overrides: &Overrides) -> bool {
        [overrides.settings(), &self.settings, defaults]
            .into_iter()
            .find_map(|settings| settings.enabled.as_ref())
            .is_none_or(|at| at.value)
    }
}

fn sections(written: Vec<file::Section>) -> Result<Vec<Section>, Error> {
    written
        .into_iter()
        .map(|section| {
            Ok(Section {
                name: section.name,
                origin: section.origin,
                settings: settings(section.entries)?,
            })
        })
        .collect()
}

fn settings(entries: Vec<Written>) -> Result<Settings, Error> {
    let mut settings = Settings::default();
    for Written { key, value, origin } in entries {
        settings.set(&key, value, origin)?;
    }
    Ok(settings)
}

fn holds_a_password(settings: &Settings) -> bool {
    let source = settings.password.as_ref().map(|at| &at.value);
    matches!(source, Some(Source::Literal(_)))
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    let path = shown(path);
    match source.kind() {
        io::ErrorKind::NotFound => Error::Missing { path },
        _ => Error::Read { path, source },
    }
}
