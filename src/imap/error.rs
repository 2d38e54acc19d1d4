//! The reasons why a session failed, the exit status that this leads to, and what the user can do.

use std::fmt;
use std::io;

use super::code::ImapCode;
use super::decoder::MalformedResponse;
use super::response::{Condition, StatusResponse};
use crate::exit::Exit;
use crate::sasl::{ExchangeFault, Mechanism};
use crate::text::ServerText;

/// The command, or other part of a session, that an answer belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AnswerTo {
    /// The connection: the first thing that a server says.
    Connection,
    /// CAPABILITY.
    Capability,
    /// STARTTLS.
    StartTls,
    /// LOGIN or AUTHENTICATE.
    Login,
    /// LIST, for the hierarchy delimiter.
    List,
    /// STATUS, with the mailbox.
    Status,
    /// CREATE, with the mailbox.
    Create,
    /// SUBSCRIBE, with the mailbox.
    Subscribe,
    /// APPEND, with the message.
    Message,
    /// EXAMINE, with the mailbox.
    Examine,
    /// UID FETCH.
    Fetch,
    /// UNSELECT or CLOSE.
    Unselect,
    /// LOGOUT.
    Logout,
}

impl AnswerTo {
    /// Returns what is awaited before this answer.
    fn awaited(self) -> String {
        match self {
            Self::Connection => "the greeting".to_owned(),
            to => format!("the answer to {to}"),
        }
    }

    /// Returns true if the answer is about a mailbox by its name.
    fn is_about_mailbox(self) -> bool {
        matches!(self, Self::Create | Self::Examine | Self::Status)
    }
}

impl fmt::Display for AnswerTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connection => "the connection",
            Self::Capability => "CAPABILITY",
            Self::StartTls => "STARTTLS",
            Self::Login => "the login",
            Self::List => "LIST",
            Self::Status => "STATUS",
            Self::Create => "CREATE",
            Self::Subscribe => "SUBSCRIBE",
            Self::Message => "the message",
            Self::Examine => "EXAMINE",
            Self::Fetch => "FETCH",
            Self::Unselect => "UNSELECT",
            Self::Logout => "LOGOUT",
        })
    }
}

/// The reason why a session ended, or why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server ends the session by itself.
    #[error("waiting for {}: the server ended the session: {answer}", to.awaited())]
    Bye {
        /// The command that was waiting for an answer.
        to: AnswerTo,
        /// The server's reason.
        answer: StatusResponse,
    },
    /// The server closed the connection before an answer was complete.
    #[error("waiting for {}: the server closed the connection", .0.awaited())]
    Closed(AnswerTo),
    /// The server's part of a SASL exchange is invalid.
    #[error("the login (AUTHENTICATE {mechanism}) cannot continue: {why}")]
    Exchange {
        /// The mechanism of the login.
        mechanism: Mechanism,
        /// The problem.
        why: String,
    },
    /// Octets without encryption came after the answer to STARTTLS: an attacker may be injecting
    /// responses, as they could to Thunderbird (CVE-2020-15685).
    #[error(
        "the server sent more than its answer to STARTTLS: somebody may be injecting responses"
    )]
    Injected,
    /// The connection failed.
    #[error("{doing}: {source}")]
    Io {
        /// The step that failed: "sending LOGIN".
        doing: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The server does not take LOGIN, mostly because TLS has not begun.
    #[error("the server takes no password by LOGIN here (LOGINDISABLED)")]
    LoginDisabled,
    /// The server sent something that is no response.
    #[error("waiting for {}: {source}", to.awaited())]
    Malformed {
        /// The command.
        to: AnswerTo,
        /// The problem.
        source: MalformedResponse,
    },
    /// The message cannot be read, or has another length than before.
    #[error("cannot read the message from the spool: {0}")]
    Message(io::Error),
    /// The server carried a command out and did not send what was asked for.
    #[error("the answer to {to} lacks {what}")]
    Missing {
        /// The command.
        to: AnswerTo,
        /// The missing value.
        what: &'static str,
    },
    /// The octets of a message cannot be written.
    #[error("cannot keep what the server sent: {0}")]
    Output(io::Error),
    /// A response does not belong to the command that waits for one.
    #[error("waiting for {}: the responses no longer match the commands", .0.awaited())]
    OutOfStep(AnswerTo),
    /// The server took the client for logged in before TLS began. RFC 3501 allows no STARTTLS then,
    /// so somebody may have forged the greeting to read everything (CVE-2020-12398).
    #[error("the server lets anybody in without a login, so TLS cannot begin")]
    PreAuthenticated,
    /// The server refused a command.
    #[error("the server refused {to}: {answer}")]
    Refused {
        /// The command.
        to: AnswerTo,
        /// The server's answer.
        answer: StatusResponse,
    },
    /// The server refused a login, and gave a reason within the exchange.
    #[error("the server refused the login: {answer} ({said})")]
    RefusedAt {
        /// The server's answer.
        answer: StatusResponse,
        /// The server's reason within the exchange; about a token, JSON (RFC 7628 section 3.2.2).
        said: ServerText,
    },
    /// The server does not speak IMAP4rev1.
    #[error("the server does not announce IMAP4rev1")]
    TooOld,
    /// A whole message was sent, and no answer says what became of it.
    #[error("{0}; the message may be delivered nevertheless")]
    Unanswered(Box<Error>),
    /// The server let the user in without having proved that it knows the password.
    #[error(
        "the login (AUTHENTICATE {mechanism}) failed: the server could not prove that it knows the \
         password"
    )]
    Unproven {
        /// The mechanism of the login.
        mechanism: Mechanism,
    },
    /// The user's name would end its command.
    #[error("the name of the user contains a line break or a NUL")]
    UnsendableUser,
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

    /// Returns this error for messages that were sent as a whole.
    pub(super) fn after_message(self) -> Self {
        match self {
            // The server says itself that it does not have them.
            Self::Refused { .. } => self,
            other => Self::Unanswered(Box::new(other)),
        }
    }

    /// Returns true if the server may have a message nevertheless.
    pub fn is_in_doubt(&self) -> bool {
        matches!(self, Self::Unanswered(_))
    }

    /// Returns the server's answer if it refused something.
    pub fn refusal(&self) -> Option<&StatusResponse> {
        match self {
            Self::Refused { answer, .. } | Self::RefusedAt { answer, .. } => Some(answer),
            _ => None,
        }
    }

    /// Returns its text without what may differ for each message.
    pub fn kind(&self) -> String {
        match self {
            Self::Bye { to, answer } | Self::Refused { to, answer } => {
                format!("{to}: {}", answer.kind())
            }
            Self::Malformed { to, .. } => format!("{to}: no response"),
            Self::RefusedAt { answer, .. } => format!("{}: {}", AnswerTo::Login, answer.kind()),
            _ => self.to_string(),
        }
    }

    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Malformed { .. } | Self::TooOld => {
                Some("Check that the server speaks IMAP at this address")
            }
            Self::Unproven { .. } => {
                Some("Check the password, and that \"server\" is the right one")
            }
            Self::PreAuthenticated => {
                Some("Somebody may be intercepting the connection; use TLS from the first octet")
            }
            _ => None,
        }
    }

    /// Returns the exit status that it leads to.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Closed(_) | Self::Io { .. } | Self::Unanswered(_) => Exit::Temporary,
            Self::Bye { answer, .. } => exit_by_code(answer).unwrap_or(Exit::Temporary),
            Self::Refused { to, answer } => {
                exit_by_code(answer).unwrap_or(match answer.condition {
                    // The greeting: mostly there are too many connections.
                    Condition::Bye => Exit::Temporary,
                    Condition::No if to.is_about_mailbox() => Exit::CannotCreate,
                    Condition::No if *to == AnswerTo::Login => Exit::LoginRefused,
                    Condition::No if *to == AnswerTo::Message => Exit::LocalIo,
                    _ => Exit::Protocol,
                })
            }
            Self::RefusedAt { answer, .. } => exit_by_code(answer).unwrap_or(Exit::LoginRefused),
            Self::LoginDisabled | Self::TooOld => Exit::Unavailable,
            Self::UnsendableUser | Self::UnusableCredentials { .. } => Exit::Configuration,
            Self::Message(_) | Self::Output(_) => Exit::LocalIo,
            Self::Exchange { .. }
            | Self::Injected
            | Self::Malformed { .. }
            | Self::Missing { .. }
            | Self::OutOfStep(_)
            | Self::PreAuthenticated
            | Self::Unproven { .. } => Exit::Protocol,
        }
    }

    /// Returns the error for a command that could not be sent.
    pub(super) fn sending(to: AnswerTo, source: io::Error) -> Self {
        let doing = format!("sending {to}");
        Self::Io { doing, source }
    }

    /// Returns the error for an answer that could not be read.
    pub(super) fn waiting_for(to: AnswerTo, source: io::Error) -> Self {
        let doing = format!("waiting for {}", to.awaited());
        Self::Io { doing, source }
    }
}

/// Returns the exit status that the code of an answer leads to (RFC 5530).
fn exit_by_code(answer: &StatusResponse) -> Option<Exit> {
    match answer.code.as_ref()? {
        ImapCode::ContactAdmin
        | ImapCode::InUse
        | ImapCode::Limit
        | ImapCode::OverQuota
        | ImapCode::ServerBug
        | ImapCode::Unavailable => Some(Exit::Temporary),
        ImapCode::AuthenticationFailed | ImapCode::AuthorizationFailed | ImapCode::Expired => {
            Some(Exit::LoginRefused)
        }
        ImapCode::Cannot | ImapCode::NoPerm | ImapCode::PrivacyRequired => {
            Some(Exit::Configuration)
        }
        ImapCode::NonExistent | ImapCode::TryCreate => Some(Exit::CannotCreate),
        ImapCode::TooBig => Some(Exit::LocalIo),
        _ => None,
    }
}
