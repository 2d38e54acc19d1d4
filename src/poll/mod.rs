//! One poll of one mailbox: what mailpull does.
//!
//! 1. Recover: finish what earlier runs left, without a server.
//! 2. Connect, log in and list; compare the listing with the database, and plan what to do with each
//!    message (`session`, `survey`, `plan`).
//! 3. Fetch: one thread receives messages (`receive`) while another makes them durable, delivers and
//!    records them (`settle`).
//! 4. Delete messages that are due, and QUIT (`delete`).
//!
//! Any error ends a poll early by dropping the session. That closes the connection without QUIT, so
//! the server deletes nothing, and the next run goes on from what is recorded.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::time::Duration;

use crate::delivery::{DeliveryRoute, EarlierFiles};
use crate::exit::Failure;
use crate::limits;
use crate::mail::maildrop::Identity;
use crate::os::signals::Interrupt;
use crate::poll::blame::LastEvent;
use crate::poll::not_received::NotReceived;
use crate::pop3::{self, PipeliningLog, SessionHints, Transaction};
use crate::report::{AccountReporter, Event, Summary};
use crate::seen::{LastRun, Ledger, RecognitionEnd, RunEnd};

mod ages;
mod batch;
mod before_deletion;
mod blame;
mod comparisons;
mod course;
mod delete;
mod duplicates;
mod error;
mod fetch;
mod filter;
pub mod join;
mod kept_mail;
mod missing;
pub(crate) mod named;
mod neighbours;
mod not_received;
mod only;
mod options;
pub(crate) mod ordered_deletion;
mod orders;
mod pairing;
pub mod plan;
mod receive;
pub(crate) mod rehearsal;
pub(crate) mod renamed;
mod room;
mod rules;
mod same_mailbox;
mod session;
mod settle;
mod sized_arrival;
mod staying;
mod step;
pub(crate) mod survey;
mod suspicion;
#[cfg(test)]
mod tests;
mod threads;
pub(crate) mod top;

pub(crate) use course::Course;
pub(crate) use error::Error;
pub(crate) use neighbours::{Consequence, FindOtherAccounts, OtherAccount};
pub(crate) use options::PollOptions;
pub(crate) use session::session_hints;

use error::{reading, recording, while_doing};
use fetch::{Fetched, Requested};
use session::{OpenSession, Remaining};
use settle::{DeliveryQueue, Settled, Settler, TargetFault};
use suspicion::Evidence;

/// One account's poll.
pub(crate) struct Poll<'a> {
    /// The options.
    pub options: &'a PollOptions,
    /// The account's record.
    pub ledger: &'a mut Ledger,
    /// The place where messages arrive, and the targets that take them.
    pub route: DeliveryRoute<'a>,
    /// The reporter for progress and problems.
    pub reporter: AccountReporter<'a>,
    /// Finds other accounts that may have the mailbox of a new account. It is called only once a listing
    /// has messages, as it reads all accounts of the user.
    pub find_other_accounts: &'a FindOtherAccounts<'a>,
    /// Ends the poll early.
    pub interrupt: &'a Interrupt,
    /// The counts of the run so far.
    pub summary: &'a mut Summary,
    /// The facts that the sessions have shown so far; at the beginning it is empty.
    pub course: Course,
}

/// The deletions that were due in a session.
#[derive(Debug)]
enum Deletions {
    /// None is left.
    Done,
    /// These wait for a session of their own, because this one had to end without QUIT.
    Left(HashSet<Identity>),
}

/// The subject of a note that the session of a run has ended, and that its messages are still being handed to a
/// target on another machine. After a kill it stays until the end of the next run that hands something over.
pub(crate) const HANDING_OVER: &str = "handing over";

/// The subject of a note that deletions are left for the next run.
const DELETIONS_WAIT: &str = "deletions wait";

/// After this many failed runs in a row, messages that are due are deleted before new mail is fetched in
/// every second run only.
const DELETIONS_FIRST_RUNS: u64 = 3;

/// After this many runs in a row that ended in silence, pipelining is suspected and not the network.
const SILENT_RUNS: u64 = 3;

impl<'a> Poll<'a> {
    /// Fetches new messages and deletes those that are due.
    ///
    /// The caller holds the account's lock. `connect` is called once nothing of earlier runs is left
    /// to do, and again for each further session.
    ///
    /// # Errors
    /// The reason why the poll ended early. `summary` counts what was delivered until then.
    pub(crate) fn run<S: Read + Write>(
        mut self,
        connect: impl FnMut(&SessionHints) -> Result<Transaction<S>, Failure>,
    ) -> Result<(), Error> {
        let names = self.route.names();
        let custody = self.ledger.custody();
        self.course.targets = custody.target_keys(&names).map_err(recording)?;
        if !self.route.has_threads() {
            let ended = self.poll(connect);
            return self.end(ended);
        }
        self.poll_with_threads(connect)
    }

    /// Records and reports how the poll has ended.
    fn end(mut self, ended: Result<(), Error>) -> Result<(), Error> {
        if matches!(ended, Err(Error::Undecided(_))) {
            // The account has no row: its name must stay free for the one that the user may rename.
            return ended;
        }
        if ended.as_ref().is_err_and(Error::is_of_database) {
            // The database may be damaged: nothing more is written to it.
            return ended;
        }
        if self.interrupt.is_ending() {
            self.summary.unfetched = self.course.planned.saturating_sub(self.dealt_with());
        }
        self.summary.report_left_out(self.reporter);
        self.report_faults(&ended)?;
        let noted = self.note_end(&ended);
        ended.and(noted)
    }

    fn poll<S: Read + Write>(
        &mut self,
        mut connect: impl FnMut(&SessionHints) -> Result<Transaction<S>, Failure>,
    ) -> Result<(), Error> {
        self.start_ages()?;
        if self.options.retries_all {
            self.ledger.causes().retry_all().map_err(recording)?;
            self.ask_at_top_again()?;
        }
        self.recover()?;
        if self.options.may_delete_many {
            self.ledger.deletions().retry().map_err(recording)?;
        }
        let mut last = self.ledger.runs().last().map_err(reading)?;
        self.begin_course(&last);
        for session in 1..=limits::SESSIONS {
            self.begin_session();
            match self.hold_session(&mut connect, &last) {
                Ok(remaining) => {
                    self.note_good_session(&last)?;
                    if remaining == Remaining::Nothing {
                        break;
                    }
                }
                Err(error) if pipelining_is_suspect(&error, &last, &self.course.log) => {
                    self.ledger.runs().note_lost_step().map_err(recording)?;
                    return Err(Error::LostStep(Box::new(error)));
                }
                Err(Error::Survey(pop3::Error::NoMemory(wanted)))
                    if !self.interrupt.is_ending() =>
                {
                    self.course.listing_memory = wanted;
                    let what = "the listing waits for memory that other accounts have";
                    self.reporter.report(Event::Note(&what));
                }
                Err(error) if error.is_of_database() || session == limits::SESSIONS => {
                    return Err(error);
                }
                Err(error) if !self.may_try_again(&error)? => return Err(error),
                Err(_) => last = self.ledger.runs().last().map_err(reading)?,
            }
        }
        self.report_suspect();
        self.forget_new_names()
    }

    /// Finishes what an earlier run began. Needs no server.
    fn recover(&mut self) -> Result<(), Error> {
        let (arrivals, targets) = (self.route.arrivals, self.targets());
        let recovered = Settler::new(self.ledger, arrivals, &targets, self.reporter)
            .delivering_by(&mut self.course.queues, Duration::ZERO)
            .recover();
        self.summary.add(&recovered.summary);
        self.course.faults.extend(recovered.fault);
        recovered
            .failure
            .map_or(Ok(()), |failure| Err(failure.into()))
    }

    fn hold_session<S: Read + Write>(
        &mut self,
        connect: &mut impl FnMut(&SessionHints) -> Result<Transaction<S>, Failure>,
        last: &LastRun,
    ) -> Result<Remaining, Error> {
        let mut open = self.open_session(connect, last)?;
        let is_last = open.session.limits_logins();
        if open.plan.asks_for_both() && self.deletes_first(last)? {
            let postponed = open.plan.fetch.len();
            self.course.spares_session = true;
            self.delete_only(open)?;
            self.course.spares_session = false;
            if is_last {
                self.summary.postponed = postponed;
                return Ok(Remaining::Nothing);
            }
            open = self.open_session(connect, last)?;
        }
        self.report_plan(&open.listing, &open.plan)?;
        let remaining = open.remaining;
        let settled = self.settled();
        let mut evidence = Evidence::begin(self.ledger)?;
        let OpenSession {
            session,
            listing,
            plan,
            missing,
            ..
        } = open;
        let requested = Requested {
            listing: &listing,
            plan: &plan,
            missing,
        };
        match self.fetch_and_delete(session, requested, &mut evidence) {
            Ok(Deletions::Done) => match self.course.suspect.clone() {
                Some(suspect) if !is_last && !self.interrupt.is_ending() => {
                    drop(listing);
                    self.delete_in_another_session([suspect].into(), connect, last)?;
                }
                _ => {}
            },
            Ok(Deletions::Left(due)) if is_last || self.interrupt.is_ending() => {
                self.postpone_deletions(due.len())?;
            }
            Ok(Deletions::Left(due)) => {
                // Nobody may wait for memory and have some.
                drop(listing);
                self.delete_in_another_session(due, connect, last)?;
            }
            Err(error) => return Err(self.suspect_session(error, &evidence, &listing, &plan)?),
        }
        let may_go_on = self.settled() > settled
            && !self.options.policy.is_bounded()
            && self.summary.postponed == 0
            && !self.interrupt.is_ending();
        if may_go_on && is_last && remaining == Remaining::HiddenMail {
            self.warn_of_parts()?;
        }
        Ok(if may_go_on && !is_last {
            remaining
        } else {
            Remaining::Nothing
        })
    }

    /// Returns the number of messages that are ours now and were not before.
    fn settled(&self) -> usize {
        let sent = self.course.queues.first().map_or(0, DeliveryQueue::sent);
        self.summary.settled() + sent
    }

    /// Returns true if messages that are due are deleted in a session of their own, before any is fetched.
    ///
    /// A session that was cut off has deleted nothing. If new mail is what breaks the sessions, deletions
    /// would otherwise never be reached. But a server that never answers QUIT must not keep new mail away
    /// either, so after some runs new mail comes first in every second one.
    fn deletes_first(&mut self, last: &LastRun) -> Result<bool, Error> {
        let notices = self.ledger.notices();
        if notices.is_said(DELETIONS_WAIT).map_err(reading)? {
            notices.forget(DELETIONS_WAIT).map_err(recording)?;
            return Ok(true);
        }
        let is_their_turn = last.failures < DELETIONS_FIRST_RUNS || last.failures.is_multiple_of(2);
        Ok(last.was_cut_off && is_their_turn)
    }

    /// Deletes what was due in a session that had to end without QUIT. If the server refuses another session,
    /// the next run does it: all mail is delivered by now.
    fn delete_in_another_session<S: Read + Write>(
        &mut self,
        due: HashSet<Identity>,
        connect: &mut impl FnMut(&SessionHints) -> Result<Transaction<S>, Failure>,
        last: &LastRun,
    ) -> Result<(), Error> {
        let count = due.len();
        self.course.due = Some(due);
        match self.open_session(connect, last) {
            Ok(open) => self.delete_only(open)?,
            Err(Error::Connect(_)) => self.postpone_deletions(count)?,
            Err(error) => return Err(error),
        }
        self.course.due = None;
        Ok(())
    }

    /// Leaves deletions for the next run, which makes them first.
    fn postpone_deletions(&mut self, count: usize) -> Result<(), Error> {
        self.summary.postponed += count;
        let notices = self.ledger.notices();
        notices.first(DELETIONS_WAIT).map_err(recording)?;
        Ok(())
    }

    /// Deletes messages that are due, and ends the session. Fetches nothing.
    fn delete_only<S: Read + Write>(&mut self, open: OpenSession<S>) -> Result<(), Error> {
        let plan = open.plan.deletions_only();
        let due = self.due(&open.listing, &plan, Settled::default())?;
        self.delete_and_quit(open.session, due, LastEvent::none())
    }

    fn fetch_and_delete<S: Read + Write>(
        &mut self,
        mut session: Transaction<S>,
        requested: Requested<'_>,
        evidence: &mut Evidence,
    ) -> Result<Deletions, Error> {
        let Requested { listing, plan, .. } = requested;
        if plan.commands() == 0 {
            let nothing = (Settled::default(), NotReceived::default());
            self.judge_deletions(listing, plan, &nothing.0, &nothing.1)?;
            self.leave(session)?;
            return Ok(Deletions::Done);
        }
        let Fetched {
            mut settled,
            not_received,
            last_event,
        } = self.fetch(&mut session, requested, &mut evidence.trail)?;
        self.trust_session(evidence, listing, plan, &settled)?;
        self.note_comparisons(&settled)?;
        self.end_comparison(plan, &settled, &not_received)?;
        settled.has_misfits = evidence.trail.has_doubtful_sizes();
        self.judge_deletions(listing, plan, &settled, &not_received)?;
        // What could not be put in its place waits in tmp/, where other programs may remove it.
        let waits_in_tmp =
            settled.summary.failed > 0 && self.route.arrivals.place().program.is_none();
        let needs_server = waits_in_tmp
            || settled.has_incomplete
            || settled.has_left
            || self.lacks_incomplete(evidence, &settled)?
            || not_received.is_kept_by_server();
        let due = self.due(listing, plan, settled)?;
        if needs_server {
            // Some servers hide or delete retrieved messages once they receive QUIT (Gmail), so the
            // session ends without it.
            session.close().map_err(while_doing("ending the session"))?;
            let due: HashSet<_> = due.iter().map(|due| due.identity().clone()).collect();
            return Ok(match due.is_empty() {
                true => Deletions::Done,
                false => Deletions::Left(due),
            });
        }
        self.course.has_answered_deletion = false;
        let ended = self.delete_and_quit(session, due, last_event);
        if self.course.has_answered_deletion {
            evidence.trail.note_going_on();
        }
        ended.map(|()| Deletions::Done)
    }

    /// Reports the targets that take nothing, unless that is what ended the run.
    fn report_faults(&mut self, ended: &Result<(), Error>) -> Result<(), Error> {
        if matches!(ended, Err(Error::Settle(settle::Error::Faulty(_)))) {
            return Ok(());
        }
        for fault in std::mem::take(&mut self.course.faults) {
            let custody = self.ledger.custody();
            let waiting = match fault.target {
                Some(target) => custody.staged_for(target),
                None => custody.staged(),
            };
            let waiting = waiting.map_err(reading)?.len();
            let error = Error::Settle(settle::Error::Faulty(TargetFault { waiting, ..fault }));
            self.report_problem(&Failure {
                hint: error.hint(),
                ..Failure::new(&error, error.exit())
            });
        }
        Ok(())
    }

    /// Reports that something went wrong, and lets it count for the exit status.
    fn report_problem(&mut self, failure: &Failure) {
        self.summary.report_problem(self.reporter, failure);
    }

    fn note_end(&mut self, ended: &Result<(), Error>) -> Result<(), Error> {
        let keep = self.options.configured_keep.to_string();
        let end = RunEnd {
            exit: ended
                .as_ref()
                .map_or_else(Error::exit, |()| self.summary.exit),
            keep: (ended.is_ok() && !self.summary.holds_deletions).then(|| keep.clone()),
            configured_keep: Some(keep),
            rules: self
                .follows_rules(ended)
                .then_some(self.options.policy.rules),
            was_cut_off: match ended {
                Ok(()) => Some(false),
                // Without a session this run says nothing about how sessions end.
                Err(Error::Connect(_)) => None,
                Err(_) => Some(true),
            },
            was_surprised: ended.is_err(),
            recognition: self.recognition_end(ended),
            on_server: ended.is_ok().then_some(self.summary.kept as u64),
            delivered: self.summary.delivered as u64,
            octets: self.summary.octets,
            deleted: self.summary.deleted as u64,
        };
        self.ledger.runs().end(&end).map_err(recording)
    }

    /// Returns true if the run has followed the account's rules to its end.
    fn follows_rules(&self, ended: &Result<(), Error>) -> bool {
        ended.is_ok() && !self.course.holds_rules && self.options.only.is_empty()
    }

    /// Returns what the run means for the doubt about the database. A run that a signal ended has not
    /// dealt with everything, even if nothing failed: messages were left in the middle.
    fn recognition_end(&self, ended: &Result<(), Error>) -> RecognitionEnd {
        let is_whole = ended.is_ok() && !self.interrupt.is_ending();
        if self.summary.recognised > 0 {
            RecognitionEnd::Found
        } else if !is_whole || !self.summary.is_complete() {
            RecognitionEnd::Unfinished
        } else if self.route.arrivals.earlier_files() == EarlierFiles::Absent {
            RecognitionEnd::NothingToFind
        } else {
            RecognitionEnd::Complete
        }
    }
}

/// Returns true if a session may have failed because commands were sent ahead of replies.
///
/// One timeout is no sign of it, as networks are slow at times. But a server that is silent after a
/// pipelined login may have thrown away what was sent with it, and would do so every time.
fn pipelining_is_suspect(error: &Error, last: &LastRun, log: &PipeliningLog) -> bool {
    let is_lasting = last.failures + 1 >= SILENT_RUNS;
    let is_at_login = last.server_profile.is_some() && matches!(error, Error::Survey(_));
    let is_silence = error.is_timeout() && (is_lasting || is_at_login);
    log.was_used() && (error.is_out_of_step() || is_silence)
}
