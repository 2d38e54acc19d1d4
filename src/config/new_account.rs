//! A new account, before and while it is added to the configuration file.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::config::account::Account;
use crate::config::document;
use crate::config::error::Error;
use crate::config::keys::SectionKind;
use crate::config::origin::Origin;
use crate::config::overrides::{self, Overrides};
use crate::config::password::Source;
use crate::config::settings::{At, Settings, Slot};
use crate::config::values::{Value, quoted};
use crate::config::{Config, Scope, Section, Selector, config_file};
use crate::os::replace_file::{self, LockedFile, Secrecy};
use crate::os::secret::Secret;
use crate::os::secret_file::{FileError, shown};
use crate::os::signals::Interrupt;
use crate::text::OneLine;

/// An account that is not in the configuration file yet: its keys as they were typed.
#[derive(Debug)]
pub(crate) struct NewAccount {
    config: Config,
    path: PathBuf,
    name: String,
    flags: Vec<Flag>,
    options: Vec<String>,
    password: Option<Secret>,
    /// Lines that stand above the section.
    comments: Vec<String>,
}

/// A flag, or the answer to a question that stands for it, with the key that it sets.
#[derive(Debug)]
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

    /// Returns true if a password was typed that will be stored in the file.
    pub(crate) fn has_typed_password(&self) -> bool {
        self.password.is_some()
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

    /// Sets the password that will be stored in the file.
    ///
    /// # Errors
    /// The password is not UTF-8, which TOML requires.
    pub(crate) fn set_password(&mut self, password: Secret) -> Result<(), Error> {
        if str::from_utf8(password.expose()).is_err() {
            return Err(Error::usage(
                "a configuration file cannot hold this password, which is not UTF-8",
                "Use password-command",
            ));
        }
        self.password = Some(password);
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
        if let Some(password) = &self.password {
            account.password = Source::Literal(password.clone());
        }
        Ok(account)
    }

    /// Appends the account to the file. The file is read again, because another program may have
    /// changed it, and the rest of it is not changed. If the account has a password, the file is from
    /// then on readable only by its owner and a group that root chose. Otherwise its permissions
    /// stay.
    ///
    /// # Errors
    /// The file was replaced, has the account by now, or cannot be written. It is not changed then.
    pub(crate) fn write(&self, interrupt: &Interrupt) -> Result<(), Error> {
        let (path, home) = (shown(&self.path), dirs::home_dir());
        let cannot = |source| cannot_write(&path, source);
        let refused = |error| match error {
            FileError::Exposed(exposed) => exposed.into(),
            FileError::System(source) => cannot(source),
        };
        let file = LockedFile::lock(&self.path, interrupt).map_err(refused)?;
        let before = file.read().map_err(refused)?;
        if let Some(before) = &before {
            require_free(&self.name, &Config::of(before, &self.path, home.clone())?)?;
        }
        let before = before.unwrap_or_default();
        let gap = match before.octets() {
            [] => "",
            [.., b'\n'] => "\n",
            _ => "\n\n",
        };
        let section = self.section();
        let text = [before.octets(), gap.as_bytes(), section.as_bytes()].concat();
        let text = Zeroizing::new(text);
        // If `accounts` is an inline table, TOML does not allow a further account below it.
        let config = Config::parse(&text, &path, home)?;
        let selector = Selector {
            names: std::slice::from_ref(&self.name),
            shard: None,
        };
        config.select(&selector, &Overrides::default())?;
        let secrecy = match self.password {
            Some(_) => Secrecy::Secret,
            None => Secrecy::AsBefore,
        };
        file.replace(&text, secrecy).map_err(cannot)
    }

    /// Returns the section of the account as text. A value is written as TOML if its key accepts
    /// that, and otherwise as a string, in the same order of attempts as [`Overrides::new`] reads it.
    fn section(&self) -> Zeroizing<String> {
        let quote = |name: &str| {
            if name.bytes().all(is_bare) {
                name.to_owned()
            } else {
                document::toml_string(name)
            }
        };
        let comments = self.comments.iter().map(|line| format!("# {line}\n"));
        let comments: String = comments.collect();
        let mut text = Zeroizing::new(format!("{comments}[accounts.{}]\n", quote(&self.name)));
        let mut add = |key: &str, value: &str| {
            // The last value may be a password. Appending in the space that is reserved leaves no
            // copy of it in memory.
            text.reserve(key.len() + value.len() + 4);
            for part in [key, " = ", value, "\n"] {
                text.push_str(part);
            }
        };
        for Flag { key, text, .. } in &self.flags {
            let text = from_anywhere(key, text);
            let is_text = reads(key, Some(Value::from_text(&text)));
            add(
                key,
                &if is_text {
                    document::toml_string(&text)
                } else {
                    text
                },
            );
        }
        for option in &self.options {
            let (key, text) = overrides::split(option).unwrap_or_default();
            let is_value = reads(key, document::value(text));
            let text = from_anywhere(key, text);
            add(
                key,
                &if is_value {
                    text
                } else {
                    document::toml_string(&text)
                },
            );
        }
        if let Some(password) = &self.password {
            let password = str::from_utf8(password.expose()).unwrap_or_default();
            add("password", &Zeroizing::new(document::toml_string(password)));
        }
        text
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

/// Makes a relative path absolute, because it is relative to the folder where it was typed.
fn from_anywhere(key: &str, text: &str) -> String {
    if !PATHS.contains(&key) || text.starts_with(['~', '/', '"', '\'']) {
        return text.to_owned();
    }
    let path = std::path::absolute(text).ok();
    path.and_then(|path| path.to_str().map(str::to_owned))
        .unwrap_or_else(|| text.to_owned())
}

/// Returns true if a key can have a value.
fn reads(key: &str, value: Option<Value>) -> bool {
    value.is_some_and(|value| {
        Settings::default()
            .set(SectionKind::Account, key, value, Origin::Url)
            .is_ok()
    })
}

fn is_bare(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_')
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

/// The keys whose values are paths.
const PATHS: &[&str] = &[
    "maildir",
    "mbox",
    "password-file",
    "tls-ca-file",
    "tls-client-cert",
    "tls-client-key",
];

/// The name of the new account in errors.
const NAME: &str = "the new account";

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Adds `work` to a file with this text and mode. Returns its text and mode after that.
    fn add(text: &str, mode: u32, password: Option<&str>) -> Result<(String, u32), Error> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("config.toml");
        fs::write(&path, text).expect("the file can be written");
        fs::set_permissions(&path, Permissions::from_mode(mode))
            .expect("the owner can set permissions");
        let mut new_account = NewAccount::new(Some(&path), &["keep=14 days".to_owned()])?;
        new_account.set_name("work")?;
        new_account.set("--server", "server", "pop.example.com".to_owned())?;
        new_account.set("--user", "user", "me \"too\"".to_owned())?;
        if let Some(password) = password {
            let secret = Secret::new(password.into()).expect("the password can be sent");
            new_account.set_password(secret)?;
        }
        let written = new_account.write(&Interrupt::never().expect("a pair of sockets"));
        let after = fs::read_to_string(&path).expect("the file is there");
        let mode = fs::metadata(&path)
            .expect("the file is there")
            .permissions()
            .mode();
        match written {
            Ok(()) => Ok((after, mode & 0o7777)),
            Err(error) => {
                assert_eq!(after, text);
                Err(error)
            }
        }
    }

    const SECTION: &str =
        "[accounts.work]\nserver = \"pop.example.com\"\nuser = 'me \"too\"'\nkeep = \"14 days\"\n";

    #[test]
    fn the_rest_of_the_file_is_not_changed() {
        for (text, gap) in [
            ("", ""),
            ("# mine\r\n[defaults]   # odd\r\nkeep=false\r\n", "\n"),
            ("[accounts.a]\nserver = 'a'\n\n\n# the end", "\n\n"),
            ("[accounts]\na.server = 'a'\n", "\n"),
        ] {
            let (after, mode) = add(text, 0o640, None).expect(text);
            assert_eq!(after, format!("{text}{gap}{SECTION}"));
            assert_eq!(mode, 0o640);
        }
    }

    #[test]
    fn a_password_makes_the_file_private() {
        for (before, password, after) in [
            (0o644, None, 0o644),
            (0o644, Some("p\"w\\"), 0o600),
            (0o400, Some("pw"), 0o400),
            (0o600, None, 0o600),
        ] {
            let (text, mode) = add("", before, password).expect("the account can be added");
            assert_eq!(mode, after);
            let is_there = text.contains("password = ");
            assert_eq!(is_there, password.is_some());
        }
    }

    #[test]
    fn a_file_that_cannot_be_extended_is_not_changed() {
        for (text, said) in [
            (
                "[accounts.work]\nuser = 'x'",
                "there is already an account \"work\"",
            ),
            ("accounts = { a = { server = 'a' } }", "config.toml:"),
            ("[accounts.a]\nsevrer = 'x'", "unknown key \"sevrer\""),
        ] {
            let error = add(text, 0o600, None).expect_err(text).to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_relative_path_means_the_same_from_anywhere() {
        let here = std::env::current_dir().expect("there is a current folder");
        for (key, text, expected) in [
            ("maildir", "Mail", here.join("Mail").display().to_string()),
            ("maildir", "~/Mail", "~/Mail".to_owned()),
            ("maildir", "/Mail", "/Mail".to_owned()),
            ("user", "Mail", "Mail".to_owned()),
        ] {
            assert_eq!(from_anywhere(key, text), expected);
        }
    }
}
