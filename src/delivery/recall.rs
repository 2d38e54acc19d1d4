//! A target that can be asked which messages it has, after a run was killed or a connection broke.

use std::time::Duration;

use crate::mail::custody::{Delivered, NotDelivered, Outcome, Staged};
use crate::mail::handover::{Claims, Location};
use crate::text::ServerText;

/// A target that can be asked.
pub(crate) trait Recall {
    /// Returns the first location at which the target may put a message that it has not got yet. What is found
    /// before it after a crash is another message.
    ///
    /// # Errors
    /// The target takes nothing now.
    fn earliest(&self) -> Result<Location, NotDelivered>;

    /// Returns the time for which the target may go on storing a message after its connection was lost. "It is not
    /// there" is believed only after that.
    fn settling_time(&self) -> Duration;

    /// Looks for messages that may have been handed over, and returns what it shows about each, in
    /// their order. `claims` tells what is known about equal messages.
    ///
    /// # Errors
    /// The target cannot be asked now.
    fn find(&self, sought: &[Staged], claims: &Claims) -> Result<Vec<Sighting>, NotDelivered>;
}

/// What a target shows about a message that may have been handed over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Sighting {
    /// It has the message there.
    There(Location),
    /// It does not have the message now. It may still be storing it.
    Absent,
    /// It cannot tell, for this reason.
    Unclear(String),
}

/// Returns the outcome for a message that a target was found to have.
pub(crate) fn found_again(staged: Staged, location: Location) -> Outcome {
    let delivered = Delivered::new(staged, ServerText::default());
    Outcome::Delivered(delivered.at(Some(location)))
}
