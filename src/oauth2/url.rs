//! The address of a provider: https, or http on this machine.
//! Asks nobody anything.

use std::fmt;
use std::str::FromStr;

use ureq_proto::http::Uri;

use crate::net::Endpoint;

/// An address at which a provider is asked, or at which it asks the user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Url {
    text: String,
    pub(super) uri: Uri,
    pub(super) endpoint: Endpoint,
}

/// Why something is no such address.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MalformedUrl {
    /// Others could read what is sent.
    #[error("must begin with https://; http:// only reaches this machine")]
    Cleartext,
    /// It is no address at all, or has what no provider's address has: a user, a fragment.
    #[error("must be an address such as https://login.example.com/token")]
    Nonsense,
}

impl Url {
    /// Whether what is said there is encrypted. If not it never leaves this machine.
    pub fn is_secure(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// The address with more in its query, which is encoded already.
    pub(super) fn with_query(&self, query: &str) -> String {
        let joint = if self.text.contains('?') { '&' } else { '?' };
        format!("{}{joint}{query}", self.text)
    }
}

impl FromStr for Url {
    type Err = MalformedUrl;

    fn from_str(text: &str) -> Result<Self, MalformedUrl> {
        let uri: Uri = text.parse().map_err(|_| MalformedUrl::Nonsense)?;
        let authority = uri.authority().ok_or(MalformedUrl::Nonsense)?;
        if text.contains('#') || authority.as_str().contains('@') {
            return Err(MalformedUrl::Nonsense);
        }
        let default_port = match uri.scheme_str() {
            Some("https") => 443,
            Some("http") => 80,
            _ => return Err(MalformedUrl::Nonsense),
        };
        let host = authority.host();
        let bare = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let endpoint = Endpoint::Tcp {
            host: bare.unwrap_or(host).to_owned(),
            port: uri.port_u16().unwrap_or(default_port),
        };
        if default_port == 80 && !endpoint.is_loopback() {
            return Err(MalformedUrl::Cleartext);
        }
        Ok(Self {
            text: text.to_owned(),
            uri,
            endpoint,
        })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_to_a_provider_is_encrypted_or_stays_here() {
        for (text, expected) in [
            (
                "https://login.example.com/token",
                Ok("login.example.com:443"),
            ),
            (
                "https://login.example.com:8443",
                Ok("login.example.com:8443"),
            ),
            ("https://[2001:db8::1]/t?x=y", Ok("[2001:db8::1]:443")),
            ("http://127.0.0.1:9000/token", Ok("127.0.0.1:9000")),
            ("http://[::1]/token", Ok("[::1]:80")),
            ("http://localhost/token", Ok("localhost:80")),
            (
                "http://login.example.com/token",
                Err(MalformedUrl::Cleartext),
            ),
            (
                "http://localhost.example.com/",
                Err(MalformedUrl::Cleartext),
            ),
            ("ftp://login.example.com/", Err(MalformedUrl::Nonsense)),
            (
                "https://me:hunter2@login.example.com/",
                Err(MalformedUrl::Nonsense),
            ),
            (
                "https://login.example.com/#here",
                Err(MalformedUrl::Nonsense),
            ),
            ("login.example.com/token", Err(MalformedUrl::Nonsense)),
            ("https:///token", Err(MalformedUrl::Nonsense)),
            ("https://a b/", Err(MalformedUrl::Nonsense)),
            ("", Err(MalformedUrl::Nonsense)),
        ] {
            let url = text.parse().map(|url: Url| url.endpoint.to_string());
            assert_eq!(url, expected.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn a_query_is_added_to_the_one_that_is_there() {
        for (text, whole) in [
            ("https://h/a", "https://h/a?x=1"),
            ("https://h/a?b=c", "https://h/a?b=c&x=1"),
        ] {
            let url: Url = text.parse().expect("it is one");
            assert_eq!(url.with_query("x=1"), whole);
        }
    }
}
