//! The sources of an account's password.
//!
//! The way of a password, from the top:
//!
//! 1. The configuration names its source: one key, or none ([`Source`]; the keys are read in
//!    `config/values/secrets.rs`).
//! 2. [`Source::obtain`] takes it from there: from the configuration itself, a command, a file, an
//!    environment variable, the keyring or systemd. If no source is named, `~/.netrc` is searched
//!    and then the user is asked on the terminal.
//! 3. It becomes a [`Secret`], which is refused if it could not be sent as one line, and which is
//!    wiped when it is dropped. Until then it is in memory that is wiped, too (`Zeroizing`).
//! 4. `commands/credentials.rs` keeps it for the run and hands it to `dial`, which sends it.
//!
//! No part of a password is ever shown. No child process inherits an environment variable that
//! holds one.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::mem;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::{Zeroize, Zeroizing};

use crate::os::child;
use crate::os::keyring::{self, Item};
use crate::os::secret::{Secret, Unusable};
use crate::os::secret_file::{CheckedFile, FileError, shown};
use crate::os::signals::Interrupt;
use crate::os::walk::require_safe_program;
use crate::text::ServerText;

mod command;
mod error;
mod netrc;
mod prompt;
mod terminal;
#[cfg(test)]
mod tests;

pub(crate) use error::Error;

use command::{Place, Problem};
pub(crate) use terminal::leave_alone as leave_terminal_alone;

/// The variable that holds the password for a URL on the command line.
pub(crate) const ONE_SHOT_VARIABLE: &str = "MAILPULL_PASSWORD";

/// The source of a password.
///
/// A command may print more lines, as `pass` does: the first is the password. One line end after the password
/// in a file is removed, and any other CR, LF or NUL there is an error: mailpull does not guess which line was
/// meant.
#[derive(Clone, Debug)]
pub enum Source {
    /// No source is named: `.netrc`, then the terminal.
    Ask,
    /// The output of a command.
    Command(SecretCommand),
    /// The credential of this name, which systemd gives to a service.
    Credential(String),
    /// A private file.
    File(PathBuf),
    /// The configuration itself.
    Literal(Secret),
    /// The keyring of the user's desktop.
    Keyring,
    /// None: the login needs no password.
    NotNeeded,
    /// A URL on the command line: [`ONE_SHOT_VARIABLE`], then as [`Source::Ask`].
    OneShot,
    /// An environment variable.
    Variable(String),
}

/// A command that prints a secret.
#[derive(Clone, Debug)]
pub struct SecretCommand {
    /// The key that names it.
    pub key: &'static str,
    /// The way it is run.
    pub line: CommandLine,
}

/// The way a command is run.
#[derive(Clone, Debug)]
pub enum CommandLine {
    /// Directly: a program and its arguments.
    Program(Vec<String>),
    /// By `sh -c`.
    Shell(String),
}

/// The login that a password is for.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// The name of the account.
    pub account: &'a str,
    /// The name to log in with.
    pub user: &'a str,
    /// The server's host.
    pub host: &'a str,
}

impl Source {
    /// Returns the environment variable that may hold the password. Child processes must not inherit
    /// it.
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::OneShot => Some(ONE_SHOT_VARIABLE),
            Self::Variable(name) => Some(name),
            _ => None,
        }
    }

    /// Returns true if obtaining the password may ask the user something.
    pub fn may_ask(&self) -> bool {
        matches!(
            self,
            Self::Ask | Self::Command(_) | Self::Keyring | Self::OneShot
        )
    }

    /// Obtains the password. This can take a minute if a command runs or the user is asked.
    ///
    /// # Errors
    /// The errors of [`Error`]. After a signal it returns [`Error::Interrupted`] at once.
    pub fn obtain(
        &self,
        login: Login<'_>,
        hidden: &[String],
        interrupt: &Interrupt,
    ) -> Result<Secret, Error> {
        match self {
            Self::NotNeeded => Ok(Secret::unneeded()),
            Self::Literal(secret) => Ok(secret.clone()),
            Self::Command(command) => from_command(command, hidden, interrupt),
            Self::File(path) => from_file(path),
            Self::Variable(name) => from_variable(name, env::var_os(name)),
            Self::Keyring => from_keyring(login, interrupt),
            Self::Credential(name) => from_credential(name),
            Self::OneShot => match env::var_os(ONE_SHOT_VARIABLE).filter(|text| !text.is_empty()) {
                None => from_netrc_or_terminal(login, interrupt),
                found => from_variable(ONE_SHOT_VARIABLE, found),
            },
            Self::Ask => from_netrc_or_terminal(login, interrupt),
        }
    }
}

fn from_command(
    command: &SecretCommand,
    hidden: &[String],
    interrupt: &Interrupt,
) -> Result<Secret, Error> {
    let mut process = match &command.line {
        CommandLine::Program(words) => {
            let (program, arguments) = words.split_first().expect("a command names a program");
            child::command(program, arguments, hidden)
        }
        CommandLine::Shell(line) => child::command("sh", ["-c", line], hidden),
    };
    let place = if terminal::is_there() {
        Place::Terminal
    } else {
        Place::Alone
    };
    let is_safe = match &command.line {
        CommandLine::Program(_) => Ok(()),
        // The shell would start it.
        CommandLine::Shell(line) => first_program(line).map_or(Ok(()), require_safe_program),
    };
    let printed = is_safe
        .map_err(|path| Problem::Run(io::Error::other(path)))
        .and_then(|()| command::run(&mut process, place, COMMAND_DEADLINE, interrupt));
    let secret = printed.and_then(|printed| {
        let is_empty = printed.is_empty();
        let mut octets = only_first_line(printed);
        Secret::new(mem::take(&mut *octets)).map_err(|problem| {
            let how = match problem {
                Unusable::Empty if is_empty => "printed nothing",
                Unusable::Empty => "printed an empty line first",
                Unusable::Unsendable => "printed a CR or a NUL in the first line",
            };
            Problem::Unusable(how)
        })
    });
    secret.map_err(|problem| match problem {
        Problem::Interrupted => Error::Interrupted,
        problem => Error::Command {
            key: command.key,
            problem,
        },
    })
}

/// Returns the first word of a line for the shell, if it can be the name of a program.
fn first_program(line: &str) -> Option<&OsStr> {
    let word = line.split_whitespace().next()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._+-".contains(c);
    word.chars().all(is_plain).then(|| word.as_ref())
}

fn from_file(path: &Path) -> Result<Secret, Error> {
    let file = CheckedFile::read(path).map_err(|error| not_read(path, error))?;
    file.require("a password")?;
    let octets = Zeroizing::new(file.octets().to_vec());
    secret(without_newline(octets), &shown(path))
}

fn from_variable(name: &str, value: Option<OsString>) -> Result<Secret, Error> {
    let value = value.ok_or_else(|| Error::Variable(name.to_owned()))?;
    secret(Zeroizing::new(value.into_vec()), &format!("${name}"))
}

fn from_keyring(login: Login<'_>, interrupt: &Interrupt) -> Result<Secret, Error> {
    match keyring_item(login).find(interrupt) {
        Ok(Some(secret)) => Ok(secret),
        Ok(None) => Err(Error::KeyringEmpty {
            user: login.user.to_owned(),
            host: login.host.to_owned(),
            command: format!("mailpull login {}", login.account),
        }),
        Err(keyring::Error::Interrupted) => Err(Error::Interrupted),
        Err(error) => Err(error.into()),
    }
}

/// Reads the file in which systemd puts a credential. systemd makes it readable only to this service
/// (systemd.exec(5)).
fn from_credential(name: &str) -> Result<Secret, Error> {
    match env::var_os("CREDENTIALS_DIRECTORY") {
        Some(folder) => from_file(&Path::new(&folder).join(name)),
        None => Err(Error::Credential(name.to_owned())),
    }
}

fn from_netrc_or_terminal(login: Login<'_>, interrupt: &Interrupt) -> Result<Secret, Error> {
    let path = dirs::home_dir().map(|home| home.join(".netrc"));
    if let Some(secret) = path.and_then(|path| from_netrc(&path, login).transpose()) {
        return secret;
    }
    from_terminal(login, interrupt)
}

fn from_netrc(path: &Path, login: Login<'_>) -> Result<Option<Secret>, Error> {
    let file = match CheckedFile::read(path) {
        Err(error) if error.is_not_found() => return Ok(None),
        read => read.map_err(|error| not_read(path, error))?,
    };
    let found =
        netrc::find(file.octets(), login.host, login.user).map_err(|malformed| Error::Netrc {
            path: shown(path),
            line: malformed.line,
            problem: malformed.problem,
        })?;
    let Some(octets) = found else {
        return Ok(None);
    };
    // A .netrc that does not have this password may be readable to others, so this is checked last.
    file.require("a password")?;
    secret(octets, &shown(path)).map(Some)
}

fn from_terminal(login: Login<'_>, interrupt: &Interrupt) -> Result<Secret, Error> {
    if !terminal::is_there() {
        return Err(Error::Nobody {
            user: login.user.to_owned(),
            host: login.host.to_owned(),
        });
    }
    prompt(login, interrupt)
}

/// Asks for a password on the terminal, also if another source is configured.
///
/// # Errors
/// The terminal does not work or was closed, nothing usable was typed, or a signal arrived.
pub(crate) fn prompt(login: Login<'_>, interrupt: &Interrupt) -> Result<Secret, Error> {
    let user = ServerText::from(login.user);
    let host = ServerText::from(login.host);
    let typed = prompt::ask(&format!("Password for {user} at {host}: "), interrupt)?;
    secret(typed, "the terminal")
}

/// Asks for a password and puts it into the keyring.
///
/// # Errors
/// There is no terminal to ask on, or the keyring does not accept the password.
pub(crate) fn put_into_keyring(login: Login<'_>, interrupt: &Interrupt) -> Result<(), Error> {
    let secret = from_terminal(login, interrupt)?;
    store_in_keyring(login, &secret, interrupt)
}

/// Puts a password into the keyring.
///
/// # Errors
/// The keyring does not accept the password.
pub(crate) fn store_in_keyring(
    login: Login<'_>,
    secret: &Secret,
    interrupt: &Interrupt,
) -> Result<(), Error> {
    let label = format!("mailpull: {} at {}", login.user, login.host);
    Ok(keyring_item(login).store(&label, secret, interrupt)?)
}

/// Removes the password from the keyring. Returns false if there was none.
///
/// # Errors
/// The keyring cannot be used.
pub(crate) fn remove_from_keyring(login: Login<'_>, interrupt: &Interrupt) -> Result<bool, Error> {
    Ok(keyring_item(login).remove(interrupt)?)
}

/// Returns the attributes of a password in the keyring. mpop(1) uses the same, so both programs find
/// it.
fn keyring_item(login: Login<'_>) -> Item<'_> {
    Item::new([
        ("service", "pop3"),
        ("user", login.user),
        ("host", login.host),
    ])
}

/// Removes all after the first line, and its line end. What `pass` and other password managers print has notes
/// after the password.
fn only_first_line(mut octets: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    if let Some(end) = memchr::memchr(b'\n', &octets) {
        octets[end + 1..].zeroize();
        octets.truncate(end + 1);
    }
    without_newline(octets)
}

/// Removes the one line end that an editor or `echo` puts after a password.
fn without_newline(mut octets: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    if octets.last() == Some(&b'\n') {
        octets.pop();
        if octets.last() == Some(&b'\r') {
            octets.pop();
        }
    }
    octets
}

fn secret(mut octets: Zeroizing<Vec<u8>>, from: &str) -> Result<Secret, Error> {
    Secret::new(mem::take(&mut *octets)).map_err(|problem| Error::Unusable {
        from: from.to_owned(),
        problem,
    })
}

fn not_read(path: &Path, error: FileError) -> Error {
    match error {
        FileError::Exposed(exposed) => exposed.into(),
        FileError::System(source) => Error::Read {
            path: shown(path),
            source,
        },
    }
}

/// The time that a command has. A user may have to type a passphrase for it.
const COMMAND_DEADLINE: Duration = Duration::from_secs(60);
