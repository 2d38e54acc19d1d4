//! Looks in a folder for messages that may have been stored there before a crash.
//!
//! A message is there if one of those stored since its hand-over began, and not known to be another, has
//! its octets. Dovecot changes two things: NUL becomes 0x80, and CR CR LF becomes CR LF. A message that is
//! only alike may be ours, changed by the server, or another copy of it: nothing is recorded then.

use std::io::{self, Read, Write};

use super::{location, place};
use crate::delivery::{self, Sighting, Spool};
use crate::digest::{Digest, Hasher};
use crate::imap::{self, ExaminedMailbox, ImapSession, MailboxName, MessageUid, StoredSize};
use crate::mail::custody::Staged;
use crate::mail::handover::Claims;
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
    /// True if the server tells where it has stored a message (UIDPLUS).
    names_uids: bool,
    claims: &'a Claims,
    /// The messages in it that may be those that are sought.
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
    claims: &Claims,
) -> Result<Vec<Sighting>, Failed> {
    let begun: Vec<_> = sought.iter().map(begun_at).collect();
    let examined = session.examine(mailbox)?;
    let validity = examined.uid_validity.filter(|_| !examined.has_passing_uids);
    let first = begun.iter().flatten().map(|place| place.uid).min();
    let sizes = session.sizes_from(first.unwrap_or(1))?;
    let mut folder = SearchedFolder {
        names_uids: session.capabilities().uid_plus(),
        session,
        examined,
        listed: sizes.iter().map(|message| message.uid).collect(),
        candidates: sizes,
        claims,
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
    match folder.session.unselect() {
        // It stays open for reading, which harms nothing.
        Err(_) if folder.session.is_usable() => Ok(sightings),
        closed => closed.map(|()| sightings).map_err(Failed::from),
    }
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
        let digest = staged.stored().digest;
        let uid_validity = begun.uid_validity;
        let mut is_unreadable = false;
        for index in 0..self.candidates.len() {
            let StoredSize { uid, octets } = self.candidates[index];
            let at = location(MessageUid { uid_validity, uid });
            let is_claimed = self.claims.located.contains(&(at.clone(), digest));
            if uid < begun.uid || is_claimed || forms.iter().all(|form| form.octets != octets) {
                continue;
            }
            match self.digest(uid)? {
                Some(found) if forms.iter().any(|form| form.digest == found) => {
                    self.candidates.remove(index);
                    // An equal message may be that one.
                    let is_sure = self.names_uids || !self.claims.unlocated.contains(&digest);
                    return Ok(match is_sure {
                        true => Sighting::There(at),
                        false => Sighting::Unclear(EQUAL.to_owned()),
                    });
                }
                Some(_) => {}
                None => is_unreadable = true,
            }
        }
        if is_unreadable {
            return Ok(Sighting::Unclear(UNREADABLE.to_owned()));
        }
        if self.has_alike(staged, begun)? {
            return Ok(Sighting::Unclear(ALIKE.to_owned()));
        }
        Ok(self.absence(begun))
    }

    /// Returns the digest of a message, or `None` if the server does not send it.
    fn digest(&mut self, uid: u32) -> Result<Option<Digest>, Failed> {
        let mut hasher = HashingWriter::default();
        match self.session.fetch_body(uid, &mut hasher) {
            Ok(octets) => Ok(octets.map(|_| hasher.0.finish())),
            Err(_) if self.session.is_usable() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns true if the header of a message is like that of the one that is sought: a server may have changed
    /// it, or it may be another copy.
    fn has_alike(&mut self, staged: &Staged, begun: MessageUid) -> Result<bool, Failed> {
        let stored = staged.stored();
        let uid_validity = begun.uid_validity;
        for StoredSize { uid, .. } in self.candidates.clone() {
            let at = location(MessageUid { uid_validity, uid });
            let is_other = self
                .claims
                .located
                .iter()
                .any(|(claimed, _)| *claimed == at);
            if uid < begun.uid || is_other {
                continue;
            }
            let header = match self.session.fetch_header(uid) {
                Ok(header) => header,
                Err(_) if self.session.is_usable() => None,
                Err(error) => return Err(error.into()),
            };
            let mut reader = HeaderReader::default();
            reader.push(&without_cr(&header.unwrap_or_default()));
            let listed = reader.finish_listed();
            let is_alike = match (listed.message_id, stored.fingerprint.message_id) {
                (None, None) => {
                    listed.header.from == stored.header.from
                        && listed.header.subject == stored.header.subject
                        && listed.date == stored.fingerprint.date
                }
                (found, sought) => found == sought,
            };
            if is_alike {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns what it means that a message is not there. If messages are missing that were there once, it may
    /// have been one of them.
    fn absence(&self, begun: MessageUid) -> Sighting {
        let listed = self.listed.iter().filter(|uid| **uid >= begun.uid);
        let listed = listed.count() as u64;
        let Some(next) = self.examined.uid_next else {
            return Sighting::Unclear("the server does not tell the next UID".to_owned());
        };
        match next.checked_sub(begun.uid) {
            Some(since) if u64::from(since) == listed => Sighting::Absent,
            Some(_) => Sighting::Unclear(REMOVED.to_owned()),
            None => Sighting::Unclear("the server has begun to count anew".to_owned()),
        }
    }
}

const ALIKE: &str =
    "the folder has a message with the same header, which the server may have changed";
const EQUAL: &str = "an equal message is in the folder, and the server did not say which one it is";
const REMOVED: &str = "messages are missing from the folder, which may have been removed meanwhile";
const UNREADABLE: &str = "the folder has a message of its size that the server does not send";

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
