//! The table of keys: what an account may say, and how each value is read.
//! Does not know where the values come from, nor whether they go together.

use std::time::Duration;

use crate::config::error::Error;
use crate::config::origin::Origin;
use crate::config::password::Source;
use crate::config::server::{self, Host, Server};
use crate::config::units;
use crate::config::value::{self, Value, Wrong, quoted};
use crate::dial::{Auth, Security};
use crate::plan::{Keep, Order};
use crate::secret::Secret;

/// What one section, or the command line, says about an account. Keys that exclude each other
/// share a field, so that a section's own one replaces whichever the section below it chose.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub(super) allow_cleartext: Slot<bool>,
    pub(super) auth: Slot<Auth>,
    pub(super) enabled: Slot<bool>,
    pub(super) keep: Slot<Keep>,
    pub(super) max_messages: Slot<u64>,
    pub(super) max_size: Slot<u64>,
    pub(super) max_total: Slot<u64>,
    pub(super) mda_allow_root: Slot<bool>,
    pub(super) mda_may_ignore_input: Slot<bool>,
    pub(super) mda_timeout: Slot<Duration>,
    pub(super) order: Slot<Order>,
    pub(super) password: Slot<Source>,
    pub(super) port: Slot<u16>,
    pub(super) security: Slot<Security>,
    pub(super) server: Slot<Host>,
    pub(super) target: Slot<Target>,
    pub(super) timeout: Slot<Duration>,
    pub(super) timeout_connect: Slot<Duration>,
    pub(super) tls_ca_file: Slot<String>,
    pub(super) user: Slot<String>,
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

/// Where messages go, as it was written.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Maildir(String),
    Mda(Vec<String>),
}

impl Settings {
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
        Self {
            allow_cleartext: self.allow_cleartext.or(below.allow_cleartext),
            auth: self.auth.or(below.auth),
            enabled: self.enabled.or(below.enabled),
            keep: self.keep.or(below.keep),
            max_messages: self.max_messages.or(below.max_messages),
            max_size: self.max_size.or(below.max_size),
            max_total: self.max_total.or(below.max_total),
            mda_allow_root: self.mda_allow_root.or(below.mda_allow_root),
            mda_may_ignore_input: self.mda_may_ignore_input.or(below.mda_may_ignore_input),
            mda_timeout: self.mda_timeout.or(below.mda_timeout),
            order: self.order.or(below.order),
            password: self.password.or(below.password),
            port: self.port.or(port_below),
            security: self.security.or(below.security),
            server: self.server.or(below.server),
            target: self.target.or(below.target),
            timeout: self.timeout.or(below.timeout),
            timeout_connect: self.timeout_connect.or(below.timeout_connect),
            tls_ca_file: self.tls_ca_file.or(below.tls_ca_file),
            user: self.user.or(below.user),
        }
    }
}

/// What is nearest to a word that is none of these, or all of them.
pub(super) fn hint<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let near = known
        .clone()
        .filter(|_| word.len() <= LONGEST_TYPO)
        .map(|name| (strsim::osa_distance(word, name), name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, name)| *distance <= name.len().max(word.len()) / 3 + 1);
    match near {
        Some((_, name)) => format!("; did you mean \"{name}\"?"),
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

    fn read<T>(self, read: fn(Value) -> Result<T, Wrong>) -> Result<At<T>, Error> {
        let Self { value, key, origin } = self;
        match read(value) {
            Ok(value) => Ok(At { value, key, origin }),
            Err(Wrong::Later(word)) => Err(Error::Unsupported {
                at: origin,
                what: format!("{key} = \"{word}\""),
            }),
            Err(Wrong::Problem(problem)) => Err(Error::Value {
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
    let hint = hint(key, KEYS.iter().map(|(name, _)| *name));
    Error::UnknownKey {
        at,
        key: shown,
        hint,
    }
}

fn auth(value: Value) -> Result<Auth, Wrong> {
    let word = value::line(value)?;
    match word.as_str() {
        "apop" => Ok(Auth::Apop),
        "auto" => Ok(Auth::Auto),
        "plain" => Ok(Auth::Plain),
        "user" => Ok(Auth::User),
        later if LATER_AUTH.contains(&later) => Err(Wrong::Later(word)),
        _ => Err(not_one_of("auto, user, apop or plain", &word)),
    }
}

fn keep(value: Value) -> Result<Keep, Wrong> {
    match value {
        Value::Boolean(true) => Ok(Keep::Always),
        Value::Boolean(false) => Ok(Keep::Never),
        Value::Text(text) => match units::duration(&text) {
            Ok(age) => Ok(Keep::For(age)),
            Err(problem) if text.starts_with(|c: char| c.is_ascii_digit()) => Err(problem.into()),
            Err(_) => Err(not_one_of(KEEP, &text)),
        },
        other => Err(other.instead_of(KEEP)),
    }
}

fn order(value: Value) -> Result<Order, Wrong> {
    let word = value::line(value)?;
    match word.as_str() {
        "newest-first" => Ok(Order::NewestFirst),
        "oldest-first" => Ok(Order::OldestFirst),
        _ => Err(not_one_of("oldest-first or newest-first", &word)),
    }
}

fn security(value: Value) -> Result<Security, Wrong> {
    let word = value::line(value)?;
    match word.as_str() {
        "none" => Ok(Security::None),
        "starttls" => Ok(Security::StartTls),
        "tls" => Ok(Security::Tls),
        _ => Err(not_one_of("tls, starttls or none", &word)),
    }
}

fn port(value: Value) -> Result<u16, Wrong> {
    let expected = "a number from 1 to 65535";
    let Value::Integer(number) = value else {
        return Err(value.instead_of(expected));
    };
    u16::try_from(number)
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(|| format!("must be {expected}, not {number}").into())
}

fn duration(value: Value) -> Result<Duration, Wrong> {
    match value {
        Value::Integer(number) => {
            Err(format!("needs a unit, such as \"{number}s\" or \"{number} min\"").into())
        }
        Value::Text(text) => Ok(units::duration(&text)?),
        other => Err(other.instead_of("a duration such as \"30s\"")),
    }
}

fn password(value: Value) -> Result<Source, Wrong> {
    let mut text = value::text(value)?;
    Secret::new(std::mem::take(&mut *text).into_bytes())
        .map(Source::Literal)
        .map_err(|problem| problem.to_string().into())
}

fn password_command(value: Value) -> Result<Source, Wrong> {
    match value {
        Value::List(values) => match value::words(values)? {
            words if words.first().is_none_or(String::is_empty) => Err("names no program".into()),
            words => Ok(Source::Program(words)),
        },
        text @ Value::Text(_) => match value::words(vec![text])?.remove(0) {
            line if line.trim().is_empty() => Err("names no program".into()),
            line => Ok(Source::Shell(line)),
        },
        other => Err(other.instead_of("a string or a list of strings")),
    }
}

fn password_env(value: Value) -> Result<Source, Wrong> {
    match value::line(value)? {
        name if name.contains('=') => Err("must be the name of a variable".into()),
        name => Ok(Source::Variable(name)),
    }
}

fn password_file(value: Value) -> Result<Source, Wrong> {
    Ok(Source::File(value::line(value)?.into()))
}

fn maildir(value: Value) -> Result<Target, Wrong> {
    Ok(Target::Maildir(value::line(value)?))
}

fn mda(value: Value) -> Result<Target, Wrong> {
    match value {
        Value::List(values) => Ok(Target::Mda(value::words(values)?)),
        Value::Text(text) => match shell_words::split(&text) {
            Ok(words) => Ok(Target::Mda(words)),
            Err(_) => Err("has a quote that is not closed".into()),
        },
        other => Err(other.instead_of("a string or a list of strings")),
    }
}

fn not_one_of(expected: &str, word: &str) -> Wrong {
    Wrong::Problem(format!("must be {expected}, not {}", quoted(word)))
}

type Set = fn(&mut Settings, Entry) -> Result<(), Error>;

/// Every key, with the field it fills and the way its value is read.
#[rustfmt::skip] // one line a key
const KEYS: &[(&str, Set)] = &[
    ("enabled", |s, e| e.put(&mut s.enabled, value::boolean)),
    ("server", |s, e| e.put_server(s)),
    ("port", |s, e| e.put(&mut s.port, port)),
    ("security", |s, e| e.put(&mut s.security, security)),
    ("allow-cleartext", |s, e| e.put(&mut s.allow_cleartext, value::boolean)),
    ("tls-ca-file", |s, e| e.put(&mut s.tls_ca_file, value::line)),
    ("timeout-connect", |s, e| e.put(&mut s.timeout_connect, duration)),
    ("timeout", |s, e| e.put(&mut s.timeout, duration)),
    ("user", |s, e| e.put(&mut s.user, value::line)),
    ("password", |s, e| e.put(&mut s.password, password)),
    ("password-command", |s, e| e.put(&mut s.password, password_command)),
    ("password-file", |s, e| e.put(&mut s.password, password_file)),
    ("password-env", |s, e| e.put(&mut s.password, password_env)),
    ("auth", |s, e| e.put(&mut s.auth, auth)),
    ("maildir", |s, e| e.put(&mut s.target, maildir)),
    ("mda", |s, e| e.put(&mut s.target, mda)),
    ("mda-timeout", |s, e| e.put(&mut s.mda_timeout, duration)),
    ("mda-allow-root", |s, e| e.put(&mut s.mda_allow_root, value::boolean)),
    ("mda-may-ignore-input", |s, e| e.put(&mut s.mda_may_ignore_input, value::boolean)),
    ("keep", |s, e| e.put(&mut s.keep, keep)),
    ("max-messages", |s, e| e.put(&mut s.max_messages, value::count)),
    ("max-size", |s, e| e.put(&mut s.max_size, value::size)),
    ("max-total", |s, e| e.put(&mut s.max_total, value::size)),
    ("order", |s, e| e.put(&mut s.order, order)),
];

const LATER_KEYS: &[&str] = &[
    "deliver",
    "from-line",
    "interval",
    "lmtp",
    "max-per-host",
    "mbox",
    "mda-jobs",
    "password-keyring",
    "post-command",
    "pre-command",
    "proxy",
    "received-header",
    "report-after",
    "rules",
    "smtp",
    "source-address",
    "tls-client-cert",
    "tls-client-key",
    "tls-min",
    "tls-name",
    "tls-pin",
    "tls-verify",
    "tunnel-command",
];

const LATER_AUTH: &[&str] = &[
    "cram-md5",
    "digest-md5",
    "external",
    "login",
    "none",
    "oauthbearer",
    "scram-sha-1",
    "scram-sha-256",
    "xoauth2",
];

const KEEP: &str = "true, false or an age such as \"14 days\"";

/// The longest word that is compared with the known ones.
const LONGEST_TYPO: usize = 40;
