//! The kinds of faults, and which of them a history has.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::exceptions;
use crate::os::sys::simulated::generator::{Chance, Generator};

/// The runs of a history with faults.
pub(super) const FAULTY_RUNS: u64 = 6;

/// The number of times that each thing happened.
pub(super) type Counts = BTreeMap<&'static str, u64>;

/// A kind of fault.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Fault {
    /// The process is killed before a step.
    Kills,
    /// The power fails between two runs. With [`Self::Kills`] that is a power cut at any step.
    PowerCuts,
    /// A mail reader moves messages to cur/ at any step.
    Reader,
    /// A flush fails, and the octets are lost although a later flush succeeds.
    FailedFlushes,
    /// The disk is full for some calls.
    FullDisk,
    /// The connection ends after any octet that the server sends: closed, reset or silent.
    Cuts,
    /// The server refuses RETR, TOP, DELE or QUIT.
    Refusals,
    /// The clock is set back or forth by up to 400 days between two runs.
    ClockJumps,
    /// A reply does not come.
    LostReplies,
    /// A reply comes twice.
    DoubledReplies,
    /// Another message of the mailbox comes instead of the one that was asked for.
    OtherMessages,
    /// A message comes without an octet, and ends properly.
    EmptyMessages,
    /// A part of a message comes, and ends properly. It happens once for a message.
    ShortMessages,
    /// The server adds a line to the header of a message that was read.
    StatusLines,
    /// The server announces PIPELINING, but closes the connection when it gets commands ahead of
    /// replies.
    FalsePipelining,
    /// The server closes the connection at RETR, TOP or DELE of one message.
    ClosesAtMessage,
    /// LIST has wrong sizes.
    WrongSizes,
    /// STAT has a wrong count or sum.
    WrongStat,
    /// UIDL, UIDL and LIST, or the whole session leave out messages.
    ListingHoles,
    /// All messages get new unique-ids, in some sessions or in each.
    NewUniqueIds,
    /// A new message gets the unique-id of one that was deleted.
    ReusedUniqueIds,
    /// DELE and QUIT are confirmed, but the message stays. It happens once for a message.
    IgnoredDeletions,
    /// The login, UIDL, LIST or STAT is refused for a whole run.
    RefusedRuns,
    /// The database is lost between two runs, with or without the lock files.
    LostDatabase,
    /// A copy of the database is put back.
    OldDatabase,
    /// The state folder is copied, and both fetch, one after the other.
    CopiedDatabase,
    /// The user changes `keep`.
    KeepChanges,
    /// The user moves the Maildir with its mail.
    MovedMaildir,
    /// A mail reader removes messages at any step.
    RemovingReader,
    /// A second run begins while one is at work.
    SecondRuns,
    /// Another program removes all messages from tmp/ at any step.
    EmptiedTmp,
    /// At QUIT the server deletes what was retrieved.
    DeletesRetrieved,
    /// The messages go to a program. It refuses some, and of some nobody learns what it did.
    MailProgram,
    /// That program is a target on another machine: a thread of its own gets the messages.
    FarTarget,
    /// The user orders the deletion of a message between two runs.
    Orders,
}

impl Fault {
    /// All kinds in their order, with the name of each and in how many of a hundred histories it
    /// is.
    pub(super) const ALL: &[(Self, &str, u64)] = &[
        (Self::Kills, "kills", 70),
        (Self::PowerCuts, "power-cuts", 60),
        (Self::Reader, "reader", 60),
        (Self::FailedFlushes, "failed-flushes", 25),
        (Self::FullDisk, "full-disk", 25),
        (Self::Cuts, "cuts", 40),
        (Self::Refusals, "refusals", 25),
        (Self::ClockJumps, "clock-jumps", 15),
        (Self::LostReplies, "lost-replies", 12),
        (Self::DoubledReplies, "doubled-replies", 12),
        (Self::OtherMessages, "other-messages", 12),
        (Self::EmptyMessages, "empty-messages", 12),
        (Self::ShortMessages, "short-messages", 12),
        (Self::StatusLines, "status-lines", 15),
        (Self::FalsePipelining, "false-pipelining", 8),
        (Self::ClosesAtMessage, "closes-at-message", 10),
        (Self::WrongSizes, "wrong-sizes", 15),
        (Self::WrongStat, "wrong-stat", 10),
        (Self::ListingHoles, "listing-holes", 12),
        (Self::NewUniqueIds, "new-unique-ids", 15),
        (Self::ReusedUniqueIds, "reused-unique-ids", 15),
        (Self::IgnoredDeletions, "ignored-deletions", 12),
        (Self::RefusedRuns, "refused-runs", 10),
        (Self::LostDatabase, "lost-database", 10),
        (Self::OldDatabase, "old-database", 10),
        (Self::CopiedDatabase, "copied-database", 8),
        (Self::KeepChanges, "keep-changes", 15),
        (Self::MovedMaildir, "moved-maildir", 12),
        (Self::RemovingReader, "removing-reader", 15),
        (Self::SecondRuns, "second-runs", 10),
        (Self::EmptiedTmp, "emptied-tmp", 15),
        (Self::DeletesRetrieved, "deletes-retrieved", 30),
        (Self::MailProgram, "mail-program", 25),
        (Self::FarTarget, "far-target", 50),
        (Self::Orders, "orders", 20),
    ];

    /// Finds a kind by its name.
    pub(super) fn find(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|(_, other, _)| *other == name)
            .map(|(fault, ..)| *fault)
    }

    /// Returns the name.
    pub(super) fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// The faults of one history. Each kind has random numbers of its own, so that the others stay the
/// same when it is left out.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    seed: u64,
    left_out: Vec<Fault>,
    /// The number of times that each kind has struck.
    struck: Vec<Arc<AtomicU64>>,
}

impl Faults {
    /// Draws the faults of a history. Those that are left out do not happen.
    pub(super) fn new(seed: u64, left_out: &[Fault]) -> Self {
        Self {
            seed,
            left_out: left_out.to_vec(),
            struck: Fault::ALL.iter().map(|_| Arc::default()).collect(),
        }
    }

    /// Returns the chance of a kind of fault, or `None` if this history is without it.
    pub(super) fn draw(&self, fault: Fault) -> Option<Chance> {
        let numbers = self.numbers(fault)?;
        let is_out = exceptions::keep_out(fault, |other| self.numbers(other).is_some());
        let struck = Arc::clone(&self.struck[fault as usize]);
        (!is_out && !self.left_out.contains(&fault)).then(|| Chance::new(numbers, struck))
    }

    /// Returns the random numbers of a kind of fault, if the seed has it.
    fn numbers(&self, fault: Fault) -> Option<Generator> {
        let (_, name, percent) = Fault::ALL[fault as usize];
        let mut numbers = Generator::new(self.seed, name);
        numbers.percent(percent).then_some(numbers)
    }

    /// Returns true if a kind of fault may happen.
    pub(super) fn have(&self, fault: Fault) -> bool {
        self.draw(fault).is_some()
    }

    /// Returns the kinds that may happen.
    pub(super) fn kinds(&self) -> Vec<Fault> {
        let all = Fault::ALL.iter().map(|(fault, ..)| *fault);
        all.filter(|fault| self.have(*fault)).collect()
    }

    /// Returns the number of times that each kind has struck.
    pub(super) fn struck(&self) -> impl Iterator<Item = (Fault, u64)> {
        let counts = Fault::ALL.iter().zip(&self.struck);
        counts.map(|((fault, ..), struck)| (*fault, struck.load(Ordering::Relaxed)))
    }
}

// The table has the order of the kinds.
const _: () = {
    let mut at = 0;
    while at < Fault::ALL.len() {
        assert!(Fault::ALL[at].0 as usize == at);
        at += 1;
    }
};
