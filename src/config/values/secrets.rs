//! The sources of secrets.

use super::{Value, Wrong, boolean, line, program, text, words};
use crate::config::password::{CommandLine, SecretCommand, Source};
use crate::os::secret::Secret;

/// Reads a secret that is written in the configuration itself.
pub(in crate::config) fn literal(value: Value) -> Result<Source, Wrong> {
    let mut text = text(value)?;
    Secret::new(std::mem::take(&mut *text).into_bytes())
        .map(Source::Literal)
        .map_err(|problem| problem.to_string().into())
}

/// Reads `password-command`.
pub(in crate::config) fn password_command(value: Value) -> Result<Source, Wrong> {
    command("password-command", value)
}

/// Reads `oauth2-client-secret-command`.
pub(in crate::config) fn client_secret_command(value: Value) -> Result<Source, Wrong> {
    command("oauth2-client-secret-command", value)
}

/// Reads `oauth2-token-command`.
pub(in crate::config) fn token_command(value: Value) -> Result<Source, Wrong> {
    command("oauth2-token-command", value)
}

/// Reads a command: a line for the shell, or a program and its arguments.
fn command(key: &'static str, value: Value) -> Result<Source, Wrong> {
    let line = match value {
        Value::List(values) => CommandLine::Program(program(values)?),
        text @ Value::Text(_) => match words(vec![text])?.remove(0) {
            line if line.trim().is_empty() => return Err("names no program".into()),
            line => CommandLine::Shell(line),
        },
        other => return Err(other.instead_of("a string or a list of strings")),
    };
    Ok(Source::Command(SecretCommand { key, line }))
}

/// Reads `password-credential`.
pub(in crate::config) fn credential(value: Value) -> Result<Source, Wrong> {
    match line(value)? {
        name if name.contains('/') || name.starts_with('.') => {
            Err("must be the name of a credential, not a path".into())
        }
        name => Ok(Source::Credential(name)),
    }
}

/// Reads `password-env`.
pub(in crate::config) fn variable(value: Value) -> Result<Source, Wrong> {
    match line(value)? {
        name if name.contains('=') => Err("must be the name of a variable".into()),
        name => Ok(Source::Variable(name)),
    }
}

/// Reads `password-keyring`.
pub(in crate::config) fn keyring(value: Value) -> Result<Source, Wrong> {
    if boolean(value)? {
        Ok(Source::Keyring)
    } else {
        Err(Wrong::with_hint(
            "must be true",
            "Leave the key out to use another source",
        ))
    }
}

/// Reads `password-file`.
pub(in crate::config) fn file(value: Value) -> Result<Source, Wrong> {
    Ok(Source::File(line(value)?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(words: &[&str]) -> Value {
        Value::List(words.iter().map(|word| Value::from_text(word)).collect())
    }

    #[test]
    fn a_command_is_a_shell_line_or_an_argument_vector() {
        for (value, is_command) in [
            (Value::from_text("pass show mail"), true),
            (strings(&["pass", "", "x y"]), true),
            (strings(&["pass", "mail", "|", "head"]), false),
            (Value::from_text("pass mail | head"), true),
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
}
