//! `config check`: all mistakes of a configuration at once.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::support::sandbox::Sandbox;

#[test]
fn config_check_shows_all_mistakes_of_a_file() {
    let sandbox = Sandbox::new();
    sandbox.config(
        "run-timeout = 3\nsurver = 'h'\n[defaults]\nkep = true\n[accounts.work]\nport = 0\n\
         pasword = 'hunter2'\nserver = 'h'\n[accounts.'a b']\n[targets.t]\nuser = 'me'\n",
    );

    let outcome = sandbox.mailpull(["config", "check"]).run();

    let at = sandbox.config_file().display().to_string();
    outcome.fails_with(78).stdout_is("").never_says("hunter2");
    outcome.complains_in_lines(7);
    for mistake in [
        "1: \"run-timeout\" needs a unit",
        "2: \"surver\" cannot be at the top of the file",
        "4: unknown key \"kep\". Did you mean \"keep\"?",
        "6: \"port\" must be a number from 1 to 65535, not 0",
        "7: unknown key \"pasword\". Did you mean \"password\"?",
        "9: \"a b\" cannot be an account's name",
        "10: there is no \"kind\"",
    ] {
        outcome.stderr_has(&format!("mailpull: {at}:{mistake}"));
    }
    let events = sandbox.mailpull(["config", "check", "--json"]).run();
    assert_eq!(events.fails_with(78).json_lines().len(), 7);
}

#[test]
fn config_check_shows_the_mistakes_of_all_accounts() {
    let sandbox = Sandbox::new();
    sandbox.config(
        "accounts-dir = 'accounts'\n[accounts.a]\nuser = 'me'\n[accounts.b]\nserver = 'h'\n\
         enabled = false\n[accounts.c]\nserver = 'h'\nuser = 'me'\n",
    );
    sandbox.write("config/mailpull/accounts/d.toml", "kep = true\n");
    let folder = sandbox.path("config/mailpull/accounts");
    fs::set_permissions(folder, Permissions::from_mode(0o700)).expect("the folder is ours");

    let outcome = sandbox.mailpull(["config", "check"]).run();

    outcome.fails_with(78).complains_in_lines(4);
    for mistake in [
        "config.toml:2: there is no \"server\"",
        "config.toml:4: there is no \"user\"",
        "config.toml:7: there is no destination",
        "d.toml:1: unknown key \"kep\"",
    ] {
        outcome.stderr_has(mistake);
    }
}

#[test]
fn config_check_says_that_there_is_no_mistake() {
    let sandbox = Sandbox::with_work("127.0.0.1:1", "");
    let at = sandbox.config_file().display().to_string();

    let outcome = sandbox.mailpull(["config", "check"]).run();

    let line = format!("{at}: no mistakes; accounts: 1\n");
    outcome.succeeds().stderr_is("").stdout_is(line);
    assert!(!sandbox.state().exists());
}

#[test]
fn config_check_shows_what_is_not_toml() {
    let sandbox = Sandbox::new();
    sandbox.config("[accounts.work\n");
    let outcome = sandbox.mailpull(["config", "check"]).run();
    outcome.fails_with(78).complains_in_lines(1);
    outcome.stderr_has("config.toml:1: unclosed table");
}
