//! The commands that run around a visit: `pre-command`, `post-command` and `new-mail-command`.

use std::fs;

use crate::support::mail::{note, notes};
use crate::support::model_server::{ModelServer, PASSWORD, USER};
use crate::support::sandbox::Sandbox;

/// A sandbox with a script that notes its argument and the variables of mailpull.
fn noting(server: &ModelServer, keys: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    let script = sandbox.script(
        "note",
        r#"echo "$1 $MAILPULL_ACCOUNT ${MAILPULL_STATUS-none} ${MAILPULL_DELIVERED-none} \
${MAILPULL_DELETED-none} ${MAILPULL_FAILED-none} ${MAILPULL_OCTETS-none}" >>"$HOME/noted""#,
    );
    let keys = keys
        .iter()
        .map(|key| format!("{key} = [{script:?}, '{key}']\n"));
    sandbox.account("work", server.address(), &keys.collect::<String>());
    sandbox
}

fn noted(sandbox: &Sandbox) -> Vec<String> {
    let noted = fs::read_to_string(sandbox.path("home/noted")).unwrap_or_default();
    noted.lines().map(str::to_owned).collect()
}

const ALL: [&str; 3] = ["pre-command", "post-command", "new-mail-command"];

#[test]
fn the_commands_run_around_a_visit_with_its_result() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = noting(&server, &ALL);

    sandbox
        .mailpull(["fetch", "--delete"])
        .run()
        .succeeds()
        .is_silent();

    assert_eq!(
        noted(&sandbox),
        [
            "pre-command work none none none none none",
            "new-mail-command work 0 2 2 0 28",
            "post-command work 0 2 2 0 28",
        ]
    );
}

#[test]
fn nothing_new_runs_no_new_mail_command() {
    let server = ModelServer::start(Vec::new());
    let sandbox = noting(&server, &ALL);

    sandbox.fetch().succeeds().is_silent();

    assert_eq!(
        noted(&sandbox),
        [
            "pre-command work none none none none none",
            "post-command work 0 0 0 0 0"
        ]
    );
}

#[test]
fn a_failed_visit_is_told_to_the_post_command() {
    let sandbox = noting(&ModelServer::start(notes(["a"])), &ALL);
    // The server is gone.
    sandbox.fetch().fails_with(75);

    assert_eq!(
        noted(&sandbox),
        [
            "pre-command work none none none none none",
            "post-command work 75 0 0 0 0"
        ]
    );
}

#[test]
fn a_pre_command_that_fails_leaves_the_account_out() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    let script = sandbox.script("fails", "echo no key >&2; exit 3");
    sandbox.account(
        "work",
        server.address(),
        &format!("pre-command = {script:?}\nreport-after = 1"),
    );
    sandbox.account("other", server.address(), "");

    let outcome = sandbox.fetch();

    outcome
        .fails_with(75)
        .stderr_has("no key\n")
        .stderr_has("mailpull: work: pre-command ended with status 3; the account is left out\n");
    assert_eq!(server.log().sessions, 1);
    sandbox.maildir("other").holds(&notes(["a"]));
}

#[test]
fn a_post_command_that_fails_is_a_warning() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    let keys = "post-command = ['false']\nnew-mail-command = '/nowhere/at/all'";
    sandbox.account("work", server.address(), keys);

    let outcome = sandbox.fetch();

    outcome
        .succeeds()
        .stderr_has("mailpull: work: post-command ended with status 1\n")
        .stderr_has("mailpull: work: cannot run the new-mail-command /nowhere/at/all: ");
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn a_command_inherits_no_password_and_no_standard_output() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    let script = sandbox.script("shows", r#"echo "secret: ${SECRET-none}""#);
    sandbox.config(&format!(
        "[accounts.work]\nserver = '{}'\nsecurity = 'none'\nuser = '{USER}'\npassword-env = 'SECRET'\n\
         maildir = '~/Mail/work'\npost-command = {script:?}\n",
        server.address()
    ));

    let outcome = sandbox
        .mailpull(["fetch", "--json"])
        .env("SECRET", PASSWORD)
        .run();

    outcome.succeeds().stderr_has("secret: none\n");
    assert!(!outcome.stdout_text().contains("secret: none"));
}

#[test]
fn a_dry_run_and_an_early_visit_run_no_command() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = noting(&server, &["pre-command"]);
    sandbox.mailpull(["fetch", "--dry-run"]).run().succeeds();
    assert_eq!(noted(&sandbox), [""; 0]);
    let early = ["fetch", "-o", "interval=1 h"];
    sandbox.mailpull(early).run().succeeds();
    server.add(note("b"));
    sandbox.mailpull(early).run().succeeds();

    assert_eq!(noted(&sandbox).len(), 1);
    sandbox.work().holds(&notes(["a"]));
}
