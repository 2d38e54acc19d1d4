//! Tokens for accounts that sign in: renewed when they are due, and once when the server refuses one.
//! Does not know how one signs in.

use super::Context;
use crate::config::{self, Account};
use crate::dial;
use crate::exit::{Exit, Failure};
use crate::oauth2::{Client, Error, HttpClient, SignIn, TokenStore};
use crate::os::secret::Secret;

/// The sign-in of an account; `None`: it has a password.
///
/// # Errors
/// There is no folder to keep anything in.
pub(super) fn sign_in<'a>(
    account: &'a Account,
    context: &'a Context<'a>,
) -> Result<Option<SignIn<'a>>, Failure> {
    let Some(meant) = &account.sign_in else {
        return Ok(None);
    };
    let folder = config::state_folder(context.global.state_dir.as_deref())?;
    let secret = || Ok(account.obtain_client_secret(&context.interrupt)?);
    let user = account.dial.user.as_str();
    let provider = meant.provider.token_url.to_string();
    Ok(Some(SignIn {
        token_store: TokenStore::new(meant.keeper, &folder, [&provider, &meant.client_id, user]),
        client: Client {
            provider: &meant.provider,
            id: &meant.client_id,
            secret: Box::new(secret),
            user,
            http: HttpClient {
                route: &account.dial.net.route,
                connectors: &context.connectors,
                interrupt: &context.interrupt,
            },
        },
    }))
}

/// The token of an account that signs in, renewed when it is due.
pub(super) fn token(account: &Account, sign_in: &SignIn<'_>) -> Result<Secret, Failure> {
    sign_in
        .token()
        .map_err(|error| told(account, sign_in, error))
}

/// Calls the server with a token, and once more with another one if it refuses that.
pub(super) fn show<T>(
    account: &Account,
    sign_in: &SignIn<'_>,
    token: &mut Secret,
    call: impl Fn(&Secret) -> Result<T, dial::Error>,
) -> Result<T, Failure> {
    let mut called = call(token);
    if let Err(error) = &called
        && error.exit() == Exit::LoginRefused
    {
        let another = sign_in.another_token(token);
        *token = another.map_err(|error| told(account, sign_in, error))?;
        called = call(token);
    }
    let error = match called {
        Ok(session) => {
            sign_in.note_success();
            return Ok(session);
        }
        Err(error) => error,
    };
    let failure = Failure::from(error);
    Err(match failure.exit {
        Exit::LoginRefused => advised(account, sign_in, failure),
        _ => failure,
    })
}

fn told(account: &Account, sign_in: &SignIn<'_>, error: Error) -> Failure {
    if error.wants_sign_in() {
        advised(account, sign_in, error.into())
    } else {
        error.into()
    }
}

/// Adds what the user can do, and finds out whether the user knows already.
fn advised(account: &Account, sign_in: &SignIn<'_>, failure: Failure) -> Failure {
    Failure {
        hint: Some(format!("Sign in with: mailpull login {}", account.name)),
        is_known: !sign_in.should_notify(),
        ..failure
    }
}
