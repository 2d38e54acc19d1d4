//! Why there is no token, in one line that never shows any of one.
//! Does not know which command signs in again; who tells the user does.

use std::io;

use super::answer::ProviderRefusal;
use crate::exit::{Exit, Failure};
use crate::net;
use crate::os::keyring;
use crate::os::secret_file::Exposed;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The provider's answer is not understood.
    #[error("the answer of {host} to the request for a token is not understood: {problem}")]
    Answer {
        /// The provider.
        host: String,
        /// What is wrong with it.
        problem: String,
    },
    /// What proves to the provider which client we are is kept away.
    #[error(transparent)]
    ClientSecret(Failure),
    /// The provider cannot be reached.
    #[error("asking for a token: {0}")]
    Connect(#[source] net::Error),
    /// The token has ended, or is refused, and there is nothing to get another one with.
    #[error("the sign-in has ended, as the provider granted no refresh token")]
    Ended,
    /// What is kept of the sign-in is open to others.
    #[error(transparent)]
    Exposed(#[from] Exposed),
    /// The time for signing in is over.
    #[error("nobody signed in in time")]
    Expired,
    /// A signal asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// The connection to the provider broke.
    #[error("asking {host} for a token: {source}")]
    Io {
        /// The provider.
        host: String,
        /// What happened.
        source: io::Error,
    },
    /// The keyring gives or takes nothing.
    #[error(transparent)]
    Keyring(#[from] keyring::Error),
    /// The browser cannot be waited for.
    #[error("cannot wait for the browser: {0}")]
    Listen(#[source] io::Error),
    /// What is kept of the sign-in cannot be read or written.
    #[error("cannot {doing} {path}: {source}")]
    TokenFile {
        /// What was to be done.
        doing: &'static str,
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody has signed in.
    #[error("nobody has signed in")]
    NotSignedIn,
    /// The provider said no.
    #[error("{host} refuses the sign-in: {refusal}")]
    Refused {
        /// The provider.
        host: String,
        /// What it said.
        refusal: ProviderRefusal,
    },
    /// The provider answered with a status that is neither a yes nor a no.
    #[error("asking {host} for a token: it answers with status {status}")]
    Status {
        /// The provider.
        host: String,
        /// The status of HTTP.
        status: u16,
    },
    /// The provider does not know this way of signing in.
    #[error("this provider is not known to have {0}")]
    Unavailable(&'static str),
}

impl Error {
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::ClientSecret(failure) => failure.hint.clone(),
            Self::Connect(source) => source.hint(),
            Self::Exposed(source) => source.hint(),
            Self::Keyring(source) => source.hint(),
            Self::Refused { refusal, .. } => refusal.hint(),
            _ => None,
        }
    }

    /// The status that it leads to.
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
            Self::Status { status, .. } if *status == 429 || *status >= 500 => Exit::Temporary,
            Self::Answer { .. } | Self::Status { .. } => Exit::Protocol,
            Self::Exposed(_) | Self::NotSignedIn | Self::Unavailable(_) => Exit::Configuration,
        }
    }

    /// Whether only a new sign-in helps.
    pub(crate) fn wants_sign_in(&self) -> bool {
        match self {
            Self::Ended | Self::NotSignedIn => true,
            Self::Refused { refusal, .. } => refusal.exit() == Exit::LoginRefused,
            _ => false,
        }
    }
}
