//! The reasons why a poll ends early, and the exit status of each.

use crate::exit::{Exit, Failure};
use crate::poll::receive;
use crate::poll::settle;
use crate::poll::survey;
use crate::poll::top;
use crate::pop3;
use crate::seen;

/// The reason why a poll ended early. Nothing is lost.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No session: the connection or the login failed.
    #[error(transparent)]
    Connect(Failure),
    /// A signal asked the run to end.
    #[error("interrupted")]
    Interrupted,
    /// Replies did not match the commands while commands were pipelined.
    #[error(
        "{0}; the server announces PIPELINING but may not support it: from now on each command waits \
         for its reply"
    )]
    LostStep(Box<Error>),
    /// The session failed.
    #[error("{doing}: {source}")]
    Pop3 {
        /// The action that failed.
        doing: &'static str,
        /// The reason.
        source: pop3::Error,
    },
    /// Receiving failed.
    #[error(transparent)]
    Receive(receive::Error),
    /// The database failed.
    #[error("{doing}: {source}")]
    Seen {
        /// The action that failed.
        doing: &'static str,
        /// The reason.
        source: seen::Error,
    },
    /// Messages came under the names of their neighbours.
    #[error(
        "retrieving messages: they do not have the sizes that LIST says, but those or the contents of \
         others, so a reply was lost or one too many"
    )]
    Shifted,
    /// The mailbox could not be listed.
    #[error("listing the messages: {0}")]
    Survey(pop3::Error),
    /// A message broke the session that was set aside now or earlier, which is reported.
    #[error("{0}")]
    SetAside(Box<Error>),
    /// Messages that arrived could not be stored, delivered or recorded.
    #[error("storing messages: {0}")]
    Settle(#[from] settle::Error),
    /// The user has to decide before anything is fetched.
    #[error(transparent)]
    Undecided(Failure),
    /// Messages were marked as deleted, but QUIT was not answered with +OK.
    #[error("ending the session: {0}; the next run finds out which messages are deleted")]
    Unconfirmed(pop3::Error),
}

impl Error {
    /// Returns true if this was reported to the user not long ago.
    pub(crate) fn was_reported(&self) -> bool {
        match self {
            Self::Connect(failure) => failure.was_reported,
            Self::SetAside(_) => true,
            _ => false,
        }
    }

    /// Returns true if the database failed. It may be damaged, so nothing more is written to it.
    pub(crate) fn is_of_database(&self) -> bool {
        matches!(
            self,
            Self::Seen { .. } | Self::Settle(settle::Error::Seen(_))
        )
    }

    /// Returns true if replies did not match the commands: the last message may be incomplete.
    pub(super) fn is_out_of_step(&self) -> bool {
        matches!(self, Self::Shifted) || self.cause().is_some_and(pop3::Error::is_out_of_step)
    }

    /// Returns true if the session broke.
    pub(crate) fn is_of_session(&self) -> bool {
        self.cause().is_some()
    }

    /// Returns true if the server closed or reset the connection.
    pub(super) fn is_closed(&self) -> bool {
        self.cause().is_some_and(pop3::Error::is_closed)
    }

    /// Returns true if the server did not answer in time.
    pub(super) fn is_timeout(&self) -> bool {
        self.cause().is_some_and(pop3::Error::is_timeout)
    }

    /// Returns the session's error, if it is the cause.
    fn cause(&self) -> Option<&pop3::Error> {
        match self {
            Self::Pop3 { source, .. } | Self::Unconfirmed(source) => Some(source),
            Self::Receive(error) => error.cause(),
            Self::SetAside(error) => error.cause(),
            Self::Survey(source) => Some(source),
            _ => None,
        }
    }

    /// Returns what the user can do about it, if anything.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Connect(failure) | Self::Undecided(failure) => failure.hint.clone(),
            Self::Interrupted | Self::Shifted => None,
            Self::LostStep(error) | Self::SetAside(error) => error.hint(),
            Self::Pop3 { source, .. } | Self::Unconfirmed(source) => source.hint(),
            Self::Receive(source) => source.hint(),
            Self::Seen { source, .. } => source.hint(),
            Self::Settle(source) => source.hint(),
            Self::Survey(source) => source.hint(),
        }
    }

    /// Returns the exit status that the error leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Connect(failure) | Self::Undecided(failure) => failure.exit,
            Self::Shifted => Exit::Protocol,
            Self::Receive(source) => source.exit(),
            Self::SetAside(_) => Exit::SetAside,
            Self::Unconfirmed(source) if source.is_out_of_step() => source.exit(),
            Self::Interrupted | Self::LostStep(_) | Self::Unconfirmed(_) => Exit::Temporary,
            Self::Pop3 { source, .. } => source.exit(),
            Self::Seen { source, .. } => source.exit(),
            Self::Settle(source) => source.exit(),
            Self::Survey(source) => source.exit(),
        }
    }
}

pub(super) fn while_doing(doing: &'static str) -> impl Fn(pop3::Error) -> Error {
    move |source| {
        if source.is_interrupt() {
            Error::Interrupted
        } else {
            Error::Pop3 { doing, source }
        }
    }
}

impl From<survey::Error> for Error {
    fn from(error: survey::Error) -> Self {
        match error {
            survey::Error::Pop3(source) if source.is_interrupt() => Self::Interrupted,
            survey::Error::Pop3(source) => Self::Survey(source),
            survey::Error::Seen(source) => reading(source),
        }
    }
}

impl From<top::Error> for Error {
    fn from(error: top::Error) -> Self {
        match error {
            top::Error::Interrupted => Self::Interrupted,
            top::Error::Pop3(source) => while_doing("reading headers")(source),
            top::Error::Seen(source) => recording(source),
        }
    }
}

impl From<receive::Error> for Error {
    fn from(error: receive::Error) -> Self {
        match error {
            receive::Error::Interrupted => Self::Interrupted,
            error => Self::Receive(error),
        }
    }
}

pub(super) fn reading(source: seen::Error) -> Error {
    Error::Seen {
        doing: "reading what is known",
        source,
    }
}

pub(super) fn recording(source: seen::Error) -> Error {
    Error::Seen {
        doing: "recording",
        source,
    }
}
