//! Tests of the sources of passwords.

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
    fs::write(file.path(), text).expect("the file can be written");
    fs::set_permissions(file.path(), Permissions::from_mode(mode))
        .expect("the owner can set permissions");
    file
}

#[test]
fn one_line_end_after_a_password_is_removed() {
    for (text, password) in [
        (&b"hunter2"[..], Some(&b"hunter2"[..])),
        (b"hunter2\n", Some(b"hunter2")),
        (b"hunter2\r\n", Some(b"hunter2")),
        (b" hunter 2 \n", Some(b" hunter 2 ")),
        (b"\xff\n", Some(b"\xff")),
        (b"", None),
        (b"\n", None),
        (b"hunter2\r", None),
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
fn the_first_line_that_a_command_prints_is_the_password() {
    let notes = "x".repeat(100_000);
    for (text, password) in [
        ("hunter2\n\n", Some("hunter2")),
        ("hunter2\r\nuser: me\r\n", Some("hunter2")),
        (&format!("hunter2\nnotes: {notes}\n"), Some("hunter2")),
        ("\nhunter2\n", None),
        ("hunter\r2\n", None),
        (&notes, None),
    ] {
        let file = write(text.as_bytes(), 0o600);
        let answer = obtain(&program(vec!["cat".into(), shown(file.path())]), &[]);
        assert_eq!(answer.ok().as_deref(), password.map(str::as_bytes));
    }
}

#[test]
fn a_password_file_has_one_line() {
    let file = write(b"hunter2\nuser: me\n", 0o600);
    let answer = obtain(&Source::File(file.path().to_owned()), &[]);
    assert!(answer.is_err(), "it is unclear which line is meant");
}

#[test]
fn a_command_may_say_that_its_failure_is_temporary() {
    for (status, exit) in [(75, Exit::Temporary), (1, Exit::LoginRefused)] {
        let error = obtain(&shell(&format!("exit {status}")), &[]).expect_err("it fails");
        assert_eq!(error.exit(), exit);
    }
}

#[test]
fn a_string_is_run_by_the_shell() {
    let source = shell("echo hunter2 | tr a-z A-Z");
    assert_eq!(
        obtain(&source, &[]).expect("the command succeeds"),
        b"HUNTER2"
    );
}

#[test]
fn a_command_does_not_inherit_a_password() {
    let source = shell("echo \"${CARGO_MANIFEST_DIR-gone}\"");
    let hidden = ["CARGO_MANIFEST_DIR".to_owned()];
    assert_eq!(
        obtain(&source, &hidden).expect("the command succeeds"),
        b"gone"
    );
}

#[test]
fn a_password_file_that_others_may_read_is_refused() {
    let file = write(b"hunter2\n", 0o644);
    let error = obtain(&Source::File(file.path().into()), &[]).expect_err("the file is refused");
    assert!(error.to_string().contains("is open to others"), "{error}");
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
fn only_a_netrc_with_the_password_must_be_private() {
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
