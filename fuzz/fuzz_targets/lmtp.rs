//! Fuzzes a whole session of LMTP with any octets from the server, in any pieces. Each reply must be
//! the same in whatever pieces it comes.
#![no_main]

mod shared;

use libfuzzer_sys::fuzz_target;
use mailpull::smtp::{
    Envelope, EnvelopeAddress, Error, LmtpSession, MalformedReply, MessageMeasure, Reply,
    ReplyDecoder,
};

use shared::FuzzServer;

fuzz_target!(|input: &[u8]| {
    let (octets, pieces) = shared::octets_and_pieces(input);
    let whole = replies([octets].into_iter());
    let replies = replies(pieces.iter().copied());
    assert_eq!(replies, whole);
    for reply in replies.0 {
        assert!((200..600).contains(&reply.code()));
        assert!(shared::is_one_safe_line(&reply.to_string()));
        assert!(!(reply.is_positive() && reply.is_transient()));
    }
    if let Err(error) = converse(FuzzServer::new(pieces)) {
        assert!(shared::is_one_safe_line(&error.to_string()));
    }
});

/// Reads replies until the octets end or are no reply.
fn replies<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Reply>, Option<MalformedReply>) {
    let mut decoder = ReplyDecoder::default();
    let mut replies = Vec::new();
    for mut piece in pieces {
        while !piece.is_empty() {
            match decoder.push(piece) {
                Ok((taken, reply)) => {
                    piece = &piece[taken..];
                    replies.extend(reply);
                }
                Err(malformed) => return (replies, Some(malformed)),
            }
        }
    }
    (replies, None)
}

/// Hands three messages over.
fn converse(server: FuzzServer<'_>) -> Result<(), Error> {
    let envelope = Envelope {
        sender: EnvelopeAddress::nobody(),
        recipient: EnvelopeAddress::parse("joe").expect("the address is plain"),
    };
    let mut session = LmtpSession::open(server, None)?;
    for message in [&b"a\n"[..], b"", &[0xff; 100_000]] {
        let mut measured = message;
        let measure = MessageMeasure::of(&mut measured).expect("a slice can be read");
        let handed = session.hand_over(&envelope, measure, &mut { message });
        if !session.is_usable() {
            return handed.map(drop);
        }
    }
    session.quit();
    Ok(())
}
