//! Kills while the database is created.

use rusqlite::Connection;

use crate::support::mail::notes;
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::strace::{Injection, Threads, faulty, points, sample};
use crate::support::tools;

/// The system calls that create, write, flush or lock files.
const CALLS: [&str; 10] = [
    "fcntl",
    "fdatasync",
    "fsync",
    "ftruncate",
    "mkdir",
    "mmap",
    "openat",
    "pwrite64",
    "unlink",
    "write",
];
/// The arguments of a run that creates the database and does nothing else.
const CREATE: [&str; 2] = ["seen", "check"];

#[test]
fn a_half_made_database_is_completed_by_the_next_run() {
    if tools::find("strace").is_none() {
        return;
    }
    let whole = Sandbox::new();
    let all = points(&whole, &CREATE, Threads::Main, &CALLS);
    let in_state: Vec<_> = all
        .into_iter()
        .filter(|point| point.line.contains("/state"))
        .collect();
    let mut killed = 0;
    for point in sample(&in_state, 4) {
        let server = ModelServer::start(notes(["a"]));
        let sandbox = Sandbox::with_work(server.address(), "");
        let outcome = faulty(&sandbox, CREATE, &point, Injection::Kill).run();
        killed += usize::from(!outcome.status.success());

        let next = sandbox.fetch();

        next.succeeds().is_silent();
        sandbox.work().holds(&notes(["a"]));
        assert_eq!(version(&sandbox), version(&whole), "{point}");
        let check = sandbox.mailpull(CREATE).run();
        check.succeeds().is_silent();
    }
    assert!(killed > 15, "only {killed} runs were killed");
}

/// Reads the version of the database's schema.
fn version(sandbox: &Sandbox) -> i64 {
    let database = Connection::open(sandbox.state().join("seen.db"));
    let version = database.and_then(|database| {
        database.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))
    });
    version.expect("a run has made the database")
}
