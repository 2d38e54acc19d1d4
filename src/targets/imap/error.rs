//! The reasons why the IMAP server did not take a message.

use std::io;

use super::ImapOptions;
use crate::delivery;
use crate::exit::{Exit, Failure};
use crate::imap::{self, AnswerTo, Condition, ImapCode, StatusResponse};
use crate::mail::custody::NotDelivered;
use crate::net;

/// The reason why the IMAP server did not take a message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is no such folder.
    #[error("{target}: there is no such folder: {answer}")]
    Folder {
        /// The target.
        target: String,
        /// The refusal.
        answer: StatusResponse,
    },
    /// The server has no folder with such a name.
    #[error("{0}: the server cannot have a folder with this name")]
    FolderName(String),
    /// There is no connection, or no TLS.
    #[error(transparent)]
    Net(#[from] net::Error),
    /// The server takes anybody for logged in, over a network.
    #[error("{0} lets anybody in without a login: somebody may be intercepting the connection")]
    PreAuthenticated(String),
    /// The password would be sent in readable form.
    #[error("{0} offers no login that hides the password, and there is no TLS")]
    Readable(String),
    /// The password cannot be obtained.
    #[error("{}", .0.what)]
    Secret(Failure),
    /// The session failed, or the server refused a message.
    #[error("{target}: {source}")]
    Session {
        /// The target.
        target: String,
        /// The reason.
        source: imap::Error,
    },
    /// The spool failed.
    #[error(transparent)]
    Spool(#[from] delivery::Error),
    /// The message is larger than the server takes.
    #[error("{target} takes no message of {octets} octets; the limit is {limit}")]
    TooLarge {
        /// The target.
        target: String,
        /// The octets of the message.
        octets: u64,
        /// The octets of the largest one.
        limit: u64,
    },
    /// The message cannot be read from the spool.
    #[error("cannot read a message from the spool: {0}")]
    Unreadable(#[from] io::Error),
}

impl Error {
    /// Returns the error for a session that failed.
    pub(super) fn session(options: &ImapOptions, source: imap::Error) -> Self {
        let target = options.to_string();
        match source {
            imap::Error::Refused {
                to: AnswerTo::Status,
                answer,
            } if names_no_folder(&answer) => Self::Folder { target, answer },
            source => Self::Session { target, source },
        }
    }

    /// Returns the error for a message that the server refused.
    pub(super) fn refused(options: &ImapOptions, answer: StatusResponse) -> Self {
        let to = AnswerTo::Message;
        Self::session(options, imap::Error::Refused { to, answer })
    }

    /// Returns what the user can do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Folder { .. } => {
                Some("Create it, or set create-folder = true for this target".to_owned())
            }
            Self::FolderName(_) => Some(
                "Write \"/\" between the levels of the name, and no other separator".to_owned(),
            ),
            Self::Net(source) => source.hint(),
            Self::Readable(_) => Some("Use security = \"tls\"".to_owned()),
            Self::Secret(failure) => failure.hint.clone(),
            Self::Session { source, .. } if is_full(source) => {
                Some("The messages wait here and go on when there is room".to_owned())
            }
            Self::Session { source, .. } => source.hint().map(str::to_owned),
            Self::Spool(source) => source.hint(),
            Self::PreAuthenticated(_) | Self::TooLarge { .. } | Self::Unreadable(_) => None,
        }
    }

    /// Returns the exit status that it leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Folder { .. } | Self::FolderName(_) => Exit::CannotCreate,
            Self::Net(source) => source.exit(),
            Self::PreAuthenticated(_) => Exit::Protocol,
            Self::Readable(_) => Exit::Configuration,
            Self::Secret(failure) => failure.exit,
            Self::Session { source, .. } => source.exit(),
            Self::Spool(source) => source.exit(),
            Self::TooLarge { .. } | Self::Unreadable(_) => Exit::LocalIo,
        }
    }

    /// Returns what the database and the user are told about a message that was not delivered.
    pub(super) fn not_delivered(&self) -> NotDelivered {
        let kind = match self {
            Self::Session { target, source } => format!("{target}: {}", source.kind()),
            Self::TooLarge { target, .. } => format!("{target}: too large"),
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

/// Returns true if a refusal may mean that there is no such folder. Not all servers say so by a code.
fn names_no_folder(answer: &StatusResponse) -> bool {
    let is_missing = Some(ImapCode::NonExistent);
    answer.condition == Condition::No
        && (answer.code.is_none()
            || answer.code == is_missing
            || answer.code == Some(ImapCode::TryCreate))
}

fn is_full(error: &imap::Error) -> bool {
    let code = error.refusal().and_then(|answer| answer.code.as_ref());
    matches!(code, Some(ImapCode::OverQuota))
}
