//! Keeps account of the room on the disk for messages that are requested.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use crate::delivery::{self, Intake};
use crate::limits;
use crate::mail::maildrop::{Identity, Message};

/// Messages of at least this many octets are requested only if there is room for them.
const LARGE: u64 = 1 << 20;

/// Keeps account of the room on the disk for messages that are requested.
pub(super) struct Room<'a> {
    intake: &'a Intake,
    forced: &'a HashSet<Identity>,
    /// The octets that were requested and have not arrived.
    ahead: Cell<u64>,
    /// Messages for which there is no room, with the reason.
    pub(super) no_room: RefCell<Vec<(Message, delivery::Error)>>,
}

impl<'a> Room<'a> {
    /// Creates an account of the room in a folder. `forced` messages need none.
    pub(super) fn new(intake: &'a Intake, forced: &'a HashSet<Identity>) -> Self {
        Self {
            intake,
            forced,
            ahead: Cell::default(),
            no_room: RefCell::default(),
        }
    }

    /// Returns true if there is room for a message that is about to be requested.
    pub(super) fn has_room_for(&self, message: &Message) -> bool {
        let size = self.needed(message);
        let ahead = self.ahead.get() + size;
        if size >= LARGE
            && let Err(error) = self.intake.require_room(ahead)
        {
            self.no_room.borrow_mut().push((message.clone(), error));
            return false;
        }
        self.ahead.set(ahead);
        true
    }

    /// Notes that a message arrives now.
    pub(super) fn take(&self, message: &Message) {
        self.ahead
            .update(|ahead| ahead.saturating_sub(self.needed(message)));
    }

    /// Returns the room that a message needs. Its size is only what the server says: an absurd size, or
    /// one that has kept its message away for a day, counts as nothing.
    fn needed(&self, message: &Message) -> u64 {
        let size = message.size.unwrap_or(0);
        if size < limits::MESSAGE_OCTETS && !self.forced.contains(&message.identity) {
            size
        } else {
            0
        }
    }
}
