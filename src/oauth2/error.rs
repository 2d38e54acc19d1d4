//! The reasons why there is no token, and what the user can do. An error never shows a part of a
//! token.

use std::io;

use super::answer::ProviderRefusal;
use crate::exit::{Exit, Failure};
use crate::net;
use crate::os::keyring;
use crate::os::secret_file::Exposed;

/// The reason why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The provider's answer is not valid.
    #[error("the answer of {host} to the request for a token is not understood: {problem}")]
    Answer {
        /// The provider.
        host: String,
        /// The problem.
        problem: String,
    },
    /// The client's secret cannot be read.
    #[error(transparent)]
    ClientSecret(Failure),
    /// The provider cannot be reached.
    #[error("asking for a token: {0}")]
    Connect(#[source] net::Error),
    /// The access token has expired, or is refused, and there is no refresh token.
    #[error("the sign-in has ended, as the provider granted no refresh token")]
    Ended,
    /// Others can read the stored tokens.
    #[error(transparent)]
    Exposed(#[from] Exposed),
    /// Nobody signed in in time.
    #[error("nobody signed in in time")]
    Expired,
    /// A signal arrived.
    #[error("interrupted")]
    Interrupted,
    /// The connection to the provider broke.
    #[error("asking {host} for a token: {source}")]
    Io {
        /// The provider.
        host: String,
        /// The error of the connection.
        source: io::Error,
    },
    /// The keyring cannot be used.
    #[error(transparent)]
    Keyring(#[from] keyring::Error),
    /// No port can be opened for the browser.
    #[error("cannot wait for the browser: {0}")]
    Listen(#[source] io::Error),
    /// The stored tokens cannot be read or written.
    #[error("cannot {doing} {path}: {source}")]
    TokenFile {
        /// "lock", "create", "read" or "write".
        doing: &'static str,
        /// The file.
        path: String,
        /// The system's error.
        source: io::Error,
    },
    /// Nobody has signed in.
    #[error("nobody has signed in")]
    NotSignedIn,
    /// The provider refused.
    #[error("{host} refuses the sign-in: {refusal}")]
    Refused {
        /// The provider.
        host: String,
        /// Its refusal.
        refusal: ProviderRefusal,
    },
    /// The provider answered with an HTTP status that is neither success nor refusal.
    #[error("asking {host} for a token: it answers with status {status}")]
    Status {
        /// The provider.
        host: String,
        /// The HTTP status.
        status: u16,
    },
    /// The configuration has no address of the provider for this kind of sign-in.
    #[error("mailpull knows no address of this provider for {what}")]
    Unavailable {
        /// The kind of sign-in.
        what: &'static str,
        /// The key that gives the address.
        key: &'static str,
    },
}

impl Error {
    /// Returns the hint: what the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::ClientSecret(failure) => failure.hint.clone(),
            Self::Connect(source) => source.hint(),
            Self::Exposed(source) => source.hint(),
            Self::Keyring(source) => source.hint(),
            Self::Refused { refusal, .. } => refusal.hint(),
            Self::Unavailable { key, .. } => Some(format!("If there is one, set {key}")),
            _ => None,
        }
    }

    /// Returns the exit status that the error leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::ClientSecret(failure) => failure.exit,
            Self::Connect(source) => source.exit(),
            Self::Interrupted => Exit::Signal(2),
            Self::Io { .. } => Exit::Temporary,
            Self::Keyring(source) => source.exit(),
            Self::TokenFile { .. } | Self::Listen(_) => Exit::LocalIo,
            Self::Ended | Self::Expired => Exit::LoginRefused,
            Self::Refused { refusal, .. } => refusal.exit(),
            // 429: too many requests (RFC 6585 section 4).
            Self::Status { status, .. } if *status == 429 || *status >= 500 => Exit::Temporary,
            Self::Answer { .. } | Self::Status { .. } => Exit::Protocol,
            Self::Exposed(_) | Self::NotSignedIn | Self::Unavailable { .. } => Exit::Configuration,
        }
    }

    /// Returns true if only a new sign-in helps.
    pub(crate) fn wants_sign_in(&self) -> bool {
        match self {
            Self::Ended | Self::NotSignedIn => true,
            Self::Refused { refusal, .. } => refusal.exit() == Exit::LoginRefused,
            _ => false,
        }
    }
}
