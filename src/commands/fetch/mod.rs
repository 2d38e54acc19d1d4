//! `mailpull fetch`: fetches new mail for every account.

use std::cell::Cell;
use std::ffi::OsString;
use std::sync::Arc;

use super::brake::Brake;
use super::credentials::Passwords;
use super::ending;
use super::hooks::Hooks;
use super::lasting::LastingErrors;
use super::login_delay::login_delay_left;
use super::message_id;
use super::metrics_file::MetricsFile;
use super::run_limit::RunLimit;
use super::workers::Workers;
use super::{Context, parse_shard};
use crate::cli;
use crate::config::{self, Account, Overrides, Selection, Selector};
use crate::exit::{Exit, Failure};
use crate::limits;
use crate::mail::clock::Clock;
use crate::mail::known::RulesMark;
use crate::mail::policy::Keep;
use crate::net::Stream;
use crate::poll::rehearsal::Rehearsal;
use crate::poll::survey::{self, KnownMessages};
use crate::poll::{self, Course, Poll, PollOptions};
use crate::pop3::{SessionHints, Transaction};
use crate::report::{AccountReporter, Event, EventLog, LastProblem, Logging, Summary};
use crate::seen::{self, LastRun, Ledger, RunEnd, StateFolder};

mod route;

/// While messages are delivered the server gets this many NOOPs in the time of one timeout: with the
/// default timeout one a minute. RFC 1939 lets it close a session that is silent for ten minutes, and
/// many servers do so earlier.
const NOOPS_PER_TIMEOUT: u32 = 3;

/// Fetches the accounts. One that fails does not hold up the others.
pub(super) fn run(arguments: &cli::FetchArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let flags = &arguments.flags;
    let overrides = Overrides::new(flags.settings(), &flags.options.options)?;
    let selector = Selector {
        names: &arguments.accounts,
        shard: parse_shard(flags.shard.as_deref())?,
    };
    let run_timeout = flags.run_timeout.as_deref();
    let run_timeout = run_timeout.map(config::parse_run_timeout).transpose()?;
    let Selection {
        accounts,
        unusable,
        run,
        ..
    } = context.accounts(&selector, &overrides)?;
    let run_limit = RunLimit::begin(run_timeout.or(run.timeout), context);
    let unusable = context.report_unusable(&unusable);
    let folder = context.state_folder()?;
    let passwords = Passwords::ask_ahead(&accounts, context);
    let workers = Workers::new(&accounts, flags.jobs);
    let options = VisitOptions {
        is_watch: false,
        is_dry: flags.dry_run,
        // A message that is named may have been set aside.
        retries_all: flags.retry || !flags.only.is_empty(),
        // A user who asks for a retry does not want to wait until LOGIN-DELAY is over either.
        is_named: !arguments.accounts.is_empty() || flags.retry,
        descriptors: workers.descriptors(),
    };
    if !flags.only.is_empty() && arguments.accounts.len() != 1 {
        let what = "--only names messages of one account";
        let hint = "Name the account, too: mailpull fetch ACCOUNT --only ID";
        return Err(Failure::new(what, Exit::Usage).with_hint(hint));
    }
    let log = context.open_log(run.log);
    let parts = VisitParts {
        folder: &folder,
        passwords: &passwords,
        context,
        log: log.as_ref(),
        only: &flags.only,
    };
    let was_begun = context.interrupt.signal().is_none();
    let done = workers.each(&context.interrupt, |account| visit(account, parts, options));
    if let Some(path) = run.metrics_file.filter(|_| !flags.dry_run) {
        let folder = &folder;
        MetricsFile {
            path,
            folder,
            context,
        }
        .write();
    }
    let late = run_limit.report(done.cut_short);
    if was_begun && context.interrupt.signal().is_some() {
        ending::report_unfinished(done.cut_short, accounts.len(), context);
    }
    Ok(done
        .results
        .into_iter()
        .chain(unusable)
        .chain(late)
        .max()
        .unwrap_or_default())
}

/// The manner of a visit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct VisitOptions {
    /// True for a visit of `mailpull watch`, which keeps the intervals and does not report that nothing is new.
    pub(super) is_watch: bool,
    /// True if a run would only be rehearsed.
    pub(super) is_dry: bool,
    /// True if everything is tried that was set aside or waits.
    pub(super) retries_all: bool,
    /// True if the account was named: it is visited even if it is early.
    pub(super) is_named: bool,
    /// The number of files that may be open for the account.
    pub(super) descriptors: u64,
}

/// The things that all visits share.
#[derive(Clone, Copy)]
pub(super) struct VisitParts<'a> {
    pub(super) folder: &'a StateFolder,
    pub(super) passwords: &'a Passwords,
    pub(super) context: &'a Context<'a>,
    pub(super) log: Option<&'a EventLog>,
    /// The messages that the user has named; empty for all new ones.
    pub(super) only: &'a [OsString],
}

/// Fetches one account and reports how that ended.
pub(super) fn visit(account: &Account, parts: VisitParts<'_>, options: VisitOptions) -> Exit {
    let VisitParts {
        folder,
        passwords,
        context,
        log,
        only,
    } = parts;
    let _turn = context.turns.begin(account.dial.net.endpoint.host());
    let place = format!("{}@{}", account.dial.user, account.dial.net.endpoint);
    let lasting = LastingErrors::new(&*context.reporter, place);
    let logging = Logging::new(&lasting, log);
    let problems = LastProblem::new(&logging);
    FetchAccount {
        account,
        folder,
        passwords,
        context,
        reporter: AccountReporter::new(&problems, &account.name),
        problems: &problems,
        lasting: &lasting,
        may_note: Cell::new(true),
        options,
        only,
    }
    .run()
}

/// The fetch of one account.
struct FetchAccount<'a> {
    account: &'a Account,
    folder: &'a StateFolder,
    passwords: &'a Passwords,
    context: &'a Context<'a>,
    reporter: AccountReporter<'a>,
    problems: &'a LastProblem<'a>,
    lasting: &'a LastingErrors<'a>,
    /// False once nothing more is written to the database, which may be damaged.
    may_note: Cell<bool>,
    options: VisitOptions,
    /// The messages that the user has named; empty for all new ones.
    only: &'a [OsString],
}

/// The end of an attempt to fetch an account.
enum Attempt {
    /// It was left out silently.
    Skipped,
    /// It was made.
    Made,
}

impl FetchAccount<'_> {
    /// Fetches the account and reports how that ended.
    fn run(mut self) -> Exit {
        let mut summary = Summary::default();
        let mut ledger = None;
        match self.attempt(&mut ledger, &mut summary) {
            Ok(Attempt::Skipped) => return Exit::Done,
            Ok(Attempt::Made) => {}
            Err(failure) => {
                summary.exit = summary.exit.max(self.report_end(&failure));
            }
        }
        if let Some(ledger) = ledger.filter(|_| self.may_note.get() && !self.options.is_dry) {
            // What the user is told decides nothing.
            if let Some(problem) = self.problems.take() {
                let _ = ledger.runs().note_problem(&problem);
            }
            let _ = self.note_report(&ledger, summary.exit);
        }
        if !(self.options.is_watch && summary.is_idle()) {
            self.reporter.report(Event::Finished(&summary));
        }
        summary.exit
    }

    fn attempt(
        &mut self,
        ledger: &mut Option<Ledger>,
        summary: &mut Summary,
    ) -> Result<Attempt, Failure> {
        let ledger = ledger.insert(self.context.open_ledger(self.account, self.folder)?);
        let last = ledger.runs().last()?;
        let wait = login_delay_left(&last, ledger.clock()).filter(|_| !self.options.is_named);
        if let Some(wait) = wait {
            self.reporter.report(Event::Note(&format_args!(
                "left out: the server wants no login for another {} s",
                wait.as_secs()
            )));
            return Ok(Attempt::Skipped);
        }
        if self.is_early(&last, ledger.clock()) {
            self.reporter
                .report(Event::Note(&"left out: its interval is not over"));
            return Ok(Attempt::Skipped);
        }
        self.lasting.read(ledger, last.failures)?;
        // Who has just configured an account, or another server for it, must hear of a misspelt name at once.
        let is_known = ledger.runs().has_succeeded()? && ledger.former_place().is_none();
        if is_known && last.failures + 1 < self.account.report_after {
            self.reporter = self.reporter.quiet_until_persistent();
        }
        if self.options.is_dry {
            self.rehearse(ledger, summary)?;
            return Ok(Attempt::Made);
        }
        self.fetch(ledger, summary)
    }

    /// Returns true if the interval since the begin of the last run is not over, with a slack of a tenth: cron
    /// is not exact.
    fn is_early(&self, last: &LastRun, clock: &Clock) -> bool {
        let Some(interval) = self.account.interval else {
            return false;
        };
        // `watch` keeps the interval itself.
        if self.options.is_named || self.options.is_watch || !clock.is_plausible() {
            return false;
        }
        let since = last.visited.and_then(|visited| clock.now().since(visited));
        since.is_some_and(|since| since < interval - interval / 10)
    }

    fn fetch(&self, ledger: &mut Ledger, summary: &mut Summary) -> Result<Attempt, Failure> {
        let _lock = match ledger.lock() {
            Ok(lock) => lock,
            Err(seen::Error::Locked) if ledger.notices().is_said(poll::HANDING_OVER)? => {
                self.reporter.report(Event::Note(
                    &"left out: the messages of the last run are still being handed over",
                ));
                return Ok(Attempt::Skipped);
            }
            Err(error) => {
                ledger.runs().end(&RunEnd::without_session(error.exit()))?;
                return Err(error.into());
            }
        };
        let hooks = Hooks {
            account: self.account,
            interrupt: &self.context.interrupt,
            reporter: self.reporter,
        };
        let route = hooks.before().and_then(|()| self.open_route(ledger));
        let route = route.inspect_err(|failure| {
            // The error is reported in any case.
            let _ = ledger.runs().end(&RunEnd::without_session(failure.exit));
        })?;
        let only = self.only.iter();
        let only = only.map(|word| message_id::unique_id(word, &self.account.name, ledger));
        let only: Vec<OsString> = only.collect::<Result<_, _>>()?;
        let account = self.account;
        let mut policy = account.policy.clone();
        let (mut rules, mut filter) = (Arc::clone(&account.rules), account.filter.clone());
        if !only.is_empty() {
            // The limits and rules of the configuration are for runs that nobody watches.
            (policy.max_size, policy.max_messages, policy.max_total) = (None, None, None);
            (policy.rules, rules, filter) = (RulesMark::default(), Arc::default(), None);
        }
        let options = PollOptions {
            policy,
            rules,
            filter,
            only,
            configured_keep: self.account.configured_keep,
            may_delete_many: self.account.delete_was_asked,
            retries_all: self.options.retries_all,
            silence: self.account.dial.net.timeout / NOOPS_PER_TIMEOUT,
            linger: limits::LINGER,
            descriptors: self.options.descriptors,
            memory: self.context.memory.clone(),
        };
        let brake = Brake::of(ledger, self.options.is_named)?;
        let poll = Poll {
            options: &options,
            ledger,
            route: route.route(),
            reporter: self.reporter,
            find_other_accounts: &|ledger| self.context.other_accounts(self.account, ledger),
            interrupt: &self.context.interrupt,
            summary: &mut *summary,
            course: Course::default(),
        };
        let ended = poll.run(self.connect(&brake));
        let is_of_database = ended.as_ref().is_err_and(poll::Error::is_of_database);
        if !is_of_database {
            brake.record(ledger)?;
        }
        self.may_note.set(!is_of_database);
        let ended = ended.map_err(Failure::from);
        let exit = ended
            .as_ref()
            .map_or_else(|failure| failure.exit, |()| summary.exit);
        hooks.after(summary, exit);
        ended.map(|()| Attempt::Made)
    }

    fn connect<'b>(
        &'b self,
        brake: &'b Brake,
    ) -> impl FnMut(&SessionHints) -> Result<Transaction<Stream>, Failure> + 'b {
        self.context
            .braked_connector(self.account, self.passwords, brake)
    }

    /// Reports what ended the run. Returns the status.
    fn report_end(&self, failure: &Failure) -> Exit {
        if failure.was_reported {
            self.reporter.report(Event::TransientProblem(failure));
            return failure.exit;
        }
        let exit = self.context.report_failure(self.reporter, failure);
        if exit == failure.exit && !self.reporter.holds_back(exit) {
            self.lasting.note(failure);
        }
        exit
    }

    /// Notes the error that was reported, or reports once that an error is over.
    fn note_report(&self, ledger: &Ledger, exit: Exit) -> Result<(), seen::Error> {
        self.lasting.record(ledger)?;
        if exit == Exit::Done && self.lasting.end(ledger)? {
            self.reporter.report(Event::Warning(&"works again"));
        }
        Ok(())
    }

    /// `--dry-run`: shows what a run would do. Changes nothing here or on the server.
    fn rehearse(&self, ledger: &Ledger, summary: &mut Summary) -> Result<(), Failure> {
        let Self {
            account, reporter, ..
        } = *self;
        let known = KnownMessages::of(ledger)?;
        let mut policy = account.policy.clone();
        if matches!(policy.keep, Keep::For(_)) && !ledger.clock().is_plausible() {
            // A run would start all ages anew, so that no message is due.
            policy.keep = Keep::Always;
        }
        let (last, now) = (ledger.runs().last()?, ledger.clock().now());
        let brake = Brake::of(ledger, self.options.is_named)?;
        let mut connect = self.connect(&brake);
        let (mut session, (listing, compared)) = self.context.list(&last, |memory| {
            let mut session = connect(&poll::session_hints(&last))?;
            session.set_memory(memory);
            let surveyed = survey::survey(&mut session, known, &policy, now);
            Ok(surveyed.map(|surveyed| (session, surveyed)))
        })?;
        let mut plan = compared.plan;
        if !account.delete_was_asked {
            let last = ledger.runs().last()?.keep;
            let held = plan.hold_surprising_deletions(last.as_deref(), account.policy.keep);
            if held > 0 {
                reporter.report(Event::Warning(&format_args!(
                    "keep has changed, and {held} messages would stay until you say: mailpull \
                     fetch --delete"
                )));
            }
        }
        let rehearsal = Rehearsal {
            listing: &listing,
            plan: &plan,
            keep: account.policy.keep,
            reporter,
            interrupt: &self.context.interrupt,
        };
        let shown = rehearsal.show(&mut session);
        *summary = rehearsal.summary();
        shown.map_err(|error| {
            let failure = Failure::new(format_args!("reading headers: {error}"), error.exit());
            Failure {
                hint: error.hint(),
                ..failure
            }
        })?;
        // Nothing was retrieved or marked deleted, so the answer to QUIT decides nothing.
        session.quit();
        Ok(())
    }
}
