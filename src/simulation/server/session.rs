//! One session of the server: its answer to each command.

use super::super::message::on_the_line;
use super::ServerMailbox;
use super::listing::SessionListing;

/// One session.
pub(super) struct Session {
    listing: SessionListing,
    /// The positions of the messages that are marked as deleted.
    marked: Vec<usize>,
    /// The messages that were retrieved.
    retrieved: Vec<usize>,
    /// True if QUIT was heard, so that the server closes the connection.
    pub(super) has_quit: bool,
    /// True if the server closes the connection after what it has sent.
    pub(super) is_closed: bool,
    /// True if a reply was lost or doubled. One session never has both.
    is_out_of_step: bool,
}

impl Session {
    /// Begins a session.
    pub(super) fn open(mailbox: &mut ServerMailbox) -> Self {
        Self {
            listing: SessionListing::new(mailbox),
            marked: Vec::new(),
            retrieved: Vec::new(),
            has_quit: false,
            is_closed: false,
            is_out_of_step: false,
        }
    }

    /// Carries out a command, and returns what the server sends.
    pub(super) fn hear(&mut self, mailbox: &mut ServerMailbox, command: &str) -> String {
        let (verb, at) = self.parse(command);
        if self.closes(mailbox, &verb, at) {
            self.is_closed = true;
            return String::new();
        }
        self.has_quit |= verb == "QUIT";
        let answer = match refusal(mailbox, &verb) {
            Some(refusal) => refusal.into(),
            None => self.answer(mailbox, &verb, at),
        };
        self.repeat(mailbox, &verb, answer)
    }

    fn parse(&self, command: &str) -> (String, Option<usize>) {
        let mut words = command.split(' ');
        let verb = words.next().unwrap_or_default().to_uppercase();
        let number = words.next().and_then(|word| word.parse::<usize>().ok());
        let at = number.and_then(|number| number.checked_sub(1));
        let count = self.listing.messages.len();
        let at = at.filter(|at| *at < count && !self.marked.contains(at));
        (verb, at)
    }

    /// Returns true if the server closes the connection instead of an answer.
    fn closes(&self, mailbox: &ServerMailbox, verb: &str, at: Option<usize>) -> bool {
        let (Some(closing), Some(at)) = (&mailbox.faults.closes_at, at) else {
            return false;
        };
        let closes = closing.verb == verb && closing.id == self.listing.messages[at].id;
        if closes {
            closing.chance.count();
        }
        closes
    }

    /// Sends an answer, once as a rule.
    fn repeat(&mut self, mailbox: &mut ServerMailbox, verb: &str, answer: String) -> String {
        let has_login = ["CAPA", "USER", "PASS", "QUIT"].contains(&verb);
        if has_login || self.is_out_of_step {
            return answer;
        }
        let faults = &mut mailbox.faults;
        let faulty = [
            (&mut faults.lost_replies, 0),
            (&mut faults.doubled_replies, 2),
        ];
        for (chance, count) in faulty {
            if let Some(chance) = chance
                && chance.strikes(3)
            {
                self.is_out_of_step = true;
                return answer.repeat(count);
            }
        }
        answer
    }

    fn answer(&mut self, mailbox: &mut ServerMailbox, verb: &str, at: Option<usize>) -> String {
        match (verb, at) {
            ("CAPA", _) => {
                let pipelining = match mailbox.has_pipelining {
                    true => "PIPELINING\r\n",
                    false => "",
                };
                format!("+OK\r\nUSER\r\nUIDL\r\nTOP\r\n{pipelining}.\r\n")
            }
            ("STAT", _) => self.listing.total(&mut mailbox.faults),
            ("UIDL", _) => self.listing.unique_ids(),
            ("LIST", _) => self.listing.sizes(&mailbox.faults),
            ("RETR", Some(at)) => {
                self.retrieved.push(self.listing.messages[at].id);
                mailbox.retrieve(&self.listing.messages, at)
            }
            ("TOP", Some(at)) => {
                let octets = &self.listing.messages[at].octets;
                let header = octets.split("\n\n").next().unwrap_or_default();
                format!("+OK\r\n{}\r\n\r\n.\r\n", on_the_line(header))
            }
            ("DELE", Some(at)) => {
                self.marked.push(at);
                "+OK\r\n".into()
            }
            ("USER" | "PASS" | "NOOP", _) => "+OK\r\n".into(),
            ("QUIT", _) => {
                self.delete(mailbox);
                mailbox.delete_retrieved(&self.retrieved);
                "+OK\r\n".into()
            }
            _ => "-ERR\r\n".into(),
        }
    }

    fn delete(&mut self, mailbox: &mut ServerMailbox) {
        for at in std::mem::take(&mut self.marked) {
            let gone = &self.listing.messages[at];
            if mailbox.ignores_deletion(gone.id) {
                continue;
            }
            mailbox.messages.retain(|message| message.id != gone.id);
            mailbox.free_unique_ids.push(gone.unique_id.clone());
            (mailbox.deleted)(gone);
        }
    }
}

/// Returns the refusal of a command, if it is refused.
fn refusal(mailbox: &mut ServerMailbox, verb: &str) -> Option<&'static str> {
    if mailbox.faults.refused == Some(verb) {
        mailbox
            .faults
            .refused_runs
            .iter()
            .for_each(|chance| chance.count());
        return Some("-ERR [SYS/TEMP] try again later\r\n");
    }
    let can_be_refused = ["RETR", "TOP", "DELE", "QUIT"].contains(&verb);
    let refusals = mailbox.faults.refusals.as_mut();
    let is_refused = refusals.is_some_and(|chance| can_be_refused && chance.strikes(10));
    is_refused.then_some("-ERR not now\r\n")
}

impl ServerMailbox {
    /// Deletes what was retrieved, as some servers do at QUIT, whatever the client wants.
    fn delete_retrieved(&mut self, ids: &[usize]) {
        let Some(chance) = &mut self.faults.deletes_retrieved else {
            return;
        };
        if !ids.is_empty() && chance.strikes(90) {
            self.messages.retain(|message| !ids.contains(&message.id));
        }
    }

    /// Returns true if the server forgets that a message was marked, which it does once for each.
    fn ignores_deletion(&mut self, id: usize) -> bool {
        let chance = self.faults.ignored_deletions.as_mut();
        let is_ignored =
            !self.kept.contains(&id) && chance.is_some_and(|chance| chance.strikes(40));
        if is_ignored {
            self.kept.push(id);
        }
        is_ignored
    }
}
