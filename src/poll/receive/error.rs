//! The reason why receiving ended early, and the message that was awaited then.

use crate::delivery;
use crate::exit::Exit;
use crate::mail::maildrop::Message;
use crate::poll::blame::{Awaited, Before};
use crate::pop3;

/// The reason why receiving ended early. The session can then only be closed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A message could not be stored.
    #[error("storing a message: {0}")]
    Delivery(#[from] delivery::Error),
    /// A signal asked the run to end.
    #[error("interrupted")]
    Interrupted,
    /// The session failed, perhaps because of the awaited message or the one before it.
    #[error("retrieving messages: {source}")]
    Pop3 {
        /// The session's error.
        source: pop3::Error,
        /// The message whose reply or octets were awaited.
        awaited: Option<Box<AwaitedMessage>>,
    },
    /// Much more has arrived than `max-total` allows.
    #[error(
        "retrieving messages: the server has sent more than twice max-total, because LIST names sizes that \
         are too small; the next run goes on"
    )]
    TooMuch,
    /// Settling has stopped; its error says why.
    #[error("the delivery thread has stopped")]
    Unsettled,
}

impl Error {
    /// Returns the session's error, if that is the reason.
    pub(crate) fn cause(&self) -> Option<&pop3::Error> {
        match self {
            Self::Pop3 { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Returns what the user can do about it, if anything.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Delivery(source) => source.hint(),
            Self::Pop3 { source, .. } => source.hint(),
            Self::Interrupted | Self::TooMuch | Self::Unsettled => None,
        }
    }

    /// Returns the exit status that the error leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Delivery(error) => error.exit(),
            Self::Interrupted | Self::TooMuch | Self::Unsettled => Exit::Temporary,
            Self::Pop3 { source, .. } => source.exit(),
        }
    }

    pub(super) fn broken(source: pop3::Error, awaited: Option<AwaitedMessage>) -> Self {
        if source.is_interrupt() {
            return Self::Interrupted;
        }
        let awaited = awaited.map(Box::new);
        Self::Pop3 { source, awaited }
    }
}

/// The message that was awaited when a session broke.
#[derive(Clone, Debug)]
pub(crate) struct AwaitedMessage {
    /// The message.
    pub message: Message,
    /// The part of the answer that was awaited.
    pub awaited: Awaited,
    /// The event before.
    pub before: Before,
    /// True if more messages were requested after it.
    pub has_more: bool,
}
