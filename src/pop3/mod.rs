//! A blocking POP3 session (RFC 1939, 2449, 2595, 5034) on pure codecs.
//! Knows nothing of names, certificates, files or databases.

use std::io;

use crate::exit::Exit;
use crate::limits;
use crate::mail::maildrop::BadListing;
use crate::os::signals::is_interrupt;
use crate::text::ServerText;

use reply::Status;
use sasl::ExchangeFault;

pub mod apop;
pub(crate) mod authorization;
pub mod capabilities;
pub(crate) mod command;
mod cram;
mod digest_md5;
pub(crate) mod mechanism;
pub(crate) mod pipeline;
pub mod reply;
pub(crate) mod sasl;
mod sasl_login;
pub(crate) mod server_profile;
pub(crate) mod session_hints;
mod speed;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod transaction;
pub mod unstuff;
pub(crate) mod wire;

pub use authorization::Authorization;
pub use capabilities::Capabilities;
pub use mechanism::{Mechanism, Strength};
pub use pipeline::{Ask, HeaderOf, Pipeline, Retrieved};
pub use reply::{Refusal, ResponseCode};
pub use sasl::Credentials;
pub use server_profile::{Channel, ServerProfile};
pub use session_hints::{Pipelining, PipeliningLog, SessionHints, Sizes};
pub use transaction::{QuitReply, Transaction};
pub use wire::{Direction, Trace};

/// Why a session ended or a command did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A listing that cannot be believed; nothing was fetched and nothing deleted.
    #[error("the answer to {command} cannot be used: {why}")]
    BadListing {
        /// UIDL or LIST.
        command: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The server refused a login that rested on what it announced in an earlier session.
    #[error("the server has changed since the last session")]
    Changed,
    /// The server closed the connection in the middle of something.
    #[error("waiting for {0}: the server closed the connection")]
    Closed(String),
    /// A reply came that belongs to no command, or a response was left unread.
    #[error("waiting for {0}: the session has lost its step")]
    OutOfStep(String),
    /// Octets came in the clear behind the answer to STLS: somebody injects (security.md 2.3).
    #[error("the server sent more than its answer to STLS: somebody may be injecting replies")]
    Injected,
    /// The connection failed.
    #[error("{doing} {command}: {source}")]
    Io {
        /// Sending or waiting for.
        doing: &'static str,
        /// The command or what was awaited.
        command: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The server cannot do what is needed.
    #[error("the server does not offer {0}")]
    Lacks(&'static str),
    /// The server has no unique-ids.
    #[error(
        "the server does not offer UIDL, by which new messages are told from old ones; without it a \
         maildrop can only be emptied: keep = false"
    )]
    NoUniqueIds,
    /// A line that is no POP3 reply.
    #[error("waiting for {waiting_for}: the server said \"{line}\", which is not POP3")]
    NotPop3 {
        /// What was awaited.
        waiting_for: String,
        /// What came instead.
        line: ServerText,
    },
    /// The server refused a command.
    #[error("the server refused {command}: {}", refusal.text)]
    Refused {
        /// The command, without its secrets.
        command: String,
        /// What the server said.
        refusal: Refusal,
    },
    /// The server refused a login, and said more of it than in its reply.
    #[error("the server refused the login (AUTH {mechanism}): {}; it told us {said}", refusal.text)]
    RefusedAt {
        /// How it was tried.
        mechanism: Mechanism,
        /// What it said within the exchange: of a token, JSON (RFC 7628 section 3.2.2).
        said: ServerText,
        /// What it said at its end.
        refusal: Refusal,
    },
    /// The session has lasted longer than [`limits::SESSION_TIME`].
    #[error(
        "waiting for {0}: the session has lasted {hours} hours; what came is kept, and the next run \
         goes on from there",
        hours = limits::SESSION_TIME.as_secs() / 3600
    )]
    SessionTooLong(String),
    /// The server said in a SASL exchange what does not belong there.
    #[error("in the login (AUTH {mechanism}) the server said what cannot be answered: {why}")]
    Exchange {
        /// How the login was tried.
        mechanism: Mechanism,
        /// What is wrong with it.
        why: String,
    },
    /// The server exceeded a limit of ours.
    #[error("the server sent {0} longer than any real one")]
    TooLong(&'static str),
    /// The server drips: less than [`limits::LOW_SPEED`] came.
    #[error(
        "waiting for {0}: fewer than {octets} octets a second came for {minutes} minutes; what \
         came before is kept, and the next run goes on from there",
        octets = limits::LOW_SPEED,
        minutes = limits::SPEED_WINDOW.as_secs() / 60
    )]
    TooSlow(String),
    /// The server refuses a login that is bound to the connection before it has seen any proof: it
    /// may know other ways to bind one (RFC 9266), but not ours.
    #[error(
        "the server offers {mechanism} but does not bind it by the certificate: {}; this account was \
         bound before, so that somebody may stand between; if the server has changed, say so once: \
         mailpull fetch -o auth={} ACCOUNT",
        refusal.text,
        mechanism.bare().name().to_ascii_lowercase()
    )]
    Unbound {
        /// How the login was tried.
        mechanism: Mechanism,
        /// What it said.
        refusal: Refusal,
    },
    /// What the account has cannot be said in this mechanism; nothing was sent.
    #[error("the login (AUTH {mechanism}): {why}")]
    UnusableCredentials {
        /// How the login was to be tried.
        mechanism: Mechanism,
        /// Why it cannot.
        why: String,
    },
    /// The server let us in without having proved who it is.
    #[error(
        "in the login (AUTH {mechanism}) the server could not prove that it knows the password: it \
         is not the right one, or somebody stands between"
    )]
    Unproven {
        /// How the login was tried.
        mechanism: Mechanism,
    },
    /// The server spoke although nothing was asked.
    #[error("before {0}: the server went on talking although nothing was asked")]
    Unsolicited(String),
}

impl Error {
    fn io(doing: &'static str, command: impl Into<String>, source: io::Error) -> Self {
        Self::Io {
            doing,
            command: command.into(),
            source,
        }
    }

    fn bad_listing(command: &'static str, why: BadListing) -> Self {
        Self::BadListing {
            command,
            why: why.to_string(),
        }
    }

    /// A reply that is not the one a command waits for.
    fn unexpected(command: impl Into<String>, status: Status) -> Self {
        let command = command.into();
        match status {
            Status::Negative(refusal) => Self::Refused { command, refusal },
            Status::Continue(_) | Status::Positive(_) => Self::OutOfStep(command),
        }
    }

    fn in_exchange(mechanism: Mechanism, fault: ExchangeFault) -> Self {
        match fault {
            ExchangeFault::Challenge(why) => Self::Exchange { mechanism, why },
            ExchangeFault::Refused(_) => Self::Exchange {
                mechanism,
                why: "the server refused".into(),
            },
            ExchangeFault::Unproven => Self::Unproven { mechanism },
            ExchangeFault::Unusable(why) => Self::UnusableCredentials { mechanism, why },
        }
    }

    /// What the server said when it refused something.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused { refusal, .. } | Self::RefusedAt { refusal, .. } => Some(refusal),
            _ => None,
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        None
    }

    /// The exit status that it leads to.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Changed
            | Self::Closed(_)
            | Self::Io { .. }
            | Self::SessionTooLong(_)
            | Self::TooSlow(_) => Exit::Temporary,
            Self::Lacks(_) | Self::NoUniqueIds | Self::Unbound { .. } => Exit::Unavailable,
            Self::Refused { refusal, .. } | Self::RefusedAt { refusal, .. }
                if refusal.is_transient() =>
            {
                Exit::Temporary
            }
            Self::UnusableCredentials { .. } => Exit::Configuration,
            _ => Exit::Protocol,
        }
    }

    /// Whether the server said something where nothing, or something else, belongs: what came
    /// before it may have ended too early.
    pub fn is_out_of_step(&self) -> bool {
        matches!(
            self,
            Self::OutOfStep(_) | Self::NotPop3 { .. } | Self::Unsolicited(_)
        )
    }

    /// Whether nothing came for too long.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::TimedOut)
    }

    /// Whether a signal caused it.
    pub fn is_interrupt(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_interrupt(source))
    }
}
