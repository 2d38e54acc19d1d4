//! A value as it was written, and what it can be read as.
//! The readers in this folder know neither the key that they read for nor what other keys say.

use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::config::document::WrittenValue;
use crate::hex::{self, BadEscape};
use crate::text::ServerText;

pub(super) mod choices;
pub(super) mod delivery;
pub(super) mod programs;
pub(super) mod rules;
pub(super) mod secrets;
pub(super) mod server;
mod shell;
pub(super) mod units;
pub(super) mod via;

/// A value as it was written. Text is wiped when dropped, and `Debug` shows only the kind.
#[derive(Clone)]
pub(super) enum Value {
    Boolean(bool),
    Integer(i64),
    List(Vec<Value>),
    /// A kind of value that no key accepts, by its name with an article.
    Other(&'static str),
    /// A table, in the order of the file.
    Table(Vec<WrittenValue>),
    Text(Zeroizing<String>),
}

/// The reason why a value cannot be read.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Wrong {
    /// The problem, as the rest of a sentence whose subject is the key.
    pub(super) problem: String,
    /// A sentence that says what to write instead.
    pub(super) hint: Option<String>,
}

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
            Self::Table(_) => "a table",
            Self::Text(_) => "a string",
        }
    }

    /// Says what was expected instead. The value is not shown: it may be secret.
    fn instead_of(&self, expected: &str) -> Wrong {
        format!("must be {expected}, not {}", self.kind()).into()
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl From<&str> for Wrong {
    fn from(problem: &str) -> Self {
        problem.to_owned().into()
    }
}

impl From<String> for Wrong {
    fn from(problem: String) -> Self {
        Self {
            problem,
            hint: None,
        }
    }
}

impl Wrong {
    fn with_hint(problem: &str, hint: impl Into<String>) -> Self {
        Self {
            problem: problem.to_owned(),
            hint: Some(hint.into()),
        }
    }
}

/// Reads `true` or `false`.
pub(super) fn boolean(value: Value) -> Result<bool, Wrong> {
    match value {
        Value::Boolean(flag) => Ok(flag),
        other => Err(other.instead_of("true or false")),
    }
}

/// Reads a number of at least 1.
pub(super) fn count(value: Value) -> Result<u64, Wrong> {
    match value {
        Value::Integer(number @ 1..) => Ok(number.unsigned_abs()),
        Value::Integer(_) => Err("must be at least 1".into()),
        other => Err(other.instead_of("a number")),
    }
}

/// Reads a number of octets: a number, or text with a unit.
pub(super) fn size(value: Value) -> Result<u64, Wrong> {
    let octets = match value {
        Value::Integer(number) => u64::try_from(number).unwrap_or(0),
        Value::Text(text) => units::size(&text)?,
        other => return Err(other.instead_of("a size such as \"15 MiB\"")),
    };
    match octets {
        0 => Err(Wrong::with_hint(
            "must be at least 1 octet",
            "Leave the key out for no limit",
        )),
        octets => Ok(octets),
    }
}

/// Reads a duration, which must have a unit.
pub(super) fn duration(value: Value) -> Result<Duration, Wrong> {
    match value {
        Value::Integer(number) => Err(Wrong::with_hint(
            "needs a unit",
            format!("Write \"{number}s\" or \"{number} min\""),
        )),
        Value::Text(text) => Ok(units::duration(&text)?),
        other => Err(other.instead_of("a duration such as \"30s\"")),
    }
}

/// Reads text that is not empty and has no control characters.
pub(super) fn line(value: Value) -> Result<String, Wrong> {
    let mut text = text(value)?;
    if text.chars().any(char::is_control) {
        return Err("contains a control character".into());
    }
    Ok(std::mem::take(&mut *text))
}

/// Reads text that is not empty. It is wiped when dropped.
fn text(value: Value) -> Result<Zeroizing<String>, Wrong> {
    match value {
        Value::Text(text) if text.is_empty() => Err("is empty".into()),
        Value::Text(text) => Ok(text),
        other => Err(other.instead_of("a string")),
    }
}

/// Reads the elements of a list as text.
fn words(values: Vec<Value>) -> Result<Vec<String>, Wrong> {
    values
        .into_iter()
        .map(|value| match value {
            Value::Text(text) if text.contains('\0') => Err("contains a NUL".into()),
            Value::Text(mut text) => Ok(std::mem::take(&mut *text)),
            other => Err(format!("must be a list of strings, but holds {}", other.kind()).into()),
        })
        .collect()
}

/// Reads the elements of a list as a program and its arguments. Words for a shell are refused: none is run.
fn program(values: Vec<Value>) -> Result<Vec<String>, Wrong> {
    let words = words(values)?;
    if words.first().is_none_or(String::is_empty) {
        return Err("names no program".into());
    }
    shell::refuse_in_list(&words)?;
    Ok(words)
}

/// Undoes the percent-encoding of a part of a URL.
///
/// # Errors
/// The problem, as the rest of a sentence.
pub(super) fn decoded(text: &str) -> Result<String, &'static str> {
    let octets =
        hex::percent_decode(text, BadEscape::Reject).ok_or("has a % without two digits")?;
    let text = String::from_utf8(octets).map_err(|_| "is not UTF-8 after it is decoded")?;
    if text.contains(char::is_control) {
        return Err("contains a control character");
    }
    Ok(text)
}

/// Returns text between quotes for an error: escaped and cut.
pub(super) fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN).collect();
    let dots = if shown.len() < text.len() { "…" } else { "" };
    format!("\"{}{dots}\"", ServerText::from(&*shown))
}

/// The most characters of a key or a value that an error repeats.
const SHOWN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_needs_a_unit() {
        let wrong = Wrong::with_hint("needs a unit", "Write \"30s\" or \"30 min\"");
        assert_eq!(duration(Value::Integer(30)), Err(wrong));
        assert!(duration(Value::from_text("30s")).is_ok());
    }
}
