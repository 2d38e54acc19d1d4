//! Reads a whole mbox file, and looks for messages by their first line and their content. Mail readers keep both,
//! but they add header lines such as `Status`. Pure.

use std::io::{self, Read};

use memchr::memchr;

use super::FileId;
use super::format::{FROM, Unquoter};
use super::location::location;
use crate::mail::handover::Location;
use crate::mail::reader::MessageReader;
use crate::mail::same::MessageContent;
use crate::moment::Moment;

const CHUNK: usize = 64 * 1024;
/// No line that we write before a message is longer.
const LONGEST_LINE: usize = 512;

/// A message that is sought in a file which another program has rewritten.
pub(super) struct Rewritten {
    /// Its place among the messages that are sought.
    pub(super) index: usize,
    /// Its first line.
    pub(super) line: String,
    pub(super) content: MessageContent,
    pub(super) begun: Moment,
}

/// Looks for messages in an mbox file. Returns the locations of each, in their order.
///
/// # Errors
/// The file cannot be read.
pub(super) fn find(
    mut file: impl Read,
    sought: &[Rewritten],
    id: FileId,
) -> io::Result<Vec<Vec<Location>>> {
    let mut found = vec![Vec::new(); sought.len()];
    let mut entries = MboxEntries::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        let octets = match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => &chunk[..count],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        entries.push(octets, &mut |entry| note(entry, sought, id, &mut found));
    }
    entries.finish(&mut |entry| note(entry, sought, id, &mut found));
    Ok(found)
}

/// Notes which of the sought messages an entry is.
fn note(entry: MboxEntry, sought: &[Rewritten], id: FileId, found: &mut [Vec<Location>]) {
    let MboxEntry {
        at,
        octets,
        line,
        content,
    } = entry;
    for (sought, places) in sought.iter().zip(found) {
        let id_of = |content: &MessageContent| content.fingerprint.message_id;
        let is_same = sought.content.canonical() == content.canonical()
            || id_of(&content).is_some() && id_of(&content) == id_of(&sought.content);
        if line == sought.line.as_bytes() && is_same {
            places.push(location(id, at, octets, sought.begun));
        }
    }
}

/// A message of an mbox file.
struct MboxEntry {
    at: u64,
    octets: u64,
    line: Vec<u8>,
    content: MessageContent,
}

/// Splits an mbox file into its messages.
#[derive(Default)]
struct MboxEntries {
    /// The octets before the present line.
    at: u64,
    /// The beginning of the present line, while it may be the first one of a message.
    line: Vec<u8>,
    /// True if the present line is not the first one of a message.
    is_content: bool,
    current: Option<OpenMboxEntry>,
}

/// A message that is being read.
struct OpenMboxEntry {
    at: u64,
    line: Vec<u8>,
    unquoter: Unquoter,
    reader: MessageReader,
    /// True if the last octet is a line end, which is held back: it may be that of the empty line.
    holds_line_end: bool,
}

impl MboxEntries {
    fn push(&mut self, mut octets: &[u8], each: &mut dyn FnMut(MboxEntry)) {
        while !octets.is_empty() {
            let line_end = memchr(b'\n', octets);
            let (piece, rest) = octets.split_at(line_end.map_or(octets.len(), |at| at + 1));
            octets = rest;
            self.push_piece(piece, line_end.is_some(), each);
        }
    }

    /// Takes a piece of one line.
    fn push_piece(&mut self, piece: &[u8], ends: bool, each: &mut dyn FnMut(MboxEntry)) {
        if !self.is_content {
            self.line.extend_from_slice(piece);
            let known = self.line.len().min(FROM.len());
            let may_be_first = self.line[..known] == FROM[..known];
            if may_be_first && !ends && self.line.len() < LONGEST_LINE {
                return;
            }
            let line = std::mem::take(&mut self.line);
            if may_be_first && line.len() >= FROM.len() {
                self.close(each);
                self.current = Some(OpenMboxEntry::new(self.at, line.clone()));
            } else if let Some(entry) = &mut self.current {
                entry.push(&line);
            }
            self.at += line.len() as u64;
        } else {
            if let Some(entry) = &mut self.current {
                entry.push(piece);
            }
            self.at += piece.len() as u64;
        }
        self.is_content = !ends;
    }

    fn finish(mut self, each: &mut dyn FnMut(MboxEntry)) {
        let line = std::mem::take(&mut self.line);
        self.at += line.len() as u64;
        if let Some(entry) = &mut self.current {
            entry.push(&line);
        }
        self.close(each);
    }

    /// Ends the message before the present line.
    fn close(&mut self, each: &mut dyn FnMut(MboxEntry)) {
        if let Some(entry) = self.current.take() {
            each(entry.finish(self.at));
        }
    }
}

impl OpenMboxEntry {
    fn new(at: u64, line: Vec<u8>) -> Self {
        Self {
            at,
            line,
            unquoter: Unquoter::default(),
            reader: MessageReader::default(),
            holds_line_end: false,
        }
    }

    fn push(&mut self, octets: &[u8]) {
        let mut unquoted = Vec::with_capacity(octets.len());
        self.unquoter.push(octets, &mut unquoted);
        self.take(&unquoted);
    }

    fn take(&mut self, octets: &[u8]) {
        let Some((last, _)) = octets.split_last() else {
            return;
        };
        if self.holds_line_end {
            self.reader.push(b"\n");
        }
        self.holds_line_end = *last == b'\n';
        let held = usize::from(self.holds_line_end);
        self.reader.push(&octets[..octets.len() - held]);
    }

    fn finish(mut self, end: u64) -> MboxEntry {
        let mut rest = Vec::new();
        std::mem::take(&mut self.unquoter).finish(&mut rest);
        self.take(&rest);
        let read = self.reader.finish();
        MboxEntry {
            at: self.at,
            octets: end - self.at,
            line: self.line,
            content: MessageContent {
                digest: read.digest,
                from: read.header.from,
                fingerprint: read.fingerprint,
            },
        }
    }
}
