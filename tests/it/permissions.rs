//! Files that belong to other users, are open to other users, or have the wrong content.
//! The program runs as a user who is not root, also when root runs the tests.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::support::mail::ordinary;
use crate::support::model_server::{ModelServer, PASSWORD};
use crate::support::outcome::RunOutcome;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::tools;

/// A sandbox whose user is not root, and a server with three messages for that user.
struct PermissionsSetup {
    sandbox: Sandbox,
    server: ModelServer,
}

impl PermissionsSetup {
    fn new() -> Self {
        let server = ModelServer::start(ordinary(1, 3));
        let sandbox = Sandbox::unprivileged();
        sandbox.account("work", server.address(), "keep = false");
        Self { sandbox, server }
    }

    /// Makes a setup with a database: the three messages were delivered and are kept on the server.
    fn with_database() -> Self {
        let setup = Self::new();
        setup.fetch("--keep").succeeds();
        setup
    }

    fn fetch(&self, flag: &str) -> RunOutcome {
        self.sandbox.mailpull(["fetch", flag]).run()
    }

    fn database(&self) -> PathBuf {
        self.sandbox.state().join("seen.db")
    }

    /// Claims that a run ends with `status` before it connects, and prints one line that contains
    /// `parts`.
    #[track_caller]
    fn refuses(&self, status: i32, parts: &[&str]) {
        let sessions = self.server.log().sessions;
        let outcome = self.fetch("--delete");
        outcome
            .fails_with(status)
            .complains_in_lines(1)
            .never_says(PASSWORD);
        for part in parts {
            outcome.stderr_has(part);
        }
        assert_eq!(self.server.log().sessions, sessions, "{outcome}");
        assert_eq!(self.server.count(), 3);
    }
}

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .expect("the tests may change their files");
}

/// Gives a file to root, which only root can do.
fn give_to_root(path: &Path) {
    tools::require_root();
    chown(path, Some(0), Some(0)).expect("root may give files away");
}

#[test]
fn a_configuration_with_a_password_must_be_private() {
    let setup = PermissionsSetup::new();
    let file = setup.sandbox.config_file();
    for mode in [0o604, 0o640, 0o602, 0o620, 0o666] {
        allow(&file, mode);
        setup.refuses(78, &["config.toml holds a password", "chmod 600"]);
    }
    for mode in [0o600, 0o400] {
        allow(&file, mode);
        setup.fetch("--keep").succeeds();
    }
}

#[test]
fn an_unreadable_configuration_is_named() {
    let setup = PermissionsSetup::new();
    allow(&setup.sandbox.config_file(), 0o000);
    setup.refuses(78, &["config.toml", "Permission denied"]);
    fs::remove_file(setup.sandbox.config_file()).expect("there is a configuration");
    setup.refuses(78, &["config.toml"]);
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_readable_configuration_of_root_or_a_stranger_is_refused() {
    let setup = PermissionsSetup::new();
    let file = setup.sandbox.config_file();
    give_to_root(&file);
    allow(&file, 0o644);
    setup.refuses(78, &["config.toml holds a password"]);
    // A stranger who owns the file could change it at any time.
    chown(&file, Some(12_345), Some(12_345)).expect("root may give files away");
    setup.refuses(78, &["config.toml", "12345"]);
}

#[test]
fn a_state_folder_that_others_can_write_is_refused() {
    let setup = PermissionsSetup::with_database();
    for mode in [0o720, 0o702, 0o777] {
        allow(&setup.sandbox.state(), mode);
        let why = format!("state/mailpull can be written by others (mode {mode:04o})");
        setup.refuses(78, &[&why, "chmod ", "--state-dir"]);
    }
    allow(&setup.sandbox.state(), 0o750);
    setup.fetch("--keep").succeeds();
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_state_folder_of_another_user_is_refused() {
    let setup = PermissionsSetup::with_database();
    give_to_root(&setup.sandbox.state());
    allow(&setup.sandbox.state(), 0o755);
    setup.refuses(
        78,
        &[
            "state/mailpull belongs to user 0, and mailpull runs as user 61111",
            "--state-dir",
        ],
    );
}

#[test]
fn a_state_folder_that_cannot_be_created_is_named() {
    let setup = PermissionsSetup::new();
    let parent = setup.sandbox.path("state");
    allow(&parent, 0o500);
    setup.refuses(
        73,
        &[
            "mailpull: cannot create ",
            "Permission denied (os error 13). Let its owner write there (chmod u+w), or name another folder",
        ],
    );
    allow(&parent, 0o700);
    setup.sandbox.write(parent.join("mailpull"), "a file");
    setup.refuses(73, &["mailpull: cannot create "]);
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_database_of_another_user_is_refused() {
    let setup = PermissionsSetup::with_database();
    give_to_root(&setup.database());
    let before = fs::read(setup.database()).expect("there is a database");
    setup.refuses(
        78,
        &["seen.db belongs to user 0, and mailpull runs as user 61111. Give it to that user: chown"],
    );
    let after = fs::read(setup.database()).expect("there is a database");
    assert_eq!(after, before);
}

#[test]
fn nothing_is_deleted_with_a_read_only_database() {
    let setup = PermissionsSetup::with_database();
    allow(&setup.database(), 0o400);
    setup.refuses(
        78,
        &[
            "cannot open ",
            "seen.db: Permission denied (os error 13). Run mailpull as the owner",
        ],
    );
    allow(&setup.database(), 0o600);
    allow(&setup.sandbox.state(), 0o500);
    setup.refuses(73, &["cannot create ", "seen.db-wal: Permission denied"]);
    allow(&setup.sandbox.state(), 0o700);
    setup.fetch("--delete").succeeds();
    assert_eq!(setup.server.count(), 0);
}

#[test]
fn a_state_folder_may_be_a_symbolic_link() {
    let setup = PermissionsSetup::with_database();
    let elsewhere = setup.sandbox.path("elsewhere");
    fs::rename(setup.sandbox.state(), &elsewhere).expect("the sandbox can be written");
    symlink(&elsewhere, setup.sandbox.state()).expect("the sandbox can be written");
    setup.fetch("--keep").succeeds();
    assert_eq!(setup.sandbox.maildir("work").count("new"), 3);
}

#[test]
fn a_database_that_is_a_symbolic_link_is_refused() {
    let setup = PermissionsSetup::with_database();
    let elsewhere = setup.sandbox.path("elsewhere");
    fs::rename(setup.database(), &elsewhere).expect("the sandbox can be written");
    symlink(&elsewhere, setup.database()).expect("the sandbox can be written");
    let before = fs::read(&elsewhere).expect("the file exists");
    setup.refuses(78, &["seen.db is not a regular file"]);
    assert_eq!(fs::read(&elsewhere).expect("the file exists"), before);
}

/// Damages or replaces a database and claims that a run refuses it and does not change it.
#[track_caller]
fn is_left_unchanged(status: i32, error: &str, damage: impl FnOnce(&Path)) {
    let setup = PermissionsSetup::with_database();
    let database = setup.database();
    damage(&database);
    let before = fs::read(&database).expect("there is a database");
    for _ in 0..2 {
        setup.refuses(status, &["seen.db", error]);
    }
    let after = fs::read(&database).expect("there is a database");
    assert!(before == after, "the database was changed");
    assert_eq!(setup.sandbox.maildir("work").count("new"), 3);
}

fn overwrite(path: &Path, octets: &[u8]) {
    // A new file would belong to the user who runs the tests.
    fs::write(path, octets).expect("the sandbox can be written");
}

#[test]
fn a_file_that_is_not_a_database_is_left_unchanged() {
    for octets in [
        &b"x"[..],
        b"Dear diary, today I fetched mail.\n",
        &[b'y'; 100_000],
        &[0; 4096],
    ] {
        is_left_unchanged(78, "is not a database of mailpull", |path| {
            overwrite(path, octets)
        });
    }
}

#[test]
fn a_database_of_another_program_is_left_unchanged() {
    is_left_unchanged(78, "is not a database of mailpull", |path| {
        overwrite(path, b"");
        let other = Connection::open(path).expect("the database can be opened");
        let sql = "CREATE TABLE account (id); INSERT INTO account VALUES (1)";
        other
            .execute_batch(sql)
            .expect("the database can be written");
    });
}

#[test]
fn a_database_of_a_newer_version_is_left_unchanged() {
    is_left_unchanged(78, "was written by a newer mailpull", |path| {
        let newer = Connection::open(path).expect("the database can be opened");
        let sql = "PRAGMA user_version = 1000";
        newer
            .execute_batch(sql)
            .expect("the database can be written");
    });
}

#[test]
fn a_damaged_database_is_left_unchanged() {
    // First only half of the file is left; then every page after the first is overwritten.
    is_left_unchanged(78, "is damaged", |path| {
        let octets = fs::read(path).expect("there is a database");
        overwrite(path, &octets[..octets.len() / 2]);
    });
    is_left_unchanged(78, "is damaged", |path| {
        let mut octets = fs::read(path).expect("there is a database");
        octets[4096..].fill(0xa5);
        overwrite(path, &octets);
    });
}

#[test]
fn a_damaged_page_stops_the_account_before_deletion() {
    // Only the page of the messages is damaged; that of the accounts is sound.
    let setup = PermissionsSetup::with_database();
    let page: u32 = {
        let database = Connection::open(setup.database()).expect("the database can be opened");
        let sql = "SELECT rootpage FROM sqlite_schema WHERE name = 'seen'";
        database
            .query_row(sql, [], |row| row.get(0))
            .expect("there is a table of messages")
    };
    let mut octets = fs::read(setup.database()).expect("there is a database");
    let page = page as usize - 1;
    octets[page * 4096..][..4096].fill(0xa5);
    overwrite(&setup.database(), &octets);
    for _ in 0..2 {
        setup.refuses(78, &["seen.db is damaged"]);
    }
    let after = fs::read(setup.database()).expect("there is a database");
    assert!(after == octets, "a damaged database was changed");
}

#[test]
fn a_database_locked_by_another_program_is_a_temporary_failure() {
    let setup = PermissionsSetup::with_database();
    let holder = Connection::open(setup.database()).expect("the database can be opened");
    holder
        .execute_batch("BEGIN EXCLUSIVE")
        .expect("no run holds the database");
    let outcome = setup.fetch("--delete");
    drop(holder);
    outcome
        .fails_with(75)
        .complains_in_lines(1)
        .stderr_has("seen.db is in use by another program");
    setup.fetch("--delete").succeeds();
    assert_eq!(setup.server.count(), 0);
}

#[test]
fn two_runs_never_fetch_one_account_at_once() {
    let setup = PermissionsSetup::new();
    let lock = setup.sandbox.state().join("locks/1.lock");
    setup.sandbox.mailpull(["check"]).run().succeeds();
    setup.sandbox.write(&lock, "");
    let mut command = setup.sandbox.command("flock");
    command.arg(&lock).arg(setup.sandbox.program()).arg("fetch");
    Program::new(command)
        .run()
        .fails_with(75)
        .complains_in_lines(1)
        .stderr_has("another mailpull is fetching this account");
    assert_eq!(setup.sandbox.maildir("work").count("new"), 0);
    setup.fetch("--keep").succeeds();
}
