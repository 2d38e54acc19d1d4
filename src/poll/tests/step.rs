//! Sessions that lose their step, and the runs after them, with a server in memory.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Ended, TestAccount};
use crate::exit::Exit;
use crate::mail::policy::Keep;
use crate::mail::suspicion::Suspicion;
use crate::pop3::Pipelining;
use crate::pop3::tests::session_over;

/// The fault of one session.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// The reply to the n-th RETR is lost.
    Lost(usize),
    /// The reply to the n-th RETR is this text instead.
    Instead(usize, &'static str),
    /// This text comes before each reply to RETR, DELE and QUIT.
    Before(&'static str),
    /// This text comes before the reply to the n-th DELE.
    AtDeletion(usize, &'static str),
    /// Lines that begin with a dot are not stuffed.
    NotStuffed,
    /// The reply to RETR names the size.
    NamesSizes,
    /// The n-th message comes without its last line, and ends properly.
    Cut(usize),
    /// Each message comes with this header line first.
    Adds(&'static str),
    /// The reply to the n-th RETR comes twice.
    Twice(usize),
    /// The n-th RETR is answered with the message of this number.
    Swapped(usize, usize),
}

/// A mailbox that outlives its sessions.
#[derive(Default)]
pub(super) struct Mailbox {
    pub(super) messages: Vec<(String, String)>,
    /// The sizes that LIST reports wrongly, by unique-id.
    lies: Vec<(&'static str, usize)>,
    /// The number of octets that LIST adds to each size.
    pub(super) surplus: usize,
    pub(super) refuses_list: bool,
    pub(super) never_pipelines: bool,
    /// True if the server confirms deletions, and keeps the messages.
    pub(super) ignores_deletions: bool,
    /// True if each line is read alone.
    pub(super) sends_lines: bool,
    /// The unique-ids of messages that are not listed.
    hidden: Vec<&'static str>,
    /// The commands of all sessions.
    commands: Vec<String>,
    /// The number of sessions that were pipelined.
    pipelined: usize,
}

#[derive(Clone, Default)]
pub(super) struct FaultyServer(Arc<Mutex<Mailbox>>);

struct FaultySession {
    server: FaultyServer,
    faults: Vec<Fault>,
    listed: Vec<(String, String)>,
    deleted: Vec<String>,
    retrievals: usize,
    out: Vec<u8>,
    is_over: bool,
}

impl Mailbox {
    fn listed(&self) -> Vec<(String, String)> {
        let is_hidden = |(unique_id, _): &(String, String)| self.hidden.contains(&&**unique_id);
        let mut messages = self.messages.clone();
        messages.retain(|message| !is_hidden(message));
        messages
    }
}

impl FaultyServer {
    /// Makes a mailbox of messages whose unique-ids say what they contain.
    pub(super) fn with(contents: &[&str]) -> Self {
        let server = Self::default();
        let messages = contents.iter().map(|content| {
            let unique_id = content.lines().next().unwrap_or("empty");
            (unique_id.to_owned(), content.replace('\n', "\r\n"))
        });
        server.mailbox().messages = messages.collect();
        server
    }

    pub(super) fn mailbox(&self) -> MutexGuard<'_, Mailbox> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls once. Each session of the run has these faults.
    pub(super) fn poll(&self, account: &mut TestAccount, faults: &[Fault]) -> Ended {
        let target = account.maildir();
        account.poll_with(&target, |hints| {
            let never = self.mailbox().never_pipelines;
            let is_pipelined = hints.pipelining != Pipelining::Never && !never;
            self.mailbox().pipelined += usize::from(is_pipelined);
            let session = FaultySession {
                server: self.clone(),
                faults: faults.to_vec(),
                listed: self.mailbox().listed(),
                deleted: Vec::new(),
                retrievals: 0,
                out: Vec::new(),
                is_over: false,
            };
            Ok(session_over(is_pipelined, session))
        })
    }

    /// Polls without faults until nothing is left to do, and returns how often.
    pub(super) fn poll_to_the_end(&self, account: &mut TestAccount, faults: &[Fault]) -> usize {
        for run in 1..10 {
            let commands = self.count("RETR") + self.count("DELE");
            let ended = self.poll(account, faults);
            if commands == self.count("RETR") + self.count("DELE") {
                assert_eq!(ended.exit(), Exit::Done, "{:?}", account.problems());
                return run;
            }
        }
        panic!("it does not end: {:?}", self.mailbox().commands);
    }

    pub(super) fn count(&self, verb: &str) -> usize {
        let mailbox = self.mailbox();
        mailbox
            .commands
            .iter()
            .filter(|line| line.starts_with(verb))
            .count()
    }

    pub(super) fn left(&self) -> Vec<String> {
        let mailbox = self.mailbox();
        mailbox
            .messages
            .iter()
            .map(|(unique_id, _)| unique_id.clone())
            .collect()
    }
}

impl FaultySession {
    fn obey(&mut self, line: &str) {
        self.server.mailbox().commands.push(line.to_owned());
        let (verb, number) = line.split_once(' ').unwrap_or((line, ""));
        let number: usize = number.parse().unwrap_or(0);
        if matches!(verb, "RETR" | "DELE" | "QUIT") {
            for fault in self.faults.clone() {
                if let Fault::Before(text) = fault {
                    self.say(text);
                }
            }
        }
        match verb {
            "UIDL" => self.list(|_, (unique_id, _)| unique_id.clone()),
            "LIST" if self.server.mailbox().refuses_list => self.say("-ERR no\r\n"),
            "LIST" => self.list(|session, (unique_id, content)| {
                let mailbox = session.server.mailbox();
                let mut lies = mailbox.lies.iter();
                let lie = lies.find(|(name, _)| name == unique_id);
                let size = lie.map_or(content.len(), |(_, size)| *size);
                (size + mailbox.surplus).to_string()
            }),
            "RETR" => self.retrieve(number - 1),
            "DELE" => {
                for fault in self.faults.clone() {
                    if let Fault::AtDeletion(n, text) = fault
                        && n == self.deleted.len() + 1
                    {
                        self.say(text);
                    }
                }
                self.deleted.push(self.listed[number - 1].0.clone());
                self.say("+OK\r\n");
            }
            "QUIT" => {
                let deleted = std::mem::take(&mut self.deleted);
                let mut mailbox = self.server.mailbox();
                let keeps_all = mailbox.ignores_deletions;
                mailbox
                    .messages
                    .retain(|(unique_id, _)| keeps_all || !deleted.contains(unique_id));
                drop(mailbox);
                self.say("+OK\r\n");
                self.is_over = true;
            }
            "NOOP" => self.say("+OK\r\n"),
            _ => self.say("-ERR what?\r\n"),
        }
    }

    fn list(&mut self, what: impl Fn(&Self, &(String, String)) -> String) {
        self.say("+OK\r\n");
        for (at, message) in self.listed.clone().iter().enumerate() {
            let line = format!("{} {}\r\n", at + 1, what(self, message));
            self.say(&line);
        }
        self.say(".\r\n");
    }

    fn retrieve(&mut self, at: usize) {
        self.retrievals += 1;
        let mut ok = "+OK\r\n".to_owned();
        let content = self.listed[at].1.clone();
        let mut stuffed = content.replace("\r\n.", "\r\n..");
        for fault in self.faults.clone() {
            match fault {
                Fault::Lost(n) if n == self.retrievals => return,
                Fault::Instead(n, text) if n == self.retrievals => return self.say(text),
                Fault::NotStuffed => stuffed.clone_from(&content),
                Fault::NamesSizes => ok = format!("+OK {} octets\r\n", content.len()),
                Fault::Cut(n) if n == self.retrievals => {
                    let last = stuffed.lines().last().map_or(0, |line| line.len() + 2);
                    stuffed.truncate(stuffed.len() - last);
                }
                Fault::Adds(line) => stuffed = format!("{line}\r\n{stuffed}"),
                Fault::Twice(n) if n == self.retrievals => {
                    self.say(&[&ok, &*stuffed, ".\r\n"].concat());
                }
                Fault::Swapped(n, other) if n == self.retrievals => {
                    stuffed.clone_from(&self.listed[other - 1].1);
                }
                Fault::AtDeletion(..)
                | Fault::Before(_)
                | Fault::Cut(_)
                | Fault::Instead(..)
                | Fault::Lost(_)
                | Fault::Swapped(..)
                | Fault::Twice(_) => {}
            }
        }
        self.say(&[&ok, &stuffed, ".\r\n"].concat());
    }

    fn say(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }
}

impl Read for FaultySession {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.out.is_empty() && !self.is_over {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let line = memchr::memchr(b'\n', &self.out).filter(|_| self.server.mailbox().sends_lines);
        let ready = line.map_or(self.out.len(), |end| end + 1);
        let octets = ready.min(buffer.len());
        buffer[..octets].copy_from_slice(&self.out[..octets]);
        self.out.drain(..octets);
        Ok(octets)
    }
}

impl Write for FaultySession {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        for line in String::from_utf8_lossy(octets).lines() {
            self.obey(line);
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the messages in doubt with the reasons.
pub(super) fn suspects(account: &TestAccount) -> Vec<(String, Suspicion)> {
    let entries = account.ledger.messages().entries();
    let entries = entries.expect("it can be read").into_iter();
    entries
        .filter(|entry| entry.known.suspicion != Suspicion::None)
        .map(|entry| (entry.unique_id.to_string(), entry.known.suspicion))
        .collect()
}

/// Messages of different sizes, and messages of the same size.
pub(super) const MAILBOXES: [[&str; 4]; 2] = [
    ["a\n", "bb\n", "ccc\n", "dddd\n"],
    ["w\n", "x\n", "y\n", "z\n"],
];

#[test]
fn a_lost_reply_neither_loses_nor_repeats_a_message() {
    for contents in MAILBOXES {
        for (keep, lost) in [
            (Keep::Never, 1),
            (Keep::Never, 3),
            (Keep::Never, 4),
            (Keep::Always, 2),
        ] {
            let server = FaultyServer::with(&contents);
            let mut account = TestAccount::new(keep);

            let ended = server.poll(&mut account, &[Fault::Lost(lost)]);

            assert_ne!(ended.exit(), Exit::Done);
            assert_eq!(server.left().len(), 4, "nothing is deleted unread");
            let runs = server.poll_to_the_end(&mut account, &[]);
            assert!(runs <= 3, "{runs} runs");
            assert_eq!(account.delivered(), contents, "lost {lost}");
            let left = if keep == Keep::Never { 0 } else { 4 };
            assert_eq!(server.left().len(), left, "lost {lost}");
            assert_eq!(suspects(&account), []);
        }
    }
}

#[test]
fn messages_with_swapped_names_may_be_missing_from_the_next_listing() {
    let contents = ["a\n", "bb\n", "ccc\nccc ccc\n", "dddd\n"];
    for keep in [Keep::Never, Keep::Always] {
        let server = FaultyServer::with(&contents);
        let mut account = TestAccount::new(keep);
        let swapped = [Fault::Swapped(2, 3), Fault::Swapped(3, 2)];
        server.poll(&mut account, &swapped);

        server.mailbox().hidden = vec!["bb", "ccc"];
        server.poll(&mut account, &[]);
        server.mailbox().hidden.clear();
        server.poll_to_the_end(&mut account, &[]);

        assert_eq!(account.delivered(), contents);
        let left = if keep == Keep::Never { 0 } else { 4 };
        assert_eq!(server.left().len(), left);
    }
}

#[test]
fn a_line_instead_of_a_message_neither_loses_nor_repeats() {
    for text in [
        "what?\r\n",
        "+OK\r\n",
        "+ \r\n",
        ".\r\n",
        "+OK\r\n+OK\r\n",
        "+OK\r\n-ERR no\r\n",
        "+OK -ERR no\r\n+OK\r\nlike a message\r\n.\r\n",
    ] {
        for (contents, at) in MAILBOXES.iter().zip([1, 3]) {
            let server = FaultyServer::with(contents);
            let mut account = TestAccount::new(Keep::Never);

            server.poll(&mut account, &[Fault::Instead(at, text)]);

            server.poll_to_the_end(&mut account, &[]);
            let delivered = account.delivered();
            let ours = delivered.iter().filter(|c| contents.contains(&c.as_str()));
            let ours: Vec<_> = ours.collect();
            assert_eq!(
                ours,
                contents.iter().collect::<Vec<_>>(),
                "{text:?} at {at}: {delivered:?}"
            );
            assert_eq!(server.left(), [] as [String; 0], "{text:?} at {at}");
        }
    }
}

#[test]
fn a_refusal_after_ok_is_a_refusal() {
    let server = FaultyServer::with(&MAILBOXES[0]);
    let mut account = TestAccount::new(Keep::Never);

    let refused = Fault::Instead(2, "+OK -ERR error retrieving message\r\n");
    let ended = server.poll(&mut account, &[refused]);

    assert_eq!(ended.exit(), Exit::Temporary);
    assert_eq!(server.left(), ["bb"]);
    let problems = account.problems();
    assert!(
        problems[0].contains("error retrieving message"),
        "{problems:?}"
    );
}

#[test]
fn a_message_with_its_own_end_keeps_no_other_away() {
    let inside = "crafted\n.\n+OK\nas another\n";
    for at in 0..3 {
        let mut contents = vec!["a\n", "bb\n", "ccc\n"];
        contents.insert(at, inside);
        let server = FaultyServer::with(&contents);
        let mut account = TestAccount::new(Keep::Never);
        for _ in 0..8 {
            server.poll(&mut account, &[Fault::NotStuffed]);
        }
        let delivered = account.delivered();
        for content in ["a\n", "bb\n", "ccc\n"] {
            let count = delivered.iter().filter(|other| *other == content).count();
            assert_eq!(count, 1, "{content:?} of {delivered:?}");
        }
        assert_eq!(server.left(), ["crafted"]);
        assert_eq!(
            suspects(&account),
            [("crafted".to_owned(), Suspicion::Unsettled)]
        );
        assert_eq!(
            server.poll(&mut account, &[Fault::NotStuffed]).exit(),
            Exit::Done
        );
    }
}

#[test]
fn one_more_reply_in_a_comparison_ends_no_doubt_for_good() {
    for at in 1..=2 {
        let server = FaultyServer::with(&MAILBOXES[0]);
        let mut account = TestAccount::new(Keep::Never);
        server.poll(&mut account, &[Fault::Lost(2)]);

        server.poll(&mut account, &[Fault::Twice(at)]);
        server.poll_to_the_end(&mut account, &[]);

        assert_eq!(server.left(), [] as [String; 0], "{at}");
        assert_eq!(account.delivered(), MAILBOXES[0], "{at}");
    }
}
