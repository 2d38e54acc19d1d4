//! Kills in runs that deliver by LMTP. No message is lost, at most one is delivered twice, and the log
//! shows which one.

use std::fs;

use crate::support::cost::Cost;
use crate::support::lmtp_server::LmtpServer;
use crate::support::mail::{TestMessage, ordinary};
use crate::support::model_server::{ModelServer, USER};
use crate::support::sandbox::Sandbox;
use crate::support::strace::{Injection, Point, Threads, faulty, points, sample};
use crate::support::sweep::{Allowed, Sweep};
use crate::support::tools;

const MESSAGES: usize = 6;

/// The system calls by which messages are handed over, recorded and removed.
const CALLS: [&str; 7] = [
    "connect", "fsync", "openat", "pwrite64", "syncfs", "unlinkat", "write",
];

struct LmtpSetup {
    messages: Vec<TestMessage>,
    sandbox: Sandbox,
    pop3: ModelServer,
    mx: LmtpServer,
}

impl LmtpSetup {
    fn new() -> Self {
        let messages = ordinary(1, MESSAGES);
        let pop3 = ModelServer::start(messages.clone());
        let mx = LmtpServer::start();
        let sandbox = Sandbox::new();
        let extra = format!(
            "lmtp = \"{}\"\nrecipient = {USER:?}\nkeep = false",
            mx.address()
        );
        sandbox.account("work", pop3.address(), &extra);
        sandbox.make_known();
        Self {
            messages,
            sandbox,
            pop3,
            mx,
        }
    }
}

fn try_at(sweep: &mut Sweep, point: &Point) {
    let LmtpSetup {
        messages,
        sandbox,
        pop3,
        mx,
    } = LmtpSetup::new();
    let killed = faulty(&sandbox, ["fetch"], point, Injection::Kill).run();
    sweep.count_run(point, !killed.status.success());
    sandbox.wait_for_all_processes();
    sandbox.fetch().succeeds().is_silent();
    // What a run has found in the spool is deleted from the server by the next one.
    sandbox.fetch().succeeds().is_silent();
    let taken = mx.messages();
    let copies = |stored: &[u8]| taken.iter().filter(|taken| *taken == stored).count();
    let cost = Cost::of(&messages, copies, &pop3.unique_ids());
    let log = sandbox.mailpull(["log"]).run();
    let shown = log.stdout_text();
    let shown = shown.matches("possibly delivered before").count();
    if shown < cost.duplicated || shown > 1 {
        let repeated = cost.duplicated;
        let what = format_args!("{repeated} repeated, {shown} shown in the log");
        sweep.problem(point, what);
    }
    let allowed = Allowed {
        duplicated: 1,
        kept: 0,
    };
    sweep.add(point, cost, allowed);
    let spool = fs::read_dir(sandbox.state().join("spool"));
    if spool.expect("a run made the spool").next().is_some() {
        sweep.problem(point, "the spool is not empty");
    }
}

#[test]
fn a_kill_with_lmtp_loses_no_mail() {
    if tools::find("strace").is_none() {
        return;
    }
    let mut sweep = Sweep::new("kill, LMTP");
    let setup = LmtpSetup::new();
    let all = points(&setup.sandbox, &["fetch"], Threads::Any, &CALLS);
    for point in sample(&all, 4) {
        try_at(&mut sweep, &point);
    }
    sweep.finish();
}
