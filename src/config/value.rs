//! A value as it was written, and what it can be read as.
//! Knows no key and no file format.

use std::fmt;

use zeroize::Zeroizing;

use crate::config::units;
use crate::text::ServerText;

/// A value as it was written. Text is wiped when dropped, and `Debug` shows none.
#[derive(Clone)]
pub(super) enum Value {
    Boolean(bool),
    Integer(i64),
    List(Vec<Value>),
    /// What no key takes, by its name with an article.
    Other(&'static str),
    Text(Zeroizing<String>),
}

/// Why a value cannot be read, as the rest of a sentence whose subject is the key.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Wrong(pub(super) String);

impl Value {
    pub(super) fn from_text(text: &str) -> Self {
        Self::Text(Zeroizing::new(text.to_owned()))
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "a boolean",
            Self::Integer(_) => "a number",
            Self::List(_) => "a list",
            Self::Other(kind) => kind,
            Self::Text(_) => "a string",
        }
    }

    /// Says what was expected instead, without showing the value: it may be secret.
    pub(super) fn instead_of(&self, expected: &str) -> Wrong {
        Wrong(format!("must be {expected}, not {}", self.kind()))
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl From<&str> for Wrong {
    fn from(problem: &str) -> Self {
        Self(problem.to_owned())
    }
}

impl From<String> for Wrong {
    fn from(problem: String) -> Self {
        Self(problem)
    }
}

/// `true` or `false`.
pub(super) fn boolean(value: Value) -> Result<bool, Wrong> {
    match value {
        Value::Boolean(claim) => Ok(claim),
        other => Err(other.instead_of("true or false")),
    }
}

/// A number from 1 up.
pub(super) fn count(value: Value) -> Result<u64, Wrong> {
    match value {
        Value::Integer(number @ 1..) => Ok(number.unsigned_abs()),
        Value::Integer(_) => Err("must be at least 1".into()),
        other => Err(other.instead_of("a number")),
    }
}

/// Octets: a number, or text with a unit.
pub(super) fn size(value: Value) -> Result<u64, Wrong> {
    let octets = match value {
        Value::Integer(number) => u64::try_from(number).unwrap_or(0),
        Value::Text(text) => units::size(&text)?,
        other => return Err(other.instead_of("a size such as \"15 MiB\"")),
    };
    match octets {
        0 => Err("must be at least 1 octet; without it there is no limit".into()),
        octets => Ok(octets),
    }
}

/// A list of text.
pub(super) fn words(values: Vec<Value>) -> Result<Vec<String>, Wrong> {
    values
        .into_iter()
        .map(|value| match value {
            Value::Text(text) if text.contains('\0') => Err("contains a NUL".into()),
            Value::Text(mut text) => Ok(std::mem::take(&mut *text)),
            other => Err(Wrong(format!(
                "must be a list of strings; it holds {}",
                other.kind()
            ))),
        })
        .collect()
}

/// Text that is not empty and has no control characters.
pub(super) fn line(value: Value) -> Result<String, Wrong> {
    let mut text = text(value)?;
    if text.chars().any(char::is_control) {
        return Err("contains a control character".into());
    }
    Ok(std::mem::take(&mut *text))
}

/// Text that is not empty, wiped when dropped.
pub(super) fn text(value: Value) -> Result<Zeroizing<String>, Wrong> {
    match value {
        Value::Text(text) if text.is_empty() => Err("is empty".into()),
        Value::Text(text) => Ok(text),
        other => Err(other.instead_of("a string")),
    }
}

/// Text between quotes, as it is shown in an error: escaped and cut.
pub(super) fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN).collect();
    let dots = if shown.len() < text.len() { "…" } else { "" };
    format!("\"{}{dots}\"", ServerText::from(&*shown))
}

/// The most characters of a key or a value that an error repeats.
const SHOWN: usize = 64;
