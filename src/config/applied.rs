//! The settings that apply to each account, as they were written, with the place of each. Secrets are masked.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value as Json};

use crate::config::document::{self, Document, WrittenValue, toml_string};
use crate::config::error::Error;
use crate::config::keys::{KEYS, Key, SECRETS, SectionKind};
use crate::config::origin::Origin;
use crate::config::overrides::Overrides;
use crate::config::places::config_file;
use crate::config::selection::Selector;
use crate::config::settings::Settings;
use crate::config::values::Value;
use crate::config::{Config, Scope, Section, UnusableAccount, not_read};
use crate::os::secret_file::{CheckedFile, shown};

/// The settings of a configuration.
#[derive(Debug)]
pub(crate) struct AppliedConfig {
    /// The settings by section, in the order of the configuration.
    pub(crate) sections: Vec<AppliedSection>,
    /// The accounts whose files have mistakes.
    pub(crate) unusable: Vec<UnusableAccount>,
}

/// The settings of one account or target, or those of a whole run.
#[derive(Debug)]
pub(crate) struct AppliedSection {
    /// `accounts` or `targets`; `None` for a whole run.
    pub(crate) table: Option<&'static str>,
    /// The name of the account or target.
    pub(crate) name: String,
    /// The settings, in the order of the manual.
    pub(crate) settings: Vec<AppliedSetting>,
}

/// A setting that applies.
#[derive(Debug)]
pub(crate) struct AppliedSetting {
    /// Its key.
    pub(crate) key: String,
    /// Its value; a secret is masked.
    pub(crate) value: Json,
    /// The file and line where it was written; `None` for a default.
    pub(crate) place: Option<String>,
}

/// The keys that are shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Extent {
    /// All keys of an account that have a value.
    WithDefaults,
    /// The keys that somebody has written.
    Written,
}

impl AppliedConfig {
    /// Reads the chosen configuration file, or this user's, and finds what applies to the named accounts, or
    /// to all.
    ///
    /// # Errors
    /// The configuration cannot be read, or has no account with such a name.
    pub(crate) fn read(
        chosen: Option<&Path>,
        names: &[String],
        extent: Extent,
    ) -> Result<Self, Error> {
        let path = config_file(chosen)?;
        let file = CheckedFile::read(&path).map_err(|error| not_read(&path, error))?;
        let config = Config::of(&file, &path, dirs::home_dir())?;
        let selector = Selector { names, shard: None };
        for name in names {
            config.require(name, &selector, &Overrides::default())?;
        }
        let document = Document::parse(file.octets(), &shown(&path))?;
        let is_chosen = |section: &&Section| names.is_empty() || names.contains(&section.name);
        let mut sections = Vec::new();
        let whole: Vec<_> = document.run.iter().chain(&document.accounts_dir).collect();
        if names.is_empty() && !whole.is_empty() {
            sections.push(AppliedSection {
                table: None,
                name: String::new(),
                settings: whole.into_iter().map(AppliedSetting::of).collect(),
            });
        }
        let mut written = WrittenValues::default();
        written.add(&document.defaults);
        for section in document.accounts.iter().chain(&document.targets) {
            written.add(&section.entries);
        }
        for section in config.accounts.iter().filter(is_chosen) {
            if section.scope == Scope::Own {
                written.add_file(section)?;
            }
            let settings = section.settings.clone().over(config.defaults.clone());
            let mut settings = written.find(&settings);
            if extent == Extent::WithDefaults {
                add_defaults(&mut settings);
            }
            sections.push(AppliedSection {
                table: Some("accounts"),
                name: section.name.clone(),
                settings,
            });
        }
        for target in config.targets.0.iter().filter(|_| names.is_empty()) {
            sections.push(AppliedSection {
                table: Some("targets"),
                name: target.name.clone(),
                settings: written.find(&target.settings),
            });
        }
        let unusable = config.unusable.into_iter();
        let unusable = unusable.filter(|it| names.is_empty() || names.contains(&it.name));
        Ok(Self {
            sections,
            unusable: unusable.collect(),
        })
    }
}

impl AppliedSection {
    /// Returns the heading of the section as TOML.
    pub(crate) fn heading(&self) -> Option<String> {
        let table = self.table?;
        Some(format!("[{table}.{}]", toml_key(&self.name)))
    }
}

impl AppliedSetting {
    fn of(written: &WrittenValue) -> Self {
        Self {
            key: written.key.clone(),
            value: masked(&written.key, json(&written.value)),
            place: Some(written.origin.to_string()),
        }
    }

    /// Returns the value as TOML.
    pub(crate) fn toml(&self) -> String {
        toml(&self.value)
    }
}

/// The values of the files, as they were written, by place and key.
#[derive(Default)]
struct WrittenValues(HashMap<(String, String), Json>);

impl WrittenValues {
    fn add(&mut self, values: &[WrittenValue]) {
        for written in values {
            let AppliedSetting { key, value, place } = AppliedSetting::of(written);
            self.0.insert((place.unwrap_or_default(), key), value);
        }
    }

    /// Adds the values of the file of an account.
    fn add_file(&mut self, section: &Section) -> Result<(), Error> {
        let Some(path) = section.origin.path() else {
            return Ok(());
        };
        let path = Path::new(path);
        let file = CheckedFile::read(path).map_err(|error| not_read(path, error))?;
        self.add(&document::account(file.octets(), &shown(path))?);
        Ok(())
    }

    /// Returns the values that were read into these settings, in the order of the manual.
    fn find(&self, settings: &Settings) -> Vec<AppliedSetting> {
        let mut places = settings.places();
        let order = |name: &str| KEYS.iter().position(|key| key.name == name);
        places.sort_by_key(|(key, _)| order(key));
        // A key may fill several fields.
        places.dedup_by_key(|(key, _)| *key);
        let setting = |(key, origin): (&str, &Origin)| {
            let (key, place) = (key.to_owned(), origin.to_string());
            let value = self.0.get(&(place.clone(), key.clone()))?.clone();
            let place = Some(place);
            Some(AppliedSetting { key, value, place })
        };
        places.into_iter().filter_map(setting).collect()
    }
}

/// Adds the defaults of the keys that are not set, and that no other key excludes.
fn add_defaults(settings: &mut Vec<AppliedSetting>) {
    let field = |name: &str| {
        KEYS.iter()
            .find(|key| key.name == name)
            .map(|key| key.field)
    };
    let taken: Vec<_> = settings.iter().filter_map(|it| field(&it.key)).collect();
    let keys = KEYS.iter().filter(|key| key.fits(SectionKind::Account));
    let is_free = |key: &&Key| !taken.contains(&key.field);
    settings.extend(keys.filter(is_free).filter_map(|key| {
        Some(AppliedSetting {
            key: key.name.to_owned(),
            value: key.shape.value(key.default?),
            place: None,
        })
    }));
}

/// Returns a value without its secret.
fn masked(key: &str, value: Json) -> Json {
    if SECRETS.contains(&key) {
        return MASK.into();
    }
    match (key, value.as_str()) {
        // The login of a proxy, or what may be one.
        ("proxy", Some(text)) if text.contains('@') => {
            let (protocol, rest) = text.split_once("://").unwrap_or(("", text));
            let host = rest.rsplit_once('@').map_or("", |(_, host)| host);
            format!("{protocol}://{MASK}@{host}").into()
        }
        _ => value,
    }
}

const MASK: &str = "****";

fn json(value: &Value) -> Json {
    match value {
        Value::Boolean(flag) => (*flag).into(),
        Value::Integer(number) => (*number).into(),
        Value::List(values) => values.iter().map(json).collect(),
        Value::Other(kind) => (*kind).into(),
        Value::Table(entries) => entries
            .iter()
            .map(|entry| (entry.key.clone(), json(&entry.value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Text(text) => text.as_str().into(),
    }
}

fn toml_key(key: &str) -> String {
    let is_bare = |c: u8| c.is_ascii_alphanumeric() || b"_-".contains(&c);
    match key.bytes().all(is_bare) {
        true => key.to_owned(),
        false => toml_string(key),
    }
}

fn toml(value: &Json) -> String {
    match value {
        Json::String(text) => toml_string(text),
        Json::Array(values) => {
            let values: Vec<_> = values.iter().map(toml).collect();
            format!("[{}]", values.join(", "))
        }
        Json::Object(entries) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|(key, value)| format!("{} = {}", toml_key(key), toml(value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        for (key, value, shown) in [
            ("password", "hunter2", "****"),
            ("oauth2-client-secret", "hunter2", "****"),
            ("proxy", "socks5://me:hunter2@h:1", "socks5://****@h:1"),
            ("proxy", "http://me:hunter2@x@h:1", "http://****@h:1"),
            ("proxy", "hunter2@h", "://****@h"),
            ("proxy", "socks5://h:1", "socks5://h:1"),
            ("user", "me@h", "me@h"),
        ] {
            assert_eq!(masked(key, value.into()), shown, "{value}");
        }
    }
}
