//! One session of the model server: RFC 1939 with CAPA, STLS and AUTH PLAIN.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::io::{self, Read, Write};
use std::mem;
use std::net::TcpStream;
use std::num::NonZeroUsize;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;

use super::super::mail::{TestMessage, byte_stuffed};
use super::super::stream::ServerStream;
use super::{Behaviour, Cut, HangUp, PASSWORD, Protection, Shared, USER, lock};

/// A session, from the greeting to its end.
pub(super) struct ModelSession<'a> {
    behaviour: Behaviour,
    cut: Option<Cut>,
    has_lost: bool,
    heard: Vec<u8>,
    pending: Vec<u8>,
    sent: usize,
    shared: &'a Shared,
    state: SessionState,
    stream: ServerStream,
}

enum SessionState {
    Authorization {
        user: String,
    },
    Transaction {
        deleted: BTreeSet<usize>,
        listed: Vec<Arc<TestMessage>>,
        retrieved: HashSet<usize>,
    },
}

impl<'a> ModelSession<'a> {
    pub(super) fn open(
        client: TcpStream,
        shared: &'a Shared,
        behaviour: Behaviour,
        cut: Option<Cut>,
    ) -> io::Result<Self> {
        let mut stream = ServerStream::new(client)?;
        if let Protection::Tls(acceptor) = &behaviour.security {
            stream.start_tls(acceptor).map_err(io::Error::other)?;
        }
        Ok(Self {
            behaviour,
            cut,
            has_lost: false,
            heard: Vec::new(),
            pending: Vec::new(),
            sent: 0,
            shared,
            state: SessionState::Authorization {
                user: String::new(),
            },
            stream,
        })
    }

    /// Serves until QUIT, or until the connection breaks.
    pub(super) fn run(mut self) -> io::Result<()> {
        let greeting = self.behaviour.greeting.clone();
        self.say(&greeting)?;
        if greeting.starts_with("+OK") {
            while let Some(line) = self.line()? {
                lock(&self.shared.log).commands.push(line.clone());
                if self.hangs_up_at(&line) {
                    return self.hang_up();
                }
                let is_over = self.obey(&line)?;
                if self.hangs_up_after(&line) {
                    return self.hang_up();
                }
                if is_over {
                    break;
                }
            }
        }
        self.flush()?;
        self.stream.close()
    }

    /// Returns true if the server closes the connection in place of an answer.
    fn hangs_up_at(&self, line: &str) -> bool {
        let is_in_flight = self.heard.contains(&b'\n');
        self.behaviour.hang_ups.iter().any(|moment| match moment {
            HangUp::AtFlight(word) => is_in_flight && line.starts_with(word),
            HangUp::At(verb, unique_id) => {
                let number = line.strip_prefix(verb).map(str::trim);
                let found = number.and_then(|number| self.find(number));
                found.is_some_and(|(_, message)| message.unique_id == unique_id.as_bytes())
            }
            HangUp::AfterFirst(_) | HangUp::AfterRefusal => false,
        })
    }

    /// Returns true if the server closes the connection after its answer.
    fn hangs_up_after(&self, line: &str) -> bool {
        let is_in_flight = self.heard.contains(&b'\n');
        self.behaviour.hang_ups.iter().any(|moment| match moment {
            HangUp::AfterFirst(word) => is_in_flight && line.starts_with(word),
            HangUp::AfterRefusal => {
                let refused = [
                    ("RETR ", &self.behaviour.refused),
                    ("TOP ", &self.behaviour.refused),
                    ("DELE ", &self.behaviour.undeletable),
                ];
                refused.iter().any(|(verb, unique_ids)| {
                    let argument = line.strip_prefix(verb);
                    let number = argument.and_then(|argument| argument.split(' ').next());
                    let found = number.and_then(|number| self.find(number));
                    found.is_some_and(|(_, message)| unique_ids.contains(&message.unique_id))
                })
            }
            HangUp::At(..) | HangUp::AtFlight(_) => false,
        })
    }

    /// Sends what is pending and closes or resets the connection.
    fn hang_up(&mut self) -> io::Result<()> {
        self.flush()?;
        self.end(self.behaviour.resets)
    }

    /// Obeys one command. Returns true after QUIT.
    fn obey(&mut self, line: &str) -> io::Result<bool> {
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        let verb = verb.to_ascii_uppercase();
        if matches!(&*verb, "RETR" | "DELE" | "QUIT") {
            self.send(self.behaviour.stray.as_bytes())?;
        }
        match (&mut self.state, verb.as_str()) {
            (_, "CAPA") => self.capabilities()?,
            (SessionState::Transaction { .. }, "QUIT") if self.behaviour.refuses_update => {
                self.say("-ERR some messages were not removed")?;
                return Ok(true);
            }
            (_, "QUIT") => {
                self.update();
                self.say("+OK bye")?;
                return Ok(true);
            }
            (SessionState::Authorization { user }, "USER") => {
                argument.clone_into(user);
                self.say("+OK")?;
            }
            (SessionState::Authorization { user }, "PASS") => {
                let is_right = user == USER && argument == PASSWORD;
                self.log_in(is_right)?;
            }
            (SessionState::Authorization { .. }, "AUTH") if self.behaviour.sasl_plain => {
                self.authenticate(argument)?;
            }
            (SessionState::Authorization { .. }, "STLS") => self.start_tls()?,
            (SessionState::Authorization { .. }, _) => self.say("-ERR log in first")?,
            (SessionState::Transaction { deleted, .. }, "RSET") => {
                deleted.clear();
                self.say("+OK")?;
            }
            (SessionState::Transaction { .. }, _) => self.transact(&verb, argument)?,
        }
        Ok(false)
    }

    fn transact(&mut self, verb: &str, argument: &str) -> io::Result<()> {
        match verb {
            "DELE" => self.delete(argument),
            "LIST" => self.scan(argument, |session, message| session.octets(message)),
            "NOOP" => self.say("+OK"),
            "RETR" => self.retrieve(argument, None),
            "STAT" => {
                let left: Vec<_> = self.left().collect();
                let octets: usize = left.iter().map(|(_, message)| message.octets.len()).sum();
                self.say(&format!("+OK {} {octets}", left.len()))
            }
            "TOP" if self.behaviour.top => {
                let (number, lines) = argument.split_once(' ').unwrap_or((argument, ""));
                match lines.parse() {
                    Ok(lines) => self.retrieve(number, Some(lines)),
                    Err(_) => self.say("-ERR how many lines?"),
                }
            }
            "UIDL" if self.behaviour.uidl && !self.behaviour.refuses_uidl => {
                self.scan(argument, |_, message| message.unique_id.clone())
            }
            _ => self.say("-ERR unknown command"),
        }
    }

    fn capabilities(&mut self) -> io::Result<()> {
        let is_cleartext = matches!(self.stream, ServerStream::Plain(_));
        let offers_stls = is_cleartext && matches!(self.behaviour.security, Protection::Stls(_));
        let offered = [
            ("AUTH-RESP-CODE", true),
            ("PIPELINING", self.behaviour.pipelining),
            ("RESP-CODES", true),
            ("SASL PLAIN", self.behaviour.sasl_plain),
            ("STLS", offers_stls),
            ("TOP", self.behaviour.top),
            ("UIDL", self.behaviour.uidl),
            ("USER", true),
        ];
        self.say("+OK")?;
        for (capability, _) in offered.iter().filter(|(_, is_offered)| *is_offered) {
            self.say(capability)?;
        }
        for capability in self.behaviour.announces.lines() {
            self.say(capability)?;
        }
        self.say(".")
    }

    fn start_tls(&mut self) -> io::Result<()> {
        let Protection::Stls(acceptor) = self.behaviour.security.clone() else {
            return self.say("-ERR no TLS here");
        };
        self.say("+OK begin TLS")?;
        self.flush()?;
        self.heard.clear();
        self.stream.start_tls(&acceptor).map_err(io::Error::other)
    }

    fn authenticate(&mut self, argument: &str) -> io::Result<()> {
        let (mechanism, initial) = argument.split_once(' ').unwrap_or((argument, ""));
        if !mechanism.eq_ignore_ascii_case("PLAIN") {
            return self.say("-ERR no such mechanism");
        }
        let response = if initial.is_empty() {
            self.say("+ ")?;
            self.line()?.unwrap_or_default()
        } else {
            initial.to_owned()
        };
        let expected = format!("\0{USER}\0{PASSWORD}");
        let is_right = STANDARD
            .decode(response)
            .is_ok_and(|said| said == expected.as_bytes());
        self.log_in(is_right)
    }

    fn log_in(&mut self, is_right: bool) -> io::Result<()> {
        if !is_right {
            return self.say("-ERR [AUTH] wrong user or password");
        }
        self.state = SessionState::Transaction {
            deleted: BTreeSet::new(),
            listed: self.shown(),
            retrieved: HashSet::new(),
        };
        self.say("+OK logged in")
    }

    fn shown(&self) -> Vec<Arc<TestMessage>> {
        let part = self.behaviour.part.unwrap_or(usize::MAX);
        let maildrop = lock(&self.shared.maildrop);
        maildrop.iter().take(part).cloned().collect()
    }

    /// Answers LIST or UIDL, with or without a message-number.
    fn scan(
        &mut self,
        argument: &str,
        value: impl Fn(&Self, &TestMessage) -> Vec<u8>,
    ) -> io::Result<()> {
        if !argument.is_empty() {
            let Some((number, message)) = self.find(argument) else {
                return self.say("-ERR no such message");
            };
            let line = [format!("+OK {number} ").as_bytes(), &value(self, &message)].concat();
            return self.send(&[&line, &b"\r\n"[..]].concat());
        }
        let lines: Vec<u8> = self
            .left()
            .flat_map(|(number, message)| {
                let value = value(self, message);
                [format!("{number} ").as_bytes(), &value, b"\r\n"].concat()
            })
            .collect();
        self.say("+OK")?;
        self.send(&lines)?;
        self.say(".")
    }

    fn octets(&self, message: &TestMessage) -> Vec<u8> {
        let lie = self.behaviour.lies.get(&message.unique_id);
        lie.map_or_else(|| self.content(message).len().to_string(), Clone::clone)
            .into_bytes()
    }

    /// Returns the octets of a message as the server has them now.
    fn content<'m>(&self, message: &'m TestMessage) -> Cow<'m, [u8]> {
        let was_read = || {
            lock(&self.shared.log)
                .retrieved
                .contains(&message.unique_id)
        };
        if !self.behaviour.adds_status || !was_read() {
            return Cow::Borrowed(&message.octets);
        }
        let mut octets = message.octets.clone();
        let end = memmem::find(&octets, b"\r\n\r\n").map_or(0, |end| end + 2);
        octets.splice(end..end, *b"Status: RO\r\n");
        Cow::Owned(octets)
    }

    fn retrieve(&mut self, number: &str, lines: Option<usize>) -> io::Result<()> {
        let Some((number, message)) = self.find(number) else {
            return self.say("-ERR no such message");
        };
        if self.behaviour.refused.contains(&message.unique_id) {
            let unique_id = String::from_utf8_lossy(&message.unique_id);
            let refusal = self.behaviour.refusal.replace("{unique-id}", &unique_id);
            return self.say(&refusal);
        }
        let octets = self.content(&message);
        if lines.is_none() && self.behaviour.empty.contains(&message.unique_id) {
            self.say(&format!("+OK {} octets", octets.len()))?;
            if let SessionState::Transaction { retrieved, .. } = &mut self.state {
                retrieved.insert(number);
            }
            return self.say(".");
        }
        if lines.is_none() && self.is_lost(&message.unique_id) {
            self.has_lost = true;
            return Ok(());
        }
        self.say("+OK")?;
        match lines {
            None if self.behaviour.unstuffed => {
                self.send(&octets)?;
                self.say(".")
            }
            Some(lines) => self.send(&byte_stuffed(top(&octets, lines))),
            None => {
                if let SessionState::Transaction { retrieved, .. } = &mut self.state {
                    retrieved.insert(number);
                }
                let mut log = lock(&self.shared.log);
                log.retrieved.push(message.unique_id.clone());
                let stamp = format!("X-Stamp: {}\r\n", log.retrieved.len());
                drop(log);
                let stamp = stamp.as_bytes();
                let stamp = if self.behaviour.stamps { stamp } else { &[] };
                let other = self.other(&message.unique_id);
                let octets = other.as_ref().map_or(&*octets, |other| &other.octets);
                let octets = match self.is_cut(&message.unique_id) {
                    true => two_thirds(octets),
                    false => octets,
                };
                let sent = byte_stuffed(&[stamp, octets].concat());
                if self.is_doubled(&message.unique_id) {
                    self.send(&sent)?;
                    self.say("+OK")?;
                }
                self.send(&sent)
            }
        }
    }

    /// Returns true for a message whose next reply is to be lost, once.
    fn is_lost(&self, unique_id: &[u8]) -> bool {
        take(&mut lock(&self.shared.behaviour).lost_once, unique_id)
    }

    /// Returns true for a message whose next reply is to be sent twice, once.
    fn is_doubled(&self, unique_id: &[u8]) -> bool {
        take(&mut lock(&self.shared.behaviour).doubled_once, unique_id)
    }

    /// Returns the message that is to be sent instead of another one, once.
    fn other(&self, unique_id: &[u8]) -> Option<TestMessage> {
        let swapped = &mut lock(&self.shared.behaviour).swapped_once;
        let at = swapped.iter().position(|(one, _)| one == unique_id)?;
        Some(swapped.remove(at).1)
    }

    /// Returns true for a message whose next reply is to be cut, once.
    fn is_cut(&self, unique_id: &[u8]) -> bool {
        take(&mut lock(&self.shared.behaviour).cut_once, unique_id)
    }

    fn delete(&mut self, number: &str) -> io::Result<()> {
        let found = self.find(number);
        let is_refused =
            |message: &TestMessage| self.behaviour.undeletable.contains(&message.unique_id);
        match (&mut self.state, found) {
            (_, Some((_, message))) if is_refused(&message) => {
                self.say("-ERR this message cannot be deleted")
            }
            (SessionState::Transaction { deleted, .. }, Some((number, _))) => {
                deleted.insert(number);
                self.say("+OK")
            }
            _ => self.say("-ERR no such message"),
        }
    }

    /// Enters UPDATE and removes the marked messages. Other sessions may have deleted messages in
    /// the meantime, so the positions in the maildrop may have changed.
    fn update(&mut self) {
        let SessionState::Transaction {
            deleted,
            listed,
            retrieved,
        } = &self.state
        else {
            return;
        };
        let hidden = retrieved.iter().filter(|_| self.behaviour.part.is_some());
        let obeyed = deleted.iter().filter(|_| !self.behaviour.ignores_deletions);
        let doomed: HashSet<_> = obeyed
            .chain(hidden)
            .map(|number| Arc::as_ptr(&listed[number - 1]))
            .collect();
        lock(&self.shared.maildrop).retain(|message| !doomed.contains(&Arc::as_ptr(message)));
        self.shared.updated.notify_all();
    }

    /// Lists the messages that are not marked as deleted.
    fn left(&self) -> impl Iterator<Item = (usize, &Arc<TestMessage>)> {
        let (listed, deleted) = match &self.state {
            SessionState::Authorization { .. } => (&[][..], None),
            SessionState::Transaction {
                deleted, listed, ..
            } => (&listed[..], Some(deleted)),
        };
        let is_left =
            move |number: &usize| deleted.is_some_and(|deleted| !deleted.contains(number));
        (1..).zip(listed).filter(move |(number, _)| is_left(number))
    }

    fn find(&self, number: &str) -> Option<(usize, Arc<TestMessage>)> {
        let number: usize = number.parse().ok()?;
        let SessionState::Transaction {
            deleted, listed, ..
        } = &self.state
        else {
            return None;
        };
        let message = listed.get(number.checked_sub(1)?)?;
        (!deleted.contains(&number)).then(|| (number, Arc::clone(message)))
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        self.send(format!("{line}\r\n").as_bytes())
    }

    fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.pending.extend_from_slice(octets);
        if self.pending.len() < 65536 {
            return Ok(());
        }
        self.flush()
    }

    /// Sends the pending octets, or as many of them as the cut allows.
    fn flush(&mut self) -> io::Result<()> {
        let pending = mem::take(&mut self.pending);
        let limit = match self.cut {
            Some(Cut::Fin(limit) | Cut::Reset(limit)) => limit - self.sent,
            None => usize::MAX,
        };
        let (allowed, withheld) = pending.split_at(limit.min(pending.len()));
        let segment = self.behaviour.segment.map_or(usize::MAX, NonZeroUsize::get);
        for piece in allowed.chunks(segment) {
            self.stream.write_all(piece)?;
            self.stream.flush()?;
        }
        self.sent += allowed.len();
        lock(&self.shared.log).sent += allowed.len();
        if withheld.is_empty() {
            return Ok(());
        }
        self.end(matches!(self.cut, Some(Cut::Reset(_))))?;
        Err(io::ErrorKind::ConnectionAborted.into())
    }

    /// Ends the connection without a word.
    fn end(&mut self, resets: bool) -> io::Result<()> {
        if resets {
            return self.stream.reset();
        }
        self.stream.cut()?;
        // If a socket is closed with unread octets, the kernel sends RST, and the client loses the
        // octets that it has not read yet.
        io::copy(&mut self.stream, &mut io::sink())?;
        Ok(())
    }

    /// Reads one command without CRLF. Returns `None` if the client has disconnected.
    fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(at) = self.heard.iter().position(|&octet| octet == b'\n') {
                let line: Vec<_> = self.heard.drain(..=at).collect();
                let line = String::from_utf8_lossy(&line);
                return Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()));
            }
            self.flush()?;
            if self.has_lost {
                return Ok(None);
            }
            let mut chunk = [0; 65536];
            let count = self.stream.read(&mut chunk)?;
            if count == 0 {
                return Ok(None);
            }
            self.heard.extend_from_slice(&chunk[..count]);
            let mut log = lock(&self.shared.log);
            log.turns += 1;
            log.longest_queue = log.longest_queue.max(self.heard.len());
        }
    }
}

/// Removes a unique-id from a list. Returns true if it was there.
fn take(unique_ids: &mut Vec<Vec<u8>>, unique_id: &[u8]) -> bool {
    let at = unique_ids.iter().position(|other| other == unique_id);
    at.map(|at| unique_ids.remove(at)).is_some()
}

/// Returns the first two thirds of the lines.
fn two_thirds(octets: &[u8]) -> &[u8] {
    let lines: Vec<_> = octets.split_inclusive(|&octet| octet == b'\n').collect();
    let kept = lines[..lines.len() * 2 / 3].iter();
    &octets[..kept.map(|line| line.len()).sum()]
}

/// Returns the header, the empty line and the first `lines` lines after it.
fn top(octets: &[u8], lines: usize) -> &[u8] {
    let mut left = None;
    let mut end = 0;
    for line in octets.split_inclusive(|&octet| octet == b'\n') {
        match &mut left {
            Some(0) => break,
            Some(left) => *left -= 1,
            None if line == b"\r\n" => left = Some(lines),
            None => {}
        }
        end += line.len();
    }
    &octets[..end]
}
