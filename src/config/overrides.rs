//! Settings from the command line: flags that set a key, and `-o KEY=VALUE`.

use crate::config::document;
use crate::config::error::Error;
use crate::config::keys;
use crate::config::keys::SectionKind;
use crate::config::origin::Origin;
use crate::config::settings::{At, Settings};
use crate::config::values::Value;
use crate::mail::policy::Keep;

/// The settings that apply to every account of this run, over those of the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides(Settings);

impl Overrides {
    /// Reads flags, each with the key that it sets and its value, and then the arguments of `-o`.
    ///
    /// The value of `-o` is first read as TOML, as in the file, and otherwise as plain text. The
    /// value of a flag is first read as plain text.
    ///
    /// # Errors
    /// An argument without an equals sign, a password, an unknown key, a value that the key cannot
    /// have, or two keys that exclude each other. An error shows no argument of `-o` whose key is
    /// unclear, because it may be a password.
    pub fn new<'a>(
        flags: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>,
        options: &[String],
    ) -> Result<Self, Error> {
        let mut settings = Settings::default();
        for (flag, key, text) in flags {
            let readings = [Some(Value::from_text(text)), document::value(text)];
            set(&mut settings, key, readings, &Origin::Flag(flag.to_owned()))?;
        }
        for option in options {
            let (key, text) = split(option)?;
            let readings = [document::value(text), Some(Value::from_text(text))];
            set(&mut settings, key, readings, &Origin::Flag("-o".to_owned()))?;
        }
        if settings
            .via
            .as_ref()
            .is_some_and(|at| at.value.holds_a_password())
        {
            return Err(Error::usage(
                "no flag takes a password, not even in the URL of a proxy",
                "Write the proxy into the configuration",
            ));
        }
        Ok(Self(settings))
    }

    /// Returns true if a word that is no account may be the age of a `--keep` that stands before it.
    pub(super) fn keep_may_want(&self, word: &str) -> bool {
        let is_bare = |at: &At<Keep>| at.value == Keep::Always && at.is_of_flag("--keep");
        let is_age = || {
            let begins_with_digit = word.starts_with(|c: char| c.is_ascii_digit());
            let is_plain = word.bytes().all(|c| c.is_ascii_alphanumeric() || c == b' ');
            begins_with_digit && is_plain || ["false", "true"].contains(&word)
        };
        self.0.keep.as_deref().is_some_and(is_bare) && is_age()
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.0
    }
}

/// Tries the readings in turn. Of two errors, the one about a value that is not text is returned: a
/// number that is out of range was meant as a number.
fn set(
    settings: &mut Settings,
    key: &str,
    readings: [Option<Value>; 2],
    origin: &Origin,
) -> Result<(), Error> {
    let mut failed = None;
    for value in readings.into_iter().flatten() {
        let is_text = matches!(value, Value::Text(_));
        match settings.set(SectionKind::Account, key, value, origin.clone()) {
            Ok(()) => return Ok(()),
            Err(error) if failed.is_none() || !is_text => failed = Some(error),
            Err(_) => {}
        }
    }
    Err(failed.expect("one of the readings is always text"))
}

/// Splits an argument of `-o` into key and value.
pub(super) fn split(option: &str) -> Result<(&str, &str), Error> {
    let (key, value) = option.split_once('=').ok_or_else(|| Error::Usage {
        what: "-o takes KEY=VALUE".to_owned(),
        hint: None,
    })?;
    let key = key.trim();
    if keys::SECRETS.contains(&key) {
        return Err(Error::usage(
            "no flag takes a password",
            "Use password-command, password-file or .netrc",
        ));
    }
    Ok((key, value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::delivery::WrittenTarget;
    use crate::exit::Exit;

    fn options(options: &[&str]) -> Result<Settings, Error> {
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        Overrides::new([], &options).map(|overrides| overrides.0)
    }

    #[test]
    fn an_option_is_read_as_toml_or_as_plain_text() {
        for (option, user) in [
            ("user=me", "me"),
            ("user = me ", "me"),
            ("user=\"me too\"", "me too"),
            ("user='me'", "me"),
            ("user=123", "123"),
            ("user=true", "true"),
            ("user=a=b", "a=b"),
            ("user=1 2", "1 2"),
        ] {
            let settings = options(&[option]).expect(option);
            assert_eq!(settings.user.map(|at| at.value).as_deref(), Some(user));
        }
    }

    #[test]
    fn a_flag_is_read_as_plain_text_first() {
        let flags = [
            ("--mda", "mda", "\"my prog\" %F"),
            ("--max-messages", "max-messages", "7"),
            ("--max-size", "max-size", "2 KiB"),
            ("--keep", "keep", "true"),
        ];
        let settings = Overrides::new(flags, &[]).expect("the options are valid").0;
        let target = settings.target.map(|at| at.value);
        assert!(matches!(target, Some(WrittenTarget::Mda(words)) if words == ["my prog", "%F"]));
        assert_eq!(settings.max_messages.map(|at| at.value), Some(7));
        assert_eq!(settings.max_size.map(|at| at.value), Some(2048));
    }

    #[test]
    fn the_last_of_several_options_applies() {
        let settings = options(&["port=1", "port=2"]).expect("the options are valid");
        assert_eq!(settings.port.map(|at| at.value), Some(2));
    }

    #[test]
    fn a_wrong_option_is_a_usage_error() {
        for (option, message) in [
            ("hunter2", "-o takes KEY=VALUE"),
            ("password=hunter2", "no flag takes a password"),
            (" password =hunter2", "no flag takes a password"),
            ("passwort=hunter2", "-o: unknown key \"passwort\""),
            (
                "port=70000",
                "-o: \"port\" must be a number from 1 to 65535, not 70000",
            ),
            (
                "port=x",
                "-o: \"port\" must be a number from 1 to 65535, not a string",
            ),
            (
                "keep=soon",
                "-o: \"keep\" must be true, false or an age such as \"14 days\", not \"soon\"",
            ),
            ("mda='a", "-o: \"mda\" has a quote that is not closed"),
        ] {
            let error = options(&[option]).expect_err(option);
            assert_eq!(error.to_string(), message);
            assert_eq!(error.exit(), Exit::Usage);
        }
        let error =
            options(&["maildir=/m", "mda=x"]).expect_err("maildir and mda exclude each other");
        assert_eq!(error.exit(), Exit::Usage);
    }
}
