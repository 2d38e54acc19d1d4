//! Messages for test servers, ordinary and odd. They are the same in every run.

use std::f64::consts::TAU;
use std::ops::RangeInclusive;

/// A message as a server stores it.
///
/// Every message here ends with CRLF. POP3 cannot express another one: the server has to end the last
/// line before the final dot (RFC 1939 section 3).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TestMessage {
    /// The octets before byte-stuffing. Lines end with CRLF.
    pub(crate) octets: Vec<u8>,
    pub(crate) unique_id: Vec<u8>,
}

impl TestMessage {
    pub(crate) fn new(unique_id: impl Into<Vec<u8>>, octets: impl Into<Vec<u8>>) -> Self {
        let octets = octets.into();
        assert!(
            octets.is_empty() || octets.ends_with(b"\r\n"),
            "POP3 cannot express a message without a final CRLF"
        );
        Self {
            octets,
            unique_id: unique_id.into(),
        }
    }

    /// Returns the octets that must be delivered: CRLF becomes LF, and nothing else changes.
    pub(crate) fn stored(&self) -> Vec<u8> {
        let mut stored = Vec::with_capacity(self.octets.len());
        for (at, &octet) in self.octets.iter().enumerate() {
            if octet != b'\r' || self.octets.get(at + 1) != Some(&b'\n') {
                stored.push(octet);
            }
        }
        stored
    }
}

/// Byte-stuffs a message and adds the final dot. RETR is answered by `+OK` and these octets.
pub(crate) fn byte_stuffed(octets: &[u8]) -> Vec<u8> {
    let mut sent = Vec::with_capacity(octets.len() + octets.len() / 32 + 3);
    for (at, &octet) in octets.iter().enumerate() {
        if octet == b'.' && (at == 0 || octets[..at].ends_with(b"\r\n")) {
            sent.push(b'.');
        }
        sent.push(octet);
    }
    sent.extend_from_slice(b".\r\n");
    sent
}

/// Makes a short message that contains its unique-id. With a unique-id of one letter it has 17
/// octets.
pub(crate) fn note(unique_id: &str) -> TestMessage {
    let octets = format!("Subject: {unique_id}\r\n\r\n{unique_id}\r\n");
    TestMessage::new(unique_id, octets)
}

/// Makes [`note`]s.
pub(crate) fn notes<const N: usize>(unique_ids: [&str; N]) -> Vec<TestMessage> {
    unique_ids.map(note).into()
}

/// Makes the same messages with new unique-ids.
pub(crate) fn renamed(messages: &[TestMessage]) -> Vec<TestMessage> {
    messages
        .iter()
        .map(|message| {
            let unique_id = [b"moved-", &*message.unique_id].concat();
            TestMessage::new(unique_id, message.octets.clone())
        })
        .collect()
}

/// Makes ordinary messages of 2 to 6 KB. Another seed makes other messages with other unique-ids.
pub(crate) fn ordinary(seed: u64, count: usize) -> Vec<TestMessage> {
    letters(seed, count, |random| random.between(2000..=6000))
}

/// Makes ordinary messages of chosen sizes.
pub(crate) fn letters(
    seed: u64,
    count: usize,
    mut size: impl FnMut(&mut Random) -> u64,
) -> Vec<TestMessage> {
    let mut random = Random::new(seed);
    (1..=count)
        .map(|n| {
            let size = size(&mut random);
            letter(&mut random, seed, n, size)
        })
        .collect()
}

/// Makes messages with sizes as in real mailboxes (log-normal, median 6 KB, up to 2 MB). About one
/// in ten is a message of [`odd`].
pub(crate) fn mixed(seed: u64, count: usize) -> Vec<TestMessage> {
    let mut random = Random::new(seed);
    let odd = odd();
    (1..=count)
        .map(|n| {
            let size = random.log_normal(6000.0, 1.4).clamp(300.0, 2e6);
            #[expect(clippy::cast_possible_truncation, reason = "clamped to 2 MB")]
            let size = size as u64;
            let mut message = letter(&mut random, seed, n, size);
            if random.between(1..=10) == 1 {
                let which = random.below(odd.len() as u64);
                message.octets.clone_from(&odd[which].1.octets);
            }
            message
        })
        .collect()
}

/// Lists messages that have made mail clients fail, with a name for each.
pub(crate) fn odd() -> Vec<(&'static str, TestMessage)> {
    let every_octet: Vec<u8> = (0..=255).collect();
    let folded = format!("Subject: a\r\n{}\r\nb\r\n", " folded\r\n".repeat(5000));
    let letters: [(&str, &[u8]); 25] = [
        ("one empty line", b"\r\n"),
        ("empty lines only", b"\r\n\r\n\r\n\r\n"),
        ("no header", b"\r\nbody\r\n"),
        (
            "no header and no empty line",
            b"just text, no colon\r\nmore text\r\n",
        ),
        ("no body", b"Subject: all there is\r\n"),
        ("no body after the empty line", b"Subject: header\r\n\r\n"),
        (
            "empty lines at the end",
            b"Subject: a\r\n\r\nb\r\n\r\n\r\n\r\n",
        ),
        ("one dot", b".\r\n"),
        (
            "dots",
            b"Subject: dots\r\n\r\n.\r\n..\r\n...\r\n.a\r\n..a\r\na.\r\n \r\n. \r\n",
        ),
        ("a dot first", b".Subject: a\r\n\r\n.\r\n"),
        ("NUL", b"Subject: a\0b\r\n\r\n\0\r\n\0.\0\r\n"),
        ("bare CR", b"Subject: a\r b\r\n\r\nc\rd\r\re\r\n\r.\r\n"),
        ("bare LF", b"Subject: a\n\nb\nc\r\n\n\n\r\n"),
        (
            "a dot between bare LFs",
            b"Subject: a\r\n\r\nb\n.\nc\n.\r\nd\r\n",
        ),
        ("CR CR LF", b"Subject: a\r\r\n\r\r\nb\r\r\n.\r\r\n"),
        ("8-bit", b"Subject: gr\xfc\xdfe\r\n\r\n\x80\xff\xa0\r\n"),
        (
            "UTF-8 and a byte order mark",
            "\u{feff}Subject: Grüße 📬\r\n\r\n\u{2028}\r\n".as_bytes(),
        ),
        (
            "a From line first",
            b"From joe@example.com Mon Jan  1 00:00:00 2024\r\nSubject: a\r\n\r\nb\r\n",
        ),
        (
            "From lines in the body",
            b"Subject: a\r\n\r\nFrom here\r\n>From there\r\n\r\nFrom \r\n",
        ),
        (
            "a subject that talks to the terminal",
            b"Subject: \x1b]0;owned\x07\x1b[2J\x9b31m\r\n\r\na\r\n",
        ),
        (
            "a subject that turns the text around",
            "Subject: \u{202e}gpj.exe\r\n\r\na\r\n".as_bytes(),
        ),
        (
            "what looks like a reply",
            b"Subject: a\r\n\r\n+OK\r\n-ERR\r\nQUIT\r\n",
        ),
        ("every octet", &[&every_octet[..], b"\r\n"].concat()),
        ("a header of 5,001 lines", folded.as_bytes()),
        (
            "an encoded subject",
            b"From: =?utf-8?b?SsO8cmdlbg==?= <j@example.com>\r\n\
            Subject: =?iso-8859-1?q?gr=FC=DFe?=\r\nMIME-Version: 1.0\r\n\
            Content-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n--=_b\r\n\r\na\r\n--=_b--\r\n",
        ),
    ];
    let named = letters
        .into_iter()
        .map(|(name, octets)| (name, octets.to_vec()));
    // A reader's buffer often has 64 KiB. The final CRLF.CRLF can cross its end at each octet.
    let edges = (65528..=65541).map(|size| ("the end of a buffer", line_of(size)));
    named
        .chain(edges)
        .enumerate()
        .map(|(n, (name, octets))| (name, TestMessage::new(format!("odd-{n:02}"), octets)))
        .collect()
}

/// Makes a message that is a single line.
pub(crate) fn one_line(octets: usize) -> TestMessage {
    TestMessage::new(format!("line-{octets}"), line_of(octets))
}

fn line_of(octets: usize) -> Vec<u8> {
    let mut line = vec![b'x'; octets];
    line.splice(octets - 2.., *b"\r\n");
    line
}

fn letter(random: &mut Random, seed: u64, n: usize, size: u64) -> TestMessage {
    let unique_id = format!("{n:08x}{seed:08x}");
    let mut octets = format!(
        "Return-Path: <sender{n}@example.com>\r\n\
         Received: from mx.example.com by pop.example.com; Mon, 1 Jan 2024 {:02}:{:02}:{:02} +0000\r\n\
         Date: Mon, 1 Jan 2024 {:02}:{:02}:{:02} +0000\r\n\
         From: Sender {n} <sender{n}@example.com>\r\n\
         To: joe@example.com\r\n\
         Subject: Letter {n} about {}\r\n\
         Message-ID: <{unique_id}@example.com>\r\n\r\n",
        n / 3600 % 24,
        n / 60 % 60,
        n % 60,
        n / 3600 % 24,
        n / 60 % 60,
        n % 60,
        random.word()
    )
    .into_bytes();
    while (octets.len() as u64) < size {
        let words = random.between(1..=12);
        for at in 0..words {
            if at > 0 {
                octets.push(b' ');
            }
            octets.extend_from_slice(random.word().as_bytes());
        }
        octets.extend_from_slice(b"\r\n");
    }
    TestMessage::new(unique_id, octets)
}

/// The random number generator SplitMix64, which gives the same numbers on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number in this range.
    pub(crate) fn between(&mut self, range: RangeInclusive<u64>) -> u64 {
        range.start() + self.next() % (range.end() - range.start() + 1)
    }

    /// Returns an index below `end`.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an index into a small list"
    )]
    pub(crate) fn below(&mut self, end: u64) -> usize {
        (self.next() % end) as usize
    }

    /// Returns true once in `times` on average.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Returns a number whose logarithm is normally distributed (Box-Muller).
    pub(crate) fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        let mut unit = || (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        let (radius, turn) = (unit(), unit());
        let normal = (-2.0 * (1.0 - radius).ln()).sqrt() * (TAU * turn).cos();
        median * (sigma * normal).exp()
    }

    fn word(&mut self) -> &'static str {
        const WORDS: [&str; 24] = [
            "maildrop",
            "greeting",
            ".",
            "..",
            ".dot",
            "octets",
            "From",
            "the",
            "a",
            "and",
            "Grüße",
            "listing",
            "unique",
            "server",
            "client",
            "=3D",
            ">From",
            "ends",
            "with",
            "naïve",
            "https://example.com/?a=b&c=d",
            "QUIT",
            "transaction",
            "update",
        ];
        WORDS[self.below(WORDS.len() as u64)]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn mail_depends_on_the_seed_only() {
        assert_eq!(mixed(7, 20), mixed(7, 20));
        let all: HashSet<_> = [ordinary(1, 50), ordinary(2, 50)]
            .concat()
            .into_iter()
            .map(|message| message.unique_id)
            .collect();
        assert_eq!(all.len(), 100);
    }

    #[test]
    fn ordinary_mail_has_2_to_7_kb() {
        let sizes = ordinary(1, 100)
            .into_iter()
            .map(|message| message.octets.len());
        assert!(sizes.into_iter().all(|size| (2000..7000).contains(&size)));
    }

    #[test]
    fn only_crlf_changes_when_a_message_is_stored() {
        let message = TestMessage::new("1", "a\r\nb\rc\nd\r\r\n.\r\n");
        assert_eq!(message.stored(), b"a\nb\rc\nd\r\n.\n");
    }

    #[test]
    fn a_dot_is_stuffed_after_crlf_only() {
        let cases: [(&[u8], &[u8]); 4] = [
            (b"", b".\r\n"),
            (b".\r\n", b"..\r\n.\r\n"),
            (b"a.\r\n..b\r\n", b"a.\r\n...b\r\n.\r\n"),
            (b"a\n.\r\n", b"a\n.\r\n.\r\n"),
        ];
        for (octets, sent) in cases {
            assert_eq!(byte_stuffed(octets), sent);
        }
    }

    #[test]
    fn a_line_has_the_requested_size() {
        assert_eq!(one_line(10).octets, b"xxxxxxxx\r\n");
    }
}
