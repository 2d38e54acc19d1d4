//! `mailpull status`: the state of accounts, for people, scripts and monitoring.

use std::fs;

use serde_json::Value;

use crate::support::mail::notes;
use crate::support::maildir::mode;
use crate::support::model_server::ModelServer;
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;

/// Prepares an account that was fetched, one whose server is gone, and one that was never fetched.
fn three_accounts() -> (Sandbox, ModelServer) {
    let server = ModelServer::start(notes(["a", "b"]));
    let gone = ModelServer::start(notes(["c"]));
    let sandbox = Sandbox::new();
    sandbox.account("good", server.address(), "");
    sandbox.account("gone", gone.address(), "");
    sandbox.mailpull(["fetch"]).run().succeeds();
    drop(gone);
    sandbox.account("new", server.address(), "");
    sandbox.mailpull(["fetch", "gone"]).run().fails_with(75);
    (sandbox, server)
}

fn status(sandbox: &Sandbox, words: &[&str]) -> RunOutcome {
    sandbox.mailpull([&["status"], words].concat()).run()
}

#[test]
fn each_account_is_shown_without_a_connection() {
    let (sandbox, server) = three_accounts();
    let sessions = server.log().sessions;

    let outcome = status(&sandbox, &[]);

    outcome
        .fails_with(75)
        .stdout_has("good: fetched 20")
        .stdout_has("; messages: 2 on the server\n")
        .stdout_has("gone: failed with status 75, 1 run in a row; last success 20")
        .stdout_has("Z: cannot connect to ")
        .stdout_has("new: never fetched\n");
    assert_eq!(server.log().sessions, sessions);
    status(&sandbox, &["good", "new"]).succeeds();
    status(&sandbox, &["nobody"]).fails_with(64);
}

#[test]
fn a_program_can_read_the_status() {
    let (sandbox, _server) = three_accounts();

    let lines = status(&sandbox, &["--json"]).fails_with(75).stdout_text();

    let objects = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("it is JSON"));
    let objects: Vec<Value> = objects.collect();
    let [good, gone, new] = &objects[..] else {
        panic!("three accounts: {objects:?}")
    };
    assert_eq!(good["event"], "status");
    assert_eq!(
        (&good["status"], &good["on_server"]),
        (&0.into(), &2.into())
    );
    assert_eq!(good["last_success"], good["last_run"]);
    assert_eq!(
        (&gone["status"], &gone["failures"]),
        (&75.into(), &1.into())
    );
    assert!(
        gone["last_error"]
            .as_str()
            .expect("it is text")
            .contains("cannot connect to")
    );
    assert_eq!(
        (&new["account"], &new["last_run"]),
        (&"new".into(), &Value::Null)
    );
}

#[test]
fn monitoring_gets_values_of_all_accounts() {
    let (sandbox, _server) = three_accounts();

    let metrics = status(&sandbox, &["--metrics"]);

    metrics
        .fails_with(75)
        .stdout_has("# TYPE mailpull_runs counter\n")
        .stdout_has("\nmailpull_runs_total{account=\"gone\"} 2\n")
        .stdout_has("\nmailpull_failed_runs_total{account=\"gone\"} 1\n")
        .stdout_has("\nmailpull_delivered_messages_total{account=\"good\"} 2\n")
        .stdout_has("\nmailpull_server_messages{account=\"good\"} 2\n");
    assert!(metrics.stdout_text().ends_with("\n# EOF\n"));
}

#[test]
fn messages_that_are_set_aside_are_shown() {
    let server = ModelServer::start(notes(["a", "b"]));
    server.change(|behaviour| behaviour.refused = vec![b"b".to_vec()]);
    let sandbox = Sandbox::with_work(server.address(), "");
    for _ in 0..6 {
        sandbox.fetch();
    }

    let outcome = status(&sandbox, &[]);

    outcome
        .succeeds()
        .stdout_has("; messages: 1 set aside, 2 on the server\n")
        .stdout_has("mailpull fetch work --retry");
}

#[test]
fn a_target_that_cannot_be_opened_counts_as_a_failed_run() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "maildir = '/nowhere/at/all'");
    sandbox.fetch().fails_with(73);

    status(&sandbox, &[])
        .fails_with(73)
        .stdout_has("work: failed with status 73, 1 run in a row; no success yet\n")
        .stdout_has("/nowhere/at/all");
}

#[test]
fn a_new_installation_has_nothing_to_show() {
    let sandbox = Sandbox::with_work("127.0.0.1:1", "");

    status(&sandbox, &[])
        .succeeds()
        .stdout_has("work: never fetched\n");
}

#[test]
fn the_metrics_file_is_written_after_each_run() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    sandbox.config("metrics-file = '~/mailpull.prom'\n");
    sandbox.account("work", server.address(), "");
    let file = sandbox.path("home/mailpull.prom");
    let has = |line: &str| {
        let text = fs::read_to_string(&file).expect("it is written");
        assert!(text.contains(line), "{line}: {text}");
        assert!(text.ends_with("# EOF\n"));
    };

    sandbox.fetch().succeeds().is_silent();

    has("mailpull_delivered_messages_total{account=\"work\"} 1\n");
    assert_eq!(mode(&file), 0o644);
    drop(server);
    sandbox.fetch().fails_with(75);
    has("mailpull_last_status{account=\"work\"} 75\n");
    let folder = fs::read_dir(sandbox.path("home")).expect("it is there");
    assert_eq!(folder.count(), 2, "the file and Mail");
}

#[test]
fn a_metrics_file_that_cannot_be_written_is_a_warning() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    sandbox.config("metrics-file = '/nowhere/at/all'\n");
    sandbox.account("work", server.address(), "");

    sandbox
        .fetch()
        .succeeds()
        .complains_in_lines(1)
        .stderr_has("cannot write the metrics-file /nowhere/at/all: No such file");

    sandbox.work().holds(&notes(["a"]));
}
