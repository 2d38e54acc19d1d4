//! Decides if a message that has arrived is in doubt, before its session has ended.

use super::Receiver;
use crate::mail::custody::Receipt;
use crate::mail::known::Deviation;
use crate::mail::suspicion::Suspicion;
use crate::poll::sized_arrival::SizedArrival;
use crate::poll::step::NotedFit;
use crate::report::{Event, Octets};

/// The most messages that may be incomplete which a session names. A server that lists wrong sizes may
/// do so for all; `seen list` names each.
const MOST_WARNINGS: usize = 10;

impl Receiver<'_> {
    /// Returns true if less than half of a message came.
    pub(super) fn is_incomplete(&self, arrival: &SizedArrival) -> bool {
        let deviation = arrival.deviation();
        deviation == Deviation::LessThanHalf && !self.sizes.excuses(deviation)
    }

    /// Returns true if a message may have been cut, and at least half of it came, or if it is so long that it
    /// may be another one.
    pub(super) fn is_short(&self, arrival: &SizedArrival) -> bool {
        let deviation = arrival.deviation();
        deviation != Deviation::LessThanHalf && !self.sizes.excuses(deviation)
    }

    /// Returns the reason to doubt a message that has arrived, before its session has ended.
    pub(super) fn suspicion(
        &self,
        receipt: &Receipt,
        arrival: &SizedArrival,
        fit: NotedFit,
    ) -> Suspicion {
        // A name that is made up from the content cannot be the name of another message.
        let is_proven = fit.is_proof || self.listing.names_are_made_up();
        if self.is_incomplete(arrival) && is_proven {
            return Suspicion::Incomplete;
        }
        match Suspicion::of_header(&receipt.stored().header) {
            Suspicion::None if self.is_short(arrival) && is_proven => Suspicion::Short,
            // If mailpull is killed before the session has proved itself, the doubt stays.
            Suspicion::None if !fit.is_proof => Suspicion::OutOfStep,
            suspicion => suspicion,
        }
    }

    /// Reports that a message stays on the server because a placeholder or too little of it came.
    pub(super) fn warn_of(&self, suspicion: Suspicion, receipt: &Receipt, arrival: &SizedArrival) {
        let unique_id = &receipt.stored().identity.unique_id;
        if suspicion == Suspicion::Placeholder {
            self.reporter.report(Event::Warning(&format_args!(
                "message {unique_id} is a placeholder: the server could not send the message itself, \
                 and keeps it. To delete it there: mailpull delete {} {unique_id}",
                self.reporter.account
            )));
        }
        let Some(promised) = arrival.promised().filter(|_| self.is_incomplete(arrival)) else {
            return;
        };
        if self.warned.replace(self.warned.get() + 1) < MOST_WARNINGS {
            self.reporter.report(Event::Warning(&format_args!(
                "message {unique_id} has {}, less than half of the {} that were promised: it is \
                 delivered, and the next run compares it with a second download",
                Octets(arrival.size.sent()),
                Octets(promised)
            )));
        }
    }
}
