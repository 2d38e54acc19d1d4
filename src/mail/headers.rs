//! Reads from a message's header what reports and the database need. Uses mailparse. It never fails:
//! a header that cannot be read gives empty fields.

use mailparse::MailHeaderMap as _;

use crate::digest::{Digest, Hasher};
use crate::text::ServerText;

/// The octets of a header that are searched for fields. All of the header is hashed.
const LOOKED_INTO: usize = 64 * 1024;

/// The octets of a field that are decoded.
const DECODED: usize = 2 * 1024;

/// Reads a header while the message streams past.
#[derive(Default)]
pub struct HeaderReader {
    hasher: Hasher,
    kept: Vec<u8>,
    at_line_start: bool,
    is_over: bool,
    begun: bool,
}

/// The fields of a header that mailpull uses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Header {
    /// SHA-256 of the header as it is stored, without the empty line that ends it.
    pub digest: Digest,
    /// The From field, decoded.
    pub from: ServerText,
    /// The address in Return-Path, if the field is there.
    pub return_path: Option<ServerText>,
    /// The Subject field, decoded.
    pub subject: ServerText,
}

impl HeaderReader {
    /// Takes the next octets of the message as it is stored (LF ends a line). Octets after the header
    /// are ignored.
    pub fn push(&mut self, octets: &[u8]) {
        if self.is_over {
            return;
        }
        let header = &octets[..self.header_octets(octets)];
        self.hasher.update(header);
        let room = LOOKED_INTO.saturating_sub(self.kept.len());
        self.kept
            .extend_from_slice(&header[..header.len().min(room)]);
    }

    /// Returns how many of these octets belong to the header. An empty line ends it.
    fn header_octets(&mut self, octets: &[u8]) -> usize {
        if !self.begun && !octets.is_empty() {
            (self.begun, self.at_line_start) = (true, true);
        }
        let mut end = 0;
        loop {
            if self.at_line_start && octets.get(end) == Some(&b'\n') {
                self.is_over = true;
                return end;
            }
            let Some(line) = memchr::memchr(b'\n', &octets[end..]) else {
                self.at_line_start &= end == octets.len();
                return octets.len();
            };
            end += line + 1;
            self.at_line_start = true;
        }
    }

    /// Returns the fields of the header.
    pub fn finish(self) -> Header {
        let fields =
            mailparse::parse_headers(&self.kept).map_or_else(|_| Vec::new(), |read| read.0);
        let text = |name: &str| {
            let value = fields.get_first_header(name).map(decoded);
            ServerText::new(value.unwrap_or_default().as_bytes())
        };
        let return_path = fields.get_first_header("Return-Path").map(|field| {
            let value = field.get_value_raw().trim_ascii();
            let bare = value
                .strip_prefix(b"<")
                .and_then(|value| value.strip_suffix(b">"));
            ServerText::new(bare.unwrap_or(value))
        });
        Header {
            digest: self.hasher.finish(),
            from: text("From"),
            return_path,
            subject: text("Subject"),
        }
    }
}

/// Decodes the beginning of a field only: a sender can make decoding a whole field slow.
fn decoded(field: &mailparse::MailHeader<'_>) -> String {
    let raw = field.get_value_raw();
    let line = [b"X: ", &raw[..raw.len().min(DECODED)], b"\n"].concat();
    mailparse::parse_header(&line).map_or_else(|_| String::new(), |(field, _)| field.get_value())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Header {
        let mut reader = HeaderReader::default();
        for piece in pieces {
            reader.push(piece);
        }
        reader.finish()
    }

    #[test]
    fn fields_are_decoded() {
        let header = read(&[
            b"Return-Path: <joe@example.com>\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\
              From: Joe\n <joe@example.com>\n\nSubject: not this\n",
        ]);
        assert_eq!(header.subject.to_string(), "Grüße");
        assert_eq!(header.from.to_string(), "Joe <joe@example.com>");
        assert_eq!(header.return_path, Some("joe@example.com".into()));
    }

    #[test]
    fn the_hash_is_of_the_header_alone_at_every_split() {
        for (message, header) in [
            (&b"A: 1\nB: 2\n\nbody\n\nmore"[..], &b"A: 1\nB: 2\n"[..]),
            (b"\nbody", b""),
            (b"", b""),
            (b"no end", b"no end"),
            (b"A: 1\n", b"A: 1\n"),
        ] {
            for split in 0..=message.len() {
                let (first, second) = message.split_at(split);
                assert_eq!(read(&[first, second]).digest, Digest::of(header));
            }
        }
    }

    #[test]
    fn a_message_without_a_header_is_no_error() {
        for junk in [
            &b"\0\xff\n: : :\n"[..],
            b":",
            b" folded\n",
            &[b'x'; 200_000],
        ] {
            let header = read(&[junk]);
            assert!(header.subject.is_empty() && header.return_path.is_none());
        }
    }
}
