use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use rustix::io::Errno;

use super::super::unique_name::{ParsedName, own_file};
use super::*;
use crate::mail::custody::{Receipt, StagedHistory};
use crate::mail::handover::DeliveryKey;
use crate::mail::maildrop::{Identity, Message, MessageNumber, UniqueId};
use crate::os::boot::boot_id;

mod proof;

const TAG: &str = "0badcafe";

fn marks(own: u8) -> FileMarks {
    FileMarks {
        own: Mark([own; 16]),
        tag: TAG.to_owned(),
    }
}

/// A Maildir in a folder of its own.
struct TestMaildir {
    folder: tempfile::TempDir,
    maildir: Maildir,
}

impl TestMaildir {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let maildir = Maildir::open(
            &folder.path().join("inbox"),
            &marks(1),
            None,
            FileMode::default(),
        );
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
        Staged::new(
            DeliveryKey(1),
            durable,
            Target::place(&self.maildir).clone(),
        )
    }

    /// Makes the message one of an earlier run.
    fn recall(staged: &Staged) -> Staged {
        let history = StagedHistory::default();
        Staged::recalled(
            staged.key(),
            staged.stored().clone(),
            staged.place().clone(),
            history,
        )
    }

    /// Takes custody steps 1 to 5 for a message, as a run that is then killed, and returns it as the next
    /// run recalls it.
    fn place(&self) -> Staged {
        let staged = self.stage();
        let recalled = Self::recall(&staged);
        self.deliver(staged);
        recalled
    }

    /// Returns the move of a file from tmp/ to new/.
    fn to_new<'a>(&'a self, from: &'a str, to: &'a str) -> Move<'a> {
        Move {
            from: Spot {
                folder: self.maildir.intake().folder(),
                name: from,
            },
            to: Spot {
                folder: &self.maildir.new,
                name: to,
            },
        }
    }

    fn locate(&self, staged: &Staged) -> StagedState {
        let state = self.maildir.locate(staged);
        state.expect("the Maildir can be read")
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

/// Returns the names of the files that were delivered.
fn delivered(outcomes: &[Outcome]) -> Vec<String> {
    let name = |outcome: &Outcome| match outcome {
        Outcome::Delivered(delivered) => Some(delivered.stored().file_name.clone()),
        _ => None,
    };
    outcomes.iter().filter_map(name).collect()
}

#[test]
fn a_staged_message_is_moved_to_new() {
    let sandbox = TestMaildir::new();
    let staged = sandbox.stage();
    let name = staged.stored().file_name.clone();
    assert!(sandbox.path("tmp", &name).exists());
    assert!(matches!(sandbox.deliver(staged), Outcome::Delivered(_)));
    assert!(sandbox.path("new", &name).exists());
    assert!(!sandbox.path("tmp", &name).exists());
    let parsed = ParsedName::read(name.as_bytes()).expect("mailpull made the name");
    assert_eq!(parsed.tag, TAG);
}

#[test]
fn every_way_puts_a_message_in_its_place() {
    for way in [Placement::Rename, Placement::Link, Placement::Look] {
        let sandbox = TestMaildir::new();
        sandbox.maildir.placement.set(way).expect("it is not known");
        let staged = sandbox.stage();
        let name = staged.stored().file_name.clone();
        let outcomes = sandbox.maildir.deliver(vec![staged]);
        assert!(matches!(outcomes[..], [Outcome::Delivered(_)]), "{way:?}");
        sandbox.maildir.forget_delivered(&delivered(&outcomes));
        assert!(sandbox.path("new", &name).exists(), "{way:?}");
        assert_eq!(
            (sandbox.count("tmp"), sandbox.count("new")),
            (0, 1),
            "{way:?}"
        );
    }
}

#[test]
fn a_placement_that_was_killed_half_way_is_completed() {
    // The name that a kill left beside tmp/F, before and after a reader's work.
    for (folder, dot, flags) in [
        ("new", ".", ""),
        ("new", "", ""),
        ("cur", "", ":2,S"),
        ("cur", ".", ":2,S"),
    ] {
        for way in [Placement::Rename, Placement::Link, Placement::Look] {
            let sandbox = TestMaildir::new();
            sandbox.maildir.placement.set(way).expect("it is not known");
            let staged = TestMaildir::recall(&sandbox.stage());
            let name = staged.stored().file_name.clone();
            let tmp = sandbox.path("tmp", &name);
            let link = sandbox.path(folder, &format!("{dot}{name}{flags}"));
            fs::hard_link(&tmp, link).expect("a link can be made");
            let outcome = sandbox.deliver(staged);
            assert!(matches!(outcome, Outcome::Delivered(_)), "{folder} {way:?}");
            assert!(!tmp.exists(), "{folder} {way:?}");
            let count = sandbox.count("new") + sandbox.count("cur");
            assert_eq!(count, 1, "{folder} {way:?}");
        }
    }
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
    assert!(sandbox.path("new", &hidden(&name)).exists());
}

#[test]
fn a_message_moved_by_a_reader_counts_as_delivered() {
    for (folder, flags) in [("new", ""), ("cur", ""), ("cur", ":2,S"), ("cur", "!2,RS")] {
        let sandbox = TestMaildir::new();
        let staged = sandbox.stage();
        let name = staged.stored().file_name.clone();
        let moved = sandbox.path(folder, &format!("{name}{flags}"));
        fs::rename(sandbox.path("tmp", &name), moved).expect("the file can be moved");
        assert_eq!(sandbox.locate(&staged), StagedState::Delivered);
        assert!(matches!(sandbox.deliver(staged), Outcome::Delivered(_)));
    }
}

#[test]
fn a_message_that_a_reader_took_counts_as_delivered() {
    let sandbox = TestMaildir::new();
    let recalled = sandbox.place();
    let name = recalled.stored().file_name.clone();
    fs::remove_file(sandbox.path("new", &name)).expect("it was delivered");
    assert_eq!(sandbox.locate(&recalled), StagedState::Taken);
    assert!(matches!(sandbox.deliver(recalled), Outcome::Delivered(_)));
}

#[test]
fn a_message_that_is_nowhere_is_fetched_again() {
    let sandbox = TestMaildir::new();
    let staged = sandbox.stage();
    fs::remove_file(sandbox.path("tmp", &staged.stored().file_name)).expect("it is ours");
    let recalled = TestMaildir::recall(&staged);
    assert_eq!(sandbox.locate(&recalled), StagedState::Lost);
    assert!(matches!(sandbox.deliver(recalled), Outcome::Lost(_)));
    assert!(matches!(sandbox.deliver(staged), Outcome::Lost(_)));
}

#[test]
fn a_file_that_vanishes_during_its_rename_is_not_delivered() {
    let sandbox = TestMaildir::new();
    let name = sandbox.stage().stored().file_name.clone();
    fs::remove_file(sandbox.path("tmp", &name)).expect("it is ours");
    let hidden = hidden(&name);
    let hiding = sandbox.to_new(&name, &hidden);
    for way in [Placement::Rename, Placement::Link, Placement::Look] {
        assert!(
            !hiding.make(way).expect("the Maildir can be read"),
            "{way:?}"
        );
    }
}

#[test]
fn a_sweep_removes_only_own_files_without_a_row() {
    let sandbox = TestMaildir::new();
    let path = sandbox.folder.path().join("inbox");
    let other =
        Maildir::open(&path, &marks(2), None, FileMode::default()).expect("the folder is ours");
    let other = TestMaildir {
        folder: tempfile::tempdir().expect("a folder can be made"),
        maildir: other,
    };
    // What a delivery leaves before it is recorded, and what is staged.
    let files = |sandbox: &TestMaildir, own| {
        sandbox.place();
        let proof = own_file(Mark([own; 16]), ".placed");
        [sandbox.stage().stored().file_name.clone(), proof]
    };
    let (own, foreign) = (files(&sandbox, 1), files(&other, 2));
    let exists = |name: &String| sandbox.path("tmp", name).exists();
    let swept = sandbox.stage().stored().file_name.clone();
    let intake = sandbox.maildir.intake();
    intake
        .sweep(&HashSet::from([own[0].clone()]))
        .expect("the folder is ours");
    assert!(own.iter().all(exists));
    assert!(!exists(&swept));
    intake.sweep(&HashSet::new()).expect("the folder is ours");
    assert!(!own.iter().any(exists));
    assert!(foreign.iter().all(exists));
}

#[test]
fn an_error_of_link_counts_only_if_the_link_is_missing() {
    let sandbox = TestMaildir::new();
    let link = |name| sandbox.to_new(name, name);
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
            let confirmed = link(name).confirm_link(Err(errno));
            assert_eq!(confirmed, expected, "{name}");
        }
    }
    assert_eq!(link("nowhere").confirm_link(Ok(())), Ok(()));
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
    let find = |own| {
        let tags = vec![TAG.to_owned()];
        let sought = SoughtMessages::new([&b"a"[..]].into_iter(), tags, Mark([own; 16]));
        let found = sandbox.maildir.find_earlier(&sought);
        found.expect("the Maildir can be read");
        sandbox.maildir.earlier_files()
    };
    // The database knows the files that have its own mark.
    assert_eq!(find(1), EarlierFiles::Absent);
    assert!(!sandbox.maildir.may_have_found(b"a"));
    assert_eq!(find(2), EarlierFiles::Present);
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

#[test]
fn lines_of_servers_do_not_hide_a_delivered_message() {
    const BODY: &str = "Subject: a\n\nbody\n";
    let with = |line: &str| format!("{line}{BODY}");
    for (files, download, expected) in [
        (&[with("")][..], with("Status: RO\n"), Some(0)),
        (&[with("Status: O\n")], with(""), Some(0)),
        (&[with("Status: O\n")], with("Status: RO\n"), Some(0)),
        // The file with the same octets is the better proof, whichever is found first.
        (&[with(""), with("X-UID: 1\n")], with(""), Some(0)),
        (&[with(""), with("X-UID: 1\n")], with("X-UID: 1\n"), Some(1)),
        (&[with("X-Note: 1\n")], with(""), None),
    ] {
        let sandbox = TestMaildir::new();
        let stage = |octets: &str| {
            let receipts = vec![sandbox.receive(octets.as_bytes())];
            let durable = sandbox.maildir.intake().flush(receipts).expect("a flush");
            let durable = durable.into_iter().next().expect("one message");
            Staged::new(
                DeliveryKey(1),
                durable,
                Target::place(&sandbox.maildir).clone(),
            )
        };
        let names: Vec<_> = files
            .iter()
            .map(|file| {
                let staged = stage(file);
                let name = staged.stored().file_name.clone();
                sandbox.deliver(staged);
                name
            })
            .collect();
        let tags = vec![TAG.to_owned()];
        let sought = SoughtMessages::new([&b"a"[..]].into_iter(), tags, Mark([2; 16]));
        let found = sandbox.maildir.find_earlier(&sought);
        found.expect("the Maildir can be read");

        let found = sandbox.maildir.recognise(stage(&download).stored());

        let found = found.expect("the files can be read");
        let found = found.map(|found| found.delivered.stored().file_name.clone());
        assert_eq!(
            found,
            expected.map(|at: usize| names[at].clone()),
            "{download}"
        );
    }
}

#[test]
fn the_way_of_placing_is_found_and_leaves_nothing() {
    let sandbox = TestMaildir::new();
    // Runs that were killed while they found it out left these.
    let name = format!(".mailpull-{}", Mark([1; 16]));
    for folder in ["tmp", "new"] {
        fs::write(sandbox.path(folder, &name), "").expect("the file can be written");
    }
    let maildir = &sandbox.maildir;
    maildir.prepare().expect("the folders are on one disk");
    assert_eq!(maildir.placement.get(), Some(&Placement::Rename));
    assert_eq!((sandbox.count("tmp"), sandbox.count("new")), (0, 0));
}
