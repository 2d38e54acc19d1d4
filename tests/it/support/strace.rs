//! Faults at chosen system calls of the program, by strace: the program is killed, or the call
//! fails.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use rustix::process::Signal;

use super::maildir::MaildirView;
use super::outcome::RunOutcome;
use super::process::Program;
use super::sandbox::Sandbox;
use super::tools;

/// A system call in a run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Point {
    pub(crate) call: String,
    /// The call as strace prints it, with the paths of its descriptors.
    pub(crate) line: String,
    /// The number of the call among those of this name in its thread, from 1.
    pub(crate) nth: usize,
    pub(crate) threads: Threads,
}

/// The threads in which a point may be. strace counts the calls of each thread separately.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Threads {
    /// All threads and children. The first one to reach the point is meant.
    Any,
    /// The first thread only.
    Main,
}

/// A fault that happens at a point, instead of the call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Injection {
    /// The call fails with this error (`ENOSPC`).
    Error(&'static str),
    /// The program is killed.
    Kill,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} of {:?}", self.call, self.nth, self.threads)
    }
}

/// Runs the program in `sandbox` and lists every point at which it makes one of `calls`.
///
/// For [`Threads::Any`] these are the points in the other threads than the first.
#[track_caller]
pub(crate) fn points(
    sandbox: &Sandbox,
    args: &[&str],
    threads: Threads,
    calls: &[&str],
) -> Vec<Point> {
    let mut argv = vec![sandbox.program().into_os_string()];
    argv.extend(args.iter().map(OsString::from));
    let (outcome, points) = points_of(sandbox, &argv, threads, calls);
    outcome.succeeds();
    points
}

/// Does the same with any program and any exit status.
#[track_caller]
pub(crate) fn points_of(
    sandbox: &Sandbox,
    argv: &[OsString],
    threads: Threads,
    calls: &[&str],
) -> (RunOutcome, Vec<Point>) {
    let (outcome, calls) = calls_of(sandbox, argv, calls);
    let main = calls.first().map(|(pid, _)| pid.clone());
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut reached = BTreeSet::new();
    let mut points = Vec::new();
    for (pid, line) in &calls {
        // A call that another thread interrupts has two lines. The second is "<... call resumed>".
        let Some((call, _)) = line.split_once('(').filter(|(call, _)| !call.contains(' ')) else {
            continue;
        };
        let is_main = Some(pid) == main.as_ref();
        if threads == Threads::Main && !is_main {
            continue;
        }
        let nth = counts.entry((pid, call)).or_default();
        *nth += 1;
        // The fault hits only the first thread that gets there. A call of the main thread is a
        // point of `Threads::Main`.
        let is_first = reached.insert((call, *nth));
        if is_first && is_main == (threads == Threads::Main) {
            points.push(Point {
                call: call.to_owned(),
                line: line.to_owned(),
                nth: *nth,
                threads,
            });
        }
    }
    points.sort_by(|one, other| (&one.call, one.nth).cmp(&(&other.call, other.nth)));
    (outcome, points)
}

/// Runs a program and returns what strace prints of these calls, each line with the thread that
/// made the call.
#[track_caller]
pub(crate) fn calls_of(
    sandbox: &Sandbox,
    argv: &[OsString],
    calls: &[&str],
) -> (RunOutcome, Vec<(String, String)>) {
    let log = sandbox.path("strace");
    let mut command = sandbox.command("strace");
    command.args([
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-y",
        "-e",
        "signal=none",
        "-e",
    ]);
    command.arg(format!("trace={}", calls.join(",")));
    command.arg("-o").arg(&log).args(argv);
    let outcome = Program::new(command).run();
    let log = fs::read(&log).expect("strace wrote its log");
    let log = String::from_utf8_lossy(&log);
    let lines = log.lines().filter_map(|line| line.split_once(' '));
    let lines = lines.map(|(pid, line)| (pid.to_owned(), line.trim_start().to_owned()));
    (outcome, lines.collect())
}

/// Takes a [`tools::sample`] of at most `count` points from the points of each call.
pub(crate) fn sample(points: &[Point], count: usize) -> Vec<Point> {
    points
        .chunk_by(|one, other| one.call == other.call)
        .flat_map(|points| tools::sample(points, count))
        .collect()
}

/// Prepares a run of the program with a fault at a point.
pub(crate) fn faulty(
    sandbox: &Sandbox,
    args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    point: &Point,
    fault: Injection,
) -> Program {
    let mut argv = vec![sandbox.program().into_os_string()];
    argv.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
    faulty_run_of(sandbox, &argv, point, fault)
}

/// Prepares a run of any program with a fault at a point.
pub(crate) fn faulty_run_of(
    sandbox: &Sandbox,
    argv: &[OsString],
    point: &Point,
    fault: Injection,
) -> Program {
    // With --seccomp-bpf, which saves most of the time, strace 6.1 sends a signal at the first call only.
    let (fault, may_filter) = match fault {
        Injection::Error(name) => (format!("error={name}"), true),
        Injection::Kill => ("signal=SIGKILL".to_owned(), false),
    };
    let mut command = sandbox.command("strace");
    if point.threads == Threads::Any {
        command.arg("-f");
        if may_filter {
            command.arg("--seccomp-bpf");
        }
    }
    command.args(["-qq", "-y", "-e", "signal=none", "-e"]);
    command.arg(format!("trace={}", point.call));
    command.arg("-e");
    command.arg(format!("inject={}:{fault}:when={}", point.call, point.nth));
    command.arg("-o").arg(sandbox.path("strace"));
    command.args(argv);
    Program::new(command)
}

/// Runs until messages are staged for a Maildir and none has left tmp/, and kills the run there.
///
/// strace counts the calls of each thread, and the first thread renames a file, too. So the run is killed at
/// the second rename of a thread, and what the first one did is undone.
#[track_caller]
pub(crate) fn kill_when_staged(sandbox: &Sandbox, args: &[&str], maildir: &MaildirView) {
    let second_rename = Point {
        call: "renameat2".to_owned(),
        line: String::new(),
        nth: 2,
        threads: Threads::Any,
    };
    let killed = faulty(sandbox, args, &second_rename, Injection::Kill).run();
    killed.is_killed_by(Signal::KILL);
    let hidden = maildir.hidden();
    assert_eq!(hidden.len(), 1);
    let name = hidden[0].file_name().and_then(OsStr::to_str);
    let name = name.and_then(|name| name.strip_prefix('.'));
    let tmp = maildir.path().join("tmp");
    let name = name.expect("the name is hidden");
    fs::rename(&hidden[0], tmp.join(name)).expect("the file can be moved");
    fs::remove_file(list_of_placed(&tmp, name)).expect("the run has begun a list");
}

/// Returns the list with which a run proves that it has put a message in its place.
pub(crate) fn list_of_placed(tmp: &Path, name: &str) -> PathBuf {
    let (_, mark) = name.split_once('R').expect("a file name has a mark");
    tmp.join(format!(".mailpull-{}.placed", &mark[..32]))
}

/// Returns the call that failed in the last faulty run, as strace prints it. Returns `None` if the
/// run took another way and never reached the point.
pub(crate) fn hit(sandbox: &Sandbox) -> Option<String> {
    let log = fs::read(sandbox.path("strace")).expect("strace wrote its log");
    let log = String::from_utf8_lossy(&log);
    let mut unfinished = BTreeMap::new();
    for line in log.lines() {
        let pid = line
            .split(' ')
            .next()
            .filter(|pid| pid.parse::<u32>().is_ok());
        match (line.contains("(INJECTED)"), line.contains("<... ")) {
            (true, true) => return unfinished.remove(&pid).map(str::to_owned),
            (true, false) => return Some(line.to_owned()),
            _ => unfinished.insert(pid, line),
        };
    }
    None
}
