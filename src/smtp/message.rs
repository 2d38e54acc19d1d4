//! A message on its way to the server: LF becomes CRLF, and DATA needs byte-stuffing. Pure.

use crate::mail::wire_form::push_with_crlf;

/// The command that transfers a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Transfer {
    /// BDAT: the octets follow as they are, and their number is known.
    Bdat,
    /// DATA: a line with a dot ends the message, so it has to end with a line end, and a line that
    /// begins with a dot gets a second one.
    Data,
}

/// Brings a message into the form in which it is sent, piece by piece.
#[derive(Debug)]
pub(super) struct WireForm {
    transfer: Transfer,
    is_at_line_start: bool,
}

impl WireForm {
    pub(super) fn new(transfer: Transfer) -> Self {
        Self {
            transfer,
            is_at_line_start: true,
        }
    }

    /// Appends the next octets of the message to `out`.
    pub(super) fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            if self.is_at_line_start && line[0] == b'.' && self.transfer == Transfer::Data {
                out.push(b'.');
            }
            push_with_crlf(line, out);
            self.is_at_line_start = line.ends_with(b"\n");
        }
    }

    /// Appends what ends the message to `out`.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        if self.transfer == Transfer::Data {
            out.extend_from_slice(if self.is_at_line_start {
                b".\r\n"
            } else {
                b"\r\n.\r\n"
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(message: &[u8], transfer: Transfer, piece: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mut form = WireForm::new(transfer);
        for piece in message.chunks(piece) {
            form.push(piece, &mut out);
        }
        form.finish(&mut out);
        out
    }

    const MESSAGES: [(&[u8], &[u8], &[u8]); 10] = [
        (b"", b"", b".\r\n"),
        (b"\n", b"\r\n", b"\r\n.\r\n"),
        (b"a\n", b"a\r\n", b"a\r\n.\r\n"),
        (b"a", b"a", b"a\r\n.\r\n"),
        (b".", b".", b"..\r\n.\r\n"),
        (b".\n", b".\r\n", b"..\r\n.\r\n"),
        (
            b"a\n..\n.b\n",
            b"a\r\n..\r\n.b\r\n",
            b"a\r\n...\r\n..b\r\n.\r\n",
        ),
        (b"a.\nb.", b"a.\r\nb.", b"a.\r\nb.\r\n.\r\n"),
        // A bare CR is no line end, and CR LF of the file was CR CR LF on the way here.
        (b"a\r.b\r\nc", b"a\r.b\r\r\nc", b"a\r.b\r\r\nc\r\n.\r\n"),
        (b"\0\xff\r", b"\0\xff\r", b"\0\xff\r\r\n.\r\n"),
    ];

    #[test]
    fn a_message_is_sent_with_crlf_in_any_pieces() {
        for (message, by_bdat, by_data) in MESSAGES {
            for piece in 1..=message.len().max(1) {
                assert_eq!(sent(message, Transfer::Bdat, piece), by_bdat, "{message:?}");
                assert_eq!(sent(message, Transfer::Data, piece), by_data, "{message:?}");
            }
        }
    }
}
