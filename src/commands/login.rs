//! `mailpull login`: the user signs in once, and the tokens are kept for later runs. Or the user types
//! a password once, and it is kept in the keyring.

use std::env;
use std::io::{self, IsTerminal};
use std::process::Stdio;

use super::{Context, print_line};
use crate::cli;
use crate::config::password::{self, Source};
use crate::config::{Account, Overrides, Selector};
use crate::exit::{Exit, Failure};
use crate::oauth2::{self, Provider, SignIn, Tokens};
use crate::os::child;
use crate::report::{Event, json};

/// Signs in to an account's provider, or puts its password into the keyring.
pub(super) fn run(arguments: &cli::LoginArgs, context: &Context<'_>) -> Result<Exit, Failure> {
    let names = [arguments.account.account.clone()];
    let selector = Selector {
        names: &names,
        shard: None,
    };
    let overrides = Overrides::new([], &arguments.options.options)?;
    let account = context.accounts(&selector, &overrides)?.one()?;
    context.state_folder()?;
    let ended = match context.sign_in(&account)? {
        Some(sign_in) => grant(&account, &sign_in, arguments, context),
        None => put_into_keyring(&account, context),
    };
    match (ended, context.interrupt.signal()) {
        (Err(_), Some(signal)) => {
            // Without this the shell's prompt would stand after ^C.
            if io::stdout().is_terminal() {
                print_line("");
            }
            Ok(Exit::Signal(signal))
        }
        (ended, _) => ended.map(|()| Exit::Done),
    }
}

fn grant(
    account: &Account,
    sign_in: &SignIn<'_>,
    arguments: &cli::LoginArgs,
    context: &Context<'_>,
) -> Result<(), Failure> {
    let grant = match (arguments.device, arguments.browser) {
        (true, _) => Grant::Device,
        (_, true) => Grant::Browser,
        _ => Grant::fitting(sign_in.client.provider, has_display()),
    };
    let granted = match grant {
        Grant::Browser => by_browser(account, sign_in, context),
        Grant::Device => by_device(account, sign_in, context),
    };
    let kept = granted.and_then(|tokens| {
        if tokens.refresh.is_none() {
            context
                .reporter(&account.name)
                .report(Event::Warning(&format_args!(
                    "the provider grants no refresh token, so this sign-in ends when its token \
                 expires; check oauth2-scope"
                )));
        }
        sign_in.keep(&tokens)
    });
    kept?;
    let place = sign_in.token_store.place();
    let user = &account.dial.user;
    if context.global.json {
        print_line(&json::signed_in(&account.name, user, &place));
    } else {
        print_line(&format!(
            "{user} has signed in; the tokens are kept in {place}"
        ));
    }
    Ok(())
}

/// The way in which the user agrees.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Grant {
    Browser,
    Device,
}

impl Grant {
    /// Returns the easiest grant: a browser if one can be opened, because nothing has to be typed
    /// then. Else a code, which can be typed on another machine, if the provider supports that.
    fn fitting(provider: &Provider, has_display: bool) -> Self {
        match (&provider.auth_url, &provider.device_url) {
            (None, _) => Self::Device,
            (Some(_), None) => Self::Browser,
            (Some(_), Some(_)) if has_display => Self::Browser,
            (Some(_), Some(_)) => Self::Device,
        }
    }
}

fn by_device(
    account: &Account,
    sign_in: &SignIn<'_>,
    context: &Context<'_>,
) -> Result<Tokens, oauth2::Error> {
    let device = sign_in.client.begin_device()?;
    if context.global.json {
        let address = device
            .complete_address
            .as_ref()
            .unwrap_or(&device.address)
            .to_string();
        print_line(&json::sign_in(
            &account.name,
            &address,
            Some(&device.user_code.to_string()),
        ));
    } else {
        let user = &account.dial.user;
        print_line(&format!("To sign in as {user}, open {}", device.address));
        print_line(&format!("and type the code {}", device.user_code));
        if let Some(address) = &device.complete_address {
            print_line(&format!("or open {address}"));
        }
        print_line("Waiting until that is done; Ctrl-C gives up.");
    }
    sign_in.client.await_device(&device)
}

fn by_browser(
    account: &Account,
    sign_in: &SignIn<'_>,
    context: &Context<'_>,
) -> Result<Tokens, oauth2::Error> {
    let mut visit = sign_in.client.begin_browser()?;
    if context.global.json {
        print_line(&json::sign_in(&account.name, visit.address(), None));
    } else {
        let user = &account.dial.user;
        print_line(&format!(
            "To sign in as {user}, open with a browser on this machine:"
        ));
        print_line(visit.address());
        print_line("Waiting until that is done; Ctrl-C gives up.");
    }
    if has_display() && io::stdout().is_terminal() {
        open(visit.address(), account);
    }
    sign_in.client.await_browser(&mut visit)
}

fn has_display() -> bool {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(target_os = "macos") || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

/// Opens an address in the user's browser. The user has also been shown it, in case that fails.
fn open(address: &str, account: &Account) {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let _ = child::command(program, [address], &account.secret_variables)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
}

fn put_into_keyring(account: &Account, context: &Context<'_>) -> Result<(), Failure> {
    if !matches!(account.password, Source::Keyring) {
        let what = format!(
            "there is nothing to sign in to: {} has neither oauth2-client-id nor password-keyring",
            account.name
        );
        return Err(Failure::new(what, Exit::Configuration));
    }
    password::put_into_keyring(account.login(), &context.interrupt)?;
    if !context.global.json {
        let user = &account.dial.user;
        print_line(&format!("the password of {user} is kept in the keyring"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_used_if_no_browser_can_be_opened() {
        let mut only_device = Provider::microsoft();
        only_device.auth_url = None;
        for (provider, has_display, grant) in [
            (Provider::microsoft(), true, Grant::Browser),
            (Provider::microsoft(), false, Grant::Device),
            // Google grants no access to mail by a code.
            (Provider::google(), true, Grant::Browser),
            (Provider::google(), false, Grant::Browser),
            (only_device.clone(), true, Grant::Device),
            (only_device, false, Grant::Device),
        ] {
            let fitting = Grant::fitting(&provider, has_display);
            assert_eq!(fitting, grant, "{}", provider.token_url);
        }
    }
}
