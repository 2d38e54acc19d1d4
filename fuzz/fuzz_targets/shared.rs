//! Functions that the fuzz targets share.
#![allow(dead_code, reason = "no target uses all of these functions")]

use std::io::{self, Read, Write};
use std::vec;

use mailpull::pace::Paced;

#[path = "../../tests/it/support/reference.rs"]
pub(crate) mod reference;

/// Splits an input into octets and their pieces. The input begins with the number of lengths and
/// the lengths of the pieces.
pub(crate) fn octets_and_pieces(input: &[u8]) -> (&[u8], Vec<&[u8]>) {
    let Some((&count, rest)) = input.split_first() else {
        return (&[], Vec::new());
    };
    let (lengths, octets) = rest.split_at(rest.len().min(count.into()));
    (octets, reference::pieces(octets, lengths))
}

/// True if a text can be shown on one line of any terminal.
pub(crate) fn is_one_safe_line(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c))
}

/// A connection from which the input is read. Writing to it has no effect.
pub(crate) struct FuzzServer<'a> {
    piece: &'a [u8],
    pieces: vec::IntoIter<&'a [u8]>,
}

impl<'a> FuzzServer<'a> {
    pub(crate) fn new(pieces: Vec<&'a [u8]>) -> Self {
        Self {
            piece: &[],
            pieces: pieces.into_iter(),
        }
    }
}

impl Paced for FuzzServer<'_> {}

impl Read for FuzzServer<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.next() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        self.piece.read(buffer)
    }
}

impl Write for FuzzServer<'_> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
