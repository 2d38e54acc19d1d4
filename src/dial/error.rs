//! Why there is no session: what happened on the way to it, and what the user can do.
//! Tries nothing again.

use super::auth::NoMechanism;
use crate::exit::Exit;
use crate::net;
use crate::pop3::{self, Mechanism, ResponseCode};

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The server breaks off where it is asked for its capabilities.
    #[error("connecting to {endpoint}: {source}")]
    Capabilities {
        /// The server.
        endpoint: net::Endpoint,
        /// What happened.
        source: pop3::Error,
    },
    /// The server refused the login.
    #[error("logging in as {user}: {}", self.with_advice(source))]
    Login {
        /// The user.
        user: String,
        /// How it was tried.
        mechanism: Option<Mechanism>,
        /// What is known of this login.
        history: LoginHistory,
        /// What the server said.
        source: pop3::Error,
    },
    /// The server has no way to log in that is wanted.
    #[error("logging in as {user}: {source}")]
    NoMechanism {
        /// The user.
        user: String,
        /// Why.
        source: NoMechanism,
    },
    /// There is no connection.
    #[error(transparent)]
    Net(#[from] net::Error),
    /// The session failed before the login.
    #[error("connecting to {endpoint}: {source}")]
    Session {
        /// The server.
        endpoint: net::Endpoint,
        /// Why it failed.
        source: pop3::Error,
    },
    /// The server does not encrypt.
    #[error(
        "asking {endpoint} for TLS: {source}; nothing secret was sent. If the server offers TLS \
         on port 995, set security = \"tls\""
    )]
    StartTls {
        /// The server.
        endpoint: net::Endpoint,
        /// Why it failed.
        source: pop3::Error,
    },
}

/// What is known of a login that is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LoginHistory {
    /// It has worked.
    Worked,
    /// Nothing is known of it.
    Unknown,
}

impl Error {
    /// What the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Net(source) => source.hint(),
            Self::Capabilities { source, .. }
            | Self::Login { source, .. }
            | Self::Session { source, .. }
            | Self::StartTls { source, .. } => source.hint(),
            Self::NoMechanism { .. } => None,
        }
    }

    /// The exit status that it leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Login { source, .. } => match source.refusal() {
                Some(refusal) if !refusal.is_transient() => Exit::LoginRefused,
                _ => source.exit(),
            },
            Self::NoMechanism { .. } => Exit::Unavailable,
            Self::Net(source) => source.exit(),
            Self::Capabilities { source, .. } | Self::Session { source, .. } => source.exit(),
            // Refusing to encrypt is never something to wait for: it may be an attack.
            Self::StartTls { source, .. } => match source {
                pop3::Error::Refused { .. } => Exit::Protocol,
                source => source.exit(),
            },
        }
    }

    /// Whether the server did not answer a login as one that it is known to understand.
    pub(super) fn contradicts_memory(&self) -> bool {
        let Self::Login { source, .. } = self else {
            return false;
        };
        matches!(source, pop3::Error::Changed | pop3::Error::Closed(_))
            || self.is_out_of_step_or_silent()
    }

    /// Whether the server said nothing to a login, or something that belongs to no login.
    pub(super) fn is_out_of_step_or_silent(&self) -> bool {
        matches!(self, Self::Login { source, .. } if source.is_out_of_step() || source.is_timeout())
    }

    /// Whether the server did not understand how a login was bound to the connection.
    pub(super) fn is_unbound(&self) -> bool {
        matches!(
            self,
            Self::Login {
                source: pop3::Error::Unbound { .. },
                ..
            }
        )
    }

    /// What happened, and what the user can do, in one sentence: servers end theirs.
    fn with_advice(&self, source: &pop3::Error) -> String {
        let advice = self.advice();
        let told = source.to_string();
        match advice {
            "" => told,
            advice => format!("{}{advice}", told.trim_end_matches('.')),
        }
    }

    /// What the user can do. The codes of RFC 2449 and 3206 say whose fault it is; a server that
    /// does not have them may mean anything (quirks.md 30).
    fn advice(&self) -> &'static str {
        let Self::Login {
            source,
            mechanism,
            history,
            ..
        } = self
        else {
            return "";
        };
        let Some(refusal) = source.refusal() else {
            return "";
        };
        // Said only of a bound login, at its end.
        if let pop3::Error::RefusedAt { said, .. } = source
            && said.as_octets() == b"channel-bindings-dont-match"
        {
            return "; somebody may stand between, with a certificate that is trusted here";
        }
        let takes_token = mechanism.is_some_and(Mechanism::takes_token);
        match refusal.code {
            Some(ResponseCode::InUse) => "; another session has the maildrop",
            Some(ResponseCode::LoginDelay) => "; it wants more time between two logins",
            Some(ResponseCode::SysTemp) => {
                "; that is a fault of the server, which says it will pass"
            }
            Some(ResponseCode::SysPerm) => {
                "; that is a fault of the server, which will not pass: ask whoever runs it"
            }
            None if refusal.is_transient() => "",
            _ if takes_token => {
                "; the access token may have run out, be another user's or not be for mail: get a \
                 new one, and see whether the provider wants POP3 switched on"
            }
            _ if *mechanism == Some(Mechanism::External) => "; check user and tls-client-cert",
            None if *history == LoginHistory::Worked => {
                "; this login has worked before and the server does not say what is wrong with it: \
                 it may pass; else check user and password"
            }
            Some(ResponseCode::Auth) | None => {
                "; check user and password, and whether the provider wants POP3 switched on or an \
                 app password"
            }
        }
    }
}
