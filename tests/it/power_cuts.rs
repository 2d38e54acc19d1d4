//! Power cuts in runs that deliver to a Maildir. The next run finds only what was on the disk at
//! that instant. With `MAILPULL_TESTS_FULL=1` the power is cut at every system call.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;

use crate::support::cost::Cost;
use crate::support::disk::{Disk, FileSystem};
use crate::support::mail::{TestMessage, ordinary};
use crate::support::maildir::MaildirView;
use crate::support::model_server::ModelServer;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::strace::{Injection, Point, Threads, faulty, points, sample};
use crate::support::sweep::{Allowed, Sweep};
use crate::support::tools;

/// The system calls that change the disk, or that send something to the server. The power is cut
/// before each of them, and so also after each.
const CALLS: [&str; 10] = [
    "fdatasync",
    "fsync",
    "ftruncate",
    "mkdir",
    "pwrite64",
    "renameat2",
    "syncfs",
    "unlink",
    "unlinkat",
    "write",
];

/// The disks of the Maildir and of the database.
#[derive(Clone, Copy, Debug)]
enum Disks {
    /// Each has a disk of its own, so flushing one does not flush the other.
    Apart,
    /// Both are on one disk.
    Together,
}

#[derive(Clone, Copy, Debug)]
struct Scenario {
    disks: Disks,
    file_system: FileSystem,
    keep: bool,
    messages: usize,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = if self.keep { "kept" } else { "deleted" };
        write!(f, "{:?}, {:?}, {kept}", self.file_system, self.disks)
    }
}

struct PowerCutSetup {
    disks: Vec<Disk>,
    messages: Vec<TestMessage>,
    sandbox: Sandbox,
    server: ModelServer,
}

impl PowerCutSetup {
    /// Makes a setup in which the program has never run. For points in other threads than the main
    /// one, the main thread has already written what it writes before the others start. Returns
    /// `None` if there are no such disks here.
    fn new(scenario: Scenario, threads: Threads) -> Option<Self> {
        // Only root can mount disks.
        tools::require_root();
        let messages = ordinary(1, scenario.messages);
        let server = ModelServer::start(messages.clone());
        let sandbox = Sandbox::new();
        let folders = match scenario.disks {
            Disks::Apart => &["disk/mail", "disk/state"][..],
            Disks::Together => &["disk"],
        };
        let disks = folders.iter().enumerate().map(|(n, folder)| {
            let image = sandbox.path(format!("image-{n}"));
            Disk::mount(scenario.file_system, &image, &sandbox.path(folder))
        });
        let disks = disks.collect::<Option<Vec<_>>>()?;
        let setup = Self {
            disks,
            messages,
            sandbox,
            server,
        };
        let maildir = setup.maildir();
        let keys = format!("maildir = {:?}\nkeep = {}", maildir.path(), scenario.keep);
        setup.sandbox.account("work", setup.server.address(), &keys);
        for folder in ["disk/mail", "disk/state"] {
            fs::create_dir_all(setup.sandbox.path(folder)).expect("an empty disk has room");
        }
        if threads == Threads::Any {
            let rematch = setup.mailpull("seen").arg("rematch").arg("work");
            rematch.run().succeeds();
            maildir.make();
        }
        setup.disks.iter().for_each(Disk::sync);
        Some(setup)
    }

    fn cost(&self) -> Cost {
        let delivered = self.maildir().messages();
        let listed = self.server.unique_ids();
        Cost::of_files(&self.messages, &delivered, <[u8]>::eq, &listed)
    }

    fn maildir(&self) -> MaildirView {
        MaildirView::at(self.sandbox.path("disk/mail/work"))
    }

    fn args(&self, command: &'static str) -> [String; 3] {
        let state = self.sandbox.path("disk/state/mailpull");
        let state = state.display().to_string();
        ["--state-dir".to_owned(), state, command.to_owned()]
    }

    fn mailpull(&self, command: &'static str) -> Program {
        self.sandbox.mailpull(self.args(command))
    }

    /// Cuts the power and restores it.
    fn cut_power(&mut self) {
        // Nothing is written any more, so the copies show the same instant.
        let copies: Vec<PathBuf> = self.disks.iter().map(Disk::copy).collect();
        for (disk, copy) in self.disks.iter_mut().zip(copies) {
            disk.replace(copy);
        }
    }
}

/// Cuts the power at a sample of points in runs that begin with a setup from `make`. Does nothing if
/// such a setup cannot be made here.
fn sweep_points(
    sweep: &mut Sweep,
    scenario: Scenario,
    threads: Threads,
    samples: usize,
    make: fn(Scenario, Threads) -> Option<PowerCutSetup>,
) {
    let Some(setup) = make(scenario, threads) else {
        return;
    };
    let args = setup.args("fetch");
    let args = args.each_ref().map(String::as_str);
    let all = points(&setup.sandbox, &args, threads, &CALLS);
    drop(setup);
    // The first sample has some points of each call, so that frequent calls do not fill the second.
    for point in tools::sample(&sample(&all, 2), samples) {
        if let Some(setup) = make(scenario, threads) {
            try_at(sweep, &point, scenario, setup);
        }
    }
}

/// Cuts the power in the first run of an account, in all threads.
fn sweep_first_run(scenario: Scenario, samples: usize) {
    if tools::find("strace").is_none() {
        return;
    }
    let mut sweep = Sweep::new(format!("power cut, {scenario}"));
    for threads in [Threads::Main, Threads::Any] {
        sweep_points(&mut sweep, scenario, threads, samples, PowerCutSetup::new);
    }
    sweep.finish();
}

/// Cuts the power at a point, runs the program once more and counts what was lost or repeated.
fn try_at(sweep: &mut Sweep, point: &Point, scenario: Scenario, mut setup: PowerCutSetup) {
    let args = setup.args("fetch");
    let killed = faulty(&setup.sandbox, args, point, Injection::Kill).run();
    setup.cut_power();
    sweep.count_run(point, !killed.status.success());
    let cost = setup.cost();
    if cost.lost > 0 {
        sweep.problem(
            point,
            "a message is neither on the server nor in the Maildir",
        );
    }
    let next = setup.mailpull("fetch").run();
    if !next.status.success() || !next.stderr.is_empty() {
        sweep.problem(point, &next);
    }
    let kept = if scenario.keep { scenario.messages } else { 0 };
    let allowed = Allowed {
        duplicated: 0,
        kept,
    };
    sweep.add(point, setup.cost(), allowed);
    if setup.maildir().count("tmp") > 0 {
        sweep.problem(point, "tmp/ is not empty");
    }
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_power_cut_neither_loses_nor_repeats_mail_that_is_deleted() {
    let scenario = Scenario {
        disks: Disks::Together,
        file_system: FileSystem::Ext4,
        keep: false,
        messages: 140,
    };
    sweep_first_run(scenario, 10);
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_power_cut_neither_loses_nor_repeats_mail_that_is_kept() {
    let scenario = Scenario {
        disks: Disks::Together,
        file_system: FileSystem::Ext4,
        keep: true,
        messages: 8,
    };
    sweep_first_run(scenario, 4);
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_power_cut_with_two_disks_loses_and_repeats_nothing() {
    let scenario = Scenario {
        disks: Disks::Apart,
        file_system: FileSystem::Ext4,
        keep: false,
        messages: 8,
    };
    sweep_first_run(scenario, 8);
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn power_cuts_on_xfs_and_btrfs_lose_and_repeat_nothing() {
    for file_system in [FileSystem::Xfs, FileSystem::Btrfs] {
        let scenario = Scenario {
            disks: Disks::Together,
            file_system,
            keep: false,
            messages: 8,
        };
        sweep_first_run(scenario, 5);
    }
}

/// Makes a setup in which a run was killed when half of its messages were in new/, from where a
/// mail reader has moved them.
fn half_delivered_and_read(scenario: Scenario, _: Threads) -> Option<PowerCutSetup> {
    let setup = PowerCutSetup::new(scenario, Threads::Any)?;
    let point = Point {
        call: "renameat2".to_owned(),
        line: String::new(),
        nth: scenario.messages / 2,
        threads: Threads::Any,
    };
    let killed = faulty(&setup.sandbox, setup.args("fetch"), &point, Injection::Kill).run();
    killed.is_killed_by(Signal::KILL);
    setup.maildir().read_all();
    Some(setup)
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_power_cut_during_recovery_loses_and_repeats_nothing() {
    if tools::find("strace").is_none() {
        return;
    }
    let file_systems = [FileSystem::Btrfs, FileSystem::Ext4, FileSystem::Xfs];
    for file_system in tools::sample(&file_systems, 2) {
        let scenario = Scenario {
            disks: Disks::Apart,
            file_system,
            keep: false,
            messages: 8,
        };
        let mut sweep = Sweep::new(format!("power cut in the recovery, {scenario}"));
        let make = half_delivered_and_read;
        sweep_points(&mut sweep, scenario, Threads::Main, 7, make);
        sweep.finish();
    }
}
