//! Recognises messages that the server lists under new unique-ids, by their headers (TOP). Downloads
//! no message and deletes nothing.

use std::collections::HashMap;
use std::io::{Read, Write};

use crate::mail::known::State;
use crate::mail::maildrop::{Identity, Listing};
use crate::mail::same_header::ListedHeader;
use crate::os::signals::Interrupt;
use crate::poll::join::Group;
use crate::poll::missing;
use crate::poll::plan::{Pick, spread_sample};
use crate::poll::top::{Answer, Error, read_headers};
use crate::pop3::{GoOn, Transaction};
use crate::seen::{Headers, Ledger};

/// The search for renamed messages.
pub(crate) struct Rematch<'a> {
    /// The listing of this session.
    pub listing: &'a Listing,
    /// The account's record.
    pub ledger: &'a mut Ledger,
    /// Ends the search early.
    pub interrupt: &'a Interrupt,
}

/// Counts messages to find out if the server has given them new unique-ids.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RenamedSigns {
    /// The number of known messages that may be on the server.
    all: usize,
    /// The number of those that were in the last listing.
    live: usize,
    /// The number of listed messages.
    listed: usize,
    /// The number of listed messages whose unique-id is known.
    both: usize,
    /// True if the listing is without a message that was delivered or is on its way.
    pub is_one_missing: bool,
}

impl RenamedSigns {
    /// Counts the messages under one unique-id.
    pub(crate) fn count(&mut self, group: &Group<'_>) {
        for known in group.known {
            if matches!(known.state, State::Delivered(_) | State::Seen) {
                self.all += 1;
                self.live += usize::from(!known.is_absent);
            }
            self.is_one_missing |= group.listed.is_empty() && missing::is_ours(known);
        }
        self.listed += group.listed.len();
        if !group.known.is_empty() {
            self.both += group.listed.len();
        }
    }

    /// Returns true if the server seems to have given all its messages new unique-ids, as after a move to
    /// another server: many messages are known, about as many are listed, and hardly any is both.
    ///
    /// Messages that were missing from the last listing count only if the same holds with all of them
    /// included. The mailbox may have looked empty during the move. But if another program deletes the
    /// mail every day, those messages are gone for good.
    pub(crate) fn look_renamed(&self) -> bool {
        const KNOWN_AT_LEAST: usize = 20;
        [self.live, self.all].into_iter().any(|known| {
            known >= KNOWN_AT_LEAST && self.listed * 2 >= known && self.both * 20 < known
        })
    }
}

impl Rematch<'_> {
    /// Reads the headers of messages that seem to be new, of a sample first. If most of the sample is
    /// known, the server has renamed its messages: all that are recognised get their new unique-ids in
    /// the database. Returns their number; 0 means that it is just new mail.
    ///
    /// A message that is not recognised here is compared once it is retrieved. So nothing depends on
    /// this: it only saves downloads.
    ///
    /// # Errors
    /// The session or the database failed, or a signal came. What was recognised until then is
    /// recorded. If the server refuses TOP, nothing is recognised, which is no error.
    pub(crate) fn run<S: Read + Write>(
        self,
        session: &mut Transaction<S>,
        new_messages: &[Pick],
    ) -> Result<usize, Error> {
        let sample: Vec<_> = spread_sample(new_messages).collect();
        let headers = self.ledger.recognition().headers()?;
        let known = Known {
            headers: &headers,
            listing: self.listing,
        };
        let mut recognised = Vec::new();
        self.recognise(session, &sample, &known, &mut recognised)?;
        if recognised.len() * 2 <= sample.len() {
            return Ok(0);
        }
        recognised.clear();
        let ended = self.recognise(session, new_messages, &known, &mut recognised);
        self.ledger.recognition().rename(&recognised)?;
        ended.map(|()| recognised.len())
    }

    /// Pairs known messages that the listing is without with their new identities.
    ///
    /// A message that is still listed was not renamed, even if a new one has the same header: the
    /// server has both.
    fn recognise<S: Read + Write>(
        &self,
        session: &mut Transaction<S>,
        picks: &[Pick],
        known: &Known<'_>,
        recognised: &mut Vec<(Identity, Identity)>,
    ) -> Result<(), Error> {
        let messages = picks
            .iter()
            .map(|pick| self.listing.message(pick.position, pick.copy));
        let mut pairs = Pairs::default();
        let ended = read_headers(session, messages, self.interrupt, |message, answer| {
            if let Answer::Header(listed, _) = answer
                && let Some(known) = known.find(&listed, message.size)
            {
                pairs.add(known, message.identity);
            }
            GoOn::Yes
        });
        recognised.extend(pairs.finish());
        ended
    }
}

/// The known messages, by their headers.
struct Known<'a> {
    /// The headers of all, also of those that are listed.
    headers: &'a Headers,
    listing: &'a Listing,
}

impl<'a> Known<'a> {
    /// Returns the missing message that a listed header identifies. A header without a Message-ID identifies
    /// no message: scanners, sensors and cron send many messages with one header. If two known messages have
    /// this header and size, it identifies neither of them.
    fn find(&self, listed: &ListedHeader, size: Option<u64>) -> Option<&'a Identity> {
        listed.message_id?;
        let mut same = self.headers.find(&listed.header.digest, size);
        let (Some(known), None) = (same.next(), same.next()) else {
            return None;
        };
        let is_listed = !self
            .listing
            .under(known.identity.unique_id.as_octets())
            .is_empty();
        (known.is_delivered && !is_listed).then_some(&known.identity)
    }
}

/// Pairs of known messages and their new identities.
#[derive(Debug, Default)]
struct Pairs<'a>(HashMap<&'a Identity, Vec<Identity>>);

impl<'a> Pairs<'a> {
    fn add(&mut self, known: &'a Identity, new: Identity) {
        self.0.entry(known).or_default().push(new);
    }

    /// Returns the pairs of those known messages that match exactly one new message.
    fn finish(self) -> impl Iterator<Item = (Identity, Identity)> {
        self.0
            .into_iter()
            .filter_map(|(known, new)| match <[Identity; 1]>::try_from(new) {
                Ok([new]) => Some((known.clone(), new)),
                Err(_) => None,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::known::tests::{KnownRows, message_in};
    use crate::mail::maildrop::{MessageNumber, UniqueId};
    use crate::poll::join::join;

    fn identity(name: &str) -> Identity {
        Identity {
            unique_id: UniqueId::new(name.as_bytes()).expect("valid"),
            copy: 0,
        }
    }

    #[test]
    fn two_new_messages_are_never_one_known_message() {
        let (a, b) = (identity("a"), identity("b"));
        let mut pairs = Pairs::default();
        for (known, new) in [(&a, "x"), (&b, "y"), (&a, "z")] {
            pairs.add(known, identity(new));
        }
        let found: Vec<_> = pairs.finish().collect();
        assert_eq!(found, [(identity("b"), identity("y"))]);
    }

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
            let names: Vec<_> = known_ones.clone().map(|name| name.to_string()).collect();
            let rows = names.iter().map(|name| (&**name, message_in(State::Seen)));
            let known = KnownRows::of(rows);
            let mut listing = Listing::default();
            for (number, name) in (1..).filter_map(MessageNumber::new).zip(listed.clone()) {
                let unique_id: String = name.to_string();
                listing.push(number, unique_id.as_bytes()).expect("valid");
            }
            let listing = listing.finish().expect("valid");
            let mut signs = RenamedSigns::default();
            let Ok(()) = join(
                &listing,
                |each| known.each(each),
                |group| signs.count(&group),
            );
            assert_eq!(signs.look_renamed(), expected, "{known_ones:?} {listed:?}");
        }
    }
}
