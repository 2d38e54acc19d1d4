//! Messages of earlier sessions that are due for deletion: their headers show that they are the same.

use super::compare::{Listed, MAIL, delete, list, retrieve, retrieve_alone, retrieve_in_step};
use super::{Ended, Error, QUIT, TestAccount};
use crate::exit::Exit;
use crate::mail::policy::Keep;
use crate::pop3::tests::session_with_top;
use crate::report::Summary;

const OTHER: &str = "Message-ID: <2@x>\nDate: today\nFrom: bob\nSubject: t\n\nelse";
const NOTE: &str = "Subject: note\n\nnote";

impl TestAccount {
    /// Polls a server that has TOP, also if the script has not.
    fn poll_with_top(&mut self, script: &str) -> Ended {
        let target = self.maildir();
        self.poll_with(&target, |hints| Ok(session_with_top(hints, script)))
    }
}

/// The headers of the messages with these numbers.
fn top(messages: &[Listed<'_>], numbers: &[usize]) -> String {
    let commands = numbers.iter().map(|number| format!("C: TOP {number} 0\n"));
    let answers = numbers.iter().map(|number| {
        let text = messages[number - 1].2;
        let header = text.split("\n\n").next().unwrap_or_default();
        format!("S: +OK\nS: {}\nS: \nS: .\n", header.replace('\n', "\nS: "))
    });
    commands.chain(answers).collect()
}

/// An account that has fetched messages in an earlier session, and is to delete them now.
fn account_with(messages: &[Listed<'_>]) -> TestAccount {
    let mut account = TestAccount::new(Keep::Always);
    let numbers: Vec<_> = (1..=messages.len()).collect();
    let script = [&list(messages), &*retrieve(messages, &numbers), QUIT].concat();
    assert_eq!(account.poll(&[&script]).exit(), Exit::Done);
    account.policy.keep = Keep::Never;
    account
}

#[test]
fn equal_headers_allow_deletion_without_a_download() {
    let messages = [("a", 63, MAIL), ("b", 20, NOTE)];
    let mut account = account_with(&messages);
    let headers = top(&messages, &[1, 2]);

    let ended = account.poll(&[&[&list(&messages), &*headers, &delete(&[1, 2]), QUIT].concat()]);

    assert_eq!((ended.exit(), ended.summary.deleted), (Exit::Done, 2));
    assert_eq!(account.known(), ["a Gone", "b Gone"]);
}

#[test]
fn another_message_of_equal_size_is_delivered_before_its_deletion() {
    let mut account = account_with(&[("a", 63, MAIL), ("b", 20, NOTE)]);
    let now = [("a", 63, OTHER), ("b", 20, NOTE)];
    let session = [
        &list(&now),
        &*top(&now, &[1, 2]),
        &retrieve_in_step(&now, &[1]),
        &delete(&[2, 1]),
        QUIT,
    ];

    let ended = account.poll(&[&session.concat()]);

    assert_eq!((ended.exit(), ended.summary.deleted), (Exit::Done, 2));
    let other = format!("{OTHER}\n");
    assert!(account.delivered().contains(&other));
    assert_eq!(account.delivered().len(), 3);
    assert_eq!(account.known(), ["a Delivered", "a Gone", "b Gone"]);
}

#[test]
fn a_header_that_many_messages_may_have_proves_nothing() {
    let (old, new) = (
        "Subject: 1\nDate: today\n\n20 C",
        "Subject: 1\nDate: today\n\n30 C",
    );
    let mut account = account_with(&[("1", 33, old), ("b", 63, MAIL)]);
    let now = [("1", 33, new), ("b", 63, MAIL)];
    let headers = top(&now, &[1, 2]);
    let session = [
        &list(&now),
        &*headers,
        &retrieve_in_step(&now, &[1]),
        &delete(&[2, 1]),
        QUIT,
    ];

    let ended = account.poll(&[&session.concat()]);

    assert_eq!((ended.exit(), ended.summary.deleted), (Exit::Done, 2));
    assert!(account.delivered().contains(&format!("{new}\n")));
}

#[test]
fn header_lines_of_servers_cost_no_download() {
    let unread = "Subject: note\n\nnote";
    let read = "Subject: note\nStatus: RO\n\nnote";
    let mut account = account_with(&[("a", 20, unread)]);
    let now = [("a", 20, read)];

    account.poll(&[&[&list(&now), &*top(&now, &[1]), &delete(&[1]), QUIT].concat()]);

    assert_eq!(account.known(), ["a Gone"]);
}

#[test]
fn a_refused_top_leaves_the_decision_to_the_sizes() {
    for (sizes, tell) in [([63, 20], true), ([7, 7], false)] {
        let messages = [("a", sizes[0], MAIL), ("b", sizes[1], NOTE)];
        let mut account = account_with(&messages);
        let refused = "C: TOP 1 0\nC: TOP 2 0\nS: -ERR no\nS: -ERR no\n";
        let both = match tell {
            true => String::new(),
            false => retrieve_in_step(&messages, &[1, 2]),
        };
        let session = [&list(&messages), refused, &both, &delete(&[1, 2]), QUIT];

        let ended = account.poll(&[&session.concat()]);

        assert_eq!((ended.exit(), ended.summary.deleted), (Exit::Done, 2));
        assert_eq!(account.delivered().len(), 2);
    }
}

#[test]
fn equal_sizes_without_top_ask_for_a_comparison() {
    let mut account = account_with(&[("a", 0, MAIL), ("b", 0, NOTE)]);
    let now = [("a", 0, OTHER), ("b", 0, NOTE)];
    let session = [
        &list(&now),
        &*retrieve_alone(&now, &[1, 2]),
        &delete(&[1, 2]),
    ];

    let ended = account.poll(&[&[&*session.concat(), QUIT].concat()]);

    assert_eq!((ended.exit(), ended.summary.deleted), (Exit::Done, 2));
    assert_eq!(account.delivered().len(), 3);
}

#[test]
fn a_reused_unique_id_makes_the_others_doubtful_without_top() {
    let mut account = account_with(&[("a", 63, MAIL), ("b", 20, NOTE)]);
    account.policy.keep = Keep::Always;
    // The size shows that "a" is another message.
    let now = [("a", 57, OTHER), ("b", 20, NOTE)];
    let sum = "C: UIDL\nC: STAT\nS: +OK\nS: 1 a\nS: 2 b\nS: .\nS: +OK 2 90\n";
    let sizes = "C: LIST\nS: +OK\nS: 1 57\nS: 2 20\nS: .\n";
    account.poll(&[&[sum, sizes, &retrieve(&now, &[1]), QUIT].concat()]);
    account.policy.keep = Keep::Never;
    let now = [("b", 20, "Subject: third\n\nthird")];
    let sent = retrieve(&now, &[1]);

    account.poll(&[&[&list(&now), &*sent, &delete(&[1]), QUIT].concat()]);

    assert_eq!(account.delivered().len(), 4);
}

#[test]
fn headers_are_not_asked_for_after_ten_that_proved_nothing() {
    let ids: Vec<String> = (0..10).map(|n| format!("m{n}")).collect();
    let texts: Vec<String> = (0..10)
        .map(|n| format!("Subject: {}\n\n{}", ids[n], "x".repeat(n + 3)))
        .collect();
    let messages: Vec<Listed<'_>> = (0..10)
        .map(|n| (&*ids[n], 20 + n as u64, &*texts[n]))
        .collect();
    let mut account = account_with(&messages);
    let numbers: Vec<_> = (1..=10).collect();
    let empty: Vec<Listed<'_>> = messages
        .iter()
        .map(|&(id, size, _)| (id, size, ""))
        .collect();
    let session = [
        &list(&messages),
        &*top(&empty, &numbers),
        &retrieve_in_step(&messages, &numbers),
        &delete(&numbers),
        QUIT,
    ];
    let ended = account.poll(&[&session.concat()]);
    assert_eq!((ended.exit(), ended.summary.deleted), (Exit::Done, 10));
    assert_eq!(account.problems().len(), 1, "{:?}", account.problems());
    account.policy.keep = Keep::Always;
    let later = [("later", 63, MAIL)];
    let sum = "C: UIDL\nC: STAT\nS: +OK\nS: 1 later\nS: .\nS: +OK 1 63\n";
    let size = "C: LIST\nS: +OK\nS: 1 63\nS: .\n";
    account.poll(&[&[sum, size, &retrieve(&later, &[1]), QUIT].concat()]);
    account.policy.keep = Keep::Never;

    let ended = account.poll_with_top(&[&list(&later), &*delete(&[1]), QUIT].concat());

    assert_eq!((ended.exit(), ended.summary.deleted), (Exit::Done, 1));
}

#[test]
fn a_session_that_breaks_at_top_deletes_nothing_and_counts() {
    let messages = [("a", 63, MAIL)];
    let mut account = account_with(&messages);
    let broken = [&list(&messages), "C: TOP 1 0\n"].concat();

    let ended = account.poll(&[&broken]);

    assert_eq!(ended.exit(), Exit::Temporary);
    assert_eq!(account.last_run().recognitions, 1);
    assert_eq!(account.known(), ["a Delivered"]);
}

#[test]
fn a_server_that_breaks_off_at_top_is_not_asked_again() {
    let messages = [("a", 63, MAIL)];
    let mut account = account_with(&messages);
    let broken = [&list(&messages), "C: TOP 1 0\n"].concat();
    for _ in 0..5 {
        assert_eq!(account.poll(&[&broken]).exit(), Exit::Temporary);
    }

    let ended = account.poll_with_top(&[&list(&messages), &*delete(&[1]), QUIT].concat());

    assert_eq!((ended.exit(), ended.summary.deleted), (Exit::Done, 1));
}

#[test]
fn a_retry_asks_for_headers_again() {
    let messages = [("a", 63, MAIL)];
    let mut account = account_with(&messages);
    let broken = [&list(&messages), "C: TOP 1 0\n"].concat();
    for _ in 0..5 {
        account.poll(&[&broken]);
    }
    account.policy.keep = Keep::Always;
    account.poll(&[&[
        "C: UIDL\nC: STAT\nS: +OK\nS: 1 a\nS: .\nS: +OK 1 63\n",
        QUIT,
    ]
    .concat()]);
    account.policy.keep = Keep::Never;
    account.retries_all = true;

    account.poll(&[&[
        &list(&messages),
        &*top(&messages, &[1]),
        &delete(&[1]),
        QUIT,
    ]
    .concat()]);

    assert_eq!(account.known(), ["a Gone"]);
}

#[test]
fn a_signal_at_top_does_not_count_against_the_server() {
    let mut account = account_with(&[("a", 63, MAIL)]);
    let last = account.last_run();

    let (target, mut summary) = (account.maildir(), Summary::default());
    let asked: Result<(), _> = account.with_poll(&target, &mut summary, |mut poll| {
        poll.count_breaks_at_top(&last, |_| Err(Error::Interrupted))
    });

    assert!(matches!(asked, Err(Error::Interrupted)));
    assert_eq!(account.last_run().recognitions, 0);
}

#[test]
fn a_whole_message_as_the_answer_to_top_shows_its_header() {
    let messages = [("a", 63, MAIL)];
    let mut account = account_with(&messages);
    let header = top(&messages, &[1]);
    let body = "S: a line of the body\n".repeat(100_000);
    let whole = header.replace("S: .\n", &format!("{body}S: .\n"));

    account.poll(&[&[&list(&messages), &*whole, &delete(&[1]), QUIT].concat()]);

    assert_eq!(account.known(), ["a Gone"]);
}
