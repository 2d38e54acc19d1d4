//! `mailpull seen export`: writes the records of accounts to standard output, for another state
//! folder or for another fetcher. It needs no configuration, because the database names its accounts.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

use rustix::io::Errno;

use super::old_state;
use crate::cli;
use crate::commands::{Context, parse_shard};
use crate::exit::{Exit, Failure};
use crate::seen::{self, AccountExport, Accounts, KnownAccount};

/// Exports accounts. An account that cannot be exported does not keep the others from it.
pub(super) fn run(arguments: &cli::ExportArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    if arguments.moves && io::stdout().is_terminal() {
        let failure = Failure::new(
            "an account that is moved to a terminal would be lost",
            Exit::Usage,
        );
        return Err(failure.with_hint("Redirect the output to a file or to mailpull seen import"));
    }
    let folder = match arguments.moves {
        true => context.state_folder()?,
        false => context.state_folder_to_read()?,
    };
    let accounts = Accounts::open(&folder)?;
    if let Some(format) = arguments.format {
        return old_state::write(format, &selected(arguments, &accounts)?, &accounts);
    }
    let mut out = BufWriter::new(io::stdout().lock());
    let mut exit = Exit::Done;
    for account in selected(arguments, &accounts)? {
        match export(&account, arguments, &accounts, &mut out) {
            Ok(()) => {}
            Err(ExportError::Account(failure)) => {
                let reporter = context.reporter(&account.name);
                exit = exit.max(context.report_failure(reporter, &failure));
            }
            Err(ExportError::Output(io)) => {
                let name = &account.name;
                let what = format!("cannot write the record of {name}: {io}; it was not moved");
                return Err(Failure::new(what, Exit::LocalIo));
            }
        }
    }
    Ok(exit)
}

/// The reason why an account was not exported.
enum ExportError {
    /// This account cannot be exported; others may.
    Account(Failure),
    /// Standard output cannot be written, so no account can be exported.
    Output(io::Error),
}

impl From<seen::Error> for ExportError {
    fn from(error: seen::Error) -> Self {
        Self::Account(error.into())
    }
}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Returns the accounts that are to be exported. An account that was moved away before may have an
/// old record here, so it is only exported if it is named.
fn selected(
    arguments: &cli::ExportArgs,
    accounts: &Accounts,
) -> Result<Vec<KnownAccount>, Failure> {
    let names = &arguments.accounts;
    let mut accounts = accounts.accounts()?;
    if let Some(unknown) = names
        .iter()
        .find(|&name| accounts.iter().all(|account| account.name != *name))
    {
        let what = format!("nothing was ever fetched for an account {unknown:?}");
        return Err(Failure::new(what, Exit::Usage));
    }
    let shard = parse_shard(arguments.shard.as_deref())?;
    accounts.retain(|account| {
        let is_in_shard = shard.is_none_or(|shard| shard.holds(&account.name));
        let is_selected = if names.is_empty() {
            !account.is_moved
        } else {
            names.contains(&account.name)
        };
        is_in_shard && is_selected
    });
    Ok(accounts)
}

/// Begins to export an account. One with unfinished deliveries is refused.
pub(super) fn begin<'a>(
    account: &KnownAccount,
    accounts: &'a Accounts,
) -> Result<AccountExport<'a>, Failure> {
    let export = accounts.export(account)?;
    let staged = export.staged()?;
    if staged > 0 {
        let what = format!("messages that are still on their way: {staged}");
        let failure = Failure::new(what, Exit::Configuration);
        let hint = "Fetch the account once more, so that they are delivered: their files are on \
                    this machine";
        return Err(failure.with_hint(hint));
    }
    Ok(export)
}

/// Exports one account. It is marked as moved only when all of it is durable, so that at every moment
/// at least one complete record exists.
fn export(
    account: &KnownAccount,
    arguments: &cli::ExportArgs,
    accounts: &Accounts,
    out: &mut BufWriter<StdoutLock<'_>>,
) -> Result<(), ExportError> {
    let export = begin(account, accounts).map_err(ExportError::Account)?;
    export.for_each(|record| writeln!(out, "{}", record.line()).map_err(ExportError::Output))?;
    out.flush()?;
    if arguments.moves {
        match rustix::fs::fsync(io::stdout()) {
            // These errors say that standard output is a pipe or a device, which cannot be flushed.
            // What comes out of a pipe is its reader's responsibility.
            Ok(()) | Err(Errno::INVAL | Errno::NOTSUP | Errno::ROFS) => export.mark_moved()?,
            Err(error) => return Err(io::Error::from(error).into()),
        }
    }
    Ok(())
}
