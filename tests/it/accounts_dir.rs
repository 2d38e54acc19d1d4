//! The key `accounts-dir`: a folder in which each file describes one account.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use rustix::fs::{CWD, Mode, mkfifoat};

use crate::support::mail::notes;
use crate::support::model_server::{ModelServer, PASSWORD};
use crate::support::sandbox::Sandbox;
use crate::support::tools::require_root;

const WRITABLE: &str = "the sandbox is writable";
const KEY: &str = "accounts-dir = 'accounts.d'\n";

/// A sandbox in which the accounts a, b and c have a file each, and the server of all three.
fn three_accounts() -> (Sandbox, ModelServer) {
    let server = ModelServer::start(notes(["x", "y"]));
    let sandbox = Sandbox::new();
    sandbox.config(KEY);
    for name in ["a", "b", "c"] {
        sandbox.account_file(name, server.address(), "");
    }
    (sandbox, server)
}

/// Claims that only account b fails, with an error in which FILE stands for the path of its file,
/// and that a and c are fetched anyway.
#[track_caller]
fn only_b_fails(sandbox: &Sandbox, error: &str) {
    let outcome = sandbox.fetch();
    let file = sandbox.accounts_dir().join("b.toml");
    outcome
        .fails_with(78)
        .never_says(PASSWORD)
        .stderr_is(&format!(
            "mailpull: b: {}\n",
            error.replace("FILE", &file.display().to_string())
        ));
    for name in ["a", "c"] {
        sandbox.maildir(name).holds(&notes(["x", "y"]));
    }
    assert!(!sandbox.maildir("b").path().exists());
    sandbox.mailpull(["check", "b"]).run().fails_with(78);
    sandbox.mailpull(["check", "a"]).run().fails_with(1);
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("the test owns the file");
}

#[test]
fn every_file_is_an_account_that_inherits_the_defaults() {
    let (sandbox, server) = three_accounts();
    sandbox.config(&format!("{KEY}[defaults]\nkeep = false\n"));
    sandbox.account_file("c", server.address(), "keep = true");
    sandbox.account("d", server.address(), "enabled = false");
    for (name, text) in [
        (".hidden.toml", "no TOML"),
        (".toml", "no TOML"),
        ("README", "no TOML"),
        ("b.toml~", "no TOML"),
        ("b.toml.bak", "no TOML"),
    ] {
        sandbox.write(sandbox.accounts_dir().join(name), text);
    }
    let config = fs::read_to_string(sandbox.config_file()).expect("the configuration exists");
    assert!(config.starts_with(KEY));

    sandbox
        .mailpull(["fetch", "c"])
        .run()
        .succeeds()
        .is_silent();
    assert_eq!(server.count(), 2);
    sandbox
        .mailpull(["fetch", "a"])
        .run()
        .succeeds()
        .is_silent();
    assert_eq!(server.count(), 0);
    sandbox.fetch().succeeds().is_silent();
    let list = sandbox.mailpull(["account", "list"]).run();
    let names: Vec<_> = list
        .succeeds()
        .stdout_text()
        .lines()
        .map(|line| line[..1].to_owned())
        .collect();
    assert_eq!(names, ["d", "a", "b", "c"]);
}

#[test]
fn the_folder_can_be_absolute_relative_or_under_home() {
    let (sandbox, _server) = three_accounts();
    let absolute = sandbox.path("elsewhere");
    let at_home = sandbox.home().join("accounts");
    for (key, folder) in [
        (absolute.display().to_string(), &absolute),
        ("~/accounts".to_owned(), &at_home),
    ] {
        fs::rename(sandbox.accounts_dir(), folder).expect(WRITABLE);
        sandbox.config(&format!("accounts-dir = '{key}'"));
        sandbox
            .mailpull(["account", "list"])
            .run()
            .succeeds()
            .stdout_has("c: joe");
        fs::rename(folder, sandbox.accounts_dir()).expect(WRITABLE);
    }
}

#[test]
fn a_mistake_in_one_file_fails_one_account() {
    for (text, error) in [
        (
            "user = 'u'\nkeep = maybe",
            "FILE:2: string values must be quoted, expected literal string. Put text between single quotes, in which \
             every character stands for itself; text with a single quote, between three of them",
        ),
        (
            "user = 'u'\nsevrer = 'h'",
            "FILE:2: unknown key \"sevrer\". Did you mean \"server\"?",
        ),
        (
            "\nport = 0",
            "FILE:2: \"port\" must be a number from 1 to 65535, not 0",
        ),
        (
            "user = 'u'",
            "FILE:1: there is no \"server\". Add server = \"pop.example.com\"",
        ),
        (
            "server = 'h'\nuser = 'u'\nmda = 'cat %x'",
            "FILE:3: \"mda\" contains %x; only %F (sender), %L (local user) and %% are known",
        ),
    ] {
        let (sandbox, _server) = three_accounts();
        sandbox.write(sandbox.accounts_dir().join("b.toml"), text);
        only_b_fails(&sandbox, error);
    }
}

#[test]
fn an_account_defined_in_two_places_is_not_fetched() {
    let (sandbox, server) = three_accounts();
    sandbox.account("b", server.address(), "");
    let at = sandbox.config_file();
    let error = format!(
        "{}:2: the account is also in FILE. Keep one of them",
        at.display()
    );
    only_b_fails(&sandbox, &error);
}

#[test]
fn a_file_with_unsafe_permissions_fails_only_its_account() {
    for (mode, error) in [
        (
            0o644,
            "FILE holds a password and is open to others (mode 0644). Make it private: chmod 600 \
             FILE",
        ),
        (
            0o620,
            "FILE can be written by others (mode 0620). Let only its owner write it: \
             chmod go-w FILE",
        ),
    ] {
        let (sandbox, _server) = three_accounts();
        set_mode(&sandbox.accounts_dir().join("b.toml"), mode);
        only_b_fails(&sandbox, error);
    }
    let (sandbox, server) = three_accounts();
    let file = sandbox.account_file(
        "b",
        server.address(),
        "password-command = 'echo open sesame'",
    );
    set_mode(&file, 0o644);
    sandbox.fetch().succeeds().is_silent();
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_file_of_another_user_fails_only_its_account() {
    require_root();
    let (sandbox, server) = three_accounts();
    // Even without a password in it.
    let command = "password-command = 'echo open sesame'";
    let file = sandbox.account_file("b", server.address(), command);
    chown(&file, Some(61_112), None).expect("root may change owners");
    only_b_fails(
        &sandbox,
        "FILE belongs to user 61112, neither you nor root. Change its owner, or run mailpull as user \
         61112",
    );
}

#[test]
fn a_fifo_or_dangling_link_fails_only_its_account() {
    let (sandbox, _server) = three_accounts();
    let file = sandbox.accounts_dir().join("b.toml");
    fs::remove_file(&file).expect("b has a file");
    mkfifoat(CWD, &file, Mode::RUSR).expect(WRITABLE);
    only_b_fails(&sandbox, "cannot read FILE: it is not a regular file");

    let (sandbox, _server) = three_accounts();
    let file = sandbox.accounts_dir().join("b.toml");
    fs::remove_file(&file).expect("b has a file");
    symlink("nowhere", &file).expect(WRITABLE);
    only_b_fails(
        &sandbox,
        "cannot read FILE: No such file or directory (os error 2)",
    );
}

#[test]
fn a_file_with_an_invalid_name_fails_alone() {
    let (sandbox, _server) = three_accounts();
    fs::remove_file(sandbox.accounts_dir().join("b.toml")).expect("b has a file");
    let file = sandbox.write(sandbox.accounts_dir().join("not an account.toml"), "");
    let outcome = sandbox.fetch();
    outcome
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has(&format!(
            "mailpull: {}:1: \"not an account\" cannot be an account's name",
            file.display()
        ));
    for name in ["a", "c"] {
        sandbox.maildir(name).holds(&notes(["x", "y"]));
    }
}

#[test]
fn links_are_followed_as_in_a_kubernetes_volume() {
    let (sandbox, _server) = three_accounts();
    let folder = sandbox.accounts_dir();
    fs::create_dir(folder.join("..2026")).expect(WRITABLE);
    symlink("..2026", folder.join("..data")).expect(WRITABLE);
    fs::rename(folder.join("b.toml"), folder.join("..2026/b.toml")).expect(WRITABLE);
    symlink("..data/b.toml", folder.join("b.toml")).expect(WRITABLE);
    set_mode(&folder, 0o1777);

    sandbox.fetch().succeeds().is_silent();

    sandbox.maildir("b").holds(&notes(["x", "y"]));
}

#[test]
fn an_unsafe_or_missing_folder_stops_the_run() {
    let (sandbox, server) = three_accounts();
    set_mode(&sandbox.accounts_dir(), 0o777);
    let outcome = sandbox.fetch();
    outcome
        .fails_with(78)
        .complains_in_lines(1)
        .stderr_has("accounts.d can be written by others (mode 0777)");
    set_mode(&sandbox.accounts_dir(), 0o700);
    for (key, error) in [
        ("'nowhere'", "cannot read "),
        ("3", ":1: \"accounts-dir\" must be a string, not a number"),
        ("''", ":1: \"accounts-dir\" is empty"),
    ] {
        sandbox.config(&format!("accounts-dir = {key}"));
        let outcome = sandbox.fetch();
        outcome
            .fails_with(78)
            .complains_in_lines(1)
            .stderr_has(error);
    }
    assert_eq!(server.log().sessions, 0);
}
