//! Ends a plan: brings the messages back into the order of the listing, and applies the limits of a run.

use super::{Pick, Plan, Planner};
use crate::mail::maildrop::Listing;
use crate::mail::memory::{push_apart, set_apart};
use crate::mail::policy::Order;

/// The most messages that share their unique-id with no other and are compared in a run.
pub(super) const COMPARED: usize = 100;
/// The most octets of these messages. One message is always compared.
const COMPARED_OCTETS: u64 = 100_000_000;
/// The most messages that do not have their listed size and are compared in a run. A few show if the server lists
/// wrong sizes for all.
const SHORT_COMPARED: usize = 10;
/// The most messages marked as seen that may have another size because their unique-ids belong to other
/// messages now. If there are more, the server has changed the sizes of old messages.
const RESIZED_SEEN: usize = 10;

impl Planner<'_> {
    /// Returns the plan, once all messages are decided about: brings them back into the order of the
    /// listing, and applies the limits.
    pub fn finish(mut self) -> Plan {
        self.compare_alone();
        self.verify();
        let plan = &mut self.plan;
        let [new, failed] = [&mut self.new, &mut self.failed];
        for picks in [
            new,
            failed,
            &mut plan.compare,
            &mut plan.delete,
            &mut plan.ordered,
            &mut plan.too_large,
        ] {
            picks.sort_unstable_by_key(|pick| pick.position);
        }
        self.choose();
        self.plan
    }

    /// Applies order and limits to the new messages. Those that failed before come last, so that they
    /// do not keep the others away.
    fn choose(&mut self) {
        let (listing, policy) = (self.listing, self.policy);
        let is_too_large = |pick: &Pick| {
            let size = listing.size(pick.position).unwrap_or(0);
            policy.max_size.is_some_and(|max| size > max)
        };
        let mut new = std::mem::take(&mut self.new);
        let mut failed = std::mem::take(&mut self.failed);
        let mut has_oldest_first = false;
        if policy.order == Order::NewestFirst {
            new.reverse();
            failed.reverse();
            if self.keeps_place_for_oldest()
                && let Some(oldest) = new.iter().rposition(|pick| !is_too_large(pick))
            {
                new[..=oldest].rotate_right(1);
                has_oldest_first = true;
            }
        }
        let untried = new.len();
        set_apart(&mut new, failed.len());
        new.append(&mut failed);
        let max_messages = policy.max_messages.unwrap_or(u64::MAX);
        let (mut total, mut chosen) = (0u64, 0u64);
        let plan = &mut self.plan;
        let mut nth = 0;
        // In place, because a second vector of a long listing takes memory that it does not have.
        new.retain(|&pick| {
            let is_untried = nth < untried;
            nth += 1;
            let size = listing.size(pick.position).unwrap_or(0);
            let with_it = total.saturating_add(size);
            if is_too_large(&pick) {
                push_apart(&mut plan.too_large, pick);
                return false;
            }
            if chosen >= max_messages
                || (chosen > 0 && policy.max_total.is_some_and(|max| with_it > max))
            {
                plan.postponed += 1;
                return false;
            }
            total = with_it;
            chosen += 1;
            plan.failed += usize::from(!is_untried);
            true
        });
        plan.fetch = new;
        if has_oldest_first {
            // It has its place, and is fetched in the order of the others.
            let untroubled = plan.fetch.len() - plan.failed;
            plan.fetch[..untroubled].rotate_left(1);
        }
    }

    /// Returns true if one place in this run is for the oldest new message. Without that it would never be
    /// fetched, newest first, if as much mail arrives between two runs as the limits allow. The first run
    /// really takes the newest: nothing has waited yet. A single place is for the newest, too.
    fn keeps_place_for_oldest(&self) -> bool {
        self.known.has_messages && self.policy.max_messages.is_none_or(|max| max > 1)
    }

    /// Chooses which messages in doubt this run compares: each is downloaded once more.
    fn verify(&mut self) {
        let mut picks = std::mem::take(&mut self.in_doubt);
        let waiting = self.split_off_waiting(&mut picks, COMPARED).len();
        self.plan.unverified += waiting;
        self.plan.kept += waiting;
        self.plan.verify = picks;
        let mut picks = std::mem::take(&mut self.short);
        self.plan.kept += self.split_off_waiting(&mut picks, SHORT_COMPARED).len();
        self.plan.verify.append(&mut picks);
    }

    /// Chooses the messages that are compared in this run. A comparison costs a download, and some
    /// servers change the sizes of all messages at once.
    fn compare_alone(&mut self) {
        if self.resized_seen.len() <= RESIZED_SEEN {
            self.compared_alone.append(&mut self.resized_seen);
        } else {
            self.plan.kept += self.resized_seen.len();
            self.plan.accepted = std::mem::take(&mut self.resized_seen);
        }
        let mut picks = std::mem::take(&mut self.compared_alone);
        let mut waiting = self.split_off_waiting(&mut picks, COMPARED);
        self.plan.compare.append(&mut picks);
        // One session left all of these, so they do not become more with each run.
        let mut picks = std::mem::take(&mut self.unanswered);
        waiting.append(&mut self.split_off_waiting(&mut picks, usize::MAX));
        self.plan.compare.append(&mut picks);
        self.plan.postponed += waiting.len();
        self.plan.waiting.append(&mut waiting);
    }

    fn split_off_waiting(&self, picks: &mut Vec<Pick>, most: usize) -> Vec<Pick> {
        split_off_waiting(self.listing, picks, most)
    }
}

/// Keeps at most this many of the messages, and at most [`COMPARED_OCTETS`] octets. Returns the others.
pub(super) fn split_off_waiting(
    listing: &Listing,
    picks: &mut Vec<Pick>,
    most: usize,
) -> Vec<Pick> {
    picks.sort_unstable_by_key(|pick| pick.position);
    let mut octets = 0u64;
    let fits = |(nth, pick): &(usize, &Pick)| {
        octets = octets.saturating_add(listing.size(pick.position).unwrap_or(0));
        *nth == 0 || octets <= COMPARED_OCTETS
    };
    let first = picks.iter().take(most).enumerate();
    let compared = first.take_while(fits).count();
    picks.split_off(compared)
}
