//! Reads responses from octets in any pieces. Pure: any octets have a defined result.

use memchr::memchr;

use super::response::ImapResponse;
use super::syntax::{Literals, announced_literal};
use crate::limits;
use crate::text::ServerText;

/// The reason why octets are no response.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MalformedResponse {
    /// A line is no response.
    #[error("\"{0}\" is not a response of IMAP")]
    NotResponse(ServerText),
    /// A response is too long, or has too many words.
    #[error("a response is longer than mailpull accepts")]
    TooLong,
    /// The server sends octets that nobody has asked for.
    #[error("the server sends a literal of {0} octets that was not asked for")]
    UnaskedLiteral(u64),
}

/// The end of something that was decoded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decoded {
    /// A response has ended.
    Response(ImapResponse),
    /// This many octets of a message come next. They are not for the decoder; what follows them is.
    Message(u64),
}

/// Reads responses from octets in any pieces.
#[derive(Debug, Default)]
pub struct ResponseDecoder {
    /// The response until now, without the octets of a message.
    octets: Vec<u8>,
    /// The beginning of its last line.
    line: usize,
    /// The octets of a literal that are missing.
    missing: usize,
    /// True if the response has ended.
    is_whole: bool,
}

impl ResponseDecoder {
    /// Takes octets up to the end of a response, or up to the octets of a message. Returns the
    /// number of octets taken, and what they end. After an error the decoder is of no more use.
    ///
    /// # Errors
    /// The octets are no response, or exceed a limit.
    pub fn push(&mut self, octets: &[u8]) -> Result<(usize, Option<Decoded>), MalformedResponse> {
        if self.is_whole {
            self.octets.clear();
            (self.line, self.is_whole) = (0, false);
        }
        let mut taken = 0;
        while taken < octets.len() {
            let rest = &octets[taken..];
            if self.missing > 0 {
                let literal = &rest[..rest.len().min(self.missing)];
                self.octets.extend_from_slice(literal);
                self.missing -= literal.len();
                taken += literal.len();
                continue;
            }
            let end = memchr(b'\n', rest);
            let line = &rest[..end.unwrap_or(rest.len())];
            if self.octets.len() + line.len() > limits::STATUS_LINE {
                return Err(MalformedResponse::TooLong);
            }
            self.octets.extend_from_slice(line);
            taken += line.len() + usize::from(end.is_some());
            if end.is_some()
                && let Some(decoded) = self.end_line()?
            {
                return Ok((taken, Some(decoded)));
            }
        }
        Ok((taken, None))
    }

    /// Returns true if a response has begun and is not complete.
    pub fn is_inside(&self) -> bool {
        !self.is_whole && !self.octets.is_empty()
    }

    /// Returns the last response for the user, without the octets of its literals.
    pub fn shown(&self) -> ServerText {
        let first = self.octets.split(|octet| *octet == b'\r').next();
        ServerText::new(first.unwrap_or_default())
    }

    fn end_line(&mut self) -> Result<Option<Decoded>, MalformedResponse> {
        if self.octets[self.line..].ends_with(b"\r") {
            self.octets.pop();
        }
        let literal = match ImapResponse::is_text(&self.octets) {
            true => None,
            false => announced_literal(&self.octets[self.line..]),
        };
        let Some(length) = literal else {
            self.is_whole = true;
            let response = ImapResponse::parse(&self.octets);
            let response = response.ok_or_else(|| MalformedResponse::NotResponse(self.shown()))?;
            return Ok(Some(Decoded::Response(response)));
        };
        let literals = ImapResponse::literals(&self.octets);
        self.octets.extend_from_slice(b"\r\n");
        self.line = self.octets.len();
        match literals {
            None => Err(MalformedResponse::UnaskedLiteral(length)),
            Some(Literals::Streamed) => Ok(Some(Decoded::Message(length))),
            Some(Literals::Kept) => {
                let room = limits::STATUS_LINE.saturating_sub(self.line);
                let length = usize::try_from(length)
                    .ok()
                    .filter(|length| *length <= room);
                self.missing = length.ok_or(MalformedResponse::TooLong)?;
                self.line += self.missing;
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::response::{BodyData, MailboxStatus, MessageData};

    /// Decodes octets in pieces of this length. Returns also the octets of messages.
    fn decode(octets: &[u8], piece: usize) -> (Vec<Decoded>, Vec<u8>, Option<MalformedResponse>) {
        let mut decoder = ResponseDecoder::default();
        let (mut decoded, mut message, mut missing) = (Vec::new(), Vec::new(), 0);
        for mut piece in octets.chunks(piece) {
            while !piece.is_empty() {
                let (ours, rest) = piece.split_at(missing.min(piece.len()));
                message.extend_from_slice(ours);
                missing -= ours.len();
                match decoder.push(rest) {
                    Err(error) => return (decoded, message, Some(error)),
                    Ok((taken, part)) => {
                        piece = &rest[taken..];
                        if let Some(Decoded::Message(octets)) = part {
                            missing = usize::try_from(octets).unwrap_or(usize::MAX);
                        }
                        decoded.extend(part);
                    }
                }
            }
        }
        (decoded, message, None)
    }

    fn decoded(octets: &[u8]) -> (Vec<Decoded>, Vec<u8>, Option<MalformedResponse>) {
        let whole = decode(octets, octets.len());
        for piece in 1..octets.len() {
            assert_eq!(decode(octets, piece), whole, "pieces of {piece}");
        }
        whole
    }

    #[test]
    fn responses_are_read_in_any_pieces() {
        let octets = b"* STATUS {6}\r\n(\r\n{3} (UIDNEXT 4)\r\n+ go\r\n* 2 FETCH (BODY[] {5}\r\n\
                       a\r\n) UID 9)\n* LIST () NIL {1}\r\nx\r\n* 1 EXISTS\r\n";
        let status = MailboxStatus {
            uid_next: Some(4),
            ..MailboxStatus::default()
        };
        let data = MessageData {
            uid: Some(9),
            size: None,
            body: Some(BodyData::Streamed(5)),
        };
        let (read, message, error) = decoded(octets);
        let responses = [
            Decoded::Response(ImapResponse::Status(status)),
            Decoded::Response(ImapResponse::Continue(b"go".to_vec())),
            Decoded::Message(5),
            Decoded::Response(ImapResponse::Fetch(data)),
            Decoded::Response(ImapResponse::List(None)),
            Decoded::Response(ImapResponse::Exists(1)),
        ];
        assert_eq!((read, error), (responses.to_vec(), None));
        assert_eq!(message, b"a\r\n) ");
    }

    #[test]
    fn an_incomplete_response_is_awaited() {
        for text in [
            "*",
            "* OK",
            "* OK\r",
            "* LIST {3}\r\n",
            "* 1 FETCH ({9}\r\n",
        ] {
            let (read, _, error) = decoded(text.as_bytes());
            assert!(!read.iter().any(|read| matches!(read, Decoded::Response(_))));
            assert_eq!(error, None, "{text}");
        }
    }

    #[test]
    fn the_text_of_a_status_announces_no_literal() {
        let (read, _, error) = decoded(b"* OK {3}\r\nA1 NO {5}\r\n+ {9}\r\n");
        assert_eq!((read.len(), error), (3, None));
    }

    #[test]
    fn literals_that_nobody_asked_for_are_refused() {
        for text in [
            "* SEARCH {3}\r\n",
            "* 1 EXISTS {3}\r\n",
            "* METADATA \"\" (/x {3}\r\n",
        ] {
            let (_, _, error) = decoded(text.as_bytes());
            assert_eq!(error, Some(MalformedResponse::UnaskedLiteral(3)), "{text}");
        }
    }

    #[test]
    fn a_response_without_end_is_cut_off() {
        let long = [b'*'; limits::STATUS_LINE + 1];
        assert_eq!(decode(&long, 4096).2, Some(MalformedResponse::TooLong));
        for octets in ["65536", "18446744073709551615"] {
            let text = format!("* LIST () NIL {{{octets}}}\r\n");
            assert_eq!(
                decode(text.as_bytes(), 9).2,
                Some(MalformedResponse::TooLong)
            );
        }
        let many = "* LIST {0}\r\n".to_owned() + &" {0}\r\n".repeat(limits::STATUS_LINE / 6);
        assert_eq!(
            decode(many.as_bytes(), 4096).2,
            Some(MalformedResponse::TooLong)
        );
        let words = format!(
            "* CAPABILITY{}\r\n",
            " x".repeat(limits::CAPABILITY_LINES + 1)
        );
        let error = decode(words.as_bytes(), 4096).2;
        assert!(matches!(error, Some(MalformedResponse::NotResponse(_))));
    }
}
