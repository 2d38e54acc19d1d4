//! The settings of a section, a URL or the command line: one value a key.
//! The rules between the keys are checked later, in `account`.

use crate::config::document::WrittenValue;
use crate::config::error::Error;
use crate::config::keys::{KEYS, SectionKind};
use crate::config::origin::Origin;
use crate::config::password::Source;
use crate::config::peers;
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

/// Returns a hint for a mistyped word: the nearest known word, or all of them if there are few.
pub(crate) fn nearest<'a>(
    word: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Option<String> {
    let near = known
        .clone()
        .filter(|_| word.len() <= LONGEST_TYPO)
        .map(|name| (strsim::osa_distance(word, name), name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, name)| *distance <= name.len().max(word.len()) / 3 + 1);
    match near {
        Some((_, name)) => Some(format!("Did you mean \"{name}\"?")),
        None if known.clone().nth(MOST_NAMED).is_some() => None,
        None => {
            let known: Vec<_> = known.collect();
            Some(format!("Name one of {}", known.join(", ")))
        }
    }
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

/// The most words that a hint lists.
const MOST_NAMED: usize = 30;

/// The longest word that is compared with known words.
const LONGEST_TYPO: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_word_gets_its_nearest_neighbour_as_hint() {
        for (word, hint) in [
            ("pasword", "Did you mean \"password\"?"),
            ("max_size", "Did you mean \"max-size\"?"),
            ("Server", "Did you mean \"server\"?"),
            ("sevrer", "Did you mean \"server\"?"),
            ("elephant", "Name one of password, max-size, server"),
            ("", "Name one of password, max-size, server"),
        ] {
            let known = ["password", "max-size", "server"].into_iter();
            assert_eq!(nearest(word, known).as_deref(), Some(hint));
        }
    }

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
