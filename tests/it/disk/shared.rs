//! Several accounts and databases that use the same folders.

use std::fs;

use rustix::process::Signal;

use crate::support::mail::{TestMessage, ordinary};
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::strace::kill_when_staged;
use crate::support::tools;

/// Two account names whose tags are the same.
const COLLIDING: [&str; 2] = ["box24805", "box41999"];

/// Two configurations with an account of the same name, each with a state folder of its own, that
/// deliver into one Maildir.
struct TwoDatabases {
    messages: [Vec<TestMessage>; 2],
    sandboxes: [Sandbox; 2],
    servers: [ModelServer; 2],
}

impl TwoDatabases {
    fn new() -> Self {
        let messages = [1, 2].map(|seed| ordinary(seed, 5));
        let servers = messages.clone().map(ModelServer::start);
        let first = Sandbox::with_work(servers[0].address(), "keep = false");
        let shared = first.work().path().display().to_string();
        let keys = format!("keep = false\nmaildir = {shared:?}");
        let second = Sandbox::with_work(servers[1].address(), &keys);
        Self {
            messages,
            sandboxes: [first, second],
            servers,
        }
    }

    /// Claims that every message of both servers was delivered once, and fetched once.
    #[track_caller]
    fn are_done(&self) {
        let [first, _] = &self.sandboxes;
        first.work().holds(&self.messages.concat());
        for server in &self.servers {
            assert_eq!((server.count(), server.log().count("RETR")), (0, 5));
        }
    }
}

#[test]
fn another_database_does_not_remove_staged_files() {
    if tools::find("strace").is_none() {
        return;
    }
    let both = TwoDatabases::new();
    let [first, second] = &both.sandboxes;
    kill_when_staged(first, &["fetch"], &first.work());
    assert_eq!(first.work().count("tmp"), 5);

    second.fetch().succeeds();

    assert_eq!(first.work().count("tmp"), 5);
    first.fetch().succeeds().is_silent();
    both.are_done();
}

#[test]
fn two_killed_databases_both_finish_in_one_maildir() {
    if tools::find("strace").is_none() {
        return;
    }
    let both = TwoDatabases::new();
    for sandbox in &both.sandboxes {
        kill_when_staged(sandbox, &["fetch"], &both.sandboxes[0].work());
    }
    for _ in 0..2 {
        for sandbox in &both.sandboxes {
            sandbox.fetch().succeeds();
        }
    }
    both.are_done();
}

/// Two accounts of one configuration whose tags are the same, with the given key for the target of each.
fn colliding(targets: [&str; 2], servers: &[ModelServer; 2], sandbox: &Sandbox) {
    sandbox.config("");
    for ((name, server), target) in COLLIDING.into_iter().zip(servers).zip(targets) {
        let keys = format!("keep = false\nmda-allow-root = true\n{target}");
        sandbox.account(name, server.address(), &keys);
    }
}

#[test]
fn accounts_with_the_same_tag_share_a_maildir() {
    if tools::find("strace").is_none() {
        return;
    }
    let messages = [1, 2].map(|seed| ordinary(seed, 5));
    let servers = messages.clone().map(ModelServer::start);
    let sandbox = Sandbox::new();
    let shared = sandbox.work().path().display().to_string();
    let maildir = format!("maildir = {shared:?}");
    colliding([&maildir; 2], &servers, &sandbox);
    let [first, second] = COLLIDING;
    kill_when_staged(&sandbox, &["fetch", first], &sandbox.work());

    for name in [second, first] {
        sandbox.mailpull(["fetch", name]).run().succeeds();
    }

    sandbox.work().holds(&messages.concat());
    for server in &servers {
        assert_eq!((server.count(), server.log().count("RETR")), (0, 5));
    }
}

#[test]
fn accounts_with_the_same_tag_share_the_spool() {
    let kills = "mda = ['sh', '-c', 'kill -9 $PPID']";
    let works = "mda = ['sh', '-c', 'cat >> ~/got']";
    let messages = [1, 2].map(|seed| ordinary(seed, 5));
    let servers = messages.clone().map(ModelServer::start);
    let sandbox = Sandbox::new();
    colliding([kills, works], &servers, &sandbox);
    let [first, second] = COLLIDING;
    let killed = sandbox.mailpull(["fetch", first]).run();
    killed.is_killed_by(Signal::KILL);

    sandbox.mailpull(["fetch", second]).run().succeeds();
    colliding([works; 2], &servers, &sandbox);
    sandbox.mailpull(["fetch", first]).run().succeeds();

    for server in &servers {
        assert_eq!((server.count(), server.log().count("RETR")), (0, 5));
    }
    let got = fs::read(sandbox.home().join("got")).expect("the MDA wrote it");
    let expected = messages.concat();
    let expected = expected.iter().map(|message| message.stored().len());
    assert_eq!(got.len(), expected.sum::<usize>());
}
