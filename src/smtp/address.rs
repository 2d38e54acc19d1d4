//! The addresses of an envelope.

use std::fmt;

/// The longest address in octets: 256 with its angle brackets (RFC 5321 section 4.5.3.1.3).
const LONGEST: usize = 254;

/// An address that can be sent as it is: printable ASCII without blanks, quotes, backslashes and
/// angle brackets. So it can neither end its command nor add a parameter to it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct EnvelopeAddress(String);

impl EnvelopeAddress {
    /// Checks an address. Returns `None` if it is empty, too long, or cannot be sent as it is.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |octet: u8| octet.is_ascii_graphic() && !b"<>\"\\".contains(&octet);
        let is_address = (1..=LONGEST).contains(&text.len()) && text.bytes().all(is_plain);
        is_address.then(|| Self(text.to_owned()))
    }

    /// Returns the empty sender, to which no server sends a report.
    pub fn nobody() -> Self {
        Self::default()
    }
}

impl fmt::Display for EnvelopeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_cannot_change_its_command() {
        for good in ["me@example.com", "me", "me+list=x@[IPv6:::1]", "a'b!c%d@h"] {
            assert_eq!(
                EnvelopeAddress::parse(good).map(|address| address.to_string()),
                Some(good.to_owned())
            );
        }
        let longest = "x".repeat(LONGEST);
        assert!(EnvelopeAddress::parse(&longest).is_some());
        let too_long = "x".repeat(LONGEST + 1);
        for bad in [
            "",
            "me @h",
            "me@h>",
            "<me@h",
            "me@h\r\nRSET",
            "me\0@h",
            "\"me\"@h",
            "m\\e@h",
            "größe@h",
            &too_long,
        ] {
            assert_eq!(EnvelopeAddress::parse(bad), None, "{bad}");
        }
    }
}
