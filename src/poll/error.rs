//! Why a poll ended early.
//! Decides nothing but the exit status.

use crate::exit::{Exit, Failure};
use crate::poll::receive;
use crate::poll::renamed;
use crate::poll::settle;
use crate::poll::survey;
use crate::pop3;
use crate::seen;

/// Why a poll ended early. Nothing is lost by it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no session.
    #[error(transparent)]
    Connect(Failure),
    /// A signal asked the run to end.
    #[error("interrupted")]
    Interrupted,
    /// The server lost its step while commands were sent ahead.
    #[error(
        "{0}; it announces PIPELINING, but may not be able to keep step: from now on it is asked for \
         one thing at a time"
    )]
    LostStep(Box<Error>),
    /// The session failed.
    #[error("{doing}: {source}")]
    Pop3 {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: pop3::Error,
    },
    /// Messages did not arrive.
    #[error(transparent)]
    Receive(receive::Error),
    /// The database failed.
    #[error("{doing}: {source}")]
    Seen {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: seen::Error,
    },
    /// There is no listing.
    #[error(transparent)]
    Survey(survey::Error),
    /// What arrived could not be settled.
    #[error("storing messages: {0}")]
    Settle(#[from] settle::Error),
    /// Messages were marked deleted, but QUIT was not answered as it should be.
    #[error("ending the session: {0}; whether the messages are deleted, the next run will see")]
    Unconfirmed(pop3::Error),
}

impl Error {
    /// Whether its user was told of it not long ago.
    pub fn is_known(&self) -> bool {
        matches!(self, Self::Connect(failure) if failure.is_known)
    }

    /// Whether the database failed: it may be damaged, and nothing more is written to it.
    pub fn is_of_database(&self) -> bool {
        matches!(
            self,
            Self::Seen { .. } | Self::Settle(settle::Error::Seen(_))
        )
    }

    /// Whether the server lost its step, so that the last message may have ended too early.
    pub(super) fn is_out_of_step(&self) -> bool {
        self.cause().is_some_and(pop3::Error::is_out_of_step)
    }

    /// Whether the server did not answer in time.
    pub(super) fn is_timeout(&self) -> bool {
        self.cause().is_some_and(pop3::Error::is_timeout)
    }

    /// What happened to the session.
    fn cause(&self) -> Option<&pop3::Error> {
        match self {
            Self::Pop3 { source, .. } | Self::Unconfirmed(source) => Some(source),
            Self::Receive(error) => error.cause(),
            Self::Survey(error) => Some(error.cause()),
            _ => None,
        }
    }

    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Connect(failure) => failure.hint.clone(),
            Self::Interrupted => None,
            Self::LostStep(error) => error.hint(),
            Self::Pop3 { source, .. } | Self::Unconfirmed(source) => source.hint(),
            Self::Receive(source) => source.hint(),
            Self::Seen { source, .. } => source.hint(),
            Self::Settle(source) => source.hint(),
            Self::Survey(source) => source.hint(),
        }
    }

    /// The exit status that it leads to.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Connect(failure) => failure.exit,
            Self::Receive(source) => source.exit(),
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
        if error.is_interrupt() {
            Self::Interrupted
        } else {
            Self::Survey(error)
        }
    }
}

impl From<renamed::Error> for Error {
    fn from(error: renamed::Error) -> Self {
        match error {
            renamed::Error::Interrupted => Self::Interrupted,
            renamed::Error::Pop3(source) => while_doing("recognising messages")(source),
            renamed::Error::Seen(source) => recording(source),
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
