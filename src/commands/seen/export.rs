//! `mailpull seen export` and `import`: what is known of accounts, carried to another state folder.
//! Needs no configuration: the record knows its accounts.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Read, StdoutLock, Write};
use std::path::Path;

use rustix::io::Errno;

use crate::cli;
use crate::commands::{Context, parse_shard};
use crate::exit::{Exit, Failure};
use crate::seen;
use crate::seen::record::{ExportRecord, LONGEST_LINE};
use crate::seen::{Accounts, Arrival, Imported, KnownAccount};

/// Writes what is known of accounts to standard output. One that cannot travel keeps no other.
pub(super) fn export(arguments: &cli::ExportArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    if arguments.moves && io::stdout().is_terminal() {
        let what = "what is moved would be lost on a terminal: write it to a file, or to seen \
                    import";
        return Err(Failure::new(what, Exit::Usage));
    }
    let mut accounts = Accounts::open(&context.state_folder()?)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut exit = Exit::Done;
    for account in travellers(arguments, &accounts)? {
        match send(&account, arguments, &mut accounts, &mut out) {
            Ok(()) => {}
            Err(ExportError::Account(failure)) => {
                let reporter = context.reporter(&account.name);
                exit = exit.max(context.report_failure(reporter, &failure));
            }
            Err(ExportError::Output(io)) => {
                let name = &account.name;
                let what = format!("writing the record of {name}: {io}; it was not moved");
                return Err(Failure::new(what, Exit::LocalIo));
            }
        }
    }
    Ok(exit)
}

/// Why an account was not exported.
enum ExportError {
    /// This account cannot be exported; others may.
    Account(Failure),
    /// Standard output does not take it, nor any other.
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

/// The accounts that are to travel. What was moved before may be an old record by now: it travels
/// once more only when it is named.
fn travellers(
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
        let is_here = shard.is_none_or(|shard| shard.holds(&account.name));
        match names.is_empty() {
            true => is_here && !account.is_moved,
            false => is_here && names.contains(&account.name),
        }
    });
    Ok(accounts)
}

/// Writes one account out. Only when all of it is written for good is it marked as moved, so that
/// no moment leaves it nowhere.
fn send(
    account: &KnownAccount,
    arguments: &cli::ExportArgs,
    accounts: &mut Accounts,
    out: &mut BufWriter<StdoutLock<'_>>,
) -> Result<(), ExportError> {
    let departure = accounts.depart(account)?;
    let staged = departure.staged()?;
    if staged > 0 {
        let what = format!(
            "messages that are still on their way: {staged}; they are in files of this machine: \
             fetch it once more, so that they arrive"
        );
        let failure = Failure::new(what, Exit::Configuration);
        return Err(ExportError::Account(failure));
    }
    departure.read_out(|record| writeln!(out, "{}", record.line()).map_err(ExportError::Output))?;
    out.flush()?;
    if arguments.moves {
        match rustix::fs::fsync(io::stdout()) {
            // A pipe: what comes of it is its reader's.
            Ok(()) | Err(Errno::INVAL | Errno::NOTSUP | Errno::ROFS) => departure.mark_moved()?,
            Err(error) => return Err(io::Error::from(error).into()),
        }
    }
    Ok(())
}

/// Takes accounts up that are not known here, each as a whole or not at all. One that is known keeps
/// no other from coming.
pub(super) fn import(arguments: &cli::ImportArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let mut lines = Lines::open(arguments.file.as_deref())?;
    let mut accounts = Accounts::open(&context.state_folder()?)?;
    let mut exit = Exit::Done;
    while let Some(record) = lines.next()? {
        let ExportRecord::Account(account) = record else {
            return Err(lines.wrong("an account should begin here"));
        };
        let name = account.account.clone();
        let mut arrival = accounts.arrive(account)?;
        receive(&mut arrival, &mut lines)?;
        let settled = arrival.settle().map_err(Failure::from);
        let settled = settled.and_then(|welcome| match welcome {
            Imported::Settled => Ok(()),
            Imported::Refused => Err(Failure::new(KNOWN, Exit::Configuration)),
        });
        if let Err(error) = settled {
            exit = exit.max(context.report_failure(context.reporter(&name), &error));
        }
    }
    Ok(exit)
}

const KNOWN: &str = "it is known here already, and two records cannot be made one; nothing of it \
                     was imported";

/// Reads one account to its end.
fn receive(arrival: &mut Arrival<'_>, lines: &mut Lines) -> Result<(), Failure> {
    loop {
        match lines.next()? {
            Some(ExportRecord::Message(message)) => arrival.take(&message)?,
            Some(ExportRecord::Notice(notice)) => arrival.take_notice(&notice)?,
            Some(ExportRecord::End(end)) if arrival.is_complete(&end) => return Ok(()),
            Some(ExportRecord::Account(_) | ExportRecord::End(_)) | None => {
                let what = format!("the account {} is not complete", arrival.name());
                return Err(lines.wrong(&what));
            }
        }
    }
}

/// The lines of an export.
struct Lines {
    name: String,
    number: u64,
    source: Box<dyn BufRead>,
}

impl Lines {
    fn open(file: Option<&Path>) -> Result<Self, Failure> {
        let (name, source): (_, Box<dyn BufRead>) = match file {
            None => ("standard input".to_owned(), Box::new(io::stdin().lock())),
            Some(path) => {
                let name = path.display().to_string();
                let file = File::open(path).map_err(|error| {
                    Failure::new(format!("cannot read {name}: {error}"), Exit::LocalIo)
                })?;
                (name, Box::new(BufReader::new(file)))
            }
        };
        Ok(Self {
            name,
            number: 0,
            source,
        })
    }

    fn next(&mut self) -> Result<Option<ExportRecord>, Failure> {
        let mut line = Vec::new();
        let mut source = (&mut self.source).take(LONGEST_LINE as u64);
        source.read_until(b'\n', &mut line).map_err(|error| {
            Failure::new(format!("cannot read {}: {error}", self.name), Exit::LocalIo)
        })?;
        self.number += 1;
        if line.is_empty() {
            return Ok(None);
        }
        // A line that ends without its end was cut off, or is too long.
        match line.pop() {
            Some(b'\n') => {}
            _ => return Err(self.wrong("the line is cut off")),
        }
        let record = ExportRecord::parse(&line).map_err(|error| Failure {
            hint: error.hint(),
            ..self.wrong(&error.to_string())
        })?;
        Ok(Some(record))
    }

    /// Says what is wrong with the line that was read last.
    fn wrong(&self, what: &str) -> Failure {
        let Self { name, number, .. } = self;
        let what = format!(
            "{name}:{number}: {what}; what came before this account is imported, and nothing of it"
        );
        Failure::new(what, Exit::Configuration)
    }
}
