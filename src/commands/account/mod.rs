//! `mailpull account`: adds, tests, lists, renames and removes accounts.

use super::{Context, print_line};
use crate::cli;
use crate::config::{self, Account, Overrides, Selector};
use crate::exit::{Exit, Failure};
use crate::report::plain::Verbosity;
use crate::report::{Finding, json};
use crate::seen::{Accounts, KnownAccount};

mod add;
mod discovery;
mod findings;
mod providers;
mod removal;
mod renaming;
mod target;
mod test;
mod unusual;
mod wizard;

/// Runs a command of `account`.
pub(super) fn run(command: &cli::AccountCommand, context: &Context<'_>) -> Result<Exit, Failure> {
    match command {
        cli::AccountCommand::Add(arguments) => add::run(arguments, context),
        cli::AccountCommand::List => list(context),
        cli::AccountCommand::Remove(arguments) => removal::run(arguments, context),
        cli::AccountCommand::Rename(names) => renaming::run(names, context),
        cli::AccountCommand::Test(arguments) => test::run(arguments, context),
    }
}

/// Prints a finding about an account.
fn report_finding(finding: &Finding, account: &Account, context: &Context<'_>) {
    match (context.global.json, context.verbosity) {
        (true, _) => print_line(&json::finding(&account.name, finding)),
        (false, Verbosity::Quiet) => {}
        (false, _) => print_line(&finding.to_string()),
    }
}

fn list(context: &Context<'_>) -> Result<Exit, Failure> {
    let config = config::load(context.config_source())?;
    // Nothing was fetched yet if there is no database, and a command that only reads makes none.
    let known_accounts = match context.find_state_folder_to_read()? {
        Some(folder) => Accounts::open(&folder)?.accounts_in_use()?,
        None => Vec::new(),
    };
    let names: Vec<_> = config.names().map(str::to_owned).collect();
    let tell = |name: &str, place: [&str; 2], target: Option<&str>, state: &str| {
        if context.global.json {
            print_line(&json::account(name, place, target, state));
            return;
        }
        let target = target.map_or_else(String::new, |target| format!(" to {target}"));
        let state = match state {
            "enabled" => String::new(),
            state => format!(", {state}"),
        };
        let [user, server] = place;
        print_line(&format!("{name}: {user} at {server}{target}{state}"));
    };
    let mut exit = Exit::Done;
    if !names.is_empty() {
        let selector = Selector {
            names: &names,
            shard: None,
        };
        let selection = config.select(&selector, &Overrides::default())?;
        exit = context
            .report_unusable(&selection.unusable)
            .unwrap_or_default();
        for account in selection.accounts {
            let server = account.dial.net.endpoint.to_string();
            let state = if account.enabled {
                "enabled"
            } else {
                "not enabled"
            };
            let place = [&*account.dial.user, &server];
            let targets: Vec<_> = account.destinations().map(ToString::to_string).collect();
            let target = Some(targets.join(", ")).filter(|text| !text.is_empty());
            tell(&account.name, place, target.as_deref(), state);
        }
    }
    for KnownAccount {
        name, server, user, ..
    } in known_accounts
    {
        if !names.contains(&name) {
            tell(&name, [&user, &server], None, "not in the configuration");
        }
    }
    Ok(exit)
}

/// The account that the user has named is neither in the configuration nor in the record.
fn unknown_account(name: &str, known: Vec<KnownAccount>, context: &Context<'_>) -> Failure {
    let mut names: Vec<_> = known.into_iter().map(|account| account.name).collect();
    names.extend(config::list_names(context.global.config.as_deref()).unwrap_or_default());
    let failure = Failure::new(format!("there is no account {name:?}"), Exit::Usage);
    match config::nearest(name, names.iter().map(String::as_str)) {
        Some(hint) if !names.is_empty() => failure.with_hint(hint),
        _ => failure,
    }
}
