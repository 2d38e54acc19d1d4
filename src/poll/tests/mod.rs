//! Polls of a scripted server, into a Maildir and a database in a temporary folder.

use std::fs;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use super::{Course, Error, Poll, PollOptions};
use crate::delivery::{Arrivals, DeliveryRoute, FileMode, Maildir, RouteTarget, Target};
use crate::exit::{Exit, Failure};
use crate::limits;
use crate::mail::memory::ListingMemory;
use crate::mail::policy::{Keep, Policy};
use crate::os::signals::Interrupt;
use crate::pop3::tests::hinted_session;
use crate::pop3::tests::script::ScriptedServer;
use crate::pop3::{SessionHints, Transaction};
use crate::report::{AccountReporter, Event, Reporter, Summary};
use crate::seen::{LastRun, Ledger, StateFolder};

mod accidents;
mod before_deletion;
mod broken;
mod compare;
mod delete;
mod far_target;
mod kept_mail;
mod plan;
mod plan_order;
mod receive;
mod renamed;
mod repeats;
mod settle;
mod short;
mod step;
mod stray;
mod survey;

/// Keeps what is reported as an error or a warning.
#[derive(Default)]
struct Problems(Mutex<Vec<String>>);

impl Reporter for Problems {
    fn report(&self, _account: &str, event: Event<'_>) {
        let text = match event {
            Event::Problem(failure) | Event::TransientProblem(failure) => failure.to_string(),
            Event::Warning(what) => what.to_string(),
            _ => return,
        };
        let mut problems = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        problems.push(text);
    }
}

/// One account with its database and its Maildir.
struct TestAccount {
    folder: TempDir,
    ledger: Ledger,
    problems: Problems,
    policy: Policy,
    retries_all: bool,
    linger: Duration,
}

/// The end of one poll.
struct Ended {
    result: Result<(), Error>,
    summary: Summary,
}

impl Ended {
    /// Returns the status that the run would end with.
    fn exit(&self) -> Exit {
        let exit = self.result.as_ref().err().map(Error::exit);
        exit.unwrap_or_default().max(self.summary.exit)
    }
}

/// A target of a test, with the place where its messages arrive.
trait TestTarget {
    fn route(&self) -> DeliveryRoute<'_>;
}

impl<T: Arrivals + Target> TestTarget for T {
    fn route(&self) -> DeliveryRoute<'_> {
        DeliveryRoute {
            arrivals: self,
            targets: vec![RouteTarget {
                target: self,
                names: &[],
                is_usual: true,
            }],
        }
    }
}

impl TestAccount {
    fn new(keep: Keep) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut ledger = open_ledger(&folder);
        // The lock on its file is held for a whole run; no other run is about here.
        drop(ledger.lock().expect("nobody has the lock"));
        Self {
            folder,
            ledger,
            problems: Problems::default(),
            policy: Policy {
                keep,
                ..Policy::default()
            },
            retries_all: false,
            linger: Duration::from_secs(60),
        }
    }

    /// Polls once. Each script is a session, which begins after the login.
    fn poll(&mut self, scripts: &[&str]) -> Ended {
        let target = self.maildir();
        self.poll_into(&target, scripts)
    }

    fn poll_into(&mut self, target: &impl TestTarget, scripts: &[&str]) -> Ended {
        let mut scripts = scripts.iter();
        self.poll_with(target, |hints| {
            let script = scripts.next().expect("there is a script for each session");
            Ok(hinted_session(hints, true, script))
        })
    }

    fn poll_without_a_server(&mut self) -> Ended {
        let target = self.maildir();
        self.recover_into(&target)
    }

    /// Polls a server that cannot be reached.
    fn recover_into(&mut self, target: &impl TestTarget) -> Ended {
        self.poll_with::<ScriptedServer>(target, |_| {
            Err(Failure::new("no connection", Exit::Temporary))
        })
    }

    fn maildir(&self) -> Maildir {
        self.maildir_at("Maildir")
    }

    fn maildir_at(&self, name: &str) -> Maildir {
        let maildir = self.folder.path().join(name);
        Maildir::open(&maildir, self.ledger.marks(), None, FileMode::default())
            .expect("the Maildir can be made")
    }

    fn poll_with<S: Read + Write>(
        &mut self,
        target: &impl TestTarget,
        connect: impl FnMut(&SessionHints) -> Result<Transaction<S>, Failure>,
    ) -> Ended {
        let mut summary = Summary::default();
        let result = self.with_poll(target, &mut summary, |poll| poll.run(connect));
        Ended { result, summary }
    }

    /// Does something with a poll that has not begun.
    fn with_poll<T>(
        &mut self,
        target: &impl TestTarget,
        summary: &mut Summary,
        what: impl FnOnce(Poll<'_>) -> T,
    ) -> T {
        let options = PollOptions {
            rules: Arc::default(),
            filter: None,
            policy: self.policy.clone(),
            configured_keep: self.policy.keep,
            may_delete_many: false,
            retries_all: self.retries_all,
            only: Vec::new(),
            silence: Duration::from_secs(60),
            linger: self.linger,
            descriptors: 1024,
            memory: ListingMemory::new(limits::LISTING_MEMORY),
        };
        // Each run opens the ledger anew, and with it reads the clock.
        self.ledger = open_ledger(&self.folder);
        what(Poll {
            options: &options,
            ledger: &mut self.ledger,
            route: target.route(),
            reporter: AccountReporter::new(&self.problems, "work"),
            find_other_accounts: &|_| Ok(Vec::new()),
            interrupt: &Interrupt::never().expect("a pair of sockets"),
            summary,
            course: Course::default(),
        })
    }

    /// Returns the messages in new/, sorted.
    fn delivered(&self) -> Vec<String> {
        let new = self.folder.path().join("Maildir/new");
        let mut messages: Vec<_> = fs::read_dir(new)
            .expect("the Maildir has new/")
            .map(|entry| {
                let path = entry.expect("new/ can be read").path();
                fs::read_to_string(path).expect("the message can be read")
            })
            .collect();
        messages.sort();
        messages
    }

    /// Returns unique-id and state of each known message.
    fn known(&self) -> Vec<String> {
        let known = self.ledger.messages().all().into_iter();
        known
            .map(|(unique_id, row)| {
                let state = format!("{:?}", row.state);
                let state = state.split('(').next().unwrap_or_default();
                format!("{unique_id} {state}")
            })
            .collect()
    }

    fn last_run(&self) -> LastRun {
        self.ledger.runs().last().expect("it can be read")
    }

    fn problems(&self) -> Vec<String> {
        let problems = self.problems.0.lock();
        problems.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn open_ledger(folder: &TempDir) -> Ledger {
    let state = StateFolder::open(&folder.path().join("state")).expect("the folder is ours");
    Ledger::open(&state, "work", "pop.example.org", "joe").expect("the database is ours")
}

/// The listing of messages `a` and `b`, of 3 octets each.
const LIST_A_AND_B: &str = "C: UIDL
C: LIST
S: +OK
S: 1 a
S: 2 b
S: .
S: +OK
S: 1 3
S: 2 3
S: .
";

/// The listing of both messages once they are known: the sum of their sizes has not changed.
const KNOWN_A_AND_B: &str = "C: UIDL
C: STAT
S: +OK
S: 1 a
S: 2 b
S: .
S: +OK 2 6
";

/// Both messages are requested in one flight.
const RETR_A_AND_B: &str = "C: RETR 1
C: RETR 2
S: +OK
S: a
S: .
S: +OK
S: b
S: .
";

const QUIT: &str = "C: QUIT
S: +OK";

/// A session in which both messages are fetched and kept.
fn fetch_a_and_b() -> String {
    [LIST_A_AND_B, RETR_A_AND_B, QUIT].concat()
}

#[test]
fn new_messages_are_delivered_recorded_and_kept() {
    let mut account = TestAccount::new(Keep::Always);
    let ended = account.poll(&[&fetch_a_and_b()]);
    assert_eq!(ended.exit(), Exit::Done);
    assert_eq!(account.delivered(), ["a\n", "b\n"]);
    assert_eq!(account.known(), ["a Delivered", "b Delivered"]);
    assert_eq!((ended.summary.delivered, ended.summary.kept), (2, 2));
}

#[test]
fn an_interrupted_session_ends_without_quit_and_is_remembered() {
    let mut account = TestAccount::new(Keep::Always);
    let cut = "C: RETR 1\nC: RETR 2\nS: +OK\nS: a\nS: .\nS: +OK\nS: b";
    let ended = account.poll(&[&[LIST_A_AND_B, cut].concat()]);
    assert_eq!(ended.exit(), Exit::Temporary);
    assert_eq!(account.delivered(), ["a\n"]);
    assert!(account.last_run().was_cut_off);
}

#[test]
fn a_run_without_a_session_remembers_an_earlier_cut() {
    let mut account = TestAccount::new(Keep::Always);
    // The run tries once more, one command at a time.
    account.poll(&["C: UIDL\nC: LIST", "C: UIDL"]);
    assert!(account.last_run().was_cut_off);
    account.poll_without_a_server();
    let last = account.last_run();
    assert!(last.was_cut_off);
    assert_eq!(last.failures, 2);
}
