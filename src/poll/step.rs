//! Judges by sizes if the replies of a session belonged to its commands. Pure.
//!
//! If a server loses one reply to pipelined RETRs, each later message arrives under the name of the one
//! before it. If a message ends too early, because the server did not byte-stuff it, the rest counts as
//! a reply, and each later message arrives under the name of the one after it. Nothing but the sizes
//! shows that before the session fails.
//!
//! - A message *fits* if it has the size that LIST said, either as it was sent or with each CRLF counted
//!   as one octet (qmail-pop3d), or if the reply to RETR named the same size as LIST.
//! - One that does not fit, but would fit a message asked for beside it, is *shifted*. That counts as
//!   proof only if its neighbour on that side does not fit either, and if one in four of those that do
//!   not fit is shifted: LIST of Exchange fits nothing, and a message fits its neighbour by chance.
//! - A session that ends early may have lost a reply. Then the last message that fits, and that no later
//!   reply would have fitted, proves all before it. What came after it is in doubt.
//! - If all replies came, a size that does not fit says nothing about the step. But if the message is shorter
//!   than listed, a server or a scanner may have cut it. If it is much longer, it may be another one. Then it is
//!   compared with a second download.
//! - A reply that is no reply proves that the session is out of step: all that it delivered is in doubt.
//!
//! Without pipelining each message has been asked for alone. Then only the last one is in doubt, and those
//! before it that do not have their sizes, and only if octets followed that are no reply.

use crate::mail::maildrop::MessageNumber;
use crate::poll::sized_arrival::SizedArrival;

/// At least one in this many messages that do not fit must be shifted. Fewer may be chance.
const MISFITS_FOR_EACH_SHIFT: usize = 4;

/// The use of pipelining in a session until now.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Asking {
    /// Each command waited for the reply to the one before it.
    #[default]
    OneByOne,
    /// Commands were sent before earlier ones were answered.
    Ahead,
}

/// The meaning of a message's size when it arrives.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct NotedFit {
    /// True if the message does not fit where others do: nothing more should be asked for ahead.
    pub is_warning: bool,
    /// True if the message fits, or was asked for alone.
    pub is_proof: bool,
}

/// The end of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SessionEnd {
    /// All replies came.
    Well,
    /// It ended before that, for whatever reason.
    Early,
    /// Something came that is no reply, or a reply to nothing.
    OutOfStep,
}

/// The part of a session's messages that is in doubt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Doubtful {
    /// Nothing.
    Nothing,
    /// These messages.
    These(Vec<MessageNumber>),
    /// Everything that the session delivered.
    Everything,
}

/// The messages of a session in the order of their arrival.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    steps: Vec<TrailStep>,
    asking: Asking,
    fits: usize,
    misfits: usize,
    has_warned: bool,
    /// True if two messages had the same octets although LIST says that they differ, and neither had its size.
    has_odd_repeat: bool,
    /// The listed sizes of the messages that were asked for and did not come.
    unanswered: Vec<Option<u64>>,
    /// The messages that may be incomplete, or other messages, even if all replies came.
    short: Vec<MessageNumber>,
    /// The messages of which less than half came.
    incomplete: Vec<MessageNumber>,
    /// True if commands of another kind were answered after the last message.
    has_gone_on: bool,
}

#[derive(Clone, Copy, Debug)]
struct TrailStep {
    number: MessageNumber,
    listed: Option<u64>,
    fit: Fit,
    /// True if it has the size that LIST or the reply said.
    is_whole: bool,
    /// True if nothing came of it.
    is_empty: bool,
}

/// The relation of a message to the listed sizes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fit {
    /// It has the size of the message that was asked for.
    Own,
    /// It has the size of one that was asked for after it.
    Later,
    /// It has the size of the one that was asked for before it.
    Earlier,
    /// It has none of these sizes.
    Neither,
    /// No size is listed.
    Unknown,
}

impl Fit {
    fn is_misfit(self) -> bool {
        matches!(self, Self::Later | Self::Earlier | Self::Neither)
    }
}

impl Trail {
    /// Takes a message that has arrived. `after` is the listed size of the message that was asked for next.
    pub(crate) fn note(
        &mut self,
        arrival: &SizedArrival,
        asking: Asking,
        after: Option<u64>,
    ) -> NotedFit {
        self.has_gone_on = false;
        if asking == Asking::Ahead {
            self.asking = Asking::Ahead;
        }
        let before = self.steps.last().and_then(|step| step.listed);
        let fit = match arrival.listed {
            None => Fit::Unknown,
            Some(listed) if arrival.has(listed) => Fit::Own,
            Some(_) => {
                let is_of = |size: Option<u64>| size.is_some_and(|size| arrival.has(size));
                if is_of(after) {
                    Fit::Later
                } else if is_of(before) {
                    Fit::Earlier
                } else {
                    Fit::Neither
                }
            }
        };
        self.steps.push(TrailStep {
            number: arrival.number,
            listed: arrival.listed,
            fit,
            is_whole: arrival.has_promised_size(),
            is_empty: arrival.is_empty(),
        });
        let is_honest = self.fits > self.misfits;
        self.fits += usize::from(fit == Fit::Own);
        self.misfits += usize::from(fit.is_misfit());
        let is_warning = fit.is_misfit() && (is_honest || fit != Fit::Neither);
        self.has_warned |= is_warning;
        NotedFit {
            is_warning,
            is_proof: fit == Fit::Own || self.asking == Asking::OneByOne,
        }
    }

    /// Returns true if nothing more was to be asked for ahead.
    pub(crate) fn has_warned(&self) -> bool {
        self.has_warned
    }

    /// Notes that two messages had the same octets although LIST says that they differ, and neither had its
    /// size. One reply may have been lost, and another one may have come twice.
    pub(crate) fn note_odd_repeat(&mut self) {
        self.has_odd_repeat = true;
    }

    /// Returns true if the size of a message proved nothing.
    pub(crate) fn has_misfits(&self) -> bool {
        self.steps.len() > self.fits
    }

    /// Returns true if many messages came, and all have the size that LIST said.
    pub(crate) fn has_right_sizes(&self) -> bool {
        const MANY: usize = 20;
        self.fits >= MANY && !self.has_misfits()
    }

    /// Notes that a message is shorter or much longer than listed, on a server whose sizes mean something.
    pub(crate) fn note_short(&mut self, number: MessageNumber) {
        self.short.push(number);
    }

    /// Returns the messages that are shorter or much longer than listed.
    pub(crate) fn short(&self) -> &[MessageNumber] {
        &self.short
    }

    /// Returns true if a message came that may be incomplete, or another one, even if all replies came.
    pub(crate) fn has_doubtful_sizes(&self) -> bool {
        !self.short.is_empty() || !self.incomplete.is_empty()
    }

    /// Notes that less than half of a message came.
    pub(crate) fn note_incomplete(&mut self, number: MessageNumber) {
        self.incomplete.push(number);
    }

    /// Returns the messages of which less than half came.
    pub(crate) fn incomplete(&self) -> &[MessageNumber] {
        &self.incomplete
    }

    /// Notes which messages were asked for and did not come, by their listed sizes.
    pub(crate) fn note_unanswered(&mut self, sizes: impl Iterator<Item = Option<u64>>) {
        self.unanswered = sizes.collect();
    }

    /// Notes that the server has answered a command of another kind since the last message. If that message has
    /// its size, what comes after the answer is no part of it.
    pub(crate) fn note_going_on(&mut self) {
        self.has_gone_on = true;
    }

    /// Returns which messages are in doubt after the session has ended.
    pub(crate) fn doubtful(&self, end: SessionEnd) -> Doubtful {
        match (self.asking, end) {
            (Asking::OneByOne, SessionEnd::OutOfStep) => self.unfinished(),
            (Asking::OneByOne, _) => Doubtful::Nothing,
            (Asking::Ahead, SessionEnd::OutOfStep) => Doubtful::Everything,
            (Asking::Ahead, _) if self.is_shifted() || self.has_odd_repeat => Doubtful::Everything,
            (Asking::Ahead, SessionEnd::Well) => Doubtful::Nothing,
            (Asking::Ahead, SessionEnd::Early) => self.unproven(),
        }
    }

    /// Returns the messages that a line belongs to which is no reply, if each message was asked for alone: the
    /// last one, and those before it that do not have their sizes. What was taken for the answers to later
    /// commands may be the rest of such a message. An empty answer is no copy that could be in doubt.
    fn unfinished(&self) -> Doubtful {
        let after_whole = self.steps.iter().rposition(|step| step.is_whole);
        let after_whole = after_whole.map_or(0, |at| at + 1);
        let first = match self.has_gone_on {
            true => after_whole,
            false => after_whole.min(self.steps.len().saturating_sub(1)),
        };
        let steps = self.steps[first..].iter().filter(|step| !step.is_empty);
        let numbers: Vec<_> = steps.map(|step| step.number).collect();
        match numbers.is_empty() {
            true => Doubtful::Nothing,
            false => Doubtful::These(numbers),
        }
    }

    /// Returns true if the sizes prove that messages arrived under the names of their neighbours.
    pub(crate) fn is_shifted(&self) -> bool {
        let is_misfit = |step: Option<&TrailStep>| step.is_some_and(|step| step.fit.is_misfit());
        let is_shifted = |(at, step): (usize, &TrailStep)| match step.fit {
            Fit::Later => at + 1 == self.steps.len() || is_misfit(self.steps.get(at + 1)),
            Fit::Earlier => at > 0 && is_misfit(self.steps.get(at - 1)),
            Fit::Own | Fit::Neither | Fit::Unknown => false,
        };
        let shifted = self.steps.iter().enumerate().filter(|&at| is_shifted(at));
        let shifted = shifted.count();
        shifted > 0 && shifted * MISFITS_FOR_EACH_SHIFT >= self.misfits
    }

    /// Returns the messages after the last one that proves the step, if a reply may have been lost.
    fn unproven(&self) -> Doubtful {
        if self.unanswered.is_empty() {
            return Doubtful::Nothing;
        }
        let sizes: Vec<_> = self
            .steps
            .iter()
            .map(|step| step.listed)
            .chain(self.unanswered.iter().copied())
            .collect();
        let proves = |at: usize| {
            let step = &self.steps[at];
            let later = sizes[at + 1..].iter().take(self.unanswered.len());
            let would_fit = |size: &Option<u64>| is_near(*size, step.listed);
            step.fit == Fit::Own && !later.into_iter().any(would_fit)
        };
        // Where most sizes are wrong, one fits by chance.
        let are_mostly_right = self.fits >= self.misfits;
        let mut positions = (0..self.steps.len()).rev();
        let proven = positions.find(|&at| are_mostly_right && proves(at));
        let unproven = &self.steps[proven.map_or(0, |at| at + 1)..];
        if unproven.is_empty() {
            return Doubtful::Nothing;
        }
        Doubtful::These(unproven.iter().map(|step| step.number).collect())
    }
}

/// Returns true if a message of one size may fit the other, with or without a line end more.
fn is_near(one: Option<u64>, other: Option<u64>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.abs_diff(other) <= 2,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pop3::ResponseSize;

    fn number(at: usize) -> MessageNumber {
        MessageNumber::new(at as u32 + 1).expect("the number is in range")
    }

    /// Returns the trail of a session that asked for messages of these sizes, and in which messages of
    /// the sizes `came` arrived in this order.
    fn trail(asking: Asking, listed: &[u64], came: &[u64]) -> (Trail, Vec<bool>) {
        let mut trail = Trail::default();
        let mut warnings = Vec::new();
        for (at, &stored) in came.iter().enumerate() {
            let arrival = SizedArrival {
                number: number(at),
                listed: Some(listed[at]),
                announced: None,
                size: ResponseSize {
                    stored,
                    line_ends: 0,
                },
            };
            let noted = trail.note(&arrival, asking, listed.get(at + 1).copied());
            warnings.push(noted.is_warning);
        }
        trail.note_unanswered(listed[came.len()..].iter().map(|size| Some(*size)));
        (trail, warnings)
    }

    fn doubtful(listed: &[u64], came: &[u64], end: SessionEnd) -> Doubtful {
        trail(Asking::Ahead, listed, came).0.doubtful(end)
    }

    fn these(positions: &[usize]) -> Doubtful {
        Doubtful::These(positions.iter().map(|&at| number(at)).collect())
    }

    #[test]
    fn sizes_prove_the_messages_before_an_early_end() {
        use Doubtful::{Everything, Nothing};
        for (listed, came, expected) in [
            (&[10, 20, 30][..], &[10, 20][..], Nothing),
            // One with the size of the next may be the next.
            (&[10, 20, 20], &[10, 20], these(&[1])),
            (&[10, 10, 10], &[10, 10], these(&[0, 1])),
            // Two replies may be lost.
            (&[10, 20, 10, 20, 30], &[10, 20], these(&[0, 1])),
            (&[20, 10, 20, 10], &[20, 10], these(&[0, 1])),
            // A size that is off by a line end may be that of the next, too.
            (&[10, 20, 22], &[10, 20], these(&[1])),
            // A reply was lost.
            (&[10, 20, 30], &[20, 30], Everything),
            (&[10, 20, 30, 40], &[10, 30, 40], Everything),
            (&[10, 20], &[20], Everything),
            // The sizes mean nothing.
            (&[1000, 2000, 3000], &[1234, 1999], these(&[0, 1])),
            (&[1000, 2000, 3000], &[1234, 2000], Nothing),
            (
                &[179, 197, 207, 359, 400],
                &[179, 184, 325, 227],
                these(&[0, 1, 2, 3]),
            ),
            // Nothing is missing.
            (&[1000, 2000], &[1234, 1999], Nothing),
        ] {
            let doubtful = doubtful(listed, came, SessionEnd::Early);
            assert_eq!(doubtful, expected, "{listed:?} {came:?}");
        }
    }

    #[test]
    fn a_wrong_size_is_no_proof_if_all_replies_came() {
        use Doubtful::{Everything, Nothing};
        for (listed, came, expected) in [
            (&[10, 99, 30][..], &[10, 20, 30][..], Nothing),
            (&[10, 10, 99, 99, 10], &[10, 10, 10, 10, 10], Nothing),
            (&[1024, 2048, 1024, 4096], &[700, 1500, 1024, 3999], Nothing),
            // The second message ended itself, and its rest counts as a reply.
            (&[10, 50, 30, 40], &[10, 20, 7, 30], Everything),
        ] {
            let doubtful = doubtful(listed, came, SessionEnd::Well);
            assert_eq!(doubtful, expected, "{listed:?} {came:?}");
        }
    }

    #[test]
    fn a_line_that_is_no_reply_puts_everything_in_doubt() {
        let end = SessionEnd::OutOfStep;
        assert_eq!(doubtful(&[10, 20], &[10, 20], end), Doubtful::Everything);
        let (mut alone, _) = trail(Asking::OneByOne, &[10, 20], &[10, 20]);
        assert_eq!(alone.doubtful(end), these(&[1]));
        for (came, expected) in [([100, 19], these(&[1])), ([9, 19], these(&[0, 1]))] {
            let (mut short, _) = trail(Asking::OneByOne, &[100, 200], &came);
            assert_eq!(short.doubtful(end), expected);
            short.note_going_on();
            assert_eq!(short.doubtful(end), expected);
        }
        alone.note_going_on();
        assert_eq!(alone.doubtful(end), Doubtful::Nothing);
        assert_eq!(alone.doubtful(SessionEnd::Early), Doubtful::Nothing);
    }

    #[test]
    fn a_misfit_warns_where_others_fit() {
        for (listed, came, expected) in [
            (&[10, 20, 30][..], &[10, 25, 30][..], [false, true, false]),
            (&[10, 20, 30], &[20, 20, 30], [true, false, false]),
            (&[1000, 2000, 3000], &[1, 2, 3], [false, false, false]),
        ] {
            let (_, warnings) = trail(Asking::Ahead, listed, came);
            assert_eq!(warnings, expected, "{listed:?} {came:?}");
        }
    }

    #[test]
    fn each_dialect_of_sizes_fits() {
        let size = ResponseSize {
            stored: 8,
            line_ends: 2,
        };
        for (listed, announced, fits) in [
            (Some(10), None, true),
            (Some(8), None, true),
            (Some(7), None, true),
            (Some(12), Some(12), true),
            (Some(12), None, false),
            (Some(12), Some(10), false),
            (None, Some(10), false),
        ] {
            let arrival = SizedArrival {
                number: number(0),
                listed,
                announced,
                size,
            };
            let noted = Trail::default().note(&arrival, Asking::Ahead, None);
            assert_eq!(noted.is_proof, fits, "{listed:?} {announced:?}");
        }
    }

    #[test]
    fn sizes_are_right_if_many_messages_have_them() {
        let sizes: Vec<_> = (100..120).collect();
        let (all, _) = trail(Asking::Ahead, &sizes, &sizes);
        assert!(all.has_right_sizes());
        let (few, _) = trail(Asking::Ahead, &sizes[1..], &sizes[1..]);
        assert!(!few.has_right_sizes());
        let came = [&sizes[..], &[7]].concat();
        let (wrong, _) = trail(Asking::Ahead, &[&sizes[..], &[9]].concat(), &came);
        assert!(!wrong.has_right_sizes());
    }
}
