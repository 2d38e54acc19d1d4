//! Sessions over an in-memory stream that plays a transcript, with its replies in whole lines and
//! split at every octet.

use super::{Envelope, EnvelopeAddress, Error, LmtpSession, MessageMeasure, Reply};

use script::TranscriptServer;

mod hand_over;
mod opening;
pub(crate) mod script;

/// The extensions of Dovecot 2.3.
const FULL: &str = "
    S: 220 mx LMTP ready
    C: LHLO localhost
    S: 250-mx
    S: 250-8BITMIME
    S: 250-CHUNKING
    S: 250-ENHANCEDSTATUSCODES
    S: 250-PIPELINING
    S: 250 STARTTLS";
/// A server without extensions.
const BARE: &str = "
    S: 220 mx
    C: LHLO localhost
    S: 250 mx";
const ONLY_PIPELINING: &str = "
    S: 220 mx
    C: LHLO localhost
    S: 250-mx
    S: 250 PIPELINING";

fn envelope() -> Envelope {
    let address = |text| EnvelopeAddress::parse(text).expect("an address");
    Envelope {
        sender: address("joe@example.com"),
        recipient: address("me"),
    }
}

/// Plays a session with whole replies, and with replies in pieces of one octet.
fn play(transcripts: &[&str], mut each: impl FnMut(LmtpSession<TranscriptServer>)) {
    for piece in [usize::MAX, 1] {
        let server = TranscriptServer::new(&transcripts.join("\n"), piece);
        each(LmtpSession::open(server, None).expect("the server greets"));
    }
}

fn hand_over(
    session: &mut LmtpSession<TranscriptServer>,
    mut message: &[u8],
) -> Result<Reply, Error> {
    let measure = MessageMeasure::of(&mut { message }).expect("a slice can be read");
    session.hand_over(&envelope(), measure, &mut message)
}

/// Plays a session in which a message is refused or the session fails. Returns the error, and true
/// if the session can go on.
fn failure(transcripts: &[&str], message: &[u8]) -> (Error, bool) {
    let mut failed = None;
    play(transcripts, |mut session| {
        let error = hand_over(&mut session, message).expect_err("it fails");
        failed = Some((error, session.is_usable()));
    });
    failed.expect("a session was played")
}
