//! popstate.dat, the state of Thunderbird: for each account a line `*HOST USER`, and then its messages.

use std::path::PathBuf;

use super::{OldAccount, StatePlace, Translation};

/// Returns the accounts of a state, without keys.
///
/// # Errors
/// The text names no account.
pub(super) fn accounts(text: &str) -> Result<Translation, String> {
    let mut translation = Translation::default();
    for line in text.lines() {
        let Some((host, user)) = account(line) else {
            continue;
        };
        let mut found = OldAccount::named(format!("{user} at {host}"));
        found.state = Some(StatePlace {
            // The state is in the file that was read.
            file: PathBuf::new(),
            host: host.to_owned(),
            user: user.to_owned(),
        });
        translation.accounts.push(found);
    }
    match translation.accounts.is_empty() {
        true => Err("it is no popstate.dat: it names no account".to_owned()),
        false => Ok(translation),
    }
}

/// Returns host and user if a line begins the messages of an account. A user may contain blanks.
pub(super) fn account(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix('*')?.trim_end().split_once(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_host_and_user() {
        let text = "# POP3 State File\r\n\r\n*pop.example.org joe smith\r\nk a 1\r\n";
        let accounts = accounts(text).expect("it is a state").accounts;
        assert_eq!(accounts.len(), 1);
        assert_eq!(accounts[0].name, "joe smith at pop.example.org");
        assert!(super::accounts("k a 1\n").is_err());
    }
}
