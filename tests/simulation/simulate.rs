//! Simulates histories of an account: `simulate FIRST_SEED SECONDS`, or `simulate SEED story`.
//!
//! `simulate calls` compares the calls of plain fetches with the list in `plain_fetch.txt`. `tests/it`
//! compares the same list with the calls of the program, so that the simulated system is called as
//! the real one is.

use std::fmt::Write;
use std::{env, fs};

use calls::Calls;

mod calls;

/// The path of the list.
const LIST: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/simulation/plain_fetch.txt"
);

/// The calls of the list that the simulated system has. It also has some that only look at an open
/// file.
const CALLS: &[&str] = &[
    "fsync", "link", "list", "mkdir", "open", "rename", "stat", "syncfs", "truncate", "unlink",
    "write",
];

fn main() {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let ended = match &*arguments {
        [only] if only == "calls" => compare_plain_fetches(),
        _ => mailpull::simulation::run(&arguments),
    };
    if let Err(what) = ended {
        eprintln!("simulate: {what}");
        std::process::exit(1);
    }
}

/// Compares the calls of two plain fetches with the list. With `MAILPULL_BLESS=1`, writes the list.
fn compare_plain_fetches() -> Result<(), String> {
    let mut list = String::new();
    for (nth, story) in mailpull::simulation::plain_fetches()?.iter().enumerate() {
        // Writing to a text cannot fail.
        let _ = write!(list, "run {}\n{}", nth + 1, calls_of(story));
    }
    if env::var_os("MAILPULL_BLESS").is_some_and(|value| value == "1") {
        return fs::write(LIST, list).map_err(|error| format!("{LIST}: {error}"));
    }
    let expected = fs::read_to_string(LIST).map_err(|error| format!("{LIST}: {error}"))?;
    if list == expected {
        return Ok(());
    }
    Err(format!(
        "plain fetches make other calls than tests/simulation/plain_fetch.txt says:\n{list}If that is right, \
         run MAILPULL_BLESS=1 tests/simulate 1, and cargo test --test it plain_fetch"
    ))
}

/// Reads the calls from the steps of a story: `step 7, thread 1: fsync /Mail/tmp/F`.
fn calls_of(story: &[String]) -> Calls {
    let mut calls = Calls::default();
    for line in story {
        let step = line
            .strip_prefix("step ")
            .and_then(|rest| rest.split_once(", thread "));
        let Some((thread, what)) = step.and_then(|(_, rest)| rest.split_once(": ")) else {
            continue;
        };
        if what == "after a transaction" {
            calls.add(thread, "commit", &[]);
        }
        let mut words = what.split(' ');
        let call = words.next().unwrap_or_default();
        let paths: Vec<_> = words.filter_map(seen_from_parent).collect();
        let paths: Vec<_> = paths.iter().map(String::as_str).collect();
        if CALLS.contains(&call) && (!paths.is_empty() || call == "syncfs") {
            calls.add(thread, call, &paths);
        }
    }
    calls
}

/// Returns a path as seen from the folder that holds the Maildir, or `None` if it is elsewhere.
fn seen_from_parent(path: &str) -> Option<String> {
    match path.strip_prefix("/Mail0") {
        Some(below) => Some(format!("Mail{below}")),
        None => matches!(path, "" | "/").then(|| ".".to_owned()),
    }
}
