//! Decides if two downloads are the same message, by the marks that were noted of both while they
//! arrived. Pure.
//!
//! The reasons stand in `docs/architecture.md`, "When two downloads are the same message".

use crate::digest::Digest;
use crate::text::ServerText;

/// The marks of a message by which it is compared with another download. None of them is a secret, and
/// none is needed to deliver the message.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Fingerprint {
    /// SHA-256 of the message without the header lines that servers write; `None` if it has no such line.
    pub canonical: Option<Digest>,
    /// SHA-256 of the beginning of the body and of its length; `None` if the body is blank.
    pub body: Option<Digest>,
    /// SHA-256 of the Message-ID field; `None` if it is missing or empty.
    pub message_id: Option<Digest>,
    /// SHA-256 of the Date field; `None` if it is missing or empty.
    pub date: Option<Digest>,
}

/// A download, or a known message as it was downloaded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MessageContent {
    /// SHA-256 of all octets as they are stored.
    pub digest: Digest,
    /// The From field.
    pub from: ServerText,
    /// The other marks. Version 0.1.0 has recorded none of them.
    pub fingerprint: Fingerprint,
}

/// The relation of a download to a known message.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Likeness {
    /// Nothing shows that it is the same message.
    Another,
    /// It is probably the same message, and something on the way has changed it.
    SameButChanged,
    /// It is the same message.
    Same,
}

/// The relation of a download to all messages that are known under its unique-id.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Judgement {
    /// It is the known message with this index.
    Same(usize),
    /// It is a third content of one message: the connection changes the message at each download.
    ChangesEachTime,
    /// It is new mail under a unique-id that was used before.
    New,
}

/// After this many different contents of one message a further one is not delivered: two of them may
/// be two messages, for example a letter and the copy of it that a mailing list has sent.
const DELIVERED_CONTENTS: usize = 2;

/// Compares a download with the known messages that it may be. `listed` is the number of messages that
/// are listed under its unique-id: each of them is a delivery of its own, however alike they are.
pub fn judge<'a>(
    known: impl IntoIterator<Item = &'a MessageContent>,
    download: &MessageContent,
    listed: usize,
) -> Judgement {
    let mut same = None;
    let mut changed = 0;
    for (index, known) in known.into_iter().enumerate() {
        // Equal octets come first: several known messages may be the same by weaker marks.
        if known.digest == download.digest {
            return Judgement::Same(index);
        }
        match compare(known, download) {
            Likeness::Same => same = same.or(Some(index)),
            Likeness::SameButChanged => changed += 1,
            Likeness::Another => {}
        }
    }
    match same {
        Some(index) => Judgement::Same(index),
        None if changed >= DELIVERED_CONTENTS * listed => Judgement::ChangesEachTime,
        None => Judgement::New,
    }
}

/// Compares a download with one known message.
pub fn compare(known: &MessageContent, download: &MessageContent) -> Likeness {
    if known.canonical() == download.canonical() {
        Likeness::Same
    } else if has_same_body(known, download) || has_same_origin(known, download) {
        Likeness::SameButChanged
    } else {
        Likeness::Another
    }
}

impl MessageContent {
    /// Returns true if the bodies of both have the same beginning and the same length.
    pub fn has_body_of(&self, other: &Self) -> bool {
        let (body, others) = (&self.fingerprint.body, &other.fingerprint.body);
        body.is_some() && body == others
    }

    /// Returns the digest of the message without the lines that servers write. A message that has no
    /// such line is its own canonical form, also one that version 0.1.0 has recorded.
    pub fn canonical(&self) -> &Digest {
        let canonical = &self.fingerprint.canonical;
        canonical.as_ref().unwrap_or(&self.digest)
    }
}

/// Returns true if the bodies are the same, and no field says that these are two messages. A machine may
/// send the same report every day, so without Message-IDs the dates and the senders must not differ.
fn has_same_body(known: &MessageContent, download: &MessageContent) -> bool {
    let (marks, others) = (&known.fingerprint, &download.fingerprint);
    let differ = |pair: Option<(Digest, Digest)>| pair.is_some_and(|(one, other)| one != other);
    let are_two = match marks.message_id.zip(others.message_id) {
        Some((one, other)) => one != other,
        None => differ(marks.date.zip(others.date)) || known.from != download.from,
    };
    known.has_body_of(download) && !are_two
}

/// Returns true if Message-ID, Date and From are there and the same.
fn has_same_origin(known: &MessageContent, download: &MessageContent) -> bool {
    let (marks, others) = (&known.fingerprint, &download.fingerprint);
    let are_same = |one: Option<Digest>, other| one.is_some() && one == other;
    are_same(marks.message_id, others.message_id)
        && are_same(marks.date, others.date)
        && !known.from.is_empty()
        && known.from == download.from
}

/// Returns true if servers write header lines with this name, or programs on the way to us do. The name
/// may be in any case.
pub fn is_written_by_servers(field: &[u8]) -> bool {
    let is = |name: &&str| field.eq_ignore_ascii_case(name.as_bytes());
    let begins = |name: &&str| {
        let beginning = field.get(..name.len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(name.as_bytes()))
    };
    SERVERS_FIELDS.iter().any(is) || PROXIES_FIELDS.iter().any(begins)
}

/// The fields that servers with mbox files keep their own notes in: read or not (qpopper, UW imapd,
/// Cucipop), unique-ids (qpopper), lengths (Solaris and other System V mail).
const SERVERS_FIELDS: &[&str] = &[
    "Content-Length",
    "Lines",
    "Status",
    "X-IMAP",
    "X-IMAPbase",
    "X-Keywords",
    "X-Status",
    "X-UID",
    "X-UIDL",
];

/// The beginnings of the fields that virus scanners and spam filters between the server and us write,
/// often with the time of the download, and of Mozilla's notes in an mbox.
const PROXIES_FIELDS: &[&str] = &[
    "X-Antivirus",
    "X-Avast",
    "X-AVG",
    "X-Avira",
    "X-AVK",
    "X-Bitdefender",
    "X-ClamAV",
    "X-Eset",
    "X-F-Secure",
    "X-Kaspersky",
    "X-KAV",
    "X-Mozilla-",
    "X-NAI-",
    "X-NOD32",
    "X-P3Scan",
    "X-Panda",
    "X-POPFile",
    "X-Scanned",
    "X-Spam",
    "X-Symantec",
    "X-Text-Classification",
    "X-Virus",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::reader::MessageReader;

    fn content(message: &str) -> MessageContent {
        let mut reader = MessageReader::default();
        reader.push(message.as_bytes());
        let read = reader.finish();
        MessageContent {
            digest: read.digest,
            from: read.header.from,
            fingerprint: read.fingerprint,
        }
    }

    /// A content as version 0.1.0 has recorded it.
    fn old_content(message: &str) -> MessageContent {
        MessageContent {
            fingerprint: Fingerprint::default(),
            ..content(message)
        }
    }

    const MAIL: &str = "Message-ID: <1@example.org>\nDate: Mon, 1 Jun 2026 10:00:00 +0200\n\
                        From: Ann <ann@example.org>\nSubject: lunch\n\nAt noon?\n";

    /// Adds lines to the end of a message's header.
    fn with(lines: &str, message: &str) -> String {
        message.replacen("\n\n", &format!("\n{lines}\n\n"), 1)
    }

    #[test]
    fn lines_of_servers_make_no_other_message() {
        for lines in [
            "Status: RO",
            "Status: O\nX-Status: A\nX-UID: 17",
            "X-UIDL: 0123456789abcdef",
            "X-IMAPbase: 1186421242 3\nX-Keywords:       ",
            "Content-Length: 9\nLines: 1",
            "X-Mozilla-Status: 0001\nX-Mozilla-Status2: 00000000",
            "X-Antivirus: AVG for E-mail\nX-Antivirus-Status: Clean",
            "X-Virus-Scanned: by amavis at 10:00\n on the server",
            "STATUS: R",
            "X-Spam-Status: No, score=-1.0\n\trequired=5.0",
        ] {
            let changed = with(lines, MAIL);
            for (known, download) in [
                (content(MAIL), content(&changed)),
                (content(&changed), content(MAIL)),
                (content(&changed), content(&with("Status: X", MAIL))),
                (old_content(MAIL), content(&changed)),
            ] {
                assert_eq!(compare(&known, &download), Likeness::Same, "{lines}");
            }
        }
    }

    #[test]
    fn a_changed_message_is_recognised_by_its_origin_or_body() {
        let unnamed = "Subject: x\nX-Note: 1\n\nbody\n";
        let dated = "Date: Mon, 1 Jun 2026\nSubject: report\n\nall is well\n";
        for (known, download, likeness) in [
            // A header line that nobody knows, or a footer.
            (MAIL, &*with("X-Note: 2", MAIL), Likeness::SameButChanged),
            (
                MAIL,
                &format!("{MAIL}-- \nclean\n"),
                Likeness::SameButChanged,
            ),
            (
                unnamed,
                &unnamed.replace('1', "2"),
                Likeness::SameButChanged,
            ),
            (dated, &with("X-Note: 2", dated), Likeness::SameButChanged),
            // The same text with another Message-ID, date or sender is another message.
            (MAIL, &MAIL.replace("<1@", "<2@"), Likeness::Another),
            (dated, &dated.replace("1 Jun", "2 Jun"), Likeness::Another),
            ("From: a\n\nbody\n", "From: b\n\nbody\n", Likeness::Another),
            // Nothing is left to compare.
            ("Subject: 1\n\n", "Subject: 2\n\n", Likeness::Another),
            (
                "Subject: 1\n\n \r\n\n",
                "Subject: 2\n\n \r\n\n",
                Likeness::Another,
            ),
            ("Subject: 1\n", "Subject: 2\n", Likeness::Another),
            (
                "Subject: 1\n\none\n",
                "Subject: 1\n\ntwo\n",
                Likeness::Another,
            ),
            ("", "Subject: 1\n\none\n", Likeness::Another),
            // Message-ID and From without a Date do not identify a message.
            (
                "Message-ID: <1@x>\nFrom: a\n\none\n",
                "Message-ID: <1@x>\nFrom: a\n\ntwo\n",
                Likeness::Another,
            ),
        ] {
            let is_like = compare(&content(known), &content(download));
            assert_eq!(is_like, likeness, "{known:?} {download:?}");
        }
    }

    #[test]
    fn the_third_content_of_one_message_is_a_fault() {
        let note = |n: u32| content(&with(&format!("X-Note: {n}"), MAIL));
        let other = content("Subject: other\n\nother\n");
        for (known, download, listed, judgement) in [
            (&[][..], note(1), 1, Judgement::New),
            (&[note(1)], note(1), 1, Judgement::Same(0)),
            (&[note(1)], note(2), 1, Judgement::New),
            (&[note(1), note(2)], note(2), 1, Judgement::Same(1)),
            (&[note(1), note(2)], note(3), 1, Judgement::ChangesEachTime),
            (&[note(1), note(2)], note(3), 2, Judgement::New),
            (
                &[note(1), note(2), note(3), note(4)],
                note(5),
                2,
                Judgement::ChangesEachTime,
            ),
            (&[note(1), other.clone()], note(3), 1, Judgement::New),
            (&[note(1), note(2)], other, 1, Judgement::New),
        ] {
            assert_eq!(judge(known, &download, listed), judgement);
        }
    }

    #[test]
    fn equal_octets_are_the_better_proof() {
        let known = [content(&with("Status: O", MAIL)), content(MAIL)];
        assert_eq!(judge(&known, &content(MAIL), 1), Judgement::Same(1));
        let read = content(&with("Status: RO", MAIL));
        assert_eq!(judge(&known, &read, 1), Judgement::Same(0));
    }

    #[test]
    fn only_whole_names_or_known_beginnings_belong_to_servers() {
        for (name, expected) in [
            ("Status", true),
            ("x-uidl", true),
            ("X-Avast-Something", true),
            ("Status-Report", false),
            ("X-Priority", false),
            ("Received", false),
            ("", false),
        ] {
            assert_eq!(is_written_by_servers(name.as_bytes()), expected, "{name}");
        }
    }
}
