//! State folders that can only be read, and names in them that SQLite cannot use.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rustix::fs::{CWD, Mode, mkfifoat};

use crate::support::mail::notes;
use crate::support::model_server::ModelServer;
use crate::support::mount::Mount;
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;
use crate::support::tools::require_root;

const WRITABLE: &str = "the sandbox is writable";
/// A user id that no user of the system has, and that is not the sandbox's.
const JANE: u32 = 61_222;

/// The commands that only read the state, and the lines that each prints about one message.
const READERS: [(&[&str], usize); 5] = [
    (&["log"], 1),
    (&["seen", "list", "work"], 1),
    (&["seen", "check"], 0),
    (&["seen", "export"], 3),
    (&["account", "list"], 1),
];

/// A sandbox whose user is not root. The account `work` has fetched a message.
fn with_message() -> Sandbox {
    let server = ModelServer::start(notes(["x"]));
    let sandbox = Sandbox::unprivileged();
    sandbox.account("work", server.address(), "");
    sandbox.fetch().succeeds();
    sandbox
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("the test owns the file");
}

fn give(path: &Path, owner: u32) {
    require_root();
    lchown(path, Some(owner), Some(owner)).expect("root may give files away");
}

/// Returns the names, contents and times of the files in a folder.
fn files_in(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("the folder exists");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("the folder can be read").path())
        .map(|path| (path.clone(), fs::read(path).unwrap_or_default()))
        .collect();
    files.sort();
    files
}

/// Claims that each command that only reads shows the message, and changes nothing in the folder.
#[track_caller]
fn is_shown(state: &Path, run: impl Fn(&[&str]) -> RunOutcome) {
    let before = files_in(state);
    for (command, lines) in READERS {
        let outcome = run(command);
        outcome.succeeds();
        assert_eq!(outcome.stdout_text().lines().count(), lines, "{outcome}");
    }
    assert!(files_in(state) == before, "the state folder was changed");
}

#[test]
fn a_state_that_can_only_be_read_is_shown() {
    let sandbox = with_message();
    let state = sandbox.state();
    for (folder, database) in [(0o500, 0o400), (0o700, 0o400), (0o500, 0o600)] {
        set_mode(&state.join("seen.db"), database);
        set_mode(&state, folder);
        is_shown(&state, |command| sandbox.mailpull(command).run());
        set_mode(&state, 0o700);
    }
    set_mode(&state.join("seen.db"), 0o400);
    sandbox
        .fetch()
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has("seen.db");
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn the_state_of_another_user_is_shown_and_not_used() {
    let sandbox = with_message();
    let state = sandbox.state();
    let parent = sandbox.path("state");
    for owner in [0, JANE] {
        for path in ["", "seen.db", "spool", "locks"] {
            give(&state.join(path), owner);
            set_mode(&state.join(path), 0o755);
        }
        give(&parent, owner);
        set_mode(&parent, 0o755);
        is_shown(&state, |command| sandbox.mailpull(command).run());
        let why = format!("belongs to user {owner}");
        sandbox
            .fetch()
            .fails_with(78)
            .complains_in_lines(1)
            .stderr_has(&why);
    }
    // Root could write there, and files of root would stop the owner's next run.
    let of_root = Sandbox::new();
    let text = fs::read_to_string(sandbox.config_file());
    of_root.config(&text.expect("there is a configuration"));
    is_shown(&state, |command| {
        let chosen = ["--state-dir", state.to_str().expect("the path is ASCII")];
        of_root.mailpull(chosen.iter().chain(command)).run()
    });
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_state_on_a_read_only_volume_is_shown() {
    let sandbox = with_message();
    let state = sandbox.state();
    let copy = sandbox.path("volume");
    fs::create_dir(&copy).expect(WRITABLE);
    let arguments = ["-o".as_ref(), "bind,ro".as_ref(), state.as_os_str()];
    let Some(_mount) = Mount::at("a read-only bind mount", &copy, &arguments) else {
        return;
    };
    let with_state = |command: &[&str]| {
        let chosen = ["--state-dir", "volume"];
        sandbox.mailpull(chosen.iter().chain(command)).run()
    };
    is_shown(&copy, with_state);
    with_state(&["fetch"])
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has("seen.db: Read-only file system (os error 30). Mount its file system");
}

/// A copy of the state in which a killed run has left changes beside the database.
fn with_changes(sandbox: &Sandbox, journal: &str) -> PathBuf {
    let state = sandbox.state();
    let copy = sandbox.path("copy");
    fs::create_dir(&copy).expect(WRITABLE);
    let database = Connection::open(state.join("seen.db")).expect("there is a database");
    let write = format!(
        "PRAGMA journal_mode = {journal}; PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN;
         UPDATE account SET name = 'later'; UPDATE seen SET size = 17;"
    );
    database.execute_batch(&write).expect("nobody else writes");
    if journal == "WAL" {
        database
            .execute_batch("COMMIT")
            .expect("nobody else writes");
    }
    for name in ["seen.db", "seen.db-journal", "seen.db-shm", "seen.db-wal"] {
        if fs::copy(state.join(name), copy.join(name)).is_ok() {
            sandbox.give(&copy.join(name));
        }
    }
    sandbox.give(&copy);
    set_mode(&copy, 0o500);
    copy
}

#[test]
fn changes_of_a_killed_run_are_shown_or_named() {
    let sandbox = with_message();
    let copy = with_changes(&sandbox, "WAL");
    let list = || {
        sandbox
            .mailpull(["--state-dir", "copy", "log", "later"])
            .run()
    };
    list().succeeds().stdout_has(" later ");
    set_mode(&copy, 0o700);
    fs::remove_file(copy.join("seen.db-shm")).expect(WRITABLE);
    set_mode(&copy, 0o500);
    list()
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has("seen.db can only be read, and a killed run has left changes beside it")
        .stderr_has("Copy the folder to a place where you can write");
}

#[test]
fn a_half_written_database_is_not_shown() {
    let sandbox = with_message();
    let copy = with_changes(&sandbox, "DELETE");
    assert!(copy.join("seen.db-journal").exists());
    sandbox
        .mailpull(["--state-dir", "copy", "log"])
        .run()
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has("seen.db can only be read, and a killed run has left changes beside it");
}

#[test]
fn an_older_database_that_can_only_be_read_is_named() {
    let sandbox = with_message();
    let state = sandbox.state();
    let database = Connection::open(state.join("seen.db")).expect("there is a database");
    let older = database.execute_batch("PRAGMA user_version = 3");
    older.expect("nobody else writes");
    drop(database);
    set_mode(&state, 0o500);
    sandbox
        .mailpull(["log"])
        .run()
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has("was written by an older mailpull, and can only be read. Copy the folder");
}

#[test]
fn listing_accounts_creates_no_state() {
    let sandbox = Sandbox::with_work("127.0.0.1:1", "");
    sandbox
        .mailpull(["account", "list"])
        .run()
        .succeeds()
        .stdout_has("work: ");
    assert!(!sandbox.state().exists());
}

#[test]
fn a_state_folder_that_cannot_be_one_is_explained() {
    let sandbox = Sandbox::with_work("127.0.0.1:1", "");
    sandbox.write("file", "");
    let long = ["a".repeat(200).as_str(); 3].join("/");
    let name_too_long = "a".repeat(300);
    for (folder, status, what) in [
        (
            "file",
            73,
            "file: Not a directory (os error 20). A folder is needed there",
        ),
        (
            "file/below",
            73,
            "file: Not a directory (os error 20). A folder is needed there",
        ),
        (
            "/proc",
            73,
            "/proc/spool: No such file or directory (os error 2). Name another folder",
        ),
        (
            &name_too_long,
            73,
            "File name too long (os error 36). Name another folder",
        ),
        (
            &long,
            73,
            "octets, and SQLite can use 504. Name a shorter one with --state-dir",
        ),
    ] {
        for command in [&["fetch"][..], &["log"]] {
            sandbox
                .mailpull(["--state-dir", folder].iter().chain(command))
                .run()
                .fails_with(status)
                .complains_in_lines(1)
                .stderr_has(what);
        }
    }
}

#[test]
fn the_name_of_a_state_folder_is_never_a_uri() {
    let sandbox = Sandbox::with_work("127.0.0.1:1", "");
    for name in ["file:x?mode=memory", ":memory:", "a%20b#c", "-wal"] {
        let chosen = format!("--state-dir={name}");
        sandbox.mailpull([&chosen, "log"]).run().succeeds();
        assert!(sandbox.path(name).join("seen.db").exists(), "{name}");
        set_mode(&sandbox.path(name), 0o500);
        sandbox.mailpull([&chosen, "log"]).run().succeeds();
    }
}

#[test]
fn what_is_no_file_is_not_opened_as_a_database() {
    let sandbox = Sandbox::with_work("127.0.0.1:1", "");
    let fifo = |path: &Path| mkfifoat(CWD, path, Mode::RWXU).expect(WRITABLE);
    let folder = |path: &Path| fs::create_dir(path).expect(WRITABLE);
    let link = |path: &Path| std::os::unix::fs::symlink("loop", path).expect(WRITABLE);
    let kinds: [&dyn Fn(&Path); 3] = [&fifo, &folder, &link];
    sandbox.mailpull(["log"]).run().succeeds();
    let state = sandbox.state();
    for name in ["seen.db", "seen.db-wal", "seen.db-shm", "seen.db-journal"] {
        let path = state.join(name);
        for make in kinds {
            let _was_there = fs::remove_file(&path);
            make(&path);
            for command in ["log", "fetch"] {
                let why = format!("{name} is not a regular file. Move it away, or name another");
                let outcome = sandbox.mailpull([command]).run();
                outcome
                    .fails_with(78)
                    .complains_in_lines(1)
                    .stderr_has(&why);
            }
            fs::remove_file(&path)
                .or_else(|_| fs::remove_dir(&path))
                .expect(WRITABLE);
        }
    }
    for name in ["spool", "locks"] {
        fs::remove_dir(state.join(name)).expect(WRITABLE);
        sandbox.write(state.join(name), "");
        let why = format!("{name}: Not a directory (os error 20). A folder is needed there");
        sandbox
            .mailpull(["log"])
            .run()
            .fails_with(73)
            .stderr_has(&why);
        fs::remove_file(state.join(name)).expect(WRITABLE);
    }
}
