//! `mailpull account remove`: removes an account from the configuration and from the record.
//!
//! The configuration is changed first: without the record, all mail would be fetched again. After a kill
//! between the two, the same command does what is left.

use super::unknown_account;
use crate::cli;
use crate::commands::questions::Questions;
use crate::commands::{Context, print_line};
use crate::config::WrittenAccount;
use crate::exit::{Exit, Failure};
use crate::seen::Accounts;

/// Removes an account. If the configuration has it, asks first.
pub(super) fn run(arguments: &cli::RemoveArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let name = &arguments.account;
    let mut accounts = Accounts::open(&context.state_folder()?)?;
    let known = accounts.find(name)?;
    // An account that was moved away may begin anew under its name.
    let begins_anew = known.as_ref().is_some_and(|account| account.is_moved);
    let chosen = context.global.config.as_deref();
    let written = match begins_anew {
        true => None,
        false => WrittenAccount::find(chosen, name)?,
    };
    if written.is_none() && known.is_none() {
        return Err(unknown_account(name, accounts.accounts_in_use()?, context));
    }
    if let Some(written) = &written
        && !arguments.yes
        && !may_remove(name, written, context)?
    {
        print_line(&format!("{name} stays as it is"));
        return Ok(Exit::Done);
    }
    let remove_written = || match &written {
        None => Ok(()),
        Some(written) => Ok::<_, Failure>(written.remove(name, &context.interrupt)?),
    };
    let staged = match &known {
        Some(account) => accounts.remove(account, remove_written)?,
        None => {
            remove_written()?;
            0
        }
    };
    if staged > 0 {
        let what = format!("messages of {name} are not delivered yet: {staged}");
        let hint = match written {
            Some(_) => format!("Deliver them first: mailpull fetch {name}"),
            None => "Put the account back into the configuration and fetch it once".to_owned(),
        };
        return Err(Failure::new(what, Exit::Configuration).with_hint(hint));
    }
    if let Some(written) = written {
        print_line(&format!("{name} was removed from {}", written.path()));
    }
    Ok(Exit::Done)
}

fn may_remove(
    name: &str,
    written: &WrittenAccount,
    context: &Context<'_>,
) -> Result<bool, Failure> {
    let questions = Questions::new(&context.interrupt);
    if !questions.can_ask() {
        let what = format!(
            "{name} is in {}, and there is no terminal to ask on if it may be removed",
            written.path()
        );
        let failure = Failure::new(what, Exit::Usage);
        return Err(failure.with_hint("To remove it without a question: --yes"));
    }
    questions.confirm(&format!(
        "Remove {name} from {}, and forget what was fetched for it?",
        written.path()
    ))
}
