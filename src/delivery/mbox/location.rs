//! The texts by which the database remembers an mbox file before a hand-over, and where a message is in it.

use super::FileId;
use crate::mail::handover::Location;
use crate::moment::Moment;

/// The state of a file before messages are handed over.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct MboxMark {
    pub(super) id: FileId,
    pub(super) length: u64,
    /// The time of its last change.
    pub(super) modified: (i64, i64),
}

impl MboxMark {
    /// Returns its text. It sorts before the location of a message that is written there.
    pub(super) fn to_location(self) -> Location {
        let (seconds, nanoseconds) = self.modified;
        Location(format!(
            "{} {seconds} {nanoseconds}",
            place(self.id, self.length)
        ))
    }

    /// Reads its text.
    pub(super) fn parse(location: &Location) -> Option<Self> {
        let mut words = location.0.split(' ');
        let (id, length) = words.next()?.split_once('/')?;
        let (device, inode) = id.split_once('-')?;
        Some(Self {
            id: FileId {
                device: device.parse().ok()?,
                inode: inode.parse().ok()?,
            },
            length: length.parse().ok()?,
            modified: (words.next()?.parse().ok()?, words.next()?.parse().ok()?),
        })
    }
}

/// Returns the text for the location of a message. Mail readers empty files, so that messages come to the same
/// place: the moment of the hand-over tells them apart.
pub(super) fn location(id: FileId, at: u64, octets: u64, begun: Moment) -> Location {
    Location(format!("{}+{octets} {}", place(id, at), begun.0))
}

fn place(id: FileId, at: u64) -> String {
    format!("{}-{}/{at:016}", id.device, id.inode)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: FileId = FileId {
        device: 1,
        inode: 23,
    };

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        let mark = MboxMark {
            id: ID,
            length: 456,
            modified: (-7, 8),
        };
        assert_eq!(MboxMark::parse(&mark.to_location()), Some(mark));
        for text in ["", "1-23/456", "1-23/456 7", "x/1 2 3", "1-23/-4 5 6"] {
            assert_eq!(MboxMark::parse(&Location(text.to_owned())), None, "{text}");
        }
    }

    #[test]
    fn locations_sort_as_messages_are_written() {
        let mark = |length| {
            let modified = (1_800_000_000, 999_999_999);
            let id = ID;
            MboxMark {
                id,
                length,
                modified,
            }
            .to_location()
        };
        let message = |at| location(ID, at, 1, Moment(1));
        assert!(mark(9) < message(9) && message(9) < mark(10));
        assert!(mark(10) < message(10) && message(10) < message(1_000_000));
    }
}
