//! What fuzz targets share: how one input says both what came and in which pieces.
//! Knows nothing of what is fuzzed.
#![allow(dead_code, reason = "a vocabulary: no target speaks every word")]

#[path = "../../tests/it/support/reference.rs"]
pub(crate) mod reference;

/// Takes an input apart: how many lengths there are, the lengths, and the octets that come in
/// pieces of these lengths.
pub(crate) fn octets_and_pieces(input: &[u8]) -> (&[u8], Vec<&[u8]>) {
    let Some((&count, rest)) = input.split_first() else {
        return (&[], Vec::new());
    };
    let (lengths, octets) = rest.split_at(rest.len().min(count.into()));
    (octets, reference::pieces(octets, lengths))
}

/// Whether a text can be shown on one line of any terminal.
pub(crate) fn is_one_safe_line(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c))
}
