//! Other programs that hold a lock on the file.

use std::fs;

use rustix::fs::{FlockOperation, fcntl_lock};

use super::configure;
use crate::support::mail::notes;
use crate::support::mbox::MboxView;
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;

/// An account whose mbox has a message.
fn prepare() -> (ModelServer, Sandbox, MboxView) {
    let pop3 = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    configure(&sandbox, &pop3, "");
    sandbox.write("home/mbox", "From x\n\n\n");
    let mbox = MboxView::of(&sandbox);
    (pop3, sandbox, mbox)
}

#[test]
fn the_lock_of_another_program_is_respected() {
    let (_pop3, sandbox, mbox) = prepare();
    let file = fs::File::options().write(true).open(mbox.path());
    let file = file.expect("it is there");
    fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).expect("nobody has the lock");
    let outcome = sandbox.mailpull(["account", "test", "work"]).run();
    outcome
        .fails_with(75)
        .stderr_has("/mbox is locked by another program (by fcntl)");
    assert_eq!(mbox.locks(), [""; 0]);
}

#[test]
fn the_lock_file_of_another_program_is_respected() {
    for text in ["", "0", "1234\n", "1234\nother\n"] {
        let (_pop3, sandbox, mbox) = prepare();
        sandbox.write("home/mbox.lock", text);
        let outcome = sandbox.mailpull(["account", "test", "work"]).run();
        outcome.fails_with(75).stderr_has(
            "/mbox is locked by another program (its lock file is there). If no program uses it any \
             more, remove ",
        );
        assert_eq!(mbox.locks(), ["mbox.lock"]);
    }
}

#[test]
fn the_lock_file_of_a_killed_run_is_taken_over() {
    let (_pop3, sandbox, mbox) = prepare();
    sandbox.write("home/mbox.lock", "1234\nmailpull\n");
    sandbox.write("home/.mbox.lock.new", "1234\nmail");
    sandbox.fetch().succeeds().is_silent();
    assert_eq!(mbox.messages().len(), 2);
    assert_eq!(mbox.locks(), [""; 0]);
}

#[test]
fn a_lock_file_is_not_needed_where_it_is_switched_off() {
    let (pop3, sandbox, mbox) = prepare();
    let keys = format!("mbox = {:?}\nmbox-lock = \"fcntl\"", mbox.path());
    sandbox.config("").account("work", pop3.address(), &keys);
    sandbox.write("home/mbox.lock", "1234\nother\n");
    sandbox.fetch().succeeds().is_silent();
    assert_eq!(mbox.messages().len(), 2);
}

#[test]
fn two_accounts_of_a_run_write_one_after_the_other() {
    let sandbox = Sandbox::new();
    let mbox = MboxView::of(&sandbox);
    let ids = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let servers: Vec<_> = (0..4).map(|_| ModelServer::start(notes(ids))).collect();
    for (n, server) in servers.iter().enumerate() {
        let keys = format!("mbox = {:?}\nkeep = false", mbox.path());
        sandbox.account(&format!("account-{n}"), server.address(), &keys);
    }
    sandbox.fetch().succeeds().is_silent();
    let mut messages = mbox.messages();
    messages.sort();
    let count = messages.len();
    messages.dedup();
    assert_eq!((count, messages.len()), (4 * ids.len(), ids.len()));
    assert_eq!(mbox.locks(), [""; 0]);
}
