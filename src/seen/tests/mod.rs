//! Tests of the ledger against a database in a temporary folder.

mod causes;
mod clock;
mod custody;
mod deletions;
mod export;
mod failures;
mod freshness;
mod handovers;
mod kept_mail;
mod neighbours;
mod notices;
mod orders;
mod query_plans;
mod recognition;
mod suspicions;

use std::fs::File;
use std::path::PathBuf;

use super::database::{Queries, Sql};
use super::{Cause, FailedMessage, FailedStep, Ledger, Lock, StateFolder, Successes};
use crate::digest::Digest;
use crate::exit::Exit;
use crate::mail::custody::{
    Delivered, Durable, NotDelivered, Outcome, Receipt, Staged, StoredMessage, TargetPlace,
};
use crate::mail::deletable::{Deletable, Recorded};
use crate::mail::handover::{Location, TargetKey};
use crate::mail::headers::Header;
use crate::mail::known::State;
use crate::mail::maildrop::{Identity, Message, MessageNumber, UniqueId};
use crate::mail::suspicion::Suspicion;
use crate::moment::Moment;
use crate::text::ServerText;

/// An account's ledger in a state folder of its own.
struct TestLedger {
    home: tempfile::TempDir,
    ledger: Ledger,
    _lock: Lock,
}

impl TestLedger {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder can be made");
        let folder = StateFolder::open(home.path()).expect("a new state folder can be opened");
        let (ledger, _lock) = open(&folder, "work");
        Self {
            home,
            ledger,
            _lock,
        }
    }

    fn folder(&self) -> StateFolder {
        StateFolder::open(self.home.path()).expect("the state folder was opened before")
    }

    /// Stages messages whose content is their unique-id.
    fn stage(&self, ids: &[(&str, u32)]) -> Vec<Staged> {
        let durable = ids
            .iter()
            .map(|(id, copy)| durable(id, *copy, id))
            .collect();
        let staged = self.ledger.custody().stage(durable, &place(), &[]);
        staged.expect("no other message has these keys").0
    }

    /// Returns the key of a target.
    fn target(&self, name: &str) -> TargetKey {
        let keys = self.ledger.custody().target_keys(&[name]);
        keys.expect("it can be written")[0]
    }

    /// Tells the database that messages are about to be handed to a target.
    fn announce(&self, staged: Vec<Staged>, target: &str) -> Vec<Staged> {
        let (custody, target) = (self.ledger.custody(), self.target(target));
        let announced = custody.announce(&[], staged, target, &Location::default());
        announced.expect("it can be written").0
    }

    /// Takes messages through steps 3 to 6 of the custody order.
    fn deliver(&self, ids: &[(&str, u32)]) {
        let staged = self.stage(ids);
        self.record(&staged.into_iter().map(delivered).collect::<Vec<_>>());
    }

    fn record(&self, outcomes: &[Outcome]) {
        let recorded = self.ledger.custody().record(outcomes);
        recorded.expect("the database can be written");
    }

    /// Asks for the proofs that allow the deletion of messages.
    fn confirm(&self, ids: &[(&str, u32)]) -> Vec<Recorded> {
        let messages = ids.iter().map(|(id, copy)| (number(), identity(id, *copy)));
        let proofs = self.ledger.deletions().confirm_delivered(messages);
        proofs.expect("the database can be read")
    }

    /// Deletes messages as a session does whose QUIT was answered with `+OK`.
    fn delete(&self, ids: &[(&str, u32)]) {
        let proofs = self.confirm(ids).into_iter().map(Deletable::Recorded);
        let proofs: Vec<_> = proofs.collect();
        let gone: Vec<_> = proofs.iter().collect();
        assert_eq!(gone.len(), ids.len(), "all were delivered");
        let marked = self.ledger.deletions().mark_gone(&gone);
        marked.expect("the database can be written");
    }

    /// Returns the states of all messages. Times are left out.
    fn states(&self) -> Vec<(String, u32, &'static str)> {
        let entries = self.ledger.messages().entries();
        let entries = entries.expect("the database can be read").into_iter();
        let entries = entries.map(|entry| {
            let state = match entry.known.state {
                State::Delivered(_) => "delivered",
                State::Gone => "gone",
                State::Seen => "seen",
                State::Staged => "staged",
                State::Failed(_) => "failed",
                State::Left { .. } => "left",
            };
            (entry.unique_id.to_string(), entry.known.copy, state)
        });
        entries.collect()
    }

    /// Notes that a message could not be retrieved while others could, and returns the number of
    /// times in a row.
    fn fail(&self, id: &str) -> u32 {
        let causes = self.ledger.causes();
        let failed = [refused(id, "no")];
        let causes = causes.count(FailedStep::Retrieval, &failed, Successes::OfOthers);
        match causes.expect("the database can be written")[..] {
            [Cause::Message(failures)] => failures,
            _ => panic!("the message itself is at fault"),
        }
    }

    /// Returns the number of times in a row that a message has failed.
    fn failures(&self, id: &str) -> u32 {
        let entries = self.ledger.messages().entries();
        let entries = entries.expect("the database can be read");
        let entry = entries
            .iter()
            .find(|entry| entry.unique_id.as_octets() == id.as_bytes());
        entry.expect("the message is known").failures
    }

    /// Changes the database as only time could: `sql` is not one of the program's statements.
    fn change(&self, sql: &str) {
        let changed = self
            .ledger
            .write(|queries: &Queries<'_>| queries.batch(sql));
        changed.expect("the statement is valid");
    }
}

/// Opens and locks the ledger of an account.
fn open(folder: &StateFolder, name: &str) -> (Ledger, Lock) {
    let ledger = Ledger::open(folder, name, "mail.example.org", "joe");
    let mut ledger = ledger.expect("the database can be opened");
    let lock = ledger.lock().expect("no other run has the account");
    (ledger, lock)
}

fn identity(id: &str, copy: u32) -> Identity {
    let unique_id = UniqueId::new(id.as_bytes()).expect("the unique-id is valid");
    Identity { unique_id, copy }
}

fn number() -> MessageNumber {
    MessageNumber::new(1).expect("1 is a message number")
}

/// A message that was refused for a reason.
fn refused(id: &str, reason: &str) -> FailedMessage {
    FailedMessage {
        identity: identity(id, 0),
        size: Some(100),
        reason: reason.to_owned(),
    }
}

/// A message as a listing has it.
fn listed(id: &str) -> Message {
    Message {
        number: number(),
        identity: identity(id, 0),
        size: Some(100),
    }
}

/// A stored message. Its header is the same as that of all messages with this content.
fn stored(id: &str, copy: u32, content: &str) -> StoredMessage {
    StoredMessage {
        identity: identity(id, copy),
        size: Some(100),
        file_name: format!("file-of-{id}-{copy}"),
        octets: 102,
        digest: Digest::of(content.as_bytes()),
        header: Header {
            digest: Digest::of(format!("header of {content}").as_bytes()),
            from: "joe@example.org".into(),
            return_path: None,
            subject: content.into(),
        },
        fingerprint: Box::default(),
        suspicion: Suspicion::None,
        chosen: Vec::new(),
    }
}

fn durable(id: &str, copy: u32, content: &str) -> Durable {
    durable_of(stored(id, copy, content))
}

fn durable_of(stored: StoredMessage) -> Durable {
    let file = File::open("/dev/null").expect("every Unix has this file");
    Durable::new(Receipt::new(stored, file))
}

fn delivered(staged: Staged) -> Outcome {
    Outcome::Delivered(Delivered::new(staged, ServerText::default()))
}

fn not_delivered(is_transient: bool) -> NotDelivered {
    NotDelivered {
        why: "no".to_owned(),
        kind: "no".to_owned(),
        hint: None,
        exit: match is_transient {
            true => Exit::Temporary,
            false => Exit::LocalIo,
        },
    }
}

fn place() -> TargetPlace {
    TargetPlace {
        path: PathBuf::from("/home/joe/Mail"),
        inode: u64::MAX,
        device: None,
        program: None,
    }
}

/// Returns true if a time was taken from the clock, and not made up.
fn is_recent(moment: Moment) -> bool {
    moment <= Moment::now() && moment.0 > 0
}

/// Returns the statements of all modules.
fn statements() -> impl Iterator<Item = (&'static str, &'static Sql)> {
    let modules = [
        super::account::STATEMENTS,
        super::accounts::STATEMENTS,
        super::causes::STATEMENTS,
        super::clock::STATEMENTS,
        super::custody::STATEMENTS,
        super::deletions::STATEMENTS,
        super::deliveries::STATEMENTS,
        super::export::STATEMENTS,
        super::failures::STATEMENTS,
        super::freshness::STATEMENTS,
        super::handovers::STATEMENTS,
        super::import::STATEMENTS,
        super::integrity::STATEMENTS,
        super::kept_mail::STATEMENTS,
        super::left::STATEMENTS,
        super::listed_rows::STATEMENTS,
        super::messages::STATEMENTS,
        super::missing::STATEMENTS,
        super::neighbours::STATEMENTS,
        super::notices::STATEMENTS,
        super::orders::STATEMENTS,
        super::places::STATEMENTS,
        super::recognition::STATEMENTS,
        super::refusals::STATEMENTS,
        super::runs::STATEMENTS,
        super::size_checks::STATEMENTS,
        super::status::STATEMENTS,
        super::suspicions::STATEMENTS,
    ];
    modules.into_iter().flatten().copied()
}
