//! `mailpull check`: how much new mail waits; downloads nothing.

use super::Setting;
use crate::cli;
use crate::config::{self, Account, Overrides};
use crate::exit::Exit;
use crate::policy::Policy;
use crate::pop3::Opening;
use crate::report::Event;
use crate::seen::StateFolder;
use crate::survey;

/// Looks at every account. 0: something is new; 1: nothing; an error is stronger than both.
pub(super) fn run(arguments: &cli::Check, setting: &Setting<'_>) -> anyhow::Result<Exit> {
    let overrides = Overrides::new([], &arguments.options.options)?;
    let chosen = setting.global.config.as_deref();
    let accounts = config::accounts(&arguments.accounts, chosen, &overrides)?;
    let folder = setting.state_folder()?;
    let mut new = 0;
    let mut exit = Exit::Done;
    for account in &accounts {
        if setting.interrupt.signal().is_some() {
            break;
        }
        match check(account, &folder, setting) {
            Ok(messages) => new += messages,
            Err(error) => {
                exit = exit.max(setting.tell_failure(setting.desk(&account.name), &error))
            }
        }
    }
    Ok(match (exit, new) {
        (Exit::Done, 0) => Exit::NothingNew,
        (exit, _) => exit,
    })
}

fn check(account: &Account, folder: &StateFolder, setting: &Setting<'_>) -> anyhow::Result<usize> {
    let known = setting.open_ledger(account, folder)?.known()?;
    let mut session = setting.connector(account)(&Opening::default())?;
    // The limits bound a run, not what waits.
    let (listing, plan) = survey::survey(&mut session, &known, &Policy::default())?;
    // Nothing was retrieved and nothing marked: how QUIT is answered decides nothing.
    session.quit();
    let messages = plan.fetch.len();
    let sizes = plan.fetch.iter().map(|pick| listing.size(pick.position));
    setting.desk(&account.name).tell(Event::Checked {
        messages,
        octets: sizes.sum(),
    });
    Ok(messages)
}
