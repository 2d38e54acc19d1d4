//! The status lines of a server (RFC 1939, 2449, 3206). Pure: any octets have a defined result.

use super::listing_line::{decimal, is_blank};
use super::refusal::Refusal;
use crate::text::ServerText;

/// The first line of a reply.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Status {
    /// `+ `: the server waits for a line of a SASL exchange (RFC 5034). It should be base64.
    Continue(Vec<u8>),
    /// `-ERR`.
    Negative(Refusal),
    /// `+OK`, and the text after it.
    Positive(ServerText),
}

impl Status {
    /// Reads a status line without its line end. Returns `None` if it is not a status line; then
    /// the session is out of step.
    ///
    /// Case does not matter, and the text is optional: some servers answer a bare `+OK`
    /// (MailKit#391). Punctuation may follow the keyword: `+OK: ready`.
    ///
    /// `+OK -ERR error retrieving message` is a refusal: DavMail notices too late that it cannot send a
    /// message, and nothing follows. So is `+ERR`, which hMailServer sends if it cannot read its database.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let positive = keyword(line, b"+OK");
        let refused = keyword(positive.unwrap_or(line), b"-ERR");
        if let Some(text) = refused.or_else(|| keyword(line, b"+ERR")) {
            return Some(Self::Negative(Refusal::new(text)));
        }
        if let Some(text) = positive {
            return Some(Self::Positive(ServerText::new(text)));
        }
        match line {
            b"+" => Some(Self::Continue(Vec::new())),
            [b'+', b' ', challenge @ ..] => {
                Some(Self::Continue(challenge.trim_ascii_end().to_vec()))
            }
            _ => None,
        }
    }
}

/// Returns the size that the reply to RETR names: `+OK 1234 octets` (RFC 1939), also `bytes`, and also
/// with other words around it. A number alone may mean anything.
pub fn announced_size(text: &ServerText) -> Option<u64> {
    let is_separator = |octet: &u8| is_blank(*octet) || b"()[]<>,;:".contains(octet);
    let mut words = text
        .as_octets()
        .split(is_separator)
        .filter(|word| !word.is_empty())
        .peekable();
    while let Some(word) = words.next() {
        if !word.iter().all(u8::is_ascii_digit) {
            continue;
        }
        let Some(size) = decimal(word) else {
            continue;
        };
        let is_unit = |next: &&[u8]| {
            [&b"octets"[..], b"octet", b"bytes", b"byte"]
                .iter()
                .any(|unit| next.trim_ascii_end().eq_ignore_ascii_case(unit))
        };
        if words.peek().is_some_and(is_unit) {
            return Some(size);
        }
    }
    None
}

/// Returns the rest of the line after a keyword, without the punctuation and the blanks between them.
fn keyword<'a>(line: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = line.split_at_checked(word.len())?;
    let mut text = rest;
    while let [b':' | b',' | b';' | b'.' | b'!' | b'-', more @ ..] = text {
        text = more;
    }
    let is_separate = text.len() < rest.len() || rest.first().is_none_or(|next| is_blank(*next));
    // A timestamp of APOP, or a response code.
    let ends = is_separate || rest.starts_with(b"<") || rest.starts_with(b"[");
    (head.eq_ignore_ascii_case(word) && ends).then(|| text.trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_is_read_in_any_case() {
        for (line, text) in [
            (&b"+OK"[..], &b""[..]),
            (b"+ok ready", b"ready"),
            (b"+Ok  two  words", b"two  words"),
            (b"+OK: ready", b"ready"),
            (b"+OK, ready", b"ready"),
            (b"+OK!", b""),
            (b"+OK<1.2@x>", b"<1.2@x>"),
        ] {
            assert_eq!(
                Status::parse(line),
                Some(Status::Positive(ServerText::new(text)))
            );
        }
        for (line, said) in [
            (&b"-ERR no such message"[..], "no such message"),
            (b"-err", "-ERR"),
            (b"-ERR ", "-ERR"),
            (
                b"+OK -ERR error retrieving message",
                "error retrieving message",
            ),
            (b"-ERR: no such message", "no such message"),
            (b"-ERR.", "-ERR"),
            (b"-ERR[IN-USE] locked", "[IN-USE] locked"),
            (b"+ERR Server error", "Server error"),
        ] {
            let Some(Status::Negative(refusal)) = Status::parse(line) else {
                panic!("this is a refusal: {said}");
            };
            assert_eq!(refusal.text.to_string(), said);
        }
        assert_eq!(Status::parse(b"+"), Some(Status::Continue(vec![])));
        assert_eq!(
            Status::parse(b"+ cGFzcw=="),
            Some(Status::Continue(b"cGFzcw==".to_vec()))
        );
        assert_eq!(
            Status::parse(b"+ cGFzcw== \t"),
            Some(Status::Continue(b"cGFzcw==".to_vec()))
        );
        for garbage in [
            &b""[..],
            b"OK",
            b"+OKAY",
            b"+OK2",
            b"-ERRor",
            b"-ERR\xff",
            b"220 smtp",
            b"HTTP/1.1 400",
            b" +OK",
            b"+\xff",
        ] {
            assert_eq!(Status::parse(garbage), None);
        }
    }

    #[test]
    fn a_reply_to_retr_may_name_the_size() {
        for (text, size) in [
            ("120 octets", Some(120)),
            ("120 Octets follow", Some(120)),
            ("message 3 (1234 bytes)", Some(1234)),
            ("0 octets", Some(0)),
            ("1 message, 17 octets", Some(17)),
            ("120", None),
            ("message follows", None),
            ("", None),
            ("-1 octets", None),
            ("99999999999999999999 octets", None),
        ] {
            assert_eq!(announced_size(&text.into()), size, "{text}");
        }
    }
}
