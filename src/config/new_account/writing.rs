//! Writes a new account into the configuration file.

use zeroize::Zeroizing;

use super::{Flag, NewAccount, PasswordPlace, cannot_write, require_free};
use crate::config::document;
use crate::config::error::Error;
use crate::config::keys::SectionKind;
use crate::config::origin::Origin;
use crate::config::overrides::{self, Overrides};
use crate::config::settings::Settings;
use crate::config::values::Value;
use crate::config::{Config, Selector};
use crate::os::replace_file::{LockedFile, Secrecy};
use crate::os::secret_file::{FileError, shown};
use crate::os::signals::Interrupt;

impl NewAccount {
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
            Some((_, PasswordPlace::File)) => Secrecy::Secret,
            Some((_, PasswordPlace::Keyring)) | None => Secrecy::AsBefore,
        };
        file.replace(&text, secrecy).map_err(cannot)
    }

    /// Returns the section of the account as text. A value is written as TOML if its key accepts
    /// that, and otherwise as a string, in the same order of attempts as [`Overrides::new`] reads it.
    pub(super) fn section(&self) -> Zeroizing<String> {
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
        if let Some((password, PasswordPlace::File)) = &self.password {
            let password = str::from_utf8(password.expose()).unwrap_or_default();
            add("password", &Zeroizing::new(document::toml_string(password)));
        }
        text
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

/// The keys whose values are paths.
const PATHS: &[&str] = &[
    "maildir",
    "mbox",
    "password-file",
    "tls-ca-file",
    "tls-client-cert",
    "tls-client-key",
];

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::os::secret::Secret;

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
            new_account.set_password(secret, PasswordPlace::File)?;
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
