//! Values that are a program and its arguments.

use super::{Value, Wrong, program, shell};

/// Reads a program and its arguments. A string is split like the words of a shell, but no shell is run.
pub(in crate::config) fn argv(value: Value) -> Result<Vec<String>, Wrong> {
    match value {
        Value::List(values) => program(values),
        Value::Text(text) => {
            let words = shell_words::split(&text).map_err(|_| "has a quote that is not closed")?;
            shell::refuse_in_line(&text, &words)?;
            Ok(words)
        }
        other => Err(other.instead_of("a string or a list of strings")),
    }
}

/// Reads the program of a command that runs around a visit.
pub(in crate::config) fn hook(value: Value) -> Result<Vec<String>, Wrong> {
    match argv(value)? {
        words if words.first().is_none_or(String::is_empty) => Err("names no program".into()),
        words if words.iter().any(|word| word.contains('\0')) => Err("contains a NUL".into()),
        words => Ok(words),
    }
}
