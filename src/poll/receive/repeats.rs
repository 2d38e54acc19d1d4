//! Finds answers that bring the octets of another message of the session again.
//!
//! A server may send one reply twice, or answer with another message than the one that was asked for. If
//! LIST says that two messages have different sizes, they cannot have the same octets: the one that does
//! not have its size is rejected. Two messages of one size can. Then NOOP shows if a reply is left over, and
//! until then nothing is passed on.

use std::collections::HashMap;
use std::io::{Read, Write};

use super::{Error, Receiver, Reception};
use crate::mail::custody::Receipt;
use crate::mail::known::Deviation;
use crate::mail::maildrop::{Message, MessageNumber};
use crate::poll::batch::Purpose;
use crate::poll::not_received::NotSent;
use crate::poll::sized_arrival::SizedArrival;
use crate::pop3::{self, Pipeline, Request};

/// The contents that have arrived in a session.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// The messages by the beginning of their digests.
    arrived: HashMap<u64, SizedDigest>,
    /// True if a reply may be left over from commands that are answered.
    may_be_left: bool,
    /// True if the next message may have the octets of the last one.
    are_expected: bool,
    /// The first message that has the octets of another since NOOP was answered last. It may have come
    /// instead of the one that was asked for, and so may all later ones.
    first: Option<MessageNumber>,
}

/// The answer that a message came in.
pub(super) struct SizedAnswer<'a> {
    /// Its size.
    pub(super) arrival: &'a SizedArrival,
    /// True if it does not have the listed size, and others do.
    pub(super) is_warning: bool,
    /// The purpose that it was asked for.
    pub(super) purpose: Purpose,
}

/// A message that has arrived, with its listed size.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct SizedDigest {
    /// The number of the message that was asked for.
    number: MessageNumber,
    /// The size that LIST said.
    listed: Option<u64>,
    /// True if the message has this size.
    fits: bool,
}

/// The relation of a message to those that arrived before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Repeat {
    /// No other has the same octets.
    None,
    /// Another has the same octets, and may have them.
    Equal,
    /// It came instead of the one that was asked for.
    Wrong,
    /// This earlier message came instead of the one that was asked for.
    EarlierWrong(MessageNumber),
    /// Another has the same octets and should not, and neither has its size.
    Odd,
}

impl Repeats {
    /// Begins a session. If headers were asked for ahead, one of the replies may have come twice.
    pub(super) fn begin(has_pipelined: bool) -> Self {
        Self {
            may_be_left: has_pipelined,
            ..Self::default()
        }
    }

    /// Notes a refusal, which may have come twice.
    pub(super) fn note_refusal(&mut self) {
        self.may_be_left = true;
    }

    /// Returns true if a message that has arrived may have come instead of another one.
    pub(super) fn are_open(&self) -> bool {
        self.are_expected || self.first.is_some()
    }

    /// Notes that no reply is left over.
    fn note_proof(&mut self) {
        (self.may_be_left, self.first) = (false, None);
    }

    /// Takes a message, and compares it with those that arrived before it.
    fn note(&mut self, beginning: u64, message: SizedDigest) -> Repeat {
        let Some(earlier) = self.arrived.insert(beginning, message) else {
            return Repeat::None;
        };
        let sizes = earlier.listed.zip(message.listed);
        if sizes.is_none_or(|(one, other)| one.abs_diff(other) <= NEAR) {
            return Repeat::Equal;
        }
        match (earlier.fits, message.fits) {
            (true, false) => {
                self.arrived.insert(beginning, earlier);
                Repeat::Wrong
            }
            (false, true) => Repeat::EarlierWrong(earlier.number),
            // The server counts octets in two ways.
            (true, true) => Repeat::Equal,
            (false, false) => Repeat::Odd,
        }
    }
}

impl Receiver<'_> {
    /// Looks for another message of the session with the same octets. Returns the message, unless it has come
    /// instead of another one.
    ///
    /// # Errors
    /// A reply is left over, so this message may have come instead of another one. It is thrown away.
    pub(super) fn check_repeat<S: Read + Write>(
        &self,
        pipeline: &mut Pipeline<'_, S, impl Iterator<Item = Request>>,
        receipt: Receipt,
        answer: SizedAnswer<'_>,
        reception: &mut Reception<'_>,
    ) -> Result<Option<Receipt>, Error> {
        let arrival = answer.arrival;
        let message = SizedDigest {
            number: arrival.number,
            listed: arrival.listed,
            fits: arrival.has_listed_size(),
        };
        let repeats = &mut reception.repeats;
        let repeat = repeats.note(receipt.stored().digest.beginning(), message);
        repeats.are_expected = answer.is_warning;
        repeats.may_be_left |= repeat != Repeat::None || !pipeline.is_idle();
        if matches!(repeat, Repeat::Equal | Repeat::Odd) {
            repeats.first.get_or_insert(arrival.number);
        }
        // The octets of a neighbour would count as new mail under a known unique-id.
        let is_compared = matches!(
            answer.purpose,
            Purpose::Comparison { .. } | Purpose::Verification
        );
        let is_looked_for = is_compared || matches!(answer.purpose, Purpose::Recognition);
        let may_be_left = repeats.may_be_left && (is_looked_for || repeat != Repeat::None);
        // The message may have ended too early, and its rest would count as replies.
        let is_cut = matches!(
            arrival.deviation(),
            Deviation::Shorter | Deviation::LessThanHalf
        );
        let may_go_on = is_compared && is_cut;
        if (may_be_left || may_go_on) && pipeline.is_idle() {
            if let Err(error) = pipeline.prove_step() {
                self.intake.discard(receipt)?;
                return Err(Error::broken(error, None));
            }
            repeats.note_proof();
        }
        match repeat {
            Repeat::None | Repeat::Equal => {}
            Repeat::Odd => reception.trail.note_odd_repeat(),
            Repeat::Wrong => {
                self.reject(arrival.number, receipt, reception)?;
                return Ok(None);
            }
            Repeat::EarlierWrong(earlier) => match reception.batch.take_out(earlier) {
                Some(wrong) => self.reject(earlier, wrong, reception)?,
                // It is delivered by now. The next run compares it with a second download.
                None => reception.trail.note_short(earlier),
            },
        }
        Ok(Some(receipt))
    }

    /// Throws away what may have come instead of other messages, if that is why the session ends.
    pub(super) fn discard_repeats(
        &self,
        error: &Error,
        reception: &mut Reception<'_>,
    ) -> Result<(), Error> {
        let first = reception.repeats.first.take();
        let is_out_of_step = error.cause().is_some_and(pop3::Error::is_out_of_step);
        if let Some(first) = first.filter(|_| is_out_of_step) {
            for wrong in reception.batch.take_out_since(first) {
                self.intake.discard(wrong.receipt)?;
            }
        }
        Ok(())
    }

    /// Throws away a message that has come instead of another one, which a later session asks for alone.
    fn reject(
        &self,
        number: MessageNumber,
        wrong: Receipt,
        reception: &mut Reception<'_>,
    ) -> Result<(), Error> {
        let stored = wrong.stored();
        let message = Message {
            number,
            identity: stored.identity.clone(),
            size: stored.size,
        };
        reception.fail(message, NotSent::Another);
        self.intake.discard(wrong)?;
        Ok(())
    }
}

/// Makes sure at the end of a session that messages with the same octets have not come from one reply that was
/// sent twice.
///
/// # Errors
/// A reply is left over.
pub(super) fn prove_repeats<S: Read + Write>(
    pipeline: &mut Pipeline<'_, S, impl Iterator<Item = Request>>,
    reception: &mut Reception<'_>,
) -> Result<(), Error> {
    if reception.repeats.first.is_some() {
        let proven = pipeline.prove_step();
        proven.map_err(|error| Error::broken(error, None))?;
        reception.repeats.note_proof();
    }
    Ok(())
}

/// Sizes that differ by so much may be those of one message, with or without its last line end.
const NEAR: u64 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn sized(number: u32, (listed, fits): (Option<u64>, bool)) -> SizedDigest {
        SizedDigest {
            number: MessageNumber::new(number).expect("the number is in range"),
            listed,
            fits,
        }
    }

    #[test]
    fn equal_octets_of_another_size_are_of_another_message() {
        let first = MessageNumber::new(1).expect("the number is in range");
        for (one, other, expected) in [
            ((Some(10), true), (Some(10), true), Repeat::Equal),
            ((None, false), (Some(10), true), Repeat::Equal),
            ((Some(10), true), (Some(12), false), Repeat::Equal),
            // One counts each line end as one octet.
            ((Some(10), true), (Some(20), true), Repeat::Equal),
            ((Some(10), false), (Some(20), false), Repeat::Odd),
            ((Some(10), true), (Some(20), false), Repeat::Wrong),
            (
                (Some(10), false),
                (Some(20), true),
                Repeat::EarlierWrong(first),
            ),
        ] {
            let mut repeats = Repeats::default();
            assert_eq!(repeats.note(7, sized(1, one)), Repeat::None);
            assert_eq!(repeats.note(8, sized(2, one)), Repeat::None);

            let repeat = repeats.note(7, sized(3, other));

            assert_eq!(repeat, expected, "{one:?} {other:?}");
        }
    }

    #[test]
    fn a_third_message_is_compared_with_the_one_that_fits() {
        let mut repeats = Repeats::default();
        repeats.note(7, sized(1, (Some(10), true)));
        repeats.note(7, sized(2, (Some(20), false)));

        let repeat = repeats.note(7, sized(3, (Some(20), false)));

        assert_eq!(repeat, Repeat::Wrong);
    }
}
