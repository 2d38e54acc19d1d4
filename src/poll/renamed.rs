//! Recognises messages that the server lists under new unique-ids, by their headers (TOP). Downloads
//! no message and deletes nothing.

use std::collections::HashSet;
use std::io::{Read, Write};

use crate::exit::Exit;
use crate::mail::headers::{Header, HeaderReader};
use crate::mail::known::{KnownMessages, State};
use crate::mail::maildrop::{Identity, Listing};
use crate::os::signals::Interrupt;
use crate::poll::plan::Pick;
use crate::pop3::{self, HeaderOf, Pipeline, Retrieved, Transaction};
use crate::seen::{self, Headers, Ledger};

/// The longest header that is read, in octets.
const HEADER: usize = 1 << 20;
/// The number of new messages that are looked at before all of them are.
const SAMPLE: usize = 16;

/// The reason why recognising ended early. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A signal asked the run to end.
    #[error("interrupted")]
    Interrupted,
    /// The session failed.
    #[error(transparent)]
    Pop3(#[from] pop3::Error),
    /// The database failed.
    #[error(transparent)]
    Seen(#[from] seen::Error),
}

impl Error {
    /// Returns what the user can do about it, if anything.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Interrupted => None,
            Self::Pop3(source) => source.hint(),
            Self::Seen(source) => source.hint(),
        }
    }

    /// Returns the exit status that the error leads to.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Interrupted => Exit::Temporary,
            Self::Pop3(error) => error.exit(),
            Self::Seen(error) => error.exit(),
        }
    }
}

/// The search for renamed messages.
pub(crate) struct Rematch<'a> {
    /// The listing of this session.
    pub listing: &'a Listing,
    /// The account's record.
    pub ledger: &'a mut Ledger,
    /// Ends the search early.
    pub interrupt: &'a Interrupt,
}

/// Returns true if the server seems to have given all its messages new unique-ids, as after a move to
/// another server: many messages are known, about as many are listed, and hardly any is both.
pub(crate) fn looks_renamed(listing: &Listing, known: &KnownMessages) -> bool {
    const KNOWN_AT_LEAST: usize = 20;
    let live = known
        .iter()
        .filter(|known| !known.is_absent)
        .filter(|known| matches!(known.state, State::Delivered(_) | State::Seen))
        .count();
    let both = listing
        .positions()
        .filter(|&position| known.of(listing.unique_id(position)).len() > 0)
        .count();
    live >= KNOWN_AT_LEAST && listing.len() * 2 >= live && both * 20 < live
}

impl Rematch<'_> {
    /// Reads the headers of messages that seem to be new, of a sample first. If most of the sample is
    /// known, the server has renamed its messages: all that are recognised get their new unique-ids in
    /// the database. Returns their number; 0 means that it is just new mail.
    ///
    /// # Errors
    /// The session or the database failed, or a signal came. If the server refuses TOP, nothing is
    /// recognised, which is no error.
    pub(crate) fn run<S: Read + Write>(
        self,
        session: &mut Transaction<S>,
        new_messages: &[Pick],
    ) -> Result<usize, Error> {
        let sample = new_messages.len().min(SAMPLE);
        let spread: Vec<_> = (0..sample)
            .map(|n| new_messages[n * new_messages.len() / sample])
            .collect();
        let known = self.ledger.recognition().headers()?;
        if self.recognise(session, &spread, &known)?.len() * 2 <= sample {
            return Ok(0);
        }
        let recognised = self.recognise(session, new_messages, &known)?;
        self.ledger.recognition().rename(&recognised)?;
        Ok(recognised.len())
    }

    /// Pairs known messages with their new identities, each known message once.
    fn recognise<S: Read + Write>(
        &self,
        session: &mut Transaction<S>,
        picks: &[Pick],
        known: &Headers,
    ) -> Result<Vec<(Identity, Identity)>, Error> {
        let messages = picks
            .iter()
            .map(|pick| HeaderOf(self.listing.message(pick.position, pick.copy)));
        let mut pipeline = session.retrieve(messages);
        let mut recognised = Vec::new();
        let mut taken = HashSet::new();
        while let Some((HeaderOf(message), retrieved)) = pipeline.next()? {
            let Retrieved::Body = retrieved else {
                continue;
            };
            let header = self.read_header(&mut pipeline)?;
            let mut same = known.find(&header.digest, message.size);
            if let Some(known) = same.find(|known| !taken.contains(known)) {
                taken.insert(known);
                recognised.push((known.clone(), message.identity));
            }
        }
        Ok(recognised)
    }

    fn read_header<S: Read + Write>(
        &self,
        pipeline: &mut Pipeline<'_, S, impl Iterator<Item = HeaderOf>>,
    ) -> Result<Header, Error> {
        let mut header = HeaderReader::default();
        let mut chunk = Vec::new();
        let mut received = 0;
        while let Some(octets) = pipeline.read(&mut chunk)? {
            received += octets;
            if received > HEADER {
                return Err(pop3::Error::TooLong("a header").into());
            }
            if self.interrupt.signal().is_some() {
                return Err(Error::Interrupted);
            }
            header.push(&chunk);
            chunk.clear();
        }
        Ok(header.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::known::KnownMessage;
    use crate::mail::maildrop::MessageNumber;
    use crate::moment::Moment;

    #[test]
    fn a_mailbox_without_known_messages_looks_renamed() {
        for (known_ones, listed, expected) in [
            (10..30, 30..50, true),
            (10..30, 30..40, true),
            (10..30, 30..39, false),
            (10..29, 30..50, false),
            (10..30, 29..49, false),
            (10..30, 10..30, false),
            (10..35, 34..59, true),
        ] {
            let mut known = KnownMessages::default();
            for name in known_ones.clone() {
                let row = KnownMessage {
                    copy: 0,
                    state: State::Seen,
                    size: None,
                    next_try: Moment(0),
                    is_absent: false,
                    is_undeletable: false,
                };
                known.push(name.to_string().as_bytes(), row);
            }
            let mut listing = Listing::default();
            for (number, name) in (1..).filter_map(MessageNumber::new).zip(listed.clone()) {
                let unique_id: String = name.to_string();
                listing.push(number, unique_id.as_bytes()).expect("valid");
            }
            let listing = listing.finish().expect("valid");
            let looks = looks_renamed(&listing, &known);
            assert_eq!(looks, expected, "{known_ones:?} {listed:?}");
        }
    }
}
