//! The form in which a message is sent to a POP3 server: CRLF ends each line, and a dot is put before a line
//! that begins with one (as in RFC 1939 section 3 for the other direction). Pure.

/// Encodes a message that streams past.
#[derive(Debug)]
pub(super) struct Stuffer {
    is_at_line_start: bool,
    /// True if the last octet was CR.
    is_after_cr: bool,
}

impl Stuffer {
    pub(super) fn new() -> Self {
        Self {
            is_at_line_start: true,
            is_after_cr: false,
        }
    }

    /// Appends the form of the next octets to `out`. LF becomes CRLF; CRLF stays as it is.
    pub(super) fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        for octet in octets {
            match octet {
                b'.' if self.is_at_line_start => out.extend_from_slice(b".."),
                b'\n' if !self.is_after_cr => out.extend_from_slice(b"\r\n"),
                octet => out.push(*octet),
            }
            self.is_at_line_start = *octet == b'\n';
            self.is_after_cr = *octet == b'\r';
        }
    }

    /// Appends the end of the last line, if the message does not end with one.
    pub(super) fn finish(&self, out: &mut Vec<u8>) {
        if !self.is_at_line_start {
            out.extend_from_slice(if self.is_after_cr { b"\n" } else { b"\r\n" });
        }
    }
}

/// The line that ends a message.
pub(super) const END: &[u8] = b".\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_sent_with_crlf_and_stuffed_in_any_pieces() {
        for (message, sent) in [
            ("", ""),
            ("a", "a\r\n"),
            ("a\n", "a\r\n"),
            ("a\r\nb\n", "a\r\nb\r\n"),
            (".\n", "..\r\n"),
            ("a\n.\n..b\n\n.", "a\r\n..\r\n...b\r\n\r\n..\r\n"),
            ("a.\nb", "a.\r\nb\r\n"),
            ("a\r.b\r", "a\r.b\r\n"),
            ("\0\u{ff}\n", "\0\u{ff}\r\n"),
        ] {
            for piece in 1..=message.len().max(1) {
                let (mut stuffer, mut out) = (Stuffer::new(), Vec::new());
                for piece in message.as_bytes().chunks(piece) {
                    stuffer.push(piece, &mut out);
                }
                stuffer.finish(&mut out);
                assert_eq!(out, sent.as_bytes(), "{message:?}");
            }
        }
    }
}
