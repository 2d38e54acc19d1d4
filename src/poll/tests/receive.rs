use super::{KNOWN_A_AND_B, LIST_A_AND_B, QUIT, TestAccount, hinted_session};
use crate::exit::{Exit, Failure};
use crate::mail::policy::Keep;

const DELETE_1: &str = "C: DELE 1\nS: +OK\n";

const REFUSED_A: &str = "C: RETR 1
C: RETR 2
S: -ERR no
S: +OK
S: b
S: .
";

#[test]
fn a_refused_message_does_not_keep_the_others_away() {
    let mut account = TestAccount::new(Keep::Always);
    let ended = account.poll(&[&[LIST_A_AND_B, REFUSED_A, QUIT].concat()]);
    assert_eq!(ended.exit(), Exit::Temporary);
    assert_eq!(account.delivered(), ["b\n"]);
    assert_eq!(account.known(), ["a Failed", "b Delivered"]);
}

#[test]
fn a_message_refused_five_times_is_set_aside() {
    let mut account = TestAccount::new(Keep::Always);
    account.poll(&[&[LIST_A_AND_B, REFUSED_A, QUIT].concat()]);
    let refused = "C: LIST\nS: +OK\nS: 1 3\nS: 2 3\nS: .\nC: RETR 1\nS: -ERR no\n";
    let again = [KNOWN_A_AND_B, refused, QUIT].concat();
    for _ in 0..3 {
        assert_eq!(account.poll(&[&again]).exit(), Exit::Temporary);
    }
    assert_eq!(account.poll(&[&again]).exit(), Exit::SetAside);
    let quiet = account.poll(&[&[KNOWN_A_AND_B, QUIT].concat()]);
    assert_eq!(quiet.exit(), Exit::Done);
}

#[test]
fn a_message_larger_than_listed_is_thrown_away_without_quit() {
    let mut account = TestAccount::new(Keep::Never);
    account.policy.max_size = Some(6);
    let listing = LIST_A_AND_B.replace("S: 2 3", "S: 2 6");
    let retr = "C: RETR 1
        C: RETR 2
        S: +OK
        S: a
        S: .
        S: +OK
        S: longer than listed
        S: .
        C: NOOP
        S: +OK
";
    let first = [&listing, retr].concat();
    let ended = account.poll(&[&first, &[&listing, DELETE_1, QUIT].concat()]);
    assert_eq!(ended.exit(), Exit::Done);
    assert_eq!(account.delivered(), ["a\n"]);
    // Its size is known now. What is due is deleted in another session.
    assert_eq!(account.known(), ["a Gone", "b Failed"]);
}

#[test]
fn octets_are_stored_unstuffed_and_with_lf() {
    let mut account = TestAccount::new(Keep::Always);
    let listing = LIST_A_AND_B.replace("S: 2 b\n", "").replace("S: 2 3\n", "");
    let retr = "C: RETR 1
        S: +OK
        S> ..dot\\r\\nbare\\rcr\\r\\n\\r\\n.\\r\\n
        C: QUIT
        S: +OK";
    account.poll(&[&[&listing, retr].concat()]);
    assert_eq!(account.delivered(), [".dot\nbare\rcr\n\n"]);
}

/// The answers to RETR 1 and RETR 2: the first has no octet.
const EMPTY_A: &str = "C: RETR 1
C: RETR 2
S: +OK
S: .
S: +OK
S: b
S: .
";

#[test]
fn an_empty_answer_is_a_refusal_whatever_list_says() {
    for size in ["0", "5", "-1"] {
        let mut account = TestAccount::new(Keep::Never);
        let listing = LIST_A_AND_B.replace("S: 1 3", &format!("S: 1 {size}"));
        let noop = "C: NOOP\nS: +OK\n";
        let first = [&listing, EMPTY_A, noop].concat();
        // Without TOP, a listed size of 0 asks for a comparison before the deletion.
        let (delete, b) = match size {
            "0" => ("", "b Delivered"),
            _ => ("C: DELE 2\nS: +OK\n", "b Gone"),
        };

        let ended = account.poll(&[&first, &[&listing, delete, QUIT].concat()]);

        assert_eq!(ended.exit(), Exit::Temporary, "{size}");
        assert_eq!(account.delivered(), ["b\n"], "{size}");
        assert_eq!(account.known(), ["a Failed", b], "{size}");
        let problems = account.problems();
        assert!(problems[0].contains("the server sent nothing"), "{size}");
    }
}

#[test]
fn a_server_that_sends_nothing_at_all_is_at_fault_itself() {
    let ids = [
        "C: UIDL\nC: LIST\nS: +OK\n",
        "S: 1 a\nS: 2 b\nS: 3 c\nS: .\n",
    ]
    .concat();
    let sizes = "S: +OK\nS: 1 0\nS: 2 0\nS: 3 0\nS: .\n";
    let asked = "C: RETR 1\nC: RETR 2\nC: RETR 3\n";
    let nothing = "S: +OK\nS: .\n".repeat(3);
    let mut account = TestAccount::new(Keep::Never);

    let ended = account.poll(&[&[&ids, sizes, asked, &nothing, "C: NOOP\nS: +OK\n"].concat()]);

    assert_eq!(ended.exit(), Exit::Temporary);
    assert_eq!(
        account.problems(),
        [
            "retrieving messages: the server sent nothing to one RETR after the other; messages that \
             wait for the next run: 3"
        ]
    );
    assert_eq!(account.delivered(), [] as [String; 0]);
}

#[test]
fn a_refused_second_session_leaves_deletions_to_the_next_run() {
    let mut account = TestAccount::new(Keep::Never);
    let first = [LIST_A_AND_B, EMPTY_A, "C: NOOP\nS: +OK\n"].concat();
    let mut scripts = vec![first];
    let target = account.maildir();

    let ended = account.poll_with(&target, |hints| match scripts.pop() {
        Some(script) => Ok(hinted_session(hints, true, &script)),
        None => Err(Failure::new("the maildrop is locked", Exit::Temporary)),
    });

    // The empty message is what the run ends with.
    assert_eq!(ended.exit(), Exit::Temporary);
    assert_eq!(account.problems().len(), 1);
    assert_eq!(account.known(), ["a Failed", "b Delivered"]);
}
