//! Decides what to do with each listed message. Pure: it sends nothing, reads no clock, opens no file.

use std::collections::HashSet;

use crate::mail::known::{KnownFacts, KnownMessage, State, may_be_tried};
use crate::mail::maildrop::{Identity, Listing, Position};
use crate::mail::memory::push_apart;
use crate::mail::policy::Policy;
use crate::mail::suspicion::Suspicion;
use crate::moment::Moment;
use crate::poll::join::Group;
use crate::poll::pairing::{Pair, pair};

pub(crate) mod changes;
mod limits;
mod sample;

pub(crate) use changes::are_surprising;
pub(crate) use sample::spread_sample;

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
    /// The number of messages at the end of `fetch` that failed before.
    pub failed: usize,
    /// Known messages, to be fetched and compared with what was delivered: their unique-id alone does
    /// not prove that they are the same.
    pub compare: Vec<Pick>,
    /// Messages to be fetched, and to be delivered unless the target has a file with the same octets:
    /// the database does not know them, but it is new or an older copy.
    pub recognise: Vec<Pick>,
    /// Known messages whose copy is in doubt, to be fetched and compared. Bounded.
    pub verify: Vec<Pick>,
    /// Messages to be deleted without fetching them.
    pub delete: Vec<Pick>,
    /// Messages whose deletion the user has ordered. They are neither fetched nor compared.
    pub ordered: Vec<Pick>,
    /// New messages that are larger than `max_size`.
    pub too_large: Vec<Pick>,
    /// The number of new messages that wait for the next run because of a limit.
    pub postponed: usize,
    /// The number of listed messages that are left as they are.
    pub kept: usize,
    /// The number of messages in doubt that wait for the next run.
    pub unverified: usize,
    /// The sum of the recorded sizes of the listed messages. A new message counts with its listed size,
    /// and an unknown size counts as nothing.
    pub recorded_octets: u64,
    /// The number of known messages whose listed size is not the recorded one.
    pub resized: usize,
    /// Known messages that share their unique-id with others, are listed, and are left as they are. No other
    /// listed message is taken for one of them.
    pub claimed: Vec<Pick>,
    /// Known messages that are to be compared in a later run, because of a limit or a failure.
    pub waiting: Vec<Pick>,
    /// Messages that were marked as seen and have another size now. There are so many of them that the
    /// server must have changed the sizes, and not the messages.
    pub accepted: Vec<Pick>,
    /// True if a message is new again that a rule had left on the server.
    pub has_left: bool,
    /// The number of messages that will be deleted if a comparison, now or in a later run, shows
    /// that they are the same.
    pub deleted_if_same: usize,
}

/// Decides about the messages of a listing, in the order of their unique-ids.
pub struct Planner<'a> {
    listing: &'a Listing,
    known: KnownFacts,
    policy: &'a Policy,
    now: Moment,
    plan: Plan,
    new: Vec<Pick>,
    failed: Vec<Pick>,
    /// Messages that were marked as seen and have another size now.
    resized_seen: Vec<Pick>,
    /// Messages that share their unique-id with no other, and are to be compared.
    compared_alone: Vec<Pick>,
    /// Such messages whose deletion no answer to QUIT has confirmed.
    unanswered: Vec<Pick>,
    /// Messages whose copy is in doubt.
    in_doubt: Vec<Pick>,
    /// Messages whose copy is in doubt only because it does not have the listed size.
    short: Vec<Pick>,
}

impl<'a> Planner<'a> {
    /// Creates a planner that has not decided about any message.
    pub fn new(listing: &'a Listing, known: KnownFacts, policy: &'a Policy, now: Moment) -> Self {
        Self {
            listing,
            known,
            policy,
            now,
            plan: Plan::default(),
            new: Vec::new(),
            failed: Vec::new(),
            resized_seen: Vec::new(),
            compared_alone: Vec::new(),
            unanswered: Vec::new(),
            in_doubt: Vec::new(),
            short: Vec::new(),
        }
    }

    /// Decides about the messages that share a unique-id.
    pub fn decide(&mut self, group: &Group<'_>) {
        // Nearly all unique-ids are listed once and known once at most.
        match (group.listed, group.known) {
            ([], _) => {}
            (&[position], []) => self.decide_new(Pick { position, copy: 0 }),
            (&[position], [row]) => self.decide_known(position, row, Alone::Yes),
            (listed, known) => {
                for pair in pair(self.listing, listed, known.iter()) {
                    self.decide_pair(&pair);
                }
            }
        }
    }

    /// Decides about a message that is listed alone under its unique-id, and whose deletion the user
    /// has ordered.
    pub fn decide_ordered(&mut self, group: &Group<'_>) {
        let Group { listed, known, .. } = *group;
        for pair in pair(self.listing, listed, known.iter()) {
            match pair.known {
                Some(row) => self
                    .plan
                    .note_size(row.size, self.listing.size(pair.position)),
                None => self.note_new_size(pair.position),
            }
            let pick = Pick {
                position: pair.position,
                copy: pair.copy,
            };
            push_apart(&mut self.plan.ordered, pick);
        }
    }

    /// Decides about a message that shares its unique-id with others.
    fn decide_pair(&mut self, pair: &Pair<'_>) {
        let pick = Pick {
            position: pair.position,
            copy: pair.copy,
        };
        match pair.known {
            Some(row) if pair.is_doubtful => self.decide_known(pair.position, row, Alone::Doubtful),
            Some(row) => self.decide_known(pair.position, row, Alone::No),
            None if pair.is_doubtful => {
                self.note_new_size(pick.position);
                push_apart(&mut self.plan.compare, pick);
            }
            None => self.decide_new(pick),
        }
    }

    fn decide_new(&mut self, pick: Pick) {
        self.note_new_size(pick.position);
        push_apart(&mut self.new, pick);
    }

    fn note_new_size(&mut self, position: Position) {
        self.plan.recorded_octets += self.listing.size(position).unwrap_or(0);
    }

    fn decide_known(&mut self, position: Position, row: &KnownMessage, alone: Alone) {
        let size = self.listing.size(position);
        self.plan.note_size(row.size, size);
        let pick = Pick {
            position,
            copy: row.copy,
        };
        if matches!(row.state, State::Delivered(_)) && row.suspicion.asks_for_comparison() {
            if may_be_tried(row.next_try, self.now) {
                match row.suspicion {
                    Suspicion::Short => push_apart(&mut self.short, pick),
                    _ => push_apart(&mut self.in_doubt, pick),
                }
            } else {
                self.plan.unverified += 1;
                self.plan.kept += 1;
            }
        } else if self.policy.is_too_large(row) {
            push_apart(&mut self.plan.too_large, pick);
        } else if matches!(row.state, State::Failed(until) if may_be_tried(until, self.now)) {
            // If several messages are known under the unique-id, it may be another of them.
            match alone {
                Alone::Yes => push_apart(&mut self.failed, pick),
                _ => push_apart(&mut self.plan.compare, pick),
            }
        } else if matches!(row.state, State::Left { .. })
            && !self.policy.leaves(row, size, self.now)
        {
            self.plan.has_left = true;
            match alone {
                Alone::Yes => push_apart(&mut self.new, pick),
                _ => push_apart(&mut self.plan.compare, pick),
            }
        } else if self.may_be_deleted(row, size, alone) {
            push_apart(&mut self.plan.delete, pick);
        } else if may_be_tried(row.next_try, self.now) && self.needs_comparison(row, size, alone) {
            let deletes = self.policy.is_due(row, self.now) || row.state == State::Gone;
            self.plan.deleted_if_same += usize::from(deletes);
            match (row.state, alone) {
                (State::Seen, _) => push_apart(&mut self.resized_seen, pick),
                (_, Alone::Yes) if row.quit_was_unanswered => {
                    push_apart(&mut self.unanswered, pick)
                }
                (_, Alone::Yes) => push_apart(&mut self.compared_alone, pick),
                _ => push_apart(&mut self.plan.compare, pick),
            }
        } else {
            if self.known.is_doubtful(row) && self.needs_comparison(row, size, alone) {
                // It is not tried again yet. Its doubt must not end before it is compared.
                push_apart(&mut self.plan.waiting, pick);
            }
            self.plan.kept += 1;
            if alone != Alone::Yes {
                push_apart(&mut self.plan.claimed, pick);
            }
        }
    }

    /// Returns true if a message is due, and its unique-id and its size are reason enough to believe that
    /// it is the one that was delivered.
    fn may_be_deleted(&self, row: &KnownMessage, size: Option<u64>, alone: Alone) -> bool {
        self.policy.is_due(row, self.now)
            && alone == Alone::Yes
            && row.size.is_some()
            && row.size == size
            && !row.quit_was_unanswered
            && !self.known.is_doubtful(row)
    }

    /// Returns true if a listed message may not be the known one, so that it has to be fetched and
    /// compared.
    fn needs_comparison(&self, row: &KnownMessage, size: Option<u64>, alone: Alone) -> bool {
        let is_resized = row.size.zip(size).is_some_and(|(row, size)| row != size);
        // A message that was missing and is back may be another one: servers use unique-ids again.
        let is_back =
            self.known.is_doubtful(row) && (is_resized || row.size.is_none() || size.is_none());
        let sizes_count = is_resized && !self.known.sizes.prove_nothing();
        match row.state {
            State::Gone => !row.is_undeletable || sizes_count,
            State::Staged | State::Left { .. } => alone == Alone::Doubtful,
            // It stays on the server. Another download would show nothing new, and may break the session.
            _ if row.suspicion == Suspicion::Unsettled => alone == Alone::Doubtful,
            State::Delivered(_) | State::Failed(_) | State::Seen => {
                is_back
                    || sizes_count
                    || row.quit_was_unanswered
                    || alone == Alone::Doubtful
                    || self.policy.is_due(row, self.now)
            }
        }
    }
}

/// The number of messages that share a unique-id.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Alone {
    /// One is listed and one is known.
    Yes,
    /// Several are listed or known.
    No,
    /// Several are, and only its content shows which one this is.
    Doubtful,
}

impl Plan {
    /// Notes the recorded and the listed size of a known message.
    fn note_size(&mut self, recorded: Option<u64>, listed: Option<u64>) {
        self.recorded_octets += recorded.unwrap_or(0);
        if let (Some(recorded), Some(listed)) = (recorded, listed) {
            self.resized += usize::from(recorded != listed);
        }
    }

    /// Returns the number of messages of earlier runs that may be deleted.
    fn deletions(&self) -> usize {
        self.delete.len() + self.deleted_if_same + self.recognise.len()
    }

    /// Returns the messages that are retrieved, in this order.
    pub fn retrieved(&self) -> impl Iterator<Item = &Pick> {
        self.in_company().chain(self.alone())
    }

    /// Returns the messages that may be asked for ahead of others, in this order. They are new and did not
    /// fail before.
    pub fn in_company(&self) -> impl Iterator<Item = &Pick> {
        let untried = &self.fetch[..self.fetch.len() - self.failed];
        untried.iter()
    }

    /// Returns the messages that are retrieved after the others and one at a time. If a reply were lost, a
    /// known message would be compared with its neighbour, or a message that is in the Maildir delivered as its
    /// neighbour. One that failed before may break the session: it must not keep others away, nor be mistaken
    /// for another.
    pub fn alone(&self) -> impl Iterator<Item = &Pick> {
        let failed = &self.fetch[self.fetch.len() - self.failed..];
        let compared = self.compare.iter().chain(&self.verify);
        self.recognise.iter().chain(compared).chain(failed)
    }

    /// Returns the known messages that no message to be compared is taken for.
    pub fn claimed(&self, listing: &Listing) -> HashSet<Identity> {
        let is_needed = |_: &&Pick| !self.compare.is_empty();
        self.claimed
            .iter()
            .filter(is_needed)
            .map(|pick| listing.message(pick.position, pick.copy).identity)
            .collect()
    }

    /// Returns the known messages whose identity is in doubt until they are compared, by the first position of
    /// their unique-ids and their copies, in order.
    pub fn doubted(&self, listing: &Listing) -> Vec<(Position, u32)> {
        let mut doubted = Vec::new();
        for pick in self.compare.iter().chain(&self.waiting) {
            let first = listing.under(listing.unique_id(pick.position)).first();
            let position = first.copied().unwrap_or(pick.position);
            push_apart(&mut doubted, (position, pick.copy));
        }
        doubted.sort_unstable();
        doubted
    }

    /// Returns the sizes of the messages that are retrieved, as far as they are listed.
    pub fn sizes(&self, listing: &Listing) -> impl Iterator<Item = Option<u64>> {
        self.retrieved().map(|pick| listing.size(pick.position))
    }

    /// Returns true if the plan retrieves every listed message.
    pub fn is_of_all(&self) -> bool {
        let left_out = self.kept + self.postponed + self.too_large.len();
        left_out + self.deleted() == 0
    }

    /// Returns true if the plan retrieves every listed message that may be one which was deleted before.
    /// One that is too large was never delivered, and so never deleted.
    pub fn sees_all(&self) -> bool {
        let left_out = self.postponed + self.unverified + self.waiting.len();
        left_out + self.ordered.len() == 0
    }

    /// Returns the number of commands that the plan needs.
    pub fn commands(&self) -> usize {
        self.retrieved().count() + self.deleted()
    }

    /// Returns the number of messages to be deleted without fetching them.
    fn deleted(&self) -> usize {
        self.delete.len() + self.ordered.len()
    }

    /// Returns true if there is something to delete as well as something to fetch.
    pub fn asks_for_both(&self) -> bool {
        self.deleted() > 0 && self.retrieved().next().is_some()
    }

    /// Returns the part of the plan that needs nothing to be fetched.
    pub fn deletions_only(&self) -> Self {
        Self {
            delete: self.delete.clone(),
            ordered: self.ordered.clone(),
            ..Self::default()
        }
    }
}
