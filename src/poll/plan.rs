//! Decides what to do with each listed message. Pure: it sends nothing, reads no clock, opens no file.

use std::collections::BTreeSet;

use crate::mail::known::{KnownMessage, KnownMessages, State, may_be_tried};
use crate::mail::maildrop::{Listing, Position};
use crate::mail::policy::{Keep, Order, Policy};
use crate::moment::Moment;

/// The most old messages that are deleted after a change of `keep` without a confirmation on the
/// command line.
const UNCONFIRMED_DELETIONS: usize = 100;

/// A listed message that something is to be done with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pick {
    /// Its position in the listing.
    pub position: Position,
    /// The copy number of the known message that it is taken for, or a free one.
    pub copy: u32,
}

/// The plan for the messages of a listing.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Plan {
    /// New messages, to be fetched in this order.
    pub fetch: Vec<Pick>,
    /// Known messages, to be fetched and compared with what was delivered: their unique-id alone does
    /// not prove that they are the same.
    pub compare: Vec<Pick>,
    /// Messages to be fetched, and to be delivered unless the target has a file with the same octets:
    /// the database does not know them, but it is new or an older copy.
    pub recognise: Vec<Pick>,
    /// Messages to be deleted without fetching them.
    pub delete: Vec<Pick>,
    /// New messages that are larger than `max_size`.
    pub too_large: Vec<Pick>,
    /// The number of new messages that wait for the next run because of a limit.
    pub postponed: usize,
    /// The number of listed messages that are left as they are.
    pub kept: usize,
    /// True if the plan would depend on sizes that the listing does not have.
    pub lacks_sizes: bool,
    /// The sum of the recorded sizes of the listed messages. A new message counts with its listed size,
    /// and an unknown size counts as nothing.
    pub recorded_octets: u64,
    /// The number of known messages whose listed size is not the recorded one.
    pub resized: usize,
}

/// Decides about every message of a listing.
pub fn plan(listing: &Listing, known: &KnownMessages, policy: &Policy, now: Moment) -> Plan {
    let mut plan = Plan::default();
    let mut new = Vec::new();
    let mut failed = Vec::new();
    for position in listing.positions() {
        let rows = known.of(listing.unique_id(position));
        let row = match counterpart(rows.clone(), listing.repetition(position)) {
            Counterpart::KnownMessage(row) => row,
            Counterpart::Unknown { copy } => {
                new.push(Pick { position, copy });
                plan.recorded_octets += listing.size(position).unwrap_or(0);
                continue;
            }
        };
        plan.note_size(row.size, listing.size(position));
        let pick = Pick {
            position,
            copy: row.copy,
        };
        let may_compare = may_be_tried(row.next_try, now);
        if row.state == State::Gone && !row.is_undeletable && may_compare {
            plan.compare.push(pick);
        } else if policy.is_too_large(row) {
            plan.too_large.push(pick);
        } else if matches!(row.state, State::Failed(until) if may_be_tried(until, now)) {
            // Several messages are known under the unique-id: it may be another of them.
            match rows.len() {
                1 => failed.push(pick),
                _ => plan.compare.push(pick),
            }
        } else {
            let size = listing.size(position);
            let is_as_large = row.size.is_some() && row.size == size;
            let is_alone = rows.len() == 1 && !listing.is_repeated(position);
            // A message that was missing and is back may be another one: servers use unique-ids
            // again.
            let is_doubtful = known.is_doubtful(row);
            let is_another = is_doubtful && row.state != State::Staged && !is_as_large;
            plan.lacks_sizes |= is_another && size.is_none();
            let is_due = policy.is_due(row, now);
            if is_due && is_as_large && is_alone && !is_doubtful {
                plan.delete.push(pick);
            } else if may_compare && (is_due || is_another && row.state != State::Gone) {
                plan.compare.push(pick);
            } else {
                plan.kept += 1;
            }
        }
    }
    plan.choose(new, failed, listing, policy);
    plan
}

/// The known message that a listed message is taken for.
enum Counterpart<'a> {
    KnownMessage(&'a KnownMessage),
    /// None: it is new and has this copy number.
    Unknown {
        copy: u32,
    },
}

/// Returns what the n-th listed message under a unique-id is taken for: first the messages that should
/// still be on the server, then those that were deleted from it.
///
/// A copy number without a row belongs to a message that was listed but never recorded, because a
/// later one was fetched before it.
fn counterpart<'a>(
    rows: impl Iterator<Item = &'a KnownMessage> + Clone,
    repetition: u32,
) -> Counterpart<'a> {
    let is_gone = |known: &&KnownMessage| known.state == State::Gone;
    let (mut nth, mut copy) = (repetition, 0);
    for row in rows.clone() {
        let left_out = row.copy - copy;
        if nth < left_out {
            return Counterpart::Unknown { copy: copy + nth };
        }
        nth -= left_out;
        copy = row.copy + 1;
        match nth {
            _ if is_gone(&row) => {}
            0 => return Counterpart::KnownMessage(row),
            _ => nth -= 1,
        }
    }
    for row in rows.filter(is_gone) {
        match nth {
            0 => return Counterpart::KnownMessage(row),
            _ => nth -= 1,
        }
    }
    Counterpart::Unknown { copy: copy + nth }
}

impl Plan {
    /// Notes the recorded and the listed size of a known message.
    fn note_size(&mut self, recorded: Option<u64>, listed: Option<u64>) {
        self.recorded_octets += recorded.unwrap_or(0);
        if let (Some(recorded), Some(listed)) = (recorded, listed) {
            self.resized += usize::from(recorded != listed);
        }
    }

    /// Applies order and limits to the new messages. Those that failed before come last, so that they
    /// do not keep the others away.
    fn choose(
        &mut self,
        mut new: Vec<Pick>,
        mut failed: Vec<Pick>,
        listing: &Listing,
        policy: &Policy,
    ) {
        if policy.order == Order::NewestFirst {
            new.reverse();
            failed.reverse();
        }
        new.append(&mut failed);
        let max_messages = policy.max_messages.unwrap_or(u64::MAX);
        let mut total = 0u64;
        for pick in new {
            let size = listing.size(pick.position).unwrap_or(0);
            let with_it = total.saturating_add(size);
            if policy.max_size.is_some_and(|max| size > max) {
                self.too_large.push(pick);
            } else if self.fetch.len() as u64 >= max_messages
                || (!self.fetch.is_empty() && policy.max_total.is_some_and(|max| with_it > max))
            {
                self.postponed += 1;
            } else {
                total = with_it;
                self.fetch.push(pick);
            }
        }
    }

    /// Makes messages be compared that were to be deleted or left alone.
    pub fn compare_also(&mut self, picks: impl IntoIterator<Item = Pick>) {
        let planned = self.retrieved().chain(&self.too_large);
        let planned: BTreeSet<Position> = planned.map(|pick| pick.position).collect();
        let more = picks.into_iter();
        let more: Vec<Pick> = more
            .filter(|pick| !planned.contains(&pick.position))
            .collect();
        let positions: BTreeSet<Position> = more.iter().map(|pick| pick.position).collect();
        let all = self.delete.len();
        self.delete
            .retain(|pick| !positions.contains(&pick.position));
        let were_to_go = all - self.delete.len();
        self.kept = self.kept.saturating_sub(more.len() - were_to_go);
        self.compare.extend(more);
    }

    /// Moves new messages that the target may already have to those that are to be recognised,
    /// whatever their size.
    pub fn suspect(&mut self, may_be_here: impl Fn(&Pick) -> bool) {
        for unknown in [&mut self.fetch, &mut self.too_large] {
            let suspects = unknown.extract_if(.., |pick| may_be_here(pick));
            self.recognise.extend(suspects);
        }
    }

    /// Returns the number of messages of earlier runs that may be deleted.
    fn deletions(&self) -> usize {
        self.delete.len() + self.compare.len() + self.recognise.len()
    }

    /// Returns the messages that are retrieved, in this order.
    pub fn retrieved(&self) -> impl Iterator<Item = &Pick> {
        let known = self.recognise.iter().chain(&self.compare);
        self.fetch.iter().chain(known)
    }

    /// Returns the sizes of the messages that are retrieved, as far as they are listed.
    pub fn sizes(&self, listing: &Listing) -> impl Iterator<Item = Option<u64>> {
        self.retrieved().map(|pick| listing.size(pick.position))
    }

    /// Returns true if the plan retrieves every listed message.
    pub fn is_of_all(&self) -> bool {
        let left_out = self.kept + self.postponed + self.too_large.len() + self.delete.len();
        left_out == 0
    }

    /// Returns the number of commands that the plan needs.
    pub fn commands(&self) -> usize {
        self.retrieved().count() + self.delete.len()
    }

    /// Returns true if there is something to delete as well as something to fetch.
    pub fn asks_for_both(&self) -> bool {
        !self.delete.is_empty() && self.retrieved().next().is_some()
    }

    /// Returns the part of the plan that needs nothing to be fetched.
    pub fn deletions_only(&self) -> Self {
        Self {
            delete: self.delete.clone(),
            ..Self::default()
        }
    }

    /// Leaves many messages of earlier runs on the server if only a changed configuration, and not the
    /// user at this moment, asks for their deletion. Returns their number.
    pub fn hold_surprising_deletions(&mut self, last_keep: Option<&str>, keep: Keep) -> usize {
        let has_changed = last_keep.is_some_and(|last| last != keep.to_string());
        let deletions = self.deletions();
        if !has_changed || deletions <= UNCONFIRMED_DELETIONS {
            return 0;
        }
        self.hold_deletions();
        deletions
    }

    fn hold_deletions(&mut self) {
        self.kept += self.deletions();
        self.delete.clear();
        self.compare.clear();
        self.recognise.clear();
    }
}
