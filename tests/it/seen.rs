//! The commands `seen list`, `forget`, `catch-up` and `check`, which inspect and repair the record.

use std::fs;

use rustix::process::Signal;

use crate::support::mail::{note, notes, ordinary};
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::strace::{kill_when_staged, list_of_placed};
use crate::support::tools;

#[test]
fn seen_list_shows_state_size_and_unique_id() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    sandbox.mailpull(["fetch", "--delete"]).run().succeeds();

    let outcome = sandbox.mailpull(["seen", "list", "work"]).run();

    outcome.succeeds();
    outcome.stdout_is("gone 17 octets a\ngone 17 octets b\n");
}

#[test]
fn seen_list_failed_shows_only_failures() {
    let server = ModelServer::start(notes(["a", "b"]));
    server.change(|behaviour| behaviour.refused = vec![b"b".to_vec()]);
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().fails_with(75);

    let outcome = sandbox.mailpull(["seen", "list", "work", "--failed"]).run();

    outcome.succeeds();
    outcome.stdout_is("failed 17 octets b, failed once, the next run tries it again\n");
}

#[test]
fn seen_list_says_why_a_message_stays() {
    let server = ModelServer::start(notes(["refused", "undeletable"]));
    server.change(|behaviour| {
        behaviour.refused = vec![b"refused".to_vec()];
        behaviour.undeletable = vec![b"undeletable".to_vec()];
    });
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    sandbox.fetch().fails_with(75);
    server.add(note("marked"));
    sandbox
        .mailpull(["seen", "catch-up", "work"])
        .run()
        .succeeds();

    let list = |flag| sandbox.mailpull(["seen", "list", "work", flag]).run();

    list("-q").succeeds().stdout_is(
        "seen 27 octets marked, was only marked as seen\n\
         seen 29 octets refused, was only marked as seen\n\
         delivered 37 octets undeletable, the server refused to delete it; the next run tries it again\n",
    );
    let reasons = list("--json").json_lines();
    assert_eq!(
        reasons[2]["stays_because"],
        "the server refused to delete it; the next run tries it again"
    );
}

#[test]
fn seen_list_says_how_long_a_message_stays() {
    let server = ModelServer::start(notes(["a", "b"]));
    server.change(|behaviour| behaviour.refused = vec![b"b".to_vec()]);
    let sandbox = Sandbox::with_work(server.address(), "keep = '14 days'");
    for _ in 0..5 {
        sandbox.fetch();
    }

    let list = sandbox.mailpull(["seen", "list", "work"]).run();

    list.stdout_has("delivered 17 octets a, is kept until 2");
    list.stdout_has(
        "failed 17 octets b, failed 5 times in a row, it is set aside and tried again after 2",
    );
}

#[test]
fn a_forgotten_message_is_fetched_again() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();

    let outcome = sandbox.mailpull(["seen", "forget", "work", "a"]).run();

    outcome.succeeds().is_silent();
    sandbox.fetch().succeeds();
    sandbox.work().holds(&notes(["a", "a", "b"]));
}

#[test]
fn an_unknown_message_cannot_be_forgotten() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    let outcome = sandbox.mailpull(["seen", "forget", "work", "x"]).run();
    outcome.fails_with(64).complains_in_lines(1);
}

#[test]
fn messages_marked_by_catch_up_are_neither_fetched_nor_deleted() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    let outcome = sandbox.mailpull(["seen", "catch-up", "work"]).run();
    outcome.succeeds();
    outcome.stdout_is("work: 2 messages are marked as seen; none was downloaded\n");

    sandbox.mailpull(["fetch", "--delete"]).run().succeeds();

    assert_eq!((server.count(), server.log().count("RETR")), (2, 0));
    assert_eq!(sandbox.work().count("new"), 0);
}

#[test]
fn seen_check_is_silent_about_a_sound_database() {
    let server = ModelServer::start(ordinary(1, 30));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    sandbox
        .mailpull(["seen", "check"])
        .run()
        .succeeds()
        .is_silent();
}

#[test]
fn catch_up_marks_failed_messages_as_seen() {
    let server = ModelServer::start(notes(["a", "b"]));
    server.change(|behaviour| behaviour.refused = vec![b"b".to_vec()]);
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().fails_with(75);

    let outcome = sandbox.mailpull(["seen", "catch-up", "work"]).run();

    outcome.succeeds().stdout_has("work: 1 messages are marked");
    sandbox.fetch().succeeds().is_silent();
}

#[test]
fn seen_forget_accepts_a_unique_id_as_listed() {
    let server = ModelServer::start(notes(["a\\b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    let list = sandbox.mailpull(["seen", "list", "work"]).run();
    list.succeeds().stdout_has("a\\\\b");

    let forgotten = sandbox.mailpull(["seen", "forget", "work", "a\\\\b"]).run();

    forgotten.succeeds().is_silent();
}

#[test]
fn read_only_commands_neither_record_nor_rename_accounts() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    let url = format!("pop://joe@{}", server.address());
    let is_known = || sandbox.mailpull(["log", "work"]).run().status.success();
    let commands = [
        &["check"][..],
        &["fetch", "-n"],
        &["seen", "list", "work"],
        &["seen", "check"],
    ];
    for command in commands {
        sandbox.mailpull(command).run().succeeds();
        assert!(!is_known(), "{command:?} recorded the account");
    }
    let one_shot = ["fetch", &url, "-o", "security=none", "--maildir", "m"];
    let by_url = sandbox.mailpull(one_shot);
    by_url
        .env("MAILPULL_PASSWORD", "open sesame")
        .run()
        .succeeds();
    for command in &commands[..3] {
        let outcome = sandbox.mailpull(*command).run();
        outcome.stderr_has("this mailbox was fetched as joe@127.0.0.1:");
        assert!(!is_known(), "{command:?} renamed the account");
    }

    sandbox.fetch().succeeds().complains_in_lines(1);

    assert!(is_known());
}

/// Makes a sandbox in which a run was killed when its messages were staged and still in tmp/.
fn with_staged_messages() -> (Sandbox, ModelServer) {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    kill_when_staged(&sandbox, &["fetch"], &sandbox.work());
    (sandbox, server)
}

/// Claims that `seen check` reports this of message a, and that it changes nothing.
#[track_caller]
fn check_reports(sandbox: &Sandbox, state: &str) {
    for _ in 0..2 {
        let outcome = sandbox.mailpull(["seen", "check"]).run();
        outcome.succeeds().complains_in_lines(0);
        let printed = outcome.stdout_text();
        let of_a = printed.lines().next().unwrap_or_default();
        assert!(of_a.starts_with("work: message a to "), "{outcome}");
        assert!(of_a.ends_with(&format!(" {state}")), "{outcome}");
    }
}

#[test]
fn seen_check_says_where_a_message_for_a_maildir_is() {
    if tools::find("strace").is_none() {
        return;
    }
    let (sandbox, server) = with_staged_messages();
    let maildir = sandbox.work();
    let file = maildir.files("tmp").remove(0);
    check_reports(&sandbox, "is in tmp/; the next fetch moves it to new/");

    let name = file.file_name().expect("a file has a name");
    fs::rename(&file, maildir.path().join("new").join(name)).expect("the file can be moved");
    check_reports(&sandbox, "is delivered; the next fetch records that");
    maildir.read_all();
    check_reports(&sandbox, "is delivered; the next fetch records that");

    // A run that is killed after it has put the message in its place leaves a list.
    let list = list_of_placed(&maildir.path().join("tmp"), &name.to_string_lossy());
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("Linux has it");
    fs::write(&list, format!("{boot}\n{}\n", name.display())).expect("the file can be written");
    fs::remove_file(maildir.files("cur").remove(0)).expect("the file exists");
    check_reports(
        &sandbox,
        "was taken by a mail reader; the next fetch records that",
    );

    fs::remove_file(&list).expect("the file exists");
    check_reports(
        &sandbox,
        "is gone; unless its Maildir was moved, the next fetch gets it from the server again",
    );
    sandbox.fetch().succeeds().is_silent();
    assert_eq!(server.log().count("RETR"), 3);
    let check = sandbox.mailpull(["seen", "check"]).run();
    check.succeeds().is_silent();
}

#[test]
fn seen_check_says_where_a_message_for_an_mda_is() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "mda = 'false'\nmda-allow-root = true");
    sandbox.fetch().fails_with(74);
    check_reports(
        &sandbox,
        "is in the spool; the next fetch gives it to the MDA",
    );

    let spool = fs::read_dir(sandbox.state().join("spool")).expect("there is a spool");
    for file in spool {
        let file = file.expect("the spool can be read");
        fs::remove_file(file.path()).expect("the file exists");
    }

    check_reports(
        &sandbox,
        "is gone; unless its Maildir was moved, the next fetch gets it from the server again",
    );
}

#[test]
fn seen_check_warns_of_a_possible_delivery_by_an_mda() {
    let keys = "mda = ['sh', '-c', 'kill -9 $PPID']\nmda-allow-root = true";
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), keys);
    sandbox.fetch().is_killed_by(Signal::KILL);
    check_reports(
        &sandbox,
        "is in the spool, and an MDA may have had it; the next fetch gives it to the MDA",
    );
}
