//! Decides what is at fault when a session breaks: a message, pipelining, or neither. Pure.
//!
//! The rules, in this order:
//!
//! 1. The server refused a message and then broke off: the refusal explains it, and it is counted by
//!    itself. The message that was next is innocent.
//! 2. We paused for long before the break: the server may have lost patience. Nothing is blamed.
//! 3. The reply to a command that was sent together with others was awaited, or the server closed the
//!    connection in a message while other commands were waiting: the message is a suspect, and so is
//!    pipelining if the server closed the connection. A suspect is fetched last, and nothing is sent
//!    before or after it until it is answered.
//! 4. The octets of a message were arriving, or the reply to a single command was awaited: that
//!    message is blamed.

use crate::pop3;

/// The end of a session that broke.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct BrokenSession {
    /// The way in which it broke.
    pub manner: Manner,
    /// The part of an answer that was awaited.
    pub awaited: Awaited,
    /// The reply before it.
    pub before: Before,
    /// True if the awaited command was sent together with others.
    pub was_pipelined: bool,
    /// True if more commands were waiting for their replies.
    pub has_more: bool,
}

/// The way in which a session broke.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Manner {
    /// The server closed or reset the connection.
    Closed,
    /// The server sent something that is no answer to the command.
    Garbled,
    /// The server sent nothing, or too slowly, or did not stop.
    Stuck,
}

/// The part of an answer that was awaited when a session broke.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Awaited {
    /// The octets of a message.
    Octets,
    /// The reply to a command about a message.
    Reply,
}

/// The event before a session broke.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Before {
    /// Nothing in particular.
    Nothing,
    /// We read nothing for a while.
    Pause,
    /// The server refused a command about another message.
    Refusal,
    /// The server sent a message to its end, or obeyed a command about another one.
    Success,
}

/// The judgement on a broken session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Blame {
    /// The guilt of the awaited message.
    pub message: Guilt,
    /// True if pipelining may be the cause.
    pub doubts_pipelining: bool,
}

/// The guilt of the awaited message in a broken session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Guilt {
    /// None.
    Innocent,
    /// It, or something else, broke the session: it is fetched last and alone.
    Suspect,
    /// It broke the session.
    Guilty,
}

impl Manner {
    /// Returns the manner in which a session ended by this error.
    pub(super) fn of(error: &pop3::Error) -> Self {
        if error.is_closed() {
            Self::Closed
        } else if error.is_out_of_step() {
            Self::Garbled
        } else {
            Self::Stuck
        }
    }

    /// Returns the word under which such failures are remembered.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Closed => "the session was closed",
            Self::Garbled => "the answer was garbled",
            Self::Stuck => "no answer came",
        }
    }
}

impl BrokenSession {
    /// Judges a session that broke.
    pub(super) fn judge(&self) -> Blame {
        let is_closed = self.manner == Manner::Closed;
        let (message, doubts_pipelining) = match (self.awaited, self.before) {
            (_, Before::Pause) | (Awaited::Reply, Before::Refusal) => (Guilt::Innocent, false),
            (Awaited::Octets, _) if is_closed && self.has_more => (Guilt::Suspect, true),
            (Awaited::Octets, _) => (Guilt::Guilty, false),
            (Awaited::Reply, _) if self.was_pipelined => (Guilt::Suspect, is_closed),
            // A server that does not byte-stuff (greenmail) ends a message too early, and sends the
            // rest of it where the next reply belongs.
            (Awaited::Reply, Before::Success) if self.manner == Manner::Garbled => {
                (Guilt::Innocent, false)
            }
            (Awaited::Reply, _) => (Guilt::Guilty, false),
        };
        Blame {
            message,
            doubts_pipelining,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_session_is_blamed_on_what_explains_it() {
        use Awaited::{Octets, Reply};
        use Before::{Nothing, Pause, Refusal, Success};
        use Guilt::{Guilty, Innocent, Suspect};
        use Manner::{Closed, Garbled, Stuck};
        const ALONE: (bool, bool) = (false, false);
        const LAST_OF_A_FLIGHT: (bool, bool) = (true, false);
        const IN_A_FLIGHT: (bool, bool) = (true, true);
        for (manner, awaited, before, (was_pipelined, has_more), message, doubts_pipelining) in [
            // The refusal explains it.
            (Closed, Reply, Refusal, ALONE, Innocent, false),
            (Closed, Reply, Refusal, IN_A_FLIGHT, Innocent, false),
            (Garbled, Reply, Refusal, LAST_OF_A_FLIGHT, Innocent, false),
            (Stuck, Reply, Refusal, IN_A_FLIGHT, Innocent, false),
            // So does our pause.
            (Closed, Reply, Pause, ALONE, Innocent, false),
            (Closed, Reply, Pause, IN_A_FLIGHT, Innocent, false),
            // Its own octets were arriving.
            (Closed, Octets, Nothing, ALONE, Guilty, false),
            (Closed, Octets, Nothing, LAST_OF_A_FLIGHT, Guilty, false),
            (Stuck, Octets, Nothing, IN_A_FLIGHT, Guilty, false),
            // The server may not like several commands at once.
            (Closed, Octets, Nothing, IN_A_FLIGHT, Suspect, true),
            (Closed, Reply, Nothing, IN_A_FLIGHT, Suspect, true),
            (Closed, Reply, Success, IN_A_FLIGHT, Suspect, true),
            (Closed, Reply, Success, LAST_OF_A_FLIGHT, Suspect, true),
            (Stuck, Reply, Success, IN_A_FLIGHT, Suspect, false),
            (Garbled, Reply, Success, IN_A_FLIGHT, Suspect, false),
            // Nothing else explains it.
            (Closed, Reply, Nothing, ALONE, Guilty, false),
            (Closed, Reply, Success, ALONE, Guilty, false),
            (Stuck, Reply, Success, ALONE, Guilty, false),
            (Garbled, Reply, Nothing, ALONE, Guilty, false),
            // The message before it may have been longer than it seemed.
            (Garbled, Reply, Success, ALONE, Innocent, false),
        ] {
            let broken = BrokenSession {
                manner,
                awaited,
                before,
                was_pipelined,
                has_more,
            };
            let expected = Blame {
                message,
                doubts_pipelining,
            };
            assert_eq!(broken.judge(), expected, "{broken:?}");
        }
    }
}
