//! The client's side of LMTP (RFC 2033), by which a mail server takes messages. It blocks. The
//! codecs are pure, and a session is generic over its stream, so that unit tests run it in memory.
//!
//! The commands, replies and extensions are those of SMTP (RFC 5321, 1870, 2034, 2920, 3030, 3207,
//! 6152). LMTP differs in its greeting, LHLO, and in one reply for each recipient after the
//! message. A session has one recipient for each message.

mod address;
mod error;
mod extensions;
mod message;
mod reply;
mod session;
#[cfg(test)]
pub(crate) mod tests;
mod wire;

pub use crate::mail::wire_form::MessageMeasure;
pub use address::EnvelopeAddress;
pub use error::{Error, ReplyTo};
pub use extensions::Extensions;
pub use reply::{EnhancedCode, MalformedReply, Reply, ReplyDecoder};
pub use session::{Envelope, LmtpSession};
