//! Looks in a folder for messages that may have been stored there before a crash.
//!
//! A message is there if one of those stored since its hand-over began, and not known to be another, has
//! its octets. Dovecot changes two things: NUL becomes 0x80, and CR CR LF becomes CR LF. If a server
//! changes more, the Message-ID and the Date have to do.

use std::collections::HashSet;
use std::io::{self, Read, Write};

use super::{location, place};
use crate::delivery::{self, Sighting, Spool};
use crate::digest::{Digest, Hasher};
use crate::imap::{self, ExaminedMailbox, ImapSession, MailboxName, MessageUid, StoredSize};
use crate::mail::custody::Staged;
use crate::mail::handover::Location;
use crate::mail::headers::HeaderReader;
use crate::mail::wire_form::{CHUNK, push_with_crlf};
use crate::net::Stream;

/// The reason why nothing can be found out.
pub(super) enum Failed {
    /// The server refused, or the session failed.
    Session(imap::Error),
    /// The spool failed.
    Spool(super::Error),
}

impl From<imap::Error> for Failed {
    fn from(error: imap::Error) -> Self {
        Self::Session(error)
    }
}

impl From<delivery::Error> for Failed {
    fn from(error: delivery::Error) -> Self {
        Self::Spool(error.into())
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Spool(error.into())
    }
}

/// A folder as it is now.
struct SearchedFolder<'a> {
    session: &'a mut ImapSession<Stream>,
    examined: ExaminedMailbox,
    /// The messages in it that may be those that are sought, and that are not known to be others.
    candidates: Vec<StoredSize>,
    /// The UIDs of all messages from the first one on that may be sought.
    listed: Vec<u32>,
}

/// Looks for messages, and returns what the folder shows about each.
///
/// # Errors
/// The folder cannot be read, or a message cannot be read from the spool.
pub(super) fn find(
    session: &mut ImapSession<Stream>,
    mailbox: &MailboxName,
    spool: &Spool,
    sought: &[Staged],
    claimed: &HashSet<Location>,
) -> Result<Vec<Sighting>, Failed> {
    let begun: Vec<_> = sought.iter().map(begun_at).collect();
    let examined = session.examine(mailbox)?;
    let validity = examined.uid_validity.filter(|_| !examined.has_passing_uids);
    let first = begun.iter().flatten().map(|place| place.uid).min();
    let sizes = session.sizes_from(first.unwrap_or(1))?;
    let is_free = |message: &StoredSize| {
        let uid = message.uid;
        let at = validity.map(|uid_validity| location(MessageUid { uid_validity, uid }));
        at.is_some_and(|at| !claimed.contains(&at))
    };
    let mut folder = SearchedFolder {
        session,
        examined,
        listed: sizes.iter().map(|message| message.uid).collect(),
        candidates: sizes.into_iter().filter(is_free).collect(),
    };
    let mut sightings = Vec::with_capacity(sought.len());
    for (staged, begun) in sought.iter().zip(begun) {
        let sighting = match (begun, validity) {
            (Some(begun), Some(validity)) if begun.uid_validity == validity => {
                folder.look_for(staged, begun, spool)?
            }
            (_, None) => Sighting::Unclear("the server gives messages no lasting UIDs".to_owned()),
            _ => Sighting::Unclear("the folder was removed and made again meanwhile".to_owned()),
        };
        sightings.push(sighting);
    }
    folder.session.unselect()?;
    Ok(sightings)
}

/// Returns where a message was stored at the earliest.
fn begun_at(staged: &Staged) -> Option<MessageUid> {
    place(&staged.handover()?.earliest)
}

impl SearchedFolder<'_> {
    fn look_for(
        &mut self,
        staged: &Staged,
        begun: MessageUid,
        spool: &Spool,
    ) -> Result<Sighting, Failed> {
        let Some(file) = spool.read(staged)? else {
            return Ok(Sighting::Unclear(
                "its file is gone from the spool".to_owned(),
            ));
        };
        let forms = forms(file)?;
        let mut at = None;
        for (index, message) in self.candidates.iter().enumerate() {
            let fits = |form: &&Form| form.octets == message.octets;
            if message.uid < begun.uid || !forms.iter().any(|form| fits(&form)) {
                continue;
            }
            let mut hasher = HashingWriter::default();
            let Some(_) = self.session.fetch_body(message.uid, &mut hasher)? else {
                continue;
            };
            let digest = hasher.0.finish();
            if forms.iter().any(|form| form.digest == digest) {
                at = Some(index);
                break;
            }
        }
        if at.is_none() {
            at = self.by_header(staged, begun)?;
        }
        let Some(index) = at else {
            return Ok(self.absence(begun));
        };
        let uid_validity = begun.uid_validity;
        let uid = self.candidates.remove(index).uid;
        Ok(Sighting::There(location(MessageUid { uid_validity, uid })))
    }

    /// Looks for a message of which the server changes more than expected, by its Message-ID and Date.
    fn by_header(&mut self, staged: &Staged, begun: MessageUid) -> Result<Option<usize>, Failed> {
        let fingerprint = &staged.stored().fingerprint;
        if fingerprint.message_id.is_none() {
            return Ok(None);
        }
        for (index, message) in self.candidates.iter().enumerate() {
            if message.uid < begun.uid {
                continue;
            }
            let Some(header) = self.session.fetch_header(message.uid)? else {
                continue;
            };
            let mut reader = HeaderReader::default();
            reader.push(&without_cr(&header));
            let listed = reader.finish_listed();
            if listed.message_id == fingerprint.message_id && listed.date == fingerprint.date {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// Returns what it means that a message is not there. If messages are missing that were there once, it may
    /// have been one of them.
    fn absence(&self, begun: MessageUid) -> Sighting {
        let listed = self.listed.iter().filter(|uid| **uid >= begun.uid);
        let listed = listed.count() as u64;
        let since = self
            .examined
            .uid_next
            .map(|next| next.saturating_sub(begun.uid));
        match since {
            Some(since) if u64::from(since) == listed => Sighting::Absent,
            Some(_) => {
                Sighting::Unclear("messages were removed from the folder meanwhile".to_owned())
            }
            None => Sighting::Unclear("the server does not tell the next UID".to_owned()),
        }
    }
}

/// A form in which a server may have stored a message.
struct Form {
    octets: u64,
    digest: Digest,
}

/// Returns the forms of a message: as it was sent, and as Dovecot stores it.
fn forms(mut message: impl Read) -> Result<[Form; 2], io::Error> {
    let mut sent = HashingWriter::default();
    let mut stored = DovecotForm::default();
    let (mut octets, mut chunk, mut wire) = (0, vec![0; CHUNK], Vec::new());
    loop {
        let count = match message.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        wire.clear();
        push_with_crlf(&chunk[..count], &mut wire);
        octets += wire.len() as u64;
        sent.write_all(&wire)?;
        stored.push(&wire);
    }
    let sent = Form {
        octets,
        digest: sent.0.finish(),
    };
    Ok([sent, stored.finish()])
}

/// A message as Dovecot stores it.
#[derive(Default)]
struct DovecotForm {
    hasher: Hasher,
    octets: u64,
    /// The number of CRs that came last. One of several is dropped before LF.
    returns: usize,
}

impl DovecotForm {
    fn push(&mut self, wire: &[u8]) {
        let mut out = Vec::with_capacity(wire.len() + 1);
        for &octet in wire {
            if octet == b'\r' {
                self.returns += 1;
                continue;
            }
            let is_dropped = octet == b'\n' && self.returns > 1;
            let returns = std::mem::take(&mut self.returns) - usize::from(is_dropped);
            out.extend(std::iter::repeat_n(b'\r', returns));
            out.push(if octet == 0 { 0x80 } else { octet });
        }
        self.octets += out.len() as u64;
        self.hasher.update(&out);
    }

    fn finish(mut self) -> Form {
        self.octets += self.returns as u64;
        self.hasher.update(&vec![b'\r'; self.returns]);
        Form {
            octets: self.octets,
            digest: self.hasher.finish(),
        }
    }
}

/// Returns text with LF as line end.
fn without_cr(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for (at, &octet) in text.iter().enumerate() {
        if octet != b'\r' || text.get(at + 1) != Some(&b'\n') {
            out.push(octet);
        }
    }
    out
}

/// Takes the SHA-256 of what is written.
#[derive(Default)]
struct HashingWriter(Hasher);

impl Write for HashingWriter {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.update(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
