//! The reasons why a session failed, the exit status that this leads to, and what the user can do.

use std::fmt;
use std::io;

use super::reply::{MalformedReply, Reply};
use crate::exit::Exit;

/// The command, or other part of a session, that a reply belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReplyTo {
    /// The connection: the first thing that a server says.
    Connection,
    /// LHLO.
    Lhlo,
    /// STARTTLS.
    StartTls,
    /// RSET.
    Rset,
    /// MAIL, with the sender.
    Mail,
    /// RCPT, with the recipient.
    Rcpt,
    /// DATA, before the message.
    Data,
    /// The message itself.
    Message,
}

impl ReplyTo {
    /// Returns what is awaited before this reply.
    fn awaited(self) -> String {
        match self {
            Self::Connection => "the greeting".to_owned(),
            to => format!("the answer to {to}"),
        }
    }
}

impl fmt::Display for ReplyTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connection => "the connection",
            Self::Lhlo => "LHLO",
            Self::StartTls => "STARTTLS",
            Self::Rset => "RSET",
            Self::Mail => "the sender",
            Self::Rcpt => "the recipient",
            Self::Data => "DATA",
            Self::Message => "the message",
        })
    }
}

/// The reason why a session ended, or why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server closed the connection before a reply was complete.
    #[error("waiting for {}: the server closed the connection", .0.awaited())]
    Closed(ReplyTo),
    /// Octets without encryption came after the answer to STARTTLS: an attacker may be injecting
    /// replies, as they could to Exim (CVE-2021-38371).
    #[error("the server sent more than its answer to STARTTLS: somebody may be injecting replies")]
    Injected,
    /// The connection failed.
    #[error("{doing}: {source}")]
    Io {
        /// The step that failed: "sending LHLO".
        doing: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The message cannot be read, or has another length than before.
    #[error("cannot read the message from the spool: {0}")]
    Message(io::Error),
    /// The server sent something that is no reply.
    #[error("waiting for {}: {source}", to.awaited())]
    Malformed {
        /// The command.
        to: ReplyTo,
        /// The problem.
        source: MalformedReply,
    },
    /// The server refused a command.
    #[error("the server refused {to}: {reply}")]
    Refused {
        /// The command.
        to: ReplyTo,
        /// The server's reply.
        reply: Reply,
    },
    /// The whole message was sent, and no reply says what became of it.
    #[error("{0}; the message may be delivered nevertheless")]
    Unanswered(Box<Error>),
    /// The server sent something although no command was waiting for a reply.
    #[error("the server sent something although nothing was asked")]
    Unsolicited,
}

impl Error {
    /// Returns this error for a message that was sent as a whole.
    pub(super) fn after_message(self) -> Self {
        match self {
            // A reply to the message, or to the envelope before it.
            Self::Refused { .. } => self,
            other => Self::Unanswered(Box::new(other)),
        }
    }

    /// Returns true if the server may have the message nevertheless.
    pub fn is_in_doubt(&self) -> bool {
        matches!(self, Self::Unanswered(_))
    }

    /// Returns its text without what may differ for each message.
    pub fn kind(&self) -> String {
        match self {
            Self::Refused { to, reply } => format!("{to}: {}", reply.kind()),
            Self::Malformed { to, .. } => format!("{to}: no reply"),
            _ => self.to_string(),
        }
    }

    /// Returns what the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Refused { to, reply } if !reply.is_transient() => match to {
                ReplyTo::Lhlo => {
                    Some("Name the address where the server speaks LMTP: this one may speak SMTP")
                }
                ReplyTo::Rcpt => Some("Check recipient: the server decides whom it knows"),
                _ => None,
            },
            Self::Malformed { .. } => Some("Check that the server speaks LMTP at this address"),
            _ => None,
        }
    }

    /// Returns the exit status that it leads to.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Closed(_) | Self::Io { .. } | Self::Unanswered(_) => Exit::Temporary,
            Self::Refused { reply, .. } if reply.is_transient() => Exit::Temporary,
            // The server has it in its configuration who may send, and who receives here.
            Self::Refused {
                to: ReplyTo::Mail | ReplyTo::Rcpt,
                ..
            } => Exit::Configuration,
            Self::Message(_) => Exit::LocalIo,
            Self::Refused {
                to: ReplyTo::Message,
                ..
            } => Exit::LocalIo,
            Self::Injected | Self::Malformed { .. } | Self::Refused { .. } | Self::Unsolicited => {
                Exit::Protocol
            }
        }
    }

    /// Returns the error for a command that could not be sent.
    pub(super) fn sending(to: ReplyTo, source: io::Error) -> Self {
        let doing = format!("sending {to}");
        Self::Io { doing, source }
    }

    /// Returns the error for a reply that could not be read.
    pub(super) fn waiting_for(to: ReplyTo, source: io::Error) -> Self {
        let doing = format!("waiting for {}", to.awaited());
        Self::Io { doing, source }
    }
}
