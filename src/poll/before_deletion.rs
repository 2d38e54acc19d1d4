//! Checks that messages of earlier sessions are still the delivered ones before they are deleted. Some
//! servers use a unique-id again, and the new message may have the same size by chance.
//!
//! The header decides (TOP). A message with another header is retrieved and compared, and so is one whose
//! unique-id is a number and whose header may be that of many messages. Without TOP only the sizes decide. If
//! the sizes prove nothing on this server, the messages are compared.

use std::collections::HashSet;
use std::io::{Read, Write};

use super::Poll;
use super::error::{Error, reading, recording};
use crate::mail::known::{KnownFacts, MAX_FAILURES};
use crate::mail::maildrop::{Identity, Listing, Message};
use crate::mail::same_header::KnownHeader;
use crate::mail::streak::ALIKE;
use crate::poll::plan::{Pick, Plan};
use crate::poll::top::{Answer, read_headers};
use crate::pop3::{GoOn, Transaction};
use crate::report::Event;
use crate::seen::{Compared, Comparison, FailedStep, LastRun};

/// The most headers that a session asks for before it deletes messages. The rest waits for the next run.
const HEADERS: usize = 10_000;
/// The most headers that a session asks for if the server has refused the deletions of the last one.
const FEW: usize = 10;
/// The number of headers that are asked for together, so that not all known ones are in memory at once.
const FLIGHT: usize = 1_000;
/// The number of octets after which no more headers are asked for.
const HEADERS_OCTETS: usize = 100_000_000;
/// After this many refusals, and no header, the server has no TOP.
const REFUSALS: usize = 3;
/// The subject of a note that the server breaks off at TOP.
const BREAKS_AT_TOP: &str = "breaks off at TOP";
/// The subject of a note that the server has used a unique-id again.
pub(super) const REUSES_UNIQUE_IDS: &str = "unique-ids used again";
/// The subject of the warning that headers prove nothing on a server.
const HEADERS_DIFFER: &str = "headers prove nothing";

/// The messages that are due for deletion, by what their headers show.
#[derive(Debug, Default)]
struct CheckedDeletions {
    /// The number of those that have the header of the delivered message.
    same: usize,
    /// They have other headers.
    different: Vec<Pick>,
    /// They have the header of the delivered message, which others may have as well.
    common: Vec<Pick>,
    /// The server has not shown their headers.
    unknown: Vec<Pick>,
    /// They were not asked for, because of a limit.
    waiting: Vec<Pick>,
    /// The number of octets of all headers.
    octets: usize,
    /// The most headers to ask for.
    limit: usize,
}

impl CheckedDeletions {
    fn note(&mut self, pick: Pick, known: &KnownHeader, answer: Answer) {
        match answer {
            Answer::Header(listed, octets) => {
                self.octets += octets;
                match listed.is_of(known) {
                    true if listed.may_be_of_many() => self.common.push(pick),
                    true => self.same += 1,
                    false => self.different.push(pick),
                }
            }
            Answer::Refused => self.unknown.push(pick),
        }
    }

    /// Returns how many more headers may be asked for.
    fn room(&self) -> usize {
        match self.octets > HEADERS_OCTETS || self.lacks_top() {
            true => 0,
            false => self
                .limit
                .saturating_sub(self.headers() + self.unknown.len()),
        }
    }

    /// Returns true if the server refuses every TOP.
    fn lacks_top(&self) -> bool {
        self.unknown.len() >= REFUSALS && self.headers() == 0
    }

    /// Returns the number of headers that were shown.
    fn headers(&self) -> usize {
        self.same + self.different.len() + self.common.len()
    }
}

/// The headers that were read before the deletions of a run.
#[derive(Debug, Default)]
pub(super) struct ShownHeaders {
    /// True if a header was that of the delivered message.
    have_agreed: bool,
    /// The messages that have other headers.
    differ: HashSet<Identity>,
}

impl ShownHeaders {
    fn note(&mut self, checked: &CheckedDeletions, listing: &Listing) {
        self.have_agreed |= checked.same + checked.common.len() > 0;
        let different = checked.different.iter();
        self.differ
            .extend(different.map(|pick| listing.message(pick.position, pick.copy).identity));
    }
}

impl Poll<'_> {
    /// Changes a plan so that each message that it deletes, and that an earlier session has delivered, is
    /// known to be that message.
    ///
    /// # Errors
    /// The session failed, or the database did. Nothing was deleted.
    pub(super) fn check_deletions<S: Read + Write>(
        &mut self,
        session: &mut Transaction<S>,
        listing: &Listing,
        known: KnownFacts,
        plan: &mut Plan,
    ) -> Result<(), Error> {
        // Without unique-ids everything is retrieved and compared.
        if plan.delete.is_empty() || listing.names_are_made_up() {
            return Ok(());
        }
        let last = self.ledger.runs().last().map_err(reading)?;
        let checked = match self.may_ask_for_headers(session, known, &last)? {
            true => self
                .count_breaks_at_top(&last, |poll| poll.ask_for_headers(session, listing, plan))?,
            false => CheckedDeletions {
                unknown: plan.delete.clone(),
                ..CheckedDeletions::default()
            },
        };
        self.course.headers.note(&checked, listing);
        let mut doubtful = checked.different;
        let notices = self.ledger.notices();
        let reuses = notices.is_said(REUSES_UNIQUE_IDS).map_err(reading)?;
        if reuses || !sizes_tell(listing) {
            doubtful.extend(checked.unknown);
        }
        let common = checked.common.into_iter();
        doubtful
            .extend(common.filter(|pick| reuses || is_a_number(listing.unique_id(pick.position))));
        plan.compare_before_deletion(doubtful, listing);
        plan.postpone_deletions(&checked.waiting);
        Ok(())
    }

    /// Returns true if the server has TOP, as far as that is known, and its headers prove something.
    pub(super) fn may_ask_for_headers<S: Read + Write>(
        &mut self,
        session: &Transaction<S>,
        known: KnownFacts,
        last: &LastRun,
    ) -> Result<bool, Error> {
        if !session.profile().may_have_top() || known.sizes.headers_prove_nothing() {
            return Ok(false);
        }
        let notices = self.ledger.notices();
        if notices.is_said(BREAKS_AT_TOP).map_err(reading)? {
            return Ok(false);
        }
        if last.recognitions < MAX_FAILURES {
            return Ok(true);
        }
        // Such a server must not keep all mail away.
        notices.first(BREAKS_AT_TOP).map_err(recording)?;
        self.reporter.report(Event::Warning(
            &"the server ends the session at TOP: from now on mailpull checks only unique-id and size \
              before it deletes a message",
        ));
        Ok(false)
    }

    /// Lets headers be asked for again, after sessions that broke there.
    pub(super) fn ask_at_top_again(&mut self) -> Result<(), Error> {
        let notices = self.ledger.notices();
        if notices.is_said(BREAKS_AT_TOP).map_err(reading)? {
            notices.forget(BREAKS_AT_TOP).map_err(recording)?;
            self.ledger.runs().note_recognised(0).map_err(recording)?;
        }
        Ok(())
    }

    /// Asks for the headers of the messages that are due, as many as the limits allow.
    fn ask_for_headers<S: Read + Write>(
        &mut self,
        session: &mut Transaction<S>,
        listing: &Listing,
        plan: &Plan,
    ) -> Result<CheckedDeletions, Error> {
        let causes = self.ledger.causes();
        let refused = causes.fresh(FailedStep::Deletion).map_err(reading)?;
        let mut checked = CheckedDeletions {
            // If it refuses every DELE, a few show whether it still does.
            limit: if refused.len() < ALIKE { HEADERS } else { FEW },
            ..CheckedDeletions::default()
        };
        for picks in plan.delete.chunks(FLIGHT) {
            self.ask_for_some(session, listing, picks, &mut checked)?;
        }
        if checked.lacks_top() {
            let waiting = std::mem::take(&mut checked.waiting);
            checked.unknown.extend(waiting);
        }
        Ok(checked)
    }

    /// Asks for the headers of these messages, unless a limit is reached.
    fn ask_for_some<S: Read + Write>(
        &mut self,
        session: &mut Transaction<S>,
        listing: &Listing,
        picks: &[Pick],
        checked: &mut CheckedDeletions,
    ) -> Result<(), Error> {
        let mut asked: Vec<(Pick, Message, KnownHeader)> = Vec::with_capacity(picks.len());
        for &pick in picks {
            let message = listing.message(pick.position, pick.copy);
            let header = self.ledger.recognition().header(&message.identity);
            // Without a header there is nothing to compare it with, also not after a download.
            let header = header.map_err(reading)?;
            asked.extend(header.map(|header| (pick, message, header)));
        }
        let mut answered = 0;
        let room = checked.room();
        if room > 0 {
            let messages = asked.iter().take(room);
            let messages = messages.map(|(_, message, _)| message.clone());
            read_headers(session, messages, self.interrupt, |_, answer| {
                let (pick, _, known) = &asked[answered];
                answered += 1;
                checked.note(*pick, known, answer);
                match checked.room() {
                    0 => GoOn::No,
                    _ => GoOn::Yes,
                }
            })?;
        }
        let left = asked[answered..].iter().map(|(pick, _, _)| *pick);
        checked.waiting.extend(left);
        Ok(())
    }

    /// Draws conclusions from comparisons: what a header proves on this server, and if it uses unique-ids
    /// again.
    pub(super) fn learn_from_comparisons(
        &mut self,
        comparisons: &[Comparison],
        reused: usize,
    ) -> Result<(), Error> {
        if reused > 0 {
            let notices = self.ledger.notices();
            notices.first(REUSES_UNIQUE_IDS).map_err(recording)?;
        }
        let headers = &self.course.headers;
        let compared = comparisons
            .iter()
            .filter(|comparison| headers.differ.contains(&comparison.taken_for));
        let (new, same): (Vec<_>, Vec<_>) =
            compared.partition(|comparison| matches!(comparison.result, Compared::New(_)));
        if new.is_empty() && same.is_empty() {
            return Ok(());
        }
        let in_vain = match headers.have_agreed || !new.is_empty() {
            true => None,
            false => u32::try_from(same.len()).ok(),
        };
        let checks = self.ledger.size_checks();
        let history = checks.note_headers(in_vain).map_err(recording)?;
        if history.headers_prove_nothing() {
            self.warn_once(
                HEADERS_DIFFER,
                &"the server sends other headers for TOP than for RETR: from now on only unique-ids and \
                  sizes show that a message is still the one that was delivered before it is deleted",
            )?;
        }
        Ok(())
    }
}

/// Returns true if a unique-id may be a message number, which means another message after a deletion.
pub(super) fn is_a_number(unique_id: &[u8]) -> bool {
    unique_id.iter().all(u8::is_ascii_digit)
}

/// Returns true if the sizes in a listing can tell messages apart. Some servers list the same number for
/// each message, or 0.
pub(super) fn sizes_tell(listing: &Listing) -> bool {
    let mut sizes = listing.positions().map(|position| listing.size(position));
    let first = sizes.next().flatten();
    let has_other = sizes.any(|size| size != first);
    first != Some(0) && (has_other || listing.len() < 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::maildrop::MessageNumber;

    #[test]
    fn equal_or_zero_sizes_prove_nothing() {
        for (sizes, expected) in [
            (&[Some(5)][..], true),
            (&[Some(0)], false),
            (&[Some(5), Some(6)], true),
            (&[Some(5), Some(5)], false),
            (&[Some(5), Some(5), Some(6)], true),
            (&[Some(0), Some(0)], false),
            (&[None, None], false),
        ] {
            let mut listing = Listing::default();
            let numbers = (1..).filter_map(MessageNumber::new);
            for (number, _) in numbers.clone().zip(sizes) {
                let unique_id = number.to_string();
                listing.push(number, unique_id.as_bytes()).expect("valid");
            }
            let mut listing = listing.finish().expect("valid");
            for (number, size) in numbers.zip(sizes) {
                if let Some(size) = size {
                    listing.set_size(number, *size);
                }
            }
            assert_eq!(sizes_tell(&listing), expected, "{sizes:?}");
        }
    }
}
