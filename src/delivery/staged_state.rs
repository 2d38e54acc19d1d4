//! Where a staged message is: what the next run will find, told before it runs.
//! Moves nothing and removes nothing.

use std::fmt;
use std::path::Path;

use super::intake::Folder;
use super::{Error, Maildir};
use crate::mail::custody::Staged;

/// Where a staged message is. Its text says what the next run does about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StagedState {
    /// In new/ or cur/ already.
    Delivered,
    /// In the spool, after an MDA had it once and nobody knows what it did.
    HandedOver,
    /// Nowhere.
    Lost,
    /// In the spool.
    Spooled,
    /// Nowhere, so that a mail reader must have taken it.
    Taken,
    /// In tmp/.
    Waiting,
}

impl fmt::Display for StagedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Delivered => "is delivered; the next fetch records that",
            Self::HandedOver => {
                "is in the spool, and an MDA may have had it; the next fetch gives it to the MDA"
            }
            Self::Lost => "is nowhere; the next fetch gets it from the server again",
            Self::Spooled => "is in the spool; the next fetch gives it to the MDA",
            Self::Taken => "was taken by a mail reader; the next fetch records that",
            Self::Waiting => "is in tmp/; the next fetch moves it to new/",
        })
    }
}

/// Looks for a staged message where it was put, or in the spool wherever that is now.
///
/// # Errors
/// The place is there and cannot be read.
pub fn locate(staged: &Staged, spool: &Path) -> Result<StagedState, Error> {
    let place = staged.place();
    if place.program.is_some() {
        let is_there = Folder::open(spool)?.holds(&staged.stored().file_name)?;
        return Ok(match (is_there, staged.history().was_handed_over) {
            (false, _) => StagedState::Lost,
            (true, false) => StagedState::Spooled,
            (true, true) => StagedState::HandedOver,
        });
    }
    // The tag is for names that are made, and none is.
    match Maildir::open_existing(&place.path, "") {
        Ok(maildir) => maildir.locate(staged),
        Err(error) if error.is_not_found() => Ok(StagedState::Lost),
        Err(error) => Err(error),
    }
}
