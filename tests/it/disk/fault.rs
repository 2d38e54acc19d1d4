//! System calls that fail with ENOSPC, EDQUOT or EIO: told in one line, nothing lost, and the next
//! run finishes what was begun.

use std::collections::BTreeMap;

use crate::support::mail::{Message, ordinary};
use crate::support::model_server::ModelServer;
use crate::support::outcome::Outcome;
use crate::support::sandbox::Sandbox;
use crate::support::strace::{Fault, Point, Threads, faulty, hit, points, sample};
use crate::support::tools;

/// More than a batch.
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

/// A world in which the program ran before, so that all that comes is fetching.
struct World {
    messages: Vec<Message>,
    sandbox: Sandbox,
    server: ModelServer,
}

impl World {
    fn new(count: usize) -> Self {
        let messages = ordinary(1, count);
        let server = ModelServer::start(messages.clone());
        let sandbox = Sandbox::new();
        sandbox.account("work", server.address(), "keep = false");
        sandbox.maildir("work").make();
        sandbox.make_known();
        Self {
            messages,
            sandbox,
            server,
        }
    }

    /// Lists what is done to files and folders of the sandbox; only opening to write can fail for
    /// want of room.
    fn points(&self, threads: Threads) -> Vec<Point> {
        let mut points = points(&self.sandbox, &["fetch"], threads, &CALLS);
        let root = self.sandbox.path("").display().to_string();
        points.retain(|Point { call, line, .. }| {
            line.contains(&root) && (call != "openat" || line.contains("O_CREAT"))
        });
        points
    }

    /// Claims that the next run leaves every message once, and none on the server.
    #[track_caller]
    fn recovers(&self) {
        let next = self.sandbox.mailpull(["fetch"]).run();
        next.succeeds().is_silent();
        self.sandbox.maildir("work").holds(&self.messages);
        assert_eq!(self.server.count(), 0);
    }
}

/// Tells which statuses a failed call may lead to; `line` is the call.
fn allowed(line: &str, threads: Threads, error: &str) -> &'static [i32] {
    // What SQLite does, which opens nothing to append.
    let is_database = line.contains("/seen.db") && !line.contains("O_APPEND");
    let writes_database = is_database && line.contains("pwrite64") && !line.contains("-shm");
    if line.contains("fsync") && line.contains("/state/mailpull>") {
        // SQLite flushes the folder of a new file as well as it can.
        return &[0];
    }
    if line.contains("/locks/") && !line.contains("O_CREAT") {
        // Without a signature the database is only in doubt, and the next run reads the Maildir.
        return &[0];
    }
    if line.contains("socket:") {
        // The run took another way, and the server was cut off instead.
        return &[75];
    }
    match (error, threads) {
        // Closing the database, its pages are copied back; that can wait for the next run.
        ("ENOSPC", Threads::Main) if writes_database => &[0, 75],
        (_, Threads::Main) if is_database => &[0, 74],
        ("ENOSPC", Threads::Any) if writes_database => &[75],
        // SQLite tells no more than that it cannot.
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
        let all = World::new(MESSAGES).points(threads);
        for error in ["EDQUOT", "EIO", "ENOSPC"] {
            for point in sample(&all, 3) {
                let world = World::new(MESSAGES);
                let failing = faulty(&world.sandbox, ["fetch"], &point, Fault::Error(error));
                let outcome = failing.run();
                let status = outcome.status.code().expect("it was not killed");
                let line = hit(&world.sandbox);
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
                world.recovers();
            }
        }
    }
    tools::announce(format_args!(
        "error by its status, Maildir, deleted: {} points, 0 lost, 0 duplicated, 0 left; statuses \
         {statuses:?}, {missed} not reached",
        statuses.values().sum::<usize>()
    ));
    assert!(statuses.contains_key(&74) && statuses.contains_key(&75));
    // A sweep that misses the program proves nothing.
    assert!(missed * 10 <= statuses.values().sum(), "{missed} missed");
}

/// Runs with a fault in the first call that `is_it`.
fn fault_in(
    world: &World,
    threads: Threads,
    error: &'static str,
    is_it: impl Fn(&Point) -> bool,
) -> Outcome {
    // Of another world, whose points are the same.
    let points = World::new(world.messages.len()).points(threads);
    let point = points.into_iter().find(is_it).expect("it is done");
    faulty(&world.sandbox, ["fetch"], &point, Fault::Error(error)).run()
}

#[test]
fn a_message_that_cannot_be_written_is_not_delivered() {
    if tools::find("strace").is_none() {
        return;
    }
    for (error, status, said) in [
        ("ENOSPC", 75, "No space left on device (os error 28)\n"),
        ("EIO", 74, "Input/output error (os error 5)\n"),
    ] {
        let world = World::new(3);
        let outcome = fault_in(&world, Threads::Main, error, |point| point.call == "write");
        let tmp = world.sandbox.maildir("work").path().join("tmp");
        outcome
            .fails_with(status)
            .complains_in_lines(1)
            .stderr_has("mailpull: work: storing a message: cannot write ")
            .stderr_has(&tmp.display().to_string())
            .stderr_has(said);
        assert_eq!(world.sandbox.maildir("work").count("tmp"), 0);
        assert_eq!(world.server.count(), 3);
        world.recovers();
    }
}

#[test]
fn a_message_that_cannot_be_flushed_is_fetched_again() {
    if tools::find("strace").is_none() {
        return;
    }
    let world = World::new(3);
    let is_message = |point: &Point| point.call == "fsync" && point.line.contains("/tmp/1");
    let outcome = fault_in(&world, Threads::Any, "EIO", is_message);
    outcome
        .fails_with(74)
        .complains_in_lines(1)
        .stderr_has("mailpull: work: storing messages: cannot flush ");
    let maildir = world.sandbox.maildir("work");
    assert_eq!((maildir.count("tmp"), maildir.count("new")), (0, 0));
    world.recovers();
    assert_eq!(world.server.log().retrieved.len(), 6);
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
        let world = World::new(3);
        let before = world.server.log().count("QUIT");
        let outcome = fault_in(&world, threads, "EIO", is_it);
        outcome.fails_with(74);
        assert_eq!(world.server.log().count("QUIT"), before, "{outcome}");
        assert!(world.server.log().count("RETR") > 0);
        world.recovers();
    }
}

#[test]
fn a_failed_flush_of_new_deletes_nothing_from_the_server() {
    if tools::find("strace").is_none() {
        return;
    }
    let world = World::new(3);
    let is_new = |point: &Point| point.call == "fsync" && point.line.contains("/work/new>");
    let outcome = fault_in(&world, Threads::Any, "EIO", is_new);
    outcome
        .fails_with(74)
        .complains_in_lines(1)
        .stderr_has("cannot flush ");
    assert_eq!(world.server.count(), 3);
    world.recovers();
    assert_eq!(world.server.log().retrieved.len(), 3);
}
