//! Decides if a header that a server sends by itself (TOP) is that of a known message. Pure.
//!
//! A header proves less than a whole message. It decides only about a message whose unique-id and size are
//! those of the known one.

use crate::digest::Digest;
use crate::mail::headers::Header;
use crate::mail::same::Fingerprint;
use crate::text::ServerText;

/// The header of a known message, as it was downloaded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KnownHeader {
    /// SHA-256 of the header.
    pub digest: Digest,
    /// The From field.
    pub from: ServerText,
    /// The Subject field.
    pub subject: ServerText,
    /// The marks of the whole message. Version 0.1.0 has recorded none of them.
    pub fingerprint: Fingerprint,
}

/// A header that the server has sent by itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListedHeader {
    /// Its fields.
    pub header: Header,
    /// SHA-256 of the header without the lines that servers write; `None` if it has no such line.
    pub canonical: Option<Digest>,
    /// SHA-256 of the Message-ID field; `None` if it is missing or empty.
    pub message_id: Option<Digest>,
    /// SHA-256 of the Date field; `None` if it is missing or empty.
    pub date: Option<Digest>,
    /// True if it has a Received field, with the time of a mail server.
    pub was_received: bool,
}

impl ListedHeader {
    /// Returns true if it is the header of a known message. Header lines that servers write do not
    /// count.
    pub fn is_of(&self, known: &KnownHeader) -> bool {
        let digests = [Some(self.header.digest), self.canonical];
        digests.contains(&Some(known.digest)) || self.has_origin_of(known) || self.may_be_of(known)
    }

    /// Returns true if it is the same as another header that the server has shown. Header lines that
    /// servers write do not count.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let are_same = |one: Option<Digest>, other| one.is_some() && one == other;
        let has_same_origin = are_same(self.message_id, other.message_id)
            && are_same(self.date, other.date)
            && !other.header.from.is_empty()
            && other.header.from == self.header.from;
        self.without_server_lines() == other.without_server_lines() || has_same_origin
    }

    /// Returns the SHA-256 of the header without the lines that servers write.
    pub(crate) fn without_server_lines(&self) -> Digest {
        self.canonical.unwrap_or(self.header.digest)
    }

    /// Returns true if several messages may have this header. Scanners, sensors and cron send many messages
    /// with one header. At most it has a Date, and a machine without a clock always writes the same Date.
    pub fn may_be_of_many(&self) -> bool {
        self.message_id.is_none() && !self.was_received
    }

    /// Returns true if Message-ID, Date and From are there and the same. A server or a virus scanner may
    /// have changed another line, or have added one when the known message was downloaded.
    fn has_origin_of(&self, known: &KnownHeader) -> bool {
        let are_same = |one: Option<Digest>, other| one.is_some() && one == other;
        are_same(self.message_id, known.fingerprint.message_id)
            && are_same(self.date, known.fingerprint.date)
            && !known.from.is_empty()
            && known.from == self.header.from
    }

    /// Returns true if it may be the header of a message that version 0.1.0 recorded, and nothing can prove
    /// it. That version recorded only the digest of all lines. The server has written some of these lines,
    /// and may have changed them since. A download would prove no more.
    fn may_be_of(&self, known: &KnownHeader) -> bool {
        known.fingerprint == Fingerprint::default()
            && self.canonical.is_some()
            && known.from == self.header.from
            && known.subject == self.header.subject
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::mail::headers::HeaderReader;
    use crate::mail::reader::MessageReader;

    const HEADER: &str = "Message-ID: <1@example.org>\nDate: Mon, 1 Jun 2026 10:00:00 +0200\n\
                          From: Ann <ann@example.org>\nSubject: lunch\n";
    const NOTE: &str = "From: alarm\nSubject: smoke\nX-Room: 1\n";

    pub(crate) fn known(header: &str) -> KnownHeader {
        let mut reader = MessageReader::default();
        reader.push(format!("{header}\nbody\n").as_bytes());
        let read = reader.finish();
        KnownHeader {
            digest: read.header.digest,
            from: read.header.from,
            subject: read.header.subject,
            fingerprint: read.fingerprint,
        }
    }

    /// A header as version 0.1.0 has recorded it.
    fn old(header: &str) -> KnownHeader {
        KnownHeader {
            fingerprint: Fingerprint::default(),
            ..known(header)
        }
    }

    pub(crate) fn listed(header: &str) -> ListedHeader {
        let mut reader = HeaderReader::default();
        reader.push(header.as_bytes());
        reader.finish_listed()
    }

    fn with(line: &str, header: &str) -> String {
        format!("{header}{line}\n")
    }

    #[test]
    fn lines_of_servers_make_no_other_header() {
        let read = with("Status: RO", NOTE);
        let unread = with("Status: O", NOTE);
        for (known, header, expected) in [
            (known(NOTE), NOTE, true),
            (known(NOTE), &*read, true),
            (known(&read), &read, true),
            (old(NOTE), NOTE, true),
            (old(NOTE), &read, true),
            (old(&unread), &read, true),
            // Nothing is left to compare, so the message has to be downloaded.
            (known(&unread), &read, false),
            (known(&read), NOTE, false),
        ] {
            assert_eq!(listed(header).is_of(&known), expected, "{header}");
        }
    }

    #[test]
    fn a_header_needs_a_mark_of_its_own() {
        for (line, expected) in [
            ("X-Room: 1", true),
            ("Date: Mon, 1 Jun 2026 10:00:00 +0200", true),
            ("Message-ID:", true),
            ("Message-ID: <1@example.org>", false),
            (
                "Received: from a by b; Mon, 1 Jun 2026 10:00:00 +0200",
                false,
            ),
        ] {
            let header = with(line, NOTE);
            assert_eq!(listed(&header).may_be_of_many(), expected, "{line}");
        }
    }

    #[test]
    fn a_header_of_the_same_origin_may_have_changed() {
        for (change, expected) in [
            ("", true),
            ("Status: RO\n", true),
            ("X-Stamp: 10:00\n", true),
        ] {
            let header = format!("{change}{HEADER}");
            assert_eq!(listed(&header).is_of(&known(HEADER)), expected, "{change}");
            assert_eq!(listed(HEADER).is_of(&known(&header)), expected, "{change}");
        }
    }

    #[test]
    fn another_message_has_another_header() {
        for (field, other) in [("<1@", "<2@"), ("10:00", "11:00"), ("ann@", "bob@")] {
            let header = HEADER.replace(field, other);
            assert!(!listed(&header).is_of(&known(HEADER)), "{other}");
            assert!(!listed(&header).is_of(&old(HEADER)), "{other}");
        }
        let other = NOTE.replace('1', "2");
        assert!(!listed(&other).is_of(&known(NOTE)));
        assert!(!listed(&other).is_of(&old(NOTE)));
        // Even a server that writes lines of its own does not change From and Subject.
        let other = with("Status: O", &NOTE.replace("smoke", "fire"));
        assert!(!listed(&other).is_of(&old(NOTE)));
        assert!(!listed("").is_of(&known(HEADER)));
    }
}
