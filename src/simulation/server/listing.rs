//! The listings of the server: unique-ids, sizes, and the messages that it leaves out.

use super::super::message::{MailboxMessage, on_the_line};
use super::ServerMailbox;
use super::faults::ServerFaults;

/// The messages of a session.
pub(super) struct SessionListing {
    /// The messages at the login.
    pub(super) messages: Vec<MailboxMessage>,
    /// The positions that UIDL leaves out.
    without_unique_id: Vec<usize>,
    /// True if LIST leaves them out, too.
    hides_sizes: bool,
}

impl SessionListing {
    /// Lists the mailbox.
    pub(super) fn new(mailbox: &mut ServerMailbox) -> Self {
        mailbox.change_unique_ids();
        let mut listing = Self {
            messages: mailbox.messages.clone(),
            without_unique_id: Vec::new(),
            hides_sizes: false,
        };
        if let Some(chance) = &mut mailbox.faults.listing_holes
            && chance.percent(40)
        {
            let all = 0..listing.messages.len();
            let holes: Vec<usize> = all.filter(|_| chance.strikes(30)).collect();
            match chance.below(3) {
                // Nothing in the session shows them.
                0 => {
                    let mut at = 0..;
                    listing
                        .messages
                        .retain(|_| at.next().is_some_and(|at| !holes.contains(&at)));
                }
                hidden => {
                    listing.without_unique_id = holes;
                    listing.hides_sizes = hidden == 1;
                }
            }
        }
        listing
    }

    /// Answers UIDL.
    pub(super) fn unique_ids(&self) -> String {
        let listed = self.positions(true);
        self.lines(listed, |message| message.unique_id.clone())
    }

    /// Answers LIST.
    pub(super) fn sizes(&self, faults: &ServerFaults) -> String {
        let listed = self.positions(self.hides_sizes);
        self.lines(listed, |message| listed_size(message, faults).to_string())
    }

    /// Answers STAT.
    pub(super) fn total(&self, faults: &mut ServerFaults) -> String {
        let messages = &self.messages;
        let mut octets: usize = messages.iter().map(|one| listed_size(one, faults)).sum();
        let mut count = messages.len();
        if let Some(chance) = &mut faults.wrong_stat
            && chance.strikes(50)
        {
            count += [0, 0, 1, 5][chance.below(4) as usize];
            octets += [0, 1, 300, 4_000_000_000][chance.below(4) as usize];
        }
        format!("+OK {count} {octets}\r\n")
    }

    fn positions(&self, with_holes: bool) -> impl Iterator<Item = usize> {
        let all = 0..self.messages.len();
        all.filter(move |at| !(with_holes && self.without_unique_id.contains(at)))
    }

    fn lines(
        &self,
        listed: impl Iterator<Item = usize>,
        line: impl Fn(&MailboxMessage) -> String,
    ) -> String {
        let lines = listed.map(|at| format!("{} {}\r\n", at + 1, line(&self.messages[at])));
        format!("+OK\r\n{}.\r\n", lines.collect::<String>())
    }
}

impl ServerMailbox {
    /// Puts a new message into the mailbox.
    pub(crate) fn receive(&mut self, mut message: MailboxMessage) {
        if let Some(chance) = &mut self.faults.reused_unique_ids
            && !self.free_unique_ids.is_empty()
            && chance.strikes(60)
        {
            let at = chance.below(self.free_unique_ids.len() as u64) as usize;
            message.unique_id = self.free_unique_ids.swap_remove(at);
        }
        self.messages.push(message);
    }

    /// Gives all messages new unique-ids, if this server does so.
    fn change_unique_ids(&mut self) {
        let Some(new) = &mut self.faults.new_unique_ids else {
            return;
        };
        let percent = new.percent;
        if new.chance.strikes(percent) {
            self.renamings += 1;
            for message in &mut self.messages {
                message.unique_id = format!("r{}m{}", self.renamings, message.id);
            }
        }
    }
}

fn listed_size(message: &MailboxMessage, faults: &ServerFaults) -> usize {
    faults.listed_size(message, on_the_line(&message.octets).len())
}
