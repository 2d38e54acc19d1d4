//! Messages that the server lists under new unique-ids, and that are recognised after RETR.

use super::compare::PROOF_OF_STEP;
use super::{QUIT, TestAccount, fetch_a_and_b};
use crate::exit::Exit;
use crate::mail::policy::Keep;

/// Makes the lines of a listing of messages of 3 octets: unique-ids and sizes.
fn lines(unique_ids: &[&str]) -> (String, String) {
    let line = |(n, text): (usize, &str)| format!("S: {n} {text}\n");
    let names = (1..).zip(unique_ids.iter().copied()).map(line).collect();
    let sizes = (1..=unique_ids.len()).map(|n| line((n, "3"))).collect();
    (names, sizes)
}

/// Makes a listing whose sum of sizes is asked for first, because nothing is due.
fn listing(unique_ids: &[&str]) -> String {
    let (names, sizes) = lines(unique_ids);
    let (count, octets) = (unique_ids.len(), 3 * unique_ids.len());
    format!(
        "C: UIDL\nC: STAT\nS: +OK\n{names}S: .\nS: +OK {count} {octets}\nC: LIST\nS: +OK\n{sizes}S: .\n"
    )
}

/// Makes a listing whose sizes are asked for at once.
fn listing_with_sizes(unique_ids: &[&str]) -> String {
    let (names, sizes) = lines(unique_ids);
    format!("C: UIDL\nC: LIST\nS: +OK\n{names}S: .\nS: +OK\n{sizes}S: .\n")
}

/// The retrieval of messages by number and text.
fn retrieve(messages: &[(u32, &str)]) -> String {
    let commands = messages.iter().map(|(n, _)| format!("C: RETR {n}\n"));
    let replies = messages
        .iter()
        .map(|(_, text)| format!("S: +OK\nS: {text}\nS: .\n"));
    commands.chain(replies).collect()
}

fn fetched() -> TestAccount {
    let mut account = TestAccount::new(Keep::Always);
    account.poll(&[&fetch_a_and_b()]);
    account
}

#[test]
fn messages_with_new_unique_ids_are_not_delivered_again() {
    let mut account = fetched();
    let moved = [
        &listing(&["x", "y"]),
        &*retrieve(&[(1, "a"), (2, "b")]),
        QUIT,
    ]
    .concat();

    let ended = account.poll(&[&moved]);

    assert_eq!(ended.exit(), Exit::Done);
    assert_eq!(account.delivered(), ["a\n", "b\n"]);
    assert_eq!(account.known(), ["x Delivered", "y Delivered"]);
    assert_eq!(
        account.problems(),
        [
            "the server lists known messages under new unique-ids; recognised by their content and \
          not delivered again: 2"
        ]
    );
    let later = account.poll(&[&[
        "C: UIDL\nC: STAT\nS: +OK\nS: 1 x\nS: 2 y\nS: .\nS: +OK 2 6\n",
        QUIT,
    ]
    .concat()]);
    assert_eq!((later.exit(), account.problems().len()), (Exit::Done, 1));
}

#[test]
fn new_mail_among_renamed_messages_is_delivered() {
    let mut account = fetched();
    let retrieval = retrieve(&[(1, "c"), (2, "b"), (3, "a")]);

    account.poll(&[&[&listing(&["x", "y", "z"]), &*retrieval, QUIT].concat()]);

    assert_eq!(account.delivered(), ["a\n", "b\n", "c\n"]);
    assert_eq!(
        account.known(),
        ["x Delivered", "y Delivered", "z Delivered"]
    );
}

#[test]
fn a_message_still_listed_is_not_taken_for_an_equal_new_one() {
    let mut account = fetched();

    account.poll(&[&[&listing(&["a", "x"]), &*retrieve(&[(2, "a")]), QUIT].concat()]);

    assert_eq!(account.delivered(), ["a\n", "a\n", "b\n"]);
}

#[test]
fn each_vanished_message_stands_for_one_listed_message() {
    let mut account = fetched();
    let retrieval = retrieve(&[(1, "a"), (2, "a"), (3, "b")]);

    account.poll(&[&[&listing(&["x", "y", "z"]), &*retrieval, PROOF_OF_STEP, QUIT].concat()]);

    assert_eq!(account.delivered(), ["a\n", "a\n", "b\n"]);
}

#[test]
fn a_recognised_message_is_deleted_in_the_same_session() {
    let mut account = fetched();
    account.policy.keep = Keep::Never;
    let delete = "C: DELE 1\nC: DELE 2\nS: +OK\nS: +OK\n";
    let retrieval = retrieve(&[(1, "b"), (2, "a")]);

    let ended =
        account.poll(&[&[&listing_with_sizes(&["x", "y"]), &*retrieval, delete, QUIT].concat()]);

    assert_eq!((ended.exit(), ended.summary.deleted), (Exit::Done, 2));
    assert_eq!(account.delivered(), ["a\n", "b\n"]);
    assert_eq!(account.known(), ["x Gone", "y Gone"]);
}

#[test]
fn a_message_equal_to_a_deleted_one_is_new_mail() {
    let mut account = TestAccount::new(Keep::Never);
    let delete = "C: DELE 1\nC: DELE 2\nS: +OK\nS: +OK\n";
    account.poll(&[&[&fetch_a_and_b().replace(QUIT, ""), delete, QUIT].concat()]);
    account.poll(&[&["C: UIDL\nC: STAT\nS: +OK\nS: .\nS: +OK 0 0\n", QUIT].concat()]);
    let retrieval = retrieve(&[(1, "a")]);

    account.poll(&[&[&listing(&["x"]), &*retrieval, "C: DELE 1\nS: +OK\n", QUIT].concat()]);

    assert_eq!(account.delivered(), ["a\n", "a\n", "b\n"]);
}

#[test]
fn messages_missing_since_earlier_runs_are_recognised() {
    let mut account = fetched();
    account.poll(&[&["C: UIDL\nC: STAT\nS: +OK\nS: .\nS: +OK 0 0\n", QUIT].concat()]);

    account.poll(&[&[
        &listing(&["x", "y"]),
        &*retrieve(&[(1, "a"), (2, "b")]),
        QUIT,
    ]
    .concat()]);

    assert_eq!(account.delivered(), ["a\n", "b\n"]);
}

#[test]
fn an_interrupted_run_leaves_nothing_to_be_delivered_again() {
    let mut account = fetched();
    let cut = "C: RETR 1\nC: RETR 2\nS: +OK\nS: a\nS: .\nS: +OK\nS: b";
    account.poll(&[&[&listing(&["x", "y"]), cut].concat()]);
    assert_eq!(account.known(), ["b Delivered", "x Delivered", "y Failed"]);

    account.poll(&[&[&listing(&["x", "y"]), &*retrieve(&[(2, "b")]), QUIT].concat()]);

    assert_eq!(account.delivered(), ["a\n", "b\n"]);
    assert_eq!(account.known(), ["x Delivered", "y Delivered"]);
}

#[test]
fn messages_left_by_a_limit_are_recognised_next_time() {
    let mut account = fetched();
    account.policy.max_messages = Some(1);
    account.poll(&[&[&listing(&["x", "y"]), &*retrieve(&[(1, "a")]), QUIT].concat()]);

    account.poll(&[&[&listing(&["x", "y"]), &*retrieve(&[(2, "b")]), QUIT].concat()]);

    assert_eq!(account.delivered(), ["a\n", "b\n"]);
}

#[test]
fn a_known_unique_id_may_mean_another_vanished_message() {
    let mut account = fetched();
    account.policy.keep = Keep::Never;
    // The unique-id `a` means the message that was `b`, and has another size.
    let resized = listing_with_sizes(&["a"]).replace("S: 1 3", "S: 1 2");
    let delete = "C: DELE 1\nS: +OK\n";

    account.poll(&[&[&resized, &*retrieve(&[(1, "b")]), delete, QUIT].concat()]);

    assert_eq!(account.delivered(), ["a\n", "b\n"]);
    assert_eq!(account.known(), ["a Delivered", "a Gone"]);
}

#[test]
fn messages_that_move_up_one_number_are_recognised() {
    let mut account = fetched();
    account.policy.keep = Keep::Never;
    // The first message was deleted elsewhere, and a new one came.
    let listing = listing_with_sizes(&["a", "b"]).replace("S: 1 3", "S: 1 2");
    let listing = listing.replace("S: 2 3", "S: 2 2");
    let delete = "C: DELE 1\nC: DELE 2\nS: +OK\nS: +OK\n";

    account.poll(&[&[
        &listing,
        &*retrieve(&[(1, "b")]),
        &retrieve(&[(2, "c")]),
        delete,
        QUIT,
    ]
    .concat()]);

    assert_eq!(account.delivered(), ["a\n", "b\n", "c\n"]);
}
