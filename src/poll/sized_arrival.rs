//! A message that has arrived, beside the size that the server promised. Pure.

use crate::mail::known::Deviation;
use crate::mail::maildrop::MessageNumber;
use crate::pop3::ResponseSize;

/// The most octets in lines that servers and virus scanners add to a message after they have counted it.
const MOST_ADDED: u64 = 1000;

/// A message that arrived, and what was said about its size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SizedArrival {
    /// The number of the message that was asked for.
    pub number: MessageNumber,
    /// The size that LIST said.
    pub listed: Option<u64>,
    /// The size that the reply to RETR said.
    pub announced: Option<u64>,
    /// The size of the answer.
    pub size: ResponseSize,
}

impl SizedArrival {
    /// Returns the size that was promised: the larger one, if LIST and the reply differ.
    pub(crate) fn promised(&self) -> Option<u64> {
        self.listed.max(self.announced)
    }

    /// Returns true if nothing came. Whatever size was promised, the server could not read the message.
    pub(crate) fn is_empty(&self) -> bool {
        self.size.stored == 0
    }

    /// Returns how the message differs from the promised size. One that is a little longer was not cut: servers
    /// and scanners add lines. A server that counts each CRLF as one octet would have promised `stored`.
    pub(crate) fn deviation(&self) -> Deviation {
        if self.has_promised_size() {
            return Deviation::None;
        }
        match self.promised() {
            Some(size) if self.size.sent().saturating_mul(2) < size => Deviation::LessThanHalf,
            Some(size) if self.size.stored < size => Deviation::Shorter,
            // Some servers list 0 instead of a size.
            Some(size @ 1..) if self.size.stored - size > MOST_ADDED => Deviation::Longer,
            _ => Deviation::None,
        }
    }

    /// Returns true if the message has the size that LIST or the reply said.
    pub(crate) fn has_promised_size(&self) -> bool {
        let mut promised = self.listed.into_iter().chain(self.announced);
        promised.any(|size| self.size.fits(size))
    }

    /// Returns true if the message has the size that LIST said, whatever the reply says.
    pub(crate) fn has_listed_size(&self) -> bool {
        self.listed.is_some_and(|size| self.size.fits(size))
    }

    /// Returns true if this is the size of the message that came, or if the server says so.
    pub(super) fn has(&self, size: u64) -> bool {
        self.size.fits(size) || self.announced == Some(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_shorter_or_much_longer_is_in_doubt() {
        use Deviation::{LessThanHalf, Longer, None as Whole, Shorter};
        for (listed, announced, (stored, line_ends), deviation) in [
            (Some(48_213), Some(48_213), (1, 0), LessThanHalf),
            (None, Some(5), (2, 0), LessThanHalf),
            (Some(100), None, (49, 0), LessThanHalf),
            (Some(100), None, (50, 0), Shorter),
            (Some(100), None, (97, 2), Shorter),
            // A server that counts each CRLF as one octet has promised more than came.
            (Some(100), None, (99, 9), Shorter),
            (Some(100), None, (98, 2), Whole),
            (Some(100), None, (100, 9), Whole),
            // The server had to add a line end.
            (Some(100), None, (100, 2), Whole),
            (Some(100), None, (101, 9), Whole),
            (Some(100), Some(10), (10, 0), Whole),
            (None, None, (1, 0), Whole),
            // A server or a scanner has added lines.
            (Some(10), None, (1010, 9), Whole),
            (Some(10), None, (1011, 9), Longer),
            (Some(10), Some(900), (1011, 9), Whole),
            (Some(0), None, (9000, 9), Whole),
        ] {
            let arrival = SizedArrival {
                number: MessageNumber::new(1).expect("the number is in range"),
                listed,
                announced,
                size: ResponseSize { stored, line_ends },
            };
            assert_eq!(arrival.deviation(), deviation, "{arrival:?}");
        }
    }
}
