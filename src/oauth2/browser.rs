//! Signing in with a browser on this machine. The provider sends the browser back to a port that
//! mailpull opens on loopback (RFC 8252). With PKCE (RFC 7636) the code that it brings is useless
//! to others.

use std::io::Write;
use std::time::{Duration, Instant};

use super::answer::ProviderRefusal;
use super::client::Client;
use super::error::Error;
use super::form;
use super::tokens::Tokens;
use super::visitors::Visitors;
use crate::digest::Digest;
use crate::os::random::random;
use crate::os::signals::WaitError;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A sign-in that waits for the browser.
pub(crate) struct BrowserSignIn {
    visitors: Visitors,
    /// The address to which the provider sends the browser back.
    redirect: String,
    /// A random text that only the browser of this sign-in can bring back.
    state: String,
    verifier: String,
    address: String,
}

impl Client<'_> {
    /// Opens a port for the browser.
    ///
    /// # Errors
    /// The provider has no known page for that, or no port can be opened.
    pub(crate) fn begin_browser(&self) -> Result<BrowserSignIn, Error> {
        let page = self.provider.auth_url.as_ref();
        let page = page.ok_or(Error::Unavailable {
            what: "a sign-in with a browser",
            key: "oauth2-auth-url",
        })?;
        let visitors = Visitors::open().map_err(Error::Listen)?;
        let port = visitors.port().map_err(Error::Listen)?;
        let redirect = format!("http://{}:{port}", self.provider.loopback);
        let state = random_text();
        let verifier = random_text();
        let challenge = URL_SAFE_NO_PAD.encode(Digest::of(verifier.as_bytes()).0);
        let mut query = vec![
            ("response_type", "code"),
            ("client_id", self.id),
            ("redirect_uri", &redirect),
            ("scope", &self.provider.scope),
            ("state", &state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("login_hint", self.user),
        ];
        query.extend(&self.provider.extras);
        let address = page.with_query(&form::encode(&query));
        Ok(BrowserSignIn {
            visitors,
            redirect,
            state,
            verifier,
            address,
        })
    }

    /// Waits until the browser brings the answer.
    ///
    /// # Errors
    /// The user refused, or did not sign in in time; a signal arrived.
    pub(crate) fn await_browser(&self, sign_in: &mut BrowserSignIn) -> Result<Tokens, Error> {
        let code = sign_in.wait(self)?;
        self.exchange(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", &sign_in.redirect),
            ("code_verifier", &sign_in.verifier),
        ])
    }
}

impl BrowserSignIn {
    /// Returns the address at which the user signs in.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    fn wait(&mut self, client: &Client<'_>) -> Result<String, Error> {
        let interrupt = client.http.interrupt;
        let deadline = Instant::now() + BROWSER_TIMEOUT;
        loop {
            let visit = self.visitors.next(interrupt, deadline);
            let (request, stream) = visit.map_err(|error| match error {
                WaitError::Interrupted => Error::Interrupted,
                WaitError::TimedOut => Error::Expired,
            })?;
            let answer = self.answer(&request);
            respond(stream, &answer);
            if let Some(answer) = answer {
                let host = client.provider.token_url.endpoint.to_string();
                return answer.map_err(|refusal| Error::Refused { host, refusal });
            }
        }
    }

    /// Returns the code or the refusal in a request.
    fn answer(&self, request: &[u8]) -> Option<Result<String, ProviderRefusal>> {
        let line = request.split(|&octet| octet == b'\r').next()?;
        let target = str::from_utf8(line).ok()?.strip_prefix("GET /")?;
        let (target, _) = target.split_once(' ')?;
        let query = target.strip_prefix('?')?;
        if form::value(query, "state")? != self.state {
            return None;
        }
        if let Some(code) = form::value(query, "code") {
            return Some(Ok(code));
        }
        let error = form::value(query, "error")?;
        let description = form::value(query, "error_description").unwrap_or_default();
        Some(Err(ProviderRefusal::new(&error, &description)))
    }
}

/// Answers a request. An error is ignored: the sign-in is complete even if the browser does not show the
/// text.
fn respond(mut browser: impl Write, answer: &Option<Result<String, ProviderRefusal>>) {
    let (status, text) = match answer {
        Some(Ok(_)) => ("200 OK", "You have signed in. Go back to mailpull."),
        Some(Err(_)) => ("200 OK", "You have not signed in. Go back to mailpull."),
        None => ("404 Not Found", "There is nothing here."),
    };
    // The headers keep the code in the address out of caches and referrers.
    let _ = write!(
        browser,
        "HTTP/1.1 {status}\r\nCache-Control: no-store\r\nConnection: close\r\n\
         Content-Security-Policy: default-src 'none'\r\nContent-Length: {}\r\n\
         Content-Type: text/plain; charset=utf-8\r\nReferrer-Policy: no-referrer\r\n\r\n{text}\n",
        text.len() + 1
    );
}

/// Returns 256 random bits as a text that needs no escaping.
fn random_text() -> String {
    URL_SAFE_NO_PAD.encode(random::<32>())
}

/// The most time that the user may take.
const BROWSER_TIMEOUT: Duration = Duration::from_secs(15 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn sign_in() -> BrowserSignIn {
        BrowserSignIn {
            visitors: Visitors::open().expect("loopback has a free port"),
            redirect: String::new(),
            state: "s+t".to_owned(),
            verifier: String::new(),
            address: String::new(),
        }
    }

    #[test]
    fn a_request_without_the_state_is_ignored() {
        for (request, expected) in [
            ("GET /?code=a%2Fb&state=s%2Bt HTTP/1.1\r\n", Some(Ok("a/b"))),
            ("GET /?state=s%2Bt&code=c&iss=x HTTP/1.1\r\n", Some(Ok("c"))),
            (
                "GET /?error=access_denied&error_description=no%1b&state=s%2Bt HTTP/1.1\r\n",
                Some(Err("access_denied (no\\u{1b})")),
            ),
            ("GET /?state=s%2Bt HTTP/1.1\r\n", None),
            ("GET /?code=c&state=other HTTP/1.1\r\n", None),
            ("GET /?code=c&state= HTTP/1.1\r\n", None),
            ("GET /?code=c HTTP/1.1\r\n", None),
            ("GET /favicon.ico HTTP/1.1\r\n", None),
            ("POST /?code=c&state=s%2Bt HTTP/1.1\r\n", None),
            ("GET /x?code=c&state=s%2Bt HTTP/1.1\r\n", None),
            ("GET /?code=c&state=s%2Bt\r\n", None),
            ("\u{0}\r\n", None),
            ("", None),
        ] {
            let answer = sign_in().answer(request.as_bytes());
            let answer = answer.map(|answer| match answer {
                Ok(code) => Ok(code),
                Err(refusal) => Err(refusal.to_string()),
            });
            let expected = expected.map(|answer| match answer {
                Ok(code) => Ok(code.to_owned()),
                Err(refusal) => Err(refusal.to_owned()),
            });
            assert_eq!(answer, expected, "{request}");
        }
    }

    #[test]
    fn a_verifier_has_43_random_characters() {
        assert_eq!(random_text().len(), 43);
        assert_ne!(random_text(), random_text());
    }
}
