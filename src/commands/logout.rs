//! `mailpull logout`: removes what `mailpull login` has stored.

use super::{Context, print_line};
use crate::cli;
use crate::config::password::{self, Source};
use crate::config::{Account, Overrides, Selector};
use crate::exit::{Exit, Failure};
use crate::report::json;

/// Removes the sign-in of an account, or its password in the keyring.
pub(super) fn run(arguments: &cli::LogoutArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let names = [arguments.account.account.clone()];
    let selector = Selector {
        names: &names,
        shard: None,
    };
    let account = context.accounts(&selector, &Overrides::default())?.one()?;
    let removed = match context.sign_in(&account)? {
        Some(sign_in) => RemovedSecret {
            kind: "sign-in",
            place: sign_in.token_store.place(),
            was_there: sign_in.forget()?,
        },
        None => remove_password(&account, context)?,
    };
    removed.show(&account, context);
    Ok(Exit::Done)
}

/// A secret that is no longer stored.
struct RemovedSecret {
    /// Its kind, in words.
    kind: &'static str,
    /// The place where it was stored.
    place: String,
    /// True if there was one.
    was_there: bool,
}

impl RemovedSecret {
    fn show(&self, account: &Account, context: &Context<'_>) {
        let Self {
            kind,
            place,
            was_there,
        } = self;
        let user = &account.dial.user;
        if context.global.json {
            print_line(&json::signed_out(&account.name, user, place, *was_there));
        } else if *was_there {
            print_line(&format!("the {kind} of {user} was removed from {place}"));
        } else {
            print_line(&format!("there is no {kind} of {user} in {place}"));
        }
    }
}

fn remove_password(account: &Account, context: &Context<'_>) -> Result<RemovedSecret, Failure> {
    if !matches!(account.password, Source::Keyring) {
        let what = format!(
            "there is nothing to remove: {} has neither oauth2-client-id nor password-keyring",
            account.name
        );
        return Err(Failure::new(what, Exit::Configuration));
    }
    Ok(RemovedSecret {
        kind: "password",
        place: "the keyring".to_owned(),
        was_there: password::remove_from_keyring(account.login(), &context.interrupt)?,
    })
}
