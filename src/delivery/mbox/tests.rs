use std::fs;
use std::time::Duration;

use super::*;
use crate::delivery::Arrivals;
use crate::exit::Exit;
use crate::mail::custody::{StagedHistory, StoredMessage};
use crate::mail::handover::{DeliveryKey, OpenHandover, TargetKey};
use crate::mail::maildrop::{Identity, Message, MessageNumber, UniqueId};
use crate::mail::mark::FileMarks;
use crate::moment::Moment;

const BEFORE: &[u8] = b"From x\n\nold\n\n";

/// An mbox file, and messages in a spool.
struct TestMbox {
    folder: tempfile::TempDir,
    mbox: Mbox,
    stored: Vec<StoredMessage>,
}

impl TestMbox {
    fn new(messages: &[&[u8]]) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let spool = folder.path().join("spool");
        fs::create_dir(&spool).expect("the folder is ours");
        let options = MboxOptions {
            path: folder.path().join("mbox"),
            file_mode: FileMode::default(),
            locks: MboxLocks::default(),
        };
        fs::write(&options.path, BEFORE).expect("the folder is ours");
        let interrupt = Interrupt::never().expect("a pair of sockets");
        let spool = Spool::open(&spool, &FileMarks::default(), "mbox".to_owned());
        let spool = Arc::new(spool.expect("the folder is ours"));
        let mbox = Mbox::open(options, spool, interrupt);
        let mut test = Self {
            folder,
            mbox: mbox.expect("the folders are ours"),
            stored: Vec::new(),
        };
        test.mbox.lock_timeout = Duration::ZERO;
        for (n, octets) in messages.iter().enumerate() {
            let stored = test.store(n, octets);
            test.stored.push(stored);
        }
        test
    }

    fn store(&self, n: usize, octets: &[u8]) -> StoredMessage {
        let message = Message {
            number: MessageNumber::new(1).expect("1 is a message number"),
            identity: Identity {
                unique_id: UniqueId::new(&[b'a' + n as u8]).expect("a letter is valid"),
                copy: 0,
            },
            size: None,
        };
        let incoming = self.mbox.spool.intake().accept(&message);
        let mut incoming = incoming.expect("a file can be created");
        incoming.write(octets).expect("there is room");
        incoming.finish(message).into_stored()
    }

    /// Returns messages as they are handed over.
    fn staged(&self, which: &[usize], earliest: &Location) -> Vec<Staged> {
        let staged = |index: &usize| {
            let stored = self.stored[*index].clone();
            let (key, place) = (DeliveryKey(*index as i64), self.mbox.place().clone());
            let staged = Staged::recalled(key, stored, place, StagedHistory::default());
            staged.announced(OpenHandover {
                target: TargetKey(1),
                begun: Moment(1_800_000_000),
                earliest: earliest.clone(),
                found: None,
                absent: None,
            })
        };
        which.iter().map(staged).collect()
    }

    fn all(&self) -> Vec<usize> {
        (0..self.stored.len()).collect()
    }

    /// Hands messages over, all of which are taken. Returns the state of the file before.
    fn deliver(&self, which: &[usize]) -> Location {
        let earliest = self.mbox.earliest().expect("the file can be locked");
        let outcomes = self.mbox.deliver(self.staged(which, &earliest));
        let is_delivered = |outcome: &Outcome| matches!(outcome, Outcome::Delivered(_));
        assert!(outcomes.iter().all(is_delivered), "{outcomes:?}");
        assert_eq!(outcomes.len(), which.len());
        earliest
    }

    fn find(&self, earliest: &Location) -> Vec<Sighting> {
        let sought = self.staged(&self.all(), earliest);
        let found = self.mbox.find(&sought, &Claims::default());
        found.expect("the file can be read")
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("mbox")
    }

    fn octets(&self) -> Vec<u8> {
        fs::read(self.path()).expect("it is there")
    }

    /// Writes other octets to the file, which stays the same one.
    fn write(&self, octets: &[u8]) {
        fs::write(self.path(), octets).expect("the file is ours");
    }
}

fn is_there(sighting: &Sighting) -> bool {
    matches!(sighting, Sighting::There(_))
}

fn count(octets: &[u8], part: &[u8]) -> usize {
    octets
        .windows(part.len())
        .filter(|window| *window == part)
        .count()
}

const MESSAGES: [&[u8]; 3] = [
    b"Subject: one\n\n1 one\n",
    b"Subject: two\n\nFrom 2 two",
    b"Subject: three\n\n3 three\n",
];
/// What is in each message only.
const PARTS: [&[u8]; 3] = [b"1 one", b"2 two", b"3 three"];

#[test]
fn a_kill_at_any_octet_loses_and_repeats_nothing() {
    let test = TestMbox::new(&MESSAGES);
    let modified = fs::metadata(test.path()).and_then(|it| it.modified());
    let modified = modified.expect("there are times");
    let earliest = test.deliver(&test.all());
    let whole = test.octets();
    for end in BEFORE.len()..=whole.len() {
        test.write(&whole[..end]);
        if end == BEFORE.len() {
            let file = fs::File::options().write(true).open(test.path());
            let touched = file.and_then(|file| file.set_modified(modified));
            touched.expect("the file is ours");
        }
        let found = test.find(&earliest);
        let absent: Vec<_> = (0..3).filter(|n| found[*n] == Sighting::Absent).collect();
        let there = found.iter().filter(|sighting| is_there(sighting)).count();
        assert_eq!(there + absent.len(), 3, "at {end}: {found:?}");
        test.deliver(&absent);
        assert_eq!(test.octets(), whole, "at {end}");
    }
}

#[test]
fn what_another_program_has_appended_stays() {
    const OTHER: &[u8] = b"From y\n\nanother\n\n";
    let test = TestMbox::new(&MESSAGES);
    let earliest = test.deliver(&test.all());
    let whole = test.octets();
    for end in (BEFORE.len()..=whole.len()).step_by(5) {
        test.write(&[&whole[..end], OTHER].concat());
        let found = test.find(&earliest);
        let left: Vec<_> = (0..3).filter(|n| !is_there(&found[*n])).collect();
        test.deliver(&left);
        let octets = test.octets();
        assert_eq!(count(&octets, OTHER), 1, "at {end}");
        for part in PARTS {
            // A part of a message may stay before the other one.
            assert!((1..=2).contains(&count(&octets, part)), "at {end}");
        }
        let entries: usize = MESSAGES.iter().map(|message| count(&octets, message)).sum();
        assert_eq!(entries, 2, "the second is quoted: at {end}");
    }
}

#[test]
fn a_message_is_found_in_a_file_that_a_reader_has_rewritten() {
    // As all messages that come by POP3, each ends with a line end.
    let test = TestMbox::new(&[MESSAGES[0], b"Subject: two\n\nFrom 2 two\n", MESSAGES[2]]);
    let earliest = test.deliver(&test.all());
    let text = String::from_utf8(test.octets()).expect("it is text");
    let marked = text.replace("Subject: t", "Status: RO\nX-Keywords: a\nSubject: t");
    let marked = marked.replace("From x\n\nold\n\n", "");
    let new = test.folder.path().join("new");
    fs::write(&new, &marked).expect("the folder is ours");
    fs::rename(&new, test.path()).expect("the folder is ours");
    let found = test.find(&earliest);
    assert!(found.iter().all(is_there), "{found:?}");

    // The reader has removed the second one.
    let second = marked.find("From MAILER-DAEMON").and_then(|first| {
        let second = marked[first + 1..].find("From MAILER-DAEMON")?;
        Some(first + 1 + second)
    });
    let begin = second.expect("there are three");
    let end = begin
        + 1
        + marked[begin + 1..]
            .find("From MAILER")
            .expect("there are three");
    test.write([&marked[..begin], &marked[end..]].concat().as_bytes());
    let found = test.find(&earliest);
    let is_unclear = matches!(&found[1], Sighting::Unclear(why) if why == "another program has changed \
         the file meanwhile, and may have removed it");
    assert!(
        is_there(&found[0]) && is_unclear && is_there(&found[2]),
        "{found:?}"
    );
}

#[test]
fn a_removed_message_is_not_taken_for_one_that_never_came() {
    let test = TestMbox::new(&MESSAGES[..1]);
    let earliest = test.deliver(&[0]);
    test.write(BEFORE);
    assert!(matches!(test.find(&earliest)[..], [Sighting::Unclear(_)]));
}

#[test]
fn an_equal_message_of_another_account_is_not_taken() {
    let test = TestMbox::new(&MESSAGES[..1]);
    let earliest = test.deliver(&[0]);
    let found = test.find(&earliest);
    let [Sighting::There(location)] = &found[..] else {
        panic!("{found:?}");
    };
    let mut claims = Claims::default();
    let claim = (location.clone(), test.stored[0].digest);
    claims.located.insert(claim);
    let sought = test.staged(&[0], &earliest);
    let found = test.mbox.find(&sought, &claims).expect("it can be read");
    assert!(matches!(found[..], [Sighting::Unclear(_)]), "{found:?}");
}

#[test]
fn equal_messages_are_written_as_often_as_they_came() {
    let equal = MESSAGES[0];
    let test = TestMbox::new(&[equal, equal, equal]);
    let earliest = test.deliver(&[0, 1]);
    let found = test.find(&earliest);
    assert_eq!(found.iter().filter(|it| is_there(it)).count(), 2);
    let absent = found.iter().position(|it| *it == Sighting::Absent);
    test.deliver(&[absent.expect("one is not there")]);
    assert_eq!(count(&test.octets(), equal), 3);
}

#[test]
fn a_file_that_was_replaced_meanwhile_leaves_doubt() {
    let test = TestMbox::new(&MESSAGES[..1]);
    let earliest = test.mbox.earliest().expect("the file can be locked");
    let new = test.folder.path().join("new");
    fs::write(&new, BEFORE).expect("the folder is ours");
    fs::rename(&new, test.path()).expect("the folder is ours");
    let outcomes = test.mbox.deliver(test.staged(&[0], &earliest));
    let [
        Outcome::Kept {
            exit, is_in_doubt, ..
        },
    ] = &outcomes[..]
    else {
        panic!("{outcomes:?}");
    };
    assert!(*is_in_doubt && *exit == Exit::Temporary);
    assert_eq!(test.octets(), BEFORE);
    assert!(matches!(test.find(&earliest)[..], [Sighting::Unclear(_)]));
}

#[test]
fn a_message_that_is_gone_from_the_spool_is_lost_alone() {
    let test = TestMbox::new(&MESSAGES);
    let names = [test.stored[1].file_name.clone()];
    test.mbox
        .spool
        .intake()
        .withdraw(&names)
        .expect("the file is ours");
    let earliest = test.mbox.earliest().expect("the file can be locked");
    let outcomes = test.mbox.deliver(test.staged(&test.all(), &earliest));
    let lost = |outcome: &&Outcome| matches!(outcome, Outcome::Lost(_));
    assert_eq!(outcomes.iter().filter(lost).count(), 1);
    assert_eq!(count(&test.octets(), PARTS[2]), 1);
}

#[test]
fn a_locked_file_is_not_opened_again_by_the_same_process() {
    let test = TestMbox::new(&MESSAGES[..1]);
    let interrupt = Interrupt::never().expect("a pair of sockets");
    let earliest = test.mbox.earliest().expect("the file can be locked");
    for _ in 0..2 {
        let busy = look_at(&test.mbox.options, &interrupt);
        assert!(matches!(busy, Err(Error::Busy { .. })), "{busy:?}");
    }
    test.mbox.deliver(test.staged(&[0], &earliest));
    let free = look_at(&test.mbox.options, &interrupt);
    assert_eq!(free.ok().flatten(), Some(test.octets().len() as u64));
}

#[test]
fn a_signal_ends_the_wait_for_a_lock() {
    let mut test = TestMbox::new(&MESSAGES[..1]);
    test.mbox.lock_timeout = LOCK_TIMEOUT;
    fs::write(test.folder.path().join("mbox.lock"), "1\n").expect("the folder is ours");
    test.mbox.interrupt.raise();
    let refused = test.mbox.earliest().expect_err("the file is locked");
    assert_eq!(refused.exit, Exit::Temporary);
    assert!(
        refused.why.starts_with("the run ended before "),
        "{}",
        refused.why
    );
}
