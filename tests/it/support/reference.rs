//! A second implementation of the program's decoders, simple and slow, for comparison. It works on
//! the whole input at once. The fuzz targets use it as well.

/// A decoded multi-line response.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Unstuffed {
    /// The beginning of the message that has come so far, as it is stored.
    pub(crate) stored: Vec<u8>,
    /// The number of octets that belong to the response.
    pub(crate) taken: usize,
    /// True if the terminator has come.
    pub(crate) is_done: bool,
}

/// Removes byte-stuffing and turns CRLF into LF, line by line. A line ends with CRLF. With
/// `bare_lf` it ends with LF, and a CR before the LF is optional.
pub(crate) fn unstuffed(wire: &[u8], bare_lf: bool) -> Unstuffed {
    let mut stored = Vec::new();
    let mut taken = 0;
    while let Some((line, octets)) = first_line(&wire[taken..], bare_lf) {
        taken += octets;
        if line == b"." {
            return Unstuffed {
                stored,
                taken,
                is_done: true,
            };
        }
        stored.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        stored.push(b'\n');
    }
    // The last line has no end yet. A CR at its end may be half of a CRLF.
    let line = &wire[taken..];
    let text = line.strip_prefix(b".").unwrap_or(line);
    stored.extend_from_slice(text.strip_suffix(b"\r").unwrap_or(text));
    Unstuffed {
        stored,
        taken: wire.len(),
        is_done: false,
    }
}

/// Returns the first line without its line end, and its length with the line end. Returns `None`
/// if no line end has come.
fn first_line(octets: &[u8], bare_lf: bool) -> Option<(&[u8], usize)> {
    let end_at = |end: &[u8]| octets.windows(end.len()).position(|window| window == end);
    if bare_lf {
        let line = &octets[..end_at(b"\n")?];
        return Some((line.strip_suffix(b"\r").unwrap_or(line), line.len() + 1));
    }
    let line = &octets[..end_at(b"\r\n")?];
    Some((line, line.len() + 2))
}

/// Returns the header of a stored message: the lines before the first empty line.
pub(crate) fn header(stored: &[u8]) -> &[u8] {
    let lines = stored.split_inclusive(|&octet| octet == b'\n');
    let length = lines
        .take_while(|line| *line != b"\n")
        .map(<[u8]>::len)
        .sum();
    &stored[..length]
}

/// Splits octets into pieces of these lengths, which are repeated as often as needed. Without a
/// length above 0 the last piece holds everything.
pub(crate) fn pieces<'a>(octets: &'a [u8], lengths: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = octets;
    for &length in lengths.iter().cycle().take(octets.len()) {
        let (piece, behind) = rest.split_at(rest.len().min(length.into()));
        pieces.push(piece);
        rest = behind;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_its_lines_up_to_the_single_dot() {
        for (wire, bare_lf, stored, taken, is_done) in [
            (&b"a\r\n..\r\n.\r\nb"[..], false, &b"a\n.\n"[..], 10, true),
            (b"a\n.\nb\r\n.\r\n", false, b"a\n.\nb\n", 10, true),
            (b"a\n.\nb", true, b"a\n", 4, true),
            (b"a\r\n.\rb\r", false, b"a\n\rb", 7, false),
        ] {
            let expected = Unstuffed {
                stored: stored.to_vec(),
                taken,
                is_done,
            };
            assert_eq!(unstuffed(wire, bare_lf), expected);
        }
    }

    #[test]
    fn a_header_ends_before_an_empty_line() {
        for (stored, expected) in [
            (&b"A: 1\nB: 2\n\nC: 3\n"[..], &b"A: 1\nB: 2\n"[..]),
            (b"\nbody", b""),
            (b"no end", b"no end"),
        ] {
            assert_eq!(header(stored), expected);
        }
    }

    #[test]
    fn pieces_have_the_requested_lengths() {
        for (lengths, expected) in [
            (&[1, 0, 2][..], &["a", "", "bc", "d", "", "e"][..]),
            (&[0], &["", "", "", "", "", "abcde"]),
            (&[], &["abcde"]),
        ] {
            let cut = pieces(b"abcde", lengths);
            let expected: Vec<_> = expected.iter().map(|piece| piece.as_bytes()).collect();
            assert_eq!(cut, expected);
        }
    }
}
