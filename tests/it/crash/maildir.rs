//! Kills in runs that deliver to a Maildir, also with a mail reader at work before the next run.

use std::time::Instant;

use rustix::process::Signal;

use crate::support::mail::{Message, ordinary};
use crate::support::model_server::ModelServer;
use crate::support::outcome::Outcome;
use crate::support::sandbox::Sandbox;
use crate::support::strace::{Fault, Point, Threads, faulty, points, sample};
use crate::support::sweep::Sweep;
use crate::support::tools;

/// More than a batch, so that one is settled while the next arrives.
const MESSAGES: usize = 140;

/// What changes something, and what SQLite locks with: a kill before each, so after each, too.
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

/// What happens between the kill and the next run.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Meanwhile {
    Nothing,
    /// A mail reader moves everything to cur/ and deletes some of it.
    ReaderAtWork,
}

struct World {
    keep: &'static str,
    messages: Vec<Message>,
    sandbox: Sandbox,
    server: ModelServer,
}

impl World {
    /// Makes one in which the program never ran; or, for the points of other threads than the
    /// first, one in which the first has nothing to write before the others do.
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
        let world = World::new(keep, threads);
        let all = points(&world.sandbox, &["fetch"], threads, &CALLS);
        for point in sample(&all, samples) {
            try_at(&mut sweep, &point, keep, meanwhile);
        }
    }
    sweep.conclude();
}

fn try_at(sweep: &mut Sweep, point: &Point, keep: &'static str, meanwhile: Meanwhile) {
    let world = World::new(keep, point.threads);
    let killed = faulty(&world.sandbox, ["fetch"], point, Fault::Kill).run();
    sweep.try_at(point, was_killed(&killed));
    finish(sweep, point, &world, meanwhile);
}

/// Runs once more and counts what came of it all.
fn finish(sweep: &mut Sweep, point: &Point, world: &World, meanwhile: Meanwhile) {
    let maildir = world.sandbox.maildir("work");
    let deleted = match meanwhile {
        Meanwhile::Nothing => Vec::new(),
        Meanwhile::ReaderAtWork => maildir.read_all_and_delete_every(3),
    };
    let next = world.sandbox.mailpull(["fetch"]).run();
    next.succeeds().is_silent();
    let mut there = [maildir.messages(), deleted].concat();
    there.sort();
    let copies = |stored: &[u8]| there.iter().filter(|found| *found == stored).count();
    sweep.compare(point, &world.messages, copies, 0);
    if there.len() != MESSAGES {
        sweep.complain(point, format_args!("{} messages are there", there.len()));
    }
    match (world.keep, world.server.count()) {
        ("keep = false", left) => sweep.find_undeleted(point, left),
        (_, MESSAGES) => {}
        _ => sweep.complain(point, "kept mail is gone from the server"),
    }
    if maildir.count("tmp") > 0 {
        sweep.complain(point, "tmp/ is not empty");
    }
}

fn was_killed(outcome: &Outcome) -> bool {
    if outcome.status.success() {
        return false;
    }
    outcome.is_killed_by(Signal::KILL);
    true
}

/// Makes a world in which a run was killed when half of its first batch was in new/.
fn half_delivered() -> World {
    let world = World::new("keep = false", Threads::Any);
    let point = Point {
        call: "renameat2".to_owned(),
        line: String::new(),
        nth: 60,
        threads: Threads::Any,
    };
    let killed = faulty(&world.sandbox, ["fetch"], &point, Fault::Kill).run();
    killed.is_killed_by(Signal::KILL);
    let maildir = world.sandbox.maildir("work");
    assert!(maildir.count("new") == 59 && maildir.count("tmp") > 0);
    world
}

#[test]
fn a_kill_during_recovery_neither_loses_nor_repeats_mail() {
    if tools::find("strace").is_none() {
        return;
    }
    let mut sweep = Sweep::new("two kills, Maildir, deleted");
    let all = points(&half_delivered().sandbox, &["fetch"], Threads::Main, &CALLS);
    for point in sample(&all, 3) {
        let world = half_delivered();
        let killed = faulty(&world.sandbox, ["fetch"], &point, Fault::Kill).run();
        sweep.try_at(&point, was_killed(&killed));
        finish(&mut sweep, &point, &world, Meanwhile::ReaderAtWork);
    }
    sweep.conclude();
}

#[test]
fn mail_read_after_a_kill_is_recognised_days_later() {
    if tools::find("strace").is_none() || tools::find("faketime").is_none() {
        return;
    }
    let world = half_delivered();
    let maildir = world.sandbox.maildir("work");
    // One in ten of 59; after 36 hours nobody knows who took them.
    let deleted = maildir.read_all_and_delete_every(10);
    assert_eq!(deleted.len(), 6);
    let next = world.sandbox.mailpull_at("+2d", ["fetch"]).run();
    next.succeeds().is_silent();
    maildir.holds(&world.messages);
    assert_eq!(world.server.count(), 0);
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

/// At how many moments a run is killed that nothing watches: a tracer makes threads take turns that
/// they would not take by themselves.
const MOMENTS: (u32, u32) = (200, 16);

#[test]
fn a_kill_at_any_moment_neither_loses_nor_repeats_mail() {
    let mut whole = {
        let world = World::new("keep = false", Threads::Main);
        let begun = Instant::now();
        world.sandbox.fetch().succeeds();
        begun.elapsed()
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
        let world = World::new("keep = false", Threads::Main);
        let running = world.sandbox.mailpull(["fetch"]).start();
        if running.wait_within(whole * nth / moments).is_some() {
            // It was quicker than the one before.
            whole = whole * 3 / 4;
            continue;
        }
        killed += 1;
        sweep.try_at(&point, true);
        finish(&mut sweep, &point, &world, Meanwhile::Nothing);
    }
    assert!(
        killed >= moments / 4,
        "only {killed} of {moments} were killed"
    );
    sweep.conclude();
}
