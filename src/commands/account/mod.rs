//! `mailpull account`: adds, tests and lists accounts, and renames or removes their records.

use super::{Context, print_line};
use crate::cli;
use crate::config::{self, Account, Config, Overrides, Selector};
use crate::exit::{Exit, Failure};
use crate::report::plain::Verbosity;
use crate::report::{Finding, json};
use crate::seen::{Accounts, KnownAccount};

mod add;
mod discovery;
mod findings;
mod providers;
mod target;
mod test;
mod unusual;

/// Runs a command of `account`.
pub(super) fn run(command: &cli::AccountCommand, context: &Context<'_>) -> Result<Exit, Failure> {
    match command {
        cli::AccountCommand::Add(arguments) => add::run(arguments, context),
        cli::AccountCommand::List => list(context),
        cli::AccountCommand::Remove(named) => remove(&named.account, context),
        cli::AccountCommand::Rename(names) => rename(names, context),
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

fn open(context: &Context<'_>) -> Result<(Config, Accounts), Failure> {
    let config = config::load(context.global.config.as_deref())?;
    Ok((config, Accounts::open(&context.state_folder()?)?))
}

fn list(context: &Context<'_>) -> Result<Exit, Failure> {
    let config = config::load(context.global.config.as_deref())?;
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

fn find(name: &str, accounts: &Accounts) -> Result<KnownAccount, Failure> {
    accounts.find(name)?.ok_or_else(|| {
        let what = format!("nothing was ever fetched for an account {name:?}");
        Failure::new(what, Exit::Usage)
    })
}

fn remove(name: &str, context: &Context<'_>) -> Result<Exit, Failure> {
    let (config, mut accounts) = open(context)?;
    let account = find(name, &accounts)?;
    if !account.is_moved && config.names().any(|other| other == name) {
        // Everything on its server would be fetched again.
        let what = format!("the configuration still has the account {name}");
        let hint = "Remove it there first";
        return Err(Failure::new(what, Exit::Configuration).with_hint(hint));
    }
    match accounts.remove(&account)? {
        0 => Ok(Exit::Done),
        staged => {
            let what = format!("messages of {name} are not delivered yet: {staged}");
            let hint = "Put the account back into the configuration and fetch it once";
            Err(Failure::new(what, Exit::Configuration).with_hint(hint))
        }
    }
}

fn rename(names: &cli::RenameArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let (config, mut accounts) = open(context)?;
    let cli::RenameArgs { old, new } = names;
    let account = find(old, &accounts)?;
    if !config::is_account_name(new) {
        let what = format!("{new:?} cannot be an account's name");
        return Err(Failure::new(what, Exit::Usage));
    }
    if accounts.find(new)?.is_some() {
        let what = format!("there is already an account {new} in the database");
        return Err(Failure::new(what, Exit::Configuration));
    }
    accounts.rename(&account, new)?;
    if config.names().any(|name| name == old) {
        print_line(&format!(
            "{old} is {new} from now on; rename it in the configuration, too: [accounts.{new}]"
        ));
    }
    Ok(Exit::Done)
}
