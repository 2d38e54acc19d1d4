//! The client of a provider: an id, perhaps a secret, and the user who signs in.

use super::answer;
use super::error::Error;
use super::form;
use super::http::{self, HttpClient, HttpResponse};
use super::provider::Provider;
use super::tokens::Tokens;
use super::url::Url;
use crate::exit::Failure;
use crate::moment::Moment;
use crate::os::secret::Secret;

/// The client of a provider.
pub(crate) struct Client<'a> {
    /// The provider.
    pub provider: &'a Provider,
    /// The client's id, which the user got from the provider.
    pub id: &'a str,
    /// Returns the client's secret, if the provider gave one.
    pub secret: Box<dyn Fn() -> Result<Option<Secret>, Failure> + 'a>,
    /// The user who signs in.
    pub user: &'a str,
    /// The route to the provider.
    pub http: HttpClient<'a>,
}

impl Client<'_> {
    /// Requests tokens for a grant (RFC 6749 section 4).
    pub(super) fn exchange(&self, grant: &[(&str, &str)]) -> Result<Tokens, Error> {
        let url = &self.provider.token_url;
        let answer = self.ask(url, grant)?;
        answer::tokens(&answer, url, Moment::now())
    }

    /// Requests new tokens for a refresh token (RFC 6749 section 6).
    pub(super) fn refresh(&self, token: &Secret) -> Result<Tokens, Error> {
        let token = String::from_utf8_lossy(token.expose());
        self.exchange(&[("grant_type", "refresh_token"), ("refresh_token", &token)])
    }

    /// Posts a form to one of the provider's addresses, with the client's id and secret.
    pub(super) fn ask(&self, url: &Url, question: &[(&str, &str)]) -> Result<HttpResponse, Error> {
        let mut pairs = question.to_vec();
        // Sent even if the secret's header names it, too: a client without a secret has no such
        // header and must say its id here (RFC 6749 section 3.2.1).
        pairs.push(("client_id", self.id));
        let secret = (self.secret)().map_err(Error::ClientSecret)?;
        let credentials = secret.map(|secret| {
            let secret = String::from_utf8_lossy(secret.expose());
            http::basic(self.id, &secret)
        });
        let form = form::encode(&pairs);
        self.http.post(url, &form, credentials.as_deref())
    }
}
