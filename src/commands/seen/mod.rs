//! `mailpull seen`: inspects and repairs what mailpull remembers about messages.

use std::path::PathBuf;

use super::credentials::Passwords;
use super::log::past;
use super::{Context, print_line};
use crate::cli;
use crate::config::{Account, Overrides, Selector};
use crate::delivery::{self, Leftovers, StagedState};
use crate::exit::{Exit, Failure};
use crate::mail::custody::Staged;
use crate::mail::headers::HeaderReader;
use crate::mail::known::may_be_tried;
use crate::mail::maildrop::{Listing, Message, UniqueId};
use crate::mail::policy::Policy;
use crate::mail::streak::{Alikeness, Streak};
use crate::moment::Moment;
use crate::net::Stream;
use crate::poll;
use crate::poll::plan::Plan;
use crate::poll::renamed::Rematch;
use crate::poll::survey::{self, KnownMessages};
use crate::poll::top::{Answer, read_headers_by};
use crate::pop3::{GoOn, Transaction};
use crate::report::Event;
use crate::seen::{Accounts, FailedStep, Ledger, StateFolder, Verdict};

mod export;
mod import;
mod list;
mod old_state;

/// Runs one of the `seen` commands.
pub(super) fn run(verb: &cli::SeenCommand, context: &Context<'_>) -> Result<Exit, Failure> {
    match verb {
        cli::SeenCommand::CatchUp(arguments) => catch_up(arguments, context),
        cli::SeenCommand::Check => check(context),
        cli::SeenCommand::Export(arguments) => export::run(arguments, context),
        cli::SeenCommand::Forget(arguments) => forget(arguments, context),
        cli::SeenCommand::Import(arguments) => import::run(arguments, context),
        cli::SeenCommand::List(arguments) => list::run(arguments, context),
        cli::SeenCommand::Rematch(named) => rematch_account(&named.account, context),
    }
}

/// Opens the ledger of an account of the configuration.
pub(super) fn open(name: &str, context: &Context<'_>) -> Result<(Account, Ledger), Failure> {
    let account = find(name, context)?;
    let ledger = context.open_ledger(&account, &context.state_folder()?)?;
    Ok((account, ledger))
}

/// Opens the ledger of an account for a command that changes nothing.
fn open_to_read(name: &str, context: &Context<'_>) -> Result<(Account, Ledger), Failure> {
    let account = find(name, context)?;
    let ledger = context.open_ledger(&account, &context.state_folder_to_read()?)?;
    Ok((account, ledger))
}

/// Finds an account of the configuration.
pub(super) fn find(name: &str, context: &Context<'_>) -> Result<Account, Failure> {
    let selector = Selector {
        names: &[name.to_owned()],
        shard: None,
    };
    Ok(context.accounts(&selector, &Overrides::default())?.one()?)
}

/// Forgets messages, so that they are new again, and orders to delete them. They may be named as the
/// server spells them, or as `seen list` shows them.
fn forget(arguments: &cli::ForgetArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let (_, mut ledger) = open(&arguments.account, context)?;
    let _lock = ledger.lock()?;
    let entries = ledger.messages().entries()?.into_iter();
    let ordered = ledger.orders().all()?.into_iter();
    let known: Vec<UniqueId> = entries
        .map(|entry| entry.unique_id)
        .chain(ordered.map(|order| order.unique_id))
        .collect();
    for name in &arguments.unique_ids {
        if let Some(unique_id) = known.iter().find(|known| known.is_meant_by(name)) {
            ledger.messages().forget(unique_id)?;
        } else {
            let what = format!("no message is known as {}", name.display());
            return Err(Failure::new(what, Exit::Usage));
        }
    }
    Ok(Exit::Done)
}

/// Verifies the database, and shows where the staged messages are.
fn check(context: &Context<'_>) -> Result<Exit, Failure> {
    let folder = context.state_folder_to_read()?;
    let accounts = Accounts::open(&folder)?;
    if let Verdict::Damaged(faults) = accounts.verify()? {
        let what = format!("the database is damaged: {}", faults.join("; "));
        return Err(Failure::new(what, Exit::Configuration));
    }
    for account in accounts.accounts()? {
        let ledger = Ledger::open(&folder, &account.name, &account.server, &account.user)?;
        let failed = ledger.causes().fresh(FailedStep::Delivery)?;
        let is_faulty = Streak::new(failed, Alikeness::SameReason).is_common();
        let files = check_staged(&account.name, &ledger, &folder, is_faulty)
            .and_then(|()| leftovers(&ledger, &folder));
        let files = match files {
            // A backup may have no spool, and another user's spool and Maildir are private.
            Err(failure) if !folder.can_be_written() => {
                let reporter = context.reporter(&account.name);
                reporter.report(Event::Warning(&format_args!(
                    "its files are not checked: {}",
                    failure.what
                )));
                continue;
            }
            files => files?,
        };
        for file in files {
            print_line(&format!(
                "{}: this database does not know {}; another database, a lost one or version 0.1.0 made it. \
                 mailpull never removes it",
                account.name,
                file.display()
            ));
        }
    }
    Ok(Exit::Done)
}

/// Shows where the staged messages of an account are.
fn check_staged(
    name: &str,
    ledger: &Ledger,
    folder: &StateFolder,
    is_faulty: bool,
) -> Result<(), Failure> {
    for staged in ledger.custody().staged()? {
        let state = delivery::locate(&staged, &folder.spool())?;
        print_line(&format!(
            "{name}: message {} to {} {}",
            staged.stored().identity.unique_id,
            staged.place(),
            outlook(&staged, state, is_faulty)
        ));
    }
    Ok(())
}

/// Returns the files of an account in tmp/ and in the spool that are not known to the database.
fn leftovers(ledger: &Ledger, folder: &StateFolder) -> Result<Vec<PathBuf>, Failure> {
    let staged = ledger.custody().staged()?;
    let leftovers = Leftovers {
        tags: ledger.tags(),
        marks: ledger.all_marks()?,
        staged: staged.into_iter().map(Staged::into_file_name).collect(),
    };
    let maildirs = ledger.places().all()?.into_iter();
    let folders = maildirs.map(|maildir| maildir.join("tmp"));
    let mut files = Vec::new();
    for folder in folders.chain([folder.spool()]) {
        files.extend(leftovers.list(&folder)?);
    }
    Ok(files)
}

/// Says where a staged message is, and when it is tried again.
fn outlook(staged: &Staged, state: StagedState, is_faulty: bool) -> String {
    let text = state.to_string();
    let failures = staged.history().failures;
    let when = if is_faulty {
        "no message can be delivered there: each fetch tries a few".to_owned()
    } else if !may_be_tried(staged.history().next_try, Moment::now()) {
        format!(
            "it failed {failures} times in a row and is set aside: it is tried once a day, and by \
             mailpull fetch --retry"
        )
    } else {
        return text;
    };
    match (state, text.split_once("; ")) {
        (
            StagedState::HandedOver | StagedState::Spooled | StagedState::Waiting,
            Some((place, _)),
        ) => {
            format!("{place}; {when}")
        }
        _ => text,
    }
}

/// Opens a session and plans it as if everything new were to be fetched.
pub(super) fn list_new(
    account: &Account,
    ledger: &Ledger,
    context: &Context<'_>,
) -> Result<(Transaction<Stream>, Listing, Plan), Failure> {
    let hints = poll::session_hints(&ledger.runs().last()?);
    let mut session = context.connector(account, &Passwords::default())(&hints)?;
    let (listing, compared) = survey::survey(
        &mut session,
        KnownMessages::of(ledger)?,
        &Policy::default(),
        ledger.clock().now(),
    )?;
    Ok((session, listing, compared.plan))
}

/// Marks messages that are not known as seen, without fetching them: all of them, or those that arrived before a
/// time.
fn catch_up(arguments: &cli::CatchUpArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let name = &arguments.account;
    let before = arguments.before.as_deref();
    let before = before.map(|text| past("--before", text)).transpose()?;
    let (account, mut ledger) = open(name, context)?;
    let _lock = ledger.lock()?;
    let (mut session, listing, plan) = list_new(&account, &ledger, context)?;
    let new = plan.fetch.iter();
    let mut new: Vec<_> = new
        .map(|pick| listing.message(pick.position, pick.copy))
        .collect();
    let mut undated = 0;
    if let Some(before) = before {
        (new, undated) = arrived_before(before, new, &mut session, context)?;
    }
    session.quit();
    let marked = ledger.messages().mark_seen(new.into_iter())?;
    print_line(&format!(
        "{name}: {marked} messages are marked as seen; none was downloaded"
    ));
    if undated > 0 {
        print_line(&format!(
            "{name}: not marked, because they do not say when they arrived: {undated}"
        ));
    }
    Ok(Exit::Done)
}

/// Returns those of the messages that arrived before a time, and the number of those that do not say when they
/// did.
fn arrived_before(
    before: Moment,
    messages: Vec<Message>,
    session: &mut Transaction<Stream>,
    context: &Context<'_>,
) -> Result<(Vec<Message>, usize), Failure> {
    if !session.profile().may_have_top() {
        let what = "the server does not show when messages arrived: it has no TOP";
        let hint = "To mark all messages: leave out --before";
        return Err(Failure::new(what, Exit::Unavailable).with_hint(hint));
    }
    let now = Moment::now();
    let (mut older, mut undated) = (Vec::new(), 0);
    let interrupt = &context.interrupt;
    let asked = messages.into_iter();
    let read = read_headers_by(
        HeaderReader::default,
        session,
        asked,
        interrupt,
        |message, answer| {
            let arrived = match answer {
                Answer::Header(header, _) => header.finish_received(now),
                Answer::Refused => None,
            };
            match arrived {
                Some(arrived) if arrived < before => older.push(message),
                Some(_) => {}
                None => undated += 1,
            }
            GoOn::Yes
        },
    );
    read.map_err(|error| {
        let failure = Failure::new(format_args!("reading headers: {error}"), error.exit());
        Failure {
            hint: error.hint(),
            ..failure
        }
    })?;
    Ok((older, undated))
}

/// Recognises known messages that the server lists with other unique-ids now.
fn rematch_account(name: &str, context: &Context<'_>) -> Result<Exit, Failure> {
    let (account, mut ledger) = open(name, context)?;
    let _lock = ledger.lock()?;
    let (mut session, listing, plan) = list_new(&account, &ledger, context)?;
    let rematch = Rematch {
        listing: &listing,
        ledger: &mut ledger,
        interrupt: &context.interrupt,
    };
    let recognised = rematch.run(&mut session, &plan.fetch)?;
    session.quit();
    print_line(&format!(
        "{name}: {recognised} of {} new messages were recognised",
        plan.fetch.len()
    ));
    Ok(Exit::Done)
}
