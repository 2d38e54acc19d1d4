//! `mailpull seen export --format`: writes the state of another fetcher to standard output, so that it fetches
//! exactly what mailpull has not fetched.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};

use super::export::begin;
use crate::cli::ExportFormat;
use crate::exit::{Exit, Failure};
use crate::import::{FetchedAccount, OldProgram};
use crate::seen::record::{ExportRecord, ExportedState};
use crate::seen::{Accounts, KnownAccount};

/// Writes the state of all these accounts, or nothing: with a part of it, the other program would fetch the mail of
/// the other accounts again.
pub(super) fn write(
    format: ExportFormat,
    chosen: &[KnownAccount],
    accounts: &Accounts,
) -> Result<Exit, Failure> {
    let program = match format {
        ExportFormat::Fetchmail => OldProgram::Fetchmail,
        ExportFormat::Getmail => OldProgram::Getmail,
        ExportFormat::Mpop => OldProgram::Mpop,
    };
    let mut fetched = Vec::new();
    for account in chosen {
        let of_account = |failure: Failure| Failure {
            what: format!("{}: {}", account.name, failure.what),
            ..failure
        };
        fetched.push(fetched_by(account, accounts).map_err(of_account)?);
    }
    let state = program
        .state_of(&fetched)
        .map_err(|why| Failure::new(why, Exit::Usage))?;
    let mut out = io::stdout().lock();
    let written = out.write_all(&state).and_then(|()| out.flush());
    written
        .map_err(|error| Failure::new(format!("cannot write the state: {error}"), Exit::LocalIo))?;
    Ok(Exit::Done)
}

/// Returns the messages that another program must not fetch again: those that were delivered or marked as seen, and
/// that the server still lists. One that is gone would only hide a new message under the same unique-id.
fn fetched_by(account: &KnownAccount, accounts: &Accounts) -> Result<FetchedAccount, Failure> {
    let mut messages = BTreeMap::new();
    let mut failed = HashSet::new();
    begin(account, accounts)?.for_each(|record| {
        if let ExportRecord::Message(message) = record {
            let id = message.unique_id.0.clone();
            match message.state {
                ExportedState::Failed => {
                    failed.insert(id);
                }
                ExportedState::Delivered | ExportedState::Seen if message.vanished.is_none() => {
                    messages.insert(id, message.delivered.unwrap_or(message.listed));
                }
                ExportedState::Delivered | ExportedState::Seen | ExportedState::Gone => {}
            }
        }
        Ok::<_, Failure>(())
    })?;
    // Of two messages under one unique-id, the other program knows both or none.
    messages.retain(|id, _| !failed.contains(id));
    Ok(FetchedAccount {
        host: host(&account.server).to_owned(),
        user: account.user.clone(),
        messages,
    })
}

/// Returns the host of a server that is stored as `HOST:PORT`, `[ADDRESS]:PORT` or a path.
fn host(server: &str) -> &str {
    let host = match server.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        _ => server,
    };
    let address = host.strip_prefix('[');
    address
        .and_then(|address| address.strip_suffix(']'))
        .unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_neither_port_nor_brackets() {
        for (server, expected) in [
            ("pop.example.org:995", "pop.example.org"),
            ("[::1]:110", "::1"),
            ("/run/pop3", "/run/pop3"),
        ] {
            assert_eq!(host(server), expected);
        }
    }
}
