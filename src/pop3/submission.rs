//! The reasons why the server did not take a message for sending (XTND XMIT), and what is certain then.

use std::io::{ErrorKind, Read, Write};

use super::Error;
use super::refusal::Refusal;
use super::stuff::Stuffer;
use super::wire::Wire;
use crate::exit::Exit;

/// The reason why a message was not sent, or why that is not certain.
#[derive(Debug, thiserror::Error)]
pub enum SubmissionError {
    /// The server answered the command with a refusal: it has no XTND XMIT, or cannot use it now.
    #[error("the server takes no mail for sending{0}")]
    NotTaken(Refusal),
    /// The message cannot be read. The server has only a part of it, without its end.
    #[error("the message cannot be read: {0}")]
    Message(std::io::Error),
    /// The session failed before the end of the message was sent.
    #[error("the message was not sent: {0}")]
    NotSent(#[source] Error),
    /// The server refused the whole message.
    #[error("the server refused the message{0}")]
    Refused(Refusal),
    /// The end of the message was sent, and no answer came.
    #[error("the message may have been sent: {0}")]
    Unknown(#[source] Error),
}

impl SubmissionError {
    /// Returns the hint: what the user can do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotTaken(refusal) if refusal.is_of_server() => return None,
            Self::NotTaken(_) => {
                "Few POP3 servers have XTND XMIT. Send by SMTP, for example with msmtp"
            }
            Self::Unknown(_) => {
                "Ask the recipient, or look for a copy, before you send it again: mailpull does not \
                 repeat it"
            }
            Self::NotSent(_) => "Send it again",
            Self::Message(_) | Self::Refused(_) => return None,
        };
        Some(hint.to_owned())
    }

    /// Returns the exit status that it leads to.
    pub fn exit(&self) -> Exit {
        match self {
            Self::NotTaken(refusal) | Self::Refused(refusal) if refusal.is_of_server() => {
                Exit::Temporary
            }
            Self::NotTaken(_) => Exit::Unavailable,
            Self::Refused(_) => Exit::SetAside,
            Self::Message(_) => Exit::LocalIo,
            Self::NotSent(error) => error.exit(),
            Self::Unknown(_) => Exit::Temporary,
        }
    }
}

/// Sends a message, but not the line that ends it.
///
/// # Errors
/// The message cannot be read, or the connection fails.
pub(super) fn send_all<S: Read + Write>(
    wire: &mut Wire<S>,
    message: &mut impl Read,
) -> Result<(), SubmissionError> {
    let mut stuffer = Stuffer::new();
    let (mut chunk, mut out) = (vec![0; CHUNK], Vec::new());
    loop {
        let count = match message.read(&mut chunk) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read.map_err(SubmissionError::Message)?,
        };
        match count {
            0 => stuffer.finish(&mut out),
            count => stuffer.push(&chunk[..count], &mut out),
        }
        wire.send_part(&out).map_err(SubmissionError::NotSent)?;
        out.clear();
        if count == 0 {
            return Ok(());
        }
    }
}

/// The octets of a message that are sent at once.
const CHUNK: usize = 16 * 1024;
