//! Multi-line responses in any pieces, against the plainest way to read them as a whole.
//! The first octet says whether lines end in a bare LF; then come the lengths of the pieces.
#![no_main]

mod words;

use libfuzzer_sys::fuzz_target;
use mailpull::pop3::unstuff::Unstuffer;
use words::reference::{Unstuffed, unstuffed};

fuzz_target!(|input: &[u8]| {
    let Some((&first, input)) = input.split_first() else {
        return;
    };
    let bare_lf = first % 2 == 1;
    let (wire, pieces) = words::octets_and_pieces(input);
    let mut unstuffer = Unstuffer::new(bare_lf);
    let mut stored = Vec::new();
    let mut taken = 0;
    for piece in pieces {
        taken += unstuffer.push(piece, &mut stored);
    }
    let is_done = unstuffer.is_done();
    let read = Unstuffed {
        stored,
        taken,
        is_done,
    };
    assert_eq!(read, unstuffed(wire, bare_lf));
});
