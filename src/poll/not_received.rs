//! The messages of a plan that a session did not bring, each with the reason.

use std::fmt;

use crate::delivery;
use crate::mail::maildrop::Message;
use crate::mail::maildrop::UniqueId;
use crate::mail::streak::common_part;
use crate::pop3::Refusal;
use crate::report::Octets;

/// The messages of the plan that were not received.
#[derive(Debug, Default)]
pub(crate) struct NotReceived {
    /// Messages that were not requested because there is no room for them, with the reason.
    pub no_room: Vec<(Message, delivery::Error)>,
    /// Messages that the server did not send, with its reply.
    pub not_sent: Vec<(Message, NotSent)>,
    /// The number of messages in `not_sent` after which another message arrived.
    pub outlived: usize,
    /// True if a message arrived.
    pub has_success: bool,
    /// The number of messages that were not requested because the server sent none of several.
    pub spared: usize,
    /// Messages that turned out to be too large, whatever LIST said, with their real sizes.
    pub too_large: Vec<Message>,
    /// The number of messages that were not requested because more octets than `max-total` had arrived.
    pub over_total: usize,
    /// The number of messages that were not requested because the session had lasted too long.
    pub not_requested: usize,
}

impl NotReceived {
    /// Returns true if everything was received.
    pub(crate) fn is_empty(&self) -> bool {
        self.no_room.is_empty()
            && self.not_sent.is_empty()
            && self.too_large.is_empty()
            && self.over_total == 0
            && self.not_requested == 0
    }

    /// Returns true if only the server has a message that was retrieved: it was thrown away because it is
    /// too large, or nothing of it came, or another message came.
    pub(crate) fn is_kept_by_server(&self) -> bool {
        let was_retrieved = |(_, reply): &(Message, NotSent)| !matches!(reply, NotSent::Refused(_));
        !self.too_large.is_empty() || self.not_sent.iter().any(was_retrieved)
    }
}

/// The reply to RETR of a server that does not send the message.
#[derive(Clone, Debug)]
pub(crate) enum NotSent {
    /// A refusal.
    Refused(Refusal),
    /// `+OK`, and no octet before the final dot. No mail is empty: the server could not read it, even if
    /// LIST says 0.
    Nothing {
        /// The size that LIST or the reply named.
        promised: Option<u64>,
    },
    /// The octets of another message of the session, although LIST says that the two have different sizes.
    Another,
}

impl NotSent {
    /// Returns true if the server says that a later attempt may succeed.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_transient())
    }

    /// Returns the reason without what is particular to the message with this unique-id.
    pub(crate) fn kind(&self, unique_id: &UniqueId) -> String {
        match self {
            Self::Refused(refusal) => common_part(&refusal.text.to_string(), unique_id),
            Self::Nothing { .. } => "nothing came".to_owned(),
            Self::Another => "another message came".to_owned(),
        }
    }

    /// Returns the reply in words, without what is particular to the message.
    pub(crate) fn common_words(&self) -> String {
        match self {
            Self::Refused(_) | Self::Another => self.to_string(),
            Self::Nothing { .. } => "the server sent nothing".to_owned(),
        }
    }

    /// Returns what the user can do about it, if anything.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Refused(_) | Self::Another => None,
            Self::Nothing { .. } => {
                Some("If the message is really empty, delete it by webmail or another program")
            }
        }
    }
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => write!(f, "the server said \"{}\"", refusal.text),
            Self::Nothing {
                promised: Some(size @ 1..),
            } => write!(
                f,
                "the server sent nothing, although it promised {}",
                Octets(*size)
            ),
            Self::Nothing { .. } => f.write_str("the server sent nothing"),
            Self::Another => f.write_str("the server sent another message instead"),
        }
    }
}
