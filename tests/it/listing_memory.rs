//! The memory that the listings of all accounts share. The tests give the program little of it, so that
//! short listings fill it. For the peak of the whole process see `memory`.

use crate::support::mail::notes;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::script::{QUIT, Script, ScriptServer};

/// The number of messages in a listing, each with a unique-id of [`UNIQUE_ID`] octets.
const MESSAGES: usize = 30;
const UNIQUE_ID: usize = 1000;
/// The octets of memory for all listings. One listing fits, and two do not.
const MEMORY: usize = 40_000;

/// A script in which the server can send a long listing: `send ids`, `send sizes`.
fn script(conversation: &str) -> Script {
    let answer = |line: &dyn Fn(usize) -> String| {
        let lines: String = (1..=MESSAGES).map(line).collect();
        format!("+OK\r\n{lines}.\r\n")
    };
    Script::new(conversation)
        .attach("ids", answer(&|n| format!("{n} {n:0UNIQUE_ID$}\r\n")))
        .attach("sizes", answer(&|n| format!("{n} 17\r\n")))
}

const LIST: &str = "
    login
    C: UIDL
    C: LIST
    send ids
    ";

fn account(sandbox: &Sandbox, name: &str, server: &ScriptServer) {
    sandbox.account(name, server.address(), "max-messages = 1");
}

fn fetch_within(sandbox: &Sandbox, memory: usize) -> Program {
    let program = sandbox.mailpull(["fetch"]);
    program.env("MAILPULL_TEST_LISTING_MEMORY", memory.to_string())
}

#[test]
fn an_account_waits_for_the_memory_of_another() {
    let fetch = "
        send sizes
        C: RETR 1";
    let held = "
        reached fetching
        hold fetching
        gives a";
    let first = script(&[LIST, fetch, held, QUIT].concat()).serve();
    let refused = "
        stall
        reached refused";
    let start = "
        reached start
        hold start";
    let second = script(&[start, LIST, refused].concat())
        .then([LIST, fetch, "\ngives b", QUIT].concat())
        .serve();
    let sandbox = Sandbox::new();
    account(&sandbox, "first", &first);
    account(&sandbox, "second", &second);

    let run = fetch_within(&sandbox, MEMORY).start();
    first.reached("fetching");
    second.reached("start");
    second.release("start");
    second.reached("refused");
    first.release("fetching");

    run.wait().succeeds().is_silent();
    first.finish();
    second.finish();
    sandbox.maildir("first").holds(&notes(["a"]));
    sandbox.maildir("second").holds(&notes(["b"]));
}

#[test]
fn a_listing_that_fits_into_no_memory_is_refused() {
    let server = script(LIST).serve();
    let sandbox = Sandbox::new();
    account(&sandbox, "work", &server);

    let outcome = fetch_within(&sandbox, MEMORY / 2).run();

    outcome.fails_with(76).complains_in_lines(1);
    outcome.stderr_has("it needs more memory than mailpull uses for listings");
    server.finish();
}
