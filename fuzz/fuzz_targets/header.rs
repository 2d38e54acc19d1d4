//! Fuzzes headers of messages in any pieces. The result does not depend on the pieces, the digest
//! is that of the header only, and the text can be shown on a terminal.
#![no_main]

mod shared;

use libfuzzer_sys::fuzz_target;
use mailpull::digest::Digest;
use mailpull::mail::headers::HeaderReader;

fuzz_target!(|input: &[u8]| {
    let (stored, pieces) = shared::octets_and_pieces(input);
    let mut in_pieces = HeaderReader::default();
    for piece in pieces {
        in_pieces.push(piece);
    }
    let mut at_once = HeaderReader::default();
    at_once.push(stored);
    let header = in_pieces.finish();
    assert_eq!(header, at_once.finish());
    assert_eq!(header.digest, Digest::of(shared::reference::header(stored)));
    for text in [&header.from, &header.subject] {
        assert!(shared::is_one_safe_line(&text.to_string()));
    }
});
