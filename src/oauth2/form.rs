//! The encoding of names and values in forms and queries (`application/x-www-form-urlencoded`).

use zeroize::Zeroizing;

use crate::hex::{self, BadEscape};

/// Encodes pairs of names and values. The result is wiped when it is dropped, because it can
/// contain a refresh token.
pub(super) fn encode(pairs: &[(&str, &str)]) -> Zeroizing<String> {
    // Enough room for everything: a string that grows leaves copies in freed memory.
    let room = pairs
        .iter()
        .map(|(name, value)| 3 * (name.len() + value.len()) + 2);
    let mut encoded = Zeroizing::new(String::with_capacity(room.sum()));
    for (name, value) in pairs {
        if !encoded.is_empty() {
            encoded.push('&');
        }
        escape(name, &mut encoded);
        encoded.push('=');
        escape(value, &mut encoded);
    }
    encoded
}

/// Appends a text, with all characters escaped except those that RFC 3986 calls unreserved.
pub(super) fn escape(text: &str, to: &mut String) {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    for octet in text.bytes() {
        match octet {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
                to.push(octet.into());
            }
            octet => to.extend([
                '%',
                DIGITS[usize::from(octet >> 4)],
                DIGITS[usize::from(octet & 15)],
            ]),
        }
    }
}

/// Returns the value of a name in a query, or `None` if the name is missing or its value is not
/// UTF-8. A bad escape is kept as it is.
pub(super) fn value(query: &str, name: &str) -> Option<String> {
    let (_, value) = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(other, _)| *other == name)?;
    let octets = hex::percent_decode(&value.replace('+', " "), BadEscape::Keep)?;
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_value_is_read_again() {
        for text in ["", "plain-1._~", "a b&c=d%+", "größe\0\n", "https://h/?x=y"] {
            let encoded = encode(&[("first", "x"), ("name", text)]);
            assert!(
                encoded.bytes().all(|octet| octet.is_ascii_graphic()),
                "{text}"
            );
            let read = value(&encoded, "name");
            assert_eq!(read.as_deref(), Some(text));
        }
    }

    #[test]
    fn any_query_can_be_read() {
        for (query, expected) in [
            ("code=a+b%20c", Some("a b c")),
            ("x=1&code=a%2Fb&code=c", Some("a/b")),
            ("code=%zz%4", Some("%zz%4")),
            ("code=%", Some("%")),
            ("code=%c3", None),
            ("code", None),
            ("mycode=1", None),
            ("", None),
        ] {
            let read = value(query, "code");
            assert_eq!(read.as_deref(), expected, "{query}");
        }
    }
}
