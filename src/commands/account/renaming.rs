//! `mailpull account rename`: gives an account another name, in the configuration and in the record.
//!
//! The configuration is changed first. After a kill between the two, the same command does what is left, and
//! until then no run fetches the account: its mailbox is known under a name that no account has.

use super::unknown_account;
use crate::cli;
use crate::commands::{Context, print_line};
use crate::config::{self, WrittenAccount};
use crate::exit::{Exit, Failure};
use crate::seen::Accounts;

/// Renames an account.
pub(super) fn run(names: &cli::RenameArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let cli::RenameArgs { old, new } = names;
    config::require_account_name(new)?;
    let chosen = context.global.config.as_deref();
    let written = WrittenAccount::find(chosen, old)?;
    let mut accounts = Accounts::open(&context.state_folder()?)?;
    let known = accounts.find(old)?;
    if written.is_none() && known.is_none() {
        return Err(unknown_account(old, accounts.accounts_in_use()?, context));
    }
    if written.is_some() && WrittenAccount::find(chosen, new)?.is_some() {
        let what = format!("there is already an account {new} in the configuration");
        return Err(Failure::new(what, Exit::Configuration));
    }
    if accounts.find(new)?.is_some() {
        let what = format!("there is already an account {new} in the database");
        let hint = format!("If it is of no use: mailpull account remove {new}");
        return Err(Failure::new(what, Exit::Configuration).with_hint(hint));
    }
    let rename_written = || match &written {
        None => Ok(()),
        Some(written) => Ok::<_, Failure>(written.rename(old, new, &context.interrupt)?),
    };
    match &known {
        Some(account) => accounts.rename(account, new, rename_written)?,
        None => rename_written()?,
    }
    if let Some(written) = written {
        print_line(&format!(
            "{old} is {new} from now on, in {}",
            written.path()
        ));
    }
    Ok(Exit::Done)
}
