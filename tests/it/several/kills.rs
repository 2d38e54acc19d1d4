//! Kills and failing system calls in runs that deliver to several targets. Each message is there once in the end, in each of them. Only the
//! mail server may get one twice, which the log shows.

use super::Several;
use crate::support::cost::Cost;
use crate::support::mail::ordinary;
use crate::support::strace::{Injection, Point, Threads, faulty, hit, points, sample};
use crate::support::sweep::{Allowed, Sweep};
use crate::support::tools;

const MESSAGES: usize = 4;

/// The system calls by which messages are written, recorded and removed.
const CALLS: [&str; 8] = [
    "connect",
    "fsync",
    "openat",
    "pwrite64",
    "renameat2",
    "syncfs",
    "unlinkat",
    "write",
];

fn prepared() -> Several {
    let several = Several::new(ordinary(1, MESSAGES));
    several.sandbox.make_known();
    several
}

fn try_at(sweep: &mut Sweep, point: &Point, fault: Injection) {
    let several = prepared();
    let messages = ordinary(1, MESSAGES);
    let sandbox = &several.sandbox;
    let outcome = faulty(sandbox, ["fetch"], point, fault).run();
    let is_hit = match fault {
        Injection::Kill => !outcome.status.success(),
        Injection::Error(_) => hit(sandbox).is_some(),
    };
    sweep.count_run(point, is_hit);
    sandbox.wait_for_all_processes();
    for _ in 0..2 {
        sandbox.fetch().succeeds().is_silent();
    }
    let log = sandbox.mailpull(["log"]).run();
    let marked = log.stdout_text().matches(", possibly twice").count();
    for (taken, repeats) in several.taken().iter().zip([0, marked, 0]) {
        let copies = |stored: &[u8]| taken.iter().filter(|taken| *taken == stored).count();
        let cost = Cost::of(&messages, copies, &several.pop3.unique_ids());
        let duplicated = repeats.min(1);
        sweep.add(
            point,
            cost,
            Allowed {
                duplicated,
                kept: 0,
            },
        );
    }
    if several.spooled() > 0 || !several.mbox().locks().is_empty() {
        sweep.problem(point, "files are left behind");
    }
}

#[test]
fn a_kill_with_several_targets_loses_and_repeats_nothing() {
    if tools::find("strace").is_none() {
        return;
    }
    let mut sweep = Sweep::new("kill, several targets");
    let all = points(&prepared().sandbox, &["fetch"], Threads::Any, &CALLS);
    for point in sample(&all, 3) {
        try_at(&mut sweep, &point, Injection::Kill);
    }
    sweep.finish();
}

#[test]
fn a_failing_call_with_several_targets_loses_and_repeats_nothing() {
    if tools::find("strace").is_none() {
        return;
    }
    let mut sweep = Sweep::new("error, several targets");
    let all = points(&prepared().sandbox, &["fetch"], Threads::Any, &CALLS);
    let errors = ["EIO", "ENOSPC", "EMFILE"].into_iter().cycle();
    for (point, error) in sample(&all, 2).iter().zip(errors) {
        try_at(&mut sweep, point, Injection::Error(error));
    }
    sweep.finish();
}
