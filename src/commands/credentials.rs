//! The way of an account's password or token, from the configuration to the login.
//!
//! 1. Accounts that may have to ask are asked first, one after the other ([`Passwords::ask_ahead`]).
//! 2. Each connection takes its account's secret ([`Passwords::of`]): a token for an account that
//!    signs in, and else the password that its configuration names ([`Context::obtain_secret`]).
//! 3. The secret goes to the server ([`Context::log_in`]). A token that the server refuses is
//!    replaced once.

use std::collections::HashMap;
use std::io::{self, IsTerminal};

use super::Context;
use crate::config::{self, Account};
use crate::dial;
use crate::exit::{Exit, Failure};
use crate::oauth2::{self, Client, HttpClient, SignIn, TokenStore};
use crate::os::secret::Secret;

/// The secrets that were obtained before any account began, by account; or the failures to obtain them.
#[derive(Default)]
pub(super) struct Passwords(HashMap<String, Result<Secret, Failure>>);

impl Passwords {
    /// Asks for passwords if several accounts would have to share the terminal: two questions, or a
    /// question and a progress bar, would overwrite each other.
    pub(super) fn ask_ahead(accounts: &[Account], context: &Context<'_>) -> Self {
        let is_shared = accounts.len() > 1;
        if !is_shared || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Self::default();
        }
        let obtained = accounts
            .iter()
            .filter(|account| account.password.may_ask())
            .take_while(|_| !context.interrupt.is_ending())
            .map(|account| (account.name.clone(), context.obtain_secret(account)));
        Self(obtained.collect())
    }

    /// Returns the secret of an account, which is obtained now if it was not before.
    pub(super) fn of(&self, account: &Account, context: &Context<'_>) -> Result<Secret, Failure> {
        match self.0.get(&account.name) {
            Some(obtained) => obtained.clone(),
            None => context.obtain_secret(account),
        }
    }
}

impl Context<'_> {
    /// Obtains the token of an account that signs in, or the password of any other.
    fn obtain_secret(&self, account: &Account) -> Result<Secret, Failure> {
        if let Some(sign_in) = self.sign_in(account)? {
            return sign_in
                .token()
                .map_err(|error| failed_sign_in(account, &sign_in, error));
        }
        Ok(account.obtain_password(&self.interrupt)?)
    }

    /// Logs in with `attempt`. If the server refuses a token it is called once more with another
    /// one: only the provider knows whether the first was still good.
    pub(super) fn log_in<T>(
        &self,
        account: &Account,
        secret: &mut Secret,
        attempt: impl Fn(&Secret) -> Result<T, dial::Error>,
    ) -> Result<T, Failure> {
        let Some(sign_in) = self.sign_in(account)? else {
            return Ok(attempt(secret)?);
        };
        let mut logged_in = attempt(secret);
        if let Err(error) = &logged_in
            && error.exit() == Exit::LoginRefused
        {
            let token = sign_in.another_token(secret);
            *secret = token.map_err(|error| failed_sign_in(account, &sign_in, error))?;
            logged_in = attempt(secret);
        }
        match logged_in {
            Ok(session) => {
                sign_in.note_success();
                Ok(session)
            }
            Err(error) if error.exit() == Exit::LoginRefused => {
                Err(advise_sign_in(account, &sign_in, error.into()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns how an account signs in, or `None` if it has a password.
    ///
    /// # Errors
    /// There is no folder to keep tokens in.
    pub(super) fn sign_in<'a>(
        &'a self,
        account: &'a Account,
    ) -> Result<Option<SignIn<'a>>, Failure> {
        let Some(configured) = &account.sign_in else {
            return Ok(None);
        };
        let folder = config::state_folder(self.global.state_dir.as_deref())?;
        let user = account.dial.user.as_str();
        let provider = configured.provider.token_url.to_string();
        let owner = [&provider, &configured.client_id, user];
        let client_secret = || Ok(account.obtain_client_secret(&self.interrupt)?);
        Ok(Some(SignIn {
            token_store: TokenStore::new(configured.backend, &folder, owner),
            client: Client {
                provider: &configured.provider,
                id: &configured.client_id,
                secret: Box::new(client_secret),
                user,
                http: HttpClient {
                    route: &account.dial.net.route,
                    connectors: &self.connectors,
                    interrupt: &self.interrupt,
                },
            },
        }))
    }
}

fn failed_sign_in(account: &Account, sign_in: &SignIn<'_>, error: oauth2::Error) -> Failure {
    if error.wants_sign_in() {
        advise_sign_in(account, sign_in, error.into())
    } else {
        error.into()
    }
}

/// Adds what the user can do, and notes whether this was reported not long ago.
fn advise_sign_in(account: &Account, sign_in: &SignIn<'_>, failure: Failure) -> Failure {
    Failure {
        hint: Some(format!("Sign in with: mailpull login {}", account.name)),
        was_reported: !sign_in.should_notify(),
        ..failure
    }
}
