//! Reads a message while it streams past: its digest, its header, and the marks by which it is compared.

use crate::digest::{Digest, Hasher};
use crate::mail::headers::{Header, HeaderReader};
use crate::mail::same::Fingerprint;

/// The octets of a body that are hashed for the fingerprint. The header is hashed once, the body up to
/// here twice, which costs the same for most messages as to hash the header twice.
const BODY_HASHED: usize = 32 * 1024;

/// Reads a message as it is stored (LF ends a line), in pieces of any size.
#[derive(Default)]
pub struct MessageReader {
    octets: u64,
    header: HeaderReader,
    /// `None` until the header has ended.
    body: Option<BodyReader>,
}

/// The result of reading a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReadMessage {
    /// Its length in octets.
    pub octets: u64,
    /// SHA-256 of all its octets.
    pub digest: Digest,
    /// The fields of its header.
    pub header: Header,
    /// The marks by which it is compared with other downloads.
    pub fingerprint: Fingerprint,
}

/// Reads a message from the end of its header on.
struct BodyReader {
    /// The hash of the whole message.
    whole: Hasher,
    /// The hash of the message without header lines that servers write, if it has any.
    canonical: Option<Hasher>,
    /// The hash of the beginning of the body.
    beginning: Hasher,
    octets: u64,
    is_blank: bool,
}

impl MessageReader {
    /// Takes the next octets.
    pub fn push(&mut self, octets: &[u8]) {
        self.octets += octets.len() as u64;
        let rest = self.header.push(octets);
        if rest.is_empty() {
            return;
        }
        match &mut self.body {
            Some(body) => body.push(rest),
            None => self
                .body
                .insert(BodyReader::new(&mut self.header))
                .begin(rest),
        }
    }

    /// Returns what was read. The message is complete.
    pub fn finish(mut self) -> ReadMessage {
        let body = self
            .body
            .unwrap_or_else(|| BodyReader::new(&mut self.header));
        let (header, marks) = self.header.finish_with_marks();
        ReadMessage {
            octets: self.octets,
            fingerprint: Fingerprint {
                canonical: body.canonical.map(Hasher::finish),
                body: (!body.is_blank).then(|| {
                    let mut beginning = body.beginning;
                    beginning.update(&body.octets.to_le_bytes());
                    beginning.finish()
                }),
                ..marks
            },
            digest: body.whole.finish(),
            header,
        }
    }
}

impl BodyReader {
    fn new(header: &mut HeaderReader) -> Self {
        let (whole, canonical) = header.hashers();
        Self {
            whole,
            canonical,
            beginning: Hasher::default(),
            octets: 0,
            is_blank: true,
        }
    }

    /// Takes the first octets after the header, which begin with the empty line.
    fn begin(&mut self, octets: &[u8]) {
        let (empty_line, body) = octets.split_at(1);
        self.hash(empty_line);
        self.push(body);
    }

    fn push(&mut self, octets: &[u8]) {
        self.hash(octets);
        let room = (BODY_HASHED as u64).saturating_sub(self.octets);
        let beginning = &octets[..octets.len().min(room as usize)];
        self.is_blank = self.is_blank && beginning.iter().all(u8::is_ascii_whitespace);
        self.beginning.update(beginning);
        self.octets += octets.len() as u64;
    }

    fn hash(&mut self, octets: &[u8]) {
        self.whole.update(octets);
        if let Some(canonical) = &mut self.canonical {
            canonical.update(octets);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> ReadMessage {
        let mut reader = MessageReader::default();
        pieces.iter().for_each(|piece| reader.push(piece));
        reader.finish()
    }

    #[test]
    fn digests_are_the_same_at_every_split() {
        for (message, canonical) in [
            (
                &b"A: 1\nStatus: RO\nB: 2\n\nbody\n\nmore"[..],
                &b"A: 1\nB: 2\n\nbody\n\nmore"[..],
            ),
            (b"Status: RO\n folded\nB: 2\n\nbody", b"B: 2\n\nbody"),
            (b"Status: RO\n\nbody", b"\nbody"),
            (b"A: 1\nStatus: RO", b"A: 1\n"),
            (b"A: 1\nX-UID : 2\n", b"A: 1\n"),
        ] {
            let whole = read(&[message]);
            assert_eq!(whole.digest, Digest::of(message));
            assert_eq!(whole.octets, message.len() as u64);
            assert_eq!(whole.fingerprint.canonical, Some(Digest::of(canonical)));
            for split in 0..=message.len() {
                let (first, second) = message.split_at(split);
                assert_eq!(read(&[first, second]), whole, "{split}");
            }
            let octets: Vec<_> = message.chunks(1).collect();
            assert_eq!(read(&octets), whole);
        }
    }

    #[test]
    fn a_message_without_lines_of_servers_has_no_other_form() {
        for message in [
            &b"A: 1\n\nStatus: in the body\n"[..],
            b"\nStatus: 1",
            b"",
            b"A: 1",
        ] {
            assert_eq!(read(&[message]).fingerprint.canonical, None);
        }
    }

    #[test]
    fn a_body_is_known_by_its_beginning_and_its_length() {
        let body = |length: usize, last: u8| {
            let mut message = b"A: 1\n\n".to_vec();
            message.resize(message.len() + length, b'x');
            message.push(last);
            read(&[&message]).fingerprint.body
        };
        assert_ne!(body(10, b'a'), body(10, b'b'));
        assert_ne!(body(10, b'a'), body(11, b'a'));
        assert_ne!(body(BODY_HASHED, b'a'), body(BODY_HASHED + 1, b'a'));
        assert_eq!(read(&[b"A: 1\n\n \n\t\r\n"]).fingerprint.body, None);
        let [one, other] = [&b"A: 1\n\nx"[..], b"B: 2\n\nx"].map(|message| read(&[message]));
        assert_eq!(one.fingerprint.body, other.fingerprint.body);
    }

    #[test]
    fn folding_a_field_anew_does_not_change_its_mark() {
        let marks = |header: &[u8]| {
            let read = read(&[header]).fingerprint;
            (read.message_id, read.date)
        };
        let known = marks(b"Message-ID: <a@b>\nDate: Mon, 1 Jun 2026\n\n");
        assert!(known.0.is_some() && known.1.is_some());
        let folded = b"date:\n Mon, 1\n\tJun 2026\nMESSAGE-ID:\n <a@b> \n\n";
        assert_eq!(marks(folded), known);
        assert_eq!(marks(b"Message-ID:  \n\n"), (None, None));
    }

    #[test]
    fn a_very_long_line_belongs_to_its_field() {
        let long = "x".repeat(5000);
        let message = format!("A: 1\nX-Spam-Report: {long}\n {long}\nB: {long}\n\nbody");
        let canonical = Digest::of(format!("A: 1\nB: {long}\n\nbody").as_bytes());
        let octets: Vec<_> = message.as_bytes().chunks(7).collect();
        assert_eq!(read(&octets).fingerprint.canonical, Some(canonical));
    }
}
