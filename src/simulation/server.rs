//! A POP3 server in memory, which carries out what it confirms.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::os::sys::crash_point;
use crate::os::sys::simulated::generator::Generator;
use crate::pace::Paced;

/// A message on the server.
#[derive(Clone, Debug)]
pub(super) struct MailboxMessage {
    pub(super) unique_id: String,
    /// The octets, with LF as line end, as they are to be delivered.
    pub(super) octets: String,
}

/// A mailbox, and what its server is able to do.
pub(super) struct ServerMailbox {
    pub(super) messages: Vec<MailboxMessage>,
    pub(super) has_pipelining: bool,
    /// Decides where a connection is cut.
    pub(super) cuts: Option<Generator>,
    /// Decides which commands are refused.
    pub(super) refusals: Option<Generator>,
    /// Is called with each message that is deleted, at the very moment.
    pub(super) deleted: Box<dyn FnMut(&MailboxMessage) + Send>,
}

/// A mailbox that outlives its sessions.
pub(super) type SharedMailbox = Arc<Mutex<ServerMailbox>>;

/// One session.
pub(super) struct ServerStream {
    mailbox: SharedMailbox,
    /// The messages at the login, and the positions of those that are marked as deleted.
    listed: Vec<MailboxMessage>,
    marked: Vec<usize>,
    commands: Vec<u8>,
    answers: Vec<u8>,
    has_quit: bool,
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
    pub(super) fn new(mailbox: &SharedMailbox) -> Self {
        let cut = lock(mailbox).cuts.as_mut().and_then(|chance| {
            let way = [Cut::Close, Cut::Reset, Cut::Silence][chance.below(3) as usize];
            let most = [200, 1000, 5000][chance.below(3) as usize];
            chance
                .percent(60)
                .then(|| (way, chance.below(most) as usize))
        });
        Self {
            cut,
            listed: lock(mailbox).messages.clone(),
            mailbox: Arc::clone(mailbox),
            marked: Vec::new(),
            commands: Vec::new(),
            answers: b"+OK\r\n".to_vec(),
            has_quit: false,
        }
    }

    fn answer(&mut self, command: &str) -> String {
        let mut words = command.split(' ');
        let verb = words.next().unwrap_or_default().to_uppercase();
        let number = words.next().and_then(|word| word.parse::<usize>().ok());
        let at = number.and_then(|number| number.checked_sub(1));
        let at = at.filter(|at| *at < self.listed.len() && !self.marked.contains(at));
        let can_be_refused = ["RETR", "TOP", "DELE", "QUIT"].contains(&&*verb);
        let mut mailbox = lock(&self.mailbox);
        let refusals = mailbox.refusals.as_mut().filter(|_| can_be_refused);
        let is_refused = refusals.is_some_and(|chance| chance.percent(10));
        drop(mailbox);
        match (&*verb, at) {
            ("QUIT", _) if is_refused => {
                self.has_quit = true;
                "-ERR not now\r\n".into()
            }
            _ if is_refused => "-ERR not now\r\n".into(),
            ("CAPA", _) => {
                let pipelining = match lock(&self.mailbox).has_pipelining {
                    true => "PIPELINING\r\n",
                    false => "",
                };
                format!("+OK\r\nUSER\r\nUIDL\r\nTOP\r\n{pipelining}.\r\n")
            }
            ("UIDL", _) => self.list(|message| message.unique_id.clone()),
            ("LIST", _) => self.list(|message| on_the_line(&message.octets).len().to_string()),
            ("RETR", Some(at)) => format!("+OK\r\n{}.\r\n", on_the_line(&self.listed[at].octets)),
            ("TOP", Some(at)) => {
                let header = self.listed[at]
                    .octets
                    .split("\n\n")
                    .next()
                    .unwrap_or_default();
                format!("+OK\r\n{}\r\n\r\n.\r\n", on_the_line(header))
            }
            ("DELE", Some(at)) => {
                self.marked.push(at);
                "+OK\r\n".into()
            }
            ("USER" | "PASS" | "NOOP", _) => "+OK\r\n".into(),
            ("QUIT", _) => {
                self.delete();
                self.has_quit = true;
                "+OK\r\n".into()
            }
            _ => "-ERR\r\n".into(),
        }
    }

    fn list(&self, line: impl Fn(&MailboxMessage) -> String) -> String {
        let all = self.listed.iter().enumerate();
        let lines = all.map(|(at, message)| format!("{} {}\r\n", at + 1, line(message)));
        format!("+OK\r\n{}.\r\n", lines.collect::<String>())
    }

    fn delete(&mut self) {
        let mut mailbox = lock(&self.mailbox);
        for at in std::mem::take(&mut self.marked) {
            let gone = &self.listed[at];
            mailbox
                .messages
                .retain(|message| message.unique_id != gone.unique_id);
            (mailbox.deleted)(gone);
        }
    }
}

impl Paced for ServerStream {}

impl Read for ServerStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut count = self.answers.len().min(buffer.len());
        if let Some((way, left)) = &mut self.cut {
            if *left == 0 {
                return way.read();
            }
            count = count.min(*left);
            *left -= count;
        }
        if count == 0 && !self.has_quit {
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
            let answer = self.answer(String::from_utf8_lossy(&line).trim_end());
            self.answers.extend_from_slice(answer.as_bytes());
        }
        if self.has_quit {
            crash_point("after the server has heard QUIT");
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns octets as a server sends them.
fn on_the_line(octets: &str) -> String {
    octets.replace('\n', "\r\n")
}

/// Locks a mailbox. A killed process may have held it.
pub(super) fn lock(mailbox: &SharedMailbox) -> MutexGuard<'_, ServerMailbox> {
    mailbox.lock().unwrap_or_else(PoisonError::into_inner)
}
