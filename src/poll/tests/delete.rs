use super::compare::{list, retrieve};
use super::{LIST_A_AND_B, QUIT, RETR_A_AND_B, TestAccount};
use crate::exit::{Exit, Failure};
use crate::mail::policy::Keep;
use crate::pop3::tests::hinted_session;

const DELETE_BOTH: &str = "C: DELE 1
C: DELE 2
S: +OK
S: +OK
";

#[test]
fn messages_are_deleted_after_their_delivery_is_recorded() {
    let mut account = TestAccount::new(Keep::Never);
    let ended = account.poll(&[&[LIST_A_AND_B, RETR_A_AND_B, DELETE_BOTH, QUIT].concat()]);
    assert_eq!(ended.exit(), Exit::Done);
    assert_eq!(account.delivered(), ["a\n", "b\n"]);
    assert_eq!(account.known(), ["a Gone", "b Gone"]);
    assert_eq!((ended.summary.deleted, ended.summary.kept), (2, 0));
}

#[test]
fn only_a_reply_to_quit_makes_messages_gone() {
    for reply in ["S: -ERR some messages were not removed", ""] {
        let mut account = TestAccount::new(Keep::Never);
        let quit = ["C: QUIT\n", reply].concat();
        let script = [LIST_A_AND_B, RETR_A_AND_B, DELETE_BOTH, &quit].concat();
        let ended = account.poll(&[&script]);
        assert_eq!(ended.exit(), Exit::Temporary, "{reply}");
        assert_eq!(account.known(), ["a Delivered", "b Delivered"], "{reply}");
    }
}

#[test]
fn a_refused_deletion_is_reported_and_tried_again() {
    let mut account = TestAccount::new(Keep::Never);
    let delete = DELETE_BOTH.replacen("S: +OK", "S: -ERR locked", 1);
    let ended = account.poll(&[&[LIST_A_AND_B, RETR_A_AND_B, &delete, QUIT].concat()]);
    assert_eq!(ended.exit(), Exit::Temporary);
    assert_eq!(account.known(), ["a Delivered", "b Gone"]);
    assert_eq!(account.problems().len(), 1, "{:?}", account.problems());
}

#[test]
fn after_a_cut_session_deletions_come_before_new_messages() {
    let mut account = TestAccount::new(Keep::Never);
    let cut = "C: RETR 1\nC: RETR 2\nS: +OK\nS: a\nS: .\nS: +OK\nS: b";
    account.poll(&[&[LIST_A_AND_B, cut].concat()]);
    assert_eq!(account.known()[0], "a Delivered");
    let top_a = "C: TOP 1 0\nS: +OK\nS: a\nS: .\n";
    let delete_a = [LIST_A_AND_B, top_a, "C: DELE 1\nS: +OK\n", QUIT].concat();
    let only_b = "C: UIDL
        C: STAT
        S: +OK
        S: 1 b
        S: .
        S: +OK 1 3
        C: LIST
        S: +OK
        S: 1 3
        S: .
        C: RETR 1
        S: +OK
        S: b
        S: .
        C: DELE 1
        S: +OK
        C: QUIT
        S: +OK";
    let ended = account.poll(&[&delete_a, only_b]);
    assert_eq!(ended.exit(), Exit::Done);
    assert_eq!(account.known(), ["a Gone", "b Gone"]);
}

#[test]
fn deletions_left_by_a_refused_login_come_first_in_the_next_run() {
    let mut account = TestAccount::new(Keep::Never);
    let b_is_empty = "C: RETR 1\nC: RETR 2\nS: +OK\nS: a\nS: .\nS: +OK\nS: .\nC: NOOP\nS: +OK\n";
    let session = [LIST_A_AND_B, b_is_empty].concat();
    let mut answers = [Ok(session), Err("too many logins")].into_iter();
    let target = account.maildir();
    let ended = account.poll_with(&target, |hints| match answers.next() {
        Some(Ok(script)) => Ok(hinted_session(hints, true, &script)),
        refused => Err(Failure::new(format!("{refused:?}"), Exit::Temporary)),
    });
    assert_eq!((ended.summary.delivered, ended.summary.postponed), (1, 1));
    let top_a = "C: TOP 1 0\nS: +OK\nS: a\nS: .\n";
    let delete_a = [LIST_A_AND_B, top_a, "C: DELE 1\nS: +OK\n", QUIT].concat();
    let only_b = "C: UIDL\nC: STAT\nS: +OK\nS: 1 b\nS: .\nS: +OK 1 3\n";
    let size_and_b = "C: LIST\nS: +OK\nS: 1 3\nS: .\nC: RETR 1\nS: +OK\nS: .\nC: NOOP\nS: +OK\n";

    account.poll(&[&delete_a, &[only_b, size_and_b].concat()]);

    assert_eq!(account.known(), ["a Gone", "b Failed"]);
}

#[test]
fn a_server_that_refuses_all_deletions_shows_few_headers() {
    let mut account = TestAccount::new(Keep::Always);
    let ids: Vec<_> = (1..=20).map(|n| format!("m{n}")).collect();
    let listed: Vec<_> = ids.iter().map(|id| (&**id, 4, &**id)).collect();
    let all: Vec<_> = (1..=20).collect();
    account.poll(&[&[&list(&listed), &*retrieve(&listed, &all), QUIT].concat()]);
    account.policy.keep = Keep::Never;
    let refused = |last: usize| {
        let each = |text: fn(usize, &str) -> String| -> String {
            (1..=last).map(|n| text(n, &ids[n - 1])).collect()
        };
        [
            list(&listed),
            each(|n, _| format!("C: TOP {n} 0\n")),
            each(|_, id| format!("S: +OK\nS: {id}\nS: .\n")),
            each(|n, _| format!("C: DELE {n}\n")),
            "S: -ERR the mailbox is locked\n".repeat(last),
            QUIT.to_owned(),
        ]
        .concat()
    };
    account.poll(&[&refused(20)]);

    account.poll(&[&refused(10)]);

    assert_eq!(account.problems().len(), 2, "{:?}", account.problems());
}

#[test]
fn refusals_after_the_last_deletion_are_reported_together() {
    let ids = ["a", "b", "c", "d", "e", "f"];
    let numbered = |text: fn(usize, &str) -> String| -> String {
        (1..).zip(ids).map(|(n, id)| text(n, id)).collect()
    };
    let script = [
        "C: UIDL\nC: LIST\nS: +OK\n",
        &numbered(|n, id| format!("S: {n} {id}\n")),
        "S: .\nS: +OK\n",
        &numbered(|n, _| format!("S: {n} 3\n")),
        "S: .\n",
        &numbered(|n, _| format!("C: RETR {n}\n")),
        &numbered(|_, id| format!("S: +OK\nS: {id}\nS: .\n")),
        &numbered(|n, _| format!("C: DELE {n}\n")),
        "S: +OK\n",
        &"S: -ERR locked\n".repeat(5),
        QUIT,
    ];
    let mut account = TestAccount::new(Keep::Never);

    let ended = account.poll(&[&script.concat()]);

    assert_eq!(ended.exit(), Exit::Temporary);
    assert_eq!(account.known()[0], "a Gone");
    let problems = account.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("that stay: 5"), "{problems:?}");
}
