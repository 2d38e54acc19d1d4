use super::{LIST_A_AND_B, QUIT, TestAccount, fetch_a_and_b};
use crate::exit::Exit;
use crate::mail::policy::Keep;

#[test]
fn sizes_are_not_requested_when_nothing_is_new() {
    let mut account = TestAccount::new(Keep::Always);
    account.poll(&[&fetch_a_and_b()]);
    let ended = account.poll(&[&["C: UIDL\nS: +OK\nS: 1 a\nS: 2 b\nS: .\n", QUIT].concat()]);
    assert_eq!(ended.exit(), Exit::Done);
    assert_eq!((ended.summary.delivered, ended.summary.kept), (0, 2));
}

#[test]
fn sizes_are_requested_before_a_new_message_is_fetched() {
    let mut account = TestAccount::new(Keep::Always);
    account.poll(&[&fetch_a_and_b()]);
    let ended = account.poll(&["C: UIDL
        S: +OK
        S: 1 b
        S: 2 c
        S: .
        C: LIST
        S: +OK
        S: 1 5
        S: 2 5
        S: .
        C: RETR 2
        S: +OK
        S: c
        S: .
        C: QUIT
        S: +OK"]);
    assert_eq!(ended.exit(), Exit::Done);
    assert_eq!(account.delivered(), ["a\n", "b\n", "c\n"]);
}

#[test]
fn a_listing_with_a_duplicate_number_is_not_used() {
    let mut account = TestAccount::new(Keep::Never);
    let listing = LIST_A_AND_B.replace("S: 2 b", "S: 1 b");
    let ended = account.poll(&[&listing]);
    assert_eq!(ended.exit(), Exit::Protocol);
    assert!(account.delivered().is_empty());
}

#[test]
fn a_message_without_a_unique_id_stays_and_is_reported() {
    let mut account = TestAccount::new(Keep::Never);
    let listing = LIST_A_AND_B.replace("S: 2 b", "S: 2");
    let rest = "C: RETR 1\nS: +OK\nS: a\nS: .\nC: DELE 1\nS: +OK\n";
    let ended = account.poll(&[&[&listing, rest, QUIT].concat()]);
    assert_eq!(ended.exit(), Exit::Protocol);
    assert_eq!(account.known(), ["a Gone"]);
    assert_eq!(
        account.problems(),
        ["message 2 has no unique-id; it stays on the server"]
    );
}
