//! Kills in runs that deliver into a folder of an IMAP server. Each message is there once in the end.

use std::fs;

use super::{DovecotImap, configure, let_five_minutes_pass};
use crate::support::cost::Cost;
use crate::support::mail::{TestMessage, ordinary};
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::strace::{Injection, Point, Threads, faulty, points, sample};
use crate::support::sweep::{Allowed, Sweep};
use crate::support::tools;

const MESSAGES: usize = 6;

/// The system calls by which messages are handed over, recorded and removed.
const CALLS: [&str; 8] = [
    "connect", "fsync", "openat", "pwrite64", "sendto", "syncfs", "unlinkat", "write",
];

/// An account that delivers into a folder of its own.
struct ImapSetup {
    messages: Vec<TestMessage>,
    sandbox: Sandbox,
    pop3: ModelServer,
}

impl ImapSetup {
    fn new(imap: &DovecotImap, folder: &str) -> Self {
        let messages = ordinary(1, MESSAGES);
        let pop3 = ModelServer::start(messages.clone());
        let sandbox = Sandbox::new();
        let keys = format!("folder = {folder:?}\ncreate-folder = true");
        configure(&sandbox, &pop3, imap.port, "keep = false", &keys);
        sandbox.make_known();
        Self {
            messages,
            sandbox,
            pop3,
        }
    }
}

fn try_at(sweep: &mut Sweep, imap: &DovecotImap, folder: &str, point: &Point) {
    let ImapSetup {
        messages,
        sandbox,
        pop3,
    } = ImapSetup::new(imap, folder);
    let killed = faulty(&sandbox, ["fetch"], point, Injection::Kill).run();
    sweep.count_run(point, !killed.status.success());
    sandbox.wait_for_all_processes();
    sandbox.fetch().succeeds().is_silent();
    let_five_minutes_pass(&sandbox);
    for _ in 0..2 {
        sandbox.fetch().succeeds().is_silent();
    }
    let taken = imap.messages_in(folder);
    let copies = |stored: &[u8]| taken.iter().filter(|taken| *taken == stored).count();
    let cost = Cost::of(&messages, copies, &pop3.unique_ids());
    sweep.add(point, cost, Allowed::default());
    let log = sandbox.mailpull(["log"]).run();
    log.succeeds().never_says("possibly delivered before");
    let spool = fs::read_dir(sandbox.state().join("spool"));
    if spool.expect("a run made the spool").next().is_some() {
        sweep.problem(point, "the spool is not empty");
    }
}

#[test]
fn a_kill_with_imap_loses_and_repeats_nothing() {
    if tools::find("strace").is_none() {
        return;
    }
    let Some(imap) = DovecotImap::start("") else {
        return;
    };
    let mut sweep = Sweep::new("kill, IMAP");
    let setup = ImapSetup::new(&imap, "none");
    let all = points(&setup.sandbox, &["fetch"], Threads::Any, &CALLS);
    for (n, point) in sample(&all, 4).iter().enumerate() {
        try_at(&mut sweep, &imap, &format!("kill-{n}"), point);
    }
    sweep.finish();
}
