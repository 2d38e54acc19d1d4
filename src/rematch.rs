//! Recognises messages that the server lists under new unique-ids, by their headers.
//! Downloads no message and deletes nothing.

use std::collections::HashSet;
use std::io::{Read, Write};

use crate::exit::Exit;
use crate::headers::HeaderReader;
use crate::maildrop::{Identity, Listing, Message};
use crate::plan::Pick;
use crate::pop3::{self, HeaderOf, Retrieved, Transaction};
use crate::seen::{self, Ledger};

/// So many newcomers are looked at before all are.
const SAMPLE: usize = 16;

/// Why recognising ended early. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The session failed.
    #[error(transparent)]
    Pop3(#[from] pop3::Error),
    /// The database failed.
    #[error(transparent)]
    Seen(#[from] seen::Error),
}

impl Error {
    /// The exit status that it leads to.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Pop3(error) => error.exit(),
            Self::Seen(error) => error.exit(),
        }
    }
}

/// Looks at the headers of messages that seem to be new, a sample first. If most of the sample is
/// known, the server has renamed its messages: all that are recognised are known by their new
/// unique-ids from then on. Returns how many that are; 0: it is just new mail.
///
/// # Errors
/// The session or the database failed. A server that refuses TOP recognises nothing.
pub fn rematch<S: Read + Write>(
    session: &mut Transaction<S>,
    listing: &Listing,
    newcomers: &[Pick],
    ledger: &mut Ledger,
) -> Result<usize, Error> {
    let sample = newcomers.len().min(SAMPLE);
    let spread = (0..sample).map(|n| newcomers[n * newcomers.len() / sample.max(1)]);
    let recognised = recognise(session, messages(listing, spread), ledger)?;
    if recognised.len() * 2 <= sample {
        return Ok(0);
    }
    let all = messages(listing, newcomers.iter().copied());
    let recognised = recognise(session, all, ledger)?;
    ledger.rename(&recognised)?;
    Ok(recognised.len())
}

fn messages(listing: &Listing, picks: impl Iterator<Item = Pick>) -> impl Iterator<Item = Message> {
    picks.map(|pick| listing.message(pick.position, pick.copy))
}

/// Pairs known messages with what they are called now, each known message once.
fn recognise<S: Read + Write>(
    session: &mut Transaction<S>,
    messages: impl Iterator<Item = Message>,
    ledger: &Ledger,
) -> Result<Vec<(Identity, Identity)>, Error> {
    let mut pipeline = session.retrieve(messages.map(HeaderOf));
    let mut recognised = Vec::new();
    let mut taken = HashSet::new();
    let mut octets = Vec::new();
    while let Some((HeaderOf(message), retrieved)) = pipeline.next()? {
        let Retrieved::Body = retrieved else {
            continue;
        };
        let mut header = HeaderReader::default();
        while pipeline.read(&mut octets)?.is_some() {
            header.push(&octets);
            octets.clear();
        }
        let known = ledger.find_by_header(&header.finish().digest, message.size)?;
        if let Some(known) = known.into_iter().find(|known| !taken.contains(known)) {
            taken.insert(known.clone());
            recognised.push((known, message.identity));
        }
    }
    Ok(recognised)
}
