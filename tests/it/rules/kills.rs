//! Kills and failing system calls in runs with a rule of every kind. In the end each message is where its rule sends it.

use crate::support::cost::Cost;
use crate::support::mail::{note, notes};
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::strace::{Injection, Point, Threads, faulty, hit, points, sample};
use crate::support::sweep::{Allowed, Sweep};
use crate::support::tools;

/// The system calls by which messages are written, recorded and removed, and commands are sent.
const CALLS: [&str; 7] = [
    "fsync",
    "openat",
    "pwrite64",
    "renameat2",
    "sendto",
    "syncfs",
    "unlinkat",
];

/// Returns an account of which one message goes each way: "usual" to the Maildir, and the others by rules.
fn prepared() -> (Sandbox, ModelServer) {
    let server = ModelServer::start(Vec::new());
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    let lists = sandbox.maildir("lists");
    let lists = lists.path().display();
    sandbox.section(&format!(
        "[targets.lists]\nkind = 'maildir'\npath = '{lists}'\n"
    ));
    for (subject, action) in [
        ("left", "action = 'leave'"),
        ("discarded", "action = 'discard'"),
        ("deleted", "action = 'delete'"),
        ("list", "deliver = 'lists'"),
    ] {
        let rule = format!("if = {{ subject = '^{subject}$' }}\n{action}\n");
        sandbox.section(&format!("[[accounts.work.rules]]\n{rule}"));
    }
    sandbox.fetch().succeeds();
    for message in notes(["left", "discarded", "deleted", "list", "usual"]) {
        server.add(message);
    }
    (sandbox, server)
}

fn try_at(sweep: &mut Sweep, point: &Point, fault: Injection) {
    let (sandbox, server) = prepared();
    let outcome = faulty(&sandbox, ["fetch"], point, fault).run();
    let is_hit = match fault {
        Injection::Kill => !outcome.status.success(),
        Injection::Error(_) => hit(&sandbox).is_some(),
    };
    sweep.count_run(point, is_hit);
    sandbox.wait_for_all_processes();
    for _ in 0..2 {
        sandbox.fetch().succeeds();
    }
    for (account, id) in [("work", "usual"), ("lists", "list")] {
        let there = sandbox.maildir(account).messages();
        let copies = |stored: &[u8]| there.iter().filter(|there| *there == stored).count();
        let cost = Cost::of(&[note(id)], copies, &[]);
        sweep.add(
            point,
            cost,
            Allowed {
                duplicated: 0,
                kept: 0,
            },
        );
        if there.len() != 1 {
            sweep.problem(point, format!("{account} has {} messages", there.len()));
        }
    }
    if server.unique_ids() != [b"left".to_vec()] {
        sweep.problem(point, "another message than the left one is on the server");
    }
}

#[test]
fn a_kill_in_a_run_with_rules_loses_and_repeats_nothing() {
    if tools::find("strace").is_none() {
        return;
    }
    let mut sweep = Sweep::new("kill, rules");
    let all = points(&prepared().0, &["fetch"], Threads::Any, &CALLS);
    for point in sample(&all, 3) {
        try_at(&mut sweep, &point, Injection::Kill);
    }
    sweep.finish();
}

#[test]
fn a_failing_call_in_a_run_with_rules_loses_and_repeats_nothing() {
    if tools::find("strace").is_none() {
        return;
    }
    let mut sweep = Sweep::new("error, rules");
    let all = points(&prepared().0, &["fetch"], Threads::Any, &CALLS);
    let errors = ["EIO", "ENOSPC", "EMFILE"].into_iter().cycle();
    for (point, error) in sample(&all, 2).iter().zip(errors) {
        try_at(&mut sweep, point, Injection::Error(error));
    }
    sweep.finish();
}
