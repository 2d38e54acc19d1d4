//! The lines of listings, and the answer to STAT (RFC 1939). Pure: any octets have a defined result.
//!
//! The answer to UIDL names messages. A line that cannot be read, or that two readings fit, could make mailpull
//! lose a message or deliver it twice, so it makes the listing invalid. The answer to LIST has only sizes, which
//! are checked again after each download. So a line that cannot be read there costs one size.
//! Blanks at the beginning of a line, and empty lines, change neither.

use crate::limits;
use crate::mail::maildrop::MessageNumber;
use crate::mail::total::MaildropTotal;

/// A line of a listing that is invalid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Garbled;

/// Reads `number blanks unique-id`. The unique-id may contain blanks, or be missing: some servers
/// send none for a message without a Message-ID. Maillennium sends several blanks before it. Returns `None`
/// for an empty line.
pub fn unique_id_line(line: &[u8]) -> Result<Option<(MessageNumber, &[u8])>, Garbled> {
    let line = line.trim_ascii_start();
    if line.is_empty() {
        return Ok(None);
    }
    let (number, rest) = message_number(line)?;
    let blanks = rest.iter().take_while(|&&octet| is_blank(octet)).count();
    if blanks == 0 && !rest.is_empty() {
        return Err(Garbled);
    }
    let unique_id = &rest[blanks..];
    if unique_id.len() > limits::UNIQUE_ID {
        return Err(Garbled);
    }
    Ok(Some((number, unique_id)))
}

/// Reads `number blanks size …`. The size is only a hint, so anything but a number is an unknown
/// size: Exchange sends -1 for a message that it cannot render. Returns `None` for an empty line.
pub fn scan_line(line: &[u8]) -> Result<Option<(MessageNumber, Option<u64>)>, Garbled> {
    let line = line.trim_ascii_start();
    if line.is_empty() {
        return Ok(None);
    }
    let (number, rest) = message_number(line)?;
    let size = rest.trim_ascii_start();
    let digits = size
        .iter()
        .take_while(|octet| octet.is_ascii_digit())
        .count();
    let (size, behind) = size.split_at(digits);
    let ends = behind.first().is_none_or(|&octet| is_blank(octet));
    Ok(Some((number, decimal(size).filter(|_| ends))))
}

/// Reads the text of the answer to STAT, `messages blanks octets …`. Anything else is an unknown sum.
pub fn total(text: &[u8]) -> MaildropTotal {
    let mut words = text
        .split(|&octet| is_blank(octet))
        .filter(|word| !word.is_empty())
        .map(|word| {
            let is_number = word.iter().all(u8::is_ascii_digit);
            is_number.then(|| decimal(word)).flatten()
        });
    match (words.next().flatten(), words.next().flatten()) {
        (Some(messages), Some(octets)) => MaildropTotal::Known { messages, octets },
        _ => MaildropTotal::Unknown,
    }
}

fn message_number(line: &[u8]) -> Result<(MessageNumber, &[u8]), Garbled> {
    let digits = line
        .iter()
        .take_while(|octet| octet.is_ascii_digit())
        .count();
    let (number, rest) = line.split_at(digits);
    decimal(number)
        .and_then(|number| u32::try_from(number).ok())
        .and_then(MessageNumber::new)
        .map(|number| (number, rest))
        .ok_or(Garbled)
}

pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, digit| {
        sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })
}

pub(super) fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unique_id_line_is_number_blanks_unique_id() {
        let long = [b"1 ", &[b'x'; 1025][..]].concat();
        for (line, read) in [
            (&b"1 abc"[..], Ok(Some((1, &b"abc"[..])))),
            (b"0012 \t  a b ", Ok(Some((12, b"a b ")))),
            (b"3", Ok(Some((3, b"")))),
            (b"3   ", Ok(Some((3, b"")))),
            (b" \t 3 x", Ok(Some((3, b"x")))),
            (b"2147483647 x", Ok(Some((2_147_483_647, b"x")))),
            (b"", Ok(None)),
            (b" \t", Ok(None)),
            (b"2147483648 x", Err(Garbled)),
            (b"99999999999999999999999 x", Err(Garbled)),
            (b"0 x", Err(Garbled)),
            (b"-1 x", Err(Garbled)),
            (b"+1 x", Err(Garbled)),
            (b"1x y", Err(Garbled)),
            (b"x", Err(Garbled)),
            (b" -1 x", Err(Garbled)),
            (&long, Err(Garbled)),
        ] {
            let read_as =
                unique_id_line(line).map(|read| read.map(|(number, id)| (number.value(), id)));
            assert_eq!(read_as, read, "{line:?}");
        }
    }

    #[test]
    fn a_sum_of_sizes_is_two_numbers_or_unknown() {
        let known = |messages, octets| MaildropTotal::Known { messages, octets };
        for (text, read) in [
            (&b"2 320"[..], known(2, 320)),
            (b"0 0", known(0, 0)),
            (b"2  320 octets, 1 new", known(2, 320)),
            (b"", MaildropTotal::Unknown),
            (b"2", MaildropTotal::Unknown),
            (b"2 -1", MaildropTotal::Unknown),
            (b"2 messages (320 octets)", MaildropTotal::Unknown),
            (b"2 99999999999999999999999", MaildropTotal::Unknown),
        ] {
            assert_eq!(total(text), read, "{text:?}");
        }
    }

    #[test]
    fn a_size_is_only_a_hint() {
        for (line, read) in [
            (&b"1 120"[..], Ok(Some((1, Some(120))))),
            (b"1  120 extra", Ok(Some((1, Some(120))))),
            (b"1 0", Ok(Some((1, Some(0))))),
            (b"1 -1", Ok(Some((1, None)))),
            (b"1", Ok(Some((1, None)))),
            (b"1 12kB", Ok(Some((1, None)))),
            (b"1 99999999999999999999999", Ok(Some((1, None)))),
            (b"  1  120", Ok(Some((1, Some(120))))),
            (b"", Ok(None)),
            (b" ", Ok(None)),
            (b"0 1", Err(Garbled)),
            (b"two messages", Err(Garbled)),
        ] {
            let read_as =
                scan_line(line).map(|read| read.map(|(number, size)| (number.value(), size)));
            assert_eq!(read_as, read, "{line:?}");
        }
    }
}
