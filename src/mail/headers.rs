//! Reads from a message's header what reports and the database need. Uses mailparse. It never fails:
//! a header that cannot be read gives empty fields.

use std::time::Duration;

use mailparse::MailHeader;

use crate::digest::{Digest, Hasher};
use crate::mail::fields::Fields;
use crate::mail::same::{Fingerprint, is_written_by_servers};
use crate::mail::same_header::ListedHeader;
use crate::moment::Moment;
use crate::text::ServerText;

/// The octets of a header that are searched for fields. All of the header is hashed.
const LOOKED_INTO: usize = 64 * 1024;

/// The octets of a header that are searched for the fields that rules look at.
const LOOKED_INTO_FOR_RULES: usize = 1024 * 1024;

/// The octets of a field that are decoded.
const DECODED: usize = 2 * 1024;

/// The octets of a field that are decoded for a rule.
const DECODED_FOR_RULES: usize = 16 * 1024;

/// The octets of all fields that are decoded for the rules.
const ALL_DECODED: usize = 128 * 1024;

/// The octets that are decoded at a time for the rules. The time for that grows with their square. An encoded word
/// has at most 75 (RFC 2047, section 2).
const PIECE: usize = 512;

/// The octets of a line of which the beginning is kept until it is clear whether a server has written it.
const LINE: usize = 1024;

/// The first moment of 1990: no mail that somebody fetches was written before.
const EARLIEST: Moment = Moment(631_152_000);

/// The time by which the clocks of others may be ahead.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads a header while the message streams past.
#[derive(Default)]
pub struct HeaderReader {
    hasher: Hasher,
    /// The hash without the lines that servers write, once there is such a line.
    canonical: Option<Hasher>,
    kept: Vec<u8>,
    /// The beginning of a line whose end has not arrived.
    line: Vec<u8>,
    /// True if the beginning of the current line is hashed already.
    is_inside_line: bool,
    /// True if the current field is one that servers write.
    is_of_server: bool,
    is_over: bool,
    /// True if it is read for rules.
    is_for_rules: bool,
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

/// The fields of a header that lists of messages show.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ShownHeader {
    /// The From field, decoded.
    pub from: ServerText,
    /// The Subject field, decoded.
    pub subject: ServerText,
    /// The time in the Date field, or else that of the topmost Received, if it is a possible one.
    pub date: Option<Moment>,
}

impl HeaderReader {
    /// Creates a reader for [`Self::fields`], which keeps more of a long header.
    pub fn for_rules() -> Self {
        Self {
            is_for_rules: true,
            ..Self::default()
        }
    }

    /// Takes the next octets of the message as it is stored (LF ends a line). Returns those that do not
    /// belong to the header. They begin with the empty line that ends it.
    pub fn push<'o>(&mut self, octets: &'o [u8]) -> &'o [u8] {
        let mut rest = octets;
        while !self.is_over && !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (piece, behind) = rest.split_at(end);
            if piece == b"\n" && self.line.is_empty() && !self.is_inside_line {
                self.is_over = true;
                break;
            }
            rest = behind;
            if piece.ends_with(b"\n") && self.line.is_empty() {
                self.take(piece);
            } else {
                self.line.extend_from_slice(piece);
                if piece.ends_with(b"\n") || self.line.len() > LINE {
                    let line = std::mem::take(&mut self.line);
                    self.take(&line);
                }
            }
        }
        rest
    }

    /// Takes a line, or a part of a long one.
    fn take(&mut self, piece: &[u8]) {
        let is_folded = piece.starts_with(b" ") || piece.starts_with(b"\t");
        if !self.is_inside_line && !is_folded {
            let colon = memchr::memchr(b':', piece);
            let name = colon.map(|colon| piece[..colon].trim_ascii_end());
            self.is_of_server = name.is_some_and(is_written_by_servers);
        }
        self.is_inside_line = !piece.ends_with(b"\n");
        if self.is_of_server {
            self.canonical.get_or_insert_with(|| self.hasher.clone());
        } else if let Some(canonical) = &mut self.canonical {
            canonical.update(piece);
        }
        self.hasher.update(piece);
        let most = match self.is_for_rules {
            true => LOOKED_INTO_FOR_RULES,
            false => LOOKED_INTO,
        };
        let room = most.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    /// Takes the end of a header that no empty line has ended.
    fn take_rest(&mut self) {
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.take(&line);
        }
    }

    /// Returns the state of the hash of the header so far, and without the lines that servers write if
    /// there are any.
    pub(super) fn hashers(&mut self) -> (Hasher, Option<Hasher>) {
        self.take_rest();
        (self.hasher.clone(), self.canonical.clone())
    }

    /// Returns the fields of the header.
    pub fn finish(self) -> Header {
        self.finish_with_marks().0
    }

    /// Returns the marks of a header that the server has sent by itself.
    pub fn finish_listed(mut self) -> ListedHeader {
        self.take_rest();
        let canonical = self.canonical.clone().map(Hasher::finish);
        let was_received = self.has_field("Received");
        let (header, marks) = self.finish_with_marks();
        ListedHeader {
            header,
            canonical,
            message_id: marks.message_id,
            date: marks.date,
            was_received,
        }
    }

    /// Returns the time at which the message arrived at its last server, or else the time at which it was
    /// written, if the header tells a possible one: the topmost Received, or Date.
    pub fn finish_arrival(mut self, now: Moment) -> Option<Moment> {
        self.take_rest();
        let (fields, _) = mailparse::parse_headers(&self.kept).ok()?;
        time(&fields, "Received", now).or_else(|| time(&fields, "Date", now))
    }

    /// Returns the time at which the message arrived at its last server: that of the topmost Received, if it
    /// is a possible one.
    pub fn finish_received(mut self, now: Moment) -> Option<Moment> {
        self.take_rest();
        let (fields, _) = mailparse::parse_headers(&self.kept).ok()?;
        time(&fields, "Received", now)
    }

    /// Returns the fields that lists of messages show.
    pub fn finish_shown(mut self, now: Moment) -> ShownHeader {
        self.take_rest();
        let Ok((fields, _)) = mailparse::parse_headers(&self.kept) else {
            return ShownHeader::default();
        };
        let text = |name: &str| {
            let value = first(&fields, name).map(decoded);
            ServerText::new(value.unwrap_or_default().as_bytes())
        };
        ShownHeader {
            from: text("From"),
            subject: text("Subject"),
            date: time(&fields, "Date", now).or_else(|| time(&fields, "Received", now)),
        }
    }

    /// Returns the fields with these names, which are in lower case.
    pub fn fields(&mut self, names: &[String], now: Moment) -> Fields {
        self.take_rest();
        let Ok((fields, _)) = mailparse::parse_headers(&self.kept) else {
            return Fields::default();
        };
        let mut values = Vec::new();
        let mut room = ALL_DECODED;
        for field in &fields {
            let name = field.get_key_raw().trim_ascii_end();
            let is_it = |wanted: &&String| wanted.as_bytes().eq_ignore_ascii_case(name);
            if let Some(name) = names.iter().find(is_it) {
                let most = DECODED_FOR_RULES.min(room);
                room -= field.get_value_raw().len().min(most);
                values.push((name.clone(), decoded_in_pieces(field, most)));
            }
        }
        let arrived = time(&fields, "Received", now).or_else(|| time(&fields, "Date", now));
        Fields { values, arrived }
    }

    /// Returns true if the header has a field of this name.
    fn has_field(&self, name: &str) -> bool {
        mailparse::parse_headers(&self.kept).is_ok_and(|(fields, _)| first(&fields, name).is_some())
    }

    /// Returns the fields of the header, and the digests of Message-ID and Date in a fingerprint.
    pub(super) fn finish_with_marks(mut self) -> (Header, Fingerprint) {
        self.take_rest();
        let fields =
            mailparse::parse_headers(&self.kept).map_or_else(|_| Vec::new(), |read| read.0);
        let text = |name: &str| {
            let value = first(&fields, name).map(decoded);
            ServerText::new(value.unwrap_or_default().as_bytes())
        };
        let return_path = first(&fields, "Return-Path").map(|field| {
            let value = field.get_value_raw().trim_ascii();
            let bare = value
                .strip_prefix(b"<")
                .and_then(|value| value.strip_suffix(b">"));
            ServerText::new(bare.unwrap_or(value))
        });
        let marks = Fingerprint {
            message_id: first(&fields, "Message-ID").and_then(mark),
            date: first(&fields, "Date").and_then(mark),
            ..Fingerprint::default()
        };
        let header = Header {
            digest: self.hasher.finish(),
            from: text("From"),
            return_path,
            subject: text("Subject"),
        };
        (header, marks)
    }
}

/// Returns the first field of this name. Blanks may come between the name and the colon (RFC 5322 section 4.5).
fn first<'h>(fields: &'h [MailHeader<'h>], name: &str) -> Option<&'h MailHeader<'h>> {
    let has_name = |field: &&MailHeader<'_>| {
        let named = field.get_key_raw().trim_ascii_end();
        named.eq_ignore_ascii_case(name.as_bytes())
    };
    fields.iter().find(has_name)
}

/// Returns the time in the first field of this name, if it is a possible one.
fn time(fields: &[MailHeader<'_>], name: &str, now: Moment) -> Option<Moment> {
    let value = decoded(first(fields, name)?);
    // Received names the servers first.
    let text = value.rsplit(';').next()?.trim();
    let time = Moment(mailparse::dateparse(text).ok()?);
    (EARLIEST..=now.plus(DAY)).contains(&time).then_some(time)
}

/// Returns the digest of a field's value. White space does not count, because servers fold lines anew.
fn mark(field: &MailHeader<'_>) -> Option<Digest> {
    let mut value = field.get_value_raw().to_vec();
    value.retain(|octet| !octet.is_ascii_whitespace());
    (!value.is_empty()).then(|| Digest::of(&value))
}

/// Decodes the beginning of a field only: a sender can make decoding a whole field slow.
fn decoded(field: &MailHeader<'_>) -> String {
    let raw = field.get_value_raw();
    decoded_octets(&raw[..raw.len().min(DECODED)])
}

/// Decodes up to so many octets of a field, a piece at a time. A piece ends before a blank if it has one. Blanks
/// between two encoded words do not count (RFC 2047, section 6.2).
fn decoded_in_pieces(field: &MailHeader<'_>, most: usize) -> String {
    let raw = field.get_value_raw();
    let mut rest = &raw[..raw.len().min(most)];
    let mut value = String::new();
    while rest.len() > PIECE {
        let is_blank = |at: &usize| rest[*at].is_ascii_whitespace();
        let end = (1..PIECE).rev().find(is_blank).unwrap_or(PIECE);
        let (piece, behind) = rest.split_at(end);
        value.push_str(&decoded_octets(piece));
        let next = behind.trim_ascii_start();
        let is_between_words = piece.trim_ascii_end().ends_with(b"?=") && next.starts_with(b"=?");
        if next.len() < behind.len() && !is_between_words {
            value.push(' ');
        }
        rest = next;
    }
    value + &decoded_octets(rest)
}

fn decoded_octets(octets: &[u8]) -> String {
    let line = [b"X: ", octets, b"\n"].concat();
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
    fn the_arrival_is_that_at_the_last_server() {
        let now = Moment(1_800_000_000);
        let received = "Received: from a by b; Mon, 30 Nov 2026 12:00:00 +0100\n\
                        Received: from c by a; Mon, 30 Nov 2026 09:00:00 +0000\n";
        let date = "Date: Sun, 29 Nov 2026 12:00:00 +0000 (UTC)\n";
        for (header, arrival) in [
            (format!("{received}{date}\n"), Some(1_796_036_400)),
            (
                format!("Received: from a by b\n{date}\n"),
                Some(1_795_953_600),
            ),
            (format!("{date}\n"), Some(1_795_953_600)),
            ("Date: Thu, 1 Jan 1970 00:00:00 +0000\n\n".to_owned(), None),
            ("Date: Fri, 1 Jan 2038 00:00:00 +0000\n\n".to_owned(), None),
            ("Date: yesterday\n\n".to_owned(), None),
            ("\nDate: Sun, 29 Nov 2026 12:00:00 +0000\n".to_owned(), None),
        ] {
            let mut reader = HeaderReader::default();
            reader.push(header.as_bytes());
            assert_eq!(reader.finish_arrival(now), arrival.map(Moment), "{header}");
        }
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
    fn blanks_before_a_colon_do_not_hide_a_field() {
        let header = read(&[b"Return-Path : <a@b>\nSubject     : x\nFROM\t: Joe\n\n"]);
        assert_eq!(header.subject.to_string(), "x");
        assert_eq!(header.from.to_string(), "Joe");
        assert_eq!(header.return_path, Some("a@b".into()));
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
