//! Rules: what becomes of a new message by its header, its size and its age.

use serde_json::json;

use crate::support::mail::{TestMessage, note, notes};
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;

mod filter;
mod kills;
mod real_filters;

const LEAVE_B: &str = "[[accounts.work.rules]]\nif = { subject = '^b$' }\naction = 'leave'\n";

fn account(server: &ModelServer, rules: &str) -> Sandbox {
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.section(rules);
    sandbox
}

fn subjects(sandbox: &Sandbox) -> Vec<String> {
    let mut subjects: Vec<_> = sandbox.work().messages().into_iter().collect();
    subjects.sort();
    subjects
        .into_iter()
        .map(|octets| String::from_utf8_lossy(&octets).into_owned())
        .collect()
}

#[track_caller]
fn fetch_verbose(sandbox: &Sandbox) -> String {
    sandbox
        .mailpull(["fetch", "-v"])
        .run()
        .succeeds()
        .stderr_text()
}

#[test]
fn a_message_that_a_rule_leaves_is_not_downloaded() {
    let server = ModelServer::start(notes(["a", "b", "c"]));
    let sandbox = account(&server, LEAVE_B);

    let said = fetch_verbose(&sandbox);

    assert_eq!(sandbox.work().count("new"), 2);
    assert_eq!((server.count(), server.log().retrieved.len()), (3, 2));
    assert!(said.contains("work: rule 1: leave b\n"), "{said}");
}

#[test]
fn the_next_run_asks_for_no_header_again() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = account(&server, LEAVE_B);
    sandbox.fetch().succeeds().is_silent();
    let asked = server.log().count("TOP");
    assert_eq!(asked, 2);

    sandbox.fetch().succeeds().is_silent();
    sandbox.mailpull(["check"]).run().fails_with(1);

    assert_eq!(server.log().count("TOP"), asked);
    sandbox
        .mailpull(["seen", "list", "work"])
        .run()
        .succeeds()
        .stdout_has("left")
        .stdout_has("a rule leaves it on the server");
}

#[test]
fn other_rules_decide_again_about_what_was_left() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = account(&server, LEAVE_B);
    sandbox.fetch().succeeds();
    let other = sandbox.read_config().replace("^b$", "^x$");
    sandbox.config(&other);

    sandbox.fetch().succeeds();

    assert_eq!(sandbox.work().count("new"), 2);
    sandbox.fetch().succeeds();
    assert_eq!(server.log().retrieved.len(), 2);
}

#[test]
fn without_rules_what_was_left_is_fetched() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = account(&server, LEAVE_B);
    sandbox.fetch().succeeds();
    let other = sandbox.read_config().replace(LEAVE_B, "");
    sandbox.config(&other);

    sandbox.fetch().succeeds();

    assert_eq!(sandbox.work().count("new"), 2);
}

#[test]
fn a_size_decides_without_asking_for_a_header() {
    let large = TestMessage::new(
        "large",
        format!("Subject: l\r\n\r\n{}\r\n", "x".repeat(2000)),
    );
    let server = ModelServer::start(vec![note("a"), large]);
    let sandbox = account(
        &server,
        "[[accounts.work.rules]]\nif = { size-over = '1 KiB' }\naction = 'leave'\n",
    );

    sandbox.fetch().succeeds().is_silent();

    assert_eq!((server.count(), server.log().retrieved.len()), (2, 1));
    assert_eq!(server.log().count("TOP"), 0);
}

#[test]
fn a_rule_deletes_a_message_that_is_not_downloaded() {
    let server = ModelServer::start(notes(["a", "b", "c"]));
    let sandbox = account(
        &server,
        "[[accounts.work.rules]]\nif = { subject = 'b' }\naction = 'delete'\n",
    );

    sandbox.fetch().succeeds().is_silent();

    assert_eq!(server.unique_ids(), [b"a".to_vec(), b"c".to_vec()]);
    assert_eq!(server.log().retrieved.len(), 2);
    sandbox.fetch().succeeds().is_silent();
}

#[test]
fn a_discarded_message_counts_as_delivered() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = account(
        &server,
        "[[accounts.work.rules]]\nif = { subject = 'b' }\naction = 'discard'\n",
    );

    let lines = sandbox
        .mailpull(["fetch", "--json"])
        .run()
        .succeeds()
        .json_lines();

    let ruled = json!({"event": "ruled", "account": "work", "unique_id": "b", "rule": 1, "action": "discard"});
    let found = lines
        .iter()
        .find(|line| line["event"] == "ruled")
        .expect("a rule decided");
    for (key, value) in ruled.as_object().expect("it is an object") {
        assert_eq!(&found[key], value);
    }
    assert_eq!(
        (sandbox.work().count("new"), sandbox.work().count("tmp")),
        (1, 0)
    );
    assert_eq!(server.log().count("TOP"), 0);
    sandbox
        .mailpull(["log"])
        .run()
        .succeeds()
        .stdout_has("\"b\" to nowhere (rule 1)");
    sandbox.mailpull(["seen", "check"]).run().succeeds();
    // Without a limit in between, it is deleted as what was delivered is.
    sandbox.mailpull(["fetch", "--delete"]).run().succeeds();
    assert_eq!((server.count(), server.log().retrieved.len()), (0, 2));
}

/// Fetches two messages twice from a server without TOP.
fn fetch_without_top(action: &str) -> (ModelServer, Sandbox) {
    let server = ModelServer::start(notes(["a", "b"]));
    server.change(|behaviour| behaviour.top = false);
    let rules = format!("[[accounts.work.rules]]\nif = {{ subject = 'b' }}\naction = '{action}'\n");
    let sandbox = account(&server, &rules);
    sandbox.fetch().succeeds().is_silent();
    sandbox.fetch().succeeds().is_silent();
    assert_eq!(sandbox.work().count("new"), 1);
    assert_eq!(sandbox.work().count("tmp"), 0);
    assert_eq!(server.log().retrieved.len(), 2);
    (server, sandbox)
}

#[test]
fn without_top_a_message_is_left_after_its_download() {
    let (server, _sandbox) = fetch_without_top("leave");
    assert_eq!(server.count(), 2);
}

#[test]
fn without_top_a_message_is_deleted_after_its_download() {
    let (server, _sandbox) = fetch_without_top("delete");
    assert_eq!(server.unique_ids(), [b"a".to_vec()]);
}

#[test]
fn changed_rules_do_not_delete_much_mail_unasked() {
    let messages: Vec<_> = (0..120).map(|n| note(&format!("m{n}"))).collect();
    let server = ModelServer::start(messages);
    let sandbox = Sandbox::with_work(server.address(), "max-messages = 1");
    sandbox.fetch().succeeds();
    let rules = "[[accounts.work.rules]]\nif = { subject = 'm' }\naction = 'delete'\n";
    let all = sandbox.read_config().replace("max-messages = 1", "");
    sandbox.config(&format!("{all}{rules}"));

    for _ in 0..2 {
        sandbox.fetch().fails_with(78).stderr_has(
            "the rules have changed: 119 messages would now be deleted from the server unread",
        );
        assert_eq!(server.count(), 120);
        assert_eq!(sandbox.work().count("new"), 1);
    }
    sandbox.mailpull(["fetch", "--delete"]).run().succeeds();
    assert_eq!(server.count(), 0);
    assert_eq!(sandbox.work().count("new"), 1);
}

#[test]
fn a_message_that_was_left_can_be_fetched_by_name() {
    let server = ModelServer::start(notes(["a", "b", "bb"]));
    let sandbox = account(&server, &LEAVE_B.replace("^b$", "b"));
    sandbox.fetch().succeeds();
    let asked = server.log().count("TOP");

    sandbox
        .mailpull(["fetch", "work", "--only", "b"])
        .run()
        .succeeds();
    sandbox.fetch().succeeds().is_silent();

    assert_eq!(sandbox.work().count("new"), 2);
    assert_eq!(server.log().count("TOP"), asked);
}

#[test]
fn old_mail_can_be_left_where_it_is() {
    let dated = |unique_id: &str, date: &str| {
        TestMessage::new(unique_id, format!("Date: {date}\r\n\r\n{unique_id}\r\n"))
    };
    let server = ModelServer::start(vec![
        dated("old", "Fri, 1 Jan 2021 00:00:00 +0000"),
        dated("none", ""),
    ]);
    let sandbox = account(
        &server,
        "[[accounts.work.rules]]\nif = { older-than = '365 d' }\naction = 'leave'\n",
    );
    sandbox.fetch().succeeds().is_silent();
    assert_eq!(subjects(&sandbox), ["Date: \n\nnone\n"]);
    let asked = server.log().count("TOP");
    sandbox.fetch().succeeds().is_silent();
    assert_eq!(server.log().count("TOP"), asked);
}

/// Adds two targets that are Maildirs, and a rule that sends the message "b" to one of them.
fn with_targets(sandbox: &Sandbox, action: &str) {
    for name in ["lists", "other"] {
        let path = sandbox.maildir(name);
        let section = format!(
            "[targets.{name}]\nkind = 'maildir'\npath = '{}'\n",
            path.path().display()
        );
        sandbox.section(&section);
    }
    sandbox.section(&format!(
        "[[accounts.work.rules]]\nif = {{ subject = 'b' }}\n{action}\n"
    ));
    // Every target must be used.
    sandbox.section("[[accounts.work.rules]]\nif = { subject = 'x' }\ndeliver = ['other']\n");
}

fn counts(sandbox: &Sandbox) -> [usize; 3] {
    ["work", "lists", "other"].map(|name| sandbox.maildir(name).messages().len())
}

#[test]
fn a_rule_delivers_to_a_target_instead_of_the_usual_one() {
    let server = ModelServer::start(notes(["a", "b", "c"]));
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    with_targets(&sandbox, "deliver = ['lists']");

    sandbox.fetch().succeeds().is_silent();

    assert_eq!(counts(&sandbox), [2, 1, 0]);
    assert_eq!((server.count(), server.log().count("TOP")), (0, 0));
    assert_eq!(sandbox.maildir("lists").messages(), [note("b").stored()]);
    sandbox.mailpull(["seen", "check"]).run().succeeds();
}

#[test]
fn a_rule_delivers_to_several_targets() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    with_targets(&sandbox, "deliver = ['lists', 'other']");
    sandbox.fetch().succeeds().is_silent();
    assert_eq!(counts(&sandbox), [1, 1, 1]);
    sandbox.fetch().succeeds().is_silent();
    assert_eq!(counts(&sandbox), [1, 1, 1]);
}

#[test]
fn a_message_for_a_failing_target_holds_up_no_other() {
    let server = ModelServer::start(notes(["a", "b", "c"]));
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    with_targets(&sandbox, "deliver = ['lists']");
    let lists = sandbox.maildir("lists").path().to_owned();
    std::fs::write(&lists, "in the way").expect("the folder is ours");

    sandbox.fetch().fails_with(73);
    assert_eq!(sandbox.work().messages().len(), 2);
    // What waits in the spool is delivered whatever becomes of the rules.
    assert_eq!(server.unique_ids(), [b"b".to_vec()]);
    std::fs::remove_file(&lists).expect("the folder is ours");
    // It may be delivered after the listing, so that the run after that deletes it.
    sandbox.fetch().succeeds();
    sandbox.fetch().succeeds();

    assert_eq!(counts(&sandbox), [2, 1, 0]);
    assert_eq!((server.count(), server.log().retrieved.len()), (0, 3));
}

#[test]
fn a_mistake_in_a_rule_is_shown_with_its_line() {
    let server = ModelServer::start(Vec::new());
    for (rules, line, mistake) in [
        (
            "[[accounts.work.rules]]\nif = { subject = '(' }\naction = 'leave'",
            10,
            "pattern that cannot be read, \"(\"",
        ),
        (
            "[[accounts.work.rules]]\naction = 'leaf'",
            10,
            "not \"leave\", \"discard\" or \"delete\" but \"leaf\"",
        ),
        (
            "[[accounts.work.rules]]\nif = { subjekt = 'a' }\naction = 'leave'",
            10,
            "Did you mean \"subject\"?",
        ),
        (
            "[[accounts.work.rules]]\nif = { subject = 'a' }",
            10,
            "a rule that does nothing",
        ),
        (
            "[[accounts.work.rules]]\nif = { subject = 'a' }\ndeliver = 'x'",
            9,
            "there is no such target",
        ),
        (
            "[[accounts.work.rules]]\naction = 'leave'\n[[accounts.work.rules]]\naction = 'leave'",
            9,
            "can never match, number 2",
        ),
    ] {
        let sandbox = account(&server, rules);
        let text = sandbox.fetch().fails_with(78).stderr_text();
        assert!(text.contains(mistake), "{mistake}: {text}");
        assert!(
            text.contains(&format!("config.toml:{line}: ")),
            "{line}: {text}"
        );
    }
}

#[test]
fn a_rule_is_tried_on_a_file() {
    let server = ModelServer::start(Vec::new());
    let sandbox = account(
        &server,
        "[[accounts.work.rules]]\nif = { from = '@spam', size-over = '1 MiB' }\naction = 'delete'\n\
         [[accounts.work.rules]]\nif = { header = 'List-Id', matches = 'rust' }\naction = 'discard'\n",
    );
    let file = sandbox.write(
        "mail",
        "From: joe@spam.example\nList-Id: <rust-dev>\n\nbody\n",
    );

    let said = sandbox
        .mailpull(["rules", "test", "work"])
        .arg(&file)
        .run()
        .succeeds()
        .stdout_text();

    for part in [
        "rule 1 (",
        "config.toml:10) does not match:\n  yes from matches \"@spam\": \"joe@spam.example\"\n",
        "  no  size over 1048576: 53 octets\n",
        "config.toml:13) matches:\n  yes list-id matches \"rust\": \"<rust-dev>\"\n",
        "rule 2 decides: discard\n",
    ] {
        assert!(said.contains(part), "{part}\nin\n{said}");
    }
    sandbox
        .mailpull(["rules", "test", "work", "-"])
        .stdin("Subject: x\n\n")
        .run()
        .succeeds()
        .stdout_has("no rule matches: the message is delivered as usual\n");
}
