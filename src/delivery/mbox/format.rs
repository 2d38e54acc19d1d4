//! The form of a message in an mbox file, mboxrd: a line `From SENDER DATE`, the message with a `>` more before
//! each `From ` or `>From ` that begins a line, and an empty line. Pure.

use std::io::{self, Read, Write};

use memchr::memchr;

use crate::moment::{CalendarTime, Moment};

/// The beginning of the line before a message.
pub(super) const FROM: &[u8] = b"From ";
/// The sender of a message without a plain one.
pub(super) const NOBODY: &str = "MAILER-DAEMON";
/// The most octets of a message that are in memory at once.
const CHUNK: usize = 64 * 1024;

/// The reason why a message was not copied.
#[derive(Debug)]
pub(super) enum NotCopied {
    /// It cannot be read.
    Unread(io::Error),
    /// It cannot be written.
    Unwritten(io::Error),
}

/// Returns the line before a message, with the date as asctime(3) writes it, in UTC (RFC 4155).
pub(super) fn from_line(sender: Option<&str>, when: Moment) -> String {
    let CalendarTime {
        year,
        month,
        day,
        weekday,
        hour,
        minute,
        second,
    } = when.on_the_calendar();
    let sender = sender.unwrap_or(NOBODY);
    format!("From {sender} {weekday} {month} {day:2} {hour:02}:{minute:02}:{second:02} {year}\n")
}

/// Returns the line ends that are missing after what is in a file, if these are its last octets.
pub(super) fn separator(last: &[u8]) -> &'static [u8] {
    match last {
        [] | [.., b'\n', b'\n'] => b"",
        [.., b'\n'] => b"\n",
        _ => b"\n\n",
    }
}

/// Copies a message with all that belongs to it. `before` comes first: the separator and the line before it.
///
/// # Errors
/// The message cannot be read, or not be written.
pub(super) fn copy(
    before: &[u8],
    message: &mut impl Read,
    out: &mut impl Write,
) -> Result<(), NotCopied> {
    out.write_all(before).map_err(NotCopied::Unwritten)?;
    let mut quoter = Quoter::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        let octets = match message.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => &chunk[..count],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(NotCopied::Unread(error)),
        };
        quoter.push(octets, out).map_err(NotCopied::Unwritten)?;
    }
    quoter.finish(out).map_err(NotCopied::Unwritten)
}

/// Quotes the lines that would look like the line before a message.
#[derive(Default)]
struct Quoter {
    place: LinePlace,
    /// The last octet.
    last: Option<u8>,
}

/// The place in a line.
#[derive(Clone, Copy)]
enum LinePlace {
    /// Only `>` came in this line, and then so many octets of `From `, which are held back.
    Beginning(usize),
    /// The rest of the line needs no quote.
    Rest,
}

impl Default for LinePlace {
    fn default() -> Self {
        Self::Beginning(0)
    }
}

impl Quoter {
    fn push(&mut self, octets: &[u8], out: &mut impl Write) -> io::Result<()> {
        self.last = octets.last().copied().or(self.last);
        let mut rest = octets;
        while let Some((&first, others)) = rest.split_first() {
            match self.place {
                LinePlace::Rest => {
                    let line_end = memchr(b'\n', rest);
                    let (line, next) = rest.split_at(line_end.map_or(rest.len(), |at| at + 1));
                    out.write_all(line)?;
                    rest = next;
                    if line_end.is_some() {
                        self.place = LinePlace::default();
                    }
                }
                LinePlace::Beginning(0) if first == b'>' => {
                    out.write_all(b">")?;
                    rest = others;
                }
                LinePlace::Beginning(held) if first == FROM[held] => {
                    rest = others;
                    self.place = LinePlace::Beginning(held + 1);
                    if held + 1 == FROM.len() {
                        out.write_all(b">")?;
                        out.write_all(FROM)?;
                        self.place = LinePlace::Rest;
                    }
                }
                LinePlace::Beginning(held) => {
                    out.write_all(&FROM[..held])?;
                    self.place = LinePlace::Rest;
                }
            }
        }
        Ok(())
    }

    /// Ends the message: its last line ends, and an empty line follows.
    fn finish(self, out: &mut impl Write) -> io::Result<()> {
        if let LinePlace::Beginning(held) = self.place {
            out.write_all(&FROM[..held])?;
        }
        match self.last {
            None | Some(b'\n') => out.write_all(b"\n"),
            Some(_) => out.write_all(b"\n\n"),
        }
    }
}

/// Takes quotes away. It gets the octets of a message, from the beginning of a line on.
#[derive(Default)]
pub(super) struct Unquoter {
    place: QuotedPlace,
}

/// The place in a line that may have a quote.
#[derive(Clone, Copy, Default)]
enum QuotedPlace {
    /// At its beginning.
    #[default]
    First,
    /// Behind at least one `>`, of which one is held back, and then so many octets of `From `, which are held
    /// back, too.
    Quoted(usize),
    /// The rest of the line has no quote.
    Rest,
}

impl Unquoter {
    pub(super) fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let mut rest = octets;
        while let Some((&first, others)) = rest.split_first() {
            match self.place {
                QuotedPlace::Rest => {
                    let line_end = memchr(b'\n', rest);
                    let (line, next) = rest.split_at(line_end.map_or(rest.len(), |at| at + 1));
                    out.extend_from_slice(line);
                    rest = next;
                    if line_end.is_some() {
                        self.place = QuotedPlace::First;
                    }
                }
                QuotedPlace::First if first == b'>' => {
                    rest = others;
                    self.place = QuotedPlace::Quoted(0);
                }
                QuotedPlace::First => self.place = QuotedPlace::Rest,
                QuotedPlace::Quoted(0) if first == b'>' => {
                    out.push(b'>');
                    rest = others;
                }
                QuotedPlace::Quoted(held) if first == FROM[held] => {
                    rest = others;
                    self.place = QuotedPlace::Quoted(held + 1);
                    if held + 1 == FROM.len() {
                        out.extend_from_slice(FROM);
                        self.place = QuotedPlace::Rest;
                    }
                }
                QuotedPlace::Quoted(held) => {
                    out.push(b'>');
                    out.extend_from_slice(&FROM[..held]);
                    self.place = QuotedPlace::Rest;
                }
            }
        }
    }

    /// Gives back what is held.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        if let QuotedPlace::Quoted(held) = self.place {
            out.push(b'>');
            out.extend_from_slice(&FROM[..held]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages, and what stands in an mbox between the first line and the end of the empty line.
    const MESSAGES: [(&[u8], &[u8]); 9] = [
        (b"", b"\n"),
        (b"a", b"a\n\n"),
        (b"a\n", b"a\n\n"),
        (b"a\n\n", b"a\n\n\n"),
        (b"From a\nFro", b">From a\nFro\n\n"),
        (
            b">From \n>>From x\n> From",
            b">>From \n>>>From x\n> From\n\n",
        ),
        (b"from x\nFromx\n\nFrom ", b"from x\nFromx\n\n>From \n\n"),
        (b">>\n>F\n>", b">>\n>F\n>\n\n"),
        (b"\0\xff\r\nFFrom ", b"\0\xff\r\nFFrom \n\n"),
    ];

    fn quoted(message: &[u8], piece: usize) -> Vec<u8> {
        let (mut quoter, mut out) = (Quoter::default(), Vec::new());
        for piece in message.chunks(piece) {
            quoter.push(piece, &mut out).expect("a vector takes all");
        }
        quoter.finish(&mut out).expect("a vector takes all");
        out
    }

    #[test]
    fn a_line_like_the_first_one_is_quoted_at_every_split() {
        for (message, written) in MESSAGES {
            for piece in 1..=message.len().max(1) {
                assert_eq!(quoted(message, piece), written, "{message:?} {piece}");
            }
        }
    }

    #[test]
    fn quotes_are_taken_away_at_every_split() {
        for (message, written) in MESSAGES {
            for piece in 1..=written.len() {
                let (mut unquoter, mut out) = (Unquoter::default(), Vec::new());
                for piece in written.chunks(piece) {
                    unquoter.push(piece, &mut out);
                }
                unquoter.finish(&mut out);
                let added = match message {
                    [] | [.., b'\n'] => &b"\n"[..],
                    _ => b"\n\n",
                };
                assert_eq!(out, [message, added].concat(), "{written:?} {piece}");
            }
        }
    }

    #[test]
    fn an_entry_begins_after_an_empty_line() {
        for (last, missing) in [
            (&b""[..], &b""[..]),
            (b"\n\n", b""),
            (b"x\n", b"\n"),
            (b"\n", b"\n"),
            (b"xx", b"\n\n"),
            (b"x", b"\n\n"),
        ] {
            assert_eq!(separator(last), missing, "{last:?}");
        }
        let mut out = Vec::new();
        copy(b"\nFrom x\n", &mut &b"From y"[..], &mut out).expect("a vector takes all");
        assert_eq!(out, b"\nFrom x\n>From y\n\n");
    }

    #[test]
    fn the_first_line_names_sender_and_date() {
        let line = from_line(Some("joe@example.com"), Moment(1_795_977_186));
        assert_eq!(line, "From joe@example.com Sun Nov 29 18:33:06 2026\n");
        let line = from_line(None, Moment(0));
        assert_eq!(line, "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n");
    }
}
