//! `mailpull completions`: prints the completions of a shell. They call the hidden command for names.

use std::io::{self, Write};

use super::Context;
use crate::cli::{self, CandidateKind, ShellName, UnfinishedLine};
use crate::config;
use crate::exit::{Exit, Failure};
use crate::seen::{Accounts, StateFolder};

/// Prints the completions of a shell.
pub(super) fn run(arguments: &cli::CompletionsArgs) -> Result<Exit, Failure> {
    let script = match arguments.shell {
        ShellName::Bash => include_str!("../../completions/mailpull.bash"),
        ShellName::Fish => include_str!("../../completions/mailpull.fish"),
        ShellName::Zsh => include_str!("../../completions/_mailpull"),
    };
    io::stdout()
        .lock()
        .write_all(script.as_bytes())
        .map_err(|error| {
            let what = format!("cannot write the completions: {error}");
            Failure::new(what, Exit::LocalIo)
        })?;
    Ok(Exit::Done)
}

/// Prints what the last word of an unfinished command line can be, one line each. If that cannot be found
/// out, there is nothing to complete: an error would appear in the middle of what is being typed.
pub(super) fn candidates(arguments: &cli::CandidatesArgs, context: &Context<'_>) -> Exit {
    let unfinished = UnfinishedLine::read(&arguments.words);
    let state_dir = unfinished.state_dir.as_deref();
    let accounts = || {
        let path = config::state_folder(state_dir.or(context.global.state_dir.as_deref())).ok()?;
        Accounts::open(&StateFolder::find_to_read(&path).ok()??).ok()
    };
    let configured = || config::list_names(unfinished.config.as_deref()).unwrap_or_default();
    let begin = unfinished.begin.as_str();
    let mut found = match &unfinished.kind {
        CandidateKind::Account => configured(),
        CandidateKind::KnownAccount => {
            let known = accounts().and_then(|accounts| accounts.accounts_in_use().ok());
            let known = known.into_iter().flatten().map(|account| account.name);
            let mut names = configured();
            names.extend(known);
            names.sort_unstable();
            names.dedup();
            names
        }
        CandidateKind::Key => keys(),
        CandidateKind::UniqueId(account) => accounts()
            .and_then(|accounts| accounts.unique_ids(account, begin, MOST_UNIQUE_IDS).ok())
            .unwrap_or_default(),
        CandidateKind::Other => Vec::new(),
    };
    found.retain(|word| word.starts_with(begin) && !word.chars().any(char::is_control));
    let lines: String = found.iter().map(|word| format!("{word}\n")).collect();
    // A shell that has stopped waiting needs no candidates.
    let _ = io::stdout().lock().write_all(lines.as_bytes());
    Exit::Done
}

/// Returns all keys that can be typed, with their words if they have any.
fn keys() -> Vec<String> {
    let typed = config::keys().iter().filter(|key| key.can_be_typed());
    typed
        .flat_map(|key| match key.words {
            [] => vec![format!("{}=", key.name)],
            words => {
                let pair = |word| format!("{}={word}", key.name);
                words.iter().map(pair).collect()
            }
        })
        .collect()
}

/// The most unique-ids that are offered at once: nobody reads more.
const MOST_UNIQUE_IDS: u32 = 200;
