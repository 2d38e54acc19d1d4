//! Functions that the fuzz targets share.
#![allow(dead_code, reason = "no target uses all of these functions")]

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
