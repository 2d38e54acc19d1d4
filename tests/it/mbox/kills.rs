//! Kills in runs that deliver to an mbox file. Each message is there once in the end, whole.

use std::fs;

use super::configure;
use crate::support::cost::Cost;
use crate::support::mail::{TestMessage, letters};
use crate::support::mbox::MboxView;
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::strace::{Injection, Point, Threads, faulty, points, sample};
use crate::support::sweep::{Allowed, Sweep};
use crate::support::tools;

const MESSAGES: usize = 5;

/// The system calls by which messages are written, recorded and removed, and the file is locked.
const CALLS: [&str; 10] = [
    "fcntl",
    "fsync",
    "ftruncate",
    "lseek",
    "openat",
    "pwrite64",
    "renameat2",
    "syncfs",
    "unlinkat",
    "write",
];

struct MboxSetup {
    messages: Vec<TestMessage>,
    sandbox: Sandbox,
    pop3: ModelServer,
}

impl MboxSetup {
    fn new() -> Self {
        let mut messages = letters(1, MESSAGES, |random| random.between(2000..=6000));
        // It is written in several pieces.
        messages.extend(letters(2, 1, |_| 2_500_000));
        let pop3 = ModelServer::start(messages.clone());
        let sandbox = Sandbox::new();
        configure(&sandbox, &pop3, "keep = false");
        sandbox.make_known();
        Self {
            messages,
            sandbox,
            pop3,
        }
    }
}

fn try_at(sweep: &mut Sweep, point: &Point) {
    let MboxSetup {
        messages,
        sandbox,
        pop3,
    } = MboxSetup::new();
    let killed = faulty(&sandbox, ["fetch"], point, Injection::Kill).run();
    sweep.count_run(point, !killed.status.success());
    sandbox.wait_for_all_processes();
    for _ in 0..2 {
        sandbox.fetch().succeeds().is_silent();
    }
    let mbox = MboxView::of(&sandbox);
    let files = mbox.messages();
    let is_copy = |file: &[u8], stored: &[u8]| file == stored;
    let cost = Cost::of_files(&messages, &files, is_copy, &pop3.unique_ids());
    sweep.add(point, cost, Allowed::default());
    let log = sandbox.mailpull(["log"]).run();
    log.succeeds().never_says("possibly delivered before");
    if !mbox.locks().is_empty() {
        sweep.problem(point, format_args!("{:?} are left", mbox.locks()));
    }
    let spool = fs::read_dir(sandbox.state().join("spool"));
    if spool.expect("a run made the spool").next().is_some() {
        sweep.problem(point, "the spool is not empty");
    }
}

#[test]
fn a_kill_with_an_mbox_loses_and_repeats_nothing() {
    if tools::find("strace").is_none() {
        return;
    }
    let mut sweep = Sweep::new("kill, mbox");
    let setup = MboxSetup::new();
    let all = points(&setup.sandbox, &["fetch"], Threads::Any, &CALLS);
    for point in sample(&all, 4) {
        try_at(&mut sweep, &point);
    }
    sweep.finish();
}
