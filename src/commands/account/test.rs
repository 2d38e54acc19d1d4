//! `mailpull account test`: connects, logs in, and shows what it finds on the way. It fetches and deletes
//! nothing, and changes no record.

use std::cell::{Cell, RefCell};
use std::time::Instant;

use super::unusual::{self, SeenServer};
use super::{findings, target};
use crate::cli;
use crate::commands::Context;
use crate::commands::account::providers;
use crate::commands::credentials::Passwords;
use crate::config::{self, Account, Overrides, Selector};
use crate::dial::DialStep;
use crate::exit::{Exit, Failure};
use crate::mail::policy::Policy;
use crate::moment::Moment;
use crate::net::Stream;
use crate::poll::survey::{self, KnownMessages};
use crate::pop3::{Mechanism, Pipelining, ServerHabits, SessionHints, Transaction};
use crate::report::{Fact, Finding, Octets};
use crate::seen::{Ledger, StateFolder};

/// Tests one account. The exit status is that of a `fetch`.
pub(super) fn run(arguments: &cli::TestArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let overrides = Overrides::new([], &arguments.options.options)?;
    let selector = Selector {
        names: std::slice::from_ref(&arguments.account),
        shard: None,
    };
    let account = context.accounts(&selector, &overrides)?.one()?;
    Ok(test(&account, TestDetail::Steps, context))
}

/// The findings of a test that are reported.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum TestDetail {
    /// All of them.
    Steps,
    /// Those about the server and the mailbox as a whole, and what may help.
    Outcome,
}

/// Tests an account and reports the findings.
pub(super) fn test(account: &Account, detail: TestDetail, context: &Context<'_>) -> Exit {
    let report = |finding: &Finding| {
        if detail == TestDetail::Steps || !STEPS.contains(&finding.topic) {
            super::report_finding(finding, account, context);
        }
    };
    let dial = &account.dial;
    report(&findings::of_account(
        &dial.net.endpoint,
        &dial.user,
        dial.security,
    ));
    let has_begun = Cell::new(false);
    let chosen = RefCell::new(Vec::new());
    let watcher = |step: DialStep<'_>| {
        has_begun.set(true);
        if let DialStep::Chosen(Some(mechanism)) = step {
            chosen.borrow_mut().push(mechanism);
        }
        findings::of_step(step, account).iter().for_each(&report);
    };
    let tested = match probe(account, context, &watcher, &chosen, &report) {
        Ok(()) => {
            habits(account).iter().for_each(&report);
            Exit::Done
        }
        Err(error) => {
            let exit = context.report_failure(context.reporter(&account.name), &error);
            // A failure before the first step is about the password, not about the provider's rules.
            if has_begun.get() {
                causes(account, exit).iter().for_each(&report);
            }
            exit
        }
    };
    tested.max(target::test(account, context, &report))
}

fn probe(
    account: &Account,
    context: &Context<'_>,
    watcher: &dyn Fn(DialStep<'_>),
    chosen: &RefCell<Vec<Mechanism>>,
    report: &dyn Fn(&Finding),
) -> Result<(), Failure> {
    let ledger = open_ledger(account, context)?;
    let known = ledger.as_ref().map(KnownMessages::of).transpose()?;
    let last = ledger.as_ref().map(|ledger| ledger.runs().last());
    let login = last.transpose()?.and_then(|last| last.login);
    let passwords = Passwords::default();
    let opening = SessionHints {
        login: login.as_deref().and_then(Mechanism::named),
        // One step at a time shows which one fails.
        pipelining: Pipelining::AfterLogin,
        ..SessionHints::default()
    };
    let mut session = context.watched_connector(account, &passwords, watcher)(&opening)?;
    report(&Finding::new(
        "login",
        format_args!("accepted for {}", account.dial.user),
    ));
    if let Some(ledger) = ledger.as_ref().filter(|ledger| !ledger.is_moved()) {
        // The login works, so the next run need not rest. If it cannot be recorded, that run finds out itself.
        let _ = ledger.refused_logins().record(None);
    }
    report(&findings::capabilities(
        "after the login",
        session.announced(),
    ));
    if session.habits() == ServerHabits::default() {
        findings::demands(session.profile()).iter().for_each(report);
    }
    let server = SeenServer {
        profile: session.profile(),
        habits: session.habits(),
        chosen: &chosen.borrow(),
    };
    unusual::findings(&server).iter().for_each(report);
    report(&round_trip(&mut session)?);
    let known = known.unwrap_or_else(KnownMessages::nothing);
    report(&mailbox(&mut session, known, account)?);
    // Nothing was retrieved or marked deleted, so the answer to QUIT decides nothing.
    session.quit();
    Ok(())
}

/// Opens the account's rows of the database. If there is no database it is not created.
fn open_ledger(account: &Account, context: &Context<'_>) -> Result<Option<Ledger>, Failure> {
    let path = config::state_folder(context.global.state_dir.as_deref())?;
    let Some(folder) = StateFolder::find(&path)? else {
        return Ok(None);
    };
    let server = account.dial.net.endpoint.to_string();
    let ledger = Ledger::open(&folder, &account.name, &server, &account.dial.user)?;
    Ok(Some(ledger))
}

fn round_trip(session: &mut Transaction<Stream>) -> Result<Finding, Failure> {
    let begun = Instant::now();
    session.keep_awake().map_err(survey::Error::from)?;
    let took = begun.elapsed();
    let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let words = format!("{} for a NOOP", findings::milliseconds(took));
    Ok(Finding::new("round trip", words).with("microseconds", Fact::Number(microseconds)))
}

fn mailbox(
    session: &mut Transaction<Stream>,
    known: KnownMessages<'_>,
    account: &Account,
) -> Result<Finding, Failure> {
    // The limits of a run are left out: all messages are counted.
    let policy = Policy {
        keep: account.policy.keep,
        ..Policy::default()
    };
    let (mut listing, compared) = survey::survey(session, known, &policy, Moment::now())?;
    let lacks_size = |position| listing.size(position).is_none();
    if listing.positions().any(lacks_size) {
        session
            .add_sizes(&mut listing)
            .map_err(survey::Error::from)?;
    }
    let messages = listing.len() + listing.nameless().len() + listing.left_out().len();
    let sizes = listing
        .positions()
        .filter_map(|position| listing.size(position));
    let octets = sizes.fold(0, u64::saturating_add);
    let new = compared.plan.fetch.len();
    let words = match messages {
        0 => "no message".to_owned(),
        1 => format!("1 message, {}; {new} new", Octets(octets)),
        _ => format!("{messages} messages, {}; {new} new", Octets(octets)),
    };
    Ok(Finding::new("maildrop", words)
        .with("messages", Fact::Number(messages as u64))
        .with("octets", Fact::Number(octets))
        .with("new", Fact::Number(new as u64)))
}

/// Returns the peculiarities of a known provider.
fn habits(account: &Account) -> Vec<Finding> {
    let provider = providers::of(account.dial.net.endpoint.host());
    let habits = provider.map_or(&[][..], |provider| provider.habits);
    habits.iter().map(|it| Finding::new("note", it)).collect()
}

/// Returns the likely causes of a failure.
fn causes(account: &Account, exit: Exit) -> Vec<Finding> {
    let rules = match providers::of(account.dial.net.endpoint.host()) {
        Some(provider) if !matches!(exit, Exit::Configuration | Exit::Signal(_)) => provider
            .rules
            .iter()
            .map(|rule| format!("at {}: {rule}", provider.name))
            .collect(),
        None if exit == Exit::LoginRefused => providers::anywhere(&account.dial.user)
            .map(ToString::to_string)
            .collect(),
        _ => Vec::new(),
    };
    let finding = |rule: String| Finding::new("likely", rule);
    rules.into_iter().map(finding).collect()
}

/// The topics of single steps.
const STEPS: &[&str] = &[
    "address",
    "capabilities",
    "certificate",
    "greeting",
    "mechanism",
    "round trip",
    "tls",
];
