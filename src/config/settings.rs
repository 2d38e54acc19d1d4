//! The table of keys: what an account may say, and how each value is read.
//! Does not know where the values come from, nor whether they go together.

use std::net::IpAddr;
use std::time::Duration;

use crate::config::document::Written;
use crate::config::error::Error;
use crate::config::oauth2::{self, Preset};
use crate::config::origin::Origin;
use crate::config::password::Source;
use crate::config::readers::{self, Target};
use crate::config::route::{self, Way};
use crate::config::server::{self, Host, Server};
use crate::config::tls;
use crate::config::value::{self, Value, Wrong, quoted};
use crate::dial::{Auth, Security};
use crate::mail::policy::{Keep, Order};
use crate::net::tls::{Pin, Version};
use crate::oauth2::{Backend, Url};

/// What one section, or the command line, says about an account. Keys that exclude each other
/// share a field, so that a section's own one replaces whichever the section below it chose.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub(super) allow_cleartext: Slot<bool>,
    pub(super) auth: Slot<Auth>,
    pub(super) enabled: Slot<bool>,
    pub(super) keep: Slot<Keep>,
    pub(super) max_messages: Slot<u64>,
    pub(super) max_per_host: Slot<u64>,
    pub(super) max_size: Slot<u64>,
    pub(super) max_total: Slot<u64>,
    pub(super) mda_allow_root: Slot<bool>,
    pub(super) mda_jobs: Slot<u64>,
    pub(super) mda_may_ignore_input: Slot<bool>,
    pub(super) mda_timeout: Slot<Duration>,
    pub(super) oauth2: Slot<Preset>,
    pub(super) oauth2_auth_url: Slot<Url>,
    pub(super) oauth2_client_id: Slot<String>,
    pub(super) oauth2_client_secret: Slot<Source>,
    pub(super) oauth2_device_url: Slot<Url>,
    pub(super) oauth2_scope: Slot<String>,
    pub(super) oauth2_store: Slot<Backend>,
    pub(super) oauth2_token_url: Slot<Url>,
    pub(super) order: Slot<Order>,
    pub(super) password: Slot<Source>,
    pub(super) port: Slot<u16>,
    pub(super) report_after: Slot<u64>,
    pub(super) security: Slot<Security>,
    pub(super) server: Slot<Host>,
    pub(super) source_address: Slot<IpAddr>,
    pub(super) target: Slot<Target>,
    pub(super) timeout: Slot<Duration>,
    pub(super) timeout_connect: Slot<Duration>,
    pub(super) tls_ca_file: Slot<String>,
    pub(super) tls_client_cert: Slot<String>,
    pub(super) tls_client_key: Slot<String>,
    pub(super) tls_min: Slot<Version>,
    pub(super) tls_name: Slot<String>,
    pub(super) tls_pin: Slot<Vec<Pin>>,
    pub(super) tls_verify: Slot<bool>,
    pub(super) user: Slot<String>,
    pub(super) way: Slot<Way>,
}

/// A setting that may be absent.
pub(super) type Slot<T> = Option<At<T>>;

/// A setting, the key that made it, and where that was written.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) key: &'static str,
    pub(super) origin: Origin,
}

impl<T> At<T> {
    /// Says what is wrong with the setting, as the rest of a sentence.
    pub(super) fn wrong(&self, problem: impl ToString) -> Error {
        Error::Value {
            at: self.origin.clone(),
            key: self.key,
            problem: problem.to_string(),
        }
    }
}

impl Settings {
    /// Reads a section.
    ///
    /// # Errors
    /// As [`Settings::set`].
    pub(super) fn read(entries: Vec<Written>) -> Result<Self, Error> {
        let mut settings = Self::default();
        for Written { key, value, origin } in entries {
            settings.set(&key, value, origin)?;
        }
        Ok(settings)
    }

    /// Adds what was written for a key. The same key again replaces it.
    ///
    /// # Errors
    /// An unknown key, one of a later version, one that excludes another, a value that the key
    /// cannot have. Nothing is changed then.
    pub(super) fn set(&mut self, key: &str, value: Value, origin: Origin) -> Result<(), Error> {
        let Some((key, set)) = KEYS.iter().find(|(name, _)| *name == key) else {
            return Err(refusal(key, origin));
        };
        set(self, Entry { value, key, origin })
    }

    /// Lays these settings over others: what is absent here is taken from there.
    pub(super) fn over(self, below: Self) -> Self {
        let replaced = self.server.is_some();
        let port_below = below.port.filter(|at| !(replaced && at.key == "server"));
        // A key belongs to the certificate beside it.
        let client_key_below = below
            .tls_client_key
            .filter(|_| self.tls_client_cert.is_none());
        Self {
            allow_cleartext: self.allow_cleartext.or(below.allow_cleartext),
            auth: self.auth.or(below.auth),
            enabled: self.enabled.or(below.enabled),
            keep: self.keep.or(below.keep),
            max_messages: self.max_messages.or(below.max_messages),
            max_per_host: self.max_per_host.or(below.max_per_host),
            max_size: self.max_size.or(below.max_size),
            max_total: self.max_total.or(below.max_total),
            mda_allow_root: self.mda_allow_root.or(below.mda_allow_root),
            mda_jobs: self.mda_jobs.or(below.mda_jobs),
            mda_may_ignore_input: self.mda_may_ignore_input.or(below.mda_may_ignore_input),
            mda_timeout: self.mda_timeout.or(below.mda_timeout),
            oauth2: self.oauth2.or(below.oauth2),
            oauth2_auth_url: self.oauth2_auth_url.or(below.oauth2_auth_url),
            oauth2_client_id: self.oauth2_client_id.or(below.oauth2_client_id),
            oauth2_client_secret: self.oauth2_client_secret.or(below.oauth2_client_secret),
            oauth2_device_url: self.oauth2_device_url.or(below.oauth2_device_url),
            oauth2_scope: self.oauth2_scope.or(below.oauth2_scope),
            oauth2_store: self.oauth2_store.or(below.oauth2_store),
            oauth2_token_url: self.oauth2_token_url.or(below.oauth2_token_url),
            order: self.order.or(below.order),
            password: self.password.or(below.password),
            port: self.port.or(port_below),
            report_after: self.report_after.or(below.report_after),
            security: self.security.or(below.security),
            server: self.server.or(below.server),
            source_address: self.source_address.or(below.source_address),
            target: self.target.or(below.target),
            timeout: self.timeout.or(below.timeout),
            timeout_connect: self.timeout_connect.or(below.timeout_connect),
            tls_ca_file: self.tls_ca_file.or(below.tls_ca_file),
            tls_client_key: self.tls_client_key.or(client_key_below),
            tls_client_cert: self.tls_client_cert.or(below.tls_client_cert),
            tls_min: self.tls_min.or(below.tls_min),
            tls_name: self.tls_name.or(below.tls_name),
            tls_pin: self.tls_pin.or(below.tls_pin),
            tls_verify: self.tls_verify.or(below.tls_verify),
            user: self.user.or(below.user),
            way: self.way.or(below.way),
        }
    }
}

/// What was said, or what holds where nothing was.
pub(super) fn value_or<T: Clone>(slot: &Slot<T>, default: T) -> T {
    slot.as_ref().map_or(default, |at| at.value.clone())
}

/// What was said, or the default of its type.
pub(super) fn value_or_default<T: Clone + Default>(slot: &Slot<T>) -> T {
    value_or(slot, T::default())
}

/// The names of all keys that are there now.
pub(super) fn names() -> impl Iterator<Item = &'static str> + Clone {
    KEYS.iter().map(|(name, _)| *name)
}

/// What is nearest to a word that is none of these, or all of them if they are not too many.
pub(super) fn hint<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let near = known
        .clone()
        .filter(|_| word.len() <= LONGEST_TYPO)
        .map(|name| (strsim::osa_distance(word, name), name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, name)| *distance <= name.len().max(word.len()) / 3 + 1);
    match near {
        Some((_, name)) => format!("; did you mean \"{name}\"?"),
        None if known.clone().nth(MOST_NAMED).is_some() => String::new(),
        None => format!("; known are {}", known.collect::<Vec<_>>().join(", ")),
    }
}

struct Entry {
    value: Value,
    key: &'static str,
    origin: Origin,
}

impl Entry {
    fn put<T>(self, slot: &mut Slot<T>, read: fn(Value) -> Result<T, Wrong>) -> Result<(), Error> {
        let at = self.read(read)?;
        fill(slot, at)
    }

    fn put_server(self, settings: &mut Settings) -> Result<(), Error> {
        let At { value, key, origin } = self.read(server::server)?;
        let Server { host, port } = value;
        if let Some(port) = port {
            let origin = origin.clone();
            fill(
                &mut settings.port,
                At {
                    value: port,
                    key,
                    origin,
                },
            )?;
        }
        fill(
            &mut settings.server,
            At {
                value: host,
                key,
                origin,
            },
        )
    }

    /// Who signs in has no password: the two share a field.
    fn put_client(self, settings: &mut Settings) -> Result<(), Error> {
        let At { value, key, origin } = self.read(value::line)?;
        let password = At {
            value: Source::NotNeeded,
            key,
            origin: origin.clone(),
        };
        fill(&mut settings.password, password)?;
        fill(&mut settings.oauth2_client_id, At { value, key, origin })
    }

    fn read<T>(self, read: fn(Value) -> Result<T, Wrong>) -> Result<At<T>, Error> {
        let Self { value, key, origin } = self;
        match read(value) {
            Ok(value) => Ok(At { value, key, origin }),
            Err(Wrong(problem)) => Err(Error::Value {
                at: origin,
                key,
                problem,
            }),
        }
    }
}

fn fill<T>(slot: &mut Slot<T>, at: At<T>) -> Result<(), Error> {
    match slot {
        Some(first) if first.key != at.key => Err(Error::Conflict {
            at: at.origin,
            first: first.key,
            second: at.key,
        }),
        _ => {
            *slot = Some(at);
            Ok(())
        }
    }
}

fn refusal(key: &str, at: Origin) -> Error {
    let shown = quoted(key);
    if LATER_KEYS.contains(&key) {
        return Error::Unsupported { at, what: shown };
    }
    let hint = hint(key, names());
    Error::UnknownKey {
        at,
        key: shown,
        hint,
    }
}

type Set = fn(&mut Settings, Entry) -> Result<(), Error>;

/// Every key, with the field it fills and the way its value is read.
#[rustfmt::skip] // one line a key
const KEYS: &[(&str, Set)] = &[
    ("enabled", |s, e| e.put(&mut s.enabled, value::boolean)),
    ("server", |s, e| e.put_server(s)),
    ("port", |s, e| e.put(&mut s.port, readers::port)),
    ("security", |s, e| e.put(&mut s.security, readers::security)),
    ("allow-cleartext", |s, e| e.put(&mut s.allow_cleartext, value::boolean)),
    ("tls-ca-file", |s, e| e.put(&mut s.tls_ca_file, value::line)),
    ("tls-name", |s, e| e.put(&mut s.tls_name, tls::name)),
    ("tls-min", |s, e| e.put(&mut s.tls_min, tls::version)),
    ("tls-pin", |s, e| e.put(&mut s.tls_pin, tls::pins)),
    ("tls-verify", |s, e| e.put(&mut s.tls_verify, value::boolean)),
    ("tls-client-cert", |s, e| e.put(&mut s.tls_client_cert, value::line)),
    ("tls-client-key", |s, e| e.put(&mut s.tls_client_key, value::line)),
    ("proxy", |s, e| e.put(&mut s.way, route::proxy)),
    ("tunnel-command", |s, e| e.put(&mut s.way, route::tunnel)),
    ("source-address", |s, e| e.put(&mut s.source_address, route::source)),
    ("timeout-connect", |s, e| e.put(&mut s.timeout_connect, readers::duration)),
    ("timeout", |s, e| e.put(&mut s.timeout, readers::duration)),
    ("max-per-host", |s, e| e.put(&mut s.max_per_host, value::count)),
    ("user", |s, e| e.put(&mut s.user, value::line)),
    ("password", |s, e| e.put(&mut s.password, readers::password)),
    ("password-command", |s, e| e.put(&mut s.password, readers::password_command)),
    ("password-file", |s, e| e.put(&mut s.password, readers::password_file)),
    ("password-env", |s, e| e.put(&mut s.password, readers::password_env)),
    ("password-keyring", |s, e| e.put(&mut s.password, readers::password_keyring)),
    ("password-credential", |s, e| e.put(&mut s.password, readers::password_credential)),
    ("oauth2", |s, e| e.put(&mut s.oauth2, oauth2::preset)),
    ("oauth2-client-id", |s, e| e.put_client(s)),
    ("oauth2-client-secret", |s, e| e.put(&mut s.oauth2_client_secret, readers::password)),
    ("oauth2-client-secret-command", |s, e| e.put(&mut s.oauth2_client_secret, readers::client_secret_command)),
    ("oauth2-token-url", |s, e| e.put(&mut s.oauth2_token_url, oauth2::url)),
    ("oauth2-auth-url", |s, e| e.put(&mut s.oauth2_auth_url, oauth2::url)),
    ("oauth2-device-url", |s, e| e.put(&mut s.oauth2_device_url, oauth2::url)),
    ("oauth2-scope", |s, e| e.put(&mut s.oauth2_scope, value::line)),
    ("oauth2-store", |s, e| e.put(&mut s.oauth2_store, oauth2::keeper)),
    ("oauth2-token-command", |s, e| e.put(&mut s.password, readers::token_command)),
    ("auth", |s, e| e.put(&mut s.auth, readers::auth)),
    ("maildir", |s, e| e.put(&mut s.target, readers::maildir)),
    ("mda", |s, e| e.put(&mut s.target, readers::mda)),
    ("mda-timeout", |s, e| e.put(&mut s.mda_timeout, readers::duration)),
    ("mda-jobs", |s, e| e.put(&mut s.mda_jobs, readers::jobs)),
    ("mda-allow-root", |s, e| e.put(&mut s.mda_allow_root, value::boolean)),
    ("mda-may-ignore-input", |s, e| e.put(&mut s.mda_may_ignore_input, value::boolean)),
    ("keep", |s, e| e.put(&mut s.keep, readers::keep)),
    ("max-messages", |s, e| e.put(&mut s.max_messages, value::count)),
    ("max-size", |s, e| e.put(&mut s.max_size, value::size)),
    ("max-total", |s, e| e.put(&mut s.max_total, value::size)),
    ("order", |s, e| e.put(&mut s.order, readers::order)),
    ("report-after", |s, e| e.put(&mut s.report_after, value::count)),
];

const LATER_KEYS: &[&str] = &[
    "deliver",
    "from-line",
    "interval",
    "lmtp",
    "mbox",
    "post-command",
    "pre-command",
    "received-header",
    "rules",
    "smtp",
];

/// The most words that an error lists.
const MOST_NAMED: usize = 30;

/// The longest word that is compared with the known ones.
const LONGEST_TYPO: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_word_is_told_its_nearest_neighbour() {
        for (word, hint_) in [
            ("pasword", "; did you mean \"password\"?"),
            ("max_size", "; did you mean \"max-size\"?"),
            ("Server", "; did you mean \"server\"?"),
            ("sevrer", "; did you mean \"server\"?"),
            ("elephant", "; known are password, max-size, server"),
            ("", "; known are password, max-size, server"),
        ] {
            let known = ["password", "max-size", "server"].into_iter();
            assert_eq!(hint(word, known), hint_);
        }
    }

    #[test]
    fn every_key_is_there_once_and_none_is_also_to_come() {
        let mut names: Vec<&str> = KEYS.iter().map(|(name, _)| *name).collect();
        names.extend(LATER_KEYS);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }

    #[test]
    fn a_server_laid_over_another_does_not_keep_its_port() {
        let section = |text: &str| {
            let value = Value::from_text(text);
            let mut settings = Settings::default();
            settings
                .set("server", value, Origin::Url)
                .expect("it is one");
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
