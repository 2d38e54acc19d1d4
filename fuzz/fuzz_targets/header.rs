//! Headers of messages in any pieces: what is read does not depend on them, the digest is of the
//! header alone, and whatever it says can be shown.
#![no_main]

mod words;

use libfuzzer_sys::fuzz_target;
use mailpull::digest::Digest;
use mailpull::mail::headers::HeaderReader;

fuzz_target!(|input: &[u8]| {
    let (stored, pieces) = words::octets_and_pieces(input);
    let mut in_pieces = HeaderReader::default();
    for piece in pieces {
        in_pieces.push(piece);
    }
    let mut at_once = HeaderReader::default();
    at_once.push(stored);
    let header = in_pieces.finish();
    assert_eq!(header, at_once.finish());
    assert_eq!(header.digest, Digest::of(words::reference::header(stored)));
    for text in [&header.from, &header.subject] {
        assert!(words::is_one_safe_line(&text.to_string()));
    }
});
