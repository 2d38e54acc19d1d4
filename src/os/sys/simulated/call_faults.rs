//! Calls that fail although the program made no mistake.

use rustix::io::Errno;

use super::generator::Chance;

/// The calls that may fail.
#[derive(Debug, Default)]
pub(crate) struct CallFaults {
    /// Decides which flushes fail.
    flushes: Option<Chance>,
    /// Decides when the disk is full.
    room: Option<Chance>,
    is_full: bool,
}

impl CallFaults {
    /// Chooses calls with these chances: `flushes` that fail, and those for which there is no `room`.
    pub(crate) fn new(flushes: Option<Chance>, room: Option<Chance>) -> Self {
        Self {
            flushes,
            room,
            is_full: false,
        }
    }

    /// Returns true if this flush fails.
    pub(super) fn fail_flush(&mut self) -> bool {
        let chance = self.flushes.as_mut();
        chance.is_some_and(|chance| chance.strikes(5))
    }

    /// Requires room for a name or octets. The disk becomes full before any call, and stays so for some calls.
    pub(super) fn require_room(&mut self) -> Result<(), Errno> {
        if let Some(chance) = &mut self.room {
            let percent = if self.is_full { 15 } else { 2 };
            self.is_full ^= chance.percent(percent);
        }
        if self.is_full {
            self.room.iter().for_each(Chance::count);
            return Err(Errno::NOSPC);
        }
        Ok(())
    }
}
