//! What the command line says over the file: flags that stand for keys, and `-o KEY=VALUE`.
//! Knows no flag by name.

use crate::config::error::Error;
use crate::config::file;
use crate::config::keys::Settings;
use crate::config::origin::Origin;
use crate::config::value::Value;

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
            let readings = [Some(Value::from_text(text)), file::value(text)];
            set(&mut settings, key, readings, &Origin::Flag(flag.to_owned()))?;
        }
        for option in options {
            let (key, text) = split(option)?;
            let readings = [file::value(text), Some(Value::from_text(text))];
            set(&mut settings, key, readings, &Origin::Flag("-o".to_owned()))?;
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

fn split(option: &str) -> Result<(&str, &str), Error> {
    let (key, value) = option
        .split_once('=')
        .ok_or_else(|| Error::Usage("-o takes KEY=VALUE".to_owned()))?;
    match key.trim() {
        "password" => Err(Error::Usage(
            "no flag takes a password; use password-command, password-file or .netrc".to_owned(),
        )),
        key => Ok((key, value.trim())),
    }
}
