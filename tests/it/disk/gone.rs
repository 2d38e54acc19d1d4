//! Maildirs to which messages were delivered, and that are gone: their disk may not be mounted.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::mail::{note, notes, ordinary};
use crate::support::model_server::ModelServer;
use crate::support::mount::Tmpfs;
use crate::support::outcome::RunOutcome;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::strace::kill_when_staged;
use crate::support::tools;

/// Claims that a run ended because the Maildir is gone, and that nothing was asked of the server or made.
/// Returns the command that the hint shows.
#[track_caller]
fn is_gone(outcome: &RunOutcome, maildir: &Path, server: &ModelServer, sessions: usize) -> String {
    outcome
        .fails_with(73)
        .complains_in_lines(1)
        .stderr_has(&format!("the Maildir {} is gone", maildir.display()));
    assert_eq!(server.log().sessions, sessions);
    assert!(!maildir.join("new").exists());
    let text = outcome.stderr_text();
    let (_, command) = text
        .split_once("To begin with a new Maildir: ")
        .expect("a hint");
    command.trim().to_owned()
}

fn remove(folder: &Path) {
    fs::remove_dir_all(folder).expect("the folder exists");
}

fn empty(folder: &Path) {
    remove(folder);
    fs::create_dir(folder).expect("the parent exists");
}

#[test]
fn a_maildir_that_is_gone_is_not_made_again() {
    let states: [fn(&Path); 3] = [remove, empty, |path| {
        remove(path.parent().expect("it has a parent"));
    }];
    for state in states {
        let server = ModelServer::start(notes(["a"]));
        let sandbox = Sandbox::new();
        let maildir = sandbox.home().join("disk/my mail");
        fs::create_dir_all(maildir.parent().expect("it has a parent")).expect("a new folder");
        let keys = format!(
            "maildir = {:?}\nkeep = false",
            maildir.display().to_string()
        );
        sandbox.account("work", server.address(), &keys);
        sandbox.fetch().succeeds();
        server.add(note("b"));
        state(&maildir);

        let command = is_gone(&sandbox.fetch(), &maildir, &server, 1);

        assert_eq!(server.count(), 1);
        let mut shell = sandbox.command("sh");
        shell.arg("-c").arg(command);
        Program::new(shell).run().succeeds();
        sandbox.fetch().succeeds().is_silent();
        assert_eq!(
            fs::read_dir(maildir.join("new"))
                .expect("it was made")
                .count(),
            1
        );
        assert_eq!(server.count(), 0);
    }
}

#[test]
fn a_maildir_of_the_command_line_is_remembered_too() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    let other = sandbox.home().join("other");
    let words = ["fetch", "-o", &format!("maildir={}", other.display())];
    sandbox.mailpull(words).run().succeeds();
    fs::remove_dir_all(&other).expect("the Maildir exists");
    server.add(note("b"));

    is_gone(&sandbox.mailpull(words).run(), &other, &server, 1);

    // Nothing was ever delivered to the configured Maildir.
    sandbox.fetch().succeeds().is_silent();
    sandbox.work().holds(&notes(["b"]));
}

#[test]
fn a_maildir_is_remembered_longer_than_its_deliveries() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    sandbox
        .mailpull(["seen", "forget", "work", "a"])
        .run()
        .succeeds();
    let maildir: PathBuf = sandbox.work().path().to_owned();
    fs::remove_dir_all(&maildir).expect("the Maildir exists");

    is_gone(&sandbox.fetch(), &maildir, &server, 1);
}

#[test]
fn staged_messages_wait_until_their_maildir_is_back() {
    if tools::find("strace").is_none() {
        return;
    }
    let messages = ordinary(1, 3);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    kill_when_staged(&sandbox, &["fetch"], &sandbox.work());
    let maildir: PathBuf = sandbox.work().path().to_owned();
    let away = sandbox.home().join("away");
    fs::rename(&maildir, &away).expect("the Maildir exists");

    is_gone(&sandbox.fetch(), &maildir, &server, 1);

    fs::rename(&away, &maildir).expect("the Maildir exists");
    sandbox.fetch().succeeds().is_silent();
    sandbox.work().holds(&messages);
    assert_eq!((server.count(), server.log().count("RETR")), (0, 3));
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn an_unmounted_disk_gets_no_new_maildir_below_it() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    let maildir: PathBuf = sandbox.work().path().to_owned();
    fs::create_dir(&maildir).expect("the parent exists");
    let Some(disk) = Tmpfs::mount(&maildir, "mode=0700,size=4m") else {
        return;
    };
    sandbox.fetch().succeeds();
    server.add(note("b"));
    drop(disk);

    is_gone(&sandbox.fetch(), &maildir, &server, 1);

    assert_eq!(server.count(), 1);
}
