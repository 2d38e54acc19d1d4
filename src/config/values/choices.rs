//! Keys whose value is one of a few words.

use super::{Value, Wrong, line, quoted, units};
use crate::dial::{Auth, Mechanism, Security};
use crate::mail::policy::{Keep, Order};
use crate::net::tls::Version;
use crate::oauth2::Backend;

/// A provider whose addresses and scope are built in.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) enum Preset {
    Google,
    Microsoft,
}

/// Reads `auth`.
pub(in crate::config) fn auth(value: Value) -> Result<Auth, Wrong> {
    let word = line(value)?;
    match word.as_str() {
        "auto" => return Ok(Auth::Auto),
        "none" => return Ok(Auth::NotNeeded),
        "gssapi" if cfg!(not(feature = "gssapi")) => {
            return Err(Wrong::with_hint(
                "is a mechanism that this mailpull was built without",
                "Build it with cargo build --features gssapi",
            ));
        }
        _ => {}
    }
    let name = |mechanism: &Mechanism| mechanism.name().to_ascii_lowercase();
    let named = |mechanism: &Mechanism| name(mechanism) == word;
    match MECHANISMS.iter().copied().find(named) {
        Some(mechanism) => Ok(Auth::Named(mechanism)),
        None => {
            let names: Vec<_> = MECHANISMS.iter().map(name).collect();
            let expected = format!("auto, {} or none", names.join(", "));
            Err(not_one_of(&expected, &word))
        }
    }
}

/// Reads `keep`.
pub(in crate::config) fn keep(value: Value) -> Result<Keep, Wrong> {
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

/// Reads `order`.
pub(in crate::config) fn order(value: Value) -> Result<Order, Wrong> {
    let word = line(value)?;
    match word.as_str() {
        "newest-first" => Ok(Order::NewestFirst),
        "oldest-first" => Ok(Order::OldestFirst),
        _ => Err(not_one_of("oldest-first or newest-first", &word)),
    }
}

/// Reads `security`.
pub(in crate::config) fn security(value: Value) -> Result<Security, Wrong> {
    let word = line(value)?;
    match word.as_str() {
        "none" => Ok(Security::None),
        "starttls" => Ok(Security::StartTls),
        "tls" => Ok(Security::Tls),
        _ => Err(not_one_of("tls, starttls or none", &word)),
    }
}

/// Reads `tls-min`.
pub(in crate::config) fn tls_version(value: Value) -> Result<Version, Wrong> {
    let word = line(value)?;
    match word.as_str() {
        "1.2" => Ok(Version::Tls12),
        "1.3" => Ok(Version::Tls13),
        _ => Err(not_one_of("\"1.2\" or \"1.3\"", &word)),
    }
}

/// Reads `oauth2`.
pub(in crate::config) fn preset(value: Value) -> Result<Preset, Wrong> {
    let word = line(value)?;
    match word.as_str() {
        "google" => Ok(Preset::Google),
        "microsoft" => Ok(Preset::Microsoft),
        _ => Err(Wrong {
            hint: Some("Set oauth2-token-url for another provider".to_owned()),
            ..not_one_of("google or microsoft", &word)
        }),
    }
}

/// Reads `oauth2-store`.
pub(in crate::config) fn backend(value: Value) -> Result<Backend, Wrong> {
    let word = line(value)?;
    match word.as_str() {
        "file" => Ok(Backend::File),
        "keyring" => Ok(Backend::Keyring),
        _ => Err(not_one_of("file or keyring", &word)),
    }
}

fn not_one_of(expected: &str, word: &str) -> Wrong {
    format!("must be {expected}, not {}", quoted(word)).into()
}

/// The mechanisms that can be named. The bound variants of SCRAM are not among them: a login is
/// bound to its TLS connection wherever that is possible.
const MECHANISMS: &[Mechanism] = &[
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
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_word_must_be_one_that_its_key_knows() {
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
        let newest_first = order(Value::from_text("newest-first"));
        assert_eq!(newest_first, Ok(Order::NewestFirst));
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
            (Value::List(vec![Value::from_text("1 day")]), None),
        ] {
            assert_eq!(keep(value).ok(), expected);
        }
    }

    #[test]
    fn versions_of_tls_that_are_broken_are_refused() {
        for (word, version) in [
            ("1.2", Some(Version::Tls12)),
            ("1.3", Some(Version::Tls13)),
            ("1.1", None),
            ("1.0", None),
            ("TLSv1.3", None),
            ("", None),
        ] {
            assert_eq!(tls_version(Value::from_text(word)).ok(), version, "{word}");
        }
    }
}
