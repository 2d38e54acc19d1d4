//! The settings of a whole run, which stand at the top of the configuration.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::document::{ACCOUNTS_COMMAND, LOG, METRICS_FILE, RUN_TIMEOUT, WrittenValue};
use crate::config::error::Error;
use crate::config::paths;
use crate::config::settings::At;
use crate::config::values::{self, Value, programs};

/// The place to which events are logged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LogPlace {
    /// The system log.
    Syslog,
    /// A file, to which lines are added.
    File(PathBuf),
}

/// The settings of a whole run.
#[derive(Clone, Debug, Default)]
pub struct RunSettings {
    /// The longest time of a run.
    pub timeout: Option<Duration>,
    /// The file to which the state of the accounts is written after each run.
    pub metrics_file: Option<PathBuf>,
    /// The place to which events are logged.
    pub log: Option<LogPlace>,
}

impl RunSettings {
    /// Reads the values of [`RUN_TIMEOUT`], [`METRICS_FILE`] and [`LOG`].
    ///
    /// # Errors
    /// A value is wrong.
    pub(super) fn read(values: Vec<WrittenValue>, home: Option<&Path>) -> Result<Self, Error> {
        let mut settings = Self::default();
        for WrittenValue { key, value, origin } in values {
            let at = |key| At {
                value: (),
                key,
                origin: origin.clone(),
            };
            if key == RUN_TIMEOUT {
                let timeout = values::duration(value);
                settings.timeout = Some(timeout.map_err(|wrong| at(RUN_TIMEOUT).error(wrong))?);
            } else if key == LOG {
                let at = at(LOG);
                settings.log = Some(
                    match &*values::line(value).map_err(|wrong| at.error(wrong))? {
                        "syslog" => LogPlace::Syslog,
                        path => LogPlace::File(paths::absolute(&at, path, home)?),
                    },
                );
            } else {
                let at = at(METRICS_FILE);
                let path = values::line(value).map_err(|wrong| at.error(wrong))?;
                settings.metrics_file = Some(paths::absolute(&at, path, home)?);
            }
        }
        Ok(settings)
    }
}

/// Reads the value of `accounts-command`.
///
/// # Errors
/// The value is no program with arguments.
pub(super) fn command(written: WrittenValue, home: Option<&Path>) -> Result<Vec<String>, Error> {
    let WrittenValue { value, origin, .. } = written;
    let at = At {
        value: (),
        key: ACCOUNTS_COMMAND,
        origin,
    };
    let words = programs::hook(value).map_err(|wrong| at.error(wrong))?;
    paths::program(&at, &words, home)
}

/// Reads a duration such as `2d`; `None` if the text is not a duration.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    values::duration(Value::from_text(text)).ok()
}

/// Reads the value of `--run-timeout`.
///
/// # Errors
/// The text is not a duration.
pub(crate) fn parse_run_timeout(text: &str) -> Result<Duration, Error> {
    let value = values::duration(Value::from_text(text));
    value.map_err(|wrong| Error::Usage {
        what: format!("--run-timeout {}", wrong.problem),
        hint: None,
    })
}
