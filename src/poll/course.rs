//! The course of a run: what its sessions have shown so far, and what follows after one that broke.
//!
//! # Pipelining in doubt
//!
//! Some servers announce PIPELINING and close the connection when commands arrive together (o2.pl).
//! A network that breaks looks the same. So:
//!
//! 1. A server that closes or resets the connection while pipelined commands are unanswered puts
//!    pipelining in doubt. No message is blamed that was only awaited.
//! 2. The next session sends one command at a time. It follows in the same run, once, unless the
//!    server limits logins (LOGIN-DELAY); else it is the first of the next run.
//! 3. If that session ends well, too, the doubt is confirmed once. If it breaks, pipelining was not
//!    the cause.
//! 4. After two confirmations for the same kind of commands, nothing is pipelined for 30 days. A
//!    flight of that kind that is answered to its end takes the first confirmation back: then it was
//!    the network.

use std::collections::{HashMap, HashSet};

use super::Poll;
use super::delete::DELETING;
use super::error::{Error, reading, recording};
use crate::mail::handover::TargetKey;
use crate::mail::maildrop::Identity;
use crate::poll::before_deletion::ShownHeaders;
use crate::poll::blame::Outlook;
use crate::poll::session::RecognisedBy;
use crate::poll::settle::{DeliveryQueue, TargetFault};
use crate::pop3::{Flight, Pipelining, PipeliningLog};
use crate::report::Event;
use crate::seen::LastRun;

/// After this many confirmed doubts in a row, the server gets no more pipelined commands.
const CONFIRMED_DOUBTS: u32 = 2;

/// The facts that the sessions of a run have shown so far.
#[derive(Debug, Default)]
pub(crate) struct Course {
    /// Notes how the current session uses pipelining.
    pub(super) log: PipeliningLog,
    /// The number of new messages of this run: those that it has dealt with, and those that it was about
    /// to fetch.
    pub(super) planned: usize,
    /// Messages that failed in this run. They are not tried again before the next one.
    pub(super) failed: HashSet<Identity>,
    /// A message to be deleted that may have broken a session, and waits for one of its own.
    pub(super) suspect: Option<Identity>,
    /// The outlook after the session that broke last.
    pub(super) outlook: Outlook,
    /// The flight that puts pipelining in doubt.
    doubted: Option<Flight>,
    /// True if a session has confirmed the doubt.
    is_confirmed: bool,
    /// True if a session has followed one that broke.
    has_tried_again: bool,
    /// True while no message is deleted whose DELE may break the session: new mail would wait.
    pub(super) spares_session: bool,
    /// The messages that were due when a session had to end without QUIT. Only these are deleted in the
    /// session that follows it.
    pub(super) due: Option<HashSet<Identity>>,
    /// The ways in which messages with new unique-ids were recognised: true if it is reported, and false if
    /// the last run has found it, too.
    pub(super) new_names: HashMap<RecognisedBy, bool>,
    /// True if the server limits logins.
    pub(super) limits_logins: bool,
    /// The faults of targets: those that the messages of earlier runs showed, and at the end those of threads.
    pub(super) faults: Vec<TargetFault>,
    /// The keys of the targets that take messages from a spool.
    pub(super) targets: Vec<TargetKey>,
    /// The ways to the threads that deliver, one for each target, if the session does not wait.
    pub(super) queues: Vec<DeliveryQueue>,
    /// True if the server has answered a deletion since this was set to false.
    pub(super) has_answered_deletion: bool,
    /// True if deletions that changed rules ask for wait until the user confirms them.
    pub(super) holds_rules: bool,
    /// The headers that were read before deletions.
    pub(super) headers: ShownHeaders,
    /// The octets of memory that the next listing needs, as far as a session of this run has shown.
    pub(super) listing_memory: u64,
}

impl Poll<'_> {
    /// Takes over what the last run left in doubt.
    pub(super) fn begin_course(&mut self, last: &LastRun) {
        self.course.doubted = Flight::numbered(last.doubted_flight);
    }

    /// Begins another session of the run.
    pub(super) fn begin_session(&mut self) {
        self.course.log = PipeliningLog::default();
        self.course.outlook = Outlook::Poor;
        self.course.spares_session = false;
    }

    /// Returns the use of pipelining in the next session; `hinted` is what earlier runs left.
    pub(super) fn pipelining(&self, hinted: Pipelining) -> Pipelining {
        match self.course.doubted {
            Some(_) => Pipelining::Never,
            None if self.course.has_tried_again => hinted.min(Pipelining::AfterLogin),
            None => hinted,
        }
    }

    /// Notes that a server closed the connection on a pipelined login, if it did.
    pub(super) fn note_hung_up_login(&mut self) -> Result<(), Error> {
        if !self.course.log.was_hung_up() || self.course.doubted.is_some() {
            return Ok(());
        }
        let flight = Flight::Listing;
        self.course.doubted = Some(flight);
        let runs = self.ledger.runs();
        runs.doubt_pipelining(flight as u8).map_err(recording)
    }

    /// Notes that a session ended well.
    pub(super) fn note_good_session(&mut self, last: &LastRun) -> Result<(), Error> {
        let runs = self.ledger.runs();
        if let Some(flight) = self.course.doubted {
            let causes = self.ledger.causes();
            if causes.has_broken_deletion().map_err(reading)? {
                // This session has left that deletion out, so it proves nothing.
                return Ok(());
            }
            if std::mem::replace(&mut self.course.is_confirmed, true) {
                return Ok(());
            }
            if runs.confirm_doubt(flight as u8).map_err(recording)? >= CONFIRMED_DOUBTS {
                runs.note_lost_step().map_err(recording)?;
                runs.trust_pipelining().map_err(recording)?;
                self.reporter.report(Event::Note(
                    &"the server announces PIPELINING but hangs up when it is used: from now on each \
                      command waits for its reply",
                ));
            }
            return Ok(());
        }
        match Flight::numbered(last.broken_flight) {
            Some(flight) if self.course.log.was_answered(flight) => {
                runs.trust_pipelining().map_err(recording)
            }
            _ => Ok(()),
        }
    }

    /// Decides if another session follows one that broke.
    pub(super) fn may_try_again(&mut self, error: &Error) -> Result<bool, Error> {
        // After lost replies, what was delivered is compared by the next run.
        if matches!(error, Error::Connect(_) | Error::LostStep(_)) {
            return Ok(false);
        }
        // At RETR and DELE it was judged already, as there a message may be the cause.
        let is_judged = matches!(
            error,
            Error::Receive(_)
                | Error::Pop3 {
                    doing: DELETING,
                    ..
                }
        );
        if !is_judged && error.is_closed() && self.course.log.was_used() {
            self.course.outlook = Outlook::WithoutPipelining;
        }
        let runs = self.ledger.runs();
        match (self.course.outlook, self.course.log.last_flight()) {
            (Outlook::WithoutPipelining, Some(flight)) => {
                runs.doubt_pipelining(flight as u8).map_err(recording)?;
                self.course.doubted = Some(flight);
            }
            _ if error.is_of_session() && self.course.doubted.take().is_some() => {
                runs.trust_pipelining().map_err(recording)?;
            }
            _ => {}
        }
        let may_try_again = self.course.outlook != Outlook::Poor
            && !self.course.has_tried_again
            && !self.course.limits_logins
            && !self.interrupt.is_ending();
        if may_try_again {
            self.course.has_tried_again = true;
            let how = match self.course.outlook {
                Outlook::WithoutPipelining => "one command at a time",
                _ => "without the messages that failed",
            };
            self.reporter
                .report(Event::Note(&format_args!("{error}; trying again {how}")));
        }
        Ok(may_try_again)
    }

    /// Asks for headers, and counts a session that breaks there: a server that ends the session at TOP every
    /// time must not keep all mail away.
    ///
    /// # Errors
    /// Those of `ask`, and those of the database.
    pub(super) fn count_breaks_at_top<T>(
        &mut self,
        last: &LastRun,
        ask: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        // It is counted first, so that a kill counts as well.
        self.ledger.runs().note_recognition().map_err(recording)?;
        let asked = ask(self);
        if matches!(asked, Ok(_) | Err(Error::Interrupted)) {
            // Only the end of the session sets the count to 0: the server may end it at the next TOP in
            // every run.
            let runs = self.ledger.runs();
            runs.note_recognised(last.recognitions).map_err(recording)?;
        }
        asked
    }
}
