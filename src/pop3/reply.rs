//! The replies of a server (RFC 1939, 2449, 3206): status lines and the lines of listings. Pure:
//! any octets have a defined result.

use crate::limits;
use crate::mail::maildrop::MessageNumber;
use crate::mail::total::MaildropTotal;
use crate::text::ServerText;

/// The first line of a reply.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Status {
    /// `+ `: the server waits for a line of a SASL exchange (RFC 5034); base64.
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
    /// The text after `-ERR`, with the code. A bare `-ERR` is its own text, so that reports quote something.
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
    /// (MailKit#391).
    ///
    /// `+OK -ERR error retrieving message` is a refusal: DavMail notices too late that it cannot send a
    /// message, and nothing follows.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let positive = keyword(line, b"+OK");
        if let Some(text) = keyword(positive.unwrap_or(line), b"-ERR") {
            let said = if text.is_empty() { b"-ERR" } else { text };
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
            [b'+', b' ', challenge @ ..] => Some(Self::Continue(challenge.to_vec())),
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

/// Returns the rest of the line after a keyword, without the blanks between them.
fn keyword<'a>(line: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = line.split_at_checked(word.len())?;
    let ends = rest
        .first()
        .is_none_or(|octet| matches!(octet, b' ' | b'\t'));
    (head.eq_ignore_ascii_case(word) && ends).then(|| rest.trim_ascii_start())
}

/// A line of a listing that is invalid, and makes the listing invalid.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Garbled;

/// Reads `number blanks unique-id`. The unique-id may contain blanks, or be missing: some servers
/// send none for a message without a Message-ID. Maillennium sends several blanks before it.
pub fn unique_id_line(line: &[u8]) -> Result<(MessageNumber, &[u8]), Garbled> {
    let (number, rest) = message_number(line)?;
    let blanks = rest.iter().take_while(|&&octet| is_blank(octet)).count();
    if blanks == 0 && !rest.is_empty() {
        return Err(Garbled);
    }
    let unique_id = &rest[blanks..];
    if unique_id.len() > limits::UNIQUE_ID {
        return Err(Garbled);
    }
    Ok((number, unique_id))
}

/// Reads `number blanks size …`. The size is only a hint, so anything but a number is an unknown
/// size: Exchange sends -1 for a message that it cannot render.
pub fn scan_line(line: &[u8]) -> Result<(MessageNumber, Option<u64>), Garbled> {
    let (number, rest) = message_number(line)?;
    let size = rest.trim_ascii_start();
    let digits = size
        .iter()
        .take_while(|octet| octet.is_ascii_digit())
        .count();
    let (size, behind) = size.split_at(digits);
    let ends = behind.first().is_none_or(|&octet| is_blank(octet));
    Ok((number, decimal(size).filter(|_| ends)))
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

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, digit| {
        sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })
}

fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
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
        for garbage in [
            &b""[..],
            b"OK",
            b"+OKAY",
            b"-ERRor",
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

    #[test]
    fn a_unique_id_line_is_number_blanks_unique_id() {
        let long = [b"1 ", &[b'x'; 1025][..]].concat();
        for (line, read) in [
            (&b"1 abc"[..], Ok((1, &b"abc"[..]))),
            (b"0012 \t  a b ", Ok((12, b"a b "))),
            (b"3", Ok((3, b""))),
            (b"3   ", Ok((3, b""))),
            (b"2147483647 x", Ok((2_147_483_647, b"x"))),
            (b"2147483648 x", Err(Garbled)),
            (b"99999999999999999999999 x", Err(Garbled)),
            (b"0 x", Err(Garbled)),
            (b"-1 x", Err(Garbled)),
            (b"+1 x", Err(Garbled)),
            (b"1x y", Err(Garbled)),
            (b"x", Err(Garbled)),
            (b"", Err(Garbled)),
            (b" 1 x", Err(Garbled)),
            (&long, Err(Garbled)),
        ] {
            let read_as = unique_id_line(line).map(|(number, id)| (number.value(), id));
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
            (&b"1 120"[..], Ok((1, Some(120)))),
            (b"1  120 extra", Ok((1, Some(120)))),
            (b"1 0", Ok((1, Some(0)))),
            (b"1 -1", Ok((1, None))),
            (b"1", Ok((1, None))),
            (b"1 12kB", Ok((1, None))),
            (b"1 99999999999999999999999", Ok((1, None))),
            (b"0 1", Err(Garbled)),
        ] {
            let read_as = scan_line(line).map(|(number, size)| (number.value(), size));
            assert_eq!(read_as, read, "{line:?}");
        }
    }
}
