//! Kills in runs that deliver to a Maildir. In some tests a mail reader works on it before the next
//! run.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use rustix::process::Signal;

use crate::support::cost::Cost;
use crate::support::mail::{TestMessage, ordinary};
use crate::support::model_server::ModelServer;
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;
use crate::support::strace::{Injection, Point, Threads, faulty, points, sample};
use crate::support::sweep::{Allowed, Sweep};
use crate::support::tools;

/// More messages than a batch holds, so that one batch is settled while the next one arrives.
const MESSAGES: usize = 140;

/// The system calls that change something, and the one with which SQLite locks. A kill before each
/// call is also a kill after the call before it.
const CALLS: [&str; 11] = [
    "fcntl",
    "fsync",
    "ftruncate",
    "mkdir",
    "openat",
    "pwrite64",
    "renameat2",
    "syncfs",
    "unlink",
    "unlinkat",
    "write",
];

/// The events between the kill and the next run.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Meanwhile {
    Nothing,
    /// A mail reader moves every message to cur/ and deletes some of them.
    ReaderAtWork,
}

struct MaildirSetup {
    keep: &'static str,
    messages: Vec<TestMessage>,
    sandbox: Sandbox,
    server: ModelServer,
}

impl MaildirSetup {
    /// Prepares an account that was never fetched. For the points of all threads but the first, the
    /// account is known and its Maildir exists, so that the first thread writes nothing before them.
    fn new(keep: &'static str, threads: Threads) -> Self {
        let messages = ordinary(1, MESSAGES);
        let server = ModelServer::start(messages.clone());
        let sandbox = Sandbox::new();
        sandbox.account("work", server.address(), keep);
        if threads == Threads::Any {
            sandbox.make_known();
            sandbox.maildir("work").make();
        }
        Self {
            keep,
            messages,
            sandbox,
            server,
        }
    }
}

fn sweep(name: &'static str, keep: &'static str, meanwhile: Meanwhile, samples: usize) {
    if tools::find("strace").is_none() {
        return;
    }
    let mut sweep = Sweep::new(name);
    for threads in [Threads::Main, Threads::Any] {
        let setup = MaildirSetup::new(keep, threads);
        let all = points(&setup.sandbox, &["fetch"], threads, &CALLS);
        for point in sample(&all, samples) {
            try_at(&mut sweep, &point, keep, meanwhile);
        }
    }
    sweep.finish();
}

fn try_at(sweep: &mut Sweep, point: &Point, keep: &'static str, meanwhile: Meanwhile) {
    let setup = MaildirSetup::new(keep, point.threads);
    let killed = faulty(&setup.sandbox, ["fetch"], point, Injection::Kill).run();
    sweep.count_run(point, was_killed(&killed));
    finish(sweep, point, &setup, meanwhile);
}

/// Runs once more and counts the messages that were delivered and those left on the server.
fn finish(sweep: &mut Sweep, point: &Point, setup: &MaildirSetup, meanwhile: Meanwhile) {
    let maildir = setup.sandbox.maildir("work");
    let deleted = match meanwhile {
        Meanwhile::Nothing => Vec::new(),
        Meanwhile::ReaderAtWork => maildir.read_all_and_delete_every(3),
    };
    let next = setup.sandbox.mailpull(["fetch"]).run();
    next.succeeds().is_silent();
    let there = [maildir.messages(), deleted].concat();
    let listed = setup.server.unique_ids();
    let cost = Cost::of_files(&setup.messages, &there, <[u8]>::eq, &listed);
    let kept = if setup.keep == "keep = false" {
        0
    } else {
        MESSAGES
    };
    let allowed = Allowed {
        duplicated: 0,
        kept,
    };
    sweep.add(point, cost, allowed);
    if maildir.count("tmp") > 0 {
        sweep.problem(point, "tmp/ is not empty");
    }
}

fn was_killed(outcome: &RunOutcome) -> bool {
    if outcome.status.success() {
        return false;
    }
    outcome.is_killed_by(Signal::KILL);
    true
}

/// Prepares a Maildir after a run that was killed when half of its first batch was in new/.
fn half_delivered() -> MaildirSetup {
    let setup = MaildirSetup::new("keep = false", Threads::Any);
    let point = Point {
        call: "renameat2".to_owned(),
        line: String::new(),
        // Each message is renamed twice: the first 59 are shown, and the next one is hidden.
        nth: 2 * 60,
        threads: Threads::Any,
    };
    let killed = faulty(&setup.sandbox, ["fetch"], &point, Injection::Kill).run();
    killed.is_killed_by(Signal::KILL);
    let maildir = setup.sandbox.maildir("work");
    assert!(maildir.count("new") == 59 && !maildir.hidden().is_empty());
    setup
}

#[test]
fn a_kill_during_recovery_neither_loses_nor_repeats_mail() {
    if tools::find("strace").is_none() {
        return;
    }
    let mut sweep = Sweep::new("two kills, Maildir, deleted");
    let all = points(&half_delivered().sandbox, &["fetch"], Threads::Main, &CALLS);
    for point in sample(&all, 3) {
        let setup = half_delivered();
        let killed = faulty(&setup.sandbox, ["fetch"], &point, Injection::Kill).run();
        sweep.count_run(&point, was_killed(&killed));
        finish(&mut sweep, &point, &setup, Meanwhile::ReaderAtWork);
    }
    sweep.finish();
}

#[test]
fn mail_read_after_a_kill_is_recognised_days_later() {
    if tools::find("strace").is_none() || tools::find("faketime").is_none() {
        return;
    }
    let setup = half_delivered();
    let maildir = setup.sandbox.maildir("work");
    // One in ten of the 59.
    let deleted = maildir.read_all_and_delete_every(10);
    assert_eq!(deleted.len(), 6);
    let next = setup.sandbox.mailpull_at("+2d", ["fetch"]).run();
    next.succeeds().is_silent();
    let there = [maildir.messages(), deleted].concat();
    assert_eq!(there.len(), setup.messages.len());
    assert_eq!((setup.server.count(), maildir.count("tmp")), (0, 0));
}

#[test]
fn a_moved_maildir_after_a_kill_neither_loses_nor_repeats_mail() {
    if tools::find("strace").is_none() {
        return;
    }
    let setup = half_delivered();
    let deleted = setup.sandbox.maildir("work").read_all_and_delete_every(10);
    let moved = setup.sandbox.maildir("moved");
    fs::rename(setup.sandbox.maildir("work").path(), moved.path()).expect("the Maildir exists");
    let extra = format!("maildir = {:?}\nkeep = false", moved.path());
    setup
        .sandbox
        .config("")
        .account("work", setup.server.address(), &extra);
    setup.sandbox.fetch().succeeds().is_silent();
    let mut there = [moved.messages(), deleted].concat();
    let mut sent: Vec<_> = setup.messages.iter().map(TestMessage::stored).collect();
    there.sort();
    sent.sort();
    assert!(there == sent, "{} messages", there.len());
    assert_eq!((setup.server.count(), moved.count("tmp")), (0, 0));
    assert_eq!(moved.hidden(), Vec::<PathBuf>::new());
}

#[test]
fn a_kill_neither_loses_nor_repeats_mail_that_is_kept() {
    sweep("kill, Maildir, kept", "keep = true", Meanwhile::Nothing, 4);
}

#[test]
fn a_kill_neither_loses_nor_repeats_mail_that_is_deleted() {
    sweep(
        "kill, Maildir, deleted",
        "keep = false",
        Meanwhile::Nothing,
        5,
    );
}

#[test]
fn a_kill_and_a_reader_neither_lose_nor_repeat_mail() {
    let reader = Meanwhile::ReaderAtWork;
    sweep(
        "kill, Maildir, deleted, a reader at work",
        "keep = false",
        reader,
        5,
    );
}

/// The number of moments at which a run without strace is killed: in a full run, and in a sample.
/// Under strace the threads run in an order that they would not take without it.
const MOMENTS: (u32, u32) = (200, 16);

#[test]
fn a_kill_at_any_moment_neither_loses_nor_repeats_mail() {
    let mut duration = {
        let setup = MaildirSetup::new("keep = false", Threads::Main);
        let start = Instant::now();
        setup.sandbox.fetch().succeeds();
        start.elapsed()
    };
    let mut killed = 0;
    let (all, sampled) = MOMENTS;
    let moments = if tools::is_thorough() { all } else { sampled };
    let mut sweep = Sweep::new("kill at a moment, Maildir, deleted");
    for nth in 1..=moments {
        let point = Point {
            call: "moment".to_owned(),
            line: String::new(),
            nth: nth as usize,
            threads: Threads::Main,
        };
        let setup = MaildirSetup::new("keep = false", Threads::Main);
        let running = setup.sandbox.mailpull(["fetch"]).start();
        if running.wait_within(duration * nth / moments).is_some() {
            // This run was faster than the measured one, so there was nothing to kill.
            duration = duration * 3 / 4;
            continue;
        }
        killed += 1;
        sweep.count_run(&point, true);
        finish(&mut sweep, &point, &setup, Meanwhile::Nothing);
    }
    assert!(
        killed >= moments / 4,
        "only {killed} of {moments} runs were killed"
    );
    sweep.finish();
}
