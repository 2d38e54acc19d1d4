//! `account rename`, `account remove` and `account list`.

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
fn account_rename_says_to_rename_the_configuration_too() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();

    let outcome = account(&sandbox, &["rename", "work", "job"]);

    outcome.succeeds().stdout_has("[accounts.job]");
    sandbox.fetch().fails_with(78).complains_in_lines(1);
    sandbox.config("").account("job", server.address(), "");
    sandbox.fetch().succeeds().is_silent();
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
            "there is already an account job in the database",
        ),
        (&["rename", "nobody", "new"], 64, "nothing was ever fetched"),
        (&["rename", "work", "a b"], 64, "cannot be an account's"),
        (&["remove", "nobody"], 64, "nothing was ever fetched"),
        (
            &["remove", "work"],
            78,
            "the configuration still has the account work",
        ),
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
