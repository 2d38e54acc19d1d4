//! Finds out where a staged message is and what the next run will do about it, for `seen list`.
//! Moves and removes nothing.

use std::fmt;
use std::path::Path;

use super::folder::Folder;
use super::{Error, Maildir};
use crate::mail::custody::Staged;
use crate::mail::mark::FileMarks;

/// The place of a staged message. As text it says what the next run does about the message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum StagedState {
    /// It is in new/ or cur/ already.
    Delivered,
    /// It is in the spool, and an MDA had it once; nobody knows what the MDA did.
    HandedOver,
    /// It is not there, and there is no proof that it was put in its place.
    Lost,
    /// It is in the spool.
    Spooled,
    /// It was put in its place, and a mail reader has taken it from there.
    Taken,
    /// It is in tmp/.
    Waiting,
}

impl fmt::Display for StagedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Delivered => "is delivered; the next fetch records that",
            Self::HandedOver => {
                "is in the spool, and an MDA may have had it; the next fetch gives it to the MDA"
            }
            Self::Lost => {
                "is gone; unless its Maildir was moved, the next fetch gets it from the server again"
            }
            Self::Spooled => "is in the spool; the next fetch gives it to the MDA",
            Self::Taken => "was taken by a mail reader; the next fetch records that",
            Self::Waiting => "is in tmp/; the next fetch moves it to new/",
        })
    }
}

/// Looks for a staged message in the Maildir for which it was staged, or in the spool, wherever
/// that is now.
///
/// # Errors
/// The Maildir or the spool exists and cannot be read.
pub(crate) fn locate(staged: &Staged, spool: &Path) -> Result<StagedState, Error> {
    if staged.place().program.is_none() {
        return locate_in_maildir(staged);
    }
    let is_there = Folder::open(spool)?.contains(&staged.stored().file_name)?;
    Ok(match (is_there, staged.history().was_handed_over) {
        (false, _) => StagedState::Lost,
        (true, false) => StagedState::Spooled,
        (true, true) => StagedState::HandedOver,
    })
}

/// Looks for a staged message in the Maildir for which it was staged.
///
/// # Errors
/// The Maildir exists and cannot be read.
pub(crate) fn locate_in_maildir(staged: &Staged) -> Result<StagedState, Error> {
    // The marks are only needed to make names, and nothing arrives here.
    match Maildir::open_existing(&staged.place().path, &FileMarks::default()) {
        Ok(maildir) => maildir.locate(staged),
        Err(error) if error.is_not_found() => Ok(StagedState::Lost),
        Err(error) => Err(error),
    }
}
