//! `--dry-run`: reports what a poll would do with each message, without doing it.

use std::io::{Read, Write};

use crate::mail::headers::{HeaderReader, ShownHeader};
use crate::mail::maildrop::Listing;
use crate::mail::policy::Keep;
use crate::moment::Moment;
use crate::os::signals::Interrupt;
use crate::poll::plan::{Pick, Plan};
use crate::poll::top::{Answer, Error, read_headers_by};
use crate::pop3::{GoOn, Transaction};
use crate::report::{AccountReporter, Event, Intent, Summary};
use crate::text::ServerText;

/// A plan that is shown and not carried out.
pub(crate) struct Rehearsal<'a> {
    /// The messages on the server.
    pub listing: &'a Listing,
    /// The plan.
    pub plan: &'a Plan,
    /// What becomes of delivered messages on the server.
    pub keep: Keep,
    /// The place where the plan is shown.
    pub reporter: AccountReporter<'a>,
    /// Ends the reading of headers.
    pub interrupt: &'a Interrupt,
}

impl Rehearsal<'_> {
    /// Shows each message with its sender and subject, as far as the server sends headers (TOP).
    ///
    /// # Errors
    /// The session failed, or a signal came. All messages are shown in any case, unless a signal came.
    pub(crate) fn show<S: Read + Write>(&self, session: &mut Transaction<S>) -> Result<(), Error> {
        let actions = self.actions();
        let mut left = actions.iter();
        let mut show_next = |header: Option<&ShownHeader>| {
            if let Some((action, pick)) = left.next() {
                self.report(action, pick, header);
            }
        };
        let mut ended = Ok(());
        if session.profile().may_have_top() && !actions.is_empty() {
            let now = Moment::now();
            let messages = actions
                .iter()
                .map(|(_, pick)| self.listing.message(pick.position, 0));
            let begin = HeaderReader::default;
            ended = read_headers_by(begin, session, messages, self.interrupt, |_, answer| {
                match answer {
                    Answer::Header(header, _) => show_next(Some(&header.finish_shown(now))),
                    Answer::Refused => show_next(None),
                }
                GoOn::Yes
            });
        }
        if ended.is_ok() || !self.interrupt.is_ending() {
            actions.iter().for_each(|_| show_next(None));
        }
        ended
    }

    /// Returns the messages that something would be done with, and what that is.
    fn actions(&self) -> Vec<(&'static str, &Pick)> {
        let groups = [
            ("fetch", &self.plan.fetch),
            ("compare", &self.plan.compare),
            ("compare", &self.plan.verify),
            ("delete", &self.plan.delete),
            ("delete", &self.plan.ordered),
        ];
        let picks = groups
            .into_iter()
            .flat_map(|(action, picks)| picks.iter().map(move |pick| (action, pick)));
        picks.collect()
    }

    fn report(&self, action: &'static str, pick: &Pick, header: Option<&ShownHeader>) {
        let listing = self.listing;
        self.reporter.report(Event::DryRun(&Intent {
            action,
            number: listing.number(pick.position).value(),
            unique_id: &ServerText::new(listing.unique_id(pick.position)),
            size: listing.size(pick.position),
            header,
        }));
    }

    /// Returns the counts of a run that would carry out the plan.
    pub(crate) fn summary(&self) -> Summary {
        let Self { listing, plan, .. } = self;
        let sizes = plan
            .fetch
            .iter()
            .filter_map(|pick| listing.size(pick.position));
        let at_once = match self.keep {
            Keep::Never => plan.fetch.len(),
            Keep::Always | Keep::For(_) => 0,
        };
        let deleted = plan.delete.len() + plan.ordered.len() + at_once;
        Summary {
            delivered: plan.fetch.len(),
            octets: sizes.sum(),
            deleted,
            kept: listing.len() + listing.nameless().len() + listing.left_out().len() - deleted,
            postponed: plan.postponed,
            is_dry: true,
            ..Summary::default()
        }
    }
}
