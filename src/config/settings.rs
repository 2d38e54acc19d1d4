//! The settings of a section, a URL or the command line: one value a key.
//! The rules between the keys are checked later, in `account`.

use crate::config::document::WrittenValue;
use crate::config::error::Error;
use crate::config::keys::{KEYS, SectionKind};
use crate::config::nearest::nearest;
use crate::config::origin::Origin;
use crate::config::password::Source;
use crate::config::peers;
use crate::config::values::rules;
use crate::config::values::server::{self, Server};
use crate::config::values::{self, Value, Wrong, quoted};

pub(super) use crate::config::keys::Settings;

/// A setting that may be absent. It is boxed, because an account has about fifty settings, and most of them
/// are absent: with thousands of accounts each one costs what its keys cost.
pub(super) type Slot<T> = Option<Box<At<T>>>;

/// A setting, the key that made it, and where it was written.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) key: &'static str,
    pub(super) origin: Origin,
}

impl<T> At<T> {
    /// Returns true if it was written by this flag.
    pub(super) fn is_of_flag(&self, name: &str) -> bool {
        matches!(&self.origin, Origin::Flag(flag) if flag == name)
    }

    /// Returns an error about the setting. `problem` is the rest of a sentence.
    pub(super) fn wrong(&self, problem: impl ToString) -> Error {
        let (problem, hint) = (problem.to_string(), None);
        self.error(Wrong { problem, hint })
    }

    /// Returns an error about the setting, with what to write instead.
    pub(super) fn wrong_with_hint(&self, problem: &str, hint: &str) -> Error {
        let (problem, hint) = (problem.to_owned(), Some(hint.to_owned()));
        self.error(Wrong { problem, hint })
    }

    pub(super) fn error(&self, Wrong { problem, hint }: Wrong) -> Error {
        Error::Value {
            at: self.origin.clone(),
            key: self.key,
            problem,
            hint,
        }
    }
}

impl Settings {
    /// Reads a section.
    ///
    /// # Errors
    /// The errors of [`Settings::set`].
    pub(super) fn read(section: SectionKind, entries: Vec<WrittenValue>) -> Result<Self, Error> {
        let mut mistakes = Vec::new();
        let settings = Self::gather(section, entries, &mut mistakes);
        mistakes.into_iter().next().map_or(Ok(settings), Err)
    }

    /// Reads a section, and adds the errors of [`Settings::set`]. The values that they are about are left
    /// out.
    pub(super) fn gather(
        section: SectionKind,
        entries: Vec<WrittenValue>,
        mistakes: &mut Vec<Error>,
    ) -> Self {
        let mut settings = Self::default();
        for WrittenValue { key, value, origin } in entries {
            let set = settings.set(section, &key, value, origin);
            mistakes.extend(set.err());
        }
        settings
    }

    /// Adds the value that was written for a key. The same key again replaces it.
    ///
    /// # Errors
    /// An unknown key, a key that excludes an earlier one, a value that the key cannot have.
    /// Nothing is changed then.
    pub(super) fn set(
        &mut self,
        section: SectionKind,
        name: &str,
        value: Value,
        origin: Origin,
    ) -> Result<(), Error> {
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            return Err(Error::UnknownKey {
                at: origin,
                key: quoted(name),
                hint: peers::hint(name)
                    .map(str::to_owned)
                    .or_else(|| nearest(name, names(section))),
            });
        };
        if !key.fits(section) {
            let place = match section {
                SectionKind::Account => "[targets.NAME]",
                SectionKind::Target => "[accounts.NAME] or [defaults]",
            };
            return Err(Error::UnknownKey {
                at: origin,
                key: quoted(name),
                hint: Some(format!("It belongs in {place}")),
            });
        }
        let entry = KeyEntry {
            value,
            key: key.name,
            origin,
        };
        (key.set)(self, entry)
    }

    /// Lays these settings over others: a setting that is absent here is taken from there.
    pub(super) fn over(self, mut below: Self) -> Self {
        // A port that was written with a server belongs to that server alone.
        if self.server.is_some() {
            below.port = below.port.filter(|at| at.key != "server");
        }
        // A private key belongs to the certificate in the same section.
        if self.tls_client_cert.is_some() {
            below.tls_client_key = None;
        }
        self.or(below)
    }
}

/// Returns the value of a setting, or a default.
pub(super) fn value_or<T: Clone>(slot: &Slot<T>, default: T) -> T {
    slot.as_ref().map_or(default, |at| at.value.clone())
}

/// Returns the value of a setting, or the default of its type.
pub(super) fn value_or_default<T: Clone + Default>(slot: &Slot<T>) -> T {
    value_or(slot, T::default())
}

/// Returns the names of all keys that can be in such a section.
fn names(section: SectionKind) -> impl Iterator<Item = &'static str> + Clone {
    let keys = KEYS.iter().filter(move |key| key.fits(section));
    keys.map(|key| key.name)
}

/// A key with its value, on the way to the field that it fills.
pub(super) struct KeyEntry {
    value: Value,
    key: &'static str,
    origin: Origin,
}

impl KeyEntry {
    /// Reads the value into a field.
    pub(super) fn put<T>(self, slot: &mut Slot<T>, read: Reader<T>) -> Result<(), Error> {
        let at = self.read(read)?;
        fill(slot, at)
    }

    /// Reads a server, which may have a port.
    pub(super) fn put_server(self, settings: &mut Settings) -> Result<(), Error> {
        let At { value, key, origin } = self.read(server::server)?;
        let Server { host, port } = value;
        if let Some(value) = port {
            let origin = origin.clone();
            fill(&mut settings.port, At { value, key, origin })?;
        }
        let value = host;
        fill(&mut settings.server, At { value, key, origin })
    }

    /// Reads rules, each of which has a line of its own.
    pub(super) fn put_rules(self, settings: &mut Settings) -> Result<(), Error> {
        let Self { value, key, origin } = self;
        let value = rules::rules(value).map_err(|mistake| Error::Value {
            at: mistake.at.unwrap_or_else(|| origin.clone()),
            key,
            problem: mistake.wrong.problem,
            hint: mistake.wrong.hint,
        })?;
        fill(&mut settings.rules, At { value, key, origin })
    }

    /// Reads the id of a client. An account that signs in has no password, so the id takes the
    /// place of a password, too.
    pub(super) fn put_client_id(self, settings: &mut Settings) -> Result<(), Error> {
        let At { value, key, origin } = self.read(values::line)?;
        let password = At {
            value: Source::NotNeeded,
            key,
            origin: origin.clone(),
        };
        fill(&mut settings.password, password)?;
        fill(&mut settings.oauth2_client_id, At { value, key, origin })
    }

    fn read<T>(self, read: Reader<T>) -> Result<At<T>, Error> {
        let Self { value, key, origin } = self;
        match read(value) {
            Ok(value) => Ok(At { value, key, origin }),
            Err(Wrong { problem, hint }) => Err(Error::Value {
                at: origin,
                key,
                problem,
                hint,
            }),
        }
    }
}

type Reader<T> = fn(Value) -> Result<T, Wrong>;

fn fill<T>(slot: &mut Slot<T>, at: At<T>) -> Result<(), Error> {
    match slot {
        Some(first) if first.key != at.key => Err(Error::Conflict {
            at: at.origin,
            first: first.key,
            second: at.key,
        }),
        _ => {
            *slot = Some(Box::new(at));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absent_setting_takes_no_more_than_a_pointer() {
        assert!(size_of::<Settings>() <= KEYS.len() * size_of::<usize>());
    }

    #[test]
    fn a_server_laid_over_another_does_not_keep_its_port() {
        let section = |text: &str| {
            let value = Value::from_text(text);
            let mut settings = Settings::default();
            settings
                .set(SectionKind::Account, "server", value, Origin::Url)
                .expect("the text is a server");
            settings
        };
        for (above, below, port) in [
            ("a", "b:1", None),
            ("a:2", "b:1", Some(2)),
            ("a:2", "b", Some(2)),
        ] {
            let settings = section(above).over(section(below));
            assert_eq!(settings.port.map(|at| at.value), port);
        }
    }
}
