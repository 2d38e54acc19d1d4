//! The reasons why the mail server did not take a message.

use std::io;

use super::LmtpOptions;
use crate::delivery;
use crate::exit::Exit;
use crate::mail::custody::NotDelivered;
use crate::net;
use crate::smtp::{self, ReplyTo};

/// The reason why the mail server did not take a message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is no connection, or no TLS.
    #[error(transparent)]
    Net(#[from] net::Error),
    /// The server does not know the recipient, or takes nothing for it.
    #[error("{target} takes no mail for {recipient}: {}", shown(source))]
    Recipient {
        /// The server.
        target: String,
        /// The recipient.
        recipient: String,
        /// The refusal.
        source: smtp::Error,
    },
    /// The session failed, or the server refused a message.
    #[error("{target}: {source}")]
    Session {
        /// The server.
        target: String,
        /// The reason.
        source: smtp::Error,
    },
    /// The spool failed.
    #[error(transparent)]
    Spool(#[from] delivery::Error),
    /// The message cannot be read from the spool.
    #[error("cannot read a message from the spool: {0}")]
    Unreadable(#[from] io::Error),
}

fn shown(error: &smtp::Error) -> String {
    match error {
        smtp::Error::Refused { reply, .. } => reply.to_string(),
        other => other.to_string(),
    }
}

impl Error {
    /// Returns the error for a session that failed.
    pub(super) fn session(options: &LmtpOptions, source: smtp::Error) -> Self {
        let target = options.to_string();
        let is_about_recipient = |to: &ReplyTo| *to == ReplyTo::Rcpt;
        match &source {
            smtp::Error::Refused { to, .. } if is_about_recipient(to) => Self::Recipient {
                target,
                recipient: options.recipient.to_string(),
                source,
            },
            _ => Self::Session { target, source },
        }
    }

    /// Returns true if the server may have the message nevertheless.
    pub(super) fn is_in_doubt(&self) -> bool {
        matches!(self, Self::Session { source, .. } if source.is_in_doubt())
    }

    /// Returns what the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Net(source) => source.hint(),
            Self::Recipient { source, .. } | Self::Session { source, .. } => {
                source.hint().map(str::to_owned)
            }
            Self::Spool(source) => source.hint(),
            Self::Unreadable(_) => None,
        }
    }

    /// Returns the exit status that it leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Net(source) => source.exit(),
            Self::Recipient { source, .. } | Self::Session { source, .. } => source.exit(),
            Self::Spool(source) => source.exit(),
            Self::Unreadable(_) => Exit::LocalIo,
        }
    }

    /// Returns what the database and the user are told about a message that was not delivered.
    pub(super) fn not_delivered(&self) -> NotDelivered {
        let kind = match self {
            Self::Recipient { target, source, .. } | Self::Session { target, source } => {
                format!("{target}: {}", source.kind())
            }
            other => other.to_string(),
        };
        NotDelivered {
            why: self.to_string(),
            kind,
            hint: self.hint(),
            exit: self.exit(),
        }
    }
}
