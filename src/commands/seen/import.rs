//! `mailpull seen import`: reads what `seen export` has written into this state folder.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::cli;
use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::seen::record::{ExportRecord, LONGEST_LINE};
use crate::seen::{AccountImport, Accounts, Imported};

/// Imports accounts, each as a whole or not at all. An account that is known here already does not
/// keep the others from being imported.
pub(super) fn run(arguments: &cli::ImportArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let mut lines = ExportLines::open(arguments.file.as_deref())?;
    let accounts = Accounts::open(&context.state_folder()?)?;
    let mut exit = Exit::Done;
    while let Some(record) = lines.next()? {
        let ExportRecord::Account(account) = record else {
            return Err(lines.failure("an account should begin here"));
        };
        let name = account.account.clone();
        let mut import = accounts.import(*account)?;
        read(&mut import, &mut lines)?;
        if let Err(failure) = commit(import) {
            exit = exit.max(context.report_failure(context.reporter(&name), &failure));
        }
    }
    Ok(exit)
}

/// Reads one account to its end.
fn read(import: &mut AccountImport<'_>, lines: &mut ExportLines) -> Result<(), Failure> {
    loop {
        match lines.next()? {
            Some(ExportRecord::Message(message)) => import.take(&message)?,
            Some(ExportRecord::Notice(notice)) => import.take_notice(&notice)?,
            Some(ExportRecord::End(end)) if import.is_complete(&end) => return Ok(()),
            Some(ExportRecord::Account(_) | ExportRecord::End(_)) | None => {
                let what = format!("the account {} is not complete", import.name());
                return Err(lines.failure(&what));
            }
        }
    }
}

fn commit(import: AccountImport<'_>) -> Result<(), Failure> {
    match import.commit()? {
        Imported::Done => Ok(()),
        Imported::Refused => {
            let what = "the account is known here already, and two records cannot be merged; \
                        nothing of it was imported";
            Err(Failure::new(what, Exit::Configuration))
        }
    }
}

/// The lines of an export.
struct ExportLines {
    /// The name of the file, for errors.
    name: String,
    /// The number of the line that was read last.
    number: u64,
    source: Box<dyn BufRead>,
}

impl ExportLines {
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

    /// Returns the record of the next line, or `None` after the last line.
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
        // Without a line end the file was cut off here, or the line is too long.
        match line.pop() {
            Some(b'\n') => {}
            _ => return Err(self.failure("the line is cut off")),
        }
        let record = ExportRecord::parse(&line).map_err(|error| Failure {
            hint: error.hint(),
            ..self.failure(&error.to_string())
        })?;
        Ok(Some(record))
    }

    /// Returns the failure for the line that was read last.
    fn failure(&self, what: &str) -> Failure {
        let Self { name, number, .. } = self;
        let what = format!(
            "{name}:{number}: {what}; the accounts before this one were imported, and nothing of \
             this one"
        );
        Failure::new(what, Exit::Configuration)
    }
}
