//! The replies of a server (RFC 5321 section 4.2, 2034, 3463). Pure: any octets have a defined
//! result, in whatever pieces they come.

use std::fmt;

use memchr::memchr;

use crate::limits;
use crate::text::{SHOWN_OCTETS, ServerText};

/// A reply: a code, and the text of each of its lines.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    code: u16,
    lines: Vec<ServerText>,
}

/// An enhanced status code, such as 5.2.2 (RFC 3463).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EnhancedCode {
    /// 2 for success, 4 for a temporary and 5 for a permanent failure.
    pub class: u16,
    /// The subject: 1 is about addresses, 2 about mailboxes, 3 about the mail system, 7 about rules.
    pub subject: u16,
    /// The detail.
    pub detail: u16,
}

impl Reply {
    /// Returns its three digits as a number.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// Returns the text of its lines.
    pub fn lines(&self) -> &[ServerText] {
        &self.lines
    }

    /// Returns true if the command was carried out.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// Returns the enhanced status code at the beginning of its text.
    pub fn enhanced(&self) -> Option<EnhancedCode> {
        let text = self.lines.first()?.as_octets();
        let word = text.split(|octet| *octet == b' ').next()?;
        let mut numbers = str::from_utf8(word).ok()?.split('.').map(number);
        let code = EnhancedCode {
            class: numbers.next()??,
            subject: numbers.next()??,
            detail: numbers.next()??,
        };
        let is_one = numbers.next().is_none() && code.class == self.code / 100;
        is_one.then_some(code)
    }

    /// Returns true if waiting may help. Dovecot refuses mail for a full mailbox with 552 5.2.2, which
    /// stands for a permanent failure, but the owner can make room.
    pub fn is_transient(&self) -> bool {
        let is_full = match self.enhanced() {
            Some(code) => code == EnhancedCode::MAILBOX_FULL,
            None => self.code == EXCEEDED_STORAGE,
        };
        self.code / 100 == 4 || is_full
    }

    /// Returns true if the server waits for another command after it. It closes the connection after
    /// 421 (RFC 5321 section 3.8). A positive code that was not expected shows that both sides are
    /// not at the same step.
    pub(super) fn leaves_session_open(&self) -> bool {
        const CLOSING: u16 = 421;
        self.code >= 400 && self.code != CLOSING
    }

    /// Returns its codes without its text, which may differ for each message.
    pub fn kind(&self) -> String {
        match self.enhanced() {
            Some(enhanced) => format!("{} {enhanced}", self.code),
            None => self.code.to_string(),
        }
    }
}

/// Mailbox exceeded its storage, or the message does: the enhanced code tells which.
const EXCEEDED_STORAGE: u16 = 552;

impl EnhancedCode {
    const MAILBOX_FULL: Self = Self {
        class: 5,
        subject: 2,
        detail: 2,
    };
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.code.to_string().into_bytes();
        for line in self.lines.iter().filter(|line| !line.is_empty()) {
            if shown.len() > SHOWN_OCTETS {
                break;
            }
            shown.push(b' ');
            shown.extend_from_slice(line.as_octets());
        }
        ServerText::new(&shown).fmt(f)
    }
}

fn number(digits: &str) -> Option<u16> {
    let is_number = (1..=3).contains(&digits.len()) && digits.bytes().all(|d| d.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}

/// The reason why octets are no reply.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MalformedReply {
    /// A line does not begin with a code, or with another code than the line before it.
    #[error("\"{0}\" is not a reply of LMTP")]
    NotReply(ServerText),
    /// A line is too long, or there are too many.
    #[error("a reply is longer than mailpull accepts")]
    TooLong,
}

/// Reads replies from octets in any pieces.
#[derive(Debug, Default)]
pub struct ReplyDecoder {
    /// The beginning of a line whose end has not arrived.
    line: Vec<u8>,
    /// The lines of the reply until now, with the code of the first.
    begun: Option<Reply>,
}

impl ReplyDecoder {
    /// Takes octets up to the end of a reply. Returns the number of octets taken, and the reply if
    /// it is complete. After an error the decoder is of no more use.
    ///
    /// # Errors
    /// The octets are no reply, or exceed a limit.
    pub fn push(&mut self, octets: &[u8]) -> Result<(usize, Option<Reply>), MalformedReply> {
        let mut taken = 0;
        while taken < octets.len() {
            let rest = &octets[taken..];
            let end = memchr(b'\n', rest);
            let line = &rest[..end.unwrap_or(rest.len())];
            if self.line.len() + line.len() > limits::STATUS_LINE {
                return Err(MalformedReply::TooLong);
            }
            self.line.extend_from_slice(line);
            taken += line.len() + usize::from(end.is_some());
            if end.is_some()
                && let Some(reply) = self.end_line()?
            {
                return Ok((taken, Some(reply)));
            }
        }
        Ok((taken, None))
    }

    /// Returns true if a reply has begun and is not complete.
    pub fn is_inside(&self) -> bool {
        self.begun.is_some() || !self.line.is_empty()
    }

    fn end_line(&mut self) -> Result<Option<Reply>, MalformedReply> {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        let not_reply = || MalformedReply::NotReply(ServerText::new(line));
        let (code, is_last, text) = parse(line).ok_or_else(not_reply)?;
        let reply = self.begun.get_or_insert(Reply {
            code,
            lines: Vec::new(),
        });
        if reply.code != code {
            return Err(not_reply());
        }
        if reply.lines.len() >= limits::CAPABILITY_LINES {
            return Err(MalformedReply::TooLong);
        }
        reply.lines.push(ServerText::new(text));
        Ok(if is_last { self.begun.take() } else { None })
    }
}

/// Reads a line: its code, if it is the last one of its reply, and its text.
fn parse(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (digits, rest) = line.split_at_checked(3)?;
    let code = number(str::from_utf8(digits).ok()?)?;
    if !(200..600).contains(&code) {
        return None;
    }
    match rest.split_first() {
        None => Some((code, true, rest)),
        Some((b' ', text)) => Some((code, true, text)),
        Some((b'-', text)) => Some((code, false, text)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes octets in pieces of this length, up to the first reply.
    fn decode(octets: &[u8], piece: usize) -> Result<Option<Reply>, MalformedReply> {
        let mut decoder = ReplyDecoder::default();
        for piece in octets.chunks(piece) {
            let (taken, reply) = decoder.push(piece)?;
            assert!(taken <= piece.len());
            if reply.is_some() {
                assert!(!decoder.is_inside());
                return Ok(reply);
            }
        }
        Ok(None)
    }

    fn reply(text: &str) -> Reply {
        let octets = format!("{text}\r\n").into_bytes();
        let whole = decode(&octets, octets.len());
        for piece in 1..octets.len() {
            assert_eq!(decode(&octets, piece), whole, "pieces of {piece}");
        }
        whole.expect("it is a reply").expect("it is complete")
    }

    #[test]
    fn a_reply_is_read_in_any_pieces() {
        for (text, code, lines) in [
            ("250 OK", 250, &["OK"][..]),
            ("250", 250, &[""]),
            ("250 ", 250, &[""]),
            ("250-a\r\n250-\r\n250 b c", 250, &["a", "", "b c"]),
            ("250-a\n250 b", 250, &["a", "b"]),
            ("354 go\u{7} on", 354, &["go\\u{7} on"]),
            ("599 x", 599, &["x"]),
        ] {
            let reply = reply(text);
            assert_eq!(reply.code(), code, "{text}");
            let shown: Vec<_> = reply.lines().iter().map(ToString::to_string).collect();
            assert_eq!(shown, lines, "{text}");
        }
    }

    #[test]
    fn an_incomplete_reply_is_awaited() {
        for text in ["", "2", "250 OK", "250 OK\r", "250-OK\r\n", "250-OK\r\n250"] {
            assert_eq!(decode(text.as_bytes(), 1), Ok(None), "{text}");
        }
    }

    #[test]
    fn octets_after_a_reply_are_left() {
        let mut decoder = ReplyDecoder::default();
        let (taken, reply) = decoder.push(b"250 a\r\n550 b\r\n").expect("a reply");
        assert_eq!((taken, reply.map(|reply| reply.code())), (7, Some(250)));
    }

    #[test]
    fn garbage_is_no_reply() {
        for text in [
            "",
            "OK",
            "25",
            "199 x",
            "600 x",
            "+OK ready",
            "2500 x",
            "250_x",
            " 250 x",
            "+50 x",
            "250-a\r\n251 b",
            "250-a\r\nb",
            "25\u{660} x",
        ] {
            let octets = format!("{text}\r\n").into_bytes();
            for piece in [1, octets.len()] {
                let decoded = decode(&octets, piece);
                assert!(
                    matches!(decoded, Err(MalformedReply::NotReply(_))),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn a_reply_without_end_is_cut_off() {
        let long = [b'2'; limits::STATUS_LINE + 1];
        assert_eq!(decode(&long, 4096), Err(MalformedReply::TooLong));
        let many = "250-x\r\n".repeat(limits::CAPABILITY_LINES + 1);
        assert_eq!(decode(many.as_bytes(), 4096), Err(MalformedReply::TooLong));
    }

    #[test]
    fn an_enhanced_code_has_the_class_of_its_reply() {
        for (text, enhanced) in [
            ("250 2.1.0 OK", Some("2.1.0")),
            ("550 5.1.1 <me> no", Some("5.1.1")),
            ("552 5.2.2", Some("5.2.2")),
            ("550 4.1.1 no", None),
            ("550 5.1", None),
            ("550 5.1.1.1 no", None),
            ("550 5..1 no", None),
            ("550 5.1234.1 no", None),
            ("550 no", None),
            ("550", None),
        ] {
            let read = reply(text).enhanced().map(|code| code.to_string());
            assert_eq!(read.as_deref(), enhanced, "{text}");
        }
    }

    #[test]
    fn a_full_mailbox_is_a_temporary_refusal() {
        for (text, is_transient) in [
            ("450 busy", true),
            ("452 4.2.2 full", true),
            ("552 5.2.2 full", true),
            ("552 full", true),
            ("552 5.2.3 too large", false),
            ("552 5.3.4 too large", false),
            ("550 5.2.2 full", true),
            ("550 5.1.1 no such user", false),
            ("554 no", false),
        ] {
            assert_eq!(reply(text).is_transient(), is_transient, "{text}");
        }
    }

    #[test]
    fn a_reply_is_shown_on_one_line_and_cut() {
        let shown = reply("550-5.1.1 no\r\n550-\r\n550 such\tuser").to_string();
        assert_eq!(shown, "550 5.1.1 no such\\u{9}user");
        let long = format!("550-{0}\r\n550 {0}\r\n", "x".repeat(10_000));
        let long = decode(long.as_bytes(), 4096).expect("it is a reply");
        let long = long.expect("it is complete");
        assert!(long.to_string().chars().count() <= SHOWN_OCTETS + 1);
        assert_eq!(reply("550 5.1.1 <me> no").kind(), "550 5.1.1");
        assert_eq!(reply("550 no").kind(), "550");
    }
}
