//! Fuzzes a whole session of IMAP with any octets from the server, in any pieces. Each response must
//! be the same in whatever pieces it comes.
#![no_main]

mod shared;

use libfuzzer_sys::fuzz_target;
use mailpull::imap::{
    Decoded, Error, Fate, ImapResponse, ImapSession, MailboxName, MalformedResponse,
    OutgoingMessage, ResponseDecoder,
};
use mailpull::mail::wire_form::MessageMeasure;
use mailpull::os::secret::Secret;
use mailpull::pop3::{Credentials, Mechanism};

use shared::FuzzServer;

fuzz_target!(|input: &[u8]| {
    let (octets, pieces) = shared::octets_and_pieces(input);
    let whole = responses([octets].into_iter());
    let responses = responses(pieces.iter().copied());
    assert_eq!(responses, whole);
    for decoded in responses.0 {
        if let Decoded::Response(ImapResponse::Untagged(status) | ImapResponse::Tagged(_, status)) =
            decoded
        {
            assert!(shared::is_one_safe_line(&status.to_string()));
            assert!(shared::is_one_safe_line(&status.kind()));
        }
    }
    if let Err(error) = converse(FuzzServer::new(pieces)) {
        assert!(shared::is_one_safe_line(&error.to_string()));
    }
});

/// Reads responses until the octets end or are no response.
fn responses<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<Decoded>, Option<MalformedResponse>) {
    let mut decoder = ResponseDecoder::default();
    let mut responses = Vec::new();
    // The octets of a message that are not for the decoder.
    let mut missing = 0_u64;
    for mut piece in pieces {
        while !piece.is_empty() {
            let skipped = usize::try_from(missing).map_or(piece.len(), |all| all.min(piece.len()));
            missing -= skipped as u64;
            let rest = &piece[skipped..];
            match decoder.push(rest) {
                Ok((taken, decoded)) => {
                    piece = &rest[taken..];
                    if let Some(Decoded::Message(octets)) = decoded {
                        missing = octets;
                    }
                    responses.extend(decoded);
                }
                Err(malformed) => return (responses, Some(malformed)),
            }
        }
    }
    (responses, None)
}

/// Logs in, stores messages, and looks for them.
fn converse(server: FuzzServer<'_>) -> Result<(), Error> {
    let mut session = ImapSession::open(server, None)?;
    let secret = Secret::new("s\u{e9}cret".into()).expect("it has no line break");
    let logged_in = session.login("joe", &secret);
    if !session.is_usable() {
        return logged_in;
    }
    if logged_in.is_err() {
        let credentials = Credentials {
            user: "joe",
            secret: &secret,
            host: "imap.example.com",
            binding: None,
        };
        session.authenticate(Mechanism::Login, &credentials)?;
    }
    let delimiter = session.delimiter()?;
    let mailbox = MailboxName::new("a/b", delimiter).unwrap_or_else(MailboxName::inbox);
    let status = session.status(&mailbox)?;
    for message in [&b"a\n"[..], b"", &[0xff; 100_000]] {
        if let Err(error) = session.append(&mailbox, outgoing(message)) {
            assert!(!session.is_usable() || error.refusal().is_some());
            if !session.is_usable() {
                return Err(error);
            }
        }
    }
    let flight = session.append_all(&mailbox, vec![outgoing(b"a"), outgoing(b"b\n")]);
    assert_eq!(flight.fates.len(), 2);
    assert!(flight.error.is_some() || !flight.fates.contains(&Fate::InDoubt));
    if !session.is_usable() {
        return flight.error.map_or(Ok(()), Err);
    }
    session.examine(&mailbox)?;
    let first = status.uid_next.unwrap_or(1);
    let sizes = session.sizes_from(first)?;
    assert!(sizes.is_sorted_by(|a, b| a.uid < b.uid) && sizes.iter().all(|a| a.uid >= first));
    let mut body = Vec::new();
    let fetched = session.fetch_body(first, &mut body)?;
    assert_eq!(fetched.unwrap_or_default(), body.len() as u64);
    session.fetch_header(first)?;
    session.unselect()?;
    session.logout();
    Ok(())
}

fn outgoing(octets: &[u8]) -> OutgoingMessage<&[u8]> {
    OutgoingMessage {
        measure: MessageMeasure::of(&mut { octets }).expect("a slice can be read"),
        internal_date: None,
        message: octets,
    }
}
