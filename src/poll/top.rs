//! Asks for the headers of messages (TOP) and reads them.

use std::io::{Read, Write};

use crate::exit::Exit;
use crate::mail::headers::HeaderReader;
use crate::mail::maildrop::Message;
use crate::mail::same_header::ListedHeader;
use crate::os::signals::Interrupt;
use crate::pop3::{self, GoOn, HeaderOf, Pipeline, Retrieved, Transaction};
use crate::seen;

/// The longest answer that is read, in octets. Some servers send the whole message.
const ANSWER: usize = 100_000_000;

/// The reason why no header, or not every one, was read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A signal asked the run to end.
    #[error("interrupted")]
    Interrupted,
    /// The session failed.
    #[error(transparent)]
    Pop3(#[from] pop3::Error),
    /// The database failed.
    #[error(transparent)]
    Seen(#[from] seen::Error),
}

impl Error {
    /// Returns what the user can do about it, if anything.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Interrupted => None,
            Self::Pop3(source) => source.hint(),
            Self::Seen(source) => source.hint(),
        }
    }

    /// Returns the exit status that the error leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Interrupted => Exit::Temporary,
            Self::Pop3(error) => error.exit(),
            Self::Seen(error) => error.exit(),
        }
    }
}

/// The answer to TOP.
#[derive(Debug)]
pub(crate) enum Answer<H = ListedHeader> {
    /// What was read of the header, and the number of octets that the server has sent for it.
    Header(H, usize),
    /// The server refused.
    Refused,
}

impl<H> Answer<H> {
    /// Changes what was read of the header.
    fn map<T>(self, change: impl FnOnce(H) -> T) -> Answer<T> {
        match self {
            Self::Header(header, received) => Answer::Header(change(header), received),
            Self::Refused => Answer::Refused,
        }
    }
}

/// Asks for the headers of messages, in one flight if the server pipelines. Each answer is passed to
/// `each`. After [`GoOn::No`] no more headers are asked for, but those on their way are still passed.
///
/// # Errors
/// The session failed, or a signal came. A refusal is no error.
pub(crate) fn read_headers<S: Read + Write>(
    session: &mut Transaction<S>,
    messages: impl Iterator<Item = Message>,
    interrupt: &Interrupt,
    mut each: impl FnMut(Message, Answer) -> GoOn,
) -> Result<(), Error> {
    let begin = HeaderReader::default;
    read_headers_by(begin, session, messages, interrupt, |message, answer| {
        each(message, answer.map(HeaderReader::finish_listed))
    })
}

/// Asks for the headers of messages as [`read_headers`] does, and reads each with what `begin` returns.
///
/// # Errors
/// The session failed, or a signal came. A refusal is no error.
pub(crate) fn read_headers_by<S: Read + Write>(
    begin: impl Fn() -> HeaderReader,
    session: &mut Transaction<S>,
    messages: impl Iterator<Item = Message>,
    interrupt: &Interrupt,
    mut each: impl FnMut(Message, Answer<HeaderReader>) -> GoOn,
) -> Result<(), Error> {
    let mut pipeline = session.retrieve(messages.map(HeaderOf));
    while let Some((HeaderOf(message), retrieved)) = pipeline.next()? {
        let answer = match retrieved {
            Retrieved::Body => {
                let (header, received) = read_header(begin(), &mut pipeline, interrupt)?;
                Answer::Header(header, received)
            }
            Retrieved::Refused(_) => Answer::Refused,
        };
        if each(message, answer) == GoOn::No {
            pipeline.stop_asking();
        }
    }
    Ok(())
}

fn read_header<S: Read + Write>(
    mut header: HeaderReader,
    pipeline: &mut Pipeline<'_, S, impl Iterator<Item = HeaderOf>>,
    interrupt: &Interrupt,
) -> Result<(HeaderReader, usize), Error> {
    let mut chunk = Vec::new();
    let mut received = 0;
    while let Some(octets) = pipeline.read(&mut chunk)? {
        received += octets;
        if received > ANSWER {
            return Err(pop3::Error::TooLong("the answer to TOP").into());
        }
        if interrupt.is_ending() {
            return Err(Error::Interrupted);
        }
        header.push(&chunk);
        chunk.clear();
    }
    Ok((header, received))
}
