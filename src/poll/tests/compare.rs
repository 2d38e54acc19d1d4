//! Messages that are fetched again and compared with what was delivered.

use super::{LIST_A_AND_B, QUIT, TestAccount, fetch_a_and_b};
use crate::exit::Exit;
use crate::mail::policy::Keep;

/// A message in a listing: its unique-id, its size, and its lines.
pub(super) type Listed<'a> = (&'a str, u64, &'a str);

/// The listing of a mailbox of which sizes are asked for at once.
pub(super) fn list(messages: &[Listed<'_>]) -> String {
    let ids = numbered(messages, |(id, _, _)| (*id).to_owned());
    let sizes = numbered(messages, |(_, size, _)| size.to_string());
    format!("C: UIDL\nC: LIST\nS: +OK\n{ids}S: .\nS: +OK\n{sizes}S: .\n")
}

/// The listing of a mailbox of which only the sum of all sizes is asked for.
pub(super) fn list_sum(messages: &[Listed<'_>]) -> String {
    let ids = numbered(messages, |(id, _, _)| (*id).to_owned());
    let octets: u64 = messages.iter().map(|(_, size, _)| size).sum();
    let count = messages.len();
    format!("C: UIDL\nC: STAT\nS: +OK\n{ids}S: .\nS: +OK {count} {octets}\n")
}

/// The sizes, which are asked for because the sum is another one.
pub(super) fn sizes(messages: &[Listed<'_>]) -> String {
    let sizes = numbered(messages, |(_, size, _)| size.to_string());
    format!("C: LIST\nS: +OK\n{sizes}S: .\n")
}

fn numbered(messages: &[Listed<'_>], text: impl Fn(&Listed<'_>) -> String) -> String {
    let lines = (1..).zip(messages);
    lines
        .map(|(number, message)| format!("S: {number} {}\n", text(message)))
        .collect()
}

/// The retrieval of the messages with these numbers.
pub(super) fn retrieve(messages: &[Listed<'_>], numbers: &[usize]) -> String {
    let commands: String = numbers
        .iter()
        .map(|number| format!("C: RETR {number}\n"))
        .collect();
    let answers: String = numbers
        .iter()
        .map(|number| {
            let text = messages[number - 1].2.replace('\n', "\nS: ");
            format!("S: +OK\nS: {text}\nS: .\n")
        })
        .collect();
    commands + &answers
}

/// The retrieval of messages that are compared: each command waits for the reply to the one before it.
pub(super) fn retrieve_alone(messages: &[Listed<'_>], numbers: &[usize]) -> String {
    let each = numbers.iter();
    each.map(|number| retrieve(messages, &[*number])).collect()
}

/// The same after commands that were pipelined: once the first message has come, NOOP shows that no reply is
/// left over.
pub(super) fn retrieve_in_step(messages: &[Listed<'_>], numbers: &[usize]) -> String {
    let (first, others) = numbers.split_at(1);
    retrieve(messages, first) + PROOF_OF_STEP + &retrieve_alone(messages, others)
}

/// Two NOOPs, which show that no reply is left over.
pub(super) const PROOF_OF_STEP: &str = "C: NOOP\nS: +OK\nC: NOOP\nS: +OK\n";

pub(super) fn delete(numbers: &[usize]) -> String {
    let commands: String = numbers
        .iter()
        .map(|number| format!("C: DELE {number}\n"))
        .collect();
    commands + &"S: +OK\n".repeat(numbers.len())
}

pub(super) const MAIL: &str = "Message-ID: <1@x>\nDate: today\nFrom: ann\nSubject: s\n\nbody";

/// Returns [`MAIL`] with one more header line.
fn with(line: &str) -> String {
    MAIL.replace("\n\n", &format!("\n{line}\n\n"))
}

/// An account that has fetched [`MAIL`] under the unique-id "a", and keeps it on the server.
fn account_with_mail() -> TestAccount {
    let mut account = TestAccount::new(Keep::Always);
    let first = [("a", 63, MAIL)];
    let script = [list(&first), retrieve(&first, &[1]), QUIT.to_owned()].concat();
    assert_eq!(account.poll(&[&script]).exit(), Exit::Done);
    account
}

#[test]
fn new_mail_under_a_known_unique_id_is_fetched() {
    let mut account = TestAccount::new(Keep::Always);
    account.poll(&[&fetch_a_and_b()]);
    let reused = [("a", 3, "a"), ("b", 5, "new")];
    let script = [
        list_sum(&reused),
        sizes(&reused),
        retrieve(&reused, &[2]),
        QUIT.to_owned(),
    ];
    assert_eq!(account.poll(&[&script.concat()]).exit(), Exit::Done);
    assert_eq!(account.delivered(), ["a\n", "b\n", "new\n"]);
    // The next run needs neither sizes nor messages.
    let script = [&*list_sum(&reused), QUIT].concat();
    assert_eq!(account.poll(&[&script]).exit(), Exit::Done);
}

#[test]
fn a_line_added_by_the_server_repeats_nothing() {
    let mut account = account_with_mail();
    let read = with("Status: RO\nX-UID: 7");
    let listed = [("a", 85, &*read)];
    let script = [
        list_sum(&listed),
        sizes(&listed),
        retrieve(&listed, &[1]),
        QUIT.to_owned(),
    ];
    account.poll(&[&script.concat()]);
    account.poll(&[&[&*list_sum(&listed), QUIT].concat()]);
    assert_eq!(account.delivered().len(), 1);
    let problems = account.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("only header lines have changed"));
}

#[test]
fn a_line_added_by_the_server_does_not_keep_a_message_there() {
    let mut account = account_with_mail();
    account.policy.keep = Keep::Never;
    let read = with("Status: RO");
    let listed = [("a", 75, &*read)];
    let script = [
        list(&listed),
        retrieve(&listed, &[1]),
        delete(&[1]),
        QUIT.to_owned(),
    ];
    let ended = account.poll(&[&script.concat()]);
    assert_eq!((ended.summary.deleted, account.delivered().len()), (1, 1));
    assert_eq!(account.known(), ["a Gone"]);
}

#[test]
fn a_message_that_changes_each_time_is_delivered_twice_at_most() {
    let mut account = TestAccount::new(Keep::Never);
    for (number, is_delivered) in [(1, true), (2, true), (3, false)] {
        let stamped = with(&format!("X-Stamp: {number}"));
        let listed = [("a", 60, &*stamped)];
        // The server ignores DELE.
        let listing = match number {
            1 => list(&listed),
            _ => list_sum(&listed) + &sizes(&listed),
        };
        let end = match is_delivered {
            true => delete(&[1]),
            false => String::new(),
        };
        let script = [listing, retrieve(&listed, &[1]), end, QUIT.to_owned()];
        let ended = account.poll(&[&script.concat()]);
        assert_eq!(
            ended.summary.delivered,
            usize::from(is_delivered),
            "{number}"
        );
        let exit = if is_delivered {
            Exit::Done
        } else {
            Exit::Protocol
        };
        assert_eq!(ended.exit(), exit, "{number}");
    }
    let listed = [("a", 60, "")];
    let quiet = account.poll(&[&[&*list_sum(&listed), QUIT].concat()]);
    assert_eq!(quiet.exit(), Exit::Done);
    assert_eq!(account.problems().len(), 1, "{:?}", account.problems());
    assert_eq!(account.delivered().len(), 2);
}

#[test]
fn a_reused_unique_id_is_new_mail_however_often() {
    let mut account = TestAccount::new(Keep::Never);
    for number in 1..=4 {
        let mail = MAIL.replace("<1@x>", &format!("<{number}@x>"));
        let listed = [("a", 63, &*mail)];
        let listing = match number {
            1 => list(&listed),
            _ => list_sum(&listed) + &sizes(&listed),
        };
        let script = [
            listing,
            retrieve(&listed, &[1]),
            delete(&[1]),
            QUIT.to_owned(),
        ];
        assert_eq!(account.poll(&[&script.concat()]).summary.delivered, 1);
    }
    assert_eq!(account.delivered().len(), 4);
}

#[test]
fn messages_under_one_unique_id_are_each_delivered_once() {
    for c_size in [3, 2] {
        let [a, b, c] = [("u", 3, "a"), ("u", 3, "b"), ("u", c_size, "c")];
        let mut account = TestAccount::new(Keep::Always);
        let first = [list(&[a]), retrieve(&[a], &[1]), QUIT.to_owned()];
        account.poll(&[&first.concat()]);
        // The listing leaves the second message out.
        let both = [a, c];
        let numbers: &[usize] = if c_size == 3 { &[1, 2] } else { &[2] };
        let second = [
            list_sum(&both),
            sizes(&both),
            retrieve_alone(&both, numbers),
            QUIT.to_owned(),
        ];
        account.poll(&[&second.concat()]);
        let all = [a, b, c];
        let numbers: &[usize] = if c_size == 3 { &[1, 2, 3] } else { &[1, 2] };
        let third = [
            list_sum(&all),
            sizes(&all),
            retrieve_alone(&all, numbers),
            QUIT.to_owned(),
        ];
        account.poll(&[&third.concat()]);
        assert_eq!(account.delivered(), ["a\n", "b\n", "c\n"], "{c_size}");
        let quiet = account.poll(&[&[&*list_sum(&all), QUIT].concat()]);
        assert_eq!(quiet.exit(), Exit::Done);
    }
}

#[test]
fn a_listed_copy_with_another_status_line_is_delivered() {
    let mut account = account_with_mail();
    let read = with("Status: RO");
    let both = [("a", 63, MAIL), ("a", 75, &*read)];
    let script = [
        list_sum(&both),
        sizes(&both),
        retrieve(&both, &[2]),
        QUIT.to_owned(),
    ];
    account.poll(&[&script.concat()]);
    assert_eq!(account.delivered().len(), 2);
}

/// An account whose DELE for messages `a` and `b` was sent, but whose QUIT got no answer.
fn unanswered() -> TestAccount {
    let mut account = TestAccount::new(Keep::Never);
    let messages = [("a", 3, "a"), ("b", 3, "b")];
    let script = [
        LIST_A_AND_B.to_owned(),
        retrieve(&messages, &[1, 2]),
        delete(&[1, 2]),
        "C: QUIT".to_owned(),
    ];
    assert_eq!(account.poll(&[&script.concat()]).exit(), Exit::Temporary);
    account
}

#[test]
fn after_an_unanswered_quit_equal_sizes_prove_nothing() {
    let mut account = unanswered();
    let reused = [("a", 3, "a"), ("b", 3, "c")];
    let script = [
        list(&reused),
        retrieve_alone(&reused, &[1, 2]),
        delete(&[2, 1]),
        QUIT.to_owned(),
    ];
    account.poll(&[&script.concat()]);
    assert_eq!(account.delivered(), ["a\n", "b\n", "c\n"]);
    assert_eq!(account.known(), ["a Gone", "b Gone", "b Gone"]);
}

#[test]
fn a_message_after_an_unanswered_quit_is_noticed_with_keep() {
    let mut account = unanswered();
    account.policy.keep = Keep::Always;
    let reused = [("a", 3, "a"), ("b", 3, "c")];
    let script = [
        list_sum(&reused),
        sizes(&reused),
        retrieve_alone(&reused, &[1, 2]),
        QUIT.to_owned(),
    ];
    account.poll(&[&script.concat()]);
    assert_eq!(account.delivered(), ["a\n", "b\n", "c\n"]);
    assert_eq!(account.known(), ["a Delivered", "b Gone", "b Delivered"]);
    let quiet = account.poll(&[&[&*list_sum(&reused), QUIT].concat()]);
    assert_eq!(quiet.exit(), Exit::Done);
}

#[test]
fn the_third_generation_of_a_unique_id_is_noticed() {
    let mut account = TestAccount::new(Keep::Never);
    let messages = |text| [("a", 3, text)];
    let session = |listing: String, text, quit: &str| {
        let parts = [listing, retrieve(&messages(text), &[1]), delete(&[1])];
        parts.concat() + quit
    };
    let again = |text| list_sum(&messages(text)) + &sizes(&messages(text));
    account.poll(&[&session(list(&messages("1")), "1", QUIT)]);
    // The second one is deleted without an answer that says so.
    account.poll(&[&session(again("2"), "2", "C: QUIT")]);
    account.poll(&[&session(list(&messages("3")), "3", QUIT)]);
    assert_eq!(account.delivered(), ["1\n", "2\n", "3\n"]);
    assert_eq!(account.known(), ["a Gone", "a Gone", "a Gone"]);
}

#[test]
fn after_ten_equal_results_new_sizes_are_ignored() {
    let mut account = account_with_mail();
    for number in 1..=12u64 {
        let read = with(&format!("X-Keywords: {}", "x".repeat(number as usize)));
        let listed = [("a", 77 + number, &*read)];
        let mut script = list_sum(&listed);
        if number <= 10 {
            script += &sizes(&listed);
            script += &retrieve(&listed, &[1]);
        }
        account.poll(&[&(script + QUIT)]);
    }
    assert_eq!(account.delivered().len(), 1);
    let problems = account.problems();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[1].contains("a new size is no reason"));
}

#[test]
fn a_changed_keep_holds_deletions_but_compares() {
    let names: Vec<_> = (0..101).map(|n| format!("{n:03}")).collect();
    let mut listed: Vec<_> = names.iter().map(|name| (&**name, 5, &**name)).collect();
    let mut account = TestAccount::new(Keep::Always);
    let all: Vec<_> = (1..=101).collect();
    let fetch = list(&listed) + &retrieve(&listed, &all) + QUIT;
    account.poll(&[&fetch]);
    account.policy.keep = Keep::Never;
    listed[7] = ("007", 7, "other");
    // New mail is deleted as usual.
    let script = list(&listed) + &retrieve(&listed, &[8]) + &delete(&[8]);
    let ended = account.poll(&[&(script + QUIT)]);
    assert_eq!(ended.exit(), Exit::Configuration);
    assert_eq!((account.delivered().len(), ended.summary.deleted), (102, 1));
}

#[test]
fn a_kill_at_quit_does_not_keep_messages_on_the_server() {
    let mut account = TestAccount::new(Keep::Never);
    let names: Vec<_> = (0..40).map(|n| format!("{n:03}")).collect();
    let listed: Vec<_> = names.iter().map(|name| (&**name, 5, &**name)).collect();
    let all: Vec<_> = (1..=40).collect();
    let first = list(&listed) + &retrieve(&listed, &all) + &delete(&all) + "C: QUIT";
    account.poll(&[&first]);
    let second = list(&listed) + &retrieve_alone(&listed, &all) + &delete(&all) + QUIT;
    let ended = account.poll(&[&second]);
    assert_eq!(ended.summary.deleted, 40);
}
