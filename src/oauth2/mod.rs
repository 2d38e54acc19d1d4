//! Signing in without a password: OAuth 2.0 (RFC 6749), by a code that is typed elsewhere
//! (RFC 8628) or with a browser on this machine (RFC 8252).
//! Knows nothing of POP3: what a token opens is its user's business.

use std::time::Duration;

use crate::moment::Moment;
use crate::os::secret::Secret;

mod answer;
mod browser;
mod client;
mod device;
mod error;
mod form;
mod http;
mod provider;
mod token_store;
mod tokens;
mod url;

pub(crate) use client::Client;
pub(crate) use error::Error;
pub(crate) use http::HttpClient;
pub(crate) use provider::Provider;
pub(crate) use token_store::{Backend, TokenStore};
pub(crate) use tokens::Tokens;
pub(crate) use url::{MalformedUrl, Url};

/// One user's sign-in at a provider, across runs.
pub(crate) struct SignIn<'a> {
    /// How the provider is asked.
    pub client: Client<'a>,
    /// Where what it grants is kept.
    pub token_store: TokenStore,
}

impl SignIn<'_> {
    /// Keeps what was granted.
    ///
    /// # Errors
    /// It is not kept; what was kept before still is.
    pub(crate) fn keep(&self, tokens: &Tokens) -> Result<(), Error> {
        let interrupt = self.client.http.interrupt;
        let _lock = self.token_store.lock(interrupt)?;
        self.token_store.store(tokens, interrupt)
    }

    /// The access token, renewed when it is due.
    ///
    /// # Errors
    /// Nobody has signed in, or the provider wants it to be done again.
    pub(crate) fn token(&self) -> Result<Secret, Error> {
        let kept = self.token_store.load(self.client.http.interrupt)?;
        match kept {
            Some(tokens) if tokens.is_good(Moment::now()) => Ok(tokens.access),
            Some(_) => self.renew(|tokens| tokens.is_good(Moment::now())),
            None => Err(Error::NotSignedIn),
        }
    }

    /// Another access token than the one that the server refused.
    ///
    /// # Errors
    /// As those of [`SignIn::token`].
    pub(crate) fn another_token(&self, refused: &Secret) -> Result<Secret, Error> {
        self.renew(|tokens| tokens.access.expose() != refused.expose())
    }

    /// Whether it is worth a word that a new sign-in is needed: at once, and then once a day.
    /// Where that cannot be remembered it always is.
    pub(crate) fn should_notify(&self) -> bool {
        let interrupt = self.client.http.interrupt;
        let now = Moment::now();
        // Where nobody has signed in there is nothing to lock.
        if !matches!(self.token_store.load(interrupt), Ok(Some(_))) {
            return true;
        }
        let Ok(_lock) = self.token_store.lock(interrupt) else {
            return true;
        };
        let Ok(Some(mut tokens)) = self.token_store.load(interrupt) else {
            return true;
        };
        let since = tokens.notified.map(|notified| now.since(notified));
        if since.is_some_and(|since| since.is_some_and(|since| since < SILENCE)) {
            return false;
        }
        tokens.notified = Some(now);
        // Not remembered, it is notified once more.
        let _ = self.token_store.store(&tokens, interrupt);
        true
    }

    /// Forgets that the user was notified of a error, now that it is over.
    pub(crate) fn note_success(&self) {
        let interrupt = self.client.http.interrupt;
        let was_told = |tokens: &Tokens| tokens.notified.is_some();
        if !self
            .token_store
            .load(interrupt)
            .is_ok_and(|kept| kept.as_ref().is_some_and(was_told))
        {
            return;
        }
        if let Ok(_lock) = self.token_store.lock(interrupt)
            && let Ok(Some(tokens)) = self.token_store.load(interrupt)
        {
            let tokens = Tokens {
                notified: None,
                ..tokens
            };
            // Not forgotten, the next error is notified a day late at most.
            let _ = self.token_store.store(&tokens, interrupt);
        }
    }

    /// Renews the tokens, unless another run has done so meanwhile.
    fn renew(&self, will_do: impl Fn(&Tokens) -> bool) -> Result<Secret, Error> {
        let interrupt = self.client.http.interrupt;
        let _lock = self.token_store.lock(interrupt)?;
        let mut tokens = self
            .token_store
            .load(interrupt)?
            .ok_or(Error::NotSignedIn)?;
        if will_do(&tokens) {
            return Ok(tokens.access);
        }
        let refresh = tokens.refresh.as_ref().ok_or(Error::Ended)?;
        // Asked for in vain the new one would be lost, and the old one may be good no more.
        self.token_store.store(&tokens, interrupt)?;
        let granted = self.client.refresh(refresh)?;
        tokens.renew(granted);
        // What is granted may be the only refresh token that is still good: before it is used it
        // is kept.
        self.token_store.store(&tokens, interrupt)?;
        Ok(tokens.access)
    }
}

/// How long a user who was notified is not notified again.
const SILENCE: Duration = Duration::from_secs(24 * 3600);
