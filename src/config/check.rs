//! Finds all mistakes of a configuration at once. What a command needs is checked by the same functions, which
//! end at the first mistake.

use std::path::Path;

use crate::config::accounts_command::ConfigSource;
use crate::config::document::Document;
use crate::config::error::Error;
use crate::config::keys::SectionKind;
use crate::config::overrides::Overrides;
use crate::config::places::config_file;
use crate::config::run_settings::RunSettings;
use crate::config::settings::Settings;
use crate::config::targets::Targets;
use crate::config::{Config, not_read};
use crate::os::secret_file::{CheckedFile, shown};

/// A configuration that was checked.
#[derive(Debug)]
pub(crate) struct CheckedConfig {
    /// The path of the file, as it is shown.
    pub(crate) path: String,
    /// The number of accounts.
    pub(crate) accounts: usize,
    /// All mistakes, each with its place.
    pub(crate) mistakes: Vec<Error>,
}

/// Checks the chosen configuration file, or this user's, with the folder of accounts that it names.
///
/// # Errors
/// There is no configuration that can be read.
pub(crate) fn check(source: ConfigSource<'_>) -> Result<CheckedConfig, Error> {
    let path = config_file(source.chosen)?;
    let file = CheckedFile::read(&path).map_err(|error| not_read(&path, error))?;
    Ok(check_file(&file, &path, Some(source)))
}

/// Checks a file as if it were at `path`, with the folder of accounts that it names and, with a `source`, the accounts
/// that a command prints.
pub(super) fn check_file(
    file: &CheckedFile,
    path: &Path,
    source: Option<ConfigSource<'_>>,
) -> CheckedConfig {
    let mut mistakes = Vec::new();
    let checked = |accounts, mistakes| CheckedConfig {
        path: shown(path),
        accounts,
        mistakes,
    };
    let document = match Document::gather(file.octets(), &shown(path), &mut mistakes) {
        Ok(document) => document,
        Err(error) => return checked(0, vec![error]),
    };
    gather_values(document, &mut mistakes);
    // The other rules can be checked only if all values can be read.
    let config = match mistakes.is_empty() {
        true => Config::of_all(file, path, dirs::home_dir(), source),
        false => return checked(0, mistakes),
    };
    let config = match config {
        Ok(config) => config,
        Err(error) => return checked(0, vec![error]),
    };
    let accounts = config.names().count();
    let overrides = Overrides::default();
    let secret_variables = config.secret_variables(&overrides);
    for section in &config.accounts {
        let draft = config.draft(section, &overrides, &secret_variables);
        let account = draft.check();
        mistakes.extend(
            account
                .and_then(|it| it.require_destinations().map(drop))
                .err(),
        );
    }
    mistakes.extend(config.unusable.into_iter().map(|unusable| unusable.error));
    checked(accounts, mistakes)
}

/// Adds the mistakes in the values of a file.
fn gather_values(document: Document, mistakes: &mut Vec<Error>) {
    for value in document.run {
        let read = RunSettings::read(vec![value], dirs::home_dir().as_deref());
        mistakes.extend(read.err());
    }
    Settings::gather(SectionKind::Account, document.defaults, mistakes);
    for section in document.accounts {
        Settings::gather(SectionKind::Account, section.entries, mistakes);
    }
    for section in document.targets {
        mistakes.extend(Targets::read(vec![section]).err());
    }
}
