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
struct Setup {
    disks: Disks,
    file_system: FileSystem,
    keep: bool,
    messages: usize,
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = if self.keep { "kept" } else { "deleted" };
        write!(f, "{:?}, {:?}, {kept}", self.file_system, self.disks)
    }
}

struct World {
    disks: Vec<Disk>,
    messages: Vec<TestMessage>,
    sandbox: Sandbox,
    server: ModelServer,
}

impl World {
    /// Makes a world in which the program has never run. For points in other threads than the main
    /// one, the main thread has already written what it writes before the others start. Returns
    /// `None` if there are no such disks here.
    fn new(setup: Setup, threads: Threads) -> Option<Self> {
        // Only root can mount disks.
        tools::require_root();
        let messages = ordinary(1, setup.messages);
        let server = ModelServer::start(messages.clone());
        let sandbox = Sandbox::new();
        let folders = match setup.disks {
            Disks::Apart => &["disk/mail", "disk/state"][..],
            Disks::Together => &["disk"],
        };
        let disks = folders.iter().enumerate().map(|(n, folder)| {
            let image = sandbox.path(format!("image-{n}"));
            Disk::mount(setup.file_system, &image, &sandbox.path(folder))
        });
        let disks = disks.collect::<Option<Vec<_>>>()?;
        let world = Self {
            disks,
            messages,
            sandbox,
            server,
        };
        let maildir = world.maildir();
        let keys = format!("maildir = {:?}\nkeep = {}", maildir.path(), setup.keep);
        world.sandbox.account("work", world.server.address(), &keys);
        for folder in ["disk/mail", "disk/state"] {
            fs::create_dir_all(world.sandbox.path(folder)).expect("an empty disk has room");
        }
        if threads == Threads::Any {
            let rematch = world.mailpull("seen").arg("rematch").arg("work");
            rematch.run().succeeds();
            maildir.make();
        }
        world.disks.iter().for_each(Disk::sync);
        Some(world)
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

/// Cuts the power at a sample of points in runs that begin in a world of `make`. Does nothing if
/// such a world cannot be made here.
fn sweep_points(
    sweep: &mut Sweep,
    setup: Setup,
    threads: Threads,
    samples: usize,
    make: fn(Setup, Threads) -> Option<World>,
) {
    let Some(world) = make(setup, threads) else {
        return;
    };
    let args = world.args("fetch");
    let args = args.each_ref().map(String::as_str);
    let all = points(&world.sandbox, &args, threads, &CALLS);
    drop(world);
    // The first sample has some points of each call, so that frequent calls do not fill the second.
    for point in tools::sample(&sample(&all, 2), samples) {
        if let Some(world) = make(setup, threads) {
            try_at(sweep, &point, setup, world);
        }
    }
}

/// Cuts the power in the first run of an account, in all threads.
fn sweep_first_run(setup: Setup, samples: usize) {
    if tools::find("strace").is_none() {
        return;
    }
    let mut sweep = Sweep::new(format!("power cut, {setup}"));
    for threads in [Threads::Main, Threads::Any] {
        sweep_points(&mut sweep, setup, threads, samples, World::new);
    }
    sweep.finish();
}

/// Cuts the power at a point, runs the program once more and counts what was lost or repeated.
fn try_at(sweep: &mut Sweep, point: &Point, setup: Setup, mut world: World) {
    let args = world.args("fetch");
    let killed = faulty(&world.sandbox, args, point, Injection::Kill).run();
    world.cut_power();
    sweep.count_run(point, !killed.status.success());
    let cost = world.cost();
    if cost.lost > 0 {
        sweep.problem(
            point,
            "a message is neither on the server nor in the Maildir",
        );
    }
    let next = world.mailpull("fetch").run();
    if !next.status.success() || !next.stderr.is_empty() {
        sweep.problem(point, &next);
    }
    let kept = if setup.keep { setup.messages } else { 0 };
    let allowed = Allowed {
        duplicated: 0,
        kept,
    };
    sweep.add(point, world.cost(), allowed);
    if world.maildir().count("tmp") > 0 {
        sweep.problem(point, "tmp/ is not empty");
    }
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_power_cut_neither_loses_nor_repeats_mail_that_is_deleted() {
    let setup = Setup {
        disks: Disks::Together,
        file_system: FileSystem::Ext4,
        keep: false,
        messages: 140,
    };
    sweep_first_run(setup, 10);
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_power_cut_neither_loses_nor_repeats_mail_that_is_kept() {
    let setup = Setup {
        disks: Disks::Together,
        file_system: FileSystem::Ext4,
        keep: true,
        messages: 8,
    };
    sweep_first_run(setup, 4);
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_power_cut_with_two_disks_loses_and_repeats_nothing() {
    let setup = Setup {
        disks: Disks::Apart,
        file_system: FileSystem::Ext4,
        keep: false,
        messages: 8,
    };
    sweep_first_run(setup, 8);
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn power_cuts_on_xfs_and_btrfs_lose_and_repeat_nothing() {
    for file_system in [FileSystem::Xfs, FileSystem::Btrfs] {
        let setup = Setup {
            disks: Disks::Together,
            file_system,
            keep: false,
            messages: 8,
        };
        sweep_first_run(setup, 5);
    }
}

/// Makes a world in which a run was killed when half of its messages were in new/, from where a
/// mail reader has moved them.
fn half_delivered_and_read(setup: Setup, _: Threads) -> Option<World> {
    let world = World::new(setup, Threads::Any)?;
    let point = Point {
        call: "renameat2".to_owned(),
        line: String::new(),
        nth: setup.messages / 2,
        threads: Threads::Any,
    };
    let killed = faulty(&world.sandbox, world.args("fetch"), &point, Injection::Kill).run();
    killed.is_killed_by(Signal::KILL);
    world.maildir().read_all();
    Some(world)
}

#[test]
#[ignore = "needs root: tests/run runs it"]
fn a_power_cut_during_recovery_loses_and_repeats_nothing() {
    if tools::find("strace").is_none() {
        return;
    }
    let file_systems = [FileSystem::Btrfs, FileSystem::Ext4, FileSystem::Xfs];
    for file_system in tools::sample(&file_systems, 2) {
        let setup = Setup {
            disks: Disks::Apart,
            file_system,
            keep: false,
            messages: 8,
        };
        let mut sweep = Sweep::new(format!("power cut in the recovery, {setup}"));
        let make = half_delivered_and_read;
        sweep_points(&mut sweep, setup, Threads::Main, 7, make);
        sweep.finish();
    }
}
