//! Asks the account's filter about messages that have arrived, and that no rule has dropped.

use super::{Error, Settler};
use crate::delivery::{Error as DeliveryError, Filter, Filtered, mda};
use crate::exit::Failure;
use crate::mail::custody::Receipt;
use crate::mail::known::RulesMark;
use crate::mail::maildrop::Identity;
use crate::mail::streak::Streak;
use crate::report::Event;

/// The filter of an account, and the messages that it has failed on.
pub(crate) struct ArrivalFilter {
    filter: Filter,
    /// The mark of the account's rules, which the filter is one of.
    mark: RulesMark,
    /// The failures since the last success.
    streak: Streak,
}

/// A message that a filter has failed on. It stays on the server, and nothing of it is here.
#[derive(Debug)]
pub(crate) struct UnfilteredMessage {
    /// Its unique-id and copy number.
    pub identity: Identity,
    /// Its size in octets, as the server lists it.
    pub size: Option<u64>,
    /// The reason.
    pub failure: Failure,
    /// The reason without what is particular to the message.
    pub kind: String,
}

impl ArrivalFilter {
    /// Creates the filter of an account whose rules have this mark.
    pub(crate) fn new(filter: Filter, mark: RulesMark) -> Self {
        Self {
            filter,
            mark,
            streak: Streak::default(),
        }
    }
}

impl Settler<'_> {
    /// Drops the messages that the filter discards, leaves on the server, or fails on. That is recorded before
    /// their files are removed.
    ///
    /// # Errors
    /// The filter fails on one message after the other, or a file cannot be read or written.
    pub(super) fn apply_filter(&mut self, receipts: Vec<Receipt>) -> Result<Vec<Receipt>, Error> {
        let Some(ArrivalFilter {
            filter,
            mark,
            streak,
        }) = &mut self.filter
        else {
            return Ok(receipts);
        };
        let intake = self.arrivals.intake();
        let mut wanted = Vec::with_capacity(receipts.len());
        let (mut left, mut discarded, mut fault) = (Vec::new(), Vec::new(), None);
        for receipt in receipts {
            if fault.is_some() {
                intake.discard(receipt)?;
                continue;
            }
            let (receipt, action) = match filter.judge(intake, receipt)? {
                Filtered::Taken(receipt) => {
                    streak.succeed();
                    wanted.push(receipt);
                    continue;
                }
                Filtered::Discarded(receipt) => (receipt, "discard"),
                Filtered::Left(receipt) => (receipt, "leave"),
                Filtered::Failed(receipt, error) => {
                    let identity = &receipt.stored().identity;
                    let is_interrupted = matches!(error, mda::Error::Interrupted(_));
                    streak.fail(identity, &error.kind());
                    self.settled.has_left = true;
                    if is_interrupted || streak.has_common_cause(&error.kind()) {
                        fault = Some(error);
                    } else {
                        self.settled.unfiltered.push(unfiltered(&receipt, &error));
                    }
                    intake.discard(receipt)?;
                    continue;
                }
            };
            streak.succeed();
            self.reporter.report(Event::Ruled {
                unique_id: &receipt.stored().identity.unique_id,
                rule: None,
                action,
            });
            match action {
                "leave" => left.push(receipt),
                _ => discarded.push(receipt),
            }
        }
        let seen = |receipt: &Receipt| {
            let stored = receipt.stored();
            (stored.identity.clone(), stored.size)
        };
        let noted: Vec<_> = left.iter().map(seen).collect();
        self.ledger.left().note(&noted, *mark, None)?;
        let nowhere = format!("nowhere ({})", filter.program());
        let stored: Vec<_> = discarded
            .iter()
            .map(|receipt| (receipt.stored().clone(), nowhere.clone()))
            .collect();
        self.ledger
            .custody()
            .discard(&stored, self.arrivals.place())?;
        self.settled.summary.discarded += stored.len();
        // Some servers hide or delete what was retrieved.
        self.settled.has_left |= !left.is_empty();
        for receipt in left.into_iter().chain(discarded) {
            intake.discard(receipt)?;
        }
        match fault {
            // What it has taken so far is delivered.
            Some(error) => {
                self.filter_fault = Some(DeliveryError::from(error).into());
                Ok(wanted)
            }
            None => Ok(wanted),
        }
    }
}

fn unfiltered(receipt: &Receipt, error: &mda::Error) -> UnfilteredMessage {
    let stored = receipt.stored();
    let unique_id = &stored.identity.unique_id;
    let what = format!("filtering message {unique_id}: {error}; it stays on the server");
    UnfilteredMessage {
        identity: stored.identity.clone(),
        size: stored.size,
        failure: Failure {
            hint: error.hint().map(str::to_owned),
            ..Failure::new(what, error.exit())
        },
        kind: error.kind(),
    }
}
