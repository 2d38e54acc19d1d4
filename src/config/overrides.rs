//! What the command line says over the file: flags that stand for keys, and `-o KEY=VALUE`.
//! Knows no flag by name.

use crate::config::document;
use crate::config::error::Error;
use crate::config::keys;
use crate::config::origin::Origin;
use crate::config::settings::Settings;
use crate::config::values::Value;

/// Settings of this run, for every account it works on.
#[derive(Clone, Debug, Default)]
pub struct Overrides(Settings);

impl Overrides {
    /// Reads flags, each with the key it stands for and its value, and then the arguments of `-o`.
    ///
    /// An option's value is what it would be in the file, or else plain text; a flag's the other
    /// way round.
    ///
    /// # Errors
    /// An argument without an equals sign, a password, an unknown key, a value that its key cannot
    /// have, two that exclude each other. No error shows a value of `-o` that it cannot place.
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
            return Err(Error::Usage(
                "no flag takes a password, nor a proxy with one; write it into the configuration"
                    .to_owned(),
            ));
        }
        Ok(Self(settings))
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.0
    }
}

/// Tries the readings in turn. Of two errors the one about a value that is no text is told: a
/// number out of range was meant as a number.
fn set(
    settings: &mut Settings,
    key: &str,
    readings: [Option<Value>; 2],
    origin: &Origin,
) -> Result<(), Error> {
    let mut told = None;
    for value in readings.into_iter().flatten() {
        let is_text = matches!(value, Value::Text(_));
        match settings.set(key, value, origin.clone()) {
            Ok(()) => return Ok(()),
            Err(error) if told.is_none() || !is_text => told = Some(error),
            Err(_) => {}
        }
    }
    Err(told.expect("one of the readings is always text"))
}

/// Splits an argument of `-o`.
pub(super) fn split(option: &str) -> Result<(&str, &str), Error> {
    let (key, value) = option
        .split_once('=')
        .ok_or_else(|| Error::Usage("-o takes KEY=VALUE".to_owned()))?;
    let key = key.trim();
    if keys::SECRETS.contains(&key) {
        return Err(Error::Usage(
            "no flag takes a password; use password-command, password-file or .netrc".to_owned(),
        ));
    }
    Ok((key, value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::delivery::Target;
    use crate::exit::Exit;

    fn options(options: &[&str]) -> Result<Settings, Error> {
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        Overrides::new([], &options).map(|overrides| overrides.0)
    }

    #[test]
    fn an_option_is_read_as_in_the_file_or_else_as_plain_text() {
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
    fn a_flag_is_plain_text_if_it_can_be() {
        let flags = [
            ("--mda", "mda", "\"my prog\" %F"),
            ("--max-messages", "max-messages", "7"),
            ("--max-size", "max-size", "2 KiB"),
            ("--keep", "keep", "true"),
        ];
        let settings = Overrides::new(flags, &[]).expect("they are all right").0;
        let target = settings.target.map(|at| at.value);
        assert!(matches!(target, Some(Target::Mda(words)) if words == ["my prog", "%F"]));
        assert_eq!(settings.max_messages.map(|at| at.value), Some(7));
        assert_eq!(settings.max_size.map(|at| at.value), Some(2048));
    }

    #[test]
    fn the_last_of_several_options_counts() {
        let settings = options(&["port=1", "port=2"]).expect("they are all right");
        assert_eq!(settings.port.map(|at| at.value), Some(2));
    }

    #[test]
    fn what_is_wrong_with_an_option_is_a_usage_error() {
        for (option, message) in [
            ("hunter2", "-o takes KEY=VALUE"),
            (
                "password=hunter2",
                "no flag takes a password; use password-command, password-file or .netrc",
            ),
            (
                " password =hunter2",
                "no flag takes a password; use password-command, password-file or .netrc",
            ),
            (
                "passwort=hunter2",
                "-o: unknown key \"passwort\"; did you mean \"password\"?",
            ),
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
        let error = options(&["maildir=/m", "mda=x"]).expect_err("they exclude each other");
        assert_eq!(error.exit(), Exit::Usage);
    }
}
