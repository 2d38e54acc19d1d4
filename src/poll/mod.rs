//! One poll of one maildrop: the program's story.
//!
//! recover → connect → list → plan → fetch and settle → delete → quit. Everything that can go
//! wrong ends it early by dropping the session, which closes the connection without UPDATE: the
//! server then deletes nothing, and the next run goes on from what is recorded. After such an end
//! that run deletes what is due in a session of its own before it fetches, so that deletions are
//! not kept waiting by whatever breaks the sessions.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use crate::delivery::Target;
use crate::exit::{Exit, Failure};
use crate::limits;
use crate::mail::known::MAX_FAILURES;
use crate::mail::maildrop::{Identity, Listing, Message};
use crate::mail::policy::{Keep, Policy};
use crate::moment::Moment;
use crate::os::signals::Interrupt;
use crate::poll::plan::Plan;
use crate::poll::receive::{Missing, Receiver};
use crate::poll::settle::{Settled, Settler};
use crate::pop3::{self, PipeliningLog, SessionHints, Transaction};
use crate::report::{AccountReporter, Event, Octets, Summary};
use crate::seen::{LastRun, Ledger, RunEnd};

pub(crate) mod batch;
mod delete;
pub(crate) mod duplicates;
mod error;
pub(crate) mod missing;
pub mod plan;
pub(crate) mod receive;
pub(crate) mod renamed;
mod session;
pub(crate) mod settle;
pub(crate) mod survey;

pub use error::Error;
pub use session::opening;

use error::{reading, recording};
use session::Prospect;

/// What a poll shall do.
#[derive(Clone, Debug)]
pub struct PollOptions {
    /// What the account wants done with its messages.
    pub policy: Policy,
    /// `keep` as it is configured, whatever a flag says for this run.
    pub configured_keep: Keep,
    /// Whether the user asked for deletions just now, so that they need no second thought.
    pub may_delete_many: bool,
    /// How long the server is left without a word while messages are delivered.
    pub silence: Duration,
    /// How many files may be open for it at the same time.
    pub descriptors: u64,
}

/// One account's poll.
pub struct Poll<'a> {
    /// What shall be done.
    pub options: &'a PollOptions,
    /// What is known.
    pub ledger: &'a mut Ledger,
    /// Where messages go.
    pub target: &'a dyn Target,
    /// Whom it is told.
    pub reporter: AccountReporter<'a>,
    /// Whether it shall end.
    pub interrupt: &'a Interrupt,
}

/// What a session begins with.
struct Terms<'a> {
    last: &'a LastRun,
    haste: PipeliningLog,
}

impl Terms<'_> {
    /// Whether what is due is deleted in a session of its own, before anything is fetched. A server
    /// that never says that it has must not keep new mail away.
    fn deletes_first(&self) -> bool {
        self.last.was_cut_off && self.last.failures < DEFERRALS
    }

    /// Whether a session may have failed because commands were sent ahead. A line that is slow at
    /// times is none such server; but one that says nothing any more behind a login may have thrown
    /// away what was sent with it, and would every other time.
    fn may_be_haste(&self, error: &Error) -> bool {
        let is_lasting = self.last.failures + 1 >= SILENCES;
        let is_at_login = self.last.acquaintance.is_some() && matches!(error, Error::Survey(_));
        let is_silence = error.is_timeout() && (is_lasting || is_at_login);
        self.haste.was_used() && (error.is_out_of_step() || is_silence)
    }
}

/// So many runs in a row may fail before mail is fetched ahead of what is due to be deleted.
const DEFERRALS: u64 = 3;

/// So many runs in a row that end in silence may be more than a slow line.
const SILENCES: u64 = 3;

impl Poll<'_> {
    /// Fetches what is new and deletes what is due. The account's lock is held by the caller;
    /// `connect` is called once nothing of earlier runs is left to do.
    ///
    /// # Errors
    /// Whatever ended the poll early; what was delivered until then is in `summary`.
    pub fn run<S: Read + Write>(
        mut self,
        summary: &mut Summary,
        connect: impl FnMut(&SessionHints) -> Result<Transaction<S>, Failure>,
    ) -> Result<(), Error> {
        let ended = self.poll(summary, connect);
        if ended.as_ref().is_err_and(Error::is_of_database) {
            // It may be damaged: nothing more is written to it.
            return ended;
        }
        let noted = self.note_end(&ended, summary);
        ended.and(noted)
    }

    fn poll<S: Read + Write>(
        &mut self,
        summary: &mut Summary,
        mut connect: impl FnMut(&SessionHints) -> Result<Transaction<S>, Failure>,
    ) -> Result<(), Error> {
        self.recover(summary)?;
        if self.options.may_delete_many {
            self.ledger.retry_deletions().map_err(recording)?;
        }
        let last = self.ledger.last_run().map_err(reading)?;
        for _ in 0..limits::SESSIONS {
            let terms = Terms {
                last: &last,
                haste: PipeliningLog::default(),
            };
            match self.hold_session(&mut connect, &terms, summary) {
                Ok(Prospect::Done) => break,
                Ok(Prospect::More) => {}
                Err(error) if terms.may_be_haste(&error) => return Err(self.go_slow(error)?),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn hold_session<S: Read + Write>(
        &mut self,
        connect: &mut impl FnMut(&SessionHints) -> Result<Transaction<S>, Failure>,
        terms: &Terms<'_>,
        summary: &mut Summary,
    ) -> Result<Prospect, Error> {
        let mut view = self.open_session(connect, terms, summary)?;
        // Then another login has to wait for the next run.
        let is_last = view.session.profile().login_delay().is_some();
        if terms.deletes_first() && view.plan.asks_for_both() {
            let plan = view.plan.deletions_only();
            let due = self.due(&view.listing, &plan, Settled::default())?;
            self.delete_and_quit(view.session, &due, summary)?;
            if is_last {
                summary.postponed = view.plan.fetch.len();
                return Ok(Prospect::Done);
            }
            view = self.open_session(connect, terms, summary)?;
        }
        self.tell_plan(&view.listing, &view.plan, summary)?;
        let (begun, settled) = (Moment::now(), summary.settled());
        let ended = self.fetch_and_delete(view.session, &view.listing, &view.plan, summary);
        if ended.as_ref().is_err_and(Error::is_out_of_step) {
            self.suspect_session(begun, summary)?;
        }
        ended?;
        let may_go_on = summary.settled() > settled
            && !self.options.policy.is_bounded()
            && summary.postponed == 0
            && self.interrupt.signal().is_none();
        Ok(match view.prospect {
            Prospect::More if may_go_on && !is_last => Prospect::More,
            _ => Prospect::Done,
        })
    }

    /// Keeps pipelining away from a server that may not be able to do what it announces.
    fn go_slow(&mut self, error: Error) -> Result<Error, Error> {
        self.ledger.note_lost_step().map_err(recording)?;
        Ok(Error::LostStep(Box::new(error)))
    }

    fn fetch_and_delete<S: Read + Write>(
        &mut self,
        mut session: Transaction<S>,
        listing: &Listing,
        plan: &Plan,
        summary: &mut Summary,
    ) -> Result<(), Error> {
        if plan.commands() == 0 {
            return self.leave(session);
        }
        let (settled, missing) = self.fetch(&mut session, listing, plan, summary)?;
        let due = self.due(listing, plan, settled)?;
        if !missing.too_large.is_empty() {
            // They were retrieved and thrown away, and there are servers that hide what was
            // retrieved once they hear QUIT. The next run knows their sizes and deletes what is
            // due.
            return Ok(());
        }
        self.delete_and_quit(session, &due, summary)
    }

    fn note_end(&mut self, ended: &Result<(), Error>, summary: &Summary) -> Result<(), Error> {
        let keep = self.options.configured_keep.to_string();
        let end = RunEnd {
            exit: ended.as_ref().map_or_else(Error::exit, |()| summary.exit),
            keep: (ended.is_ok() && !summary.holds_deletions).then(|| keep.clone()),
            configured_keep: Some(keep),
            was_cut_off: match ended {
                Ok(()) => Some(false),
                Err(Error::Connect(_)) => None,
                Err(_) => Some(true),
            },
            was_surprised: ended.is_err(),
            is_complete: ended.is_ok() && summary.is_complete(),
        };
        self.ledger.end_run(&end).map_err(recording)
    }

    /// Finishes what an earlier run began, without a server.
    fn recover(&mut self, summary: &mut Summary) -> Result<(), Error> {
        let recovered = Settler::new(self.ledger, self.target, self.reporter).recover();
        summary.add(&recovered.summary);
        recovered
            .failure
            .map_or(Ok(()), |failure| Err(failure.into()))
    }

    /// Tells what is left alone and what is going to happen.
    fn tell_plan(
        &mut self,
        listing: &Listing,
        plan: &Plan,
        summary: &mut Summary,
    ) -> Result<(), Error> {
        for number in listing.nameless() {
            summary.tell_problem(
                self.reporter,
                &Failure::new(
                    format_args!("message {number} has no unique-id; it stays on the server"),
                    Exit::Protocol,
                ),
            );
        }
        for pick in &plan.too_large {
            let message = listing.message(pick.position, pick.copy);
            self.tell_too_large(&message)?;
        }
        summary.kept = listing.len() + listing.nameless().len();
        summary.postponed = plan.postponed;
        self.reporter.tell(Event::FetchStarted {
            messages: plan.retrieved().count(),
            octets: plan.sizes(listing).sum(),
        });
        Ok(())
    }

    /// Says once that a message is over the limit and stays on the server.
    fn tell_too_large(&mut self, message: &Message) -> Result<(), Error> {
        if self.ledger.notice(&message.identity).map_err(recording)? {
            let size = message
                .size
                .map_or_else(String::new, |size| format!(" ({})", Octets(size)));
            self.reporter.tell(Event::Warning(&format_args!(
                "message {}{size} is larger than max-size; it stays on the server",
                message.identity.unique_id
            )));
        }
        Ok(())
    }

    /// Fetches what the plan says, and tells what did not come.
    fn fetch<S: Read + Write>(
        &mut self,
        session: &mut Transaction<S>,
        listing: &Listing,
        plan: &Plan,
        summary: &mut Summary,
    ) -> Result<(Settled, Missing), Error> {
        let forced = self.insist(listing, plan)?;
        let (received, mut settled) = self.transfer(session, listing, plan, forced);
        summary.add(&settled.summary);
        if let Some(failure) = settled.failure.take() {
            return Err(failure.into());
        }
        let missing = match received {
            Ok(missing) => missing,
            Err(error) => return Err(self.blame(error, summary)?),
        };
        self.tell_missing(&missing, summary)?;
        Ok((settled, missing))
    }

    /// Which messages are to be asked for although there seems to be no room for them: a size that
    /// is a lie (-1 as a number without a sign) would keep its message away for ever. Once a day,
    /// as it may be the truth.
    fn insist(&mut self, listing: &Listing, plan: &Plan) -> Result<HashSet<Identity>, Error> {
        let waiting = self.ledger.waiting_long().map_err(reading)?;
        if waiting.is_empty() {
            return Ok(waiting);
        }
        let forced = plan
            .fetch
            .iter()
            .map(|pick| listing.message(pick.position, pick.copy).identity)
            .filter(|identity| waiting.contains(identity))
            .collect();
        self.ledger.postpone(&forced).map_err(recording)?;
        Ok(forced)
    }

    /// Brings messages from the session to their place: one thread reads what comes while another
    /// settles what came.
    fn transfer<S: Read + Write>(
        &mut self,
        session: &mut Transaction<S>,
        listing: &Listing,
        plan: &Plan,
        forced: HashSet<Identity>,
    ) -> (Result<Missing, receive::Error>, Settled) {
        let settler = Settler::new(self.ledger, self.target, self.reporter);
        let (outlet, inlet) = batch::channel();
        let receiver = Receiver {
            listing,
            plan,
            intake: self.target.intake(),
            forced,
            max_size: self.options.policy.max_size,
            reporter: self.reporter,
            interrupt: self.interrupt,
            descriptors: self.options.descriptors,
            silence: self.options.silence,
            outlet,
        };
        thread::scope(|scope| {
            let settling = scope.spawn(move || settler.run(inlet));
            let received = receiver.run(session);
            let settled = settling
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (received, settled)
        })
    }

    fn tell_missing(&mut self, missing: &Missing, summary: &mut Summary) -> Result<(), Error> {
        for message in &missing.too_large {
            self.ledger.note_size(message).map_err(recording)?;
            self.tell_too_large(message)?;
        }
        for (message, why) in &missing.no_room {
            summary.failed += 1;
            self.ledger.note_want_of_room(message).map_err(recording)?;
            let what = format!(
                "retrieving message {}: {why}; it stays on the server, and the next run tries it \
                 again",
                message.identity.unique_id
            );
            let failure = Failure {
                hint: why.hint(),
                ..Failure::new(what, why.exit())
            };
            summary.tell_problem(self.reporter, &failure);
        }
        for (message, refusal) in &missing.refused {
            summary.failed += 1;
            let failures = if refusal.is_transient() {
                1
            } else {
                self.ledger.note_failure(message).map_err(recording)?
            };
            let what = format!(
                "retrieving message {} ({}): the server said \"{}\"",
                message.number, message.identity.unique_id, refusal.text
            );
            summary.tell_failure(self.reporter, Failure::new(what, Exit::Temporary), failures);
        }
        if missing.not_requested > 0 && self.interrupt.signal().is_none() {
            summary.postponed += missing.not_requested;
            let what = format!(
                "retrieving messages: the session has lasted {} hours; what was not asked for \
                 (messages: {}) waits for the next run: start it again",
                limits::REQUEST_TIME.as_secs() / 3600,
                missing.not_requested
            );
            summary.tell_problem(self.reporter, &Failure::new(what, Exit::Temporary));
        }
        Ok(())
    }

    /// Keeps the messages of this session on the server: one that does not stuff its dots ends a
    /// message at the first line that is one, and says the rest of it where its next answer belongs
    /// (greenmail, mailpit). From there on nobody knows what was received as what.
    fn suspect_session(&mut self, begun: Moment, summary: &mut Summary) -> Result<(), Error> {
        let suspects = self.ledger.suspect_since(begun).map_err(recording)?;
        if suspects == 0 {
            return Ok(());
        }
        let what = format!(
            "the server went on talking behind the end of a message: what this session delivered \
             (messages: {suspects}) may be incomplete, and is never deleted from the server"
        );
        summary.tell_problem(self.reporter, &Failure::new(what, Exit::Protocol));
        Ok(())
    }

    /// Counts against a message that the session broke while it was awaited: if the same message
    /// breaks every session, it must not keep the others away for ever.
    fn blame(&mut self, error: receive::Error, summary: &mut Summary) -> Result<Error, Error> {
        let is_out_of_step = error.cause().is_some_and(pop3::Error::is_out_of_step);
        let is_of_others = is_out_of_step && summary.delivered > 0;
        if let receive::Error::Pop3 {
            awaited: Some(message),
            ..
        } = &error
            && !is_of_others
        {
            let failures = self.ledger.note_failure(message).map_err(recording)?;
            if failures >= MAX_FAILURES {
                let what = format!("retrieving message {}", message.identity.unique_id);
                summary.tell_failure(self.reporter, Failure::new(what, Exit::SetAside), failures);
            }
        }
        Ok(error.into())
    }
}
