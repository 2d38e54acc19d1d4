//! From a connection to a decision about every message.
//! Fetches no message.

use std::io::{Read, Write};
use std::time::Duration;

use super::error::{Error, reading, recording};
use super::{Poll, Terms};
use crate::exit::{Exit, Failure};
use crate::mail::known::{KnownMessages, MAX_FAILURES};
use crate::mail::maildrop::Listing;
use crate::mail::policy::Keep;
use crate::moment::Moment;
use crate::poll::duplicates::suspect_newcomers;
use crate::poll::missing::Attendance;
use crate::poll::plan::{self, Plan};
use crate::poll::renamed::{self, Rematch};
use crate::poll::survey::survey;
use crate::pop3::{Mechanism, Pipelining, ServerProfile, SessionHints, Sizes, Transaction};
use crate::report::{Event, Summary};
use crate::seen::LastRun;

/// A session, and what is to be done in it.
pub(super) struct OpenSession<S> {
    pub(super) session: Transaction<S>,
    pub(super) listing: Listing,
    pub(super) plan: Plan,
    pub(super) prospect: Prospect,
}

/// What another session would bring.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Prospect {
    /// Nothing that is there now.
    Done,
    /// Mail that the server has not shown yet.
    More,
}

impl Poll<'_> {
    /// Connects, lists the maildrop and decides about every message.
    pub(super) fn open_session<S: Read + Write>(
        &mut self,
        connect: &mut impl FnMut(&SessionHints) -> Result<Transaction<S>, Failure>,
        terms: &Terms<'_>,
        summary: &mut Summary,
    ) -> Result<OpenSession<S>, Error> {
        let last = terms.last;
        let policy = &self.options.policy;
        let is_decided = self.ledger.needs_sizes(policy.due_until(Moment::now()));
        let sizes = if policy.needs_sizes() || is_decided.map_err(reading)? {
            Sizes::Needed
        } else {
            Sizes::Unneeded
        };
        let opening = SessionHints {
            sizes,
            pipelining_log: terms.haste.clone(),
            ..opening(last)
        };
        let mut session = connect(&opening).map_err(Error::Connect)?;
        if terms.haste.was_rejected() {
            self.ledger.note_lost_step().map_err(recording)?;
        }
        let login = session.login();
        self.ledger.note_login(login.map(Mechanism::name));
        // The listing may be on its way meanwhile.
        let mut known = self.known()?;
        let (listing, mut plan) = survey(&mut session, &known, policy)?;
        self.warn_of_expiry(session.profile(), last);
        if let Some(learned) = session.profile().to_stored() {
            self.ledger.note_acquaintance(learned);
        }
        if !listing.names_are_made_up()
            && renamed::looks_renamed(&listing, &known)
            && self.may_recognise(last)?
            && self.rematch(&mut session, &listing, &plan)?
        {
            known = self.known()?;
            plan = plan::plan(&listing, &known, &self.options.policy, Moment::now());
        }
        suspect_newcomers(&mut plan, &listing, self.ledger, self.target)?;
        self.hold_surprising_deletions(&mut plan, last, summary)?;
        let prospect = self.call_roll(&known, &listing)?;
        Ok(OpenSession {
            session,
            listing,
            plan,
            prospect,
        })
    }

    /// Says that the server deletes what shall be kept, once for each change of the one or the other.
    fn warn_of_expiry(&self, learned: &ServerProfile, last: &LastRun) {
        let keep = self.options.policy.keep;
        let Some(days) = learned.expire() else {
            return;
        };
        let stays = Duration::from_secs(u64::from(days) * 24 * 3600);
        let is_enough = match keep {
            Keep::Always => false,
            Keep::For(time) => time <= stays,
            Keep::Never => true,
        };
        let remembered = last.acquaintance.as_deref().and_then(ServerProfile::parse);
        let was_known = remembered.is_some_and(|before| before.expire() == Some(days));
        let was_kept = last.keep.as_deref() == Some(&*keep.to_string());
        if is_enough || (was_known && was_kept) {
            return;
        }
        let when = match days {
            0 => "as soon as they are fetched".to_owned(),
            1 => "after a day".to_owned(),
            days => format!("after {days} days"),
        };
        self.reporter.tell(Event::Warning(&format_args!(
            "the server deletes messages {when}, whatever keep says (EXPIRE {days})"
        )));
    }

    /// What is known. In a maildrop elsewhere unique-ids may mean other messages.
    fn known(&self) -> Result<KnownMessages, Error> {
        let mut known = self.ledger.known().map_err(reading)?;
        if self.ledger.former_place().is_some() {
            known.doubt_all();
        }
        Ok(known)
    }

    /// Notes who is there and who is not.
    fn call_roll(&mut self, known: &KnownMessages, listing: &Listing) -> Result<Prospect, Error> {
        let attendance = Attendance::of(known, listing);
        if !attendance.is_as_before() {
            self.ledger
                .note_attendance(&attendance.left, &attendance.back)
                .map_err(recording)?;
        }
        Ok(match attendance.is_in_parts() {
            false => Prospect::Done,
            true => Prospect::More,
        })
    }

    /// Whether to recognise messages, which is noted beforehand: a server that breaks off at TOP
    /// every time must not keep all mail away.
    fn may_recognise(&mut self, last: &LastRun) -> Result<bool, Error> {
        if last.recognitions >= MAX_FAILURES {
            self.reporter.tell(Event::Warning(
                &"the server has given its messages new unique-ids, and breaks off when they are to \
                  be recognised: all are fetched again",
            ));
            return Ok(false);
        }
        self.ledger.note_recognition().map_err(recording)?;
        Ok(true)
    }

    /// Recognises messages that the server has renamed; whether there were any.
    fn rematch<S: Read + Write>(
        &mut self,
        session: &mut Transaction<S>,
        listing: &Listing,
        plan: &Plan,
    ) -> Result<bool, Error> {
        let rematch = Rematch {
            listing,
            ledger: self.ledger,
            interrupt: self.interrupt,
        };
        let recognised = rematch.run(session, &plan.fetch)?;
        if recognised > 0 {
            self.reporter.tell(Event::Warning(&format_args!(
                "the server has given its messages new unique-ids: {recognised} of {} were \
                 recognised and are not fetched again",
                listing.len()
            )));
        }
        Ok(recognised > 0)
    }

    /// Leaves many old messages on the server where only a change of the configuration, not the
    /// user at this moment, asks for their deletion.
    fn hold_surprising_deletions(
        &mut self,
        plan: &mut Plan,
        last: &LastRun,
        summary: &mut Summary,
    ) -> Result<(), Error> {
        if self.options.may_delete_many {
            return Ok(());
        }
        let keep = self.options.configured_keep;
        let held = plan.hold_surprising_deletions(last.keep.as_deref(), keep);
        if held == 0 {
            return Ok(());
        }
        summary.holds_deletions = true;
        summary.tell_problem(
            self.reporter,
            &Failure::new(
                format_args!(
                    "keep has changed, and {held} messages delivered by earlier runs would now \
                     be deleted from the server; they stay until you say: mailpull fetch --delete"
                ),
                Exit::Configuration,
            ),
        );
        Ok(())
    }
}

/// What a session with a server begins with that the last run had to do with.
pub fn opening(last: &LastRun) -> SessionHints {
    let pipelining = if last.has_lost_step {
        Pipelining::Never
    } else {
        Pipelining::Always
    };
    SessionHints {
        profile: last.acquaintance.as_deref().and_then(ServerProfile::parse),
        login: last.login.as_deref().and_then(Mechanism::named),
        pipelining,
        ..SessionHints::default()
    }
}
