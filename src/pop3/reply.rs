//! The status lines of a server (RFC 1939, 2449, 3206). Pure: any octets have a defined result.

use std::fmt;

use super::listing_line::{decimal, is_blank};
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

/// The server's reply when it refused something.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// The response code in brackets, if mailpull knows it.
    pub code: Option<ResponseCode>,
    /// The text after `-ERR`, with the code. A bare `-ERR` is its own text, so that a quotation is not empty.
    pub text: ServerText,
}

/// Response codes of RFC 2449 section 8 and RFC 3206.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ResponseCode {
    /// `[AUTH]`: the credentials are the problem.
    Auth,
    /// `[IN-USE]`: another session holds the maildrop.
    InUse,
    /// `[LOGIN-DELAY]`: the last login was too recent.
    LoginDelay,
    /// `[SYS/PERM]`: a fault of the server that waiting does not repair.
    SysPerm,
    /// `[SYS/TEMP]`: a temporary fault of the server.
    SysTemp,
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
            let said = if text.is_empty() { BARE } else { text };
            return Some(Self::Negative(Refusal {
                code: ResponseCode::parse(text),
                text: ServerText::new(said),
            }));
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

/// The end of a sentence that says what the server has refused.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text.as_octets() {
            BARE => f.write_str(" without saying why"),
            _ => write!(f, ": {}", self.text),
        }
    }
}

/// A refusal without a text.
const BARE: &[u8] = b"-ERR";

impl Refusal {
    /// Returns true if the server says that user or password are wrong (RFC 3206).
    pub fn is_of_login(&self) -> bool {
        self.code == Some(ResponseCode::Auth)
    }

    /// Returns true if a later attempt may succeed. The response code decides; without one, the
    /// words decide that servers use for a locked maildrop or too many logins (from fetchmail's
    /// list).
    pub fn is_transient(&self) -> bool {
        match self.code {
            Some(ResponseCode::InUse | ResponseCode::LoginDelay | ResponseCode::SysTemp) => true,
            Some(ResponseCode::Auth | ResponseCode::SysPerm) => false,
            None => {
                let text = self.text.as_octets().to_ascii_lowercase();
                let says = |word: &[u8]| memchr::memmem::find(&text, word).is_some();
                let locked = says(b"lock") && !says(b"account");
                locked
                    || [
                        &b"in use"[..],
                        b"busy",
                        b"try again",
                        b"unavailable",
                        b"too many",
                    ]
                    .iter()
                    .any(|word| says(word))
            }
        }
    }
}

impl ResponseCode {
    fn parse(text: &[u8]) -> Option<Self> {
        let inside = text.strip_prefix(b"[")?;
        let end = inside.iter().position(|&octet| octet == b']')?;
        let code = inside[..end].to_ascii_uppercase();
        [
            (&b"AUTH"[..], Self::Auth),
            (b"IN-USE", Self::InUse),
            (b"LOGIN-DELAY", Self::LoginDelay),
            (b"SYS/PERM", Self::SysPerm),
            (b"SYS/TEMP", Self::SysTemp),
        ]
        .into_iter()
        .find(|(name, _)| *name == code)
        .map(|(_, code)| code)
    }
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

    #[test]
    fn a_refusal_is_temporary_by_its_code_or_words() {
        for (line, code, transient) in [
            (&b"-ERR [AUTH] no"[..], Some(ResponseCode::Auth), false),
            (b"-ERR [in-use] x", Some(ResponseCode::InUse), true),
            (
                b"-ERR [LOGIN-DELAY] x",
                Some(ResponseCode::LoginDelay),
                true,
            ),
            (b"-ERR [SYS/TEMP] x", Some(ResponseCode::SysTemp), true),
            (
                b"-ERR [SYS/PERM] try again",
                Some(ResponseCode::SysPerm),
                false,
            ),
            (b"-ERR maildrop already locked", None, true),
            (b"-ERR your account is locked", None, false),
            (b"-ERR Service unavailable", None, true),
            (b"-ERR [NEWS] wrong password", None, false),
            (b"-ERR", None, false),
        ] {
            let Some(Status::Negative(refusal)) = Status::parse(line) else {
                panic!("{line:?} is a refusal");
            };
            assert_eq!((refusal.code, refusal.is_transient()), (code, transient));
        }
    }
}
