//! A POP3 client that blocks (RFC 1939, 2449, 2595, 5034). The codecs are pure functions; a session
//! is generic over its stream, so that unit tests run it in memory.

pub mod apop;
pub(crate) mod authorization;
pub mod capabilities;
pub(crate) mod command;
mod error;
pub mod listing_line;
pub(crate) mod pipeline;
mod refusal;
mod refusal_texts;
pub mod reply;
mod sasl_login;
pub(crate) mod server_habits;
pub(crate) mod server_profile;
pub(crate) mod session_hints;
mod stuff;
mod submission;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod transaction;
pub mod unstuff;
pub(crate) mod wire;

pub use crate::sasl::{Credentials, Mechanism, Strength};
pub use authorization::Authorization;
pub use capabilities::Capabilities;
pub use error::Error;
pub use pipeline::{
    Ask, BeginningOf, Company, ExpectedSize, HeaderOf, Pipeline, Request, Retrieved,
};
pub use refusal::{Refusal, RefusalCause, RefusedStep, ResponseCode};
pub use server_habits::ServerHabits;
pub use server_profile::{CapaUse, Channel, ServerProfile};
pub use session_hints::{Flight, Pipelining, PipeliningLog, SessionHints, Sizes};
pub use submission::SubmissionError;
pub use transaction::{BrokenDeletion, GoOn, QuitReply, Transaction};
pub use unstuff::ResponseSize;
