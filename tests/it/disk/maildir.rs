//! Maildirs that are unsuitable, which is found out before the server is contacted.

use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::Path;

use rustix::process::Signal;

use crate::support::mail::{notes, ordinary};
use crate::support::maildir::{MaildirView, mode};
use crate::support::model_server::ModelServer;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::strace::{Injection, Point, Threads, faulty, points};
use crate::support::tools;

const WRITABLE: &str = "the sandbox is writable";
const PARENT: &str = "an absolute path has a parent";

/// Fetches into the Maildir that `prepare` made unsuitable. Claims an error and no connection.
#[track_caller]
fn is_refused(status: i32, error: &str, sandbox: &Sandbox, prepare: impl FnOnce(&Path)) {
    let server = ModelServer::start(ordinary(1, 1));
    sandbox.config("").account("work", server.address(), "");
    let maildir = sandbox.maildir("work");
    prepare(maildir.path());
    sandbox
        .mailpull(["fetch"])
        .run()
        .fails_with(status)
        .complains_in_lines(1)
        .stderr_has(&maildir.path().display().to_string())
        .stderr_has(error);
    assert_eq!(server.log().sessions, 0);
}

#[test]
fn a_path_that_cannot_be_a_maildir_is_refused() {
    let file = Sandbox::new();
    is_refused(73, "cannot create ", &file, |path| {
        file.write(path, "a file");
    });
    let other = Sandbox::new();
    is_refused(78, "is not a Maildir", &other, |path| {
        other.write(path.join("report.odt"), "work");
    });
    let orphan = Sandbox::new();
    is_refused(73, "Create it first: mkdir -p ", &orphan, |path| {
        fs::remove_dir(path.parent().expect(PARENT)).expect("the folder is empty");
    });
    is_refused(73, "cannot create ", &Sandbox::new(), |path| {
        fs::remove_dir(path.parent().expect(PARENT)).expect("the folder is empty");
    });
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_maildir_owned_by_another_user_is_refused() {
    tools::require_root();
    const OTHER_USER: Option<u32> = Some(61_222);
    let theirs = Sandbox::new();
    is_refused(78, "belongs to user 61222", &theirs, |path| {
        fs::create_dir(path).expect(WRITABLE);
        lchown(path, OTHER_USER, OTHER_USER).expect("root may change owners");
    });
    let linked = Sandbox::new();
    is_refused(78, "belongs to user 61222", &linked, |path| {
        let elsewhere = linked.path("elsewhere");
        fs::create_dir(&elsewhere).expect(WRITABLE);
        symlink(&elsewhere, path).expect(WRITABLE);
        lchown(path, OTHER_USER, OTHER_USER).expect("root may change owners");
    });
}

#[test]
fn an_unwritable_maildir_is_refused_before_connecting() {
    for folder in ["tmp", "new"] {
        let sandbox = Sandbox::unprivileged();
        is_refused(73, folder, &sandbox, |path| {
            let mut command = sandbox.command("mkdir");
            command
                .arg("-p")
                .args(["tmp", "new", "cur"].map(|folder| path.join(folder)));
            Program::new(command).run().succeeds();
            let read_only = fs::Permissions::from_mode(0o500);
            fs::set_permissions(path.join(folder), read_only).expect("mkdir created the folder");
        });
    }
    let sandbox = Sandbox::unprivileged();
    is_refused(73, "Permission denied", &sandbox, |path| {
        let read_only = fs::Permissions::from_mode(0o500);
        let parent = path.parent().expect(PARENT);
        fs::set_permissions(parent, read_only).expect("the sandbox has a folder for mail");
    });
}

#[test]
fn a_maildir_with_linked_folders_is_refused() {
    for folder in ["tmp", "new", "cur"] {
        let sandbox = Sandbox::new();
        let elsewhere = sandbox.path("elsewhere");
        fs::create_dir(&elsewhere).expect(WRITABLE);
        is_refused(73, folder, &sandbox, |path| {
            MaildirView::at(path).make();
            fs::remove_dir(path.join(folder)).expect("the new folder is empty");
            symlink(&elsewhere, path.join(folder)).expect(WRITABLE);
        });
        assert_eq!(
            fs::read_dir(&elsewhere).expect("the folder exists").count(),
            0
        );
    }
}

#[test]
fn a_half_made_maildir_is_completed() {
    let messages = ordinary(1, 2);
    let server = ModelServer::start(messages.clone());
    for made in [&[][..], &["tmp"], &["tmp", "new"], &["cur"]] {
        let sandbox = Sandbox::new();
        sandbox.account("work", server.address(), "");
        let maildir = sandbox.maildir("work");
        fs::create_dir(maildir.path()).expect(WRITABLE);
        for folder in made {
            fs::create_dir(maildir.path().join(folder)).expect(WRITABLE);
        }
        sandbox.mailpull(["fetch"]).run().succeeds();
        maildir.holds(&messages);
    }
}

#[test]
fn maildir_and_state_are_private_under_any_umask() {
    let messages = ordinary(1, 2);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    sandbox.account("work", server.address(), "");
    let mut command = sandbox.command("sh");
    command
        .args(["-c", "umask 0; exec \"$0\" fetch"])
        .arg(sandbox.program());
    Program::new(command).run().succeeds();
    let maildir = sandbox.maildir("work");
    maildir.holds(&messages);
    assert_eq!(maildir.modes(), [0o600]);
    for folder in ["", "tmp", "new", "cur"] {
        assert_eq!(mode(&maildir.path().join(folder)), 0o700, "{folder}");
    }
    for (path, expected) in [
        ("", 0o700),
        ("spool", 0o700),
        ("locks", 0o700),
        ("seen.db", 0o600),
    ] {
        assert_eq!(mode(&sandbox.state().join(path)), expected, "{path}");
    }
}

#[test]
fn only_the_accounts_own_leftovers_are_removed_from_tmp() {
    let messages = ordinary(1, 1);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    sandbox.account("work", server.address(), "");
    sandbox.mailpull(["fetch"]).run().succeeds();
    let maildir = sandbox.maildir("work");
    let delivered = maildir.files("new").remove(0);
    let name = delivered.file_name().expect("a file has a name");
    let ours = format!("1{}", name.display());
    // The account's mark follows "R", and its tag "_mp".
    let (before, after) = ours.split_once("_mp").expect("a file name has a tag");
    let (time, mark) = before.split_once('R').expect("a file name has a mark");
    let (_, pid) = time.split_once('P').expect("a file name has a process id");
    let (pid, _) = pid.split_once('Q').expect("a file name has a counter");
    let (identity, _) = after.rsplit_once('.').expect("a file name has a host");
    let proof = format!(".mailpull-{mark}.placed");
    let of_a_running_process = ours.replacen(&format!("P{pid}Q"), "P1Q", 1);
    let of_another_host = format!("{before}_mp{identity}.elsewhere");
    let of_another_database = format!("{time}R{}_mp{after}", "0f".repeat(16));
    let of_version_0_1_0 = format!("{time}R0123456789abcdef_mp{after}");
    let kept = ["1.M2P3.host", &of_another_database, &of_version_0_1_0];
    let removed = [&ours, &proof, &of_a_running_process, &of_another_host];
    for name in removed.into_iter().map(String::as_str).chain(kept) {
        sandbox.write(maildir.path().join("tmp").join(name), "half a mess");
    }
    sandbox.mailpull(["fetch"]).run().succeeds();
    let left = maildir.files("tmp");
    let mut left: Vec<_> = left
        .iter()
        .map(|path| path.file_name().expect("a file has a name"))
        .collect();
    left.sort_unstable();
    let mut expected = kept;
    expected.sort_unstable();
    assert_eq!(left, expected);
}

/// Returns the calls of a run that flush one of these folders.
fn flushes(sandbox: &Sandbox, folders: [&str; 2]) -> Vec<Point> {
    let mut flushes = points(sandbox, &["fetch"], Threads::Main, &["fsync"]);
    flushes.retain(|point| folders.iter().any(|end| point.line.contains(end)));
    flushes
}

#[test]
fn folders_of_a_killed_run_are_flushed_by_the_next() {
    if tools::find("strace").is_none() {
        return;
    }
    for folders in [["/Mail/work>", "/Mail>"], ["/state/mailpull>", "/state>"]] {
        let server = ModelServer::start(ordinary(1, 1));
        let new = || Sandbox::with_work(server.address(), "");
        let all = flushes(&new(), folders);
        assert!(all.len() >= 2, "{all:#?}");
        let sandbox = new();
        let killed = faulty(&sandbox, ["fetch"], &all[0], Injection::Kill).run();
        killed.is_killed_by(Signal::KILL);

        let next = flushes(&sandbox, folders);

        for folder in folders {
            let is_it = |point: &Point| point.line.contains(folder);
            assert!(next.iter().any(is_it), "{folder}: {next:#?}");
        }
        // SQLite flushes the state folder by itself.
        if folders[0].contains("Mail") {
            assert_eq!(flushes(&sandbox, folders), []);
        }
        sandbox.work().holds(&ordinary(1, 1));
    }
}

/// A run that is killed before it has flushed a new Maildir and its parent leaves that to the next run.
#[test]
fn a_new_maildir_is_flushed_also_after_a_kill() {
    let new_account = || {
        let server = ModelServer::start(notes(["a"]));
        let sandbox = Sandbox::with_work(server.address(), "");
        (sandbox, server)
    };
    let is_flush = |sandbox: &Sandbox, point: &Point| {
        let maildir = sandbox.path("home/Mail/work");
        let folders = [maildir.as_path(), maildir.parent().expect("it has one")];
        let is_of = |folder: &Path| point.line.contains(&format!("{}>)", folder.display()));
        folders.into_iter().any(is_of)
    };
    let flushes = |sandbox: &Sandbox| {
        let mut points = points(sandbox, &["fetch"], Threads::Main, &["fsync"]);
        points.retain(|point| is_flush(sandbox, point));
        points
    };
    let (usual, _server) = new_account();
    let points = flushes(&usual);
    assert_eq!(points.len(), 2, "the Maildir and its parent");
    for point in points {
        let (sandbox, _server) = new_account();
        faulty(&sandbox, ["fetch"], &point, Injection::Kill)
            .run()
            .is_killed_by(Signal::KILL);

        assert_eq!(flushes(&sandbox).len(), 2, "{point}");

        sandbox.work().holds(&notes(["a"]));
        assert_eq!(flushes(&sandbox).len(), 0, "once is enough");
    }
}
