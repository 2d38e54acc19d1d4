//! Which of the new messages a run fetches, and in which order.

use crate::support::mail::{Message, note, notes};
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;

/// A message of 1,000 octets.
fn large(unique_id: &str) -> Message {
    let mut message = note(unique_id);
    let filler = "x".repeat(998 - message.octets.len());
    message.octets.extend_from_slice(filler.as_bytes());
    message.octets.extend_from_slice(b"\r\n");
    message
}

/// What a server was asked for, in order.
fn retrieved(server: &ModelServer) -> Vec<String> {
    let retrieved = server.log().retrieved;
    let names = retrieved.into_iter().map(String::from_utf8);
    names.map(|name| name.expect("it is text")).collect()
}

#[test]
fn the_oldest_message_comes_first_unless_the_newest_is_wanted() {
    for (keys, expected) in [
        ("", ["a", "b", "c"]),
        ("order = 'oldest-first'", ["a", "b", "c"]),
        ("order = 'newest-first'", ["c", "b", "a"]),
    ] {
        let server = ModelServer::start(notes(["a", "b", "c"]));
        let sandbox = Sandbox::with_work(server.address(), keys);

        sandbox.fetch().succeeds().is_silent();

        assert_eq!(retrieved(&server), expected, "{keys}");
    }
}

#[test]
fn max_messages_leaves_the_rest_to_the_next_runs() {
    let server = ModelServer::start(notes(["a", "b", "c", "d", "e"]));
    let sandbox = Sandbox::with_work(server.address(), "max-messages = 2");
    for after in [2, 4, 5, 5] {
        sandbox.fetch().succeeds().is_silent();

        assert_eq!(sandbox.work().count("new"), after);
    }
    assert_eq!(retrieved(&server), ["a", "b", "c", "d", "e"]);
}

#[test]
fn with_max_messages_the_newest_can_be_chosen() {
    let server = ModelServer::start(notes(["a", "b", "c"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    let few = ["fetch", "--max-messages", "2", "--order", "newest-first"];

    sandbox.mailpull(few).run().succeeds().is_silent();

    assert_eq!(retrieved(&server), ["c", "b"]);
}

#[test]
fn a_message_over_max_size_stays_on_the_server_and_that_is_said_once() {
    let server = ModelServer::start(vec![note("a"), large("b"), note("c")]);
    let sandbox = Sandbox::with_work(server.address(), "max-size = '999 B'\nkeep = false");

    sandbox.fetch().succeeds().stderr_is(
        "mailpull: work: message b (1.0 kB) is larger than max-size; it stays on the server\n",
    );

    sandbox.fetch().succeeds().is_silent();
    assert_eq!(retrieved(&server), ["a", "c"]);
    assert_eq!(server.unique_ids(), [b"b"]);
    sandbox.work().holds(&notes(["a", "c"]));
}

#[test]
fn a_message_of_just_max_size_is_fetched_and_a_greater_one_once_the_limit_is_raised() {
    let server = ModelServer::start(vec![large("a"), large("b")]);
    server.change(|behaviour| behaviour.lies = [(b"b".to_vec(), "1001".to_owned())].into());
    let sandbox = Sandbox::with_work(server.address(), "max-size = '1 KB'");
    sandbox.fetch().succeeds();
    assert_eq!(retrieved(&server), ["a"]);

    let outcome = sandbox.mailpull(["fetch", "--max-size", "2KB"]).run();

    outcome.succeeds().is_silent();
    sandbox.work().holds(&[large("a"), large("b")]);
}

#[test]
fn a_message_over_max_size_is_not_delivered_whatever_list_says_of_it() {
    for lie in ["1", "0", "-1"] {
        let server = ModelServer::start(vec![note("a"), large("b"), note("c")]);
        server.change(|behaviour| behaviour.lies = [(b"b".to_vec(), lie.to_owned())].into());
        let sandbox = Sandbox::with_work(server.address(), "max-size = '900 B'\nkeep = false");

        sandbox
            .fetch()
            .succeeds()
            .complains_in_lines(1)
            .stderr_has("message b")
            .stderr_has("is larger than max-size; it stays on the server");

        sandbox.fetch().succeeds().is_silent();
        assert_eq!(server.unique_ids(), [b"b"]);
        sandbox.work().holds(&notes(["a", "c"]));
    }
}

#[test]
fn quit_is_not_said_after_a_message_that_was_retrieved_and_thrown_away() {
    // There are servers that hide or delete what was retrieved, once they hear QUIT.
    let server = ModelServer::start(vec![note("a"), large("b")]);
    server.change(|behaviour| behaviour.lies = [(b"b".to_vec(), "1".to_owned())].into());
    let sandbox = Sandbox::with_work(server.address(), "max-size = '900 B'");

    sandbox.fetch().succeeds().complains_in_lines(1);

    assert_eq!(
        (retrieved(&server).len(), server.log().count("QUIT")),
        (2, 0)
    );
    sandbox.work().holds(&notes(["a"]));
    sandbox.fetch().succeeds().is_silent();
    assert_eq!(
        (retrieved(&server).len(), server.log().count("QUIT")),
        (2, 1)
    );
}

#[test]
fn max_total_bounds_a_run_but_one_message_is_always_fetched() {
    let server = ModelServer::start(vec![large("a"), note("b"), note("c"), large("d")]);
    let sandbox = Sandbox::with_work(server.address(), "max-total = '40 B'");
    for after in [1, 3, 4] {
        sandbox.fetch().succeeds().is_silent();

        assert_eq!(sandbox.work().count("new"), after);
    }
    assert_eq!(retrieved(&server), ["a", "b", "c", "d"]);
}

#[test]
fn who_wants_to_hear_nothing_but_errors_hears_no_warning() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "max-size = 1");

    let outcome = sandbox.mailpull(["fetch", "-q"]).run();

    outcome.succeeds().is_silent();
}
