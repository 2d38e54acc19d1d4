//! Compares the system calls of two plain fetches with `tests/simulation/plain_fetch.txt`.
//! `tests/simulate` compares the same list with the simulated system.

use std::fmt::Write;

use crate::support::claims::read;
use crate::support::mail::note;
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::{strace, tools};
use calls::Calls;

#[path = "../simulation/calls.rs"]
mod calls;

/// The system calls, and the name of each in the list. Not every processor has those with a
/// question mark.
const CALLS: &[(&str, &str)] = &[
    ("fdatasync", "fsync"),
    ("fsync", "fsync"),
    ("ftruncate", "truncate"),
    ("getdents64", "list"),
    ("linkat", "link"),
    ("?mkdir", "mkdir"),
    ("mkdirat", "mkdir"),
    ("newfstatat", "stat"),
    ("?open", "open"),
    ("openat", "open"),
    ("?renameat", "rename"),
    ("renameat2", "rename"),
    ("statx", "stat"),
    ("syncfs", "syncfs"),
    ("unlinkat", "unlink"),
    ("write", "write"),
];

#[test]
fn a_plain_fetch_makes_the_calls_of_the_simulator() {
    if tools::find("strace").is_none() {
        return;
    }
    let expected = read("tests/simulation/plain_fetch.txt").expect("the file exists");
    let server = ModelServer::start(Vec::new());
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    // The simulator begins with a new database.
    sandbox.mailpull(["log"]).run().succeeds();
    let mut list = String::new();
    for run in 1..=2 {
        server.add(note(&run.to_string()));
        let calls = calls_of_fetch(&sandbox);
        write!(list, "run {run}\n{calls}").expect("a text takes everything");
        server.wait_until_empty();
    }
    assert_eq!(list, expected, "{list}");
}

fn calls_of_fetch(sandbox: &Sandbox) -> Calls {
    let names: Vec<_> = CALLS.iter().map(|(name, _)| *name).collect();
    let argv = [sandbox.program().into(), "fetch".into()];
    let (outcome, lines) = strace::calls_of(sandbox, &argv, &names);
    outcome.succeeds();
    let mut calls = Calls::default();
    for (thread, line) in lines {
        let Some((name, arguments)) = line.split_once('(') else {
            continue;
        };
        let mut all = CALLS.iter();
        let call = all.find(|(other, _)| other.trim_start_matches('?') == name);
        let Some((_, call)) = call else { continue };
        if *call == "fsync" && arguments.contains("/seen.db-wal>") {
            calls.add(&thread, "commit", &[]);
            continue;
        }
        let paths = paths(arguments, *call != "write");
        let paths: Vec<_> = paths
            .iter()
            .filter_map(|path| seen_from_parent(sandbox, path))
            .collect();
        let paths: Vec<_> = paths.iter().map(String::as_str).collect();
        if !paths.is_empty() {
            calls.add(&thread, call, &paths);
        }
    }
    calls
}

/// Returns the paths among the arguments of a call: those of its descriptors, together with the
/// names after them.
fn paths(arguments: &str, has_names: bool) -> Vec<String> {
    let mut paths = Vec::<String>::new();
    let mut rest = arguments
        .split_once(") = ")
        .map_or(arguments, |(arguments, _)| arguments);
    while let Some(at) = rest.find(['<', '"']) {
        let end = match rest[at..].starts_with('<') {
            true => '>',
            false => '"',
        };
        let Some((text, after)) = rest[at + 1..].split_once(end) else {
            break;
        };
        match (end, paths.pop()) {
            ('>', before) => paths.extend(before.into_iter().chain([text.to_owned()])),
            (_, Some(folder)) if !text.starts_with('/') => paths.push(format!("{folder}/{text}")),
            _ => paths.push(text.to_owned()),
        }
        if !has_names {
            break;
        }
        rest = after;
    }
    paths
}

/// Returns a path as seen from the folder that holds the Maildir, or `None` if it is elsewhere. A
/// name that is empty or a dot is another way to look at what is open already.
fn seen_from_parent(sandbox: &Sandbox, path: &str) -> Option<String> {
    let maildir = sandbox.work().path().display().to_string();
    if path.ends_with("/.") || path.ends_with('/') {
        return None;
    }
    match path.strip_prefix(&maildir) {
        Some(below) => Some(format!("Mail{below}")),
        None => maildir
            .rsplit_once('/')
            .is_some_and(|(parent, _)| parent == path)
            .then(|| ".".to_owned()),
    }
}
