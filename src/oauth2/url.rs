//! The address of a provider: https, or http on this machine.

use std::fmt;
use std::str::FromStr;

use ureq_proto::http::Uri;

use crate::net::Endpoint;

/// An address of a provider.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Url {
    text: String,
    pub(super) uri: Uri,
    pub(super) endpoint: Endpoint,
}

/// The reason why a text is not such an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MalformedUrl {
    /// It is http to another machine: others could read what is sent.
    #[error("must begin with https://; http:// only reaches this machine")]
    Cleartext,
    /// It is not an address, or has a user or a fragment.
    #[error("must be an address such as https://login.example.com/token")]
    Nonsense,
}

impl Url {
    /// Returns true if the connection is encrypted. Otherwise it never leaves this machine.
    pub fn is_secure(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// Returns the address with more in its query. `query` is encoded already.
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
        // `http::Uri` drops a fragment silently. RFC 6749 section 3 allows none at a provider.
        if text.contains('#') || authority.as_str().contains('@') {
            return Err(MalformedUrl::Nonsense);
        }
        let default_port = match uri.scheme_str() {
            Some("https") => 443,
            Some("http") => 80,
            _ => return Err(MalformedUrl::Nonsense),
        };
        // `http::Uri` keeps the brackets of an IPv6 address, and an `Endpoint` has none.
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
    fn an_address_is_encrypted_or_on_this_machine() {
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
    fn a_query_is_added_to_an_existing_one() {
        for (text, whole) in [
            ("https://h/a", "https://h/a?x=1"),
            ("https://h/a?b=c", "https://h/a?b=c&x=1"),
        ] {
            let url: Url = text.parse().expect("the address is valid");
            assert_eq!(url.with_query("x=1"), whole);
        }
    }
}
