//! Kills in runs that deliver by an MDA. No message is lost, at most one is delivered twice, and the
//! log shows which one.

use std::fs;

use memchr::memmem;

use crate::support::cost::Cost;
use crate::support::mail::{TestMessage, ordinary};
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::strace::{Injection, Point, Threads, faulty, points, sample};
use crate::support::sweep::{Allowed, Sweep};
use crate::support::tools;

const MESSAGES: usize = 6;

/// The system calls that only the program makes, and not the MDA, which must not be killed.
const CALLS: [&str; 6] = [
    "fsync",
    "ftruncate",
    "pwrite64",
    "syncfs",
    "unlink",
    "unlinkat",
];
/// The system calls of the first thread. It starts no MDA, so none of them can be the MDA's.
const CALLS_OF_MAIN: [&str; 9] = [
    "fcntl",
    "fsync",
    "ftruncate",
    "openat",
    "pwrite64",
    "syncfs",
    "unlink",
    "unlinkat",
    "write",
];

struct MdaSetup {
    messages: Vec<TestMessage>,
    sandbox: Sandbox,
    server: ModelServer,
}

impl MdaSetup {
    fn new(keep: &str, threads: Threads) -> Self {
        let messages = ordinary(1, MESSAGES);
        let server = ModelServer::start(messages.clone());
        let sandbox = Sandbox::new();
        let mda = sandbox.script("mda", r#"exec cat >>"$HOME/mbox""#);
        let mda = format!("mda = {:?}", mda.display().to_string());
        let extra = format!("{mda}\nmda-allow-root = true\n{keep}");
        sandbox.account("work", server.address(), &extra);
        if threads == Threads::Any {
            sandbox.make_known();
        }
        Self {
            messages,
            sandbox,
            server,
        }
    }
}

fn try_at(sweep: &mut Sweep, point: &Point, keep: &str) {
    let MdaSetup {
        messages,
        sandbox,
        server,
    } = MdaSetup::new(keep, point.threads);
    let killed = faulty(&sandbox, ["fetch"], point, Injection::Kill).run();
    sweep.count_run(point, !killed.status.success());
    sandbox.wait_for_all_processes();
    sandbox.mailpull(["fetch"]).run().succeeds().is_silent();
    let mbox = fs::read(sandbox.home().join("mbox")).unwrap_or_default();
    let copies = |stored: &[u8]| memmem::find_iter(&mbox, stored).count();
    let cost = Cost::of(&messages, copies, &server.unique_ids());
    let repeated = cost.duplicated;
    let log = sandbox.mailpull(["log"]).run();
    let shown = log
        .stdout_text()
        .matches("possibly delivered before")
        .count();
    if shown < repeated || shown > 1 {
        let what = format_args!("{repeated} repeated, {shown} shown in the log");
        sweep.problem(point, what);
    }
    let kept = if keep == "keep = false" { 0 } else { MESSAGES };
    let allowed = Allowed {
        duplicated: 1,
        kept,
    };
    sweep.add(point, cost, allowed);
    let spool = fs::read_dir(sandbox.state().join("spool"));
    if spool.expect("a run made the spool").next().is_some() {
        sweep.problem(point, "the spool is not empty");
    }
}

fn sweep(name: &'static str, keep: &str, samples: usize) {
    if tools::find("strace").is_none() {
        return;
    }
    let mut sweep = Sweep::new(name);
    for (threads, calls) in [
        (Threads::Main, &CALLS_OF_MAIN[..]),
        (Threads::Any, &CALLS[..]),
    ] {
        let setup = MdaSetup::new(keep, threads);
        let all = points(&setup.sandbox, &["fetch"], threads, calls);
        for point in sample(&all, samples) {
            try_at(&mut sweep, &point, keep);
        }
    }
    sweep.finish();
}

#[test]
fn a_kill_with_an_mda_loses_no_mail() {
    sweep("kill, MDA, deleted", "keep = false", 6);
}

#[test]
fn a_kill_with_an_mda_loses_no_kept_mail() {
    sweep("kill, MDA, kept", "keep = true", 3);
}
