//! A new account before it is added to the configuration file: its keys as they were typed.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::config::account::Account;
use crate::config::document;
use crate::config::error::Error;
use crate::config::origin::Origin;
use crate::config::overrides::{self, Overrides};
use crate::config::password::Source;
use crate::config::settings::{At, Settings, Slot};
use crate::config::values::quoted;
use crate::config::{Config, Scope, Section, config_file};
use crate::os::replace_file;
use crate::os::secret::Secret;
use crate::os::secret_file::shown;
use crate::text::OneLine;

mod writing;

/// An account that is not in the configuration file yet: its keys as they were typed.
#[derive(Debug)]
pub(crate) struct NewAccount {
    config: Config,
    path: PathBuf,
    name: String,
    flags: Vec<Flag>,
    options: Vec<String>,
    password: Option<(Secret, PasswordPlace)>,
    /// Lines that stand above the section.
    comments: Vec<String>,
}

/// The place where a typed password is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PasswordPlace {
    /// The configuration file.
    File,
    /// The keyring of the user's desktop.
    Keyring,
}

/// A flag, or the answer to a question that stands for it, with the key that it sets.
#[derive(Clone, Debug)]
struct Flag {
    flag: &'static str,
    key: &'static str,
    text: String,
}

impl NewAccount {
    /// Begins a new account with the arguments of `-o`. It is for the chosen configuration file or, if
    /// none is chosen, for the user's own. The file need not exist.
    ///
    /// # Errors
    /// The existing file cannot be replaced, or it has a mistake.
    pub(crate) fn new(chosen: Option<&Path>, options: &[String]) -> Result<Self, Error> {
        let path = config_file(chosen)?;
        replace_file::require_replaceable(&path)
            .map_err(|source| cannot_write(&shown(&path), source))?;
        let config = match Config::read(&path, dirs::home_dir()) {
            Err(Error::Missing { .. }) => Config::parse(b"", &shown(&path), dirs::home_dir()),
            read => read,
        }?;
        let new_account = Self {
            config,
            path,
            name: String::new(),
            flags: Vec::new(),
            options: options.to_vec(),
            password: None,
            comments: Vec::new(),
        };
        new_account.overrides().map(|_| new_account)
    }

    /// Sets its name.
    ///
    /// # Errors
    /// No account can have that name, or another account has it.
    pub(crate) fn set_name(&mut self, name: &str) -> Result<(), Error> {
        if !document::is_account_name(name) {
            return Err(document::invalid_account_name(
                name,
                Origin::Flag(NAME.to_owned()),
            ));
        }
        require_free(name, &self.config)?;
        self.name = name.to_owned();
        Ok(())
    }

    /// Returns the user, if one was typed.
    ///
    /// # Errors
    /// The typed keys contradict each other.
    pub(crate) fn user(&self) -> Result<Option<String>, Error> {
        let typed = self.overrides()?.settings().clone();
        Ok(typed.user.map(|at| at.value))
    }

    /// Returns true if its server is set.
    ///
    /// # Errors
    /// The typed keys contradict each other.
    pub(crate) fn has_server(&self) -> Result<bool, Error> {
        Ok(self.settings()?.server.is_some())
    }

    /// Requires that no key is set that is meant for one server. A search would have to ignore such a
    /// key, and then it would find a server by other means than those that are used later, or show
    /// a client certificate to a server that the user has not chosen.
    ///
    /// # Errors
    /// Such a key is set.
    pub(crate) fn require_searchable(&self) -> Result<(), Error> {
        let settings = self.settings()?;
        let obstacles = [
            place(&settings.port),
            place(&settings.security),
            place(&settings.tls_client_cert),
            place(&settings.tls_name),
            place(&settings.tls_verify.filter(|at| !at.value)),
            place(&settings.via),
        ];
        match obstacles.into_iter().flatten().next() {
            None => Ok(()),
            Some(place) => Err(Error::usage(
                format!("{place}, so no server is searched for"),
                "Name it with --server HOST",
            )),
        }
    }

    /// Returns the text that a flag, `-o` or an answer has set a key to.
    pub(crate) fn answer(&self, key: &str) -> Option<&str> {
        let flags = self.flags.iter().map(|flag| (flag.key, &*flag.text));
        let options = self
            .options
            .iter()
            .filter_map(|it| overrides::split(it).ok());
        let mut typed = flags.chain(options).filter(|(other, _)| *other == key);
        typed.next().map(|(_, text)| text)
    }

    /// Sets a key anew, whatever set it before.
    ///
    /// # Errors
    /// The key cannot have this value. The account is not changed then.
    pub(crate) fn put(
        &mut self,
        flag: &'static str,
        key: &'static str,
        text: &str,
    ) -> Result<(), Error> {
        let before = (self.flags.clone(), self.options.clone());
        self.clear(key);
        self.set(flag, key, text.to_owned()).inspect_err(|_| {
            (self.flags, self.options) = before;
        })
    }

    /// Removes what sets a key.
    pub(crate) fn clear(&mut self, key: &str) {
        self.flags.retain(|flag| flag.key != key);
        let is_other =
            |option: &String| overrides::split(option).is_ok_and(|(other, _)| other != key);
        self.options.retain(is_other);
    }

    /// Returns the typed password and where it is to be kept.
    pub(crate) fn password(&self) -> Option<(&Secret, PasswordPlace)> {
        self.password
            .as_ref()
            .map(|(secret, place)| (secret, *place))
    }

    /// Removes the password, and the keys that say where it comes from.
    pub(crate) fn forget_password(&mut self) {
        self.password = None;
        for key in PASSWORD_KEYS {
            self.clear(key);
        }
    }

    /// Returns the words of the command that adds the account by what was typed, without the password.
    pub(crate) fn command(&self) -> Vec<String> {
        let mut words: Vec<String> = ["mailpull", "account", "add"].map(str::to_owned).into();
        words.extend(Some(self.name.clone()).filter(|name| !name.is_empty()));
        for Flag { flag, key, text } in &self.flags {
            let text = match *flag {
                "-o" => format!("{key}={text}"),
                _ => text.clone(),
            };
            words.extend([(*flag).to_owned(), text]);
        }
        let options = self.options.iter();
        words.extend(options.flat_map(|option| ["-o".to_owned(), option.clone()]));
        words
    }

    /// Returns the path of the configuration file, as it is shown.
    pub(crate) fn path(&self) -> String {
        shown(&self.path)
    }

    /// Sets a key to the value of a flag, or to the answer to a question that stands for it.
    ///
    /// # Errors
    /// The key cannot have this value. The account is not changed then.
    pub(crate) fn set(
        &mut self,
        flag: &'static str,
        key: &'static str,
        text: String,
    ) -> Result<(), Error> {
        self.flags.push(Flag { flag, key, text });
        self.overrides().map(drop).inspect_err(|_| {
            self.flags.pop();
        })
    }

    /// Adds a line that stands above the account as a comment.
    pub(crate) fn add_comment(&mut self, line: &str) {
        self.comments.push(OneLine(line).to_string());
    }

    /// Returns true if the file has an account with this name.
    pub(crate) fn is_taken(&self, name: &str) -> bool {
        self.config.names().any(|other| other == name)
    }

    /// Returns the text that [`Self::write`] would add to the file.
    pub(crate) fn text(&self) -> Zeroizing<String> {
        self.section()
    }

    /// Sets the password and the place where it will be kept.
    ///
    /// # Errors
    /// The password is not UTF-8, which TOML requires.
    pub(crate) fn set_password(
        &mut self,
        password: Secret,
        place: PasswordPlace,
    ) -> Result<(), Error> {
        if place == PasswordPlace::File && str::from_utf8(password.expose()).is_err() {
            return Err(Error::usage(
                "a configuration file cannot hold this password, which is not UTF-8",
                "Use password-command",
            ));
        }
        if place == PasswordPlace::Keyring {
            self.put("-o", "password-keyring", "true")?;
        }
        self.password = Some((password, place));
        Ok(())
    }

    /// Returns the account as it would be with this server and this security.
    ///
    /// # Errors
    /// The errors of [`Self::account`].
    pub(crate) fn account_at(&self, server: &str, security: &str) -> Result<Account, Error> {
        let place = [
            ("--server", "server", server),
            ("--security", "security", security),
        ];
        let flags = self.flags().chain(place);
        self.check(&Overrides::new(flags, &self.options)?)
    }

    /// Returns the account as it would be read from the file.
    ///
    /// # Errors
    /// A key is missing or has no meaning, or the password would be sent in cleartext.
    pub(crate) fn account(&self) -> Result<Account, Error> {
        self.check(&self.overrides()?)
    }

    fn check(&self, overrides: &Overrides) -> Result<Account, Error> {
        let section = Section {
            name: self.name.clone(),
            origin: Origin::Flag(NAME.to_owned()),
            settings: Settings::default(),
            scope: Scope::Own,
        };
        let secret_variables = self.config.secret_variables(overrides);
        let draft = self.config.draft(&section, overrides, &secret_variables);
        let mut account = draft.check()?;
        if let Some((password, _)) = &self.password {
            account.password = Source::Literal(password.clone());
        }
        Ok(account)
    }

    /// Returns the typed settings, laid over those of `[defaults]`.
    fn settings(&self) -> Result<Settings, Error> {
        let typed = self.overrides()?.settings().clone();
        Ok(typed.over(self.config.defaults.clone()))
    }

    /// Requires that no key is set twice, which TOML does not allow.
    fn require_once(&self) -> Result<(), Error> {
        let mut typed: Vec<_> = self.flags.iter().map(|it| (it.flag, it.key)).collect();
        for option in &self.options {
            let (key, _) = overrides::split(option)?;
            if let Some((flag, _)) = typed.iter().find(|(_, other)| *other == key) {
                let what = format!("{flag}: {} is also set by -o", quoted(key));
                return Err(Error::usage(what, "Keep one of them"));
            }
            typed.push(("-o", key));
        }
        Ok(())
    }

    fn overrides(&self) -> Result<Overrides, Error> {
        self.require_once()?;
        Overrides::new(self.flags(), &self.options)
    }

    fn flags(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let flags = self.flags.iter();
        flags.map(|Flag { flag, key, text }| (*flag, *key, &**text))
    }
}

fn require_free(name: &str, config: &Config) -> Result<(), Error> {
    if config.names().any(|other| other == name) {
        let name = quoted(name);
        return Err(Error::Taken { name });
    }
    Ok(())
}

/// Returns where a setting was written, and its key.
fn place<T>(slot: &Slot<T>) -> Option<String> {
    let At { key, origin, .. } = slot.as_deref()?;
    Some(format!("{origin}: {key:?} is set"))
}

fn cannot_write(path: &str, source: std::io::Error) -> Error {
    let path = path.to_owned();
    Error::Write { path, source }
}

/// The keys that say how the user proves their identity.
const PASSWORD_KEYS: &[&str] = &[
    "password-command",
    "password-env",
    "password-file",
    "password-keyring",
    "oauth2",
    "oauth2-client-id",
    "oauth2-client-secret-command",
];

/// The name of the new account in errors.
const NAME: &str = "the new account";
