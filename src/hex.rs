//! Octets as hexadecimal digits, and the percent-escapes that are made of such digits.

/// Returns two lower-case digits for each octet.
pub(crate) fn encode(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Returns the octets that the digits stand for, or `None` if the text is anything but pairs of
/// digits. Upper case and lower case are the same.
pub(crate) fn decode(digits: &str) -> Option<Vec<u8>> {
    digits.as_bytes().chunks(2).map(octet).collect()
}

/// Returns the octet that two digits stand for, or `None` if the slice is anything else.
pub(crate) fn octet(pair: &[u8]) -> Option<u8> {
    let [high, low] = pair else {
        return None;
    };
    let digit = |octet: u8| char::from(octet).to_digit(16);
    u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()
}

/// The treatment of a `%` without two digits after it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BadEscape {
    /// It stands for itself.
    Keep,
    /// It makes the whole text invalid.
    Reject,
}

/// Replaces each `%XX` of a text by its octet (RFC 3986 section 2.1).
pub(crate) fn percent_decode(text: &str, bad_escape: BadEscape) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let escaped = behind.get(..2).and_then(octet).filter(|_| *first == b'%');
        match escaped {
            Some(octet) => {
                octets.push(octet);
                rest = &behind[2..];
            }
            None if *first == b'%' && bad_escape == BadEscape::Reject => return None,
            None => {
                octets.push(*first);
                rest = behind;
            }
        }
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_decoded_in_either_case() {
        assert_eq!(encode(b"\x00\xaf\xff"), "00afff");
        assert_eq!(decode("00afFF"), Some(b"\x00\xaf\xff".to_vec()));
        assert_eq!(decode(""), Some(Vec::new()));
    }

    #[test]
    fn anything_but_pairs_of_digits_is_rejected() {
        for text in ["a", "abc", "+1", "0x", "g0", " 1", "ä", "a\u{e4}b"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn a_bad_escape_is_kept_or_rejected_as_the_caller_asks() {
        for (text, kept, is_valid) in [
            ("a%2Fb%c3%a4", "a/bä", true),
            ("%zz%4", "%zz%4", false),
            ("%", "%", false),
            ("%%41", "%A", false),
            ("", "", true),
        ] {
            let octets = percent_decode(text, BadEscape::Keep);
            assert_eq!(octets.as_deref(), Some(kept.as_bytes()), "{text}");
            let octets = percent_decode(text, BadEscape::Reject);
            assert_eq!(octets.is_some(), is_valid, "{text}");
        }
    }
}
