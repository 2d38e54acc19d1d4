//! The values that keys can have: from what was written to what the services want.
//! Does not know which key it reads for, nor what other keys say.

use std::time::Duration;

use crate::config::password::Source;
use crate::config::units;
use crate::config::value::{self, Value, Wrong, quoted};
use crate::dial::{Auth, Security};
use crate::plan::{Keep, Order};
use crate::secret::Secret;

/// Where messages go, as it was written.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Maildir(String),
    Mda(Vec<String>),
}

pub(super) fn auth(value: Value) -> Result<Auth, Wrong> {
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

pub(super) fn keep(value: Value) -> Result<Keep, Wrong> {
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

pub(super) fn order(value: Value) -> Result<Order, Wrong> {
    let word = value::line(value)?;
    match word.as_str() {
        "newest-first" => Ok(Order::NewestFirst),
        "oldest-first" => Ok(Order::OldestFirst),
        _ => Err(not_one_of("oldest-first or newest-first", &word)),
    }
}

pub(super) fn security(value: Value) -> Result<Security, Wrong> {
    let word = value::line(value)?;
    match word.as_str() {
        "none" => Ok(Security::None),
        "starttls" => Ok(Security::StartTls),
        "tls" => Ok(Security::Tls),
        _ => Err(not_one_of("tls, starttls or none", &word)),
    }
}

pub(super) fn port(value: Value) -> Result<u16, Wrong> {
    let expected = "a number from 1 to 65535";
    let Value::Integer(number) = value else {
        return Err(value.instead_of(expected));
    };
    u16::try_from(number)
        .ok()
        .filter(|port| *port != 0)
        .ok_or_else(|| format!("must be {expected}, not {number}").into())
}

pub(super) fn duration(value: Value) -> Result<Duration, Wrong> {
    match value {
        Value::Integer(number) => {
            Err(format!("needs a unit, such as \"{number}s\" or \"{number} min\"").into())
        }
        Value::Text(text) => Ok(units::duration(&text)?),
        other => Err(other.instead_of("a duration such as \"30s\"")),
    }
}

pub(super) fn password(value: Value) -> Result<Source, Wrong> {
    let mut text = value::text(value)?;
    Secret::new(std::mem::take(&mut *text).into_bytes())
        .map(Source::Literal)
        .map_err(|problem| problem.to_string().into())
}

pub(super) fn password_command(value: Value) -> Result<Source, Wrong> {
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

pub(super) fn password_env(value: Value) -> Result<Source, Wrong> {
    match value::line(value)? {
        name if name.contains('=') => Err("must be the name of a variable".into()),
        name => Ok(Source::Variable(name)),
    }
}

pub(super) fn password_file(value: Value) -> Result<Source, Wrong> {
    Ok(Source::File(value::line(value)?.into()))
}

pub(super) fn maildir(value: Value) -> Result<Target, Wrong> {
    Ok(Target::Maildir(value::line(value)?))
}

pub(super) fn mda(value: Value) -> Result<Target, Wrong> {
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
