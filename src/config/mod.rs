//! What the user configured: the TOML file, the flags, and where secrets come from.
//! Connects to nothing and delivers nothing.

use std::io;
use std::path::{Path, PathBuf};

use crate::private::{Private, shown};

mod account;
mod error;
mod file;
mod keys;
mod origin;
mod overrides;
pub mod password;
mod paths;
mod reach;
mod readers;
mod server;
mod trust;
mod units;
mod url;
mod value;
mod way;

pub use account::Account;
pub use error::Error;
pub use file::is_account_name;
pub use origin::Origin;
pub use overrides::Overrides;

use account::Draft;
use file::Document;
use keys::Settings;
use password::{ONE_SHOT_VARIABLE, Source};
use value::quoted;
use way::Way;

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

/// Every key that an account can have, in the order of the manual.
pub fn key_names() -> impl Iterator<Item = &'static str> {
    keys::names()
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
    /// Reads a configuration file; `~/` in it means `home`.
    ///
    /// # Errors
    /// As [`load`].
    pub fn read(path: &Path, home: Option<PathBuf>) -> Result<Self, Error> {
        let private = Private::read(path).map_err(|source| unreadable(path, source))?;
        let config = Self::parse(private.octets(), &shown(path), home)?;
        if config.all().any(holds_a_password) {
            private.insist("a password")?;
        }
        private.insist_unwritable()?;
        Ok(config)
    }

    /// Understands the text of a configuration file, which errors call `path`. Whether others can
    /// read a password in it is not asked.
    ///
    /// # Errors
    /// Text that is no configuration.
    pub fn parse(text: &[u8], path: &str, home: Option<PathBuf>) -> Result<Self, Error> {
        let document = Document::parse(text, path)?;
        Ok(Self {
            path: path.to_owned(),
            home,
            defaults: Settings::read(document.defaults)?,
            accounts: sections(document.accounts)?,
        })
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

    /// The names of all accounts, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.accounts.iter().map(|section| &*section.name)
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
            name: match is_account_name(name) {
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
                settings: Settings::read(section.entries)?,
            })
        })
        .collect()
}

fn holds_a_password(settings: &Settings) -> bool {
    let source = settings.password.as_ref().map(|at| &at.value);
    let way = settings.way.as_ref().map(|at| &at.value);
    matches!(source, Some(Source::Literal(_))) || way.is_some_and(Way::holds_a_password)
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
    use crate::policy::Keep;

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

    fn select(text: &str, names: &[&str]) -> Result<Vec<Account>, Error> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let config = read(text).expect("it can be read");
        config.select(&names, &Overrides::default())
    }

    fn names(accounts: &[Account]) -> Vec<&str> {
        accounts.iter().map(|account| &*account.name).collect()
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
            let error = select(text, &[]).expect_err("there is no account");
            assert!(
                error.to_string().contains("names no account; add "),
                "{error}"
            );
            assert_eq!(error.exit(), Exit::Configuration);
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

    const THREE: &str = "
        [defaults]
        user = 'me'
        server = 'pop.example.com'
        keep = '14 days'
        password-command = 'pass show mail'
        [accounts.zoe]
        maildir = '~/Mail'
        [accounts.old]
        enabled = false
        password-env = 'OLD'
        [accounts.'me@example.com']
        mda = 'procmail -d %T'
        keep = true
    ";

    #[test]
    fn accounts_come_as_they_are_named_or_as_the_file_has_the_enabled_ones() {
        for (wanted, found) in [
            (&[][..], &["zoe", "me@example.com"][..]),
            (&["old", "zoe", "old"], &["old", "zoe"]),
        ] {
            let accounts = select(THREE, wanted).expect("they are there");
            assert_eq!(names(&accounts), found);
        }
    }

    #[test]
    fn a_name_that_no_account_has_is_a_usage_error() {
        for (name, message) in [
            ("zoo", "there is no account \"zoo\"; did you mean \"zoe\"?"),
            (
                "spam-folder",
                "there is no account \"spam-folder\"; known are zoe, old, me@example.com",
            ),
            (
                "me:hunter2@h",
                "there is no account of such a name; known are zoe, old, me@example.com",
            ),
        ] {
            let error = select(THREE, &["old", name]).expect_err("nobody has that name");
            assert_eq!(error.to_string(), message);
            assert_eq!(error.exit(), Exit::Usage);
        }
    }

    #[test]
    fn an_account_replaces_what_the_defaults_say() {
        let accounts = select(THREE, &["zoe", "old", "me@example.com"]).expect("they are there");
        let fourteen_days = std::time::Duration::from_secs(14 * 86_400);
        let keeps: Vec<Keep> = accounts.iter().map(|account| account.policy.keep).collect();
        let fourteen_days = Keep::For(fourteen_days);
        assert_eq!(keeps, [fourteen_days, fourteen_days, Keep::Always]);
        assert!(matches!(&accounts[0].password, Source::Shell(line) if line == "pass show mail"));
        assert!(matches!(&accounts[1].password, Source::Variable(name) if name == "OLD"));
        assert_eq!(accounts[0].secret_variables, ["OLD", "MAILPULL_PASSWORD"]);
    }

    #[test]
    fn a_url_stands_alone() {
        let names = ["pops://me@h", "w"].map(str::to_owned);
        let error = accounts(&names, None, &Overrides::default()).expect_err("it is not alone");
        assert_eq!(error.exit(), Exit::Usage);
    }
}
