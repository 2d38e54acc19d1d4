//! Decides what is at fault when a session breaks: a message, pipelining, or neither. Pure.
//!
//! The rules, in this order:
//!
//! 1. The server refused a message and then broke off: the refusal explains it, and it is counted by
//!    itself. The message that was next is innocent, whether RETR or DELE was awaited.
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

/// The last event of a session, which may explain why it broke afterwards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LastEvent {
    answer: Before,
    /// The number of further answers of which each may be missing because of a pause.
    excused: usize,
}

/// The judgement on a broken session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Blame {
    /// The guilt of the awaited message.
    pub message: Guilt,
    /// The outlook for another session.
    pub outlook: Outlook,
}

/// The outlook after a session that broke.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Outlook {
    /// Another session would probably break in the same way.
    #[default]
    Poor,
    /// Another session may work without the messages that failed.
    WithoutFailed,
    /// Another session may work without pipelining.
    WithoutPipelining,
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
        let if_closed = |outlook| if is_closed { outlook } else { Outlook::Poor };
        let (message, outlook) = match (self.awaited, self.before) {
            (_, Before::Pause) => (Guilt::Innocent, Outlook::Poor),
            (Awaited::Reply, Before::Refusal) => {
                (Guilt::Innocent, if_closed(Outlook::WithoutFailed))
            }
            (Awaited::Octets, _) if is_closed && self.has_more => {
                (Guilt::Suspect, Outlook::WithoutPipelining)
            }
            (Awaited::Octets, _) => (Guilt::Guilty, Outlook::Poor),
            (Awaited::Reply, _) if self.was_pipelined => {
                (Guilt::Suspect, if_closed(Outlook::WithoutPipelining))
            }
            // A server that does not byte-stuff (greenmail) ends a message too early, and sends the
            // rest of it where the next reply belongs.
            (Awaited::Reply, Before::Success) if self.manner == Manner::Garbled => {
                (Guilt::Innocent, Outlook::Poor)
            }
            (Awaited::Reply, _) => (Guilt::Guilty, Outlook::Poor),
        };
        Blame { message, outlook }
    }
}

impl LastEvent {
    /// Returns the event at the beginning of a session.
    pub(super) fn none() -> Self {
        Self {
            answer: Before::Nothing,
            excused: 0,
        }
    }

    /// Notes an answer.
    pub(super) fn note_answer(&mut self, answer: Before) {
        self.answer = answer;
        self.excused = self.excused.saturating_sub(1);
    }

    /// Notes a long pause while this many commands were unanswered. Their answers may have been sent before
    /// the server gave up. So only the answer to a later command shows that the server still waited.
    pub(super) fn note_pause(&mut self, unanswered: usize) {
        self.excused = unanswered + 1;
    }

    /// Returns the event that may explain a break now.
    pub(super) fn before(&self) -> Before {
        if self.excused > 0 {
            Before::Pause
        } else {
            self.answer
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_explains_breaks_until_a_later_command_is_answered() {
        for unanswered in [0, 1, 5] {
            let mut last = LastEvent::none();
            last.note_answer(Before::Success);
            last.note_pause(unanswered);
            for _ in 0..=unanswered {
                assert_eq!(last.before(), Before::Pause, "{unanswered}");
                last.note_answer(Before::Success);
            }
            assert_eq!(last.before(), Before::Success, "{unanswered}");
        }
    }

    #[test]
    fn a_broken_session_is_blamed_on_what_explains_it() {
        use Awaited::{Octets, Reply};
        use Before::{Nothing, Pause, Refusal, Success};
        use Guilt::{Guilty, Innocent, Suspect};
        use Manner::{Closed, Garbled, Stuck};
        use Outlook::{Poor, WithoutFailed, WithoutPipelining};
        const ALONE: (bool, bool) = (false, false);
        const LAST_OF_A_FLIGHT: (bool, bool) = (true, false);
        const IN_A_FLIGHT: (bool, bool) = (true, true);
        for (manner, awaited, before, (was_pipelined, has_more), message, outlook) in [
            // The refusal explains it.
            (Closed, Reply, Refusal, ALONE, Innocent, WithoutFailed),
            (Closed, Reply, Refusal, IN_A_FLIGHT, Innocent, WithoutFailed),
            (Garbled, Reply, Refusal, LAST_OF_A_FLIGHT, Innocent, Poor),
            (Stuck, Reply, Refusal, IN_A_FLIGHT, Innocent, Poor),
            // So does our pause.
            (Closed, Reply, Pause, ALONE, Innocent, Poor),
            (Closed, Reply, Pause, IN_A_FLIGHT, Innocent, Poor),
            (Closed, Octets, Pause, IN_A_FLIGHT, Innocent, Poor),
            (Stuck, Octets, Pause, ALONE, Innocent, Poor),
            // Its own octets were arriving.
            (Closed, Octets, Nothing, ALONE, Guilty, Poor),
            (Closed, Octets, Nothing, LAST_OF_A_FLIGHT, Guilty, Poor),
            (Closed, Octets, Refusal, ALONE, Guilty, Poor),
            (Stuck, Octets, Nothing, IN_A_FLIGHT, Guilty, Poor),
            // The server may not like several commands at once.
            (
                Closed,
                Octets,
                Nothing,
                IN_A_FLIGHT,
                Suspect,
                WithoutPipelining,
            ),
            (
                Closed,
                Reply,
                Nothing,
                IN_A_FLIGHT,
                Suspect,
                WithoutPipelining,
            ),
            (
                Closed,
                Reply,
                Success,
                IN_A_FLIGHT,
                Suspect,
                WithoutPipelining,
            ),
            (
                Closed,
                Reply,
                Success,
                LAST_OF_A_FLIGHT,
                Suspect,
                WithoutPipelining,
            ),
            (Stuck, Reply, Success, IN_A_FLIGHT, Suspect, Poor),
            (Garbled, Reply, Success, IN_A_FLIGHT, Suspect, Poor),
            // Nothing else explains it.
            (Closed, Reply, Nothing, ALONE, Guilty, Poor),
            (Closed, Reply, Success, ALONE, Guilty, Poor),
            (Stuck, Reply, Success, ALONE, Guilty, Poor),
            (Garbled, Reply, Nothing, ALONE, Guilty, Poor),
            // The message before it may have been longer than it seemed.
            (Garbled, Reply, Success, ALONE, Innocent, Poor),
        ] {
            let broken = BrokenSession {
                manner,
                awaited,
                before,
                was_pipelined,
                has_more,
            };
            let expected = Blame { message, outlook };
            assert_eq!(broken.judge(), expected, "{broken:?}");
        }
    }
}
