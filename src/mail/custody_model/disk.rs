//! The file of a message on a disk: what was done to it, and what a power cut leaves of that.

/// A change of the file, of its names, or of the list that proves where it is. A file sees each of them at
/// most once, in this order: either it is put in place, or it is cleaned away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u16)]
pub(super) enum Change {
    /// Its octets are written.
    Written = 1 << 0,
    /// It gets the name `tmp/F`.
    Created = 1 << 1,
    /// `tmp/F` is renamed to `new/.F`, which mail readers ignore.
    Hidden = 1 << 2,
    /// `F` is written to the list in tmp/ of messages that have left it.
    Listed = 1 << 3,
    /// `tmp/F` is removed, by us or by a program that empties tmp/.
    Cleaned = 1 << 4,
    /// `new/.F` is renamed to `new/F`.
    Placed = 1 << 5,
    /// A mail reader moves `new/F` to `cur/F`.
    Moved = 1 << 6,
    /// A mail reader removes the file from the Maildir.
    Removed = 1 << 7,
    /// The list is removed.
    Unlisted = 1 << 8,
}

use Change::{Cleaned, Created, Hidden, Listed, Moved, Placed, Removed, Unlisted, Written};

/// The changes of octets. A power cut may undo them whatever became of the names.
const OCTETS: u16 = Written as u16 | Listed as u16;

/// Each change of a name, with the changes that it needs. Without those it cannot be on the disk.
const NAMES: [(Change, &[Change]); 7] = [
    (Created, &[]),
    (Hidden, &[Created]),
    (Placed, &[Hidden]),
    (Cleaned, &[Created]),
    (Moved, &[Placed]),
    (Removed, &[Placed]),
    (Unlisted, &[Listed]),
];

/// The changes that a flush of tmp/ makes durable.
const IN_TMP: [Change; 4] = [Created, Hidden, Cleaned, Unlisted];

/// The kinds of disks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum DiskKind {
    /// Any flush makes all earlier changes of names durable, and a power cut undoes the latest ones
    /// (ext4, XFS, btrfs).
    Ordered,
    /// A flush makes durable what POSIX says, and a power cut undoes any of the others.
    Loose,
}

/// A folder of a Maildir that is flushed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum FlushedFolder {
    Tmp,
    New,
}

/// The file of a message, as sets of [`Change`]s.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(super) struct File {
    done: u16,
    /// A subset of `done`.
    durable: u16,
}

impl File {
    /// No file.
    pub(super) const NONE: Self = Self {
        done: 0,
        durable: 0,
    };

    pub(super) fn has(self, change: Change) -> bool {
        self.done & change as u16 != 0
    }

    pub(super) fn change(&mut self, change: Change) {
        self.done |= change as u16;
    }

    /// Takes the file off the list, as if it had never been on it.
    pub(super) fn end_list(&mut self) {
        let list = Listed as u16 | Unlisted as u16;
        self.done &= !list;
        self.durable &= !list;
    }

    /// True if `tmp/F` is there.
    pub(super) fn is_in_tmp(self) -> bool {
        self.has(Created) && !self.has(Hidden) && !self.has(Cleaned)
    }

    /// True if `new/.F` is there.
    pub(super) fn is_hidden(self) -> bool {
        self.has(Hidden) && !self.has(Placed)
    }

    /// True if the list in tmp/ has it.
    pub(super) fn is_listed(self) -> bool {
        self.has(Listed) && !self.has(Unlisted)
    }

    /// True if the file is in `new/`.
    pub(super) fn is_in_new(self) -> bool {
        self.has(Placed) && !self.has(Moved) && !self.has(Removed)
    }

    /// True if the file is in `new/` or `cur/`.
    pub(super) fn is_in_maildir(self) -> bool {
        self.has(Placed) && !self.has(Removed)
    }

    /// Gives all files that are in the Maildir for good the same state, whatever a reader does with
    /// them later.
    pub(super) fn settle(&mut self) {
        let safe = Written as u16 | Created as u16 | Hidden as u16 | Placed as u16;
        if self.durable & safe == safe {
            let listed = if self.is_listed() { Listed as u16 } else { 0 };
            self.done = safe | listed | Removed as u16;
            self.durable = self.done;
        }
    }

    /// Makes the octets durable.
    pub(super) fn flush_octets(&mut self) {
        self.durable |= Written as u16;
    }

    /// Makes names durable.
    pub(super) fn flush(&mut self, folder: FlushedFolder, disk: DiskKind) {
        let is_flushed = |change: Change| match (disk, folder) {
            (DiskKind::Ordered, _) => true,
            (DiskKind::Loose, FlushedFolder::Tmp) => IN_TMP.contains(&change),
            // A file that is in cur/ already is removed from there.
            (DiskKind::Loose, FlushedFolder::New) => match change {
                Hidden | Placed | Moved => true,
                Created => self.has(Hidden),
                Removed => !self.has(Moved),
                _ => false,
            },
        };
        let flushed = NAMES.iter().filter(|(change, _)| is_flushed(*change));
        let flushed = flushed.fold(0, |all, (change, _)| all | *change as u16);
        self.durable |= self.done & flushed;
    }

    /// Returns what may be left after a power cut.
    ///
    /// Octets of the list may be left or not, because it is never flushed.
    pub(super) fn survivors(self, disk: DiskKind) -> Vec<Self> {
        let mut left = vec![self.durable];
        for octets in [Written as u16, Listed as u16] {
            if self.done & !self.durable & octets != 0 {
                let more: Vec<u16> = left.iter().map(|set| set | octets).collect();
                left.extend(more);
            }
        }
        for (change, needed) in NAMES {
            let bit = change as u16;
            if self.done & !self.durable & bit == 0 {
                continue;
            }
            let with = |set: u16| {
                // A reader that removed the file from cur/ had moved it there.
                let is_from_cur = change == Removed && self.has(Moved);
                let needed = needed.iter().fold(0, |all, change| all | *change as u16)
                    | if is_from_cur { Moved as u16 } else { 0 };
                let earlier = match disk {
                    DiskKind::Loose => needed,
                    DiskKind::Ordered => self.done & (bit - 1) & !OCTETS,
                };
                (set & earlier == earlier).then_some(set | bit)
            };
            let more: Vec<u16> = left.iter().copied().filter_map(with).collect();
            left.extend(more);
        }
        let file = |set| Self {
            done: set,
            durable: set,
        };
        left.into_iter().map(file).collect()
    }
}
