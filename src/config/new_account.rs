//! An account that is to be added to the configuration file.
//! Asks nobody anything and connects to nothing.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::config::account::Account;
use crate::config::document;
use crate::config::error::Error;
use crate::config::origin::Origin;
use crate::config::overrides::{self, Overrides};
use crate::config::password::Source;
use crate::config::settings::{At, Settings, Slot};
use crate::config::values::{Value, quoted};
use crate::config::{Config, Scope, Section, Wanted, config_file};
use crate::os::replace_file::{self, LockedFile, Secrecy};
use crate::os::secret::Secret;
use crate::os::secret_file::shown;
use crate::os::signals::Interrupt;

/// An account that is to be added: its keys as they were typed.
#[derive(Debug)]
pub struct Addition {
    config: Config,
    path: PathBuf,
    name: String,
    flags: Vec<Flag>,
    options: Vec<String>,
    password: Option<Secret>,
}

/// What was typed for a key.
#[derive(Debug)]
struct Flag {
    flag: &'static str,
    key: &'static str,
    text: String,
}

impl Addition {
    /// Begins with the chosen configuration file or this user's, and the arguments of `-o`. There
    /// need not be a file.
    ///
    /// # Errors
    /// What is there cannot be replaced or understood.
    pub fn new(chosen: Option<&Path>, options: &[String]) -> Result<Self, Error> {
        let path = config_file(chosen)?;
        replace_file::require_replaceable(&path)
            .map_err(|source| cannot_write(&shown(&path), source))?;
        let config = match Config::read(&path, dirs::home_dir()) {
            Err(Error::Missing { .. }) => Config::parse(b"", &shown(&path), dirs::home_dir()),
            read => read,
        }?;
        let addition = Self {
            config,
            path,
            name: String::new(),
            flags: Vec::new(),
            options: options.to_vec(),
            password: None,
        };
        addition.overrides().map(|_| addition)
    }

    /// Calls it by this name.
    ///
    /// # Errors
    /// The name cannot be an account's or is one's already.
    pub fn call(&mut self, name: &str) -> Result<(), Error> {
        if !document::is_account_name(name) {
            return Err(document::no_account_name(
                name,
                Origin::Flag(NAME.to_owned()),
            ));
        }
        insist_free(name, &self.config)?;
        self.name = name.to_owned();
        Ok(())
    }

    /// The user, if one was typed.
    ///
    /// # Errors
    /// What was typed does not go together.
    pub fn user(&self) -> Result<Option<String>, Error> {
        let typed = self.overrides()?.settings().clone();
        Ok(typed.user.map(|at| at.value))
    }

    /// Whether it is said where its server is.
    ///
    /// # Errors
    /// What was typed does not go together.
    pub fn has_server(&self) -> Result<bool, Error> {
        Ok(self.said()?.server.is_some())
    }

    /// Insists that nothing is said that is meant for one server: a search would have to do
    /// without it, and find what is not used then, or show more than was wanted to whoever is found.
    ///
    /// # Errors
    /// Something is.
    pub fn insist_searchable(&self) -> Result<(), Error> {
        let said = self.said()?;
        let obstacles = [
            place(&said.port),
            place(&said.security),
            place(&said.tls_client_cert),
            place(&said.tls_name),
            place(&said.tls_verify.filter(|at| !at.value)),
            place(&said.via),
        ];
        match obstacles.into_iter().flatten().next() {
            None => Ok(()),
            Some(place) => Err(Error::Usage(format!(
                "{place}, with which no server is searched for; name it: --server HOST"
            ))),
        }
    }

    /// Whether a password was typed that is to stand in the file.
    pub fn has_typed_password(&self) -> bool {
        self.password.is_some()
    }

    /// Where it will be written.
    pub fn path(&self) -> String {
        shown(&self.path)
    }

    /// Takes what was typed for a key, behind a flag or to a question that stands for it.
    ///
    /// # Errors
    /// A value that the key cannot have. Nothing is taken then.
    pub fn say(
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

    /// Takes a password that is to stand in the file.
    ///
    /// # Errors
    /// It is no text.
    pub fn keep_password(&mut self, password: Secret) -> Result<(), Error> {
        if str::from_utf8(password.expose()).is_err() {
            let what = "a configuration file cannot hold this password, which is no UTF-8";
            return Err(Error::Usage(what.to_owned()));
        }
        self.password = Some(password);
        Ok(())
    }

    /// The account as it would be if it said this server and this security.
    ///
    /// # Errors
    /// As those of [`Self::account`].
    pub fn account_at(&self, server: &str, security: &str) -> Result<Account, Error> {
        let place = [
            ("--server", "server", server),
            ("--security", "security", security),
        ];
        let flags = self.flags().chain(place);
        self.check(&Overrides::new(flags, &self.options)?)
    }

    /// The account as it would be read from the file.
    ///
    /// # Errors
    /// Whatever is missing, out of place, or would show the password to the network.
    pub fn account(&self) -> Result<Account, Error> {
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

    /// Writes it behind what is in the file, of which nothing is touched: as it is by then, whoever
    /// has written it meanwhile. A file that holds a password is readable by its owner, and a group
    /// that root chose, only from then on; otherwise its permissions stay.
    ///
    /// # Errors
    /// The file has become another, has the account by now, or cannot be written. It is as it was
    /// then.
    pub(crate) fn write(&self, interrupt: &Interrupt) -> Result<(), Error> {
        let (path, home) = (shown(&self.path), dirs::home_dir());
        let cannot = |source| cannot_write(&path, source);
        let file = LockedFile::lock(&self.path, interrupt).map_err(cannot)?;
        let before = file.read().map_err(cannot)?;
        if let Some(before) = &before {
            insist_free(&self.name, &Config::of(before, &self.path, home.clone())?)?;
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
        // Where `accounts` is one line of TOML, nothing can be added to it below.
        let config = Config::parse(&text, &path, home)?;
        let wanted = Wanted {
            names: std::slice::from_ref(&self.name),
            shard: None,
        };
        config.select(&wanted, &Overrides::default())?;
        let secrecy = match self.password {
            Some(_) => Secrecy::Secret,
            None => Secrecy::AsBefore,
        };
        file.replace(&text, secrecy).map_err(cannot)
    }

    fn section(&self) -> Zeroizing<String> {
        let quote = |name: &str| match name.bytes().all(is_bare) {
            true => name.to_owned(),
            false => document::spelt(name),
        };
        let mut text = Zeroizing::new(format!("[accounts.{}]\n", quote(&self.name)));
        let mut add = |key: &str, value: &str| {
            // A password must not be left behind where the text grows.
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
                    document::spelt(&text)
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
                    document::spelt(&text)
                },
            );
        }
        if let Some(password) = &self.password {
            let password = str::from_utf8(password.expose()).unwrap_or_default();
            add("password", &Zeroizing::new(document::spelt(password)));
        }
        text
    }

    /// What was typed, over what stands for all accounts.
    fn said(&self) -> Result<Settings, Error> {
        let typed = self.overrides()?.settings().clone();
        Ok(typed.over(self.config.defaults.clone()))
    }

    /// Insists that no key is said twice: a file could not say it so.
    fn insist_once(&self) -> Result<(), Error> {
        let mut said: Vec<_> = self.flags.iter().map(|it| (it.flag, it.key)).collect();
        for option in &self.options {
            let (key, _) = overrides::split(option)?;
            if let Some((flag, _)) = said.iter().find(|(_, other)| *other == key) {
                let key = quoted(key);
                let what = format!("{flag}: {key} is said by -o, too; keep one of them");
                return Err(Error::Usage(what));
            }
            said.push(("-o", key));
        }
        Ok(())
    }

    fn overrides(&self) -> Result<Overrides, Error> {
        self.insist_once()?;
        Overrides::new(self.flags(), &self.options)
    }

    fn flags(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let flags = self.flags.iter();
        flags.map(|Flag { flag, key, text }| (*flag, *key, &**text))
    }
}

/// Makes a relative path, which was meant where it was typed, mean the same in a file.
fn from_anywhere(key: &str, text: &str) -> String {
    if !PATHS.contains(&key) || text.starts_with(['~', '/', '"', '\'']) {
        return text.to_owned();
    }
    let path = std::path::absolute(text).ok();
    path.and_then(|path| path.to_str().map(str::to_owned))
        .unwrap_or_else(|| text.to_owned())
}

/// Whether a key takes a value.
fn reads(key: &str, value: Option<Value>) -> bool {
    value.is_some_and(|value| Settings::default().set(key, value, Origin::Url).is_ok())
}

fn is_bare(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_')
}

fn insist_free(name: &str, config: &Config) -> Result<(), Error> {
    if config.names().any(|other| other == name) {
        let name = quoted(name);
        return Err(Error::Taken { name });
    }
    Ok(())
}

/// Where something is said, and by which key.
fn place<T>(slot: &Slot<T>) -> Option<String> {
    let At { key, origin, .. } = slot.as_ref()?;
    Some(format!("{origin}: {key:?} is set"))
}

fn cannot_write(path: &str, source: std::io::Error) -> Error {
    let path = path.to_owned();
    Error::Write { path, source }
}

/// The keys whose values are paths.
const PATHS: &[&str] = &[
    "maildir",
    "password-file",
    "tls-ca-file",
    "tls-client-cert",
    "tls-client-key",
];

/// What an error about the new account calls it.
const NAME: &str = "the new account";

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Adds `work` to a file with this text and mode; the text and the mode then.
    fn add(text: &str, mode: u32, password: Option<&str>) -> Result<(String, u32), Error> {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let path = folder.path().join("config.toml");
        fs::write(&path, text).expect("it can be written");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("they can be set");
        let mut addition = Addition::new(Some(&path), &["keep=14 days".to_owned()])?;
        addition.call("work")?;
        addition.say("--server", "server", "pop.example.com".to_owned())?;
        addition.say("--user", "user", "me \"too\"".to_owned())?;
        if let Some(password) = password {
            let secret = Secret::new(password.into()).expect("it is usable");
            addition.keep_password(secret)?;
        }
        let written = addition.write(&Interrupt::never().expect("a pair of sockets"));
        let after = fs::read_to_string(&path).expect("it is there");
        let mode = fs::metadata(&path)
            .expect("it is there")
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
    fn what_is_there_stays_as_it_is() {
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
    fn a_password_closes_the_file_and_nothing_opens_it() {
        for (before, password, after) in [
            (0o644, None, 0o644),
            (0o644, Some("p\"w\\"), 0o600),
            (0o400, Some("pw"), 0o400),
            (0o600, None, 0o600),
        ] {
            let (text, mode) = add("", before, password).expect("it can be added");
            assert_eq!(mode, after);
            let is_there = text.contains("password = ");
            assert_eq!(is_there, password.is_some());
        }
    }

    #[test]
    fn what_cannot_be_added_to_is_left_alone() {
        for (text, said) in [
            (
                "[accounts.work]\nuser = 'x'",
                "there is an account \"work\"",
            ),
            ("accounts = { a = { server = 'a' } }", "config.toml:"),
            ("[accounts.a]\nsevrer = 'x'", "did you mean \"server\"?"),
        ] {
            let error = add(text, 0o600, None).expect_err(text).to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_relative_path_means_the_same_from_anywhere() {
        let here = std::env::current_dir().expect("there is one");
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
