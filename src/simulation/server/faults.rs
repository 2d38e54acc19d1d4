//! The faults of a server.

use super::super::faults::{Fault, Faults};
use super::super::message::MailboxMessage;
use crate::os::sys::simulated::generator::Chance;

/// The faults that a server has.
#[derive(Debug, Default)]
pub(crate) struct ServerFaults {
    pub(super) cuts: Option<Chance>,
    pub(super) refusals: Option<Chance>,
    pub(super) lost_replies: Option<Chance>,
    pub(super) doubled_replies: Option<Chance>,
    pub(super) other_messages: Option<Chance>,
    pub(super) empty_messages: Option<Chance>,
    pub(super) short_messages: Option<Chance>,
    pub(super) status_lines: Option<Chance>,
    pub(super) false_pipelining: Option<Chance>,
    pub(super) closes_at: Option<Closing>,
    pub(super) wrong_sizes: Option<WrongSizes>,
    pub(super) wrong_stat: Option<Chance>,
    pub(super) listing_holes: Option<Chance>,
    pub(super) new_unique_ids: Option<NewUniqueIds>,
    pub(super) reused_unique_ids: Option<Chance>,
    pub(super) ignored_deletions: Option<Chance>,
    pub(super) refused_runs: Option<Chance>,
    pub(super) deletes_retrieved: Option<Chance>,
    /// The command that is refused in this run.
    pub(super) refused: Option<&'static str>,
}

/// The message at which the server closes the connection, with the command.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) chance: Chance,
    pub(super) id: usize,
    pub(super) verb: &'static str,
}

/// A server that lists wrong sizes.
#[derive(Debug)]
pub(super) struct WrongSizes {
    chance: Chance,
    error: SizeError,
    /// True if the server stays so when all other faults have ended.
    stays: bool,
}

/// The way in which sizes are wrong.
#[derive(Clone, Copy, Debug)]
enum SizeError {
    /// All of them by so many octets.
    All(i64),
    /// That of one message.
    One(usize, i64),
    /// All messages have this size.
    Equal(usize),
    /// Rounded up to a block.
    Rounded,
}

/// A server that gives all messages new unique-ids.
#[derive(Debug)]
pub(super) struct NewUniqueIds {
    pub(super) chance: Chance,
    /// In so many of a hundred sessions.
    pub(super) percent: u64,
    stays: bool,
}

impl ServerFaults {
    /// Draws the faults of a history.
    pub(crate) fn draw(faults: &Faults) -> Self {
        Self {
            cuts: faults.draw(Fault::Cuts),
            refusals: faults.draw(Fault::Refusals),
            lost_replies: faults.draw(Fault::LostReplies),
            doubled_replies: faults.draw(Fault::DoubledReplies),
            other_messages: faults.draw(Fault::OtherMessages),
            empty_messages: faults.draw(Fault::EmptyMessages),
            short_messages: faults.draw(Fault::ShortMessages),
            status_lines: faults.draw(Fault::StatusLines),
            false_pipelining: faults.draw(Fault::FalsePipelining),
            closes_at: faults.draw(Fault::ClosesAtMessage).map(Closing::new),
            wrong_sizes: faults.draw(Fault::WrongSizes).map(WrongSizes::new),
            wrong_stat: faults.draw(Fault::WrongStat),
            listing_holes: faults.draw(Fault::ListingHoles),
            new_unique_ids: faults.draw(Fault::NewUniqueIds).map(NewUniqueIds::new),
            reused_unique_ids: faults.draw(Fault::ReusedUniqueIds),
            ignored_deletions: faults.draw(Fault::IgnoredDeletions),
            refused_runs: faults.draw(Fault::RefusedRuns),
            deletes_retrieved: faults.draw(Fault::DeletesRetrieved),
            refused: None,
        }
    }

    /// Begins a run, in which the server may refuse one command. Where another message may come, a part of
    /// one, or one twice, that is not LIST: without sizes nothing would show it.
    pub(crate) fn begin_run(&mut self) {
        let needs_list = self.other_messages.is_some()
            || self.short_messages.is_some()
            || self.doubled_replies.is_some();
        let chance = self.refused_runs.as_mut();
        self.refused = chance.and_then(|chance| {
            let verb = ["PASS", "UIDL", "LIST", "STAT"][chance.below(4) as usize];
            let is_refused = chance.percent(40) && !(verb == "LIST" && needs_list);
            is_refused.then_some(verb)
        });
    }

    /// Ends all faults, but for those by which a server is known.
    pub(crate) fn end(&mut self) {
        *self = Self {
            wrong_sizes: self.wrong_sizes.take().filter(|sizes| sizes.stays),
            new_unique_ids: self.new_unique_ids.take().filter(|new| new.stays),
            ..Self::default()
        };
    }

    /// Returns the size that the server lists for a message that has this size.
    pub(super) fn listed_size(&self, message: &MailboxMessage, size: usize) -> usize {
        let sizes = self.wrong_sizes.as_ref();
        sizes.map_or(size, |sizes| sizes.listed(message, size))
    }
}

impl Closing {
    fn new(mut chance: Chance) -> Self {
        Self {
            id: 1 + chance.below(6) as usize,
            verb: ["RETR", "TOP", "DELE"][chance.below(3) as usize],
            chance,
        }
    }
}

impl WrongSizes {
    fn new(mut chance: Chance) -> Self {
        let octets = [-2000, -300, -20, -1, 1, 20, 300, 2000][chance.below(8) as usize];
        let error = match chance.below(4) {
            0 => SizeError::All(octets),
            1 => SizeError::One(1 + chance.below(6) as usize, octets),
            2 => SizeError::Equal([0, 1, 1000, 100_000][chance.below(4) as usize]),
            _ => SizeError::Rounded,
        };
        Self {
            error,
            stays: chance.percent(50),
            chance,
        }
    }

    fn listed(&self, message: &MailboxMessage, size: usize) -> usize {
        let listed = match self.error {
            SizeError::All(octets) => size.saturating_add_signed(octets as isize),
            SizeError::One(id, octets) if id == message.id => {
                size.saturating_add_signed(octets as isize)
            }
            SizeError::One(..) => size,
            SizeError::Equal(other) => other,
            SizeError::Rounded => size.next_multiple_of(1024),
        };
        if listed != size {
            self.chance.count();
        }
        listed
    }
}

impl NewUniqueIds {
    fn new(mut chance: Chance) -> Self {
        Self {
            percent: [15, 100][chance.below(2) as usize],
            stays: chance.percent(50),
            chance,
        }
    }
}
