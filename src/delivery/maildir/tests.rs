use std::fs;
use std::path::PathBuf;

use super::super::unique_name::ParsedName;
use super::*;
use crate::mail::custody::{Receipt, StagedHistory};
use crate::mail::maildrop::{Identity, Message, MessageNumber, UniqueId};

const TAG: &str = "0badcafe";

/// A Maildir in a folder of its own.
struct TestMaildir {
    folder: tempfile::TempDir,
    maildir: Maildir,
}

impl TestMaildir {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let maildir = Maildir::open(&folder.path().join("inbox"), TAG);
        let maildir = maildir.expect("the folder is ours");
        Self { folder, maildir }
    }

    fn path(&self, folder: &str, name: &str) -> PathBuf {
        self.folder.path().join("inbox").join(folder).join(name)
    }

    /// Receives a message that is not yet flushed.
    fn receive(&self, octets: &[u8]) -> Receipt {
        let message = Message {
            number: MessageNumber::new(1).expect("1 is a message number"),
            identity: Identity {
                unique_id: UniqueId::new(b"a").expect("the unique-id is valid"),
                copy: 0,
            },
            size: None,
        };
        let intake = self.maildir.intake();
        let mut incoming = intake.accept(&message).expect("a file can be created");
        incoming.write(octets).expect("the file can be written");
        incoming.finish(message)
    }

    /// Takes custody steps 1 to 3 for a message.
    fn stage(&self) -> Staged {
        let receipts = vec![self.receive(b"Subject: a\r\n\r\nbody\r\n")];
        let durable = self.maildir.intake().flush(receipts).expect("a flush");
        let durable = durable.into_iter().next().expect("one message");
        Staged::new(durable, self.maildir.place().clone(), Moment::now())
    }

    /// Makes the message one of an earlier run.
    fn recall(&self, staged: &Staged, age: Duration) -> Staged {
        let since = Moment(Moment::now().0 - i64::try_from(age.as_secs()).expect("a short age"));
        let history = StagedHistory {
            since,
            ..StagedHistory::default()
        };
        Staged::recalled(staged.stored().clone(), staged.place().clone(), history)
    }

    fn deliver(&self, staged: Staged) -> Outcome {
        let outcomes = self.maildir.deliver(vec![staged]);
        outcomes.into_iter().next().expect("one outcome")
    }

    /// Returns the number of files in a folder.
    fn count(&self, folder: &str) -> usize {
        let entries = fs::read_dir(self.path(folder, ""));
        entries.expect("the folder can be read").count()
    }
}

#[test]
fn a_staged_message_is_moved_to_new() {
    let sandbox = TestMaildir::new();
    let staged = sandbox.stage();
    let name = staged.stored().file_name.clone();
    assert!(sandbox.path("tmp", &name).exists());
    assert!(matches!(sandbox.deliver(staged), Outcome::Delivered(_)));
    assert!(sandbox.path("new", &name).exists());
    assert_eq!(sandbox.count("tmp"), 0);
    let parsed = ParsedName::read(name.as_bytes()).expect("mailpull made the name");
    assert_eq!(parsed.tag, TAG);
}

#[test]
fn a_message_is_moved_by_link_and_unlink() {
    let sandbox = TestMaildir::new();
    let name = sandbox.stage().stored().file_name.clone();
    assert_eq!(sandbox.maildir.link(&name), Ok(()));
    assert!(sandbox.path("new", &name).exists());
    assert_eq!(sandbox.count("tmp"), 0);
}

#[test]
fn a_link_of_a_killed_run_is_completed() {
    let sandbox = TestMaildir::new();
    let staged = sandbox.stage();
    let name = staged.stored().file_name.clone();
    fs::hard_link(sandbox.path("tmp", &name), sandbox.path("new", &name))
        .expect("a link can be made");
    assert!(matches!(sandbox.deliver(staged), Outcome::Delivered(_)));
    assert_eq!((sandbox.count("tmp"), sandbox.count("new")), (0, 1));
}

#[test]
fn another_file_of_that_name_in_new_is_never_replaced() {
    let sandbox = TestMaildir::new();
    let staged = sandbox.stage();
    let name = staged.stored().file_name.clone();
    fs::write(sandbox.path("new", &name), "another's").expect("the file can be written");
    let outcome = sandbox.deliver(staged);
    assert!(matches!(outcome, Outcome::Kept { .. }), "{outcome:?}");
    let kept = fs::read(sandbox.path("new", &name)).expect("the file is there");
    assert_eq!(kept, b"another's");
    assert!(sandbox.path("tmp", &name).exists());
}

#[test]
fn a_message_moved_by_a_reader_counts_as_delivered() {
    for (folder, flags) in [("new", ""), ("cur", ""), ("cur", ":2,S"), ("cur", "!2,RS")] {
        let sandbox = TestMaildir::new();
        let staged = sandbox.stage();
        let name = staged.stored().file_name.clone();
        let moved = sandbox.path(folder, &format!("{name}{flags}"));
        fs::rename(sandbox.path("tmp", &name), moved).expect("the file can be moved");
        let state = sandbox
            .maildir
            .locate(&staged)
            .expect("the Maildir can be read");
        assert_eq!(state, StagedState::Delivered);
        assert!(matches!(sandbox.deliver(staged), Outcome::Delivered(_)));
    }
}

#[test]
fn a_message_that_is_nowhere_was_taken_only_within_36_hours() {
    let hour = Duration::from_secs(3600);
    for (age, state) in [
        (35 * hour, StagedState::Taken),
        (37 * hour, StagedState::Lost),
    ] {
        let sandbox = TestMaildir::new();
        let staged = sandbox.stage();
        fs::remove_file(sandbox.path("tmp", &staged.stored().file_name)).expect("it is ours");
        let recalled = sandbox.recall(&staged, age);
        let found = sandbox
            .maildir
            .locate(&recalled)
            .expect("the Maildir can be read");
        assert_eq!(found, state);
        let is_delivered = matches!(sandbox.deliver(recalled), Outcome::Delivered(_));
        assert_eq!(is_delivered, state == StagedState::Taken);
        // Within the run that staged it, nobody had a reason to take it out of tmp/.
        assert!(matches!(sandbox.deliver(staged), Outcome::Lost(_)));
    }
}

#[test]
fn an_error_of_link_counts_only_if_the_link_is_missing() {
    let sandbox = TestMaildir::new();
    for name in ["linked", "other", "tmp-only"] {
        fs::write(sandbox.path("tmp", name), name).expect("the file can be written");
    }
    fs::hard_link(sandbox.path("tmp", "linked"), sandbox.path("new", "linked"))
        .expect("a link can be made");
    fs::write(sandbox.path("new", "other"), "other").expect("the file can be written");
    for errno in [Errno::EXIST, Errno::IO, Errno::PERM] {
        for (name, expected) in [
            ("linked", Ok(())),
            ("other", Err(errno)),
            ("tmp-only", Err(errno)),
            ("nowhere", Err(errno)),
        ] {
            let confirmed = sandbox.maildir.confirm_link(name, Err(errno));
            assert_eq!(confirmed, expected, "{name}");
        }
    }
    assert_eq!(sandbox.maildir.confirm_link("nowhere", Ok(())), Ok(()));
}

#[test]
fn a_message_that_is_not_finished_leaves_no_file() {
    let sandbox = TestMaildir::new();
    let receipt = sandbox.receive(b"x");
    assert_eq!(sandbox.count("tmp"), 1);
    sandbox
        .maildir
        .intake()
        .discard(receipt)
        .expect("the file is ours");
    assert_eq!(sandbox.count("tmp"), 0);
}

#[test]
fn a_delivered_message_is_found_again_by_its_octets() {
    let sandbox = TestMaildir::new();
    let staged = sandbox.stage();
    let mut stored = staged.stored().clone();
    let name = stored.file_name.clone();
    sandbox.deliver(staged);
    fs::rename(
        sandbox.path("new", &name),
        sandbox.path("cur", &format!("{name}:2,S")),
    )
    .expect("the file can be moved");
    let sought = SoughtMessages::new([&b"a"[..]].into_iter(), vec![TAG.to_owned()]);
    sandbox
        .maildir
        .find_earlier(&sought)
        .expect("the Maildir can be read");
    assert!(sandbox.maildir.may_have_found(b"a"));
    assert!(!sandbox.maildir.may_have_found(b"b"));

    stored.file_name = "another".to_owned();
    let found = sandbox
        .maildir
        .recognise(&stored)
        .expect("the file can be read");
    let found = found.expect("the octets are the same");
    assert_eq!(found.delivered.stored().file_name, name);
    // It is taken out: a second message with the same octets needs a file of its own.
    let again = sandbox
        .maildir
        .recognise(&stored)
        .expect("the file can be read");
    assert!(again.is_none());
}
