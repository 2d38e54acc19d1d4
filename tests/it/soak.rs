//! Hundreds of sessions with a server that misbehaves at random, while new mail arrives and a mail
//! reader moves and deletes what was delivered. In the end every message was delivered once, and
//! the server is empty.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::support::mail::{Random, TestMessage, mixed};
use crate::support::model_server::{Behaviour, Cut, ModelServer};
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;
use crate::support::tools::{self, is_thorough};

/// The number of sessions in an ordinary run of the tests.
const SESSIONS: usize = 300;
/// The number of sessions with `MAILPULL_TESTS_FULL=1`.
const THOROUGH_SESSIONS: usize = 500;
/// The largest number of messages that arrive between two runs.
const ARRIVALS: u64 = 5;
/// The number of latest messages from which a unique-id is taken again.
const RECENT: usize = 10;
/// More than the day after which a message that was set aside is tried again.
const A_DAY: Duration = Duration::from_secs(25 * 3600);

/// A sandbox with a server, and the mail that was sent and taken away so far.
struct Soak {
    random: Random,
    sandbox: Sandbox,
    server: ModelServer,
    /// The messages that are still to arrive, the next one last.
    unsent: Vec<TestMessage>,
    sent: Vec<TestMessage>,
    /// The messages that the mail reader deleted.
    taken: Vec<Vec<u8>>,
    /// The number of runs for each exit status.
    runs: HashMap<i32, usize>,
}

impl Soak {
    fn new(seed: u64, sessions: usize) -> Self {
        let server = ModelServer::start(Vec::new());
        let mut unsent = mixed(seed, sessions * 3);
        // Octets that are sent again straight after a deletion count as what the server has kept.
        let mut octets = HashSet::new();
        unsent.retain(|message| octets.insert(message.octets.clone()));
        Self {
            random: Random::new(seed),
            sandbox: Sandbox::with_work(server.address(), ""),
            server,
            unsent,
            sent: Vec::new(),
            taken: Vec::new(),
            runs: HashMap::new(),
        }
    }

    /// Lets new mail arrive, some of it under a unique-id that another message has or had. Returns
    /// the number of octets.
    fn send(&mut self) -> usize {
        let mut octets = 0;
        for _ in 0..self.random.between(0..=ARRIVALS) {
            let Some(mut message) = self.unsent.pop() else {
                break;
            };
            if self.random.once_in(8) && !self.sent.is_empty() {
                let recent = self.sent.len().min(RECENT);
                let other = self.sent.len() - 1 - self.random.below(recent as u64);
                message.unique_id.clone_from(&self.sent[other].unique_id);
            }
            octets += message.octets.len();
            self.server.add(message.clone());
            self.sent.push(message);
        }
        octets
    }

    /// Chooses how the server behaves in the next run, in which this many octets are new.
    fn misbehave(&mut self, new_octets: usize) {
        let behaviour = Behaviour {
            cuts: self.cuts(new_octets),
            lies: self.lies(),
            pipelining: !self.random.once_in(4),
            refusal: self.one_of(["-ERR cannot be read", "-ERR [SYS/TEMP] later"]),
            refused: self.some_unique_ids(),
            refuses_update: self.random.once_in(12),
            undeletable: self.some_unique_ids(),
            ..Behaviour::default()
        };
        self.server.change(|current| *current = behaviour);
    }

    /// Chooses where the next sessions break off: mostly within the listings or the new messages.
    fn cuts(&mut self, new_octets: usize) -> Vec<Cut> {
        let listed = 400 + 50 * self.server.count();
        (0..self.random.below(3))
            .map(|_| {
                let end = [listed, listed + 2 * new_octets][self.random.below(2)];
                let at = self.random.below(end as u64);
                [Cut::Fin(at), Cut::Reset(at)][self.random.below(2)]
            })
            .collect()
    }

    /// Chooses wrong sizes for some messages.
    fn lies(&mut self) -> HashMap<Vec<u8>, String> {
        let unique_ids = self.some_unique_ids();
        let lie = |unique_id| {
            let size = self.one_of(["0", "-1", "1", "4711", "99999999999999999999"]);
            (unique_id, size)
        };
        unique_ids.into_iter().map(lie).collect()
    }

    /// Chooses some messages of the server: half of the time none, otherwise about a quarter.
    fn some_unique_ids(&mut self) -> Vec<Vec<u8>> {
        if self.random.once_in(2) {
            return Vec::new();
        }
        let mut unique_ids = self.server.unique_ids();
        unique_ids.retain(|_| self.random.once_in(4));
        unique_ids
    }

    fn one_of<const N: usize>(&mut self, texts: [&str; N]) -> String {
        texts[self.random.below(N as u64)].to_owned()
    }

    /// Fetches with random flags.
    fn fetch(&mut self) {
        let mut flags = vec!["fetch"];
        if self.random.once_in(3) {
            flags.push("-d");
        }
        if self.random.once_in(4) {
            flags.extend(["--order", "newest-first"]);
        }
        if self.random.once_in(6) {
            flags.extend(["--max-messages", "2"]);
        }
        let outcome = self.sandbox.mailpull(flags).run();
        self.count(&outcome);
    }

    #[track_caller]
    fn count(&mut self, outcome: &RunOutcome) {
        let status = outcome.status.code().unwrap_or(-1);
        assert!([0, 65, 75].contains(&status), "{outcome}");
        *self.runs.entry(status).or_default() += 1;
    }

    fn read_mail(&mut self) {
        let maildir = self.sandbox.work();
        match self.random.below(8) {
            0 => self.taken.extend(maildir.read_all_and_delete_every(3)),
            1..4 => maildir.read_all(),
            _ => {}
        }
        if self.random.once_in(10) {
            self.sandbox.let_pass(A_DAY);
        }
    }

    /// Fetches and deletes everything while the server behaves well.
    fn finish(&mut self) {
        self.server
            .change(|current| *current = Behaviour::default());
        self.sandbox.let_pass(A_DAY);
        let fetch = || self.sandbox.mailpull(["fetch", "-d"]).run();
        let first = fetch().succeeds().stderr_text();
        // It depends on the faults whether the last runs have failed.
        assert!(
            ["", "mailpull: work: works again\n"].contains(&&*first),
            "{first}"
        );
        fetch().succeeds().is_silent();
    }

    /// Prints the counts. Fails if a message was lost or duplicated, or if one is still on the
    /// server or in tmp/.
    fn conclude(self) {
        let maildir = self.sandbox.work();
        let mut balance: HashMap<Vec<u8>, isize> = HashMap::new();
        for message in &self.sent {
            *balance.entry(message.stored()).or_default() += 1;
        }
        for found in self.taken.into_iter().chain(maildir.messages()) {
            *balance.entry(found).or_default() -= 1;
        }
        let lost: isize = balance.values().filter(|count| **count > 0).sum();
        let duplicated: isize = -balance.values().filter(|count| **count < 0).sum::<isize>();
        let left = self.server.count();
        let mut runs: Vec<_> = self.runs.into_iter().collect();
        runs.sort_unstable();
        tools::report(format_args!(
            "soak: {} sessions, {} messages, {lost} lost, {duplicated} duplicated, {left} left; \
             runs by status {runs:?}",
            self.server.log().sessions,
            self.sent.len(),
        ));
        assert_eq!((lost, duplicated, left, maildir.count("tmp")), (0, 0, 0, 0));
    }
}

#[test]
fn hundreds_of_bad_sessions_lose_and_repeat_nothing() {
    let sessions = if is_thorough() {
        THOROUGH_SESSIONS
    } else {
        SESSIONS
    };
    let mut soak = Soak::new(1939, sessions);
    while soak.server.log().sessions < sessions {
        let octets = soak.send();
        soak.misbehave(octets);
        soak.fetch();
        soak.read_mail();
    }
    soak.finish();
    soak.conclude();
}
