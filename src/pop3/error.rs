//! The reasons why a POP3 session failed, the exit status that this leads to, and what the user can
//! do.

use std::io;

use super::refusal::Refusal;
use super::refusal::RefusedStep;
use super::reply::Status;
use super::server_profile::CapaUse;
use crate::exit::Exit;
use crate::mail::maildrop::BadListing;
use crate::os::signals::is_interrupt;
use crate::pace::TooSlow;
use crate::sasl::ExchangeFault;
use crate::sasl::Mechanism;
use crate::text::ServerText;

/// The greeting, as errors call it.
pub(super) const GREETING: &str = "the greeting";

/// What a greeting does, as errors call it.
pub(super) const OPEN_SESSION: &str = "to open a session";

/// The reason why a session ended, or why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A listing is invalid; nothing was fetched and nothing deleted.
    #[error("the answer to {command} cannot be used: {why}")]
    BadListing {
        /// UIDL or LIST.
        command: &'static str,
        /// The problem.
        why: String,
    },
    /// The session broke when the server was asked for its capabilities.
    #[error("{source}")]
    Capa {
        /// The use of CAPA with which another session may work.
        without: CapaUse,
        /// The reason.
        source: Box<Error>,
    },
    /// The server refused a login that relied on the profile of an earlier session, and announces
    /// something else now.
    #[error("the server has changed since the last session")]
    Changed,
    /// The server closed the connection before a reply was complete.
    #[error("waiting for {0}: the server closed the connection")]
    Closed(String),
    /// The server's part of a SASL exchange is invalid.
    #[error("the login (AUTH {mechanism}) cannot continue: {why}")]
    Exchange {
        /// The mechanism of the login.
        mechanism: Mechanism,
        /// The problem.
        why: String,
    },
    /// The server agreed to STLS, and what came then is no TLS.
    #[error(
        "the server agreed to TLS, and then it, or somebody between, went on without encryption"
    )]
    InClear,
    /// Octets without encryption came after the answer to STLS: an attacker may be injecting
    /// replies (CVE-2021-22947).
    #[error("the server sent more than its answer to STLS: somebody may be injecting replies")]
    Injected,
    /// The connection failed.
    #[error("{doing} {command}: {source}")]
    Io {
        /// "sending" or "waiting for".
        doing: &'static str,
        /// The command, or what was awaited.
        command: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The server refused to list the messages.
    #[error("the server refused {command}{refusal}")]
    ListingRefused {
        /// UIDL or LIST.
        command: &'static str,
        /// The server's reply.
        refusal: Refusal,
    },
    /// The server lacks something that is needed.
    #[error("the server does not offer {0}")]
    Lacks(&'static str),
    /// A listing needs more memory than the listings of other accounts leave. A session that begins
    /// with this many octets may succeed.
    #[error("it needs more memory than the listings of other accounts leave")]
    NoMemory(u64),
    /// The server has no unique-ids. It refused UIDL like this.
    #[error(
        "the server does not offer UIDL, without which new messages cannot be distinguished from \
         old ones; it said \"{}\"",
        .0.text
    )]
    NoUniqueIds(Refusal),
    /// A line is not a POP3 reply.
    #[error("waiting for {waiting_for}: the server said \"{line}\", which is not POP3")]
    NotPop3 {
        /// The awaited reply.
        waiting_for: String,
        /// The line that came.
        line: ServerText,
    },
    /// A reply does not belong to the command that waits for one, or a response was not read to its
    /// end.
    #[error("waiting for {0}: the replies no longer match the commands")]
    OutOfStep(String),
    /// The server refused a command.
    #[error("the server refused {command}{refusal}")]
    Refused {
        /// The command, without its secrets.
        command: String,
        /// The server's reply.
        refusal: Refusal,
    },
    /// The server refused a login, and gave a reason within the exchange.
    #[error("the server refused the login (AUTH {mechanism}){refusal} ({said})")]
    RefusedAt {
        /// The mechanism of the login.
        mechanism: Mechanism,
        /// The server's reason within the exchange; about a token, JSON (RFC 7628 section 3.2.2).
        said: ServerText,
        /// The server's final reply.
        refusal: Refusal,
    },
    /// The server refused a login before it saw a proof of the password, so the password cannot be the reason.
    #[error("the server refused the login (AUTH {mechanism}) before it saw a proof{refusal}")]
    RefusedUnproven {
        /// The mechanism of the login.
        mechanism: Mechanism,
        /// The server's reply.
        refusal: Refusal,
    },
    /// The server exceeded a limit.
    #[error("the server sent {0} longer than mailpull accepts")]
    TooLong(&'static str),
    /// The server is too slow, or the session has lasted too long.
    #[error("{doing} {command}: {source}")]
    TooSlow {
        /// "sending" or "waiting for".
        doing: &'static str,
        /// The command, or what was awaited.
        command: String,
        /// The limit.
        source: TooSlow,
    },
    /// The server refuses a login that is bound to the connection before it has seen any proof. It
    /// may know other ways to bind a login (RFC 9266), but not `tls-server-end-point`.
    #[error(
        "the server offers {mechanism} but does not bind it by the certificate: {}; earlier logins \
         were bound, so somebody may be intercepting the connection",
        refusal.text
    )]
    Unbound {
        /// The mechanism of the login.
        mechanism: Mechanism,
        /// The server's reply.
        refusal: Refusal,
    },
    /// The server closes the connection at a login that is bound to it, before it has seen any proof.
    #[error(
        "the server offers {mechanism}, but closes the connection when such a login begins; earlier \
         logins were bound, so somebody may be intercepting the connection"
    )]
    UnboundByClosing {
        /// The mechanism of the login.
        mechanism: Mechanism,
    },
    /// The server let the user in without having proved that it knows the password.
    #[error(
        "the login (AUTH {mechanism}) failed: the server could not prove that it knows the password"
    )]
    Unproven {
        /// The mechanism of the login.
        mechanism: Mechanism,
    },
    /// The server sent something although no command was waiting for a reply.
    #[error("before {0}: the server sent something although nothing was asked")]
    Unsolicited(String),
    /// The mechanism has no form for these credentials; nothing was sent.
    #[error("cannot log in by {mechanism}: {why}")]
    UnusableCredentials {
        /// The mechanism of the login.
        mechanism: Mechanism,
        /// The problem.
        why: String,
    },
}

impl Error {
    pub(super) fn io(doing: &'static str, command: impl Into<String>, source: io::Error) -> Self {
        let command = command.into();
        match TooSlow::of(&source) {
            Some(source) => Self::TooSlow {
                doing,
                command,
                source,
            },
            None => Self::Io {
                doing,
                command,
                source,
            },
        }
    }

    pub(super) fn bad_listing(command: &'static str, why: BadListing) -> Self {
        match why {
            BadListing::NoMemory(wanted) => Self::NoMemory(wanted),
            why => Self::BadListing {
                command,
                why: why.to_string(),
            },
        }
    }

    /// Returns the error for a session that broke at CAPA.
    pub(super) fn at_capa(without: CapaUse, source: Self) -> Self {
        if source.is_closed() || source.is_timeout() || source.is_out_of_step() {
            let source = Box::new(source);
            return Self::Capa { without, source };
        }
        source
    }

    pub(super) fn not_pop3(waiting_for: &str, line: &[u8]) -> Self {
        Self::NotPop3 {
            waiting_for: waiting_for.to_owned(),
            line: ServerText::new(line),
        }
    }

    /// Returns the error for a reply that is not the one a command waits for.
    pub(super) fn unexpected(command: impl Into<String>, status: Status) -> Self {
        let command = command.into();
        match status {
            Status::Negative(refusal) => Self::Refused { command, refusal },
            Status::Continue(_) | Status::Positive(_) => Self::OutOfStep(command),
        }
    }

    pub(super) fn in_exchange(mechanism: Mechanism, fault: ExchangeFault) -> Self {
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

    /// The server's reply if it refused something.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused { refusal, .. }
            | Self::RefusedAt { refusal, .. }
            | Self::RefusedUnproven { refusal, .. } => Some(refusal),
            _ => None,
        }
    }

    /// Returns the hint: what the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoUniqueIds(_) => {
                Some("Set keep = false, so that every message is fetched and deleted".to_owned())
            }
            Self::TooSlow { .. } => {
                Some("Run mailpull again: it continues where this run stopped".to_owned())
            }
            Self::Unbound { mechanism, .. } | Self::UnboundByClosing { mechanism } => {
                let bare = mechanism.bare().name().to_ascii_lowercase();
                Some(format!(
                    "If the server has changed, accept that once: mailpull fetch -o auth={bare} ACCOUNT"
                ))
            }
            Self::Unproven { .. } => {
                Some("Check the password, and that \"server\" is the right one".to_owned())
            }
            _ => None,
        }
    }

    /// The exit status that it leads to.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Capa { source, .. } => source.exit(),
            Self::Changed
            | Self::Closed(_)
            | Self::Io { .. }
            | Self::NoMemory(_)
            | Self::TooSlow { .. } => Exit::Temporary,
            Self::Lacks(_)
            | Self::NoUniqueIds(_)
            | Self::Unbound { .. }
            | Self::UnboundByClosing { .. } => Exit::Unavailable,
            Self::ListingRefused { refusal, .. } => refusal.exit_at(RefusedStep::Listing),
            Self::Refused { refusal, .. }
            | Self::RefusedAt { refusal, .. }
            | Self::RefusedUnproven { refusal, .. } => refusal.exit_at(RefusedStep::Greeting),
            Self::UnusableCredentials { .. } => Exit::Configuration,
            _ => Exit::Protocol,
        }
    }

    /// Returns true if the server sent something where nothing, or something else, belongs: a
    /// response before it may have ended too early.
    pub fn is_out_of_step(&self) -> bool {
        match self {
            Self::Capa { source, .. } => source.is_out_of_step(),
            Self::OutOfStep(_) | Self::NotPop3 { .. } | Self::Unsolicited(_) => true,
            _ => false,
        }
    }

    /// Returns true if the server closed or reset the connection.
    pub fn is_closed(&self) -> bool {
        match self {
            Self::Capa { source, .. } => source.is_closed(),
            Self::Closed(_) => true,
            Self::Io { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::BrokenPipe
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::UnexpectedEof
            ),
            _ => false,
        }
    }

    /// Returns true if nothing came for too long.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Capa { source, .. } => source.is_timeout(),
            Self::Io { source, .. } => source.kind() == io::ErrorKind::TimedOut,
            _ => false,
        }
    }

    /// Returns true if the server refused the session in its greeting, or closed the connection instead of one.
    pub fn is_turned_away(&self) -> bool {
        match self {
            Self::Refused { command, .. } => command == OPEN_SESSION,
            Self::Closed(waiting_for) => waiting_for == GREETING,
            Self::Io { command, .. } => command == GREETING && self.is_closed(),
            _ => false,
        }
    }

    /// Returns true if a signal caused it.
    pub fn is_interrupt(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_interrupt(source))
    }
}
