//! A database that is not the last one stays in doubt until everything was recognised: over runs that are
//! interrupted or killed, and over listings with holes.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rusqlite::Connection;
use rustix::process::Signal;

use crate::lost_database::{back_up, database_files, recognises, remove_database};
use crate::support::mail::{TestMessage, note, notes, ordinary};
use crate::support::model_server::ModelServer;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::script::{QUIT, Script};
use crate::support::strace::{Injection, Point, Threads, faulty, kill_when_staged};
use crate::support::tools;

/// Puts the copy of the database back: over the file that is there, as cp(1) does.
fn put_back(sandbox: &Sandbox) {
    for file in database_files(sandbox) {
        let name = file.file_name().expect("a file has a name");
        let copy = sandbox.path("backup").join(name);
        match copy.exists() {
            true => drop(fs::copy(copy, &file).expect("the database can be written")),
            false => fs::remove_file(&file).expect("the file exists"),
        }
    }
}

fn add(server: &ModelServer, messages: &[TestMessage]) {
    for message in messages {
        server.add(message.clone());
    }
}

/// Runs until two messages are in new/, and kills the run.
fn kill_after_two(sandbox: &Sandbox) {
    let point = Point {
        call: "renameat2".to_owned(),
        line: String::new(),
        // Two messages are hidden and shown, and the third one is hidden.
        nth: 6,
        threads: Threads::Any,
    };
    let killed = faulty(sandbox, ["fetch"], &point, Injection::Kill).run();
    killed.is_killed_by(Signal::KILL);
}

/// A session without pipelining in which the server lists these messages, up to the first RETR.
fn listing(unique_ids: &str) -> String {
    let sizes = unique_ids.split(' ').map(|_| "17");
    let sizes = sizes.collect::<Vec<_>>().join(" ");
    format!("login alone\nC: UIDL\nlists {unique_ids}\nC: LIST\nlists {sizes}\n")
}

#[test]
fn an_interrupted_run_does_not_end_the_doubt() {
    let retrieve = |number, id| format!("C: RETR {number}\ngives {id}");
    let first = [listing("a"), retrieve(1, "a"), QUIT.to_owned()].concat();
    // New mail is fetched before old mail is recognised.
    let held = "C: RETR 2\nreached message\nhold message\ngives b";
    let interrupted = [&listing("a b"), held, QUIT].concat();
    let next = [listing("a b"), retrieve(1, "a"), QUIT.to_owned()].concat();
    let server = Script::new(first).then(interrupted).then(next).serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    remove_database(&sandbox);
    let running = sandbox.mailpull(["fetch"]).start();
    server.reached("message");
    running.signal(Signal::INT);
    server.release("message");
    running.wait().is_killed_by(Signal::INT);

    recognises(&sandbox, 1);

    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn a_listing_with_holes_does_not_end_the_doubt() {
    let retrieve = |number, id| format!("C: RETR {number}\ngives {id}");
    let server = Script::new(
        [
            &listing("a b"),
            &*retrieve(1, "a"),
            "\n",
            &retrieve(2, "b"),
            QUIT,
        ]
        .concat(),
    )
    .then([&listing("b"), &*retrieve(1, "b"), QUIT].concat())
    .then(["login alone\nC: UIDL\nlists b\nC: STAT\ncounts 1 17", QUIT].concat())
    .then([&listing("a b"), &*retrieve(1, "a"), QUIT].concat())
    .serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    remove_database(&sandbox);
    recognises(&sandbox, 1);
    sandbox.fetch().succeeds().is_silent();

    recognises(&sandbox, 1);

    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn a_backup_put_back_after_a_killed_run_is_noticed() {
    if tools::find("strace").is_none() {
        return;
    }
    let server = ModelServer::start(ordinary(1, 3));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    back_up(&sandbox);
    for message in ordinary(2, 4) {
        server.add(message);
    }
    kill_after_two(&sandbox);
    put_back(&sandbox);

    recognises(&sandbox, 2);

    let maildir = sandbox.work();
    let expected: Vec<_> = [ordinary(1, 3), ordinary(2, 4)].concat();
    let mut expected: Vec<_> = expected.iter().map(|message| message.stored()).collect();
    expected.sort();
    assert_eq!(maildir.messages(), expected);
    sandbox.fetch().succeeds().is_silent();
}

#[test]
fn a_staged_message_of_a_database_put_back_is_not_repeated() {
    if tools::find("strace").is_none() {
        return;
    }
    for hidden in [false, true] {
        let server = ModelServer::start(notes(["a"]));
        let sandbox = Sandbox::with_work(server.address(), "");
        sandbox.fetch().succeeds();
        server.add(note("b"));
        server.add(note("c"));
        kill_when_staged(&sandbox, &["fetch"], &sandbox.work());
        back_up(&sandbox);
        remove_database(&sandbox);
        // The new database recognises a and fetches b and c once more.
        recognises(&sandbox, 1);
        if hidden {
            sandbox.work().read_all();
        }
        remove_database(&sandbox);
        let backup = sandbox.path("backup");
        let mut cp = sandbox.command("sh");
        cp.args(["-c", "cp \"$0\"/* \"$1\""]);
        cp.arg(backup).arg(sandbox.state());
        Program::new(cp).run().succeeds();

        recognises(&sandbox, 2);

        sandbox.work().holds(&notes(["a", "b", "c"]));
        sandbox.fetch().succeeds().is_silent();
    }
}

#[test]
fn a_copied_state_folder_removes_no_files_of_the_first() {
    if tools::find("strace").is_none() {
        return;
    }
    let server = ModelServer::start(ordinary(1, 3));
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    sandbox.make_known();
    let copy = sandbox.path("copy");
    copy_all(&sandbox, &sandbox.state(), &copy);
    kill_when_staged(&sandbox, &["fetch"], &sandbox.work());
    assert_eq!(sandbox.work().count("tmp"), 3);

    let state = format!("--state-dir={}", copy.display());
    sandbox
        .mailpull(["fetch", "-o", "keep=true", &state])
        .run()
        .succeeds();

    assert_eq!(sandbox.work().count("tmp"), 3);
    let check = sandbox.mailpull(["seen", "check", &state]).run();
    assert_eq!(
        check
            .succeeds()
            .stdout_text()
            .matches("this database does not know ")
            .count(),
        3
    );
    sandbox.fetch().succeeds();
    assert_eq!((server.count(), sandbox.work().count("tmp")), (0, 0));
}

/// Copies the backup over `seen.db` alone, an hour after the last write to `seen.db-wal`.
fn put_back_beside_the_log(sandbox: &Sandbox) {
    let database = sandbox.state().join("seen.db");
    fs::copy(sandbox.path("backup/seen.db"), &database).expect("the database can be written");
    let log = File::options()
        .write(true)
        .open(database.with_extension("db-wal"));
    let earlier = SystemTime::now() - Duration::from_secs(3600);
    log.and_then(|log| log.set_modified(earlier))
        .expect("a killed run leaves its log");
}

#[test]
fn a_backup_put_beside_the_log_of_a_killed_run_repeats_nothing() {
    if tools::find("strace").is_none() {
        return;
    }
    // With the first numbers, the mixture of backup and log looks sound. With the others it is damaged.
    for (backed_up, later) in [(60, 300), (30, 100)] {
        let messages = [ordinary(1, backed_up), ordinary(2, later), ordinary(3, 4)];
        let server = ModelServer::start(messages[0].clone());
        let sandbox = Sandbox::with_work(server.address(), "");
        sandbox.fetch().succeeds();
        back_up(&sandbox);
        add(&server, &messages[1]);
        sandbox.fetch().succeeds();
        add(&server, &messages[2]);
        kill_after_two(&sandbox);
        put_back_beside_the_log(&sandbox);

        let next = sandbox.fetch();

        if next.status.code() == Some(78) {
            next.stderr_has("is damaged").stderr_has(
                "Remove seen.db-wal and seen.db-shm, and put a backup of seen.db in its place.",
            );
            remove_database(&sandbox);
            let database = sandbox.state().join("seen.db");
            fs::copy(sandbox.path("backup/seen.db"), database).expect("it can be written");
            recognises(&sandbox, later + 2);
        }
        let mut expected: Vec<_> = messages.concat().iter().map(TestMessage::stored).collect();
        expected.sort();
        let delivered = sandbox.work().messages();
        assert!(delivered == expected, "{} messages", delivered.len());
        sandbox.fetch().succeeds().is_silent();
    }
}

#[test]
fn a_whole_state_folder_restored_in_place_is_noticed() {
    let server = ModelServer::start(ordinary(1, 3));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    let backup = sandbox.path("backup");
    copy_all(&sandbox, &sandbox.state(), &backup);
    // The backup is a day old when it is restored.
    let aged = Connection::open(backup.join("seen.db")).and_then(|database| {
        database.execute_batch("UPDATE account SET lock_changed = lock_changed - 24 * 3600")
    });
    aged.expect("the backup can be written");
    add(&server, &ordinary(2, 4));
    sandbox.fetch().succeeds().is_silent();

    copy_all(&sandbox, &backup.join("."), &sandbox.state());

    recognises(&sandbox, 4);
    sandbox
        .work()
        .holds(&[ordinary(1, 3), ordinary(2, 4)].concat());
    sandbox.fetch().succeeds().is_silent();
}

fn copy_all(sandbox: &Sandbox, from: &Path, to: &Path) {
    let mut cp = sandbox.command("cp");
    cp.arg("-a").arg(from).arg(to);
    Program::new(cp).run().succeeds();
}
