//! The kinds of faults, and the points of a program at which each is tried.
//! Tries nothing itself.

use crate::fetcher::Fetcher;
use crate::support::model_server::Cut;
use crate::support::strace::{Injection, Point, sample};
use crate::support::tools;
use crate::trial::{Trial, octets_of_sessions, points};

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Matrix {
    None,
    Kill,
    Error,
    Cut,
    PowerCut,
}

/// What changes a file, a child's mind or the server's: a kill before each, so after each, too.
/// A question mark: not every architecture has it.
const CHANGES: [&str; 20] = [
    "?link",
    "?mkdir",
    "?rename",
    "?unlink",
    "fcntl",
    "fdatasync",
    "fsync",
    "ftruncate",
    "linkat",
    "mkdirat",
    "openat",
    "pwrite64",
    "renameat",
    "renameat2",
    "sendmsg",
    "sendto",
    "syncfs",
    "unlinkat",
    "write",
    "writev",
];

/// What may fail with an error, by its manual.
struct FailingCalls {
    calls: &'static [&'static str],
    error: &'static str,
    is_meant: fn(&Point, &str) -> bool,
}

const FAILURES: [FailingCalls; 4] = [
    FailingCalls {
        calls: &[
            "?link",
            "?rename",
            "?unlink",
            "fdatasync",
            "fsync",
            "ftruncate",
            "linkat",
            "openat",
            "pread64",
            "pwrite64",
            "read",
            "renameat",
            "renameat2",
            "syncfs",
            "unlinkat",
            "write",
        ],
        error: "EIO",
        is_meant: is_of_its_files,
    },
    FailingCalls {
        calls: &[
            "?link",
            "?mkdir",
            "?rename",
            "fdatasync",
            "fsync",
            "linkat",
            "openat",
            "pwrite64",
            "renameat",
            "renameat2",
            "syncfs",
            "write",
        ],
        error: "ENOSPC",
        is_meant: is_of_its_files,
    },
    FailingCalls {
        calls: &["?pipe", "epoll_create1", "openat", "pipe2", "socket"],
        error: "EMFILE",
        is_meant: |point, root| point.call != "openat" || is_of_its_files(point, root),
    },
    FailingCalls {
        calls: &[
            "?poll", "?select", "fcntl", "fsync", "openat", "ppoll", "pselect6", "read",
            "recvfrom", "sendto", "wait4", "write",
        ],
        error: "EINTR",
        is_meant: |point, root| match point.call.as_str() {
            "fcntl" => point.line.contains("F_SETLKW"),
            "wait4" => true,
            _ => is_of_its_own(point, root),
        },
    },
];

impl Matrix {
    pub(crate) const ALL: [Self; 5] = [
        Self::None,
        Self::Kill,
        Self::Error,
        Self::Cut,
        Self::PowerCut,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cut => "line cut",
            Self::Error => "failing call",
            Self::Kill => "kill",
            Self::None => "none",
            Self::PowerCut => "power cut",
        }
    }

    /// Lists what is to be tried with a program: a sample, or everything if that was asked for.
    pub(crate) fn trials(self, fetcher: Fetcher) -> Vec<Trial> {
        match self {
            Self::Cut => {
                let octets = octets_of_sessions(fetcher).into_iter().enumerate();
                let octets =
                    octets.flat_map(|(session, octets)| (0..octets).map(move |n| (session, n)));
                let octets: Vec<_> = octets.collect();
                let cuts = [Cut::Fin as fn(usize) -> Cut, Cut::Reset];
                let of = |cut: fn(usize) -> Cut| {
                    let places = tools::sample(&octets, 30).into_iter();
                    places.map(move |(session, n)| Trial::Cut(session, cut(n)))
                };
                cuts.into_iter().flat_map(of).collect()
            }
            Self::Error => {
                let of = |failure: &FailingCalls| {
                    let fail = |point| Trial::Call(point, Injection::Error(failure.error));
                    let points = sampled(fetcher, failure.calls, failure.is_meant, 15);
                    points.into_iter().map(fail).collect::<Vec<_>>()
                };
                FAILURES.iter().flat_map(of).collect()
            }
            Self::Kill => {
                let kill = |point| Trial::Call(point, Injection::Kill);
                sampled(fetcher, &CHANGES, is_of_its_own, 60)
                    .into_iter()
                    .map(kill)
                    .collect()
            }
            Self::None => vec![Trial::None; 20],
            Self::PowerCut if !tools::is_root() => {
                tools::report("skipped: only root can cut the power");
                Vec::new()
            }
            Self::PowerCut => {
                let points = sampled(fetcher, &CHANGES, is_of_its_own, 20);
                points.into_iter().map(Trial::PowerCut).collect()
            }
        }
    }
}

/// Lists at most so many points, unless all were asked for: some of each call, so that the
/// frequent ones do not crowd the others out.
fn sampled(
    fetcher: Fetcher,
    calls: &[&str],
    is_meant: fn(&Point, &str) -> bool,
    count: usize,
) -> Vec<Point> {
    let of = |&threads| sample(&points(fetcher, threads, calls, is_meant), count / 3);
    let points: Vec<_> = fetcher.threads().iter().flat_map(of).collect();
    tools::sample(&points, count)
}

/// Whether a call is about the program's own files: not about what it is made of.
fn is_of_its_files(point: &Point, root: &str) -> bool {
    point.line.contains(root)
}

/// Whether it is about those, the server or a child.
fn is_of_its_own(point: &Point, root: &str) -> bool {
    let others = ["<pipe:", "<socket:", "<UNIX"];
    is_of_its_files(point, root) || others.iter().any(|part| point.line.contains(part))
}
