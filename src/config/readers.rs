//! The values that keys can have: from what was written to what the services want.
//! Does not know which key it reads for, nor what other keys say.

use std::time::Duration;

use crate::config::password::{Command, Line, Source};
use crate::config::units;
use crate::config::value::{self, Value, Wrong, quoted};
use crate::dial::{Auth, Mechanism, Security};
use crate::mail::policy::{Keep, Order};
use crate::os::secret::Secret;

/// Where messages go, as it was written.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Maildir(String),
    Mda(Vec<String>),
}

pub(super) fn auth(value: Value) -> Result<Auth, Wrong> {
    let word = value::line(value)?;
    match word.as_str() {
        "auto" => return Ok(Auth::Auto),
        "none" => return Ok(Auth::NotNeeded),
        "gssapi" if cfg!(not(feature = "gssapi")) => {
            return Err("is not built in; cargo build --features gssapi has it".into());
        }
        _ => {}
    }
    let is_it = |mechanism: &Mechanism| mechanism.name().to_ascii_lowercase() == word;
    match AUTH.iter().copied().find(is_it) {
        Some(mechanism) => Ok(Auth::Named(mechanism)),
        None => {
            let names = AUTH
                .iter()
                .map(|mechanism| mechanism.name().to_ascii_lowercase());
            let names: Vec<_> = names.collect();
            let expected = format!("auto, {} or none", names.join(", "));
            Err(not_one_of(&expected, &word))
        }
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
    command("password-command", value)
}

pub(super) fn client_secret_command(value: Value) -> Result<Source, Wrong> {
    command("oauth2-client-secret-command", value)
}

pub(super) fn token_command(value: Value) -> Result<Source, Wrong> {
    command("oauth2-token-command", value)
}

fn command(key: &'static str, value: Value) -> Result<Source, Wrong> {
    let line = match value {
        Value::List(values) => match value::words(values)? {
            words if words.first().is_none_or(String::is_empty) => {
                return Err("names no program".into());
            }
            words => Line::Program(words),
        },
        text @ Value::Text(_) => match value::words(vec![text])?.remove(0) {
            line if line.trim().is_empty() => return Err("names no program".into()),
            line => Line::Shell(line),
        },
        other => return Err(other.instead_of("a string or a list of strings")),
    };
    Ok(Source::Command(Command { key, line }))
}

pub(super) fn password_credential(value: Value) -> Result<Source, Wrong> {
    match value::line(value)? {
        name if name.contains('/') || name.starts_with('.') => {
            Err("must be the name of a credential, not a path".into())
        }
        name => Ok(Source::Credential(name)),
    }
}

pub(super) fn password_env(value: Value) -> Result<Source, Wrong> {
    match value::line(value)? {
        name if name.contains('=') => Err("must be the name of a variable".into()),
        name => Ok(Source::Variable(name)),
    }
}

pub(super) fn password_keyring(value: Value) -> Result<Source, Wrong> {
    match value::boolean(value)? {
        true => Ok(Source::Keyring),
        false => Err("must be true, or not be there".into()),
    }
}

pub(super) fn password_file(value: Value) -> Result<Source, Wrong> {
    Ok(Source::File(value::line(value)?.into()))
}

pub(super) fn maildir(value: Value) -> Result<Target, Wrong> {
    Ok(Target::Maildir(value::line(value)?))
}

/// How many programs run at once: each has its files, and more than a few only wait for the disk.
pub(super) fn jobs(value: Value) -> Result<u64, Wrong> {
    const MOST: u64 = 64;
    match value::count(value)? {
        jobs if jobs <= MOST => Ok(jobs),
        _ => Err(format!("must be at most {MOST}").into()),
    }
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
    Wrong(format!("must be {expected}, not {}", quoted(word)))
}

/// What can be named. To bind a login to the connection is no choice: it is done where it can be.
const AUTH: &[Mechanism] = &[
    Mechanism::User,
    Mechanism::Apop,
    Mechanism::Plain,
    Mechanism::Login,
    Mechanism::CramMd5,
    Mechanism::DigestMd5,
    Mechanism::ScramSha1,
    Mechanism::ScramSha256,
    Mechanism::XOAuth2,
    Mechanism::OAuthBearer,
    #[cfg(feature = "gssapi")]
    Mechanism::Gssapi,
    Mechanism::External,
];

const KEEP: &str = "true, false or an age such as \"14 days\"";

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(words: &[&str]) -> Value {
        Value::List(words.iter().map(|word| Value::from_text(word)).collect())
    }

    #[test]
    fn a_word_must_be_one_of_those_its_key_knows() {
        for (word, expected) in [
            ("auto", Ok(Auth::Auto)),
            ("apop", Ok(Auth::Named(Mechanism::Apop))),
            ("scram-sha-256", Ok(Auth::Named(Mechanism::ScramSha256))),
            ("none", Ok(Auth::NotNeeded)),
            (
                "APOP",
                Err(
                    "must be auto, user, apop, plain, login, cram-md5, digest-md5, scram-sha-1, \
                     scram-sha-256, xoauth2, oauthbearer, external or none, not \"APOP\""
                        .into(),
                ),
            ),
        ] {
            assert_eq!(auth(Value::from_text(word)), expected);
        }
        assert_eq!(security(Value::from_text("none")), Ok(Security::None));
        assert!(security(Value::from_text("ssl")).is_err());
        assert_eq!(
            order(Value::from_text("newest-first")),
            Ok(Order::NewestFirst)
        );
        assert!(order(Value::Boolean(true)).is_err());
    }

    #[test]
    fn keep_is_a_boolean_or_an_age() {
        let day = Keep::For(Duration::from_secs(86_400));
        for (value, expected) in [
            (Value::Boolean(true), Some(Keep::Always)),
            (Value::Boolean(false), Some(Keep::Never)),
            (Value::from_text("1 day"), Some(day)),
            (Value::from_text("0 days"), None),
            (Value::from_text("soon"), None),
            (Value::from_text("true"), None),
            (Value::Integer(14), None),
            (strings(&["1 day"]), None),
        ] {
            assert_eq!(keep(value).ok(), expected);
        }
    }

    #[test]
    fn a_duration_needs_a_unit() {
        let problem = Wrong::from("needs a unit, such as \"30s\" or \"30 min\"");
        assert_eq!(duration(Value::Integer(30)), Err(problem));
        assert!(duration(Value::from_text("30s")).is_ok());
    }

    #[test]
    fn a_command_is_a_line_for_the_shell_or_an_argument_vector() {
        for (value, is_command) in [
            (Value::from_text("pass show mail"), true),
            (strings(&["pass", "", "x y"]), true),
            (Value::from_text(" "), false),
            (Value::from_text("a\0b"), false),
            (strings(&[]), false),
            (strings(&["", "x"]), false),
            (strings(&["x", "a\0b"]), false),
            (Value::List(vec![Value::Integer(1)]), false),
            (Value::Integer(1), false),
        ] {
            assert_eq!(password_command(value).is_ok(), is_command);
        }
    }

    #[test]
    fn an_mda_in_one_string_is_split_like_the_words_of_a_shell() {
        for (text, words) in [
            ("procmail -d me", Some(&["procmail", "-d", "me"][..])),
            ("'my mda' \"a b\" c\\ d", Some(&["my mda", "a b", "c d"])),
            ("x $HOME `id` | y", Some(&["x", "$HOME", "`id`", "|", "y"])),
            ("x 'y", None),
        ] {
            let read = mda(Value::from_text(text)).ok();
            match (read, words) {
                (Some(Target::Mda(read)), Some(words)) => assert_eq!(read, words),
                (read, words) => assert!(read.is_none() && words.is_none(), "{text}"),
            }
        }
    }
}
