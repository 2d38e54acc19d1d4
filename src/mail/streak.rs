//! Failures of different messages at one step, with no success between them. Pure.
//!
//! One message that fails is at fault itself. Three different ones that fail alike, while none
//! succeeds, have a common cause: the server, or the target.

use crate::mail::maildrop::Identity;

/// This many different messages that fail alike, while none succeeds, have a common cause.
pub(crate) const ALIKE: usize = 3;

/// Messages that failed since the last success.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streak {
    failed: Vec<(Identity, String)>,
    alikeness: Alikeness,
}

/// The condition under which failures are alike.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Alikeness {
    /// They have the same reason.
    #[default]
    SameReason,
    /// Any two are: nothing has ever succeeded there.
    Any,
}

impl Streak {
    /// Creates a streak of failures that earlier runs left, each with its reason.
    pub(crate) fn new(failed: Vec<(Identity, String)>, alikeness: Alikeness) -> Self {
        Self { failed, alikeness }
    }

    /// Notes that a message failed. `reason` has no part that differs from message to message.
    pub(crate) fn fail(&mut self, identity: &Identity, reason: &str) {
        // Once there is a common cause, more failures prove nothing more.
        let is_settled = self.has_common_cause(reason);
        match self.failed.iter_mut().find(|(other, _)| other == identity) {
            Some((_, before)) => reason.clone_into(before),
            None if is_settled => {}
            None => self.failed.push((identity.clone(), reason.to_owned())),
        }
    }

    /// Notes that a message succeeded.
    pub(crate) fn succeed(&mut self) {
        self.failed.clear();
        self.alikeness = Alikeness::SameReason;
    }

    /// Returns true if so many messages failed for this reason that it has a common cause.
    pub(crate) fn has_common_cause(&self, reason: &str) -> bool {
        let is_alike =
            |(_, other): &&(Identity, String)| self.alikeness == Alikeness::Any || other == reason;
        self.failed.iter().filter(is_alike).count() >= ALIKE
    }

    /// Returns true if the last failures have a common cause.
    pub(crate) fn is_common(&self) -> bool {
        self.failed
            .iter()
            .any(|(_, reason)| self.has_common_cause(reason))
    }
}

/// Returns a text of a server without what is particular to a message: words with digits in them,
/// such as numbers, unique-ids and times.
pub(crate) fn common_part(text: &str) -> String {
    text.split_whitespace()
        .map(|word| match word.contains(|c: char| c.is_ascii_digit()) {
            true => "#".to_owned(),
            false => word.to_lowercase(),
        })
        .collect::<Vec<_>>()
        .join(" ")
}
