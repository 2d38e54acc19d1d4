use super::{KNOWN_A_AND_B, LIST_A_AND_B, QUIT, TestAccount, fetch_a_and_b};
use crate::exit::Exit;
use crate::mail::policy::Keep;

#[test]
fn sizes_are_not_requested_when_nothing_is_new() {
    let mut account = TestAccount::new(Keep::Always);
    account.poll(&[&fetch_a_and_b()]);
    let ended = account.poll(&[&[KNOWN_A_AND_B, QUIT].concat()]);
    assert_eq!(ended.exit(), Exit::Done);
    assert_eq!((ended.summary.delivered, ended.summary.kept), (0, 2));
}

#[test]
fn sizes_are_requested_before_a_new_message_is_fetched() {
    let mut account = TestAccount::new(Keep::Always);
    account.poll(&[&fetch_a_and_b()]);
    let ended = account.poll(&["C: UIDL
        C: STAT
        S: +OK
        S: 1 b
        S: 2 c
        S: .
        S: +OK 2 6
        C: LIST
        S: +OK
        S: 1 3
        S: 2 3
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
fn sizes_are_requested_once_when_stat_counts_differently() {
    let mut account = TestAccount::new(Keep::Always);
    account.poll(&[&fetch_a_and_b()]);
    // This server counts a line end as one octet in STAT, and as two in LIST.
    let known = KNOWN_A_AND_B.replace("+OK 2 6", "+OK 2 4");
    let sizes = "C: LIST\nS: +OK\nS: 1 3\nS: 2 3\nS: .\n";
    for session in [[&known, sizes, QUIT].concat(), [&known, QUIT].concat()] {
        assert_eq!(account.poll(&[&session]).exit(), Exit::Done);
    }
}

#[test]
fn sizes_are_requested_when_stat_says_nothing() {
    let mut account = TestAccount::new(Keep::Always);
    account.poll(&[&fetch_a_and_b()]);
    for answer in ["-ERR what?", "+OK", "+OK 3 10", "+OK 2 -1"] {
        let known = KNOWN_A_AND_B.replace("+OK 2 6", answer);
        let sizes = "C: LIST\nS: +OK\nS: 1 3\nS: 2 3\nS: .\n";
        let ended = account.poll(&[&[&known, sizes, QUIT].concat()]);
        assert_eq!(ended.exit(), Exit::Done, "{answer}");
    }
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

#[test]
fn a_message_that_uidl_leaves_out_is_reported() {
    let mut account = TestAccount::new(Keep::Never);
    let listing = LIST_A_AND_B.replace("S: 1 a\n", "");
    let rest = "C: RETR 2\nS: +OK\nS: b\nS: .\nC: DELE 2\nS: +OK\n";

    let ended = account.poll(&[&[&listing, rest, QUIT].concat()]);

    assert_eq!(ended.exit(), Exit::Protocol);
    assert_eq!(account.known(), ["b Gone"]);
    assert_eq!(ended.summary.kept, 1);
    let problems = account.problems();
    assert!(problems[0].contains("leaves out messages that LIST has (1)"));
}

#[test]
fn a_message_that_arrives_before_list_is_reported_only_if_it_stays() {
    let mut account = TestAccount::new(Keep::Always);
    account.poll(&[&fetch_a_and_b()]);
    let known = KNOWN_A_AND_B.replace("+OK 2 6", "+OK 3 10");
    let sizes = "C: LIST\nS: +OK\nS: 1 3\nS: 2 3\nS: 3 4\nS: .\n";
    let session = [&known, sizes, QUIT].concat();
    assert_eq!(account.poll(&[&session]).exit(), Exit::Done);
    assert_eq!(account.problems(), [] as [String; 0]);

    let ended = account.poll(&[&session]);

    assert_eq!(ended.exit(), Exit::Protocol);
    assert!(account.problems()[0].contains("LIST has (3)"));
}

#[test]
fn an_empty_listing_of_a_mailbox_with_mail_is_not_believed() {
    for (known, counted) in [
        (
            false,
            "C: LIST\nS: +OK\nS: .\nS: +OK\nS: 1 3\nS: 2 3\nS: .\n",
        ),
        (true, "C: STAT\nS: +OK\nS: .\nS: +OK 2 6\n"),
    ] {
        let mut account = TestAccount::new(Keep::Always);
        if known {
            account.poll(&[&fetch_a_and_b()]);
        }

        let ended = account.poll(&[&format!("C: UIDL\n{counted}")]);

        assert_eq!(ended.exit(), Exit::Protocol);
        let error = ended.result.expect_err("nothing is listed").to_string();
        assert!(error.contains("counts 2"), "{error}");
    }
}

#[test]
fn all_messages_that_vanish_are_noted_a_few_at_a_time() {
    let mut account = TestAccount::new(Keep::Always);
    account.poll(&[&fetch_a_and_b()]);
    let empty = "C: UIDL
        C: STAT
        S: +OK
        S: .
        S: +OK 0 0
        C: QUIT
        S: +OK";
    assert_eq!(account.poll(&[empty]).exit(), Exit::Done);
    let known = account.ledger.messages().all();
    let absent: Vec<_> = known.iter().map(|(_, row)| row.is_absent).collect();
    assert_eq!(absent, [true, true]);
}
