//! The power fails in runs that deliver to a Maildir: what is on the disk at that instant is all
//! that the next run finds. `MAILPULL_TESTS_FULL=1` cuts it at every system call.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;

use crate::support::disk::{Disk, FileSystem};
use crate::support::mail::{TestMessage, ordinary};
use crate::support::maildir::MaildirView;
use crate::support::model_server::ModelServer;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::strace::{Injection, Point, Threads, faulty, points, sample};
use crate::support::sweep::Sweep;
use crate::support::tools;

/// What changes a disk, or the server's mind: the power fails before each, so after each, too.
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

/// Where the Maildir and the database are.
#[derive(Clone, Copy, Debug)]
enum Disks {
    /// Each on a disk of its own: what makes one durable does nothing for the other.
    Apart,
    /// Both on one disk.
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
    /// Makes one in which the program never ran; or, for the points of other threads than the
    /// first, one in which the first has nothing to write before the others do. `None`: there are
    /// no such disks here.
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
            fs::create_dir_all(world.sandbox.path(folder)).expect("there is room");
        }
        if threads == Threads::Any {
            let known = world.mailpull("seen").arg("rematch").arg("work").run();
            known.succeeds();
            maildir.make();
        }
        world.disks.iter().for_each(Disk::sync);
        Some(world)
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

    /// Turns the power off and on again.
    fn cut_power(&mut self) {
        // All at one instant, as nobody writes any more.
        let copies: Vec<PathBuf> = self.disks.iter().map(Disk::copy).collect();
        for (disk, copy) in self.disks.iter_mut().zip(copies) {
            disk.replace(copy);
        }
    }
}

/// Cuts the power at so many points in runs that begin in a world of `make`, if such
/// can be made here.
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
    // Of each call first, so that the frequent ones do not crowd the others out.
    for point in tools::sample(&sample(&all, 2), samples) {
        if let Some(world) = make(setup, threads) {
            try_at(sweep, &point, setup, world);
        }
    }
}

/// The same in the first run ever, in all threads.
fn sweep_first_run(setup: Setup, samples: usize) {
    if tools::find("strace").is_none() {
        return;
    }
    let mut sweep = Sweep::new(format!("power cut, {setup}"));
    for threads in [Threads::Main, Threads::Any] {
        sweep_points(&mut sweep, setup, threads, samples, World::new);
    }
    sweep.conclude();
}

/// Cuts the power at a point, runs once more and counts what came of it all.
fn try_at(sweep: &mut Sweep, point: &Point, setup: Setup, mut world: World) {
    let args = world.args("fetch");
    let killed = faulty(&world.sandbox, args, point, Injection::Kill).run();
    world.cut_power();
    sweep.try_at(point, !killed.status.success());
    let survivors = world.maildir().messages();
    let listed = world.server.unique_ids();
    let is_gone = |message: &&TestMessage| !listed.contains(&message.unique_id);
    for message in world.messages.iter().filter(is_gone) {
        if !survivors.contains(&message.stored()) {
            sweep.complain(point, "a message is on neither side");
        }
    }
    let next = world.mailpull("fetch").run();
    if !next.status.success() || !next.stderr.is_empty() {
        sweep.complain(point, &next);
    }
    let there = world.maildir().messages();
    let copies = |stored: &[u8]| there.iter().filter(|found| *found == stored).count();
    sweep.compare(point, &world.messages, copies, 0);
    if there.len() != setup.messages {
        sweep.complain(point, format_args!("{} messages are there", there.len()));
    }
    match (setup.keep, world.server.count()) {
        (false, left) => sweep.find_undeleted(point, left),
        (true, left) if left == setup.messages => {}
        _ => sweep.complain(point, "kept mail is gone from the server"),
    }
    if world.maildir().count("tmp") > 0 {
        sweep.complain(point, "tmp/ is not empty");
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

/// Makes one in which a run was killed when half of its messages were in new/, and a mail reader
/// has moved those since then.
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
        sweep.conclude();
    }
}
