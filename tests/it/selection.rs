//! The selection of new messages: their order, and the limits on their number and size.

use crate::support::mail::{TestMessage, note, notes};
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;

/// A message of 1,000 octets.
fn large(unique_id: &str) -> TestMessage {
    let mut message = note(unique_id);
    let filler = "x".repeat(998 - message.octets.len());
    message.octets.extend_from_slice(filler.as_bytes());
    message.octets.extend_from_slice(b"\r\n");
    message
}

/// Returns the unique-ids of the messages that were retrieved, in order.
fn retrieved(server: &ModelServer) -> Vec<String> {
    let retrieved = server.log().retrieved;
    let names = retrieved.into_iter().map(String::from_utf8);
    names
        .map(|name| name.expect("the unique-ids of notes are text"))
        .collect()
}

#[test]
fn messages_come_oldest_first_unless_order_says_otherwise() {
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
fn max_messages_can_take_the_newest() {
    let server = ModelServer::start(notes(["a", "b", "c"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    let few = ["fetch", "--max-messages", "2", "--order", "newest-first"];

    sandbox.mailpull(few).run().succeeds().is_silent();

    assert_eq!(retrieved(&server), ["c", "b"]);
}

#[test]
fn newest_first_reaches_the_oldest_while_mail_arrives() {
    let server = ModelServer::start(notes(["a", "b", "c", "d"]));
    let keys = "max-messages = 2\norder = 'newest-first'\nkeep = false";
    let sandbox = Sandbox::with_work(server.address(), keys);
    for arriving in [["e", "f"], ["g", "h"], ["i", "j"]] {
        sandbox.fetch().succeeds().is_silent();
        for name in arriving {
            server.add(note(name));
        }
    }
    assert_eq!(retrieved(&server), ["d", "c", "f", "a", "h", "b"]);
}

#[test]
fn a_message_over_max_size_stays_and_is_reported_once() {
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
fn max_size_is_inclusive_and_a_raised_limit_fetches_more() {
    let server = ModelServer::start(vec![large("a"), large("b")]);
    server.change(|behaviour| behaviour.lies = [(b"b".to_vec(), "1001".to_owned())].into());
    let sandbox = Sandbox::with_work(server.address(), "max-size = '1 KB'");
    sandbox.fetch().succeeds();
    assert_eq!(retrieved(&server), ["a"]);

    let outcome = sandbox.mailpull(["fetch", "--max-size", "2KB"]).run();

    outcome
        .succeeds()
        .stderr_has("message b does not have the size");
    sandbox.work().holds(&[large("a"), large("b")]);
}

#[test]
fn max_size_holds_even_when_list_reports_less() {
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
fn no_quit_follows_a_message_retrieved_and_discarded() {
    // Some servers hide or delete retrieved messages when the session ends with QUIT.
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
fn max_total_counts_what_arrives_and_not_what_list_says() {
    for (pipelining, most) in [(false, 3), (true, 6)] {
        let names: Vec<_> = (0..20).map(|n| format!("m{n:02}")).collect();
        let messages: Vec<_> = names.iter().map(|name| large(name)).collect();
        let server = ModelServer::start(messages.clone());
        let lies = names
            .iter()
            .map(|name| (name.clone().into_bytes(), "10".to_owned()));
        server.change(|behaviour| {
            behaviour.lies = lies.collect();
            behaviour.pipelining = pipelining;
        });
        let sandbox = Sandbox::with_work(server.address(), "max-total = '2500 B'");

        let delivered = || sandbox.work().messages().len();
        for run in 1..=10 {
            let before = delivered();
            sandbox.fetch();
            let fetched = delivered() - before;
            assert!(fetched <= most, "{pipelining} {run}: {fetched}");
        }

        sandbox.work().holds(&messages);
    }
}

#[test]
fn max_total_limits_a_run_to_at_least_one_message() {
    let server = ModelServer::start(vec![large("a"), note("b"), note("c"), large("d")]);
    let sandbox = Sandbox::with_work(server.address(), "max-total = '40 B'");
    for after in [1, 3, 4] {
        sandbox.fetch().succeeds().is_silent();

        assert_eq!(sandbox.work().count("new"), after);
    }
    assert_eq!(retrieved(&server), ["a", "b", "c", "d"]);
}

#[test]
fn quiet_suppresses_the_warning_about_max_size() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "max-size = 1");

    let outcome = sandbox.mailpull(["fetch", "-q"]).run();

    outcome.succeeds().is_silent();
}
