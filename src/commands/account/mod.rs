//! `mailpull account`: the accounts shown and tested, and the record told what became of one.

use super::{Setting, say};
use crate::cli;
use crate::config::{self, Account, Config, Overrides, Wanted};
use crate::delivery::Destination;
use crate::exit::{Exit, Failure};
use crate::report::plain::Verbosity;
use crate::report::{Finding, json};
use crate::seen::{Known, Roster};

mod add;
mod discovery;
mod findings;
mod providers;
mod questions;
mod test;

/// Does what the verb says.
pub(super) fn run(verb: &cli::Account, setting: &Setting<'_>) -> anyhow::Result<Exit> {
    match verb {
        cli::Account::Add(arguments) => add::run(arguments, setting),
        cli::Account::List => list(setting),
        cli::Account::Remove(named) => remove(&named.account, setting),
        cli::Account::Rename(names) => rename(names, setting),
        cli::Account::Test(arguments) => test::run(arguments, setting),
    }
}

/// Tells what was found out about an account.
fn tell(finding: &Finding, account: &Account, setting: &Setting<'_>) {
    match (setting.global.json, setting.verbosity) {
        (true, _) => say(&json::finding(&account.name, finding)),
        (false, Verbosity::Quiet) => {}
        (false, _) => say(&finding.to_string()),
    }
}

fn open(setting: &Setting<'_>) -> anyhow::Result<(Config, Roster)> {
    let config = config::load(setting.global.config.as_deref())?;
    Ok((config, Roster::open(&setting.state_folder()?)?))
}

fn list(setting: &Setting<'_>) -> anyhow::Result<Exit> {
    let (config, roster) = open(setting)?;
    let names: Vec<_> = config.names().map(str::to_owned).collect();
    let tell = |name: &str, place: [&str; 2], target: Option<&str>, state: &str| {
        if setting.global.json {
            say(&json::account(name, place, target, state));
            return;
        }
        let target = target.map_or_else(String::new, |target| format!(" to {target}"));
        let state = match state {
            "enabled" => String::new(),
            state => format!(", {state}"),
        };
        let [user, server] = place;
        say(&format!("{name}: {user} at {server}{target}{state}"));
    };
    let mut exit = Exit::Done;
    if !names.is_empty() {
        let wanted = Wanted {
            names: &names,
            shard: None,
        };
        let choice = config.select(&wanted, &Overrides::default())?;
        exit = setting.tell_unusable(&choice.unusable).unwrap_or_default();
        for account in choice.accounts {
            let server = account.dial.net.endpoint.to_string();
            let state = if account.enabled {
                "enabled"
            } else {
                "not enabled"
            };
            let place = [&*account.dial.user, &server];
            tell(&account.name, place, target(&account).as_deref(), state);
        }
    }
    for Known {
        name, server, user, ..
    } in roster.accounts()?
    {
        if !names.contains(&name) {
            tell(&name, [&user, &server], None, "not in the configuration");
        }
    }
    Ok(exit)
}

fn target(account: &Account) -> Option<String> {
    Some(match account.destination.as_ref()? {
        Destination::Maildir(path) => path.display().to_string(),
        Destination::Mda(options) => options.command.program().to_owned(),
    })
}

fn find(name: &str, roster: &Roster) -> anyhow::Result<Known> {
    roster.find(name)?.ok_or_else(|| {
        let what = format!("nothing was ever fetched for an account {name:?}");
        Failure::new(what, Exit::Usage).into()
    })
}

fn remove(name: &str, setting: &Setting<'_>) -> anyhow::Result<Exit> {
    let (config, mut roster) = open(setting)?;
    let account = find(name, &roster)?;
    if !account.is_moved && config.names().any(|other| other == name) {
        let what = format!(
            "the configuration still has the account {name}: take it out there, or everything \
             that is on its server will be fetched again"
        );
        return Err(Failure::new(what, Exit::Configuration).into());
    }
    match roster.remove(&account)? {
        0 => Ok(Exit::Done),
        staged => {
            let what = format!(
                "messages of {name} that are still on their way: {staged}; put it back into the \
                 configuration and fetch it once, so that they arrive"
            );
            Err(Failure::new(what, Exit::Configuration).into())
        }
    }
}

fn rename(names: &cli::Rename, setting: &Setting<'_>) -> anyhow::Result<Exit> {
    let (config, mut roster) = open(setting)?;
    let cli::Rename { old, new } = names;
    let account = find(old, &roster)?;
    if !config::is_account_name(new) {
        let what = "the new name cannot be an account's".to_owned();
        return Err(Failure::new(what, Exit::Usage).into());
    }
    if roster.find(new)?.is_some() {
        let what = format!("there is a record of an account {new} already");
        return Err(Failure::new(what, Exit::Configuration).into());
    }
    roster.rename(&account, new)?;
    if config.names().any(|name| name == old) {
        say(&format!(
            "{old} is known as {new} from now on; call it so in the configuration, too: \
             [accounts.{new}]"
        ));
    }
    Ok(Exit::Done)
}
