//! Fuzzes multi-line responses in any pieces, and compares the result with a simple decoder of the
//! whole. The first octet of the input selects whether lines end in a bare LF. The lengths of the
//! pieces follow.
#![no_main]

mod shared;

use libfuzzer_sys::fuzz_target;
use mailpull::pop3::unstuff::Unstuffer;
use shared::reference::{Unstuffed, unstuffed};

fuzz_target!(|input: &[u8]| {
    let Some((&first, input)) = input.split_first() else {
        return;
    };
    let bare_lf = first % 2 == 1;
    let (wire, pieces) = shared::octets_and_pieces(input);
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
