//! Where an account's password comes from, and how it is got.
//! Sends it nowhere and shows it to nobody.

use std::env;
use std::ffi::OsString;
use std::io;
use std::mem;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::os::child;
use crate::os::keyring::{self, Item};
use crate::os::secret::{Secret, Unusable};
use crate::os::secret_file::{CheckedFile, shown};
use crate::os::signals::Interrupt;
use crate::text::ServerText;

mod command;
mod error;
mod netrc;
mod prompt;
mod terminal;

pub(crate) use error::Error;

use command::{Place, Problem};

/// The variable that holds the password for a URL on the command line.
pub(crate) const ONE_SHOT_VARIABLE: &str = "MAILPULL_PASSWORD";

/// Where a password comes from.
///
/// One line end behind what a file holds or a command prints is taken away. Any other CR, LF or
/// NUL cannot be part of a password, and is an error rather than a guess at which line was meant.
#[derive(Clone, Debug)]
pub enum Source {
    /// Nothing was said: `.netrc`, then the terminal.
    Ask,
    /// What a program prints.
    Command(SecretCommand),
    /// The credential of this name, which systemd gives to a service.
    Credential(String),
    /// What a private file holds.
    File(PathBuf),
    /// As it stands in the configuration.
    Literal(Secret),
    /// The keyring of the user's desktop.
    Keyring,
    /// Nowhere: the login needs none.
    NotNeeded,
    /// A URL on the command line: [`ONE_SHOT_VARIABLE`], then as [`Source::Ask`].
    OneShot,
    /// The value of an environment variable.
    Variable(String),
}

/// A program that prints a secret.
#[derive(Clone, Debug)]
pub struct SecretCommand {
    /// The key that names it.
    pub key: &'static str,
    /// How it is run.
    pub line: CommandLine,
}

/// How a program is run.
#[derive(Clone, Debug)]
pub enum CommandLine {
    /// As it is, with its arguments.
    Program(Vec<String>),
    /// By `sh -c`.
    Shell(String),
}

/// What a password is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// For which account.
    pub account: &'a str,
    /// Who logs in.
    pub user: &'a str,
    /// The server's name.
    pub host: &'a str,
}

impl Source {
    /// The environment variable that may hold it: no child process may inherit that.
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::OneShot => Some(ONE_SHOT_VARIABLE),
            Self::Variable(name) => Some(name),
            _ => None,
        }
    }

    /// Whether getting it may take a question on the terminal.
    pub fn may_ask(&self) -> bool {
        matches!(
            self,
            Self::Ask | Self::Command(_) | Self::Keyring | Self::OneShot
        )
    }

    /// Gets the password, which may take a minute of a command or a human's patience.
    ///
    /// # Errors
    /// Whatever keeps it away, see [`Error`]; [`Error::Interrupted`] as soon as a
    /// signal arrives.
    pub fn obtain(
        &self,
        login: Login<'_>,
        hidden: &[String],
        interrupt: &Interrupt,
    ) -> Result<Secret, Error> {
        match self {
            Self::Ask => ask(login, interrupt),
            Self::Command(command) => from_command(command, hidden, interrupt),
            Self::Credential(name) => from_credential(name),
            Self::File(path) => from_file(path),
            Self::Keyring => from_keyring(login, interrupt),
            Self::Literal(secret) => Ok(secret.clone()),
            Self::NotNeeded => Ok(Secret::needless()),
            Self::OneShot => match env::var_os(ONE_SHOT_VARIABLE).filter(|text| !text.is_empty()) {
                None => ask(login, interrupt),
                found => from_variable(ONE_SHOT_VARIABLE, found),
            },
            Self::Variable(name) => from_variable(name, env::var_os(name)),
        }
    }
}

fn ask(login: Login<'_>, interrupt: &Interrupt) -> Result<Secret, Error> {
    let path = dirs::home_dir().map(|home| home.join(".netrc"));
    if let Some(secret) = path.and_then(|path| from_netrc(&path, login).transpose()) {
        return secret;
    }
    prompted(login, interrupt)
}

fn prompted(login: Login<'_>, interrupt: &Interrupt) -> Result<Secret, Error> {
    if !terminal::is_there() {
        return Err(Error::Nobody {
            user: login.user.to_owned(),
            host: login.host.to_owned(),
        });
    }
    prompt(login, interrupt)
}

/// Asks for a password on the terminal, wherever else there may be one.
///
/// # Errors
/// The terminal does not work or was closed; nothing usable was typed; a signal arrived.
pub(crate) fn prompt(login: Login<'_>, interrupt: &Interrupt) -> Result<Secret, Error> {
    let user = ServerText::from(login.user);
    let host = ServerText::from(login.host);
    let typed = prompt::ask(format!("Password for {user} at {host}: "), interrupt)?;
    secret(typed, "the terminal")
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
    let printed = command::run(&mut process, place, COMMAND_DEADLINE, interrupt);
    let secret = printed.and_then(|printed| {
        let mut octets = without_newline(printed);
        Secret::new(mem::take(&mut *octets)).map_err(|problem| {
            let how = match problem {
                Unusable::Empty => "printed nothing",
                Unusable::Unsendable => "printed more than one line, or a NUL",
            };
            Problem::Failed(how.to_owned(), ServerText::default())
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

/// What systemd has put there it has made readable to this service alone (systemd.exec(5)).
fn from_credential(name: &str) -> Result<Secret, Error> {
    match env::var_os("CREDENTIALS_DIRECTORY") {
        Some(folder) => from_file(&Path::new(&folder).join(name)),
        None => Err(Error::Credential(name.to_owned())),
    }
}

fn from_file(path: &Path) -> Result<Secret, Error> {
    let private = CheckedFile::read(path).map_err(|source| unreadable(path, source))?;
    private.require("a password")?;
    let octets = Zeroizing::new(private.octets().to_vec());
    secret(without_newline(octets), &shown(path))
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

/// Asks for a password and puts it into the keyring.
///
/// # Errors
/// Nobody is there to be asked, or the keyring does not take it.
pub(crate) fn put_into_keyring(login: Login<'_>, interrupt: &Interrupt) -> Result<(), Error> {
    let secret = prompted(login, interrupt)?;
    let label = format!("mailpull: {} at {}", login.user, login.host);
    Ok(keyring_item(login).store(&label, &secret, interrupt)?)
}

/// As mpop(1) has it there, which finds the same.
fn keyring_item(login: Login<'_>) -> Item<'_> {
    Item::new([
        ("service", "pop3"),
        ("user", login.user),
        ("host", login.host),
    ])
}

fn from_netrc(path: &Path, login: Login<'_>) -> Result<Option<Secret>, Error> {
    let private = match CheckedFile::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|source| unreadable(path, source))?,
    };
    let found = netrc::find(private.octets(), login.host, login.user).map_err(|malformed| {
        Error::Netrc {
            path: shown(path),
            line: malformed.line,
            problem: malformed.problem,
        }
    })?;
    let Some(octets) = found else {
        return Ok(None);
    };
    private.require("a password")?;
    secret(octets, &shown(path)).map(Some)
}

fn from_variable(name: &str, value: Option<OsString>) -> Result<Secret, Error> {
    let value = value.ok_or_else(|| Error::Variable(name.to_owned()))?;
    secret(Zeroizing::new(value.into_vec()), &format!("${name}"))
}

/// Takes away the one line end that an editor or `echo` puts behind a password.
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

fn unreadable(path: &Path, source: io::Error) -> Error {
    Error::Read {
        path: shown(path),
        source,
    }
}

/// How long a command may take: there may be a human who types a passphrase into it.
const COMMAND_DEADLINE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::exit::Exit;

    const LOGIN: Login<'_> = Login {
        account: "work",
        user: "me",
        host: "pop.example.com",
    };

    fn obtain(source: &Source, hidden: &[String]) -> Result<Vec<u8>, Error> {
        let secret = source.obtain(
            LOGIN,
            hidden,
            &Interrupt::never().expect("a pair of sockets"),
        );
        secret.map(|secret| secret.expose().to_vec())
    }

    fn program(words: Vec<String>) -> Source {
        command(CommandLine::Program(words))
    }

    fn shell(line: &str) -> Source {
        command(CommandLine::Shell(line.into()))
    }

    fn command(line: CommandLine) -> Source {
        let key = "password-command";
        Source::Command(SecretCommand { key, line })
    }

    fn write(text: &[u8], mode: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file can be made");
        fs::write(file.path(), text).expect("it can be written");
        fs::set_permissions(file.path(), Permissions::from_mode(mode)).expect("they can be set");
        file
    }

    #[test]
    fn a_password_is_what_is_printed_or_stored_without_one_line_end() {
        for (text, password) in [
            (&b"hunter2"[..], Some(&b"hunter2"[..])),
            (b"hunter2\n", Some(b"hunter2")),
            (b"hunter2\r\n", Some(b"hunter2")),
            (b" hunter 2 \n", Some(b" hunter 2 ")),
            (b"\xff\n", Some(b"\xff")),
            (b"", None),
            (b"\n", None),
            (b"hunter2\n\n", None),
            (b"hunter2\r", None),
            (b"hunter2\nuser: me\n", None),
            (b"hunter\x002", None),
        ] {
            let file = write(text, 0o600);
            let stored = Source::File(file.path().to_owned());
            let printed = program(vec!["cat".into(), shown(file.path())]);
            for (source, exit) in [(stored, Exit::Configuration), (printed, Exit::LoginRefused)] {
                let answer = obtain(&source, &[]);
                assert_eq!(answer.as_deref().ok(), password);
                if let Err(error) = answer {
                    assert_eq!(error.exit(), exit);
                    assert!(!error.to_string().contains("hunter"), "{error}");
                }
            }
        }
    }

    #[test]
    fn a_string_is_a_line_for_the_shell() {
        let source = shell("echo hunter2 | tr a-z A-Z");
        assert_eq!(obtain(&source, &[]).expect("it is printed"), b"HUNTER2");
    }

    #[test]
    fn a_command_does_not_inherit_what_holds_a_password() {
        let source = shell("echo \"${CARGO_MANIFEST_DIR-gone}\"");
        let hidden = ["CARGO_MANIFEST_DIR".to_owned()];
        assert_eq!(obtain(&source, &hidden).expect("it is printed"), b"gone");
    }

    #[test]
    fn a_password_file_that_others_may_read_is_refused() {
        let file = write(b"hunter2\n", 0o644);
        let error = obtain(&Source::File(file.path().into()), &[]).expect_err("it is refused");
        assert!(error.to_string().contains("chmod 600"), "{error}");
        assert_eq!(error.exit(), Exit::Configuration);
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        for (value, password) in [
            (Some("hunter2"), Some(&b"hunter2"[..])),
            (Some(""), None),
            (None, None),
        ] {
            let answer = from_variable("MAIL_PASSWORD", value.map(OsString::from));
            match answer {
                Ok(secret) => assert_eq!(Some(secret.expose()), password),
                Err(error) => {
                    assert!(password.is_none());
                    assert!(error.to_string().contains("MAIL_PASSWORD"), "{error}");
                    assert_eq!(error.exit(), Exit::Configuration);
                }
            }
        }
    }

    #[test]
    fn a_netrc_must_be_private_only_if_it_holds_the_password() {
        let ours = b"machine pop.example.com login me password hunter2";
        let others = b"machine ftp.example.com login me password hunter2";
        for (text, mode, is_found) in [
            (&ours[..], 0o600, Some(true)),
            (&ours[..], 0o644, None),
            (&others[..], 0o644, Some(false)),
        ] {
            let file = write(text, mode);
            let found = from_netrc(file.path(), LOGIN);
            assert_eq!(found.ok().map(|found| found.is_some()), is_found);
        }
        let missing = from_netrc(Path::new("/does/not/exist"), LOGIN);
        assert!(missing.is_ok_and(|found| found.is_none()));
    }
}
