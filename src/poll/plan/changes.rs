//! Changes of a plan by what only the poll knows: doubts, failures, deletions that surprise.

use std::collections::BTreeSet;

use super::limits::{COMPARED, split_off_waiting};
use super::{Pick, Plan};
use crate::mail::maildrop::{Listing, Position};
use crate::mail::policy::Keep;

/// The most messages that are deleted after a change of `keep` or of the rules without a confirmation on the
/// command line.
pub(crate) const UNCONFIRMED_DELETIONS: usize = 100;

/// Returns true if so many deletions of messages of earlier runs need a confirmation, because `keep` was
/// another one in the last run.
pub(crate) fn are_surprising(deletions: usize, last_keep: Option<&str>, keep: Keep) -> bool {
    let has_changed = last_keep.is_some_and(|last| last != keep.to_string());
    has_changed && deletions > UNCONFIRMED_DELETIONS
}

impl Plan {
    /// Adds messages that were to be deleted or left alone to those that are compared. A message whose
    /// deletion is ordered is not retrieved.
    pub fn compare_also(&mut self, picks: impl IntoIterator<Item = Pick>) {
        let planned = self.retrieved().chain(&self.too_large);
        let planned = planned.chain(&self.waiting).chain(&self.ordered);
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
        self.deleted_if_same += were_to_go;
        self.kept = self.kept.saturating_sub(more.len() - were_to_go);
        self.compare.extend(more);
    }

    /// Compares messages that were to be deleted, as many as a run may compare. The others wait for the
    /// next run.
    pub fn compare_before_deletion(&mut self, mut doubtful: Vec<Pick>, listing: &Listing) {
        let room = COMPARED.saturating_sub(self.compare.len());
        let waiting = split_off_waiting(listing, &mut doubtful, room);
        self.compare_also(doubtful);
        self.postpone_deletions(&waiting);
    }

    /// Postpones the deletion of messages to the next run.
    pub fn postpone_deletions(&mut self, waiting: &[Pick]) {
        let positions: BTreeSet<Position> = waiting.iter().map(|pick| pick.position).collect();
        self.delete
            .retain(|pick| !positions.contains(&pick.position));
        self.kept += waiting.len();
        self.postponed += waiting.len();
        self.waiting.extend(waiting);
    }

    /// Moves new messages that the target may already have to those that are to be recognised,
    /// whatever their size.
    pub fn suspect(&mut self, may_be_here: impl Fn(&Pick) -> bool) {
        let mut failed = self.fetch.split_off(self.fetch.len() - self.failed);
        for unknown in [&mut self.fetch, &mut failed, &mut self.too_large] {
            let suspects = unknown.extract_if(.., |pick| may_be_here(pick));
            self.recognise.extend(suspects);
        }
        self.failed = failed.len();
        self.fetch.append(&mut failed);
    }

    /// Leaves messages alone that a condition names. A doubt about one of them does not end by that.
    pub fn leave_out(&mut self, is_left_out: impl Fn(&Pick) -> bool) {
        let mut failed = self.fetch.split_off(self.fetch.len() - self.failed);
        for picks in [&mut self.fetch, &mut failed, &mut self.recognise] {
            let before = picks.len();
            picks.retain(|pick| !is_left_out(pick));
            self.kept += before - picks.len();
        }
        self.failed = failed.len();
        self.fetch.append(&mut failed);
        let before = self.waiting.len();
        let compared = self.compare.extract_if(.., |pick| is_left_out(pick));
        self.waiting.extend(compared);
        self.kept += self.waiting.len() - before;
        let before = self.verify.len();
        self.verify.retain(|pick| !is_left_out(pick));
        self.unverified += before - self.verify.len();
        self.kept += before - self.verify.len();
    }

    /// Leaves many messages of earlier runs on the server if only a changed configuration, and not the
    /// user at this moment, asks for their deletion. Returns their number.
    pub fn hold_surprising_deletions(&mut self, last_keep: Option<&str>, keep: Keep) -> usize {
        let deletions = self.deletions();
        if !are_surprising(deletions, last_keep, keep) {
            return 0;
        }
        self.hold_deletions();
        deletions
    }

    /// Messages are still compared, because some may be new mail under an old unique-id.
    fn hold_deletions(&mut self) {
        self.kept += self.delete.len() + self.recognise.len();
        self.delete.clear();
        self.recognise.clear();
    }
}
