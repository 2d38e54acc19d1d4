//! One of several targets, if it cannot be used in this run. The others get their messages nevertheless.

use std::time::Duration;

use super::recall::{Recall, Sighting};
use super::{Spool, Target};
use crate::exit::Failure;
use crate::mail::custody::{NotDelivered, Outcome, Staged, TargetPlace};
use crate::mail::handover::{Claims, Location};

/// A target that takes nothing.
pub(crate) struct UnavailableTarget {
    place: TargetPlace,
    refusal: NotDelivered,
}

impl UnavailableTarget {
    /// Stands for the target with this name, which cannot be used for this reason.
    pub(crate) fn new(spool: &Spool, name: String, failure: Failure) -> Self {
        Self {
            place: spool.place_of(name),
            refusal: NotDelivered {
                kind: failure.what.clone(),
                why: failure.what,
                hint: failure.hint,
                exit: failure.exit,
            },
        }
    }
}

impl Target for UnavailableTarget {
    fn place(&self) -> &TargetPlace {
        &self.place
    }

    fn deliver(&self, staged: Vec<Staged>) -> Vec<Outcome> {
        let kept = staged.iter().map(|it| it.kept(self.refusal.clone()));
        kept.collect()
    }

    fn group_size(&self) -> usize {
        1
    }

    fn recall(&self) -> Option<&dyn Recall> {
        Some(self)
    }

    fn accepts_more(&self) -> bool {
        true
    }
}

/// What it may have is not asked now, and nothing is announced to it.
impl Recall for UnavailableTarget {
    fn earliest(&self) -> Result<Location, NotDelivered> {
        Err(self.refusal.clone())
    }

    fn settling_time(&self) -> Duration {
        Duration::ZERO
    }

    fn find(&self, _sought: &[Staged], _claims: &Claims) -> Result<Vec<Sighting>, NotDelivered> {
        Err(self.refusal.clone())
    }
}
