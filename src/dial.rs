//! From an address to a logged-in session: connect, greeting, STLS, capabilities, login.
//! Knows nothing of messages; "TLS unless told otherwise" is decided here only.

use crate::net::{self, tls};

/// How to reach a maildrop and log in.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the server is, and how long to wait for it.
    pub net: net::Options,
    /// How the connection is protected.
    pub security: Security,
    /// Whom to trust.
    pub tls: tls::Options,
    /// The user's name, sent as it is.
    pub user: String,
    /// How to log in.
    pub auth: Auth,
}

/// How the connection is protected. There is no opportunistic mode (SA-2006-02, CVE-2021-22946).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Security {
    /// Not at all.
    None,
    /// STLS (RFC 2595) before anything else; refused or missing, it ends the session.
    StartTls,
    /// TLS from the first octet (RFC 8314).
    #[default]
    Tls,
}

/// How to log in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Auth {
    /// APOP (RFC 1939 section 7): MD5, weak, only when named.
    Apop,
    /// SASL PLAIN where it is offered, else USER and PASS.
    #[default]
    Auto,
    /// SASL PLAIN (RFC 5034, RFC 4616).
    Plain,
    /// USER and PASS.
    User,
}
