//! The answers to RETR.

use super::super::message::{MailboxMessage, on_the_line};
use super::ServerMailbox;

impl ServerMailbox {
    /// Answers RETR for one of the listed messages.
    pub(super) fn retrieve(&mut self, listed: &[MailboxMessage], at: usize) -> String {
        let chosen = self.chosen(listed, at);
        let message = &listed[chosen];
        if let Some(chance) = &mut self.faults.empty_messages
            && chance.strikes(10)
        {
            return "+OK\r\n.\r\n".into();
        }
        // A part of another message could have any size, also that of the right one.
        if chosen == at
            && let Some(short) = self.shorten(message)
        {
            return format!("+OK\r\n{}.\r\n", on_the_line(&short));
        }
        self.mark_as_read(message.id);
        format!("+OK\r\n{}.\r\n", on_the_line(&message.octets))
    }

    /// Returns the position of the message that the server sends when it is asked for one.
    fn chosen(&mut self, listed: &[MailboxMessage], at: usize) -> usize {
        let is_spoiled = self.spoiled.contains(&listed[at].id);
        let chance = self.faults.other_messages.as_mut();
        let Some(chance) = chance.filter(|_| !is_spoiled) else {
            return at;
        };
        let others = listed.iter().enumerate();
        let others = others.filter(|(_, other)| may_take_place_of(&listed[at], other));
        let others: Vec<_> = others.map(|(other, _)| other).collect();
        if others.is_empty() || !chance.strikes(8) {
            return at;
        }
        self.spoiled.push(listed[at].id);
        others[chance.below(others.len() as u64) as usize]
    }

    /// Returns the part of a message that the server sends instead of all of it.
    fn shorten(&mut self, message: &MailboxMessage) -> Option<String> {
        let chance = self.faults.short_messages.as_mut()?;
        if self.spoiled.contains(&message.id) || !chance.strikes(15) {
            return None;
        }
        let lines: Vec<_> = message.octets.split_inclusive('\n').collect();
        let left = 1 + chance.below(lines.len() as u64 - 1) as usize;
        let short = lines[..left].concat();
        self.spoiled.push(message.id);
        self.cut_copies.push((message.id, short.clone()));
        Some(short)
    }

    fn mark_as_read(&mut self, id: usize) {
        let Some(chance) = &mut self.faults.status_lines else {
            return;
        };
        let message = self.messages.iter_mut().find(|message| message.id == id);
        if let Some(message) = message
            && !message.has_status_line()
            && chance.strikes(70)
        {
            message.add_status_line();
        }
    }
}

/// Returns true if another message may come instead of one. It must not have nearly its size:
/// nothing shows then that it is another one. Servers add up to 1,000 octets to a message, and some
/// list sizes with LF as line end.
fn may_take_place_of(message: &MailboxMessage, other: &MailboxMessage) -> bool {
    let (size, other) = (message.octets.len(), other.octets.len());
    other + 100 < size || other > size + 1200
}
