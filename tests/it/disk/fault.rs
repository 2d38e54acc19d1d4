//! System calls that fail with ENOSPC, EDQUOT or EIO. The error is one line, no mail is lost, and
//! the next run completes the deliveries.

use std::collections::BTreeMap;

use crate::support::mail::{TestMessage, ordinary};
use crate::support::model_server::ModelServer;
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;
use crate::support::strace::{Injection, Point, Threads, faulty, hit, points, sample};
use crate::support::tools;

/// More messages than a batch holds.
const MESSAGES: usize = 140;

const CALLS: [&str; 7] = [
    "fsync",
    "openat",
    "pwrite64",
    "renameat2",
    "syncfs",
    "unlinkat",
    "write",
];

/// An account that is known to the program and to whose Maildir a message was delivered, so that a run only
/// fetches.
struct FaultSetup {
    messages: Vec<TestMessage>,
    sandbox: Sandbox,
    server: ModelServer,
}

impl FaultSetup {
    fn new(count: usize) -> Self {
        let messages = ordinary(1, count);
        let server = ModelServer::start(ordinary(2, 1));
        let sandbox = Sandbox::with_work(server.address(), "keep = false");
        sandbox.fetch().succeeds().is_silent();
        sandbox.work().read_all_and_delete_every(1);
        for message in &messages {
            server.add(message.clone());
        }
        Self {
            messages,
            sandbox,
            server,
        }
    }

    /// Lists the system calls on files and folders of the sandbox. Of openat only those that may create
    /// a file are listed, as the others cannot fail for lack of space.
    fn points(&self, threads: Threads) -> Vec<Point> {
        let mut points = points(&self.sandbox, &["fetch"], threads, &CALLS);
        let root = self.sandbox.path("").display().to_string();
        points.retain(|Point { call, line, .. }| {
            line.contains(&root) && (call != "openat" || line.contains("O_CREAT"))
        });
        points
    }

    /// Claims that after the next run every message is delivered once and none is on the server.
    #[track_caller]
    fn recovers(&self) {
        let next = self.sandbox.mailpull(["fetch"]).run();
        next.succeeds().is_silent();
        self.sandbox.maildir("work").holds(&self.messages);
        assert_eq!(self.server.count(), 0);
    }
}

/// Returns the exit statuses that are right after the call in `line` failed.
fn allowed(line: &str, threads: Threads, error: &str) -> &'static [i32] {
    // The calls of SQLite, which opens no file to append.
    let is_database = line.contains("/seen.db") && !line.contains("O_APPEND");
    let writes_database = is_database && line.contains("pwrite64") && !line.contains("-shm");
    if line.contains("fsync") && line.contains("/state/mailpull>") {
        // SQLite ignores an error when it flushes the folder of a new file.
        return &[0];
    }
    if line.contains(".placed\"") || line.contains(".placed>") {
        // The proof of a delivery decides something only after a kill.
        return &[0];
    }
    if line.contains("socket:") {
        // The run took another course, and a call on the connection failed instead.
        return &[75];
    }
    match (error, threads) {
        // When SQLite closes the database it copies pages back from its log. The next run can do that.
        ("ENOSPC", Threads::Main) if writes_database => &[0, 75],
        (_, Threads::Main) if is_database => &[0, 74],
        ("ENOSPC", Threads::Any) if writes_database => &[75],
        // SQLite reports that the call failed, but not why.
        (_, Threads::Any) if is_database => &[74],
        ("EIO", _) => &[74],
        _ => &[75],
    }
}

#[test]
fn failing_system_calls_lose_no_mail_and_print_one_line() {
    if tools::find("strace").is_none() {
        return;
    }
    let mut statuses = BTreeMap::new();
    let mut missed = 0;
    for threads in [Threads::Main, Threads::Any] {
        let all = FaultSetup::new(MESSAGES).points(threads);
        for error in ["EDQUOT", "EIO", "ENOSPC"] {
            for point in sample(&all, 3) {
                let setup = FaultSetup::new(MESSAGES);
                let failing = faulty(&setup.sandbox, ["fetch"], &point, Injection::Error(error));
                let outcome = failing.run();
                let status = outcome.status.code().expect("the run was not killed");
                let line = hit(&setup.sandbox);
                missed += usize::from(line.is_none());
                let allowed = line
                    .as_deref()
                    .map_or(&[0][..], |line| allowed(line, threads, error));
                assert!(
                    allowed.contains(&status),
                    "{error} at {point}, {line:?}: {outcome}"
                );
                outcome.complains_in_lines(usize::from(status != 0));
                *statuses.entry(status).or_insert(0) += 1;
                setup.recovers();
            }
        }
    }
    tools::report(format_args!(
        "error by its status, Maildir, deleted: {} points, 0 lost, 0 duplicated, 0 left; statuses \
         {statuses:?}, {missed} not reached",
        statuses.values().sum::<usize>()
    ));
    assert!(statuses.contains_key(&74) && statuses.contains_key(&75));
    // A sweep whose faults do not happen proves nothing.
    assert!(missed * 10 <= statuses.values().sum(), "{missed} missed");
}

/// Runs with a fault in the first call for which `is_it` is true.
fn fault_in(
    setup: &FaultSetup,
    threads: Threads,
    error: &'static str,
    is_it: impl Fn(&Point) -> bool,
) -> RunOutcome {
    // The points come from a run in another sandbox, which makes the same calls.
    let points = FaultSetup::new(setup.messages.len()).points(threads);
    let point = points
        .into_iter()
        .find(is_it)
        .expect("the run makes such a call");
    faulty(&setup.sandbox, ["fetch"], &point, Injection::Error(error)).run()
}

#[test]
fn a_message_that_cannot_be_written_is_not_delivered() {
    if tools::find("strace").is_none() {
        return;
    }
    for (error, status, message) in [
        ("ENOSPC", 75, "No space left on device (os error 28)\n"),
        ("EIO", 74, "Input/output error (os error 5)\n"),
    ] {
        let setup = FaultSetup::new(3);
        let outcome = fault_in(&setup, Threads::Main, error, |point| point.call == "write");
        let tmp = setup.sandbox.maildir("work").path().join("tmp");
        outcome
            .fails_with(status)
            .complains_in_lines(1)
            .stderr_has("mailpull: work: storing a message: cannot write ")
            .stderr_has(&tmp.display().to_string())
            .stderr_has(message);
        assert_eq!(setup.sandbox.maildir("work").count("tmp"), 0);
        assert_eq!(setup.server.count(), 3);
        setup.recovers();
    }
}

#[test]
fn a_message_that_cannot_be_flushed_is_fetched_again() {
    if tools::find("strace").is_none() {
        return;
    }
    let setup = FaultSetup::new(3);
    let is_message = |point: &Point| point.call == "fsync" && point.line.contains("/tmp/1");
    let outcome = fault_in(&setup, Threads::Any, "EIO", is_message);
    outcome
        .fails_with(74)
        .complains_in_lines(1)
        .stderr_has("mailpull: work: storing messages: cannot flush ");
    let maildir = setup.sandbox.maildir("work");
    assert_eq!((maildir.count("tmp"), maildir.count("new")), (0, 0));
    setup.recovers();
    assert_eq!(setup.server.log().retrieved.len(), 1 + 6);
}

#[test]
fn no_quit_is_sent_while_a_retrieved_message_is_unstored() {
    if tools::find("strace").is_none() {
        return;
    }
    let is_write = |point: &Point| point.call == "write";
    let is_flush = |point: &Point| point.call == "fsync" && point.line.contains("/tmp/1");
    let is_record = |point: &Point| point.call == "pwrite64" && point.line.contains("/seen.db-wal");
    for (threads, is_it) in [
        (Threads::Main, &is_write as &dyn Fn(&Point) -> bool),
        (Threads::Any, &is_flush),
        (Threads::Any, &is_record),
    ] {
        let setup = FaultSetup::new(3);
        let before = setup.server.log().count("QUIT");
        let outcome = fault_in(&setup, threads, "EIO", is_it);
        outcome.fails_with(74);
        assert_eq!(setup.server.log().count("QUIT"), before, "{outcome}");
        assert!(setup.server.log().count("RETR") > 0);
        setup.recovers();
    }
}

#[test]
fn a_failed_flush_of_new_deletes_nothing_from_the_server() {
    if tools::find("strace").is_none() {
        return;
    }
    let setup = FaultSetup::new(3);
    let is_new = |point: &Point| point.call == "fsync" && point.line.contains("/work/new>");
    let outcome = fault_in(&setup, Threads::Any, "EIO", is_new);
    outcome
        .fails_with(74)
        .complains_in_lines(1)
        .stderr_has("cannot flush ");
    assert_eq!(setup.server.count(), 3);
    setup.recovers();
    assert_eq!(setup.server.log().retrieved.len(), 1 + 3);
}
