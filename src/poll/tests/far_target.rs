//! A target on another machine: it gets its messages from a thread of its own.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::{
    KNOWN_A_AND_B, LIST_A_AND_B, QUIT, RETR_A_AND_B, TestAccount, fetch_a_and_b, open_ledger,
};
use crate::delivery::{Arrivals, Intake, Maildir, Target};
use crate::exit::Exit;
use crate::mail::custody::{NotDelivered, Outcome, Staged, TargetPlace};
use crate::mail::policy::Keep;
use crate::poll::HANDING_OVER;
use crate::poll::settle::{KnownTarget, channel};
use crate::pop3::tests::script::ScriptedServer;
use crate::pop3::tests::session_over;
use crate::report::AccountReporter;

/// A target that is far away, as far as the poll knows.
struct FarTarget {
    maildir: Maildir,
    place: TargetPlace,
    answer: Answer,
    tries: AtomicUsize,
}

/// The manner in which it answers.
enum Answer {
    /// It takes messages at once.
    AtOnce,
    /// It takes messages once the other end of this channel is dropped.
    After(Mutex<Receiver<()>>),
    /// It refuses every message.
    Never,
}

impl FarTarget {
    fn new(account: &TestAccount, answer: Answer) -> Self {
        Self::named(account, answer, "far")
    }

    /// A target that delivers to a Maildir of this name.
    fn named(account: &TestAccount, answer: Answer, name: &str) -> Self {
        let maildir = match name {
            "far" => account.maildir(),
            name => account.maildir_at(name),
        };
        // As if messages waited in a spool.
        let place = TargetPlace {
            program: Some(name.to_owned()),
            ..Target::place(&maildir).clone()
        };
        Self {
            maildir,
            place,
            answer,
            tries: AtomicUsize::new(0),
        }
    }

    /// A target that takes messages once the returned end is dropped.
    fn slow(account: &TestAccount) -> (Self, Sender<()>) {
        let (sender, receiver) = mpsc::channel();
        let target = Self::new(account, Answer::After(Mutex::new(receiver)));
        (target, sender)
    }
}

impl Arrivals for FarTarget {
    fn intake(&self) -> &Intake {
        self.maildir.intake()
    }

    fn place(&self) -> &TargetPlace {
        &self.place
    }

    fn forget_delivered(&self, _file_names: &[String]) {}
}

impl Target for FarTarget {
    fn place(&self) -> &TargetPlace {
        &self.place
    }

    fn deliver(&self, staged: Vec<Staged>) -> Vec<Outcome> {
        self.tries.fetch_add(1, Ordering::Relaxed);
        match &self.answer {
            Answer::AtOnce => {}
            Answer::After(gate) => {
                let gate = gate.lock().unwrap_or_else(PoisonError::into_inner);
                gate.recv().expect_err("nothing is ever sent");
            }
            Answer::Never => {
                let refuse = |staged: &Staged| {
                    staged.kept(NotDelivered {
                        why: "refused".to_owned(),
                        kind: "refused".to_owned(),
                        hint: None,
                        exit: Exit::Temporary,
                    })
                };
                return staged.iter().map(refuse).collect();
            }
        }
        self.maildir.deliver(staged)
    }

    fn group_size(&self) -> usize {
        1
    }

    fn is_far(&self) -> bool {
        true
    }

    fn accepts_more(&self) -> bool {
        true
    }
}

/// A session with a server that holds something until it has ended.
struct Session<T> {
    server: ScriptedServer,
    _held: T,
}

impl<T> Read for Session<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.server.read(buffer)
    }
}

impl<T> Write for Session<T> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.server.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.server.flush()
    }
}

/// Lists five messages, retrieves them and ends the session.
fn fetch_five() -> String {
    let names = ["a", "b", "c", "d", "e"];
    let lines = |line: &dyn Fn(usize, &str) -> String| -> String {
        let numbered = names.iter().enumerate();
        numbered.map(|(at, name)| line(at + 1, name)).collect()
    };
    [
        "C: UIDL\nC: LIST\nS: +OK\n",
        &lines(&|number, name| format!("S: {number} {name}\n")),
        "S: .\nS: +OK\n",
        &lines(&|number, _| format!("S: {number} 3\n")),
        "S: .\n",
        &lines(&|number, _| format!("C: RETR {number}\n")),
        &lines(&|_, name| format!("S: +OK\nS: {name}\nS: .\n")),
        QUIT,
    ]
    .concat()
}

#[test]
fn what_a_far_target_takes_in_time_is_deleted_in_the_same_session() {
    let mut account = TestAccount::new(Keep::Never);
    let target = FarTarget::new(&account, Answer::AtOnce);
    let delete = "C: DELE 1\nC: DELE 2\nS: +OK\nS: +OK\n";
    let script = fetch_a_and_b().replace(QUIT, &[delete, QUIT].concat());
    let ended = account.poll_into(&target, &[&script]);
    assert_eq!((ended.exit(), ended.summary.delivered), (Exit::Done, 2));
    assert_eq!(account.known(), ["a Gone", "b Gone"]);
}

#[test]
fn a_session_ends_before_a_slow_target_has_taken_anything() {
    let mut account = TestAccount::new(Keep::Never);
    account.linger = Duration::ZERO;
    let (target, gate) = FarTarget::slow(&account);
    let mut gate = Some(gate);
    let ended = account.poll_with(&target, |_| {
        // The target takes nothing before the session has ended.
        let server = Session {
            server: ScriptedServer::new(&fetch_a_and_b()),
            _held: gate.take(),
        };
        Ok(session_over(true, server))
    });
    assert_eq!((ended.exit(), ended.summary.delivered), (Exit::Done, 2));
    assert_eq!(account.known(), ["a Delivered", "b Delivered"]);

    let target = FarTarget::new(&account, Answer::AtOnce);
    let top = "C: TOP 1 0\nC: TOP 2 0\nS: +OK\nS: a\nS: .\nS: +OK\nS: b\nS: .\n";
    let delete = "C: DELE 1\nC: DELE 2\nS: +OK\nS: +OK\n";
    account.poll_into(&target, &[&[LIST_A_AND_B, top, delete, QUIT].concat()]);
    assert_eq!(account.known(), ["a Gone", "b Gone"]);
}

#[test]
fn a_far_target_that_takes_nothing_does_not_hold_up_the_session() {
    let mut account = TestAccount::new(Keep::Never);
    let target = FarTarget::new(&account, Answer::Never);
    let ended = account.poll_into(&target, &[&fetch_five()]);
    assert_eq!(ended.exit(), Exit::Temporary);
    assert!(!account.last_run().was_cut_off);
    // Three refusals in a row show that it is not the messages.
    assert_eq!(target.tries.load(Ordering::Relaxed), 3);
    let names = ["a", "b", "c", "d", "e"];
    assert_eq!(account.known(), names.map(|name| format!("{name} Staged")));
    let said = "nothing can be delivered for now: refused; messages that wait: 5";
    let problems = account.problems();
    assert!(
        matches!(&problems[..], [one] if one.contains(said)),
        "{problems:?}"
    );

    let target = FarTarget::new(&account, Answer::AtOnce);
    let ended = account.recover_into(&target);
    assert_eq!(ended.summary.delivered, 5);
}

#[test]
fn a_new_message_is_fetched_while_old_ones_wait_for_a_slow_target() {
    let mut account = TestAccount::new(Keep::Always);
    account.linger = Duration::ZERO;
    let target = FarTarget::new(&account, Answer::Never);
    account.poll_into(&target, &[&fetch_a_and_b()]);
    assert_eq!(account.known(), ["a Staged", "b Staged"]);

    let (target, gate) = FarTarget::slow(&account);
    let mut gate = Some(gate);
    let script = KNOWN_A_AND_B.replace("S: .\nS: +OK 2 6\n", "S: 3 c\nS: .\nS: +OK 3 9\n")
        + "C: LIST\nS: +OK\nS: 1 3\nS: 2 3\nS: 3 3\nS: .\nC: RETR 3\nS: +OK\nS: c\nS: .\n"
        + QUIT;
    let ended = account.poll_with(&target, |_| {
        let server = Session {
            server: ScriptedServer::new(&script),
            _held: gate.take(),
        };
        Ok(session_over(true, server))
    });
    assert_eq!((ended.exit(), ended.summary.delivered), (Exit::Done, 3));
}

#[test]
fn another_run_can_tell_that_messages_are_still_being_handed_over() {
    let mut account = TestAccount::new(Keep::Always);
    account.linger = Duration::ZERO;
    let (target, gate) = FarTarget::slow(&account);
    let other = open_ledger(&account.folder);
    let watching = thread::spawn(move || {
        let begun = Instant::now();
        let is_said = || {
            let said = other.notices().is_said(HANDING_OVER);
            said.expect("it can be read")
        };
        while !is_said() && begun.elapsed() < Duration::from_secs(60) {
            thread::yield_now();
        }
        let was_said = is_said();
        drop(gate);
        was_said
    });
    let ended = account.poll_into(&target, &[&fetch_a_and_b()]);
    assert!(watching.join().expect("it does not panic"));
    assert_eq!(ended.summary.delivered, 2);
    let is_said = account.ledger.notices().is_said(HANDING_OVER);
    assert!(!is_said.expect("it can be read"));
}

#[test]
fn a_renamed_message_that_is_delivered_meanwhile_is_kept() {
    let mut account = TestAccount::new(Keep::Always);
    let target = FarTarget::new(&account, Answer::Never);
    account.poll_into(&target, &[&fetch_a_and_b()]);
    assert_eq!(account.known(), ["a Staged", "b Staged"]);

    let target = FarTarget::new(&account, Answer::AtOnce);
    let listing = KNOWN_A_AND_B.replace("1 a", "1 x").replace("2 b", "2 y");
    let sizes = "C: LIST\nS: +OK\nS: 1 3\nS: 2 3\nS: .\n";
    let renamed = [&listing, sizes, RETR_A_AND_B, QUIT].concat();
    let ended = account.poll_into(&target, &[&renamed]);
    assert_eq!((ended.exit(), ended.summary.delivered), (Exit::Done, 2));
    assert_eq!(account.known(), ["x Delivered", "y Delivered"]);
}

#[test]
fn what_is_not_taken_in_time_waits_for_the_next_run() {
    let mut account = TestAccount::new(Keep::Always);
    let target = FarTarget::new(&account, Answer::Never);
    account.poll_into(&target, &[&fetch_a_and_b()]);

    let target = FarTarget::new(&account, Answer::AtOnce);
    let (mut queue, worker) = channel();
    queue.send_old(account.ledger.custody().staged().expect("it can be read"));
    queue.close(Duration::ZERO);
    let reporter = AccountReporter::new(&account.problems, "work");
    let far = KnownTarget {
        is_usual: true,
        target: &target,
        key: None,
    };
    let delivered = worker.run(&account.ledger, &target, far, reporter);
    let summary = delivered.summary;
    assert_eq!((summary.delivered, summary.postponed), (0, 2));
    assert_eq!(account.known(), ["a Staged", "b Staged"]);
}
