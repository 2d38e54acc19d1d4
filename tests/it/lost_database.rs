//! A database that is lost, or older than the Maildir: the files in the Maildir show which messages
//! were delivered.

use std::fs;
use std::path::PathBuf;

use crate::support::mail::{TestMessage, note, notes, ordinary};
use crate::support::model_server::ModelServer;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::strace::{Threads, points};
use crate::support::tools;

/// Lists the files of the database.
pub(crate) fn database_files(sandbox: &Sandbox) -> Vec<PathBuf> {
    ["seen.db", "seen.db-wal", "seen.db-shm"]
        .map(|name| sandbox.state().join(name))
        .into_iter()
        .filter(|path| path.exists())
        .collect()
}

pub(crate) fn remove_database(sandbox: &Sandbox) {
    for file in database_files(sandbox) {
        fs::remove_file(file).expect("the database exists");
    }
}

/// Copies the database to the folder `backup`.
pub(crate) fn back_up(sandbox: &Sandbox) {
    let backup = sandbox.path("backup");
    fs::create_dir(&backup).expect("the sandbox can be written");
    for file in database_files(sandbox) {
        let name = file.file_name().expect("a file has a name");
        fs::copy(&file, backup.join(name)).expect("the database can be copied");
    }
}

/// Overwrites the database with the copy. The files keep their inodes.
fn restore(sandbox: &Sandbox) {
    for file in database_files(sandbox) {
        let name = file.file_name().expect("a file has a name");
        let copy = sandbox.path("backup").join(name);
        fs::copy(copy, &file).expect("the database can be written");
    }
}

/// Claims that a run reports in one line that `count` messages were recognised.
#[track_caller]
pub(crate) fn recognises(sandbox: &Sandbox, count: usize) {
    let outcome = sandbox.fetch();
    outcome.succeeds().stderr_is(&format!(
        "mailpull: work: the database is new or an older one; messages recognised by their files \
         in {} and not delivered again: {count}\n",
        sandbox.work().path().display()
    ));
}

#[test]
fn delivered_messages_are_recognised_after_losing_the_database() {
    let messages = ordinary(1, 200);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    sandbox.work().read_all();
    server.add(note("new"));
    remove_database(&sandbox);

    recognises(&sandbox, 200);

    sandbox
        .work()
        .holds(&[messages, vec![note("new")]].concat());
    let retrieved = server.log().count("RETR");
    sandbox.fetch().succeeds().is_silent();
    assert_eq!(server.log().count("RETR"), retrieved);
}

#[test]
fn recognised_messages_are_deleted_without_another_retr() {
    let server = ModelServer::start(ordinary(1, 5));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    remove_database(&sandbox);
    recognises(&sandbox, 5);
    let retrieved = server.log().count("RETR");

    let outcome = sandbox.mailpull(["fetch", "--delete"]).run();

    outcome.succeeds().is_silent();
    assert_eq!((server.count(), server.log().count("RETR")), (0, retrieved));
    sandbox.work().holds(&ordinary(1, 5));
}

#[test]
fn the_keep_time_of_recognised_messages_counts_from_delivery() {
    if tools::find("faketime").is_none() {
        return;
    }
    for (later, left) in [("+13d", 5), ("+15d", 0)] {
        let server = ModelServer::start(ordinary(1, 5));
        let sandbox = Sandbox::with_work(server.address(), "keep = '14 days'");
        sandbox.fetch().succeeds();
        remove_database(&sandbox);

        let outcome = sandbox.mailpull_at(later, ["fetch"]).run();

        outcome.succeeds().complains_in_lines(1);
        assert_eq!(server.count(), left, "{later}");
        sandbox.work().holds(&ordinary(1, 5));
    }
}

#[test]
fn messages_delivered_since_the_backup_are_recognised() {
    let server = ModelServer::start(ordinary(1, 3));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    back_up(&sandbox);
    for message in ordinary(2, 4) {
        server.add(message);
    }
    sandbox.fetch().succeeds().is_silent();
    sandbox.work().read_all();
    restore(&sandbox);

    recognises(&sandbox, 4);

    sandbox
        .work()
        .holds(&[ordinary(1, 3), ordinary(2, 4)].concat());
    sandbox.fetch().succeeds().is_silent();
}

#[test]
fn messages_are_recognised_after_restoring_the_state_folder() {
    let server = ModelServer::start(ordinary(1, 3));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    let backup = sandbox.path("backup");
    let copy = |from: PathBuf, to: PathBuf| {
        let mut cp = sandbox.command("cp");
        cp.arg("-a").arg(from).arg(to);
        Program::new(cp).run().succeeds();
    };
    copy(sandbox.state(), backup.clone());
    for message in ordinary(2, 4) {
        server.add(message);
    }
    sandbox.fetch().succeeds().is_silent();
    fs::remove_dir_all(sandbox.state()).expect("there is a state folder");
    copy(backup, sandbox.state());

    recognises(&sandbox, 4);

    sandbox
        .work()
        .holds(&[ordinary(1, 3), ordinary(2, 4)].concat());
}

#[test]
fn a_changed_file_is_not_recognised() {
    for other in [&b"Subject: x\n\nx\n"[..], b"longer than it was", b""] {
        let server = ModelServer::start(notes(["a", "b"]));
        let sandbox = Sandbox::with_work(server.address(), "");
        sandbox.fetch().succeeds();
        for file in sandbox.work().files("new") {
            if fs::read(&file).expect("the file exists") == note("a").stored() {
                fs::write(&file, other).expect("the file can be written");
            }
        }
        remove_database(&sandbox);

        recognises(&sandbox, 1);

        let mut expected = vec![other.to_vec(), note("a").stored(), note("b").stored()];
        expected.sort();
        assert_eq!(sandbox.work().messages(), expected);
        sandbox.fetch().succeeds().is_silent();
    }
}

#[test]
fn header_lines_of_servers_do_not_hide_delivered_messages() {
    let messages = ordinary(1, 5);
    for is_restored in [false, true] {
        let server = ModelServer::start(Vec::new());
        server.change(|behaviour| behaviour.adds_status = true);
        let sandbox = Sandbox::with_work(server.address(), "");
        sandbox.fetch().succeeds();
        back_up(&sandbox);
        for message in messages.clone() {
            server.add(message);
        }
        sandbox.fetch().succeeds().is_silent();
        match is_restored {
            true => restore(&sandbox),
            false => remove_database(&sandbox),
        }

        recognises(&sandbox, 5);

        sandbox.work().holds(&messages);
        sandbox.fetch().succeeds().is_silent();
        sandbox.mailpull(["fetch", "--delete"]).run().succeeds();
        assert_eq!(server.count(), 0);
    }
}

#[test]
fn another_accounts_file_is_not_recognised() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::new();
    sandbox.account("work", server.address(), "");
    let shared = sandbox.work().path().display().to_string();
    sandbox.fetch().succeeds();
    let same = ModelServer::start(notes(["a", "b"]));
    sandbox.account("home", same.address(), &format!("maildir = {shared:?}"));

    sandbox.fetch().succeeds().is_silent();

    let twice = notes(["a", "a", "b", "b"]);
    sandbox.work().holds(&twice);
    remove_database(&sandbox);
    sandbox.fetch().succeeds().complains_in_lines(2);
    sandbox.work().holds(&twice);
}

#[test]
fn one_file_matches_only_one_of_several_identical_messages() {
    let server = ModelServer::start(notes(["a", "a", "a"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    let file = sandbox.work().files("new").remove(1);
    fs::remove_file(file).expect("the file exists");
    remove_database(&sandbox);

    recognises(&sandbox, 2);

    sandbox.work().holds(&notes(["a", "a", "a"]));
    sandbox.fetch().succeeds().is_silent();
    sandbox.mailpull(["fetch", "--delete"]).run().succeeds();
    assert_eq!(server.count(), 0);
}

#[test]
fn messages_left_by_a_limit_are_recognised_next_time() {
    let messages = ordinary(1, 9);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    remove_database(&sandbox);
    for count in [4, 4, 1] {
        let limited = sandbox.mailpull(["fetch", "--max-messages", "4"]).run();
        limited.succeeds().complains_in_lines(1);
        limited.stderr_has(&format!("not delivered again: {count}\n"));
    }
    sandbox.fetch().succeeds().is_silent();
    sandbox.work().holds(&messages);
}

#[test]
fn a_temporarily_refused_message_is_recognised_later() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    remove_database(&sandbox);
    server.change(|behaviour| behaviour.refused = vec![b"b".to_vec()]);
    sandbox.fetch().fails_with(75).complains_in_lines(2);
    server.change(|behaviour| behaviour.refused.clear());

    recognises(&sandbox, 1);

    sandbox.work().holds(&notes(["a", "b"]));
    sandbox.fetch().succeeds().is_silent();
}

#[test]
fn a_delivered_message_over_the_size_limit_is_recognised() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    remove_database(&sandbox);

    let limited = sandbox.mailpull(["fetch", "--max-size", "10"]).run();

    limited.succeeds().complains_in_lines(1);
    sandbox.fetch().succeeds().is_silent();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn a_unique_id_reused_since_the_backup_is_recognised() {
    let message = |body: &str| TestMessage::new("a", format!("Subject: {body}\r\n\r\n{body}\r\n"));
    let [first, second] = ["first", "second"].map(message);
    let server = ModelServer::start(vec![first.clone()]);
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.mailpull(["fetch", "--delete"]).run().succeeds();
    back_up(&sandbox);
    server.add(second.clone());
    sandbox.fetch().succeeds().is_silent();
    restore(&sandbox);

    recognises(&sandbox, 1);

    sandbox.work().holds(&[first, second]);
    sandbox.fetch().succeeds().is_silent();
}

#[test]
fn messages_fetched_by_url_are_recognised_for_the_account() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    let url = format!("pop://joe@{}", server.address());
    let maildir = sandbox.work().path().display().to_string();
    let one_shot = ["fetch", &url, "-o", "security=none", "--maildir", &maildir];
    let by_url = sandbox.mailpull(one_shot);
    by_url
        .env("MAILPULL_PASSWORD", "open sesame")
        .run()
        .succeeds();
    remove_database(&sandbox);

    recognises(&sandbox, 2);

    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn an_ordinary_run_does_not_read_the_maildir() {
    if tools::find("strace").is_none() {
        return;
    }
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    server.add(note("c"));

    let mut calls = Vec::new();
    for threads in [Threads::Main, Threads::Any] {
        server.add(note(&format!("{threads:?}")));
        calls.extend(points(&sandbox, &["fetch"], threads, &["getdents64"]));
    }

    let is_of_maildir = |line: &str| line.contains("/new") || line.contains("/cur");
    let lines: Vec<_> = calls.iter().map(|point| &point.line).collect();
    assert!(!lines.is_empty());
    assert!(!lines.iter().any(|line| is_of_maildir(line)), "{lines:#?}");
}

#[test]
fn messages_delivered_under_former_account_names_are_recognised() {
    let server = ModelServer::start(ordinary(1, 5));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    let maildir = sandbox.work().path().display().to_string();
    for (former, name) in [("work", "job"), ("job", "toil")] {
        let rename = ["account", "rename", former, name];
        sandbox.mailpull(rename).run().succeeds();
    }
    let keys = format!("maildir = {maildir:?}");
    sandbox.config("").account("toil", server.address(), &keys);
    remove_database(&sandbox);

    let outcome = sandbox.fetch();

    outcome.succeeds().stderr_is(&format!(
        "mailpull: toil: the database is new or an older one; messages recognised by their files \
         in {maildir} and not delivered again: 5\n"
    ));
    sandbox.work().holds(&ordinary(1, 5));
}

#[test]
fn spooled_messages_outlive_their_database() {
    for damage in [remove_database, restore] {
        let server = ModelServer::start(Vec::new());
        // The server hides what was retrieved, so nothing can be fetched again.
        server.change(|behaviour| behaviour.part = Some(100));
        let sandbox = Sandbox::new();
        let mda = sandbox.script("mda", "cat >/dev/null; exit 75");
        let keys = format!("mda = [{mda:?}]\nmda-allow-root = true");
        sandbox.account("work", server.address(), &keys);
        sandbox.fetch().succeeds();
        back_up(&sandbox);
        let messages = ordinary(1, 2);
        messages
            .iter()
            .for_each(|message| server.add(message.clone()));
        sandbox.fetch().fails_with(75);
        damage(&sandbox);

        let outcome = sandbox.fetch();

        let spool = sandbox.state().join("spool");
        outcome.succeeds().stderr_is(&format!(
            "mailpull: work: the database is new or an older one; files in {} that it does not \
             know were set aside as *.unknown: 2; deliver each by hand or remove it, as the server \
             may not have it any more\n",
            spool.display()
        ));
        sandbox.fetch().succeeds().is_silent();
        let mut set_aside: Vec<_> = fs::read_dir(&spool)
            .expect("there is a spool")
            .map(|entry| entry.expect("the spool can be read").path())
            .filter(|path| path.extension().is_some_and(|end| end == "unknown"))
            .map(|path| fs::read(path).expect("the file can be read"))
            .collect();
        set_aside.sort();
        let mut expected: Vec<_> = messages.iter().map(TestMessage::stored).collect();
        expected.sort();
        assert_eq!(set_aside, expected);
    }
}
