//! The client's side of IMAP (RFC 3501), by which messages are stored on a mail server and found
//! there again. It blocks. The codecs are pure, and a session is generic over its stream, so that
//! unit tests run it in memory.
//!
//! The extensions are LITERAL+ (RFC 7888), UIDPLUS (RFC 4315), MULTIAPPEND (RFC 3502), APPENDLIMIT
//! (RFC 7889), UNSELECT (RFC 3691), SASL-IR (RFC 4959), and the response codes of RFC 5530. They
//! are used only if the server announces them.

mod append;
mod capabilities;
mod code;
mod decoder;
mod error;
mod internal_date;
mod literal;
mod login;
mod mailbox_name;
mod recall;
mod response;
mod session;
mod syntax;
#[cfg(test)]
mod tests;
mod wire;

pub use append::{AppendFlight, Appended, Fate, MessageUid, OutgoingMessage};
pub use capabilities::ImapCapabilities;
pub use code::{AppendUids, ImapCode};
pub use decoder::{Decoded, MalformedResponse, ResponseDecoder};
pub use error::{AnswerTo, Error};
pub use internal_date::InternalDate;
pub use mailbox_name::MailboxName;
pub use recall::{ExaminedMailbox, StoredSize};
pub use response::{
    BodyData, Condition, ImapResponse, MailboxStatus, MessageData, StatusResponse, Tag,
};
pub use session::ImapSession;
