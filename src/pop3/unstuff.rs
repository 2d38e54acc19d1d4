//! Removes the byte-stuffing of a multi-line response (RFC 1939 section 3). Pure; keeps no octet of
//! the message.

use memchr::{memchr, memchr2};

/// Removes byte-stuffing, turns CRLF into LF, and finds the end of a multi-line response.
/// All other octets stay as they are: NUL, bare CR, bare LF, 8-bit.
///
/// Only CRLF `.` CRLF ends the response. If LF `.` LF did so, a message could end itself, and its
/// rest would be read as replies of the server. But if the status line itself ended in a bare LF,
/// the server ends all its lines that way (cyrus#4717), and LF counts as a line end throughout.
#[derive(Clone, Debug)]
pub struct Unstuffer {
    state: UnstuffState,
    bare_lf: bool,
    size: ResponseSize,
}

/// The size of a multi-line response, without byte-stuffing and without its terminator.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ResponseSize {
    /// The number of octets that were stored. A CRLF counts as one.
    pub stored: u64,
    /// The number of line ends that were sent as CRLF.
    pub line_ends: u64,
}

impl ResponseSize {
    /// The number of octets that were sent. RFC 1939 wants LIST to report this size.
    pub fn sent(self) -> u64 {
        self.stored + self.line_ends
    }

    /// Returns true if a server may have meant this response by a size: with each CRLF counted as two
    /// octets, or as one (qmail-pop3d), and with or without a line end that it had to add.
    pub fn fits(self, size: u64) -> bool {
        let (sent, stored) = (self.sent(), self.stored);
        let with = |added| size.checked_add(added);
        size == sent || size == stored || with(2) == Some(sent) || with(1) == Some(stored)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum UnstuffState {
    /// At the beginning of a line.
    Start,
    /// In a line.
    Text,
    /// After a CR in a line.
    Cr,
    /// After a dot at the beginning of a line.
    Dot,
    /// After a dot at the beginning of a line, and a CR.
    DotCr,
    /// After the terminator.
    End,
}

impl Unstuffer {
    /// Begins after a status line; `bare_lf` is true if that ended in a bare LF.
    pub fn new(bare_lf: bool) -> Self {
        Self {
            state: UnstuffState::Start,
            bare_lf,
            size: ResponseSize::default(),
        }
    }

    /// Returns the size of the response until now.
    pub fn size(&self) -> ResponseSize {
        self.size
    }

    /// Returns true if the terminator has been read.
    pub fn is_done(&self) -> bool {
        self.state == UnstuffState::End
    }

    /// Appends the part of the message in `input` to `out`. Returns how many octets of `input`
    /// belong to this response: all, unless the terminator is among them.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        let begun = out.len();
        let taken = self.unstuff(input, out);
        self.size.stored += (out.len() - begun) as u64;
        taken
    }

    fn unstuff(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        let mut rest = input;
        while let [first, behind @ ..] = rest {
            self.state = match (self.state, first) {
                (UnstuffState::End, _) => break,
                (UnstuffState::Start, b'.') => UnstuffState::Dot,
                (UnstuffState::Start | UnstuffState::Text, _) => {
                    rest = self.copy_text(rest, out);
                    continue;
                }
                (UnstuffState::Cr, b'\n') => {
                    out.push(b'\n');
                    self.size.line_ends += 1;
                    UnstuffState::Start
                }
                (UnstuffState::Cr, b'\r') => {
                    out.push(b'\r');
                    UnstuffState::Cr
                }
                (UnstuffState::Cr, _) => {
                    out.push(b'\r');
                    self.state = UnstuffState::Text;
                    continue;
                }
                (UnstuffState::Dot, b'\r') => UnstuffState::DotCr,
                (UnstuffState::Dot, b'\n') if self.bare_lf => UnstuffState::End,
                (UnstuffState::DotCr, b'\n') => UnstuffState::End,
                // The dot was stuffed; text follows it.
                (UnstuffState::Dot, _) => {
                    self.state = UnstuffState::Text;
                    continue;
                }
                (UnstuffState::DotCr, _) => {
                    self.state = UnstuffState::Cr;
                    continue;
                }
            };
            rest = behind;
        }
        input.len() - rest.len()
    }

    /// Copies the text up to the next octet that may end a line, and returns the rest after that
    /// octet.
    fn copy_text<'a>(&mut self, text: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        let end = if self.bare_lf {
            memchr2(b'\r', b'\n', text)
        } else {
            memchr(b'\r', text)
        };
        let Some(end) = end else {
            out.extend_from_slice(text);
            self.state = UnstuffState::Text;
            return &[];
        };
        out.extend_from_slice(&text[..end]);
        if text[end] == b'\n' {
            out.push(b'\n');
            self.state = UnstuffState::Start;
        } else {
            self.state = UnstuffState::Cr;
        }
        &text[end + 1..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the message in these pieces, how many octets belong to the response, and if it is
    /// done.
    fn unstuff(pieces: &[&[u8]], bare_lf: bool) -> (Vec<u8>, usize, bool) {
        let mut unstuffer = Unstuffer::new(bare_lf);
        let mut out = Vec::new();
        let taken = pieces
            .iter()
            .map(|piece| unstuffer.push(piece, &mut out))
            .sum();
        (out, taken, unstuffer.is_done())
    }

    const STRICT: &[(&[u8], &[u8])] = &[
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\n"),
        (b"a\r\nb\r\n.\r\n", b"a\nb\n"),
        (b"..\r\n.\r\n", b".\n"),
        (b"...\r\n.\r\n", b"..\n"),
        (b".a\r\n.\r\n", b"a\n"),
        (b"a..\r\n.\r\n", b"a..\n"),
        (b"a\rb\r\n.\r\n", b"a\rb\n"),
        (b"a\r\r\n.\r\n", b"a\r\n"),
        (b"\r\r\r\n.\r\n", b"\r\r\n"),
        (b".\r\r\n.\r\n", b"\r\n"),
        (b".\rx\r\n.\r\n", b"\rx\n"),
        (b"a\nb\r\n.\r\n", b"a\nb\n"),
        (b"a\n.\nb\r\n.\r\n", b"a\n.\nb\n"),
        (b"a\n.\r\n+OK\r\n.\r\n", b"a\n.\n+OK\n"),
        (b"a\n..\r\n.\r\n", b"a\n..\n"),
        (b".\nx\r\n.\r\n", b"\nx\n"),
        (b"\0\xff\x80\r\n.\r\n", b"\0\xff\x80\n"),
    ];

    const BARE_LF: &[(&[u8], &[u8])] = &[
        (b".\n", b""),
        (b"a\n.\n", b"a\n"),
        (b"a\r\n..b\n.\r\n", b"a\n.b\n"),
        (b"a\rb\n..\n.\n", b"a\rb\n.\n"),
    ];

    #[test]
    fn every_split_gives_the_same_message() {
        let tables = [(STRICT, false), (BARE_LF, true)];
        for (table, bare_lf) in tables {
            for (wire, stored) in table {
                let followed = [*wire, b"+OK next"].concat();
                for first in 0..=followed.len() {
                    for second in first..=followed.len() {
                        let pieces = [
                            &followed[..first],
                            &followed[first..second],
                            &followed[second..],
                        ];
                        let result = unstuff(&pieces, bare_lf);
                        assert_eq!(result, (stored.to_vec(), wire.len(), true), "{wire:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_size_has_neither_stuffing_nor_terminator() {
        for (wire, stored, sent) in [
            (&b".\r\n"[..], 0, 0),
            (b"a\r\n..b\r\n.\r\n", 5, 7),
            (b"a\nb\rc\r\n\r\n.\r\n", 7, 9),
        ] {
            for split in 0..=wire.len() {
                let mut unstuffer = Unstuffer::new(false);
                let mut out = Vec::new();
                for piece in [&wire[..split], &wire[split..]] {
                    unstuffer.push(piece, &mut out);
                }
                let size = unstuffer.size();
                assert_eq!((size.stored, size.sent()), (stored, sent), "{wire:?}");
            }
        }
    }

    #[test]
    fn a_cut_response_is_not_done() {
        for (wire, _) in STRICT {
            for cut in 0..wire.len() {
                assert!(!unstuff(&[&wire[..cut]], false).2, "{wire:?} at {cut}");
            }
        }
    }
}
