//! Accounts of one user at one host.

use super::*;

/// Opens and locks an account at a server.
fn open_at(folder: &StateFolder, name: &str, server: &str, user: &str) -> (Ledger, Lock) {
    let ledger = Ledger::open(folder, name, server, user);
    let mut ledger = ledger.expect("the database can be opened");
    let lock = ledger.lock().expect("no other run has the account");
    (ledger, lock)
}

/// The name of an account that is fetched by its URL.
const URL: &str = "joe@mail.example.org:110";

#[test]
fn neighbours_have_the_same_user_and_host() {
    let home = tempfile::tempdir().expect("a folder can be made");
    let folder = StateFolder::open(home.path()).expect("it is new");
    for (name, server, user) in [
        (URL, "mail.example.org:110", "joe"),
        ("named", "Mail.Example.org:1110", "joe"),
        ("other user", "mail.example.org:995", "ann"),
        ("other host", "mail.example.net:995", "joe"),
        ("six", "[::1]:995", "joe"),
    ] {
        drop(open_at(&folder, name, server, user));
    }
    let (work, _lock) = open_at(&folder, "work", "mail.example.org:995", "joe");

    let found = work.neighbours().all().expect("it can be read");

    let found: Vec<_> = found
        .iter()
        .map(|neighbour| (&*neighbour.name, neighbour.is_one_shot))
        .collect();
    assert_eq!(found, [("named", false), (URL, true)]);
    let (six, _lock) = open_at(&folder, "new six", "[::1]:110", "joe");
    assert_eq!(six.neighbours().all().expect("it can be read").len(), 1);
}

#[test]
fn a_record_is_taken_over_as_a_whole() {
    let mut test = TestLedger::new();
    test.deliver(&[("a", 0), ("b", 0)]);
    test.delete(&[("b", 0)]);
    test.stage(&[("c", 0)]);
    let notice = test.ledger.messages().notice(&identity("a", 0));
    notice.expect("it can be written");
    let said = test.ledger.notices().first("a subject");
    said.expect("it can be written");
    let former = test.ledger.marks().tag.clone();
    let states = test.states();
    let folder = test.folder();
    drop(test._lock);
    let (ledger, lock) = open_at(&folder, "new", "mail.example.org:995", "joe");
    (test.ledger, test._lock) = (ledger, lock);
    let neighbour = test
        .ledger
        .neighbours()
        .all()
        .expect("it can be read")
        .remove(0);

    let taken = test.ledger.take_over(&neighbour);

    taken.expect("it can be written");
    assert_eq!(test.states(), states);
    assert!(test.ledger.tags().contains(&former));
    assert!(
        test.ledger
            .neighbours()
            .all()
            .expect("it can be read")
            .is_empty()
    );
    assert_eq!(
        test.ledger
            .custody()
            .staged()
            .expect("it can be read")
            .len(),
        1
    );
}

#[test]
fn a_record_in_use_is_not_taken_over() {
    let test = TestLedger::new();
    test.deliver(&[("a", 0)]);
    let (mut new, _lock) = open_at(&test.folder(), "new", "mail.example.org:995", "joe");
    let neighbour = new.neighbours().all().expect("it can be read").remove(0);

    let error = new.take_over(&neighbour).expect_err("its run has the lock");

    assert_eq!(error.exit(), Exit::Temporary);
    assert_eq!(test.states().len(), 1);
}

#[test]
fn only_an_account_without_messages_is_removed() {
    let mut test = TestLedger::new();
    test.deliver(&[("a", 0)]);
    test.ledger.remove_empty().expect("it can be written");
    assert_eq!(test.states().len(), 1);
    let (mut empty, _lock) = open_at(&test.folder(), "empty", "mail.example.org:995", "joe");

    empty.remove_empty().expect("it can be written");

    assert!(
        test.ledger
            .neighbours()
            .all()
            .expect("it can be read")
            .is_empty()
    );
}

#[test]
fn a_changed_port_is_told_from_a_changed_host() {
    let home = tempfile::tempdir().expect("a folder can be made");
    let folder = StateFolder::open(home.path()).expect("it is new");
    drop(open_at(&folder, "work", "mail.example.org:110", "joe"));
    for (server, user, expected) in [
        ("mail.example.org:995", "joe", true),
        ("mail.example.net:110", "joe", false),
        ("mail.example.org:995", "ann", false),
        ("mail.example.org:110", "joe", false),
    ] {
        let (ledger, _lock) = open_at(&folder, "work", server, user);
        assert_eq!(ledger.has_another_port(), expected, "{server} {user}");
    }
}
