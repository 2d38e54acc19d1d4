//! Looks in an mbox file for messages that were perhaps written before a run was killed.
//!
//! Messages that are handed over together are written one after the other, while the file is locked, from the
//! length on that was recorded before. So what stands there shows how far the killed run came, unless a mail reader
//! has rewritten the file since. Then all of it is read.

use std::io::{self, Read, Write};

use super::error::Error;
use super::format::{self, NotCopied};
use super::location::{MboxMark, location};
use super::locked::LockedMbox;
use super::whole::{self, Rewritten};
use crate::delivery::envelope_sender;
use crate::delivery::recall::Sighting;
use crate::delivery::spool::Spool;
use crate::mail::custody::Staged;
use crate::mail::handover::Claims;
use crate::moment::Moment;

/// Looks for messages and returns what it shows about each, in their order. Removes a part of a message at the end
/// of the file.
///
/// # Errors
/// The file or the spool cannot be read.
pub(super) fn find(
    mbox: &mut LockedMbox,
    spool: &Spool,
    sought: &[Staged],
    claims: &Claims,
) -> Result<Vec<Sighting>, Error> {
    let mut search = MboxSearch {
        mbox,
        spool,
        sought,
        claims,
        sightings: vec![None; sought.len()],
    };
    let mut marks: Vec<_> = sought.iter().filter_map(mark).collect();
    marks.sort_unstable();
    marks.dedup();
    for mark in marks {
        search.look_from(mark)?;
    }
    search.look_everywhere()?;
    let has_found = |sighting: &Option<Sighting>| matches!(sighting, Some(Sighting::There(_)));
    if search.sightings.iter().any(has_found) {
        // The run was perhaps killed before it flushed them.
        search.mbox.flush()?;
    }
    let sightings = search.sightings.into_iter();
    Ok(sightings
        .map(|sighting| sighting.unwrap_or(Sighting::Absent))
        .collect())
}

/// Returns the state of the file that was recorded before a message was handed over.
fn mark(staged: &Staged) -> Option<MboxMark> {
    MboxMark::parse(&staged.handover()?.earliest)
}

struct MboxSearch<'a> {
    mbox: &'a mut LockedMbox,
    spool: &'a Spool,
    sought: &'a [Staged],
    claims: &'a Claims,
    /// What is known about each message, if anything.
    sightings: Vec<Option<Sighting>>,
}

/// What stands at a place of the file.
enum StandsThere {
    /// The message, in so many octets.
    Whole(u64),
    /// A part of it, up to the end of the file.
    Part,
    /// A part of it, and then something else.
    Torn,
    /// Something else, or nothing.
    Other,
}

impl MboxSearch<'_> {
    /// Follows the messages that were handed over together.
    fn look_from(&mut self, mark: MboxMark) -> Result<(), Error> {
        if mark.id != self.mbox.id || mark.length > self.mbox.length {
            return Ok(());
        }
        let together = |staged: &Staged| self::mark(staged) == Some(mark);
        let mut group: Vec<usize> = (0..self.sought.len())
            .filter(|index| together(&self.sought[*index]))
            .collect();
        let mut at = mark.length;
        let mut is_cut = false;
        'next: while at < self.mbox.length {
            for place in 0..group.len() {
                let index = group[place];
                match self.compare(at, index)? {
                    StandsThere::Other => continue,
                    StandsThere::Whole(length) => {
                        let staged = &self.sought[index];
                        let found = location(self.mbox.id, at, length, begun(staged));
                        let claim = (found.clone(), staged.stored().digest);
                        if self.claims.located.contains(&claim) {
                            continue;
                        }
                        self.sightings[index] = Some(Sighting::There(found));
                        group.remove(place);
                        at += length;
                        continue 'next;
                    }
                    StandsThere::Part => self.mbox.cut(at)?,
                    StandsThere::Torn => {
                        self.sightings[index] = Some(Sighting::Unclear(TORN.to_owned()));
                    }
                }
                is_cut = true;
                break 'next;
            }
            break;
        }
        let is_untouched = self.mbox.length == mark.length && self.mbox.modified == mark.modified;
        if is_untouched || is_cut || at > mark.length {
            // They are written in one go: what does not follow is nowhere.
            for index in group {
                self.sightings[index].get_or_insert(Sighting::Absent);
            }
        }
        Ok(())
    }

    /// Compares what stands at a place with a message as it is written.
    fn compare(&mut self, at: u64, index: usize) -> Result<StandsThere, Error> {
        let staged = &self.sought[index];
        let spooled = self.spool.read(staged);
        let Some(mut message) = spooled.map_err(|error| Error::Spool(Box::new(error)))? else {
            return Ok(StandsThere::Other);
        };
        let sender = envelope_sender(&mut message)?;
        let line = format::from_line(sender.as_deref(), begun(staged));
        let before = [self.mbox.separator_at(at)?, line.as_bytes()].concat();
        let rest = self.mbox.length - at;
        let failed = self.mbox.failed("read");
        let mut comparison = Comparing {
            file: self.mbox.reader_at(at)?,
            equal: 0,
            chunk: Vec::new(),
        };
        match format::copy(&before, &mut message, &mut comparison) {
            Ok(()) => Ok(StandsThere::Whole(comparison.equal)),
            Err(NotCopied::Unread(error)) => Err(error.into()),
            Err(NotCopied::Unwritten(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Ok(match comparison.equal {
                    equal if equal == rest => StandsThere::Part,
                    equal if equal >= before.len() as u64 => StandsThere::Torn,
                    _ => StandsThere::Other,
                })
            }
            Err(NotCopied::Unwritten(error)) => Err(failed(error)),
        }
    }

    /// Looks for the others in the whole file.
    fn look_everywhere(&mut self) -> Result<(), Error> {
        let open = (0..self.sought.len()).filter(|index| self.sightings[*index].is_none());
        let mut rewritten = Vec::new();
        for index in open {
            let staged = &self.sought[index];
            let spooled = self.spool.read(staged);
            let Some(mut message) = spooled.map_err(|error| Error::Spool(Box::new(error)))? else {
                continue;
            };
            let sender = envelope_sender(&mut message)?;
            rewritten.push(Rewritten {
                index,
                line: format::from_line(sender.as_deref(), begun(staged)),
                content: staged.stored().content(),
                begun: begun(staged),
            });
        }
        if rewritten.is_empty() {
            return Ok(());
        }
        let (id, failed) = (self.mbox.id, self.mbox.failed("read"));
        let found = whole::find(self.mbox.reader_at(0)?, &rewritten, id).map_err(failed)?;
        for (sought, places) in rewritten.iter().zip(found) {
            let digest = self.sought[sought.index].stored().digest;
            let is_claimed = self
                .claims
                .located
                .iter()
                .any(|(_, other)| *other == digest);
            self.sightings[sought.index] = Some(match &places[..] {
                [place] if !is_claimed => Sighting::There(place.clone()),
                [] => Sighting::Unclear(REWRITTEN.to_owned()),
                _ => Sighting::Unclear(EQUAL.to_owned()),
            });
        }
        Ok(())
    }
}

/// Returns the moment at which a message was handed over, which its first line names.
pub(super) fn begun(staged: &Staged) -> Moment {
    staged
        .handover()
        .map_or_else(Moment::now, |handover| handover.begun)
}

/// Compares what is written to it with what a file has. It fails where they differ.
struct Comparing<R> {
    file: R,
    equal: u64,
    chunk: Vec<u8>,
}

impl<R: Read> Write for Comparing<R> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.chunk.resize(octets.len(), 0);
        let mut read = 0;
        while read < octets.len() {
            match self.file.read(&mut self.chunk[read..]) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let pairs = octets.iter().zip(&self.chunk[..read]);
        let equal = pairs.take_while(|(one, other)| one == other).count();
        self.equal += equal as u64;
        match equal == octets.len() {
            true => Ok(equal),
            false => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const EQUAL: &str = "equal messages are in the file, and nothing tells which one it is";
const REWRITTEN: &str = "another program has changed the file meanwhile, and may have removed it";
const TORN: &str = "the file has a part of it, and another program has written behind that";
