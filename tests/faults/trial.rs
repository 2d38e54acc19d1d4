//! A trial: one fault in one run of one program, and its cost after more runs without a fault.

use std::cell::Cell;
use std::ffi::OsString;
use std::time::Duration;
use std::{fmt, fs};

use crate::fetcher::Fetcher;
use crate::server_fault::ServerFault;
use crate::support::cost::{Cost, has_same_body};
use crate::support::disk::{Disk, FileSystem};
use crate::support::mail::TestMessage;
use crate::support::model_server::{Cut, ModelServer};
use crate::support::outcome::RunOutcome;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::strace::{Injection, Point, Threads, faulty_run_of, points_of};

/// The number of messages on the server.
pub(crate) const MESSAGES: usize = 5;

/// The time limit of a run. The slowest run takes a second unless it waits for something.
const RUN_TIMEOUT: Duration = Duration::from_secs(10);

/// The largest file that a program may write. A program that writes without end soon gets an error.
const LARGEST_FILE: u64 = 1 << 20;

/// The most runs without a fault. They end earlier if nothing changes any more.
const CLEAN_RUNS: usize = 4;

/// The most attempts at a point while runs are disturbed; see [`Fetcher::was_disturbed`].
const ATTEMPTS: usize = 8;

/// The fault in a run.
#[derive(Clone, Debug)]
pub(crate) enum Trial {
    /// A system call fails, or the process is killed there.
    Call(Point, Injection),
    /// The connection is cut in a session. The first session is 0.
    Cut(usize, Cut),
    /// No fault happens. This shows the costs that have another cause.
    None,
    /// The power fails at a system call, and only the flushed data remain.
    PowerCut(Point),
    /// The server misbehaves.
    Server(ServerFault),
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(point, fault) => write!(f, "{fault:?} at {point}"),
            Self::Cut(session, cut) => write!(f, "{cut:?} of session {session}"),
            Self::None => write!(f, "no fault"),
            Self::PowerCut(point) => write!(f, "power cut at {point}"),
            Self::Server(fault) => write!(f, "{fault}"),
        }
    }
}

/// The result of a trial.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TrialResult {
    /// True if the result is useless; see [`Fetcher::was_disturbed`].
    disturbed: bool,
    /// True if a run did not end: it wrote until the disk was full, or it was killed.
    pub(crate) ran_away: bool,
    pub(crate) cost: Cost,
}

impl TrialResult {
    pub(crate) fn is_bad(&self) -> bool {
        self.ran_away || self.cost != Cost::default()
    }
}

impl fmt::Display for TrialResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.cost)?;
        if self.ran_away {
            write!(f, ", and it ran away")?;
        }
        Ok(())
    }
}

/// A program that has run once with an empty maildrop, and messages that have come since then.
struct TrialSetup {
    disturbed: Cell<bool>,
    disk: Option<Disk>,
    fetcher: Fetcher,
    sandbox: Sandbox,
    sent: Vec<TestMessage>,
    server: ModelServer,
}

impl TrialSetup {
    fn new(fetcher: Fetcher) -> Self {
        Self::of(fetcher, fetcher.sandbox(), None)
    }

    /// Makes a setup with its home on its own disk. Returns `None` if no disk can be mounted.
    fn on_disk(fetcher: Fetcher) -> Option<Self> {
        let sandbox = fetcher.sandbox();
        let image = sandbox.path("image");
        let disk = Disk::mount(FileSystem::Ext4, &image, &sandbox.home())?;
        sandbox.give(&sandbox.home());
        Some(Self::of(fetcher, sandbox, Some(disk)))
    }

    fn of(fetcher: Fetcher, sandbox: Sandbox, disk: Option<Disk>) -> Self {
        let world = Self {
            disturbed: Cell::new(false),
            disk,
            fetcher,
            sandbox,
            sent: letters(0),
            server: ModelServer::start(Vec::new()),
        };
        world.prepare();
        world.disk.iter().for_each(Disk::sync);
        world
    }

    fn prepare(&self) {
        let maildir = self.sandbox.work();
        maildir.make();
        self.sandbox.give(&self.sandbox.home().join("Mail"));
        self.sandbox.give(maildir.path());
        for folder in ["cur", "new", "tmp"] {
            self.sandbox.give(&maildir.path().join(folder));
        }
        self.fetcher.configure(&self.sandbox, self.server.port());
        self.run();
        for message in &self.sent {
            self.server.add(message.clone());
        }
    }

    /// Returns the program and its arguments, after a shell that limits the size of files.
    fn argv(&self) -> Vec<OsString> {
        // If the signal XFSZ is ignored, the call fails with an error, as on a full disk.
        let limit = format!(
            "trap '' XFSZ && ulimit -f {} && exec \"$@\"",
            LARGEST_FILE / 512
        );
        let mut argv: Vec<OsString> = vec!["sh".into(), "-c".into(), limit.into(), "sh".into()];
        argv.extend(self.fetcher.argv(&self.sandbox));
        argv
    }

    /// Runs the program without a fault. Returns `None` if it did not end.
    fn run(&self) -> Option<RunOutcome> {
        let argv = self.argv();
        let mut command = self.sandbox.command(&argv[0]);
        command.args(&argv[1..]);
        self.finish(Program::new(command))
    }

    fn run_with(&self, point: &Point, fault: Injection) -> Option<RunOutcome> {
        self.finish(faulty_run_of(&self.sandbox, &self.argv(), point, fault))
    }

    fn finish(&self, program: Program) -> Option<RunOutcome> {
        let outcome = program.start().wait_within(RUN_TIMEOUT);
        if let Some(outcome) = &outcome {
            let disturbed = self.fetcher.was_disturbed(outcome);
            self.disturbed.set(self.disturbed.get() || disturbed);
        }
        // A child, such as the MDA, may run longer than the program.
        self.sandbox.wait_for_all_processes();
        outcome
    }

    fn cut_power(&mut self) {
        if let Some(disk) = &mut self.disk {
            let copy = disk.copy();
            disk.replace(copy);
        }
    }

    /// True if a file has grown to the largest size.
    fn is_full(&self) -> bool {
        let maildir = self.sandbox.work();
        let mut files = ["tmp", "new"]
            .iter()
            .flat_map(|folder| maildir.files(folder));
        files.any(|path| fs::metadata(path).is_ok_and(|file| file.len() >= LARGEST_FILE))
    }

    fn cost(&self) -> Cost {
        let delivered = self.sandbox.work().messages();
        let listed = self.server.unique_ids();
        Cost::of_files(&self.sent, &delivered, has_same_body, &listed)
    }
}

impl Trial {
    /// Runs the trial, and again if it was disturbed. Returns `None` if it is not possible on this
    /// machine.
    pub(crate) fn run(&self, fetcher: Fetcher) -> Option<TrialResult> {
        let mut verdict = self.run_once(fetcher)?;
        for _ in 1..ATTEMPTS {
            if !verdict.disturbed {
                break;
            }
            verdict = self.run_once(fetcher)?;
        }
        Some(verdict)
    }

    fn run_once(&self, fetcher: Fetcher) -> Option<TrialResult> {
        let mut world = match self {
            Self::PowerCut(_) => TrialSetup::on_disk(fetcher)?,
            Self::Call(..) | Self::Cut(..) | Self::None | Self::Server(_) => {
                TrialSetup::new(fetcher)
            }
        };
        let ended = match self {
            Self::Call(point, fault) => world.run_with(point, *fault),
            Self::Cut(session, cut) => {
                let mut cuts = vec![Cut::Fin(usize::MAX); *session];
                cuts.push(*cut);
                world.server.change(|behaviour| behaviour.cuts = cuts);
                world.run()
            }
            // This run is traced as well, because tracing changes the timing.
            Self::None => world.run_with(&unreached(), Injection::Kill),
            Self::PowerCut(point) => {
                let ended = world.run_with(point, Injection::Kill);
                world.cut_power();
                ended
            }
            Self::Server(fault) => {
                fault.begin(&world.server, &mut world.sent);
                let ended = world.run();
                fault.go_on(&world.server, &mut world.sent);
                ended
            }
        };
        let mut ran_away = ended.is_none() || world.is_full();
        let mut cost = None;
        for _ in 0..CLEAN_RUNS {
            ran_away |= world.run().is_none() || world.is_full();
            let now = world.cost();
            if cost.replace(now) == Some(now) || now == Cost::default() {
                break;
            }
        }
        let disturbed = world.disturbed.get();
        cost.map(|cost| TrialResult {
            disturbed,
            ran_away,
            cost,
        })
    }
}

/// Returns a point that no run reaches.
fn unreached() -> Point {
    Point {
        call: "write".to_owned(),
        line: String::new(),
        nth: 60_000,
        threads: Threads::Main,
    }
}

/// Checks that a program fetches and deletes everything without a fault.
pub(crate) fn check(fetcher: Fetcher) -> Result<(), String> {
    match Trial::None.run(fetcher) {
        Some(verdict) if verdict.is_bad() => Err(format!("without a fault, {verdict}")),
        _ => Ok(()),
    }
}

/// Lists the points at which one of `calls` is made in a run without a fault. `is_meant` selects
/// points; its second argument is the folder with the program's files.
pub(crate) fn points(
    fetcher: Fetcher,
    threads: Threads,
    calls: &[&str],
    is_meant: fn(&Point, &str) -> bool,
) -> Vec<Point> {
    let look = || {
        let world = TrialSetup::new(fetcher);
        let (outcome, mut points) = points_of(&world.sandbox, &world.argv(), threads, calls);
        let root = world.sandbox.path("").display().to_string();
        points.retain(|point| is_meant(point, &root));
        (fetcher.was_disturbed(&outcome), points)
    };
    let mut looks = (0..ATTEMPTS).map(|_| look());
    let seen = looks.find(|(is_disturbed, _)| !is_disturbed);
    seen.map(|(_, points)| points).unwrap_or_default()
}

/// Counts the octets that the server sends in each session of a run without a fault.
pub(crate) fn octets_of_sessions(fetcher: Fetcher) -> Vec<usize> {
    let world = TrialSetup::new(fetcher);
    let before = world.server.log().sessions;
    world.run();
    let log = world.server.log();
    let mut edges = log.begun_at[before..].to_vec();
    edges.push(log.sent);
    edges.windows(2).map(|edge| edge[1] - edge[0]).collect()
}

/// Makes messages without equal lines, so that a part of one is never taken for another. They have the
/// numbers after `last`.
pub(crate) fn letters(last: usize) -> Vec<TestMessage> {
    let letter = |n| {
        let line = |line| format!("Line {line} of letter {n} says no more than that.\r\n");
        let lines: String = (1..=12).map(line).collect();
        let octets = format!(
            "From: sender{n}@example.com\r\nTo: joe@example.com\r\n\
             Date: Mon, 1 Jan 2024 00:00:{n:02} +0000\r\nSubject: Letter {n}\r\n\
             Message-ID: <{n}@example.com>\r\n\r\n{lines}"
        );
        TestMessage::new(format!("letter-{n}"), octets)
    };
    (last + 1..=last + MESSAGES).map(letter).collect()
}
