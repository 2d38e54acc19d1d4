//! `filter-command`: a program decides what becomes of a message that has arrived.

use crate::support::mail::{note, notes};
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;

/// Returns an account whose filter is this script.
fn account(server: &ModelServer, script: &str, keys: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let filter = sandbox.script("filter", script);
    let keys = format!(
        "filter-command = ['{}']\nmda-allow-root = true\n{keys}",
        filter.display()
    );
    sandbox.account("work", server.address(), &keys);
    sandbox
}

#[test]
fn the_status_of_a_filter_decides_what_becomes_of_a_message() {
    let server = ModelServer::start(notes(["a", "b", "c", "d"]));
    let script = "subject=$(sed -n 's/^Subject: //p')\n\
                  case $subject in b) exit 99;; c) exit 100;; esac\n";
    let sandbox = account(&server, script, "keep = false");

    let said = sandbox
        .mailpull(["fetch", "-v"])
        .run()
        .succeeds()
        .stderr_text();
    sandbox.fetch().succeeds().is_silent();

    assert_eq!(sandbox.work().count("new"), 2);
    assert_eq!(sandbox.work().count("tmp"), 0);
    assert_eq!(server.unique_ids(), [b"c".to_vec()]);
    assert_eq!(server.log().retrieved.len(), 4);
    for part in ["filter: discard b\n", "filter: leave c\n", "1 discarded"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn a_filter_that_fails_on_a_message_neither_delivers_nor_deletes_it() {
    let server = ModelServer::start(notes(["a", "b", "c"]));
    let script = "grep -q '^Subject: b' && { echo no >&2; exit 1; }; exit 0\n";
    let sandbox = account(&server, script, "keep = false");

    sandbox
        .fetch()
        .fails_with(74)
        .stderr_has("filtering message b: ")
        .stderr_has("/filter ended with status 1 and said: no; it stays on the server; the next run tries it again\n");
    assert_eq!(sandbox.work().count("new"), 2);
    for _ in 0..4 {
        sandbox.fetch();
    }

    assert_eq!(server.unique_ids(), [b"b".to_vec()]);
    assert_eq!(sandbox.work().count("new") + sandbox.work().count("tmp"), 2);
    // It is set aside, so that it does not fail each run.
    sandbox.fetch().succeeds();
    sandbox.script("filter", "exit 0\n");
    sandbox.mailpull(["fetch", "--retry"]).run().succeeds();
    assert_eq!((sandbox.work().count("new"), server.count()), (3, 0));
}

#[test]
fn a_filter_that_takes_nothing_ends_the_run_and_loses_nothing() {
    let messages: Vec<_> = (0..50).map(|n| note(&format!("m{n}"))).collect();
    let server = ModelServer::start(messages);
    for (script, status) in [("exit 75\n", 75), ("kill -9 $$\n", 74), ("exit 1\n", 74)] {
        let sandbox = account(&server, script, "keep = false\nreport-after = 1");
        sandbox.fetch().fails_with(status).complains_in_lines(1);
        // The same error is said once a day.
        sandbox.fetch().fails_with(status).is_silent();
        assert_eq!(server.count(), 50);
        assert_eq!(sandbox.work().messages().len(), 0);
    }
    let sandbox = account(&server, "cat >/dev/null\n", "keep = false");
    sandbox.fetch().succeeds();
    assert_eq!((sandbox.work().count("new"), server.count()), (50, 0));
}

#[test]
fn a_filter_that_is_missing_is_reported_before_anything_is_fetched() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(
        server.address(),
        "filter-command = '/nowhere/filter'\nmda-allow-root = true",
    );
    sandbox
        .fetch()
        .fails_with(78)
        .stderr_has("cannot run /nowhere/filter: there is no such program");
    assert_eq!((server.count(), server.log().retrieved.len()), (1, 0));
}

#[test]
fn a_filter_that_hangs_is_ended_and_its_message_stays() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = account(
        &server,
        "exec sleep 600\n",
        "mda-timeout = '1 s'\nreport-after = 1",
    );
    sandbox
        .fetch()
        .fails_with(75)
        .stderr_has("did not end within");
    assert_eq!((server.count(), sandbox.work().messages().len()), (1, 0));
}

#[test]
fn the_output_of_a_filter_replaces_the_message() {
    let server = ModelServer::start(notes(["a", "b"]));
    let script = "message=$(cat)\n\
                  case $message in *'Subject: b'*) exit 0;; esac\n\
                  printf 'X-Spam: no\\n%s\\n' \"$message\"\n";
    let sandbox = account(&server, script, "filter-rewrites = true");

    sandbox.fetch().succeeds().is_silent();

    let mut messages = sandbox.work().messages();
    messages.sort();
    let rewritten = [b"X-Spam: no\n".to_vec(), note("a").stored()].concat();
    assert_eq!(messages, [note("b").stored(), rewritten]);
    // It is still known as the message that the server has.
    sandbox.mailpull(["fetch", "--delete"]).run().succeeds();
    assert_eq!((server.count(), server.log().retrieved.len()), (0, 2));
    sandbox.mailpull(["seen", "check"]).run().succeeds();
}

#[test]
fn a_rewritten_message_is_recognised_under_a_new_unique_id() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = account(&server, "echo X-Spam: no; cat\n", "filter-rewrites = true");
    sandbox.fetch().succeeds().is_silent();
    let renamed = crate::support::mail::renamed(&notes(["a", "b"]));
    server.replace(renamed);

    sandbox.fetch().succeeds();

    assert_eq!(sandbox.work().messages().len(), 2);
}

#[test]
fn a_filter_does_not_get_what_a_rule_has_taken_away() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = account(&server, "cat >>filtered\n", "");
    sandbox.section("[[accounts.work.rules]]\nif = { subject = 'b' }\naction = 'discard'\n");
    sandbox.fetch().succeeds();
    assert_eq!(sandbox.work().count("new"), 1);
    let filtered = std::fs::read(sandbox.path("filtered"));
    let filtered = filtered.or_else(|_| std::fs::read(sandbox.home().join("filtered")));
    assert_eq!(filtered.expect("the filter ran"), note("a").stored());
}
