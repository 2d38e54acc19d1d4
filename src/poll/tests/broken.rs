//! Sessions that break, and what is blamed for it.

use super::{QUIT, TestAccount};
use crate::exit::Exit;
use crate::mail::policy::Keep;

/// The listing of messages `a`, `b` and `c`. Their sizes differ, so that each message proves that no
/// reply was lost before it.
const LIST_A_B_C: &str = "C: UIDL
C: LIST
S: +OK
S: 1 a
S: 2 b
S: 3 c
S: .
S: +OK
S: 1 3
S: 2 42
S: 3 92
S: .
C: RETR 1
C: RETR 2
C: RETR 3
";

/// The same listing once something is known, and without pipelining.
const LIST_AGAIN: &str = "C: UIDL
S: +OK
S: 1 a
S: 2 b
S: 3 c
S: .
C: LIST
S: +OK
S: 1 3
S: 2 42
S: 3 92
S: .
";

fn gives(number: u32, text: &str) -> String {
    format!("C: RETR {number}\nS: +OK\nS: {text}\nS: .\n")
}

const A: &str = "S: +OK\nS: a\nS: .\n";

#[test]
fn refusals_before_a_break_are_counted_and_reported() {
    let mut account = TestAccount::new(Keep::Always);
    let refused = [LIST_A_B_C, A, "S: -ERR no\nfail reset"].concat();
    // The same run goes on without the refused message.
    let listing = LIST_AGAIN.replace("C: UIDL\n", "C: UIDL\nC: STAT\n");
    let listing = listing.replace("C: LIST\n", "S: +OK 3 137\nC: LIST\n");
    let rest = [&listing, &gives(3, &"c".repeat(90)), QUIT].concat();

    let ended = account.poll(&[&refused, &rest]);

    assert_eq!(ended.exit(), Exit::Temporary);
    assert_eq!(account.problems().len(), 1, "{:?}", account.problems());
    assert!(account.problems()[0].contains("the server said \"no\""));
    assert_eq!(account.known(), ["a Delivered", "b Failed", "c Delivered"]);
}

#[test]
fn a_flight_that_breaks_is_repeated_one_by_one() {
    for end in ["fail reset", ""] {
        let mut account = TestAccount::new(Keep::Always);
        let broken = [LIST_A_B_C, A, end].concat();
        // The message that was awaited is the last one.
        let rest = [
            LIST_AGAIN,
            &gives(3, &"c".repeat(90)),
            &gives(2, &"b".repeat(40)),
            QUIT,
        ]
        .concat();

        let ended = account.poll(&[&broken, &rest]);

        assert_eq!(ended.exit(), Exit::Done, "{:?}", account.problems());
        let delivered = account.delivered();
        assert_eq!(
            delivered.iter().map(String::len).collect::<Vec<_>>(),
            [2, 41, 91]
        );
        assert!(!account.last_run().has_lost_step);
    }
}

#[test]
fn a_message_that_breaks_a_session_alone_is_blamed() {
    let mut account = TestAccount::new(Keep::Always);
    let broken = [LIST_A_B_C, A].concat();
    let rest = [LIST_AGAIN, &gives(3, &"c".repeat(90)), "C: RETR 2\n"].concat();

    let ended = account.poll(&[&broken, &rest]);

    assert_eq!(ended.exit(), Exit::Temporary);
    assert_eq!(account.known(), ["a Delivered", "b Failed", "c Delivered"]);
    // Pipelining was not the cause.
    assert_eq!(account.last_run().doubted_flight, 0);
}

#[test]
fn a_doubt_outlives_a_run_that_cannot_connect_again() {
    let mut account = TestAccount::new(Keep::Always);
    let target = account.maildir();
    let broken = [LIST_A_B_C, A].concat();
    let mut is_first = true;
    let ended = account.poll_with(&target, |hints| {
        if std::mem::take(&mut is_first) {
            return Ok(crate::pop3::tests::hinted_session(hints, true, &broken));
        }
        Err(crate::exit::Failure::new("no connection", Exit::Temporary))
    });
    assert_eq!(ended.exit(), Exit::Temporary);
    let rest = [
        LIST_AGAIN,
        &gives(3, &"c".repeat(90)),
        &gives(2, &"b".repeat(40)),
        QUIT,
    ]
    .concat();

    let ended = account.poll(&[&rest]);

    assert_eq!(ended.exit(), Exit::Done, "{:?}", account.problems());
}
