//! Every error at every system call, for a Maildir, an mbox file and an MDA. No mail is lost, and the next run
//! completes the deliveries. The exit status for each error is tested in `fault`.

use std::fs;

use memchr::memmem;

use crate::support::cost::Cost;
use crate::support::mail::{TestMessage, ordinary};
use crate::support::mbox::MboxView;
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::strace::{Injection, Point, Threads, faulty, hit, points, sample};
use crate::support::sweep::{Allowed, Sweep};
use crate::support::tools;

const MESSAGES: usize = 6;

const ERRORS: [&str; 4] = ["EINTR", "EIO", "EMFILE", "ENOSPC"];

/// The system calls of the first thread, which starts no MDA.
const CALLS_OF_MAIN: [&str; 6] = [
    "fsync",
    "ftruncate",
    "openat",
    "pwrite64",
    "unlinkat",
    "write",
];
/// The system calls of the other threads. An MDA makes none of them, as its own calls must not fail.
const CALLS: [&str; 5] = ["fsync", "pwrite64", "renameat2", "syncfs", "unlinkat"];
/// The same for an mbox file, which our own threads write.
const CALLS_OF_MBOX: [&str; 10] = [
    "fcntl",
    "fsync",
    "ftruncate",
    "lseek",
    "openat",
    "pwrite64",
    "renameat2",
    "syncfs",
    "unlinkat",
    "write",
];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum DeliveryKind {
    Maildir,
    Mbox,
    Mda,
}

struct MatrixSetup {
    delivery: DeliveryKind,
    messages: Vec<TestMessage>,
    sandbox: Sandbox,
    server: ModelServer,
}

impl MatrixSetup {
    /// Prepares an account that is known to the program, so that a run only fetches.
    fn new(delivery: DeliveryKind) -> Self {
        let messages = ordinary(1, MESSAGES);
        let server = ModelServer::start(messages.clone());
        let sandbox = Sandbox::new();
        let extra = match delivery {
            DeliveryKind::Maildir => {
                sandbox.maildir("work").make();
                "keep = false".to_owned()
            }
            DeliveryKind::Mbox => {
                let mbox = MboxView::of(&sandbox);
                format!("keep = false\nmbox = {:?}", mbox.path())
            }
            DeliveryKind::Mda => {
                let mda = sandbox.script("mda", r#"exec cat >>"$HOME/mbox""#);
                format!("keep = false\nmda = {mda:?}\nmda-allow-root = true")
            }
        };
        sandbox.account("work", server.address(), &extra);
        sandbox.mailpull(["check"]).run().succeeds();
        Self {
            delivery,
            messages,
            sandbox,
            server,
        }
    }

    /// Lists the system calls on files of the sandbox.
    fn points(&self, threads: Threads) -> Vec<Point> {
        let calls = match threads {
            Threads::Any if self.delivery == DeliveryKind::Mbox => &CALLS_OF_MBOX[..],
            Threads::Any => &CALLS[..],
            Threads::Main => &CALLS_OF_MAIN[..],
        };
        let mut points = points(&self.sandbox, &["fetch"], threads, calls);
        let root = self.sandbox.path("").display().to_string();
        points.retain(|point| point.line.contains(&root));
        points
    }

    /// Returns all delivered messages, concatenated.
    fn delivered(&self) -> Vec<u8> {
        match self.delivery {
            DeliveryKind::Maildir => self.sandbox.work().messages().concat(),
            DeliveryKind::Mbox => MboxView::of(&self.sandbox).messages().concat(),
            DeliveryKind::Mda => MboxView::of(&self.sandbox).octets(),
        }
    }

    /// Counts the files in the folder in which messages are staged.
    fn left_behind(&self) -> usize {
        let spool =
            || fs::read_dir(self.sandbox.state().join("spool")).expect("a run made the spool");
        match self.delivery {
            DeliveryKind::Maildir => self.sandbox.work().count("tmp"),
            DeliveryKind::Mbox => spool().count() + MboxView::of(&self.sandbox).locks().len(),
            DeliveryKind::Mda => spool().count(),
        }
    }
}

fn try_at(sweep: &mut Sweep, point: &Point, error: &'static str, delivery: DeliveryKind) {
    let setup = MatrixSetup::new(delivery);
    let outcome = faulty(&setup.sandbox, ["fetch"], point, Injection::Error(error)).run();
    sweep.count_run(point, hit(&setup.sandbox).is_some());
    let status = outcome.status.code();
    let lines = outcome.stderr_text().lines().count();
    let is_reported = match status {
        Some(0) => lines == 0,
        // strace counts the calls of each thread: with an mbox two threads may fail.
        Some(73..=75 | 78) if delivery == DeliveryKind::Mbox => [1, 2].contains(&lines),
        Some(73..=75 | 78) => lines == 1,
        _ => false,
    };
    if !is_reported {
        sweep.problem(point, format_args!("{error}: {outcome}"));
    }
    let next = setup.sandbox.mailpull(["fetch"]).run();
    if !next.status.success() || !next.stderr.is_empty() {
        sweep.problem(point, format_args!("{error}, the next run: {next}"));
    }
    if delivery == DeliveryKind::Mbox {
        // What a run has found in the spool is deleted from the server by the next one.
        setup.sandbox.mailpull(["fetch"]).run();
    }
    let delivered = setup.delivered();
    let copies = |stored: &[u8]| memmem::find_iter(&delivered, stored).count();
    // An MDA gets a message twice if its success could not be recorded.
    let allowed = Allowed {
        duplicated: usize::from(delivery == DeliveryKind::Mda),
        kept: 0,
    };
    let cost = Cost::of(&setup.messages, copies, &setup.server.unique_ids());
    sweep.add(point, cost, allowed);
    if setup.left_behind() > 0 {
        sweep.problem(point, format_args!("{error}: files are left behind"));
    }
}

fn sweep(delivery: DeliveryKind) {
    if tools::find("strace").is_none() {
        return;
    }
    let mut sweep = Sweep::new(match delivery {
        DeliveryKind::Maildir => "error, Maildir, deleted",
        DeliveryKind::Mbox => "error, mbox, deleted",
        DeliveryKind::Mda => "error, MDA, deleted",
    });
    for threads in [Threads::Main, Threads::Any] {
        let all = MatrixSetup::new(delivery).points(threads);
        for (n, point) in sample(&all, 4).into_iter().enumerate() {
            // In a sample each point fails with one of the errors, in a full run with each of them.
            let errors = ERRORS.iter().cycle().skip(n);
            let count = if tools::is_thorough() {
                ERRORS.len()
            } else {
                1
            };
            for error in errors.take(count) {
                try_at(&mut sweep, &point, error, delivery);
            }
        }
    }
    sweep.finish();
}

#[test]
fn no_failing_call_loses_or_repeats_mail_in_a_maildir() {
    sweep(DeliveryKind::Maildir);
}

#[test]
fn no_failing_call_loses_or_repeats_mail_in_an_mbox() {
    sweep(DeliveryKind::Mbox);
}

#[test]
fn no_failing_call_loses_mail_for_an_mda() {
    sweep(DeliveryKind::Mda);
}
