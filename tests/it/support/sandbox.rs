//! A home of its own for one test: configuration, state, Maildirs, and the program run in it.
//! Touches nothing outside its temporary directory.

use std::env;
use std::ffi::OsStr;
use std::fmt::{Display, Write as _};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::maildir::Maildir;
use super::model_server::{PASSWORD, USER};
use super::process::Program;

/// A temporary directory that the program takes for the whole world. Gone when dropped.
pub(crate) struct Sandbox {
    root: TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new()
            .prefix("mailpull-test-")
            .tempdir()
            .expect("a temporary directory can be made");
        let sandbox = Self { root };
        for folder in ["home/Mail", "config/mailpull", "state", "tmp"] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(sandbox.path(folder))
                .expect("a folder can be made in the sandbox");
        }
        sandbox
    }

    /// Names a place in the sandbox.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.path().join(relative)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// Names where the program keeps its database, spool and locks.
    pub(crate) fn state(&self) -> PathBuf {
        self.path("state/mailpull")
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.path("config/mailpull/config.toml")
    }

    /// Writes a file that only its owner may read, replacing what was there.
    pub(crate) fn write(&self, relative: impl AsRef<Path>, octets: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().expect("a file has a folder"))
            .expect("a folder can be made in the sandbox");
        OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(octets.as_ref()))
            .unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
        path
    }

    /// Writes an executable shell script: an MDA, a password command.
    pub(crate) fn script(&self, relative: impl AsRef<Path>, body: &str) -> PathBuf {
        let path = self.write(relative, format!("#!/bin/sh\n{body}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))
            .expect("a file in the sandbox can be made executable");
        path
    }

    /// Writes the whole configuration file, 0600.
    pub(crate) fn config(&self, toml: &str) -> &Self {
        self.write(self.config_file(), toml);
        self
    }

    /// Adds an account to the configuration file: cleartext to `server`, [`USER`], [`PASSWORD`],
    /// and the Maildir of [`Sandbox::maildir`] with the account's name. A key in `extra` wins; a
    /// key for another delivery or another source of the password replaces ours.
    pub(crate) fn account(&self, name: &str, server: impl Display, extra: &str) -> &Self {
        let maildir = self.maildir(name);
        let ours = [
            ("server", server.to_string()),
            ("security", "none".to_owned()),
            ("user", USER.to_owned()),
            ("password", PASSWORD.to_owned()),
            ("maildir", maildir.path().display().to_string()),
        ];
        let mut toml = fs::read_to_string(self.config_file()).unwrap_or_default();
        writeln!(toml, "[accounts.{name}]").expect("a string takes every write");
        for (key, value) in ours.iter().filter(|(key, _)| !is_replaced(key, extra)) {
            writeln!(toml, "{key} = {value:?}").expect("a string takes every write");
        }
        writeln!(toml, "{extra}").expect("a string takes every write");
        self.config(&toml)
    }

    /// Names the Maildir that [`Sandbox::account`] configures. It is not made.
    pub(crate) fn maildir(&self, account: &str) -> Maildir {
        Maildir::at(self.home().join("Mail").join(account))
    }

    /// Prepares a run of the program in this world.
    pub(crate) fn mailpull(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Program {
        let mut command = self.command(env!("CARGO_BIN_EXE_mailpull"));
        command.args(args);
        Program::new(command)
    }

    /// Prepares a run of another program in this world (an MDA, `sh`, `strace`).
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.root.path())
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home())
            .env("LC_ALL", "C.UTF-8")
            .env("TMPDIR", self.path("tmp"))
            .env("TZ", "UTC")
            .env("USER", USER)
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env("XDG_STATE_HOME", self.path("state"));
        command
    }
}

/// Whether `extra` has a key that stands in the place of ours.
fn is_replaced(ours: &str, extra: &str) -> bool {
    extra
        .lines()
        .filter_map(|line| line.split('=').next())
        .map(str::trim)
        .any(|key| match ours {
            "maildir" => ["lmtp", "maildir", "mbox", "mda", "smtp"].contains(&key),
            "password" => key.starts_with("password"),
            _ => key == ours,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandboxed_program_sees_the_sandbox_and_nothing_else() {
        let sandbox = Sandbox::new();
        let outcome = Program::new(sandbox.command("env")).run();
        let seen = outcome.succeeds().stdout_text();
        let root = sandbox.path("").display().to_string();
        for line in seen.lines() {
            let (name, value) = line.split_once('=').expect("env prints NAME=VALUE");
            assert!(
                ["LC_ALL", "PATH", "PWD", "SHLVL", "TZ", "USER", "_"].contains(&name)
                    || value.starts_with(root.trim_end_matches('/')),
                "{line} comes from outside"
            );
        }
    }

    #[test]
    fn the_configuration_can_be_read_by_its_owner_only() {
        let sandbox = Sandbox::new();
        sandbox.config("");
        let mode = fs::metadata(sandbox.config_file()).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }

    #[test]
    fn an_accounts_own_keys_replace_the_sandboxs() {
        let sandbox = Sandbox::new();
        sandbox.account("work", "127.0.0.1:110", "mda = 'cat'\npassword-env = 'P'");
        let written = fs::read_to_string(sandbox.config_file()).unwrap();
        assert_eq!(
            written,
            "[accounts.work]\nserver = \"127.0.0.1:110\"\nsecurity = \"none\"\nuser = \"joe\"\n\
             mda = 'cat'\npassword-env = 'P'\n"
        );
    }
}
