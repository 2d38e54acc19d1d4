//! What a Maildir must be, found out before the server hears of it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::Path;

use crate::support::mail::ordinary;
use crate::support::maildir::{Maildir, mode};
use crate::support::model_server::ModelServer;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::tools::{self, is_root};

/// Fetches into the Maildir that `prepare` spoils, and claims that no connection was made.
#[track_caller]
fn is_refused(status: i32, said: &str, sandbox: &Sandbox, prepare: impl FnOnce(&Path)) {
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
        .stderr_has(said);
    assert_eq!(server.log().sessions, 0);
}

#[test]
fn a_path_that_cannot_be_a_maildir_is_refused() {
    let file = Sandbox::new();
    is_refused(73, "cannot create ", &file, |path| {
        file.write(path, "a file");
    });
    let other = Sandbox::new();
    is_refused(78, "is no Maildir", &other, |path| {
        other.write(path.join("report.odt"), "work");
    });
    let orphan = Sandbox::new();
    is_refused(73, "make it first: mkdir -p ", &orphan, |path| {
        fs::remove_dir(path.parent().expect("it has one")).expect("it can be removed");
    });
    // Said once.
    is_refused(73, "cannot create ", &Sandbox::new(), |path| {
        fs::remove_dir(path.parent().expect("it has one")).expect("it can be removed");
    });
}

#[test]
fn a_maildir_owned_by_another_user_is_refused() {
    if !is_root() {
        tools::announce("skipped: only root can give files away");
        return;
    }
    const SOMEBODY: Option<u32> = Some(61_222);
    let theirs = Sandbox::new();
    is_refused(78, "belongs to user 61222", &theirs, |path| {
        fs::create_dir(path).expect("it can be made");
        lchown(path, SOMEBODY, SOMEBODY).expect("root may give it away");
    });
    let linked = Sandbox::new();
    is_refused(78, "belongs to user 61222", &linked, |path| {
        let elsewhere = linked.path("elsewhere");
        fs::create_dir(&elsewhere).expect("it can be made");
        symlink(&elsewhere, path).expect("it can be linked");
        lchown(path, SOMEBODY, SOMEBODY).expect("root may give it away");
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
            fs::set_permissions(path.join(folder), read_only).expect("it is there");
        });
    }
    let sandbox = Sandbox::unprivileged();
    is_refused(73, "Permission denied", &sandbox, |path| {
        let read_only = fs::Permissions::from_mode(0o500);
        let parent = path.parent().expect("it has one");
        fs::set_permissions(parent, read_only).expect("it is there");
    });
}

#[test]
fn a_maildir_with_linked_folders_is_refused() {
    for folder in ["tmp", "new", "cur"] {
        let sandbox = Sandbox::new();
        let elsewhere = sandbox.path("elsewhere");
        fs::create_dir(&elsewhere).expect("it can be made");
        is_refused(73, folder, &sandbox, |path| {
            Maildir::at(path).make();
            fs::remove_dir(path.join(folder)).expect("it is empty");
            symlink(&elsewhere, path.join(folder)).expect("it can be made");
        });
        assert_eq!(fs::read_dir(&elsewhere).expect("it is there").count(), 0);
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
        fs::create_dir(maildir.path()).expect("it can be made");
        for folder in made {
            fs::create_dir(maildir.path().join(folder)).expect("it can be made");
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
    let (before, after) = ours.split_once("_mp").expect("it has a tag");
    let another_accounts = format!("{before}_mp00000000{}", &after[8..]);
    for name in [&ours, &another_accounts, "1.M2P3.host"] {
        sandbox.write(maildir.path().join("tmp").join(name), "half a mess");
    }
    sandbox.mailpull(["fetch"]).run().succeeds();
    let left = maildir.files("tmp");
    let left: Vec<_> = left
        .iter()
        .map(|path| path.file_name().expect("a name"))
        .collect();
    let mut expected = ["1.M2P3.host", &another_accounts];
    expected.sort_unstable();
    assert_eq!(left, expected);
}
