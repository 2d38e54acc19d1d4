//! Accounts that move from one database to another.

use super::super::record::ExportRecord;
use super::super::{Accounts, Doubt, Error, Imported};
use super::*;

/// Exports the account `work`, which must not be locked, and marks it as moved if told so.
fn export(folder: &StateFolder) -> Vec<ExportRecord> {
    let accounts = Accounts::open(folder).expect("the database can be opened");
    let account = accounts.find("work").expect("it can be read");
    let export = accounts.export(&account.expect("the account is known"));
    let export = export.expect("no run has the account");
    let mut records = Vec::new();
    let result: Result<(), Error> = export.for_each(|record| {
        records.push(record.clone());
        Ok(())
    });
    result.expect("it can be read");
    export.mark_moved().expect("it can be written");
    records
}

fn import(folder: &StateFolder, records: &[ExportRecord]) -> Imported {
    let accounts = Accounts::open(folder).expect("the database can be opened");
    let [
        ExportRecord::Account(account),
        records @ ..,
        ExportRecord::End(end),
    ] = records
    else {
        panic!("an account has a first and a last line: {records:?}");
    };
    let mut import = accounts.import(*account.clone()).expect("there is space");
    for record in records {
        match record {
            ExportRecord::Message(message) => import.take(message),
            ExportRecord::Notice(notice) => import.take_notice(notice),
            ExportRecord::Account(_) | ExportRecord::End(_) => unreachable!("in the middle"),
        }
        .expect("no message is in it twice");
    }
    assert!(import.is_complete(end));
    import.commit().expect("it can be written")
}

fn new_folder() -> (tempfile::TempDir, StateFolder) {
    let home = tempfile::tempdir().expect("a folder can be made");
    let folder = StateFolder::open(home.path()).expect("a new state folder can be opened");
    (home, folder)
}

/// Makes an account with a message in each state that can be exported.
fn motley() -> (tempfile::TempDir, StateFolder) {
    let test = TestLedger::new();
    test.deliver(&[("b", 0), ("a", 0), ("a", 1), ("gone", 0)]);
    test.delete(&[("gone", 0)]);
    let seen = [listed("seen")].into_iter();
    let ledger = &test.ledger;
    ledger
        .messages()
        .mark_seen(seen)
        .expect("it can be written");
    test.fail("failed");
    let messages = ledger.messages();
    messages
        .notice(&identity("a", 0))
        .expect("it can be written");
    let folder = test.folder();
    (test.home, folder)
}

#[test]
fn an_imported_account_is_exported_as_it_was() {
    let (_old_home, old) = motley();
    let (_new_home, new) = new_folder();
    let records = export(&old);

    assert_eq!(import(&new, &records), Imported::Done);

    assert_eq!(export(&new), records);
}

#[test]
fn a_moved_account_is_marked_and_may_come_back() {
    let (_home, folder) = motley();
    let records = export(&folder);
    let is_moved = || {
        let ledger = Ledger::open(&folder, "work", "mail.example.org", "joe");
        ledger.expect("the database can be opened").is_moved()
    };
    assert!(is_moved());

    assert_eq!(import(&folder, &records), Imported::Done);

    assert!(!is_moved());
}

#[test]
fn an_account_that_is_known_is_not_replaced() {
    let (_old_home, old) = motley();
    let records = export(&old);
    let (_new_home, new) = new_folder();
    assert_eq!(import(&new, &records), Imported::Done);

    assert_eq!(import(&new, &records), Imported::Refused);
}

#[test]
fn an_imported_account_is_in_doubt() {
    let (_old_home, old) = motley();
    let records = export(&old);
    let (_new_home, new) = new_folder();
    import(&new, &records);

    let (ledger, _lock) = open(&new, "work");

    let doubt = ledger.freshness().doubt();
    assert_eq!(doubt.expect("it can be read"), Doubt::Open);
}

#[test]
fn an_account_with_staged_messages_is_not_removed() {
    let test = TestLedger::new();
    test.stage(&[("a", 0)]);
    let folder = test.folder();
    let TestLedger { home, _lock, .. } = test;
    drop(_lock);
    let mut accounts = Accounts::open(&folder).expect("the database can be opened");
    let account = accounts.find("work").expect("it can be read");
    let account = account.expect("the account is known");

    let staged = accounts.remove(&account, || Ok::<_, Error>(()));
    let staged = staged.expect("no run has the account");

    assert_eq!(staged, 1);
    assert_eq!(accounts.accounts().expect("it can be read"), [account]);
    drop(home);
}
