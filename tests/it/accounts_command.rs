//! `accounts-command`: a program prints accounts, and its last good list is used while it fails.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::mail::notes;
use crate::support::model_server::{ModelServer, PASSWORD, USER};
use crate::support::sandbox::Sandbox;

/// The keys of an account that delivers to a Maildir of this name, in TOML or JSON.
fn keys(sandbox: &Sandbox, server: &ModelServer, name: &str) -> [(&'static str, String); 5] {
    [
        ("server", server.address().to_string()),
        ("security", "none".to_owned()),
        ("user", USER.to_owned()),
        ("password", PASSWORD.to_owned()),
        (
            "maildir",
            sandbox.maildir(name).path().display().to_string(),
        ),
    ]
}

fn toml(sandbox: &Sandbox, server: &ModelServer, name: &str) -> String {
    let keys = keys(sandbox, server, name);
    let keys = keys.map(|(key, value)| format!("{key} = '{value}'\n"));
    format!("[accounts.{name}]\n{}", keys.concat())
}

fn json(sandbox: &Sandbox, server: &ModelServer, name: &str) -> String {
    let keys: serde_json::Map<_, _> = keys(sandbox, server, name)
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.into()))
        .collect();
    serde_json::json!({ "accounts": { name: keys } }).to_string()
}

/// Makes the configuration name a command that prints this text.
fn print(sandbox: &Sandbox, text: &str) {
    let text = sandbox.write("printed", text);
    run(sandbox, &format!("cat '{}'\n", text.display()));
}

fn run(sandbox: &Sandbox, script: &str) {
    let command = sandbox.script("accounts", script);
    sandbox.config(&format!("accounts-command = ['{}']\n", command.display()));
}

#[test]
fn accounts_that_a_command_prints_are_fetched() {
    let server = ModelServer::start(notes(["a"]));
    for write in [toml, json] {
        let sandbox = Sandbox::new();
        print(&sandbox, &write(&sandbox, &server, "work"));

        sandbox.fetch().succeeds().is_silent();

        assert_eq!(sandbox.work().count("new"), 1);
        sandbox
            .mailpull(["account", "list"])
            .run()
            .succeeds()
            .stdout_has("work");
        sandbox
            .mailpull(["config", "check"])
            .run()
            .succeeds()
            .stdout_has("accounts: 1");
    }
}

#[test]
fn the_last_good_list_is_used_while_the_command_fails() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    print(&sandbox, &toml(&sandbox, &server, "work"));
    sandbox.fetch().succeeds();
    for (id, script, why) in [
        (
            "b",
            "echo 'no database' >&2; exit 3\n",
            "accounts-command ended with status 3 and said: no database",
        ),
        ("c", "exit 0\n", "accounts-command printed no account"),
        ("d", "echo '[accounts.work]'; echo 'sever = 1'\n", ""),
        ("e", "echo nonsense\n", "accounts-command:1: "),
        (
            "f",
            "echo '{\"accounts\": 3}'\n",
            "must have an object \"accounts\"",
        ),
        (
            "g",
            "echo '[defaults]'; echo 'keep = true'\n",
            "may print accounts only",
        ),
    ] {
        run(&sandbox, script);
        server.add(crate::support::mail::note(id));
        let outcome = sandbox.fetch();
        if why.is_empty() {
            // A mistake in one account is an error of that account.
            outcome
                .fails_with(78)
                .stderr_has("accounts-command:2: unknown key \"sever\"");
            print(&sandbox, &toml(&sandbox, &server, "work"));
            sandbox.fetch().succeeds();
            continue;
        }
        outcome
            .succeeds()
            .stderr_has(why)
            .stderr_has("; the accounts that it printed last are used\n");
    }
    assert_eq!(sandbox.work().count("new"), 7);
}

#[test]
fn without_a_list_a_failing_command_is_an_error() {
    let sandbox = Sandbox::new();
    run(&sandbox, "exit 1\n");
    sandbox
        .fetch()
        .fails_with(78)
        .stderr_is("mailpull: accounts-command ended with status 1\n");
}

#[test]
fn the_kept_list_is_private() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    print(&sandbox, &toml(&sandbox, &server, "work"));
    sandbox.fetch().succeeds();
    let kept = sandbox.state().join("accounts-command.last");
    let mode = fs::metadata(&kept)
        .expect("the list is kept")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    // One that others could have written is not believed.
    fs::set_permissions(&kept, fs::Permissions::from_mode(0o666)).expect("the file is ours");
    run(&sandbox, "exit 1\n");

    sandbox.fetch().fails_with(78);
}

#[test]
fn the_command_gets_no_password_of_the_environment() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    let text = sandbox.write("printed", toml(&sandbox, &server, "work"));
    let script = format!("test -z \"$SECRET\" && cat '{}'\n", text.display());
    let command = sandbox.script("accounts", &script);
    sandbox.config(&format!(
        "accounts-command = '{}'\n[accounts.other]\nserver = 'h'\nuser = 'u'\npassword-env = 'SECRET'\nenabled = false\n",
        command.display()
    ));
    sandbox
        .mailpull(["fetch"])
        .env("SECRET", "hush")
        .run()
        .succeeds();
    assert_eq!(sandbox.work().count("new"), 1);
}

#[test]
fn an_account_in_both_file_and_list_is_refused() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    print(&sandbox, &toml(&sandbox, &server, "work"));
    sandbox.account("work", server.address(), "");
    sandbox
        .fetch()
        .fails_with(78)
        .stderr_has("accounts-command");
    assert_eq!(server.log().sessions, 0);
}
