//! The kinds of faults, and the points of a program at which each kind is tried.

use crate::fetcher::Fetcher;
use crate::server_fault::ServerFault;
use crate::support::model_server::Cut;
use crate::support::strace::{Injection, Point, sample};
use crate::support::tools;
use crate::trial::{MESSAGES, Trial, octets_of_sessions, points};

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Matrix {
    None,
    Kill,
    Error,
    Cut,
    PowerCut,
    RefusedMessage,
    NoPipelining,
    StatusLine,
    ReusedUniqueIds,
    NewUniqueIds,
    EmptyMessage,
}

/// The system calls that change a file, or send something to a child or to the server. The program
/// is killed before each of them, and so also after each. A question mark stands before calls that
/// not every architecture has.
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

/// The system calls that can fail with an error, by their manual.
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
    pub(crate) const ALL: [Self; 11] = [
        Self::None,
        Self::Kill,
        Self::Error,
        Self::Cut,
        Self::PowerCut,
        Self::RefusedMessage,
        Self::NoPipelining,
        Self::StatusLine,
        Self::ReusedUniqueIds,
        Self::NewUniqueIds,
        Self::EmptyMessage,
    ];

    /// The servers that misbehave.
    pub(crate) const SERVERS: &'static [Self] = Self::ALL.split_at(5).1;

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cut => "connection cut",
            Self::Error => "failing call",
            Self::Kill => "kill",
            Self::None => "none",
            Self::PowerCut => "power cut",
            Self::RefusedMessage => "a message refused",
            Self::NoPipelining => "no pipelining",
            Self::StatusLine => "a header line added",
            Self::ReusedUniqueIds => "unique-ids reused",
            Self::NewUniqueIds => "new unique-ids",
            Self::EmptyMessage => "an empty message",
        }
    }

    /// Lists the trials with a program: a sample, or all if [`tools::is_thorough`].
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
                tools::report("left out: only root can cut the power");
                Vec::new()
            }
            Self::PowerCut => {
                let points = sampled(fetcher, &CHANGES, is_of_its_own, 20);
                points.into_iter().map(Trial::PowerCut).collect()
            }
            Self::EmptyMessage => servers(ServerFault::for_each_message(ServerFault::EmptyMessage)),
            Self::NewUniqueIds => servers([ServerFault::NewUniqueIds; MESSAGES]),
            Self::NoPipelining => servers([ServerFault::NoPipelining; MESSAGES]),
            Self::RefusedMessage => {
                servers(ServerFault::for_each_message(ServerFault::RefusedMessage))
            }
            Self::ReusedUniqueIds => servers([ServerFault::ReusedUniqueIds; MESSAGES]),
            Self::StatusLine => servers([ServerFault::StatusLine; MESSAGES]),
        }
    }
}

/// Returns a trial with each of these servers. There are as many of each kind as there are messages,
/// whether it concerns one of them or all.
fn servers(faults: impl IntoIterator<Item = ServerFault>) -> Vec<Trial> {
    faults.into_iter().map(Trial::Server).collect()
}

/// Lists at most `count` points, or all if [`tools::is_thorough`]. Every call has a share, so that
/// frequent calls do not displace the others.
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

/// True if a call is about the files of the program's data, not about its libraries.
fn is_of_its_files(point: &Point, root: &str) -> bool {
    point.line.contains(root)
}

/// True if a call is about these files, the server or a child.
fn is_of_its_own(point: &Point, root: &str) -> bool {
    let others = ["<pipe:", "<socket:", "<UNIX"];
    is_of_its_files(point, root) || others.iter().any(|part| point.line.contains(part))
}
