//! `account rename`, `account remove` and `account list`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::support::mail::notes;
use crate::support::model_server::{ModelServer, PASSWORD};
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;
use crate::support::strace::kill_when_staged;
use crate::support::tools;

/// A sandbox in which `work` has fetched two messages and is now called `job` in the configuration.
fn renamed() -> (Sandbox, ModelServer) {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    sandbox.config("").account("job", server.address(), "");
    (sandbox, server)
}

fn account(sandbox: &Sandbox, words: &[&str]) -> RunOutcome {
    sandbox.mailpull([&["account"], words].concat()).run()
}

#[test]
fn a_known_mailbox_under_a_new_account_name_is_refused() {
    let (sandbox, server) = renamed();
    let sessions = server.log().sessions;
    for command in [
        &["fetch"][..],
        &["check"],
        &["fetch", "-n"],
        &["seen", "list", "job"],
    ] {
        let outcome = sandbox.mailpull(command).run();

        outcome.fails_with(78).complains_in_lines(1);
        outcome.stderr_has(
            "this mailbox was fetched for an account work, which is no longer in the configuration. \
             If the account has a new name: mailpull account rename work job. To fetch everything \
             again: mailpull account remove work\n",
        );
    }
    assert_eq!(server.log().sessions, sessions);
}

#[test]
fn a_renamed_account_continues_where_it_stopped() {
    let (sandbox, server) = renamed();

    account(&sandbox, &["rename", "work", "job"])
        .succeeds()
        .is_silent();

    sandbox.fetch().succeeds().is_silent();
    assert_eq!(server.log().count("RETR"), 2);
    sandbox.mailpull(["fetch", "--delete"]).run().succeeds();
    assert_eq!(server.count(), 0);
    let log = sandbox.mailpull(["log", "job"]).run();
    assert_eq!(log.succeeds().stdout_text().lines().count(), 2);
}

#[test]
fn account_rename_changes_configuration_and_record() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    let before = fs::read_to_string(sandbox.config_file()).expect("the file is there");
    let before =
        format!("# mine\n[defaults]\nkeep = true # not yet\n\n# at work\n{before}\n# end\n");
    sandbox.config(&before);

    let outcome = account(&sandbox, &["rename", "work", "job"]);

    outcome
        .succeeds()
        .stdout_has("work is job from now on, in ");
    let after = fs::read_to_string(sandbox.config_file()).expect("the file is there");
    assert_eq!(after, before.replace("[accounts.work]", "[accounts.job]"));
    sandbox.fetch().succeeds().is_silent();
    assert_eq!(server.log().count("RETR"), 2);
}

#[test]
fn account_remove_changes_configuration_and_record() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.account("home", "127.0.0.1:1", "# kept");
    let others = fs::read_to_string(sandbox.config_file()).expect("the file is there");
    let (_, home) = others.split_at(others.find("[accounts.home]").expect("home is there"));
    sandbox.mailpull(["fetch", "work"]).run().succeeds();

    account(&sandbox, &["remove", "work"])
        .fails_with(64)
        .stderr_has("To remove it without a question: --yes");
    let outcome = account(&sandbox, &["remove", "--yes", "work"]);

    outcome.succeeds().stdout_has("work was removed from ");
    let after = fs::read_to_string(sandbox.config_file()).expect("the file is there");
    assert_eq!(after.trim_start(), home);
    sandbox.mailpull(["log", "work"]).run().fails_with(64);
}

#[test]
fn an_account_with_a_file_of_its_own_is_renamed_and_removed() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    let text = fs::read_to_string(sandbox.config_file()).expect("the file is there");
    let text = text.replace("[accounts.work]", "");
    let file = sandbox.write("config/mailpull/accounts/work.toml", &text);
    sandbox.write("config/mailpull/accounts/other.toml", &text);
    fs::set_permissions(
        sandbox.path("config/mailpull/accounts"),
        Permissions::from_mode(0o700),
    )
    .expect("the folder is ours");
    sandbox.config("accounts-dir = 'accounts'\n");
    sandbox.mailpull(["fetch", "work"]).run().succeeds();

    let taken = account(&sandbox, &["rename", "work", "other"]);
    taken.fails_with(78).stderr_has("in the configuration");
    account(&sandbox, &["rename", "work", "job"]).succeeds();

    let renamed = file.with_file_name("job.toml");
    assert_eq!(fs::read_to_string(&renamed).ok(), Some(text));
    assert!(!file.exists());
    sandbox
        .mailpull(["fetch", "job"])
        .run()
        .succeeds()
        .is_silent();
    assert_eq!(server.log().count("RETR"), 2);
    account(&sandbox, &["remove", "job", "--yes"]).succeeds();
    assert!(!renamed.exists());
    account(&sandbox, &["remove", "job"]).fails_with(64);
}

#[test]
fn an_account_that_was_never_fetched_is_renamed_and_removed() {
    let sandbox = Sandbox::new();
    sandbox.config("[accounts.work]\nserver = 'h'\nuser = 'me' # mine\n");

    account(&sandbox, &["rename", "work", "me@example.org"]).succeeds();

    let text = fs::read_to_string(sandbox.config_file()).expect("the file is there");
    assert_eq!(
        text,
        "[accounts.\"me@example.org\"]\nserver = 'h'\nuser = 'me' # mine\n"
    );
    account(&sandbox, &["remove", "--yes", "me@example.org"]).succeeds();
    let text = fs::read_to_string(sandbox.config_file()).expect("the file is there");
    assert!(!text.contains("accounts"), "{text}");
}

#[test]
fn an_account_with_its_record_removed_is_fetched_again() {
    let (sandbox, server) = renamed();

    account(&sandbox, &["remove", "work"])
        .succeeds()
        .is_silent();

    sandbox.fetch().succeeds().is_silent();
    assert_eq!(server.log().count("RETR"), 4);
    sandbox.maildir("job").holds(&notes(["a", "b"]));
}

#[test]
fn two_accounts_for_one_mailbox_fetch_independently() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    sandbox.account("job", server.address(), "");

    sandbox.fetch().succeeds().is_silent();

    sandbox.maildir("job").holds(&notes(["a", "b"]));
}

#[test]
fn impossible_renames_and_removals_are_refused() {
    let (sandbox, server) = renamed();
    sandbox.account("work", server.address(), "");
    sandbox.fetch().succeeds();
    for (words, status, error) in [
        (
            &["rename", "work", "job"][..],
            78,
            "there is already an account job in the configuration",
        ),
        (
            &["rename", "wrok", "new"],
            64,
            "there is no account \"wrok\". Did you mean \"work\"?",
        ),
        (&["rename", "work", "a b"], 64, "cannot be an account's"),
        (&["remove", "jbo"], 64, "Did you mean \"job\"?"),
        (&["remove", "work"], 64, "there is no terminal to ask on"),
    ] {
        let outcome = account(&sandbox, words);
        outcome
            .fails_with(status)
            .complains_in_lines(1)
            .stderr_has(error);
    }
    sandbox.fetch().succeeds().is_silent();
}

#[test]
fn an_account_with_unfinished_deliveries_is_not_removed() {
    if tools::find("strace").is_none() {
        return;
    }
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    kill_when_staged(&sandbox, &["fetch"], &sandbox.work());
    sandbox.config("").account("job", server.address(), "");

    let outcome = account(&sandbox, &["remove", "work"]);

    outcome.fails_with(78).complains_in_lines(1);
    outcome.stderr_has("not delivered yet: 2");
    account(&sandbox, &["rename", "work", "job"]).succeeds();
    sandbox.fetch().succeeds();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn account_list_shows_user_server_target_and_state() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    sandbox.config("");
    sandbox.account(
        "home",
        "pop.example.com",
        "mda = 'procmail -t'\nsecurity = 'tls'",
    );
    sandbox.account(
        "off",
        "pop.example.org:99",
        "security = 'tls'\nenabled = false",
    );

    let outcome = account(&sandbox, &["list"]);

    let off = sandbox.maildir("off");
    outcome
        .succeeds()
        .never_says("open sesame")
        .stdout_is(format!(
            "home: joe at pop.example.com:995 to procmail\n\
         off: joe at pop.example.org:99 to {}, not enabled\n\
         work: joe at {}, not in the configuration\n",
            off.path().display(),
            server.address()
        ));
    let lines = account(&sandbox, &["list", "--json"]).json_lines();
    assert_eq!(lines[1]["state"], "not enabled");
    assert_eq!(lines.len(), 3);
}

#[test]
fn account_list_leaves_out_a_url_that_was_only_tried() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    sandbox.config("");
    let url = format!("pop://joe@{}", server.address());
    let fetch = ["fetch", &url, "-o", "security=none", "--maildir", "m"];

    let tried = sandbox.mailpull(fetch).env("MAILPULL_PASSWORD", "wrong");
    tried.run().fails_with(77);
    account(&sandbox, &["list"]).succeeds().stdout_is("");

    let fetched = sandbox.mailpull(fetch).env("MAILPULL_PASSWORD", PASSWORD);
    fetched.run().succeeds();
    account(&sandbox, &["list"]).succeeds().stdout_is(format!(
        "joe@{0}: joe at {0}, not in the configuration\n",
        server.address()
    ));
}
