//! The account's filter: opens it before a download, and counts the messages that it has failed on.

use super::Poll;
use super::error::{Error, recording};
use crate::delivery::Filter;
use crate::poll::plan::Plan;
use crate::poll::settle::{self, ArrivalFilter, UnfilteredMessage};
use crate::seen::{Cause, FailedMessage, FailedStep, Successes};

impl Poll<'_> {
    /// Returns the account's filter, if it has one and a message is retrieved.
    ///
    /// # Errors
    /// The filter cannot be run: nothing is to be fetched in vain.
    pub(super) fn open_filter(&self, plan: &Plan) -> Result<Option<ArrivalFilter>, Error> {
        let Some(options) = &self.options.filter else {
            return Ok(None);
        };
        if plan.retrieved().next().is_none() {
            return Ok(None);
        }
        let (arrivals, marks) = (self.route.arrivals, self.ledger.marks());
        let filter = Filter::open(options, arrivals, marks, self.interrupt);
        let filter = filter.map_err(settle::Error::from)?;
        Ok(Some(ArrivalFilter::new(filter, self.options.policy.rules)))
    }

    /// Counts and reports messages that the filter has failed on, as those are that could not be retrieved.
    pub(super) fn report_unfiltered(
        &mut self,
        unfiltered: Vec<UnfilteredMessage>,
    ) -> Result<(), Error> {
        let failed: Vec<_> = unfiltered
            .iter()
            .map(|message| FailedMessage {
                identity: message.identity.clone(),
                size: message.size,
                reason: message.kind.clone(),
            })
            .collect();
        let causes = self.ledger.causes();
        let causes = causes.count(FailedStep::Retrieval, &failed, Successes::None);
        for (message, cause) in unfiltered.into_iter().zip(causes.map_err(recording)?) {
            self.summary.failed += 1;
            self.course.failed.insert(message.identity);
            // If many have failed alike, that is the filter's fault: it is said, and nothing was counted.
            let failures = match cause {
                Cause::Message(failures) => failures,
                Cause::Common => 1,
            };
            self.report_failed_message(message.failure, failures);
        }
        Ok(())
    }
}
