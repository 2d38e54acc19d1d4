//! `mailpull check`: shows how much new mail waits, without downloading it.

use super::brake::Brake;
use super::credentials::Passwords;
use super::login_delay::login_delay_left;
use super::run_limit::RunLimit;
use super::workers::Workers;
use super::{Context, parse_shard};
use crate::cli;
use crate::config::{Account, Overrides, Selection, Selector};
use crate::exit::{Exit, Failure};
use crate::mail::policy::Policy;
use crate::poll;
use crate::poll::survey::{self, KnownMessages};
use crate::report::Event;
use crate::seen::StateFolder;

/// Checks the accounts. The status is 0 for new mail and 1 for none; an error is stronger than both.
pub(super) fn run(arguments: &cli::CheckArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let overrides = Overrides::new([], &arguments.options.options)?;
    let selector = Selector {
        names: &arguments.accounts,
        shard: parse_shard(arguments.shard.as_deref())?,
    };
    let Selection {
        accounts,
        unusable,
        run,
        ..
    } = context.accounts(&selector, &overrides)?;
    let run_limit = RunLimit::begin(run.timeout, context);
    let unusable = context.report_unusable(&unusable);
    let folder = context.state_folder()?;
    let check = CheckAccounts {
        is_named: !arguments.accounts.is_empty(),
        folder: &folder,
        passwords: &Passwords::ask_ahead(&accounts, context),
        context,
    };
    let workers = Workers::new(&accounts, arguments.jobs);
    let done = workers.each(&context.interrupt, |account| match check.one(account) {
        Ok(0) => Exit::NothingNew,
        Ok(_) => Exit::Done,
        Err(error) => context.report_failure(context.reporter(&account.name), &error),
    });
    let is_new = done.results.contains(&Exit::Done);
    let late = run_limit.report(done.cut_short);
    Ok(
        match done.results.into_iter().chain(unusable).chain(late).max() {
            Some(Exit::NothingNew) if is_new => Exit::Done,
            Some(exit) => exit,
            None => Exit::NothingNew,
        },
    )
}

/// The check of accounts.
struct CheckAccounts<'a> {
    is_named: bool,
    folder: &'a StateFolder,
    passwords: &'a Passwords,
    context: &'a Context<'a>,
}

impl CheckAccounts<'_> {
    /// Returns the number of new messages. While the server wants no login (LOGIN-DELAY), it says so and
    /// returns zero.
    fn one(&self, account: &Account) -> Result<usize, Failure> {
        let _turn = self.context.turns.begin(account.dial.net.endpoint.host());
        let ledger = self.context.open_ledger(account, self.folder)?;
        let last = ledger.runs().last()?;
        let wait = login_delay_left(&last, ledger.clock()).filter(|_| !self.is_named);
        if let Some(wait) = wait {
            let reporter = self.context.reporter(&account.name);
            reporter.report(Event::Warning(&format_args!(
                "not checked: the server wants no login for another {} s",
                wait.as_secs()
            )));
            return Ok(0);
        }
        let known = KnownMessages::of(&ledger)?;
        let brake = Brake::of(&ledger, self.is_named)?;
        let mut connect = self
            .context
            .braked_connector(account, self.passwords, &brake);
        // The limits of a run are left out: `check` shows everything that waits.
        let policy = Policy {
            keep: account.policy.keep,
            rules: account.policy.rules,
            ..Policy::default()
        };
        let now = ledger.clock().now();
        let (session, (listing, compared)) = self.context.list(&last, |memory| {
            let mut session = connect(&poll::session_hints(&last))?;
            session.set_memory(memory);
            let surveyed = survey::survey(&mut session, known, &policy, now);
            Ok(surveyed.map(|surveyed| (session, surveyed)))
        })?;
        let plan = compared.plan;
        // Nothing was retrieved or marked deleted, so the answer to QUIT decides nothing.
        session.quit();
        let messages = plan.fetch.len();
        let sizes = plan.fetch.iter().map(|pick| listing.size(pick.position));
        self.context.reporter(&account.name).report(Event::Checked {
            messages,
            octets: sizes.sum(),
        });
        Ok(messages)
    }
}
