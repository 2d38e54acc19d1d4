//! A POP3 server in memory. Without faults it carries out what it confirms.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex};

use super::locks::lock;
use super::message::MailboxMessage;
use crate::os::sys::crash_point;
use crate::os::sys::simulated::machine::tell;
use crate::pace::Paced;

mod faults;
mod listing;
mod retrieval;
mod session;

pub(super) use faults::ServerFaults;
use session::Session;

/// A mailbox, and what its server is able to do.
pub(super) struct ServerMailbox {
    pub(super) messages: Vec<MailboxMessage>,
    pub(super) has_pipelining: bool,
    pub(super) faults: ServerFaults,
    /// The unique-ids of messages that are deleted.
    free_unique_ids: Vec<String>,
    /// The number of times that all messages got new unique-ids.
    renamings: u64,
    /// The messages of which the server has sent a part, or another one instead. That happens once
    /// for each.
    spoiled: Vec<usize>,
    /// The messages of which it has sent a part, and that part.
    pub(super) cut_copies: Vec<(usize, String)>,
    /// The messages whose deletion it has ignored.
    kept: Vec<usize>,
    /// Is called with each message that is deleted, at the very moment.
    pub(super) deleted: Box<dyn FnMut(&MailboxMessage) + Send>,
}

impl ServerMailbox {
    /// Creates an empty mailbox.
    pub(super) fn new(
        has_pipelining: bool,
        faults: ServerFaults,
        deleted: Box<dyn FnMut(&MailboxMessage) + Send>,
    ) -> Self {
        Self {
            messages: Vec::new(),
            has_pipelining: has_pipelining || faults.false_pipelining.is_some(),
            faults,
            free_unique_ids: Vec::new(),
            renamings: 0,
            spoiled: Vec::new(),
            cut_copies: Vec::new(),
            kept: Vec::new(),
            deleted,
        }
    }
}

/// A mailbox that outlives its sessions.
pub(super) type SharedMailbox = Arc<Mutex<ServerMailbox>>;

/// The connection of one session.
pub(super) struct ServerStream {
    mailbox: SharedMailbox,
    session: Session,
    commands: Vec<u8>,
    answers: Vec<u8>,
    /// The end of the connection, and the octets that the client still gets before it.
    cut: Option<(Cut, usize)>,
}

/// The way in which a connection ends too early.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Close,
    Reset,
    Silence,
}

impl Cut {
    fn read(self) -> io::Result<usize> {
        match self {
            Self::Close => Ok(0),
            Self::Reset => Err(io::ErrorKind::ConnectionReset.into()),
            Self::Silence => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

impl ServerStream {
    /// Opens a connection.
    pub(super) fn new(mailbox: &SharedMailbox) -> Self {
        let mut locked = lock(mailbox);
        let cut = locked.faults.cuts.as_mut().and_then(|chance| {
            let way = [Cut::Close, Cut::Reset, Cut::Silence][chance.below(3) as usize];
            let most = [200, 1000, 5000][chance.below(3) as usize];
            chance
                .percent(60)
                .then(|| (way, chance.below(most) as usize))
        });
        Self {
            cut,
            session: Session::open(&mut locked),
            mailbox: Arc::clone(mailbox),
            commands: Vec::new(),
            answers: b"+OK\r\n".to_vec(),
        }
    }

    /// Carries out a command.
    fn hear(&mut self, command: &str) {
        let mut mailbox = lock(&self.mailbox);
        if let Some(chance) = &mailbox.faults.false_pipelining
            && !self.answers.is_empty()
        {
            // The client did not wait for the last answer.
            chance.count();
            self.session.is_closed = true;
        }
        if self.session.is_closed {
            self.cut.get_or_insert((Cut::Close, self.answers.len()));
            return;
        }
        let answer = self.session.hear(&mut mailbox, command);
        tell(|| told(command, &answer));
        self.answers.extend_from_slice(answer.as_bytes());
    }
}

impl Paced for ServerStream {}

impl Read for ServerStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut count = self.answers.len().min(buffer.len());
        if let Some((way, left)) = &mut self.cut {
            if *left == 0 {
                if !self.session.is_closed
                    && let Some(chance) = &lock(&self.mailbox).faults.cuts
                {
                    chance.count();
                }
                return way.read();
            }
            count = count.min(*left);
            *left -= count;
        }
        if count == 0 && !self.session.has_quit {
            return Err(io::ErrorKind::TimedOut.into());
        }
        buffer[..count].copy_from_slice(&self.answers[..count]);
        self.answers.drain(..count);
        Ok(count)
    }
}

impl Write for ServerStream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        crash_point("before the server hears something");
        if let Some((Cut::Close | Cut::Reset, 0)) = self.cut {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.commands.extend_from_slice(octets);
        while let Some(end) = self.commands.iter().position(|octet| *octet == b'\n') {
            let line: Vec<u8> = self.commands.drain(..=end).collect();
            self.hear(String::from_utf8_lossy(&line).trim_end());
        }
        if self.session.has_quit {
            crash_point("after the server has heard QUIT");
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns a line of the story for a command and its answer.
fn told(command: &str, answer: &str) -> String {
    let lines: Vec<_> = answer.lines().collect();
    match lines[..] {
        [] => format!("the server hears {command} and is silent"),
        [first, .., _] if command.starts_with("UIDL") || command.starts_with("LIST") => {
            let items = lines[1..].join(" · ");
            format!("the server hears {command} and says {first} · {items}")
        }
        [first, ..] => format!(
            "the server hears {command} and says {first}, {} octets",
            answer.len()
        ),
    }
}
