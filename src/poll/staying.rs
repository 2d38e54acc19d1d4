//! Reports the messages that stay on the server, in a few lines however many there are.

use std::fmt::Display;

use super::Poll;
use super::error::{Error, recording};
use crate::exit::{Exit, Failure};
use crate::mail::maildrop::{Listing, Message, MessageNumber};
use crate::poll::plan::Plan;
use crate::report::{Event, Octets};

/// The most messages that a report names.
const MOST_NAMED: usize = 10;

impl Poll<'_> {
    /// Reports the messages that stay on the server, and how much is going to be fetched.
    pub(super) fn report_plan(&mut self, listing: &Listing, plan: &Plan) -> Result<(), Error> {
        self.report_nameless(listing.nameless());
        self.report_left_out(listing)?;
        let too_large = plan.too_large.iter();
        let too_large: Vec<_> = too_large
            .map(|pick| listing.message(pick.position, pick.copy))
            .collect();
        self.report_too_large(&too_large)?;
        self.summary.kept = listing.len() + listing.nameless().len() + listing.left_out().len();
        self.summary.postponed = plan.postponed;
        self.course.planned = self.dealt_with() + plan.fetch.len();
        self.reporter.report(Event::FetchStarted {
            messages: plan.retrieved().count(),
            octets: plan.sizes(listing).sum(),
        });
        Ok(())
    }

    /// Returns the number of new messages that the run has dealt with.
    pub(super) fn dealt_with(&self) -> usize {
        self.settled() + self.summary.failed
    }

    fn report_nameless(&mut self, numbers: &[MessageNumber]) {
        let what = match numbers {
            [] => return,
            [number] => format!("message {number} has no unique-id; it stays on the server"),
            numbers => format!(
                "messages {} have no unique-id; they stay on the server",
                few(numbers)
            ),
        };
        self.report_problem(&Failure::new(what, Exit::Protocol));
    }

    /// Reports messages that LIST has and UIDL leaves out. On a server that does not lock the mailbox, a
    /// message after all others may have arrived between UIDL and LIST. It is reported only if a later run
    /// finds it again.
    fn report_left_out(&mut self, listing: &Listing) -> Result<(), Error> {
        let last = listing.positions().next_back().map(|at| listing.number(at));
        let mut numbers = Vec::new();
        // More messages than this do not arrive between two commands, and each note costs a transaction.
        let are_few = listing.left_out().len() <= MOST_NAMED;
        for &(number, size) in listing.left_out().first() {
            let may_be_new = are_few && Some(number) > last;
            let subject = format!("left out of UIDL: a message of {size} octets");
            if !may_be_new || !self.ledger.notices().first(&subject).map_err(recording)? {
                numbers.push(number);
            }
        }
        if numbers.is_empty() {
            return Ok(());
        }
        let unnamed = listing.left_out().len() - listing.left_out().first().len();
        let what = format!(
            "the answer to UIDL leaves out messages that LIST has ({}): without unique-ids they cannot \
             be recognised, so they are not fetched and stay on the server",
            few_of(&numbers, numbers.len() + unnamed)
        );
        let hint =
            "Read or move them by webmail, or ask the operator of the server to repair its index";
        self.report_problem(&Failure::new(what, Exit::Protocol).with_hint(hint));
        Ok(())
    }

    /// Reports once that messages are larger than the limit and stay on the server.
    pub(super) fn report_too_large(&mut self, messages: &[Message]) -> Result<(), Error> {
        let identities = messages.iter().map(|message| &message.identity);
        let first = self.ledger.messages().notice_all(identities);
        let first = first.map_err(recording)?;
        let mut new = messages.iter().zip(first).filter(|(_, is_first)| *is_first);
        for (message, _) in new.by_ref().take(MOST_NAMED) {
            let size = message
                .size
                .map_or_else(String::new, |size| format!(" ({})", Octets(size)));
            self.reporter.report(Event::Warning(&format_args!(
                "message {}{size} is larger than max-size; it stays on the server",
                message.identity.unique_id
            )));
        }
        match new.count() {
            0 => {}
            more => self.reporter.report(Event::Warning(&format_args!(
                "{more} more messages are larger than max-size; they stay on the server"
            ))),
        }
        Ok(())
    }
}

/// Returns a list of the first few: "1, 2, 3 and 7 more".
fn few(all: &[impl Display]) -> String {
    few_of(all, all.len())
}

/// Returns the same list, if there are `count` and these are the first ones.
fn few_of(first: &[impl Display], count: usize) -> String {
    let named = first.iter().take(MOST_NAMED).map(ToString::to_string);
    let named: Vec<_> = named.collect();
    match count - named.len() {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_the_first_few() {
        assert_eq!(few(&[1]), "1");
        assert_eq!(few(&[3, 1]), "3, 1");
        let many: Vec<_> = (0..10).collect();
        assert_eq!(few(&many), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9");
        let many: Vec<_> = (0..200_000).collect();
        assert_eq!(few(&many), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 199990 more");
    }
}
