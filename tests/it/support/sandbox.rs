//! A home directory for one test: configuration, state and Maildirs, and the program that runs in
//! it. Nothing outside its temporary directory is touched.

use std::env;
use std::ffi::OsStr;
use std::fmt::{Display, Write as _};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tempfile::TempDir;

use super::DEADLINE;
use super::maildir::MaildirView;
use super::model_server::{PASSWORD, USER};
use super::outcome::RunOutcome;
use super::process::Program;
use super::tools::is_root;

/// A temporary directory in which the program runs with its own home, configuration and state. It
/// is removed when dropped.
pub(crate) struct Sandbox {
    /// The user who owns the sandbox and runs programs in it, if it is another than the test's.
    owner: Option<u32>,
    root: TempDir,
}

/// A user id that no user of the system has.
pub(crate) const OWNER: u32 = 61_111;

impl Sandbox {
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new()
            .prefix("mailpull-test-")
            .tempdir()
            .expect("a temporary directory can be made");
        let sandbox = Self { owner: None, root };
        for folder in ["home/Mail", "config/mailpull", "state", "tmp"] {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(sandbox.path(folder))
                .expect("a folder can be made in the sandbox");
        }
        sandbox
    }

    /// Makes a sandbox with the account `work` at `server`; see [`Sandbox::account`].
    pub(crate) fn with_work(server: impl Display, extra: &str) -> Self {
        let sandbox = Self::new();
        sandbox.account(WORK, server, extra);
        sandbox
    }

    /// Returns the Maildir of the account `work`.
    pub(crate) fn work(&self) -> MaildirView {
        self.maildir(WORK)
    }

    /// Runs `mailpull fetch` and waits for its end.
    #[track_caller]
    pub(crate) fn fetch(&self) -> RunOutcome {
        self.mailpull(["fetch"]).run()
    }

    /// Records the account `work` in the database, without any messages.
    #[track_caller]
    pub(crate) fn make_known(&self) {
        self.mailpull(["seen", "rematch", WORK]).run().succeeds();
    }

    /// Makes all deliveries, failures and logins older, as if time had passed.
    ///
    /// This changes the database by SQL, although the tests otherwise use only the program's
    /// interface. The other way is a clock that is set ahead ([`Sandbox::mailpull_at`]). It needs
    /// faketime, and the tests of retries and delays should also run where that is not installed.
    pub(crate) fn let_pass(&self, time: Duration) {
        let database = Connection::open(self.state().join("seen.db"));
        let aged = database.and_then(|database| {
            let seconds = time.as_secs();
            database.execute_batch(&format!(
                "UPDATE seen SET delivered = delivered - {seconds}, next_try = next_try - {seconds},
                     vanished = vanished - {seconds}, gone = gone - {seconds};
                 UPDATE failure SET next_try = next_try - {seconds};
                 UPDATE handover SET next_try = next_try - {seconds};
                 UPDATE account_notice SET said = said - {seconds};
                 UPDATE account SET logged_in = logged_in - {seconds}, visited = visited - {seconds}"
            ))
        });
        aged.expect("the database can be written");
    }

    /// Makes a sandbox that belongs to a user who is not root. The program runs as this user.
    pub(crate) fn unprivileged() -> Self {
        Self::unprivileged_as(OWNER)
    }

    /// Makes a sandbox as [`Self::unprivileged`] does, that belongs to this user.
    pub(crate) fn unprivileged_as(owner: u32) -> Self {
        let sandbox = Self::owned_by(owner);
        if sandbox.owner.is_some() {
            let program = sandbox.program();
            let folder = program.parent().expect("the program is in a folder");
            fs::create_dir_all(folder).expect("the folder can be made");
            // By a process of its own: a program that a child of another test inherited open for
            // writing cannot be run (ETXTBSY).
            let copied = Command::new("cp").arg(BINARY).arg(&program).status();
            assert!(copied.is_ok_and(|status| status.success()));
            sandbox.give(folder);
        }
        sandbox
    }

    /// Makes a sandbox that belongs to this user if the tests run as root. The program is not
    /// copied into it.
    pub(crate) fn owned_by(owner: u32) -> Self {
        let mut sandbox = Self::new();
        sandbox.owner = is_root().then_some(owner);
        // Every folder has to be the user's, because the user cannot read root's folders.
        for folder in [
            "",
            "config",
            "config/mailpull",
            "home",
            "home/Mail",
            "state",
            "tmp",
        ] {
            sandbox.give(&sandbox.path(folder));
        }
        sandbox
    }

    /// Gives a file to the owner of the sandbox.
    pub(crate) fn give(&self, path: &Path) {
        if self.owner.is_some() {
            lchown(path, self.owner, self.owner).expect("root may give files away");
        }
    }

    /// Returns the path of the program that the owner of the sandbox can run.
    pub(crate) fn program(&self) -> PathBuf {
        match self.owner {
            Some(_) => self.path("bin/mailpull"),
            None => BINARY.into(),
        }
    }

    /// Returns a path in the sandbox.
    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.path().join(relative)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// Returns the state directory, with the database, the spool and the locks.
    pub(crate) fn state(&self) -> PathBuf {
        self.path("state/mailpull")
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.path("config/mailpull/config.toml")
    }

    /// Writes a file that only its owner may read. An existing file is replaced.
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
        self.give(&path);
        path
    }

    /// Writes an executable shell script, such as an MDA or a password command.
    pub(crate) fn script(&self, relative: impl AsRef<Path>, body: &str) -> PathBuf {
        let path = self.write(relative, format!("#!/bin/sh\n{body}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700))
            .expect("a file in the sandbox can be made executable");
        path
    }

    /// Writes the whole configuration file, with mode 0600.
    pub(crate) fn config(&self, toml: &str) -> &Self {
        self.write(self.config_file(), toml);
        self
    }

    /// Adds an account to the configuration file: cleartext to `server`, [`USER`], [`PASSWORD`],
    /// and the Maildir of [`Sandbox::maildir`]. A key in `extra` replaces the default. So does a key
    /// for another kind of delivery or another source of the password.
    pub(crate) fn account(&self, name: &str, server: impl Display, extra: &str) -> &Self {
        let before = self.read_config();
        let keys = self.keys(name, server, extra);
        self.config(&format!("{before}[accounts.{name}]\n{keys}"))
    }

    /// Returns the text of the configuration file.
    pub(crate) fn read_config(&self) -> String {
        fs::read_to_string(self.config_file()).unwrap_or_default()
    }

    /// Adds a section to the configuration file.
    pub(crate) fn section(&self, toml: &str) -> &Self {
        let before = self.read_config();
        self.config(&format!("{before}{toml}"))
    }

    /// Writes such an account into its own file in the folder `accounts.d`.
    pub(crate) fn account_file(&self, name: &str, server: impl Display, extra: &str) -> PathBuf {
        let keys = self.keys(name, server, extra);
        self.write(self.accounts_dir().join(format!("{name}.toml")), keys)
    }

    pub(crate) fn accounts_dir(&self) -> PathBuf {
        self.path("config/mailpull/accounts.d")
    }

    fn keys(&self, name: &str, server: impl Display, extra: &str) -> String {
        let maildir = self.maildir(name);
        let ours = [
            ("server", server.to_string()),
            ("security", "none".to_owned()),
            ("user", USER.to_owned()),
            ("password", PASSWORD.to_owned()),
            ("maildir", maildir.path().display().to_string()),
        ];
        let mut toml = String::new();
        for (key, value) in ours.iter().filter(|(key, _)| !is_replaced(key, extra)) {
            writeln!(toml, "{key} = {value:?}").expect("a string takes every write");
        }
        if !is_replaced("report-after", extra) {
            // A test has to see an error in the first run, not in the third.
            writeln!(toml, "report-after = 1").expect("a string takes every write");
        }
        writeln!(toml, "{extra}").expect("a string takes every write");
        toml
    }

    /// Returns the Maildir that [`Sandbox::account`] configures. The folder is not made.
    pub(crate) fn maildir(&self, account: &str) -> MaildirView {
        MaildirView::at(self.home().join("Mail").join(account))
    }

    /// Waits until no process runs in the sandbox. A killed program can leave children behind.
    pub(crate) fn wait_for_all_processes(&self) {
        let processes = fs::read_dir("/proc").expect("Linux has a /proc");
        let numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        for pid in numbers.filter_map(Pid::from_raw) {
            let folder = format!("/proc/{}/cwd", pid.as_raw_nonzero());
            let is_here = fs::read_link(folder).is_ok_and(|cwd| cwd.starts_with(self.root.path()));
            if !is_here {
                continue;
            }
            // The process may have ended in the meantime.
            if let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) {
                let mut ended = [PollFd::new(&process, PollFlags::IN)];
                let limit = Timespec::try_from(DEADLINE).expect("the deadline is short");
                let ended = poll(&mut ended, Some(&limit));
                assert_eq!(ended, Ok(1), "a process in the sandbox does not end");
            }
        }
    }

    /// Prepares a run of the program in the sandbox.
    pub(crate) fn mailpull(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Program {
        let mut command = self.command(self.program());
        command.args(args);
        Program::new(command)
    }

    /// Prepares a run of the program with a clock that differs by `offset` (`+13d`, `-1d`).
    pub(crate) fn mailpull_at(
        &self,
        offset: &str,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Program {
        let mut command = self.command("faketime");
        command.args(["-f", offset]).arg(self.program()).args(args);
        // Newer versions would also move the times of files, by which a copied database is told.
        command.env("NO_FAKE_STAT", "1");
        Program::new(command)
    }

    /// Prepares a run of the program with the clock of [`Sandbox::set_clock`], which the test can
    /// set during the run.
    pub(crate) fn mailpull_by_clock(
        &self,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Program {
        // faketime would start the program as its child, and signals would go to faketime. This
        // preloads the same library without it.
        let mut preload = self.command("faketime");
        preload.args(["-f", "+0", "printenv", "LD_PRELOAD"]);
        let preload = Program::new(preload).run().succeeds().stdout_text();
        let mut command = self.command(self.program());
        command.args(args);
        command.env("LD_PRELOAD", preload.trim_end());
        command.env("FAKETIME_TIMESTAMP_FILE", self.path(CLOCK));
        command.env("FAKETIME_NO_CACHE", "1");
        Program::new(command)
    }

    /// Sets the clock ahead of the real one by `offset` (`+7h`).
    pub(crate) fn set_clock(&self, offset: &str) {
        // The program can read the file at any time, so it is replaced in one step.
        let next = self.write(format!("{CLOCK}.next"), offset);
        fs::rename(next, self.path(CLOCK)).expect("the sandbox can be written");
    }

    /// Prepares a run of the program with at most this many megabytes of writable memory. It dies
    /// if it needs more.
    pub(crate) fn mailpull_within(
        &self,
        megabytes: u32,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Program {
        let mut command = self.command("sh");
        command.args(["-c", "ulimit -d $0 && exec \"$@\""]);
        command.arg((megabytes * 1000).to_string());
        command.arg(env!("CARGO_BIN_EXE_mailpull")).args(args);
        Program::new(command)
    }

    /// Prepares a run of another program (an MDA, `sh`, `strace`) in the sandbox.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = match self.owner {
            None => Command::new(program),
            Some(owner) => {
                let mut command = Command::new("setpriv");
                command
                    .arg(format!("--reuid={owner}"))
                    .arg(format!("--regid={owner}"))
                    .args(["--clear-groups", "--"])
                    .arg(program.as_ref());
                command
            }
        };
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

const WORK: &str = "work";
const CLOCK: &str = "clock";
const BINARY: &str = env!("CARGO_BIN_EXE_mailpull");

/// True if `extra` has a key that replaces this default.
fn is_replaced(ours: &str, extra: &str) -> bool {
    extra
        .lines()
        .filter_map(|line| line.split('=').next())
        .map(str::trim)
        .any(|key| match ours {
            "maildir" => ["deliver", "lmtp", "maildir", "mbox", "mda", "smtp"].contains(&key),
            "password" => {
                key.starts_with("password")
                    || ["oauth2-client-id", "oauth2-token-command"].contains(&key)
            }
            _ => key == ours,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandboxed_program_sees_only_the_sandbox() {
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
    fn an_unprivileged_sandbox_does_not_run_as_root() {
        let sandbox = Sandbox::unprivileged();
        let mut id = sandbox.command("id");
        id.arg("-u");
        assert_ne!(Program::new(id).run().succeeds().stdout_text(), "0\n");
        let version = sandbox.mailpull(["--version"]).run();
        version.succeeds().stdout_has("mailpull");
    }

    #[test]
    fn the_configuration_can_be_read_by_its_owner_only() {
        let sandbox = Sandbox::new();
        sandbox.config("");
        let mode = fs::metadata(sandbox.config_file()).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }

    #[test]
    fn an_accounts_keys_replace_the_sandboxs_defaults() {
        let sandbox = Sandbox::new();
        sandbox.account("work", "127.0.0.1:110", "mda = 'cat'\npassword-env = 'P'");
        let written = fs::read_to_string(sandbox.config_file()).unwrap();
        assert_eq!(
            written,
            "[accounts.work]\nserver = \"127.0.0.1:110\"\nsecurity = \"none\"\nuser = \"joe\"\n\
             report-after = 1\nmda = 'cat'\npassword-env = 'P'\n"
        );
    }
}
