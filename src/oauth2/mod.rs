//! Signing in without a password: OAuth 2.0 (RFC 6749), by a code that the user types on another
//! device (RFC 8628) or by a browser on this machine (RFC 8252).

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
mod visitors;

pub(crate) use client::Client;
pub(crate) use error::Error;
pub(crate) use http::HttpClient;
pub(crate) use provider::Provider;
pub(crate) use token_store::{Backend, TokenStore};
pub(crate) use tokens::Tokens;
pub(crate) use url::{MalformedUrl, Url};

/// One user's sign-in at a provider. It lasts over many runs.
pub(crate) struct SignIn<'a> {
    /// The client, with its provider.
    pub client: Client<'a>,
    /// The stored tokens.
    pub token_store: TokenStore,
}

impl SignIn<'_> {
    /// Stores new tokens.
    ///
    /// # Errors
    /// They cannot be stored; the old ones are still there.
    pub(crate) fn keep(&self, tokens: &Tokens) -> Result<(), Error> {
        let interrupt = self.client.http.interrupt;
        let _lock = self.token_store.lock(interrupt)?;
        self.token_store.store(tokens, interrupt)
    }

    /// Removes the stored tokens. Returns false if there were none. The provider is not told.
    ///
    /// # Errors
    /// They cannot be removed.
    pub(crate) fn forget(&self) -> Result<bool, Error> {
        let interrupt = self.client.http.interrupt;
        // A run that is renewing the tokens would store them again.
        let _lock = self.token_store.lock(interrupt)?;
        self.token_store.remove(interrupt)
    }

    /// Returns the access token, renewed if it is about to expire.
    ///
    /// # Errors
    /// Nobody has signed in, or the provider demands a new sign-in.
    pub(crate) fn token(&self) -> Result<Secret, Error> {
        let stored = self.token_store.load(self.client.http.interrupt)?;
        match stored {
            Some(tokens) if tokens.is_good(Moment::now()) => Ok(tokens.access),
            Some(_) => self.renew(|tokens| tokens.is_good(Moment::now())),
            None => Err(Error::NotSignedIn),
        }
    }

    /// Returns another access token than the one that the server refused.
    ///
    /// # Errors
    /// See [`SignIn::token`].
    pub(crate) fn another_token(&self, refused: &Secret) -> Result<Secret, Error> {
        self.renew(|tokens| tokens.access.expose() != refused.expose())
    }

    /// Returns true if the user should be notified that a new sign-in is necessary: at once, and
    /// then once a day. It is also true if the time of the last notification cannot be stored.
    pub(crate) fn should_notify(&self) -> bool {
        let interrupt = self.client.http.interrupt;
        let now = Moment::now();
        // Without stored tokens there is nothing to change, and the folder of the lock may be
        // missing.
        if !matches!(self.token_store.load(interrupt), Ok(Some(_))) {
            return true;
        }
        let Ok(_lock) = self.token_store.lock(interrupt) else {
            return true;
        };
        let Ok(Some(mut tokens)) = self.token_store.load(interrupt) else {
            return true;
        };
        let since = tokens.notified.and_then(|notified| now.since(notified));
        if since.is_some_and(|since| since < NOTIFICATION_INTERVAL) {
            return false;
        }
        tokens.notified = Some(now);
        // If this fails, the next run notifies the user again, which does no harm.
        let _ = self.token_store.store(&tokens, interrupt);
        true
    }

    /// Forgets the last notification, because the sign-in works again.
    pub(crate) fn note_success(&self) {
        let interrupt = self.client.http.interrupt;
        let was_notified = |tokens: &Tokens| tokens.notified.is_some();
        let stored = self.token_store.load(interrupt);
        if !stored.is_ok_and(|stored| stored.as_ref().is_some_and(was_notified)) {
            return;
        }
        if let Ok(_lock) = self.token_store.lock(interrupt)
            && let Ok(Some(tokens)) = self.token_store.load(interrupt)
        {
            let tokens = Tokens {
                notified: None,
                ..tokens
            };
            // If this fails, the next notification comes up to a day late.
            let _ = self.token_store.store(&tokens, interrupt);
        }
    }

    /// Renews the tokens, unless another run has done so in the meantime and `is_usable` accepts
    /// its tokens.
    fn renew(&self, is_usable: impl Fn(&Tokens) -> bool) -> Result<Secret, Error> {
        let interrupt = self.client.http.interrupt;
        let _lock = self.token_store.lock(interrupt)?;
        let stored = self.token_store.load(interrupt)?;
        let mut tokens = stored.ok_or(Error::NotSignedIn)?;
        if is_usable(&tokens) {
            return Ok(tokens.access);
        }
        let refresh = tokens.refresh.as_ref().ok_or(Error::Ended)?;
        // Some providers make a refresh token invalid when it is used. If the new one could not be
        // stored then, the sign-in would be lost. So this finds out first if the store can be
        // written.
        self.token_store.store(&tokens, interrupt)?;
        let granted = self.client.refresh(refresh)?;
        tokens.renew(granted);
        // The new refresh token may be the only valid one. It is stored before the access token is
        // used.
        self.token_store.store(&tokens, interrupt)?;
        Ok(tokens.access)
    }
}

/// The time between two notifications that a new sign-in is necessary.
const NOTIFICATION_INTERVAL: Duration = Duration::from_secs(24 * 3600);
