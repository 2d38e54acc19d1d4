//! `mailpull delete`: deletes messages from the server without fetching them.

use std::ffi::OsString;

use super::Context;
use super::credentials::Passwords;
use super::log::time;
use super::message_id::{self, row_number};
use super::questions::Questions;
use super::seen;
use crate::cli;
use crate::config::Account;
use crate::exit::{Exit, Failure};
use crate::mail::known::State;
use crate::mail::maildrop::Listing;
use crate::net::Stream;
use crate::poll;
use crate::poll::ordered_deletion::{NamedLookup, NamedMessage, OrderedDeletion};
use crate::pop3::Transaction;
use crate::report::{AccountReporter, Event, Octets, Summary};
use crate::seen::Ledger;

/// The end of errors about the words of the command line.
const NOTHING_DELETED: &str = "nothing was deleted";

/// Deletes the named messages of an account, all of them or none.
pub(super) fn run(arguments: &cli::DeleteArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let questions = Questions::new(&context.interrupt);
    if arguments.yes && arguments.ids.iter().any(|id| row_number(id).is_some()) {
        let what = "#N may be deleted only after a question, as the list may be old";
        let hint =
            "With --yes, name the messages by their unique-ids: mailpull list --json shows them";
        return Err(Failure::new(what, Exit::Usage).with_hint(hint));
    }
    if !arguments.yes && !questions.can_ask() {
        let what = "there is no terminal to ask on if the messages may be deleted";
        let failure = Failure::new(what, Exit::Usage);
        return Err(failure.with_hint("To delete them without a question: --yes"));
    }
    let (account, mut ledger) = seen::open(&arguments.account, context)?;
    let reporter = context.reporter(&account.name);
    let deleted = ledger.lock().map_err(Failure::from).and_then(|_lock| {
        let delete = DeleteMessages {
            account: &account,
            ledger: &ledger,
            words: &arguments.ids,
            questions: (!arguments.yes).then_some(&questions),
            passwords: &Passwords::default(),
            context,
            reporter,
        };
        delete.run()
    });
    Ok(deleted.unwrap_or_else(|failure| context.report_failure(reporter, &failure)))
}

/// The deletion of an account's messages.
struct DeleteMessages<'a> {
    account: &'a Account,
    ledger: &'a Ledger,
    words: &'a [OsString],
    /// Asks the user for consent, unless it was given on the command line.
    questions: Option<&'a Questions<'a>>,
    passwords: &'a Passwords,
    context: &'a Context<'a>,
    reporter: AccountReporter<'a>,
}

/// A session, its listing, and the named messages in it.
struct FoundMessages {
    session: Transaction<Stream>,
    listing: Listing,
    named: Vec<NamedMessage>,
}

impl DeleteMessages<'_> {
    fn run(&self) -> Result<Exit, Failure> {
        let FoundMessages {
            session,
            listing,
            named,
        } = self.find_messages()?;
        if named.is_empty() || !self.has_consent(&named)? {
            // Nothing was retrieved or marked deleted, so the answer to QUIT decides nothing.
            session.quit();
            return Ok(Exit::Done);
        }
        let deletion = OrderedDeletion {
            ledger: self.ledger,
            listing: &listing,
        };
        let mut summary = Summary {
            only_deletes: true,
            ..Summary::default()
        };
        let refused = |failure: Failure| summary.report_problem(self.reporter, &failure);
        let deleted = deletion.carry_out(session, &named, refused);
        let deleted = deleted.map_err(|error| self.unfinished(error))?;
        for unique_id in &deleted {
            self.reporter.report(Event::Deleted(unique_id));
        }
        summary.deleted = deleted.len();
        let listed = listing.len() + listing.nameless().len() + listing.left_out().len();
        summary.kept = listed - deleted.len();
        self.reporter.report(Event::Finished(&summary));
        Ok(summary.exit)
    }

    /// Connects and finds the named messages. One of them may break the session at TOP: then their
    /// headers are left out.
    fn find_messages(&self) -> Result<FoundMessages, Failure> {
        let last = self.ledger.runs().last()?;
        let mut connect = self.context.connector(self.account, self.passwords);
        let mut has_headers = true;
        loop {
            let (mut session, listing) = self.context.list_sizes(&last, &mut connect)?;
            let deletion = OrderedDeletion {
                ledger: self.ledger,
                listing: &listing,
            };
            let mut named = self.find_each(deletion)?;
            if has_headers && session.profile().may_have_top() {
                let interrupt = &self.context.interrupt;
                match deletion.read_headers(&mut session, &mut named, interrupt) {
                    Err(error) if error.is_of_session() => {
                        let what = format_args!("{error}; trying again without headers");
                        self.reporter.report(Event::Note(&what));
                        has_headers = false;
                        continue;
                    }
                    read => read?,
                }
            }
            deletion.compare_with_record(&mut named)?;
            self.require_same(&named)?;
            return Ok(FoundMessages {
                session,
                listing,
                named,
            });
        }
    }

    fn find_each(&self, deletion: OrderedDeletion<'_>) -> Result<Vec<NamedMessage>, Failure> {
        let mut named: Vec<NamedMessage> = Vec::new();
        for word in self.words {
            let word = &message_id::unique_id(word, &self.account.name, self.ledger)?;
            match deletion.find(word)? {
                NamedLookup::Listed(one) if named.iter().any(|other| one.is_same_as(other)) => {}
                NamedLookup::Listed(one) => named.push(*one),
                NamedLookup::NoLonger(unique_id) => {
                    self.reporter.report(Event::Note(&format_args!(
                        "message {unique_id} is no longer on the server: the order to delete it ends"
                    )));
                }
                NamedLookup::Several(count) => {
                    return Err(message_id::ambiguous(word, count, NOTHING_DELETED));
                }
                NamedLookup::Nothing => {
                    let name = &self.account.name;
                    return Err(message_id::not_listed(word, name, NOTHING_DELETED));
                }
            }
        }
        Ok(named)
    }

    /// Refuses to delete a message without a question if it is not the one that is known under its
    /// unique-id.
    fn require_same(&self, named: &[NamedMessage]) -> Result<(), Failure> {
        let other = named.iter().find(|named| named.is_other);
        let (Some(other), None) = (other, self.questions) else {
            return Ok(());
        };
        let unique_id = &other.message.identity.unique_id;
        let what = format!(
            "the message that is listed as {unique_id} is not the one that is known under this \
             unique-id; nothing was deleted"
        );
        let hint =
            "To see what it is, and to delete it: run this command on a terminal, without --yes";
        Err(Failure::new(what, Exit::Usage).with_hint(hint))
    }

    /// Shows the messages and asks if they may be deleted.
    fn has_consent(&self, named: &[NamedMessage]) -> Result<bool, Failure> {
        let Some(questions) = self.questions else {
            return Ok(true);
        };
        for named in named {
            questions.show(&line(named));
        }
        let these = match named.len() {
            1 => "this message".to_owned(),
            count => format!("these {count} messages"),
        };
        questions.confirm(&format!("Delete {these} from the server?"))
    }

    /// Adds to an error that the orders stand.
    fn unfinished(&self, error: poll::Error) -> Failure {
        let is_of_database = error.is_of_database();
        let failure = Failure::from(error);
        match (&failure.hint, is_of_database) {
            (None, false) => {
                let name = &self.account.name;
                let hint = format!(
                    "The next run deletes the messages that are left. To keep them: mailpull seen forget \
                     {name} UNIQUE-ID"
                );
                failure.with_hint(hint)
            }
            _ => failure,
        }
    }
}

/// Returns the line that the user sees before the question.
fn line(named: &NamedMessage) -> String {
    let message = &named.message;
    let unique_id = &message.identity.unique_id;
    let size = message.size.map_or_else(
        || "unknown size".to_owned(),
        |size| Octets(size).to_string(),
    );
    let origin = named.header.as_ref().map_or_else(String::new, |listed| {
        format!(
            " from \"{}\": \"{}\"",
            listed.header.from, listed.header.subject
        )
    });
    format!("{unique_id} ({size}){origin}, {}", history(named))
}

/// Says what mailpull has done with a message until now.
fn history(named: &NamedMessage) -> String {
    const NEVER_FETCHED: &str = "never fetched";
    let Some(known) = named.known else {
        return NEVER_FETCHED.to_owned();
    };
    if named.is_other {
        return format!("{NEVER_FETCHED}: another message had this unique-id before");
    }
    let what = match known.state {
        State::Delivered(when) => format!("delivered {}", time(when)),
        State::Gone => "deleted before, and listed again".to_owned(),
        State::Seen => "marked as seen, never fetched".to_owned(),
        State::Staged => "fetched, not yet delivered".to_owned(),
        State::Failed(_) | State::Left { .. } => NEVER_FETCHED.to_owned(),
    };
    match known.suspicion.reason() {
        Some(doubt) => format!("{what}; {doubt}"),
        None => what,
    }
}
