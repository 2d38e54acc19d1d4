//! `mailpull show`: prints a message without delivering it. Nothing is recorded.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek, Write};
use std::iter;

use super::credentials::Passwords;
use super::long_output::LongOutput;
use super::temporary_file::{cannot_keep, nameless_file};
use super::{Context, message_id, seen};
use crate::cli;
use crate::config::Account;
use crate::exit::{Exit, Failure};

use crate::net::Stream;
use crate::poll::named::listed_as;
use crate::pop3::{self, Ask, BeginningOf, Retrieved, Transaction};
use crate::seen::Ledger;
use crate::text::OneLine;

/// Prints the message. Nothing of it is printed before all of it is here, because what reads it could
/// deliver a part.
pub(super) fn run(arguments: &cli::ShowArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let (account, ledger) = seen::open(&arguments.account, context)?;
    let shown = ShowMessage {
        arguments,
        account: &account,
        ledger: &ledger,
        context,
    };
    match shown.fetch().and_then(print) {
        Ok(()) => Ok(Exit::Done),
        Err(failure) => Ok(context.report_failure(context.reporter(&account.name), &failure)),
    }
}

/// A message that is to be shown.
struct ShowMessage<'a> {
    arguments: &'a cli::ShowArgs,
    account: &'a Account,
    ledger: &'a Ledger,
    context: &'a Context<'a>,
}

impl ShowMessage<'_> {
    /// Downloads the message, or its beginning, into a file that has no name.
    fn fetch(&self) -> Result<File, Failure> {
        const NOTHING_SHOWN: &str = "nothing is shown";
        let name = &self.account.name;
        let word = message_id::unique_id(&self.arguments.id, name, self.ledger)?;
        let last = self.ledger.runs().last()?;
        let passwords = Passwords::default();
        let connect = self.context.connector(self.account, &passwords);
        let (mut session, listing) = self.context.list_sizes(&last, connect)?;
        let message = match listed_as(&listing, &word)[..] {
            [position] => listing.message(position, 0),
            [] => return Err(message_id::not_listed(&word, name, NOTHING_SHOWN)),
            ref several => {
                return Err(message_id::ambiguous(&word, several.len(), NOTHING_SHOWN));
            }
        };
        let lines = match self.arguments.headers {
            true => Some(0),
            false => self.arguments.lines,
        };
        let file = match lines {
            None => self.download(&mut session, message)?,
            Some(_) if !session.profile().may_have_top() => {
                let what = "the server cannot send a part of a message: it has no TOP";
                let hint = "Show the whole message: leave out --headers and --lines";
                return Err(Failure::new(what, Exit::Unavailable).with_hint(hint));
            }
            Some(lines) => self.download(&mut session, BeginningOf { message, lines })?,
        };
        // Nothing was marked deleted, so the answer to QUIT decides nothing.
        session.quit();
        Ok(file)
    }

    fn download(
        &self,
        session: &mut Transaction<Stream>,
        asked: impl Ask,
    ) -> Result<File, Failure> {
        let failed = |error: pop3::Error| Failure {
            hint: error.hint(),
            ..Failure::new(
                format_args!("downloading the message: {error}"),
                error.exit(),
            )
        };
        let mut file = nameless_file().map_err(cannot_keep)?;
        let mut pipeline = session.retrieve(iter::once(asked));
        match pipeline.next().map_err(failed)? {
            Some((_, Retrieved::Body)) => {}
            Some((_, Retrieved::Refused(refusal))) => {
                let what = format!("the server does not send the message: {}", refusal.text);
                return Err(Failure::new(what, Exit::Temporary));
            }
            None => unreachable!("one message was asked for"),
        }
        let mut chunk = Vec::new();
        while pipeline.read(&mut chunk).map_err(failed)?.is_some() {
            if self.context.interrupt.is_ending() {
                return Err(Failure::new("interrupted", Exit::Temporary));
            }
            file.write_all(&chunk).map_err(cannot_keep)?;
            chunk.clear();
        }
        file.write_all(&chunk).map_err(cannot_keep)?;
        file.rewind().map_err(cannot_keep)?;
        Ok(file)
    }
}

/// Prints a message: exactly to a file or a pipe, and escaped on a terminal.
fn print(mut message: File) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let printed = match out.is_terminal() {
        false => io::copy(&mut message, &mut out).map(drop),
        true => print_escaped(message, &mut LongOutput::new()),
    };
    match printed.and_then(|()| out.flush()) {
        // The reader has closed standard output, as head(1) does: it needs no more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => {
            let what = format!("cannot write the message: {error}");
            Err(Failure::new(what, Exit::LocalIo))
        }
        Ok(()) => Ok(()),
    }
}

/// Prints a message so that it cannot control the terminal. A long line is printed in pieces.
fn print_escaped(mut message: impl Read, out: &mut impl Write) -> io::Result<()> {
    let mut chunk = [0; 8192];
    let mut rest = Vec::new();
    loop {
        let count = message.read(&mut chunk)?;
        rest.extend_from_slice(&chunk[..count]);
        let end = match rest.iter().rposition(|octet| *octet == b'\n') {
            _ if count == 0 => rest.len(),
            Some(at) => at + 1,
            None if rest.len() < chunk.len() => continue,
            None => rest.len(),
        };
        for line in rest[..end].split_inclusive(|octet| *octet == b'\n') {
            let is_whole = line.ends_with(b"\n");
            let text = String::from_utf8_lossy(&line[..line.len() - usize::from(is_whole)]);
            for (index, part) in text.split('\t').enumerate() {
                let tab = if index > 0 { "\t" } else { "" };
                write!(out, "{tab}{}", OneLine(part))?;
            }
            if is_whole {
                writeln!(out)?;
            }
        }
        rest.drain(..end);
        if count == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_no_control_characters() {
        let mut out = Vec::new();
        let message: &[u8] = b"A: \x1b[2J\tb\r\n\xff\n\nlast";
        print_escaped(message, &mut out).expect("a vector takes everything");
        let shown = "A: \\u{1b}[2J\tb\\u{d}\n\u{fffd}\n\nlast";
        assert_eq!(String::from_utf8_lossy(&out), shown);
    }
}
