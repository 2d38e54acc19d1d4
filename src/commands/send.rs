//! `mailpull send`: hands a message to the server, which sends it (XTND XMIT). It is never repeated by itself:
//! a second attempt could send the message twice.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Seek};

use super::credentials::Passwords;
use super::temporary_file::{cannot_keep, nameless_file};
use super::{Context, print_line, seen};
use crate::cli;
use crate::exit::{Exit, Failure};
use crate::poll;
use crate::pop3::{Pipelining, SessionHints, SubmissionError};
use crate::report::plain::Verbosity;
use crate::report::{Event, json};

/// Hands the message over.
pub(super) fn run(arguments: &cli::SendArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let mut message = read(arguments)?;
    require_recipient(&mut message).map_err(cannot_keep)??;
    let (account, mut ledger) = seen::open(&arguments.account, context)?;
    let reporter = context.reporter(&account.name);
    let sent = ledger.lock().map_err(Failure::from).and_then(|_lock| {
        let last = ledger.runs().last()?;
        let hints = poll::session_hints(&last);
        let hints = SessionHints {
            // Together with the login, the listing would be asked for, too.
            pipelining: hints.pipelining.min(Pipelining::AfterLogin),
            ..hints
        };
        let passwords = Passwords::default();
        let mut session = context.connector(&account, &passwords)(&hints)?;
        let submitted = session.submit(&mut message);
        if submitted.is_ok() {
            // Nothing was marked deleted, so the answer to QUIT decides nothing.
            session.quit();
        }
        Ok(submitted)
    });
    match sent {
        Err(failure) => return Ok(context.report_failure(reporter, &failure)),
        Ok(Err(error)) => {
            let is_unknown = matches!(error, SubmissionError::Unknown(_));
            let failure = Failure {
                hint: error.hint(),
                ..Failure::new(&error, error.exit())
            };
            if !is_unknown {
                return Ok(context.report_failure(reporter, &failure));
            }
            // The user must know it, even if a signal ended the wait.
            reporter.report(Event::Problem(&failure));
            return Ok(failure.exit);
        }
        Ok(Ok(())) => {}
    }
    let server = account.dial.net.endpoint.to_string();
    if context.global.json {
        print_line(&json::sent(&account.name, &server));
    } else if io::stdout().is_terminal() && context.verbosity > Verbosity::Quiet {
        print_line(&format!("{server} has taken the message"));
    }
    Ok(Exit::Done)
}

/// Reads all of the message before anything is sent: what writes it may break off.
fn read(arguments: &cli::SendArgs) -> Result<File, Failure> {
    let mut kept = nameless_file().map_err(cannot_keep)?;
    let copied = match &arguments.file {
        None => io::copy(&mut io::stdin().lock(), &mut kept).map_err(|error| {
            let what = format!("cannot read the message from standard input: {error}");
            Failure::new(what, Exit::LocalIo)
        })?,
        Some(path) => {
            let opened = File::open(path).and_then(|mut file| io::copy(&mut file, &mut kept));
            opened.map_err(|error| {
                let what = format!("cannot read {}: {error}", path.display());
                Failure::new(what, Exit::Usage)
            })?
        }
    };
    if copied == 0 {
        return Err(Failure::new("the message is empty", Exit::SetAside));
    }
    kept.rewind().map_err(cannot_keep)?;
    Ok(kept)
}

/// Requires a header with a recipient: XTND XMIT tells the server nothing else about them.
fn require_recipient(message: &mut File) -> io::Result<Result<(), Failure>> {
    let has_one = names_recipient(BufReader::new(&mut *message))?;
    message.rewind()?;
    if has_one {
        return Ok(Ok(()));
    }
    let what = "the message names no recipient in its header";
    let failure = Failure::new(what, Exit::SetAside);
    Ok(Err(failure.with_hint("Add a line To, Cc or Bcc")))
}

/// Returns true if a header has a field with recipients.
fn names_recipient(message: impl Read) -> io::Result<bool> {
    for line in BufReader::new(message.take(LONGEST_HEADER)).split(b'\n') {
        let line = line?;
        let line = line.trim_ascii_end();
        if line.is_empty() {
            return Ok(false);
        }
        let mut parts = line.splitn(2, |octet| *octet == b':');
        let (name, value) = (parts.next().unwrap_or_default(), parts.next());
        let name = name.trim_ascii_end().to_ascii_lowercase();
        let name = name.strip_prefix(b"resent-").unwrap_or(&name);
        if matches!(name, b"to" | b"cc" | b"bcc") && value.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The most octets in which a recipient is searched for.
const LONGEST_HEADER: u64 = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_is_found_in_the_header_only() {
        for (message, has_one) in [
            ("To: a\n\nb", true),
            ("Subject: x\r\nbcc : a\r\n\r\n", true),
            ("Resent-Cc: a", true),
            ("Subject: x\n\nTo: a\n", false),
            ("Subject: to: a\n\n", false),
            ("To a\n\n", false),
            ("", false),
        ] {
            let found = names_recipient(message.as_bytes()).expect("a slice can be read");
            assert_eq!(found, has_one, "{message:?}");
        }
    }
}
