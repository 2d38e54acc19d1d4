//! The exit status, after sysexits(3): which one wins when accounts disagree, and the failures that
//! lead to one.

use std::process::ExitCode;

/// The exit status of the process. The variants are in the order of their strength: of the statuses
/// of several accounts the greatest wins.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Exit {
    /// 0: done, with or without new mail.
    #[default]
    Done,
    /// 1: only `check`: nothing new.
    NothingNew,
    /// 75: a temporary failure; the next run may succeed.
    Temporary,
    /// 65: a message was set aside; the others were delivered.
    SetAside,
    /// 69: the server lacks a necessary feature.
    Unavailable,
    /// 73: a file or folder cannot be created.
    CannotCreate,
    /// 74: local input or output, or a delivery, failed.
    LocalIo,
    /// 76: the server broke the protocol or did not prove its identity.
    Protocol,
    /// 77: the login was refused.
    LoginRefused,
    /// 78: the configuration, permissions or the database are at fault, or the user has to decide.
    Configuration,
    /// 70: a bug in mailpull.
    Bug,
    /// 64: the command line is wrong.
    Usage,
    /// The signal that ended the run. The process dies by it; where it cannot, this is 128 + its number.
    Signal(u8),
}

impl Exit {
    /// Returns the number that the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::NothingNew => 1,
            Self::Usage => 64,
            Self::SetAside => 65,
            Self::Unavailable => 69,
            Self::Bug => 70,
            Self::CannotCreate => 73,
            Self::LocalIo => 74,
            Self::Temporary => 75,
            Self::Protocol => 76,
            Self::LoginRefused => 77,
            Self::Configuration => 78,
            Self::Signal(number) => 128 | number,
        }
    }

    /// Returns the status of a run that ended with this number. One that a signal ended may succeed the next
    /// time.
    pub(crate) fn of_earlier_run(code: u8) -> Self {
        const ALL: [Exit; 12] = [
            Exit::Done,
            Exit::NothingNew,
            Exit::Temporary,
            Exit::SetAside,
            Exit::Unavailable,
            Exit::CannotCreate,
            Exit::LocalIo,
            Exit::Protocol,
            Exit::LoginRefused,
            Exit::Configuration,
            Exit::Bug,
            Exit::Usage,
        ];
        let known = ALL.into_iter().find(|exit| exit.code() == code);
        known.unwrap_or(Self::Temporary)
    }

    /// Returns true if a later run may succeed although nobody changes anything.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Temporary | Self::Signal(_))
    }
}

/// An error as the user sees it. As text it is what failed and why, without the hint.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{what}")]
pub struct Failure {
    /// The text of the error: what failed, and why.
    pub what: String,
    /// The hint, which says what the user can do: a sentence that starts with a capital letter and has
    /// no full stop.
    pub hint: Option<String>,
    /// The exit status that it leads to.
    pub exit: Exit,
    /// True if it was reported to the user not long ago.
    pub was_reported: bool,
}

impl Failure {
    /// Makes a failure without a hint.
    pub fn new(what: impl ToString, exit: Exit) -> Self {
        Self {
            what: what.to_string(),
            hint: None,
            exit,
            was_reported: false,
        }
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_status_wins() {
        let order = [
            Exit::Bug,
            Exit::Configuration,
            Exit::LoginRefused,
            Exit::Protocol,
            Exit::LocalIo,
            Exit::CannotCreate,
            Exit::Unavailable,
            Exit::SetAside,
            Exit::Temporary,
            Exit::Done,
        ];
        assert_eq!(
            order.map(Exit::code),
            [70, 78, 77, 76, 74, 73, 69, 65, 75, 0]
        );
        assert!(order.is_sorted_by(|a, b| a > b));
    }

    #[test]
    fn a_signal_is_128_plus_its_number() {
        assert_eq!(
            [1, 2, 15].map(|signal| Exit::Signal(signal).code()),
            [129, 130, 143]
        );
    }
}
