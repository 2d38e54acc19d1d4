//! Delivery into a mail server by LMTP (RFC 2033). The server answers once it has stored a message,
//! but it cannot be asked later. So a message whose answer was lost is handed over again.

use std::fmt;
use std::io::{Read, Seek};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::delivery::{Spool, Target, envelope_sender};
use crate::digest::Digest;
use crate::mail::custody::{Delivered, Outcome, Staged, StoredMessage, TargetPlace};
use crate::mail::mark::Mark;
use crate::net::{Endpoint, Stream};
use crate::os::sys::Instant;
use crate::smtp::{Envelope, LmtpSession, MessageMeasure, Reply};
use crate::text::ServerText;

mod dialer;
mod error;

pub(crate) use dialer::LmtpDialer;
pub(crate) use error::Error;

pub(crate) use crate::smtp::EnvelopeAddress;

/// The time after a signal during which a message may still be handed over.
const START_TIMEOUT: Duration = Duration::from_secs(1);
/// A connection that was not used for this long is closed: servers close idle ones after some minutes,
/// and keep one of a few processes busy for each.
const IDLE_TIME: Duration = Duration::from_secs(30);

/// The configured mail server.
#[derive(Clone, Debug)]
pub struct LmtpOptions {
    /// Its address.
    pub(crate) endpoint: Endpoint,
    /// The recipient of all messages.
    pub(crate) recipient: EnvelopeAddress,
    /// True if the connection begins with STARTTLS.
    pub(crate) is_encrypted: bool,
    /// True if cleartext may go to a listener of any user.
    pub(crate) allows_cleartext: bool,
    /// True if each message gets a header field by which the server can recognise a repeat.
    pub(crate) adds_id_header: bool,
}

impl fmt::Display for LmtpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LMTP {}", self.endpoint)
    }
}

/// A mail server that takes messages from a spool.
pub(crate) struct Lmtp<'a> {
    spool: Arc<Spool>,
    place: TargetPlace,
    dialer: LmtpDialer<'a>,
    /// The account's mark, for the id of a message.
    mark: Mark,
    /// The session after a message, for the next one.
    idle: Mutex<Option<IdleSession>>,
}

struct IdleSession {
    session: LmtpSession<Stream>,
    since: Instant,
}

impl<'a> Lmtp<'a> {
    /// The server is called when there is a message for it. `mark` is the account's own.
    pub(crate) fn new(dialer: LmtpDialer<'a>, spool: Arc<Spool>, mark: Mark) -> Self {
        Self {
            place: spool.place_of(dialer.options.to_string()),
            spool,
            dialer,
            mark,
            idle: Mutex::default(),
        }
    }

    /// Hands one message over. Returns the server's answer, or `None` if the message is not in the
    /// spool.
    fn hand_over(&self, staged: &Staged) -> Result<Option<Reply>, Error> {
        let options = self.dialer.options;
        let Some(mut message) = self.spool.read(staged)? else {
            return Ok(None);
        };
        let head = match options.adds_id_header {
            true => id_header(self.mark, staged.stored()),
            false => String::new(),
        };
        let sender = envelope_sender(&mut message)?;
        let sender = sender.and_then(|address| EnvelopeAddress::parse(&address));
        let envelope = Envelope {
            sender: sender.unwrap_or_else(EnvelopeAddress::nobody),
            recipient: options.recipient.clone(),
        };
        let measure = MessageMeasure::of(&mut head.as_bytes().chain(&mut message))?;
        message.rewind()?;
        let mut session = self.session()?;
        let handed = session.hand_over(&envelope, measure, &mut head.as_bytes().chain(message));
        if session.is_usable() {
            let since = Instant::now();
            *self.idle() = Some(IdleSession { session, since });
        }
        handed
            .map(Some)
            .map_err(|source| Error::session(options, source))
    }

    /// Returns the session of the last message if it is still of use, or a new one.
    fn session(&self) -> Result<LmtpSession<Stream>, Error> {
        if let Some(IdleSession { session, since }) = self.idle().take() {
            // Whatever has arrived was not asked for: mostly the server has closed the connection.
            if since.elapsed() < IDLE_TIME && session.stream().is_quiet() {
                return Ok(session);
            }
            session.quit();
        }
        self.dialer.open(&|_| {})
    }

    fn idle(&self) -> MutexGuard<'_, Option<IdleSession>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn outcome(&self, staged: Staged) -> Outcome {
        match self.hand_over(&staged) {
            Ok(Some(reply)) => {
                let said = ServerText::new(reply.to_string().as_bytes());
                Outcome::Delivered(Delivered::new(staged, said))
            }
            Ok(None) => staged.lost(),
            Err(error) if error.is_in_doubt() => {
                let hint = error.hint();
                staged.kept_in_doubt(error, hint)
            }
            Err(error) => staged.kept(error.not_delivered()),
        }
    }
}

/// Returns the header field by which a server can recognise a message that it gets again. It must never
/// be that of another message, which would be lost: neither of another account or database (the mark is
/// random), nor of another message under the same unique-id.
fn id_header(mark: Mark, stored: &StoredMessage) -> String {
    const DIGITS: usize = 32;
    let identity = &stored.identity;
    let digest = stored.digest.hex(stored.digest.0.len());
    let mut named = format!("{mark} {digest} {} ", identity.copy).into_bytes();
    named.extend_from_slice(identity.unique_id.as_octets());
    format!("X-Mailpull-Id: {}\n", Digest::of(&named).hex(DIGITS / 2))
}

impl Target for Lmtp<'_> {
    fn place(&self) -> &TargetPlace {
        &self.place
    }

    fn configuration(&self) -> Digest {
        Digest::of(format!("{:?}", self.dialer.options).as_bytes())
    }

    fn deliver(&self, staged: Vec<Staged>) -> Vec<Outcome> {
        self.spool.remove_forgotten();
        staged
            .into_iter()
            .map(|staged| self.outcome(staged))
            .collect()
    }

    fn is_far(&self) -> bool {
        true
    }

    fn group_size(&self) -> usize {
        1
    }

    fn accepts_more(&self) -> bool {
        !self.dialer.interrupt.is_over(START_TIMEOUT)
    }
}

impl Drop for Lmtp<'_> {
    fn drop(&mut self) {
        if let Some(IdleSession { session, .. }) = self.idle().take() {
            session.quit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::headers::HeaderReader;
    use crate::mail::maildrop::{Identity, UniqueId};
    use crate::mail::same::Fingerprint;
    use crate::mail::suspicion::Suspicion;

    fn header(mark: u8, unique_id: &str, copy: u32, octets: &str) -> String {
        let unique_id = UniqueId::new(unique_id.as_bytes()).expect("it is not too long");
        let stored = StoredMessage {
            identity: Identity { unique_id, copy },
            size: None,
            file_name: String::new(),
            octets: octets.len() as u64,
            digest: Digest::of(octets.as_bytes()),
            header: HeaderReader::default().finish(),
            fingerprint: Box::new(Fingerprint::default()),
            suspicion: Suspicion::None,
            chosen: Vec::new(),
        };
        id_header(Mark([mark; 16]), &stored)
    }

    #[test]
    fn no_two_messages_have_the_same_id() {
        let first = header(1, "a", 0, "x");
        assert_eq!(first, header(1, "a", 0, "x"));
        assert_eq!(first.len(), "X-Mailpull-Id: \n".len() + 32);
        for other in [
            header(2, "a", 0, "x"),
            header(1, "b", 0, "x"),
            header(1, "0 a", 0, "x"),
            header(1, "a", 1, "x"),
            header(1, "a", 0, "y"),
        ] {
            assert_ne!(first, other);
        }
    }
}
