//! Signing in with a browser on this machine. The provider sends the browser back to a port that
//! mailpull opens on loopback (RFC 8252). With PKCE (RFC 7636) the code that it brings is useless
//! to others.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::event::PollFlags;

use super::answer::ProviderRefusal;
use super::client::Client;
use super::error::Error;
use super::form;
use super::tokens::Tokens;
use crate::digest::Digest;
use crate::net::Socket;
use crate::os::random::random;
use crate::os::signals::{Interrupt, WaitError};

/// A sign-in that waits for the browser.
pub(crate) struct BrowserSignIn {
    listener: TcpListener,
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
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::Listen)?;
        listener.set_nonblocking(true).map_err(Error::Listen)?;
        let port = listener.local_addr().map_err(Error::Listen)?.port();
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
            listener,
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
    pub(crate) fn await_browser(&self, sign_in: &BrowserSignIn) -> Result<Tokens, Error> {
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

    fn wait(&self, client: &Client<'_>) -> Result<String, Error> {
        let interrupt = client.http.interrupt;
        let deadline = Instant::now() + BROWSER_TIMEOUT;
        loop {
            let listener = self.listener.as_fd();
            interrupt
                .wait(listener, PollFlags::IN, deadline, Duration::ZERO)
                .map_err(|error| match error {
                    WaitError::Interrupted => Error::Interrupted,
                    WaitError::TimedOut => Error::Expired,
                })?;
            // Browsers open connections ahead and close them unused.
            if let Ok((stream, _)) = self.listener.accept()
                && stream.set_nonblocking(true).is_ok()
                && let Some(answer) = self.receive(stream.into(), interrupt)
            {
                let host = client.provider.token_url.endpoint.to_string();
                return answer.map_err(|refusal| Error::Refused { host, refusal });
            }
        }
    }

    /// Reads one request and answers it; `None` if it is not from the browser of this sign-in.
    fn receive(
        &self,
        connection: OwnedFd,
        interrupt: &Interrupt,
    ) -> Option<Result<String, ProviderRefusal>> {
        let mut socket = Socket::new(connection, REQUEST_TIMEOUT, interrupt.clone());
        // One deadline for the whole request: only one connection is served at a time, so a program
        // that sends an octet now and then would keep the browser out.
        socket.begin_handshake(Instant::now() + REQUEST_TIMEOUT);
        let mut request = vec![0; LONGEST_REQUEST];
        let mut length = 0;
        while !request[..length].windows(4).any(|end| end == b"\r\n\r\n") {
            match socket.read(&mut request[length..]) {
                Ok(0) | Err(_) => return None,
                Ok(octets) => length += octets,
            }
        }
        let answer = self.answer(&request[..length]);
        let (status, text) = match &answer {
            Some(Ok(_)) => ("200 OK", "You have signed in. Go back to mailpull."),
            Some(Err(_)) => ("200 OK", "You have not signed in. Go back to mailpull."),
            None => ("404 Not Found", "There is nothing here."),
        };
        // The headers keep the code in the address out of caches and referrers. An error is ignored:
        // the sign-in is complete even if the browser does not show this text.
        let _ = write!(
            socket,
            "HTTP/1.1 {status}\r\nCache-Control: no-store\r\nConnection: close\r\n\
             Content-Security-Policy: default-src 'none'\r\nContent-Length: {}\r\n\
             Content-Type: text/plain; charset=utf-8\r\nReferrer-Policy: no-referrer\r\n\r\n{text}\n",
            text.len() + 1
        );
        answer
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

/// Returns 256 random bits as a text that needs no escaping.
fn random_text() -> String {
    URL_SAFE_NO_PAD.encode(random::<32>())
}

/// The most time that the user may take.
const BROWSER_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// The most time that a connection may take to send its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// The most octets of a request.
const LONGEST_REQUEST: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn sign_in() -> BrowserSignIn {
        BrowserSignIn {
            listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .expect("loopback has a free port"),
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
