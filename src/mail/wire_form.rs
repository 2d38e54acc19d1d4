//! The form in which a message goes to a mail server: each LF of its file is sent as CRLF. Pure.

use std::io::{self, Read};

use memchr::memchr_iter;

/// The most octets of a message that are in memory at once.
pub(crate) const CHUNK: usize = 64 * 1024;

/// The facts about a message that a server is told before it comes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MessageMeasure {
    /// Its length with CRLF as line end, without byte-stuffing.
    pub octets: u64,
    /// True if it has octets above 127.
    pub is_8bit: bool,
}

impl MessageMeasure {
    /// Measures a message with LF as line end.
    ///
    /// # Errors
    /// The message cannot be read.
    pub fn of(message: &mut impl Read) -> io::Result<Self> {
        let mut measure = Self::default();
        let mut chunk = vec![0; CHUNK];
        loop {
            let chunk = read(message, &mut chunk)?;
            if chunk.is_empty() {
                return Ok(measure);
            }
            measure.add(chunk);
        }
    }

    /// Counts octets of a message with LF as line end.
    fn add(&mut self, octets: &[u8]) {
        let line_ends = memchr_iter(b'\n', octets).count();
        self.octets += (octets.len() + line_ends) as u64;
        self.is_8bit |= !octets.is_ascii();
    }
}

/// A message that is read in pieces, and must have its measure: a server that was told another
/// length would take the rest for a command, or wait for more.
pub(crate) struct MeasuredMessage<R> {
    message: R,
    measure: MessageMeasure,
    read: MessageMeasure,
    chunk: Vec<u8>,
}

impl<R: Read> MeasuredMessage<R> {
    pub(crate) fn new(message: R, measure: MessageMeasure) -> Self {
        Self {
            message,
            measure,
            read: MessageMeasure::default(),
            chunk: vec![0; CHUNK],
        }
    }

    /// Returns the next piece, with LF as line end; an empty one at the end.
    ///
    /// # Errors
    /// The message cannot be read, or has another length than before.
    pub(crate) fn next_piece(&mut self) -> io::Result<&[u8]> {
        let octets = read(&mut self.message, &mut self.chunk)?;
        self.read.add(octets);
        let (read, expected) = (self.read.octets, self.measure.octets);
        if read > expected || octets.is_empty() && read < expected {
            let changed = "its length has changed";
            return Err(io::Error::new(io::ErrorKind::InvalidData, changed));
        }
        Ok(octets)
    }
}

/// Reads some octets of a message; none at its end.
fn read<'c>(message: &mut impl Read, chunk: &'c mut [u8]) -> io::Result<&'c [u8]> {
    loop {
        match message.read(chunk) {
            Ok(count) => return Ok(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Appends octets of a message to `out`, each LF as CRLF.
pub(crate) fn push_with_crlf(octets: &[u8], out: &mut Vec<u8>) {
    let mut begin = 0;
    for line_end in memchr_iter(b'\n', octets) {
        out.extend_from_slice(&octets[begin..line_end]);
        out.extend_from_slice(b"\r\n");
        begin = line_end + 1;
    }
    out.extend_from_slice(&octets[begin..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: [(&[u8], &[u8]); 6] = [
        (b"", b""),
        (b"\n", b"\r\n"),
        (b"a", b"a"),
        (b"a\n\nb.\n", b"a\r\n\r\nb.\r\n"),
        // A bare CR is no line end, and CR LF of the file was CR CR LF on the way here.
        (b"a\r.b\r\nc", b"a\r.b\r\r\nc"),
        (b"\0\xff\r", b"\0\xff\r"),
    ];

    #[test]
    fn each_lf_is_sent_as_crlf_in_any_pieces() {
        for (message, sent) in MESSAGES {
            for piece in 1..=message.len().max(1) {
                let mut out = Vec::new();
                for piece in message.chunks(piece) {
                    push_with_crlf(piece, &mut out);
                }
                assert_eq!(out, sent, "{message:?}");
            }
        }
    }

    #[test]
    fn the_measure_is_that_of_the_wire() {
        for (mut message, sent) in MESSAGES {
            let is_8bit = message.contains(&0xff);
            let measure = MessageMeasure::of(&mut message).expect("a slice can be read");
            let octets = sent.len() as u64;
            assert_eq!(measure, MessageMeasure { octets, is_8bit });
        }
    }

    #[test]
    fn a_message_that_has_changed_is_never_read_to_its_end() {
        let measured = |octets: u64| {
            let measure = MessageMeasure {
                octets,
                is_8bit: false,
            };
            let mut message = MeasuredMessage::new(&b"a\nb"[..], measure);
            while !message.next_piece()?.is_empty() {}
            io::Result::Ok(())
        };
        assert!(measured(4).is_ok());
        assert!(measured(3).is_err() && measured(5).is_err());
    }
}
