//! Hundreds of sessions with a server that misbehaves at random, while new mail arrives and a mail
//! reader is at work: in the end every message was delivered once, and the server is empty.

use std::collections::HashMap;
use std::time::Duration;

use crate::support::mail::{Random, TestMessage, mixed};
use crate::support::model_server::{Behaviour, Cut, ModelServer};
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;
use crate::support::tools::{self, is_thorough};

/// How many sessions there are when it is to be thorough, and else.
const SESSIONS: (usize, usize) = (500, 300);
/// How many messages may come between two runs.
const ARRIVALS: u64 = 5;
/// Among how many messages one is found whose unique-id comes again.
const RECENT: usize = 10;
/// What a message that was set aside has to wait for.
const A_DAY: Duration = Duration::from_secs(25 * 3600);

/// The world of the soak, and what was sent and taken in it until now.
struct Soak {
    random: Random,
    sandbox: Sandbox,
    server: ModelServer,
    /// What has yet to arrive, the next one last.
    unsent: Vec<TestMessage>,
    sent: Vec<TestMessage>,
    /// What the mail reader deleted.
    taken: Vec<Vec<u8>>,
    runs: HashMap<i32, usize>,
}

impl Soak {
    fn new(seed: u64, sessions: usize) -> Self {
        let server = ModelServer::start(Vec::new());
        Self {
            random: Random::new(seed),
            sandbox: Sandbox::with_work(server.address(), ""),
            server,
            unsent: mixed(seed, sessions * 3),
            sent: Vec::new(),
            taken: Vec::new(),
            runs: HashMap::new(),
        }
    }

    /// Lets new mail arrive, some of it under a unique-id that another message has or had; returns
    /// its octets.
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

    /// Makes up what the server is like in the next run, in which so many octets are new.
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

    /// Where the next sessions break off: most often within what is listed or what is new.
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

    fn lies(&mut self) -> HashMap<Vec<u8>, String> {
        let liars = self.some_unique_ids();
        let lie = |unique_id| {
            let lie = self.one_of(["0", "-1", "1", "4711", "99999999999999999999"]);
            (unique_id, lie)
        };
        liars.into_iter().map(lie).collect()
    }

    /// Half of the time none, else a few of those that the server has.
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

    /// Fetches, with other flags each time.
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

    /// Lets the server behave until everything is fetched and deleted.
    fn make_good(&mut self) {
        self.server
            .change(|current| *current = Behaviour::default());
        self.sandbox.let_pass(A_DAY);
        for _ in 0..2 {
            let outcome = self.sandbox.mailpull(["fetch", "-d"]).run();
            outcome.succeeds().is_silent();
        }
    }

    /// Says the counts, and fails if anything is missing, there twice, or left.
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
        SESSIONS.0
    } else {
        SESSIONS.1
    };
    let mut soak = Soak::new(1939, sessions);
    while soak.server.log().sessions < sessions {
        let octets = soak.send();
        soak.misbehave(octets);
        soak.fetch();
        soak.read_mail();
    }
    soak.make_good();
    soak.conclude();
}
