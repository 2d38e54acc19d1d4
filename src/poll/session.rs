//! Opens a session: logs in, lists the mailbox, and plans what to do with every message.
//! Fetches none.

use std::collections::HashSet;
use std::fmt;
use std::io::{Read, Write};
use std::time::Duration;

use super::Poll;
use super::error::{Error, reading, recording};
use crate::exit::{Exit, Failure};
use crate::mail::known::{KnownFacts, KnownMessage, MAX_FAILURES};
use crate::mail::maildrop::{Identity, Listing};
use crate::mail::policy::{Keep, Policy};
use crate::poll::duplicates::mark_possible_duplicates;
use crate::poll::missing::{self, ListingChanges};
use crate::poll::plan::{Pick, Plan, are_surprising};
use crate::poll::renamed::{Rematch, RenamedSigns};
use crate::poll::survey::{ComparedListing, KnownMessages, survey};
use crate::pop3::{Mechanism, Pipelining, ServerProfile, SessionHints, Sizes, Transaction};
use crate::report::Event;
use crate::seen::{LastRun, MissingContents};

/// A session, and what is to be done in it.
pub(super) struct OpenSession<S> {
    pub(super) session: Transaction<S>,
    pub(super) listing: Listing,
    pub(super) plan: Plan,
    pub(super) remaining: Remaining,
    /// The contents of known messages that are missing from the listing.
    pub(super) missing: MissingContents,
}

/// The mail that is left for another session of the same run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Remaining {
    /// Nothing that is on the server now.
    Nothing,
    /// Mail that the server has not listed yet (Gmail lists a part at a time).
    HiddenMail,
}

/// The way in which messages with new unique-ids were recognised.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) enum RecognisedBy {
    /// By their headers, before they were retrieved.
    Header,
    /// By their content, before they were delivered.
    Content,
}

impl RecognisedBy {
    /// Returns the subject under which the report is remembered.
    fn subject(self) -> &'static str {
        match self {
            Self::Header => "new unique-ids, by header",
            Self::Content => "new unique-ids, by content",
        }
    }
}

impl Poll<'_> {
    /// Connects, logs in, lists the mailbox and decides about every message.
    ///
    /// # Errors
    /// No session, no listing that can be believed, or the database failed. Nothing was fetched.
    pub(super) fn open_session<S: Read + Write>(
        &mut self,
        connect: &mut impl FnMut(&SessionHints) -> Result<Transaction<S>, Failure>,
        last: &LastRun,
    ) -> Result<OpenSession<S>, Error> {
        let policy = &self.session_policy()?;
        let deletion_needs_sizes = self
            .ledger
            .messages()
            .needs_sizes(policy.due_until(self.ledger.clock().now()));
        let sizes = if policy.needs_sizes()
            || deletion_needs_sizes.map_err(reading)?
            || self.ledger.orders().are_given().map_err(reading)?
        {
            Sizes::Each
        } else {
            Sizes::Total
        };
        let hints = session_hints(last);
        let mut hints = SessionHints {
            sizes,
            pipelining: self.pipelining(hints.pipelining),
            pipelining_log: self.course.log.clone(),
            ..hints
        };
        if self.ledger.suspicions().are_waiting().map_err(reading)? {
            // A comparison proves something only if each reply has been waited for.
            hints.sizes = Sizes::Each;
            hints.pipelining = Pipelining::Never;
        }
        let memory = self
            .options
            .memory
            .take(self.course.listing_memory.max(last.listing_memory), || {
                self.interrupt.is_ending()
            });
        let memory = memory.ok_or(Error::Interrupted)?;
        let mut session = connect(&hints).map_err(Error::Connect)?;
        session.set_memory(memory);
        self.course.limits_logins = session.limits_logins();
        self.note_hung_up_login()?;
        if self.course.log.was_rejected() {
            // The login worked only when it was repeated without pipelining.
            self.ledger.runs().note_lost_step().map_err(recording)?;
        }
        let login = session.login();
        self.ledger.note_login(login.map(Mechanism::name));
        self.start_impossible_ages()?;
        let now = self.ledger.clock().now();
        let mut known = KnownMessages::of(self.ledger).map_err(reading)?.facts;
        let (listing, mut compared) = survey(
            &mut session,
            KnownMessages::of(self.ledger).map_err(reading)?,
            policy,
            now,
        )?;
        self.ledger.note_listing_memory(listing.memory());
        let is_gone =
            |suspect: &mut Identity| listing.under(suspect.unique_id.as_octets()).is_empty();
        self.course.suspect.take_if(is_gone);
        self.note_surplus(&listing, &compared.plan, known)?;
        if !session.habits().keeps_mail {
            self.warn_of_expiry(session.profile(), last);
        }
        self.ledger
            .note_server_profile(session.profile().to_stored());
        if self.judge_orders(&mut session, &listing, known, last)? {
            (known, compared) = self.compare(&listing, policy)?;
        }
        if let Some(compare) = self.find_known_mailbox(&mut session, &listing, known, last)? {
            self.start_impossible_ages()?;
            (known, compared) = self.compare(&listing, policy)?;
            compared.plan.compare_also(compare);
        }
        if !listing.names_are_made_up()
            && may_be_renamed(&compared.signs, last)
            && self.may_rematch(last)
            && self.rematch(&mut session, &listing, last)?
        {
            (known, compared) = self.compare(&listing, policy)?;
        }
        let ComparedListing {
            mut plan,
            changes,
            signs,
        } = compared;
        mark_possible_duplicates(&mut plan, &listing, self.ledger, self.route.arrivals)?;
        plan.leave_out(|pick| {
            let message = listing.message(pick.position, pick.copy);
            self.course.failed.contains(&message.identity)
        });
        self.choose_only(&listing, &mut plan)?;
        if self.course.due.is_none() {
            self.apply_rules(&mut session, &listing, known, &mut plan)?;
        }
        match &self.course.due {
            Some(due) => {
                let identity = |pick: &Pick| listing.message(pick.position, pick.copy).identity;
                plan.delete.retain(|pick| due.contains(&identity(pick)));
            }
            None => self.hold_surprising_deletions(&mut plan)?,
        }
        self.check_deletions(&mut session, &listing, known, &mut plan)?;
        self.accept_sizes(&listing, &plan)?;
        let mut remaining = self.note_listing_changes(changes, &listing, &plan)?;
        if session
            .habits()
            .part
            .is_some_and(|part| listing.len() >= part)
        {
            remaining = Remaining::HiddenMail;
        }
        let missing = self.missing_contents(&listing, &plan, &signs)?;
        Ok(OpenSession {
            session,
            listing,
            plan,
            remaining,
            missing,
        })
    }

    /// Records how many octets STAT counts more than LIST on this server, once LIST has confirmed the
    /// size of every known message.
    fn note_surplus(
        &mut self,
        listing: &Listing,
        plan: &Plan,
        known: KnownFacts,
    ) -> Result<(), Error> {
        match listing.surplus_over(plan.recorded_octets) {
            Some(surplus)
                if plan.resized == 0
                    && plan.compare.is_empty()
                    && surplus != known.sizes.surplus =>
            {
                let sizes = self.ledger.size_checks();
                sizes.note_surplus(surplus).map_err(recording)
            }
            _ => Ok(()),
        }
    }

    /// Records the new sizes of messages that were never fetched, and cannot be compared, if there are so
    /// many of them that the server must have changed the sizes.
    fn accept_sizes(&mut self, listing: &Listing, plan: &Plan) -> Result<(), Error> {
        if plan.accepted.is_empty() {
            return Ok(());
        }
        let sizes: Vec<_> = plan
            .accepted
            .iter()
            .map(|pick| listing.message(pick.position, pick.copy))
            .map(|message| (message.identity, message.size))
            .collect();
        self.ledger
            .size_checks()
            .accept(&sizes)
            .map_err(recording)?;
        self.warn_once("sizes of seen messages", &format_args!(
            "the server reports other sizes than before for messages that were marked as seen ({}); \
             they are taken for the same messages",
            sizes.len()
        ))
    }

    /// Warns that the server deletes messages (EXPIRE, RFC 2449 section 6.7) which `keep` wants to
    /// stay: once for each change of the one or the other.
    fn warn_of_expiry(&self, profile: &ServerProfile, last: &LastRun) {
        let keep = self.options.policy.keep;
        let Some(days) = profile.expire() else {
            return;
        };
        let stays = Duration::from_secs(u64::from(days) * 24 * 3600);
        let is_long_enough = match keep {
            Keep::Always => false,
            Keep::For(time) => time <= stays,
            Keep::Never => true,
        };
        let remembered = last
            .server_profile
            .as_deref()
            .and_then(ServerProfile::parse);
        let was_known = remembered.is_some_and(|before| before.expire() == Some(days));
        let was_kept = last.keep.as_deref() == Some(&*keep.to_string());
        if is_long_enough || (was_known && was_kept) {
            return;
        }
        let when = match days {
            0 => "as soon as they are fetched".to_owned(),
            1 => "after a day".to_owned(),
            days => format!("after {days} days"),
        };
        self.reporter.report(Event::Warning(&format_args!(
            "the server deletes messages {when}, whatever keep says (EXPIRE {days})"
        )));
    }

    /// Compares a listing with what is known now.
    fn compare(
        &self,
        listing: &Listing,
        policy: &Policy,
    ) -> Result<(KnownFacts, ComparedListing), Error> {
        let known = KnownMessages::of(self.ledger).map_err(reading)?;
        let compared = known.compare(listing, policy, self.ledger.clock().now());
        Ok((known.facts, compared.map_err(reading)?))
    }

    /// Records which known messages are missing from the listing, and which are back.
    fn note_listing_changes(
        &mut self,
        mut changes: ListingChanges,
        listing: &Listing,
        plan: &Plan,
    ) -> Result<Remaining, Error> {
        // The doubt about a message that was missing ends when it has been compared, and not before.
        if !changes.returned.is_empty() {
            let doubted = plan.doubted(listing);
            let returned = &mut changes.returned;
            returned.retain(|message| doubted.binary_search(message).is_err());
        }
        let is_partial = changes.is_partial_listing();
        if !changes.is_empty() {
            let back = changes.returned.iter();
            let back = back.map(|&(position, copy)| listing.message(position, copy).identity);
            let noted = self.ledger.messages().note_missing(&changes.missing, back);
            noted.map_err(recording)?;
        }
        // What was noted counts as missing no more.
        while changes.has_more() {
            let known = KnownMessages::of(self.ledger).map_err(reading)?;
            changes = known.changes(listing).map_err(reading)?;
            let noted = self.ledger.messages().note_missing(&changes.missing, []);
            noted.map_err(recording)?;
        }
        Ok(if is_partial {
            Remaining::HiddenMail
        } else {
            Remaining::Nothing
        })
    }

    /// Returns the contents of known messages that are missing from the listing, if there is anything
    /// to compare with them.
    fn missing_contents(
        &self,
        listing: &Listing,
        plan: &Plan,
        signs: &RenamedSigns,
    ) -> Result<MissingContents, Error> {
        // A unique-id that mailpull made up from the content is in no listing.
        if listing.names_are_made_up() || plan.retrieved().next().is_none() {
            return Ok(MissingContents::default());
        }
        let kept = self.ledger.unproven_deletions().all().map_err(reading)?;
        if kept.is_empty() && !signs.is_one_missing {
            return Ok(MissingContents::default());
        }
        // The server may have kept these, and list them under new unique-ids.
        let kept: HashSet<_> = kept
            .iter()
            .map(|kept| (kept.unique_id.as_octets(), kept.copy))
            .collect();
        let missing = self.ledger.missing();
        let is_missing = |unique_id: &[u8], row: &KnownMessage| {
            (missing::is_ours(row) || kept.contains(&(unique_id, row.copy)))
                && listing.under(unique_id).is_empty()
        };
        missing.contents_if(is_missing).map_err(reading)
    }

    /// Returns true if renamed messages may be looked for.
    fn may_rematch(&self, last: &LastRun) -> bool {
        let may = last.recognitions < MAX_FAILURES;
        if !may {
            self.reporter.report(Event::Warning(
                &"the server has given its messages new unique-ids, and ends the session at TOP: they \
                  are recognised by their content, after they are fetched once more",
            ));
        }
        may
    }

    /// Recognises messages that the server has renamed. Returns true if there were any.
    fn rematch<S: Read + Write>(
        &mut self,
        session: &mut Transaction<S>,
        listing: &Listing,
        last: &LastRun,
    ) -> Result<bool, Error> {
        // All that are new are looked at, whatever the limits of a run are.
        let (_, compared) = self.compare(listing, &Policy::default())?;
        let new = compared.plan.fetch;
        let recognised = self.count_breaks_at_top(last, |poll| {
            let rematch = Rematch {
                listing,
                ledger: poll.ledger,
                interrupt: poll.interrupt,
            };
            rematch.run(session, &new).map_err(Error::from)
        })?;
        if recognised > 0 {
            self.report_new_names(
                RecognisedBy::Header,
                &format_args!(
                    "the server has given its messages new unique-ids: {recognised} of {} were \
                 recognised and are not fetched again",
                    listing.len()
                ),
            )?;
        }
        Ok(recognised > 0)
    }

    /// Reports that messages with new unique-ids were recognised, unless that was so in the last run,
    /// too: some servers give new ones in each session.
    pub(super) fn report_new_names(
        &mut self,
        by: RecognisedBy,
        what: &dyn fmt::Display,
    ) -> Result<(), Error> {
        let notices = self.ledger.notices();
        let tells = match self.course.new_names.get(&by) {
            Some(tells) => *tells,
            None => notices.first(by.subject()).map_err(recording)?,
        };
        self.course.new_names.insert(by, tells);
        let event = if tells {
            Event::Warning(what)
        } else {
            Event::Note(what)
        };
        self.reporter.report(event);
        Ok(())
    }

    /// Notes that a run is over: what it has not found is reported if it comes up again.
    pub(super) fn forget_new_names(&self) -> Result<(), Error> {
        let notices = self.ledger.notices();
        for by in [RecognisedBy::Header, RecognisedBy::Content] {
            let is_over = !self.course.new_names.contains_key(&by);
            if is_over && notices.is_said(by.subject()).map_err(reading)? {
                notices.forget(by.subject()).map_err(recording)?;
            }
        }
        Ok(())
    }

    /// Leaves many old messages on the server if a changed `keep` asks for their deletion, unless
    /// the user has said `--delete`.
    fn hold_surprising_deletions(&mut self, plan: &mut Plan) -> Result<(), Error> {
        if self.options.may_delete_many {
            return Ok(());
        }
        let keep = self.options.policy.keep;
        // Read again: the record may have been taken over since the run began.
        let last = self.ledger.runs().last().map_err(reading)?;
        let held = plan.hold_surprising_deletions(last.keep.as_deref(), keep);
        if held > 0 {
            self.report_held(held);
        }
        Ok(())
    }

    /// Returns true if this many messages of earlier runs stay on the server because only a changed
    /// configuration asks for their deletion. Messages under new unique-ids are counted only here, because
    /// the plan did not recognise them.
    pub(super) fn holds(&mut self, deletions: usize) -> Result<bool, Error> {
        if self.summary.holds_deletions || self.options.may_delete_many {
            return Ok(self.summary.holds_deletions);
        }
        let last = self.ledger.runs().last().map_err(reading)?;
        let keep = self.options.policy.keep;
        let is_held = are_surprising(deletions, last.keep.as_deref(), keep);
        if is_held {
            self.report_held(deletions);
        }
        Ok(is_held)
    }

    fn report_held(&mut self, deletions: usize) {
        self.summary.holds_deletions = true;
        let what = format!(
            "keep has changed: {deletions} messages delivered by earlier runs would now be deleted from \
             the server; they stay"
        );
        let failure = Failure::new(what, Exit::Configuration);
        self.report_problem(&failure.with_hint("To delete them: mailpull fetch --delete"));
    }
}

/// Returns true if the server seems to have given its messages new unique-ids, or if the last session
/// broke while they were being recognised.
fn may_be_renamed(signs: &RenamedSigns, last: &LastRun) -> bool {
    signs.look_renamed() || last.recognitions > 0 && signs.is_one_missing
}

/// Returns what the last run learned that is useful for the next session.
pub(crate) fn session_hints(last: &LastRun) -> SessionHints {
    let pipelining = if last.has_lost_step || last.doubted_flight > 0 {
        Pipelining::Never
    } else {
        Pipelining::Always
    };
    SessionHints {
        profile: last
            .server_profile
            .as_deref()
            .and_then(ServerProfile::parse),
        login: last.login.as_deref().and_then(Mechanism::named),
        pipelining,
        ..SessionHints::default()
    }
}
