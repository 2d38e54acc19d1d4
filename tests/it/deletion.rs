//! Deletion: its exact conversations, and that no message is deleted before it is delivered.
//! Messages that come back after their deletion are covered, too.

use std::time::Duration;

use crate::support::mail::{note, notes};
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::script::{
    FETCH_A_AND_B, LIST_A, LIST_A_AND_B, LIST_A_AND_B_WITH_TOP, QUIT, Script,
};

const DELETE_1_AND_2: &str = "
    C: DELE 1
    C: DELE 2
    S: +OK
    S: +OK";

/// A session that deletes two known messages without fetching them again. Their headers show that they
/// are the same.
fn delete_a_and_b() -> String {
    let headers = "
    C: TOP 1 0
    C: TOP 2 0
    tops a
    tops b";
    [LIST_A_AND_B_WITH_TOP, headers, DELETE_1_AND_2, QUIT].concat()
}

#[test]
fn messages_not_kept_are_deleted_in_the_same_session() {
    let retrieval = "
        C: RETR 1
        C: RETR 2
        gives a
        gives b";
    let conversation = [LIST_A_AND_B, retrieval, DELETE_1_AND_2, QUIT].concat();
    let server = Script::new(conversation).serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");

    sandbox.fetch().succeeds().is_silent();

    assert_eq!(server.finish()[0].turns, 8);
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn a_kept_message_is_deleted_later_without_another_retr() {
    let server = Script::new(FETCH_A_AND_B).then(delete_a_and_b()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();

    let outcome = sandbox.mailpull(["fetch", "--delete"]).run();

    outcome.succeeds().is_silent();
    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn messages_are_deleted_once_the_keep_period_is_over() {
    let server = Script::new(FETCH_A_AND_B)
        .then(["login\nC: UIDL\nC: STAT\nlists a b\ncounts 2 34", QUIT].concat())
        .then(delete_a_and_b())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = '14 days'");
    sandbox.fetch().succeeds();
    sandbox.let_pass(DAY * 13);
    sandbox.fetch().succeeds();
    sandbox.let_pass(DAY);

    sandbox.fetch().succeeds().is_silent();

    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}

const RETRIEVE_A: &str = "
    C: RETR 1
    gives a";

const DELETE_1: &str = "
    C: DELE 1
    S: +OK";

#[test]
fn no_dele_is_sent_before_delivery_and_record() {
    let held = "
        C: DELE 1
        reached DELE
        hold DELE
        S: +OK";
    let server = Script::new([LIST_A, RETRIEVE_A, held, QUIT].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    let running = sandbox.mailpull(["fetch"]).start();

    server.reached("DELE");

    sandbox.work().holds(&notes(["a"]));
    let log = sandbox.mailpull(["log"]).run();
    assert!(!log.stdout_text().contains("not yet delivered"), "{log}");
    log.stdout_has(" work a 14 octets ");
    server.release("DELE");
    running.wait().succeeds();
}

#[test]
fn a_refused_dele_is_reported_and_retried_next_run() {
    let refused = "
        C: DELE 1
        S: -ERR not today";
    let server = Script::new([LIST_A, RETRIEVE_A, refused, QUIT].concat())
        .then([LIST_A, DELETE_1, QUIT].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");

    sandbox.fetch().fails_with(75).stderr_is(
        "mailpull: work: deleting message a: the server said \"not today\"; the next run tries \
         it again\n",
    );

    sandbox.fetch().succeeds().is_silent();
    server.finish();
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn a_session_broken_before_the_quit_reply_deletes_next_run() {
    let refused = "
        C: QUIT
        S: -ERR some deleted messages not removed";
    let cut = "
        C: QUIT
        cut";
    let reset = "
        C: QUIT
        reset";
    let cut_in_dele = "
        C: DELE 1
        cut";
    // After QUIT the unique-id may belong to another message, so it is compared first.
    for (end, comparison) in [
        ([DELETE_1, refused].concat(), RETRIEVE_A),
        ([DELETE_1, cut].concat(), RETRIEVE_A),
        ([DELETE_1, reset].concat(), RETRIEVE_A),
        (cut_in_dele.to_owned(), ""),
    ] {
        let server = Script::new([LIST_A, RETRIEVE_A, &end].concat())
            .then([LIST_A, comparison, DELETE_1, QUIT].concat())
            .serve();
        let sandbox = Sandbox::with_work(server.address(), "keep = false");

        sandbox.fetch().fails_with(75).complains_in_lines(1);

        sandbox.fetch().succeeds().is_silent();
        server.finish();
        sandbox.work().holds(&notes(["a"]));
    }
}

#[test]
fn an_unanswered_quit_that_deleted_needs_no_further_work() {
    let cut = "
        C: QUIT
        cut";
    let empty = "
        login
        C: UIDL
        C: LIST
        S: +OK
        S: .
        S: +OK
        S: .";
    let server = Script::new([LIST_A, RETRIEVE_A, DELETE_1, cut].concat())
        .then([empty, QUIT].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    sandbox.fetch().fails_with(75);

    sandbox.fetch().succeeds().is_silent();

    server.finish();
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn the_reply_to_quit_is_ignored_when_nothing_was_deleted() {
    for end in ["C: QUIT\nS: -ERR no", "C: QUIT\ncut", "C: QUIT\nreset"] {
        let server = Script::new([LIST_A, RETRIEVE_A, "\n", end].concat()).serve();
        let sandbox = Sandbox::with_work(server.address(), "");

        sandbox.fetch().succeeds().is_silent();

        server.finish();
        sandbox.work().holds(&notes(["a"]));
    }
}

#[test]
fn a_message_with_a_new_size_is_compared_before_deletion() {
    let resized = LIST_A.replace("lists 17", "lists 18");
    // The message is shorter than listed, so the next lines could be its rest.
    let proof = "
        C: NOOP
        S: +OK
        C: NOOP
        S: +OK";
    let server = Script::new([LIST_A, RETRIEVE_A, QUIT].concat())
        .then([&resized, RETRIEVE_A, proof, DELETE_1, QUIT].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();

    let outcome = sandbox.mailpull(["fetch", "--delete"]).run();

    outcome.succeeds().is_silent();
    server.finish();
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn a_different_message_under_a_known_unique_id_is_delivered() {
    let resized = LIST_A.replace("lists 17", "lists 19");
    let other = "
        C: RETR 1
        gives other";
    let server = Script::new([LIST_A, RETRIEVE_A, QUIT].concat())
        .then([&resized, other, DELETE_1, QUIT].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();

    let outcome = sandbox.mailpull(["fetch", "--delete"]).run();

    outcome.succeeds().is_silent();
    server.finish();
    sandbox.work().holds(&notes(["a", "other"]));
}

#[test]
fn messages_that_share_a_unique_id_are_compared_before_deletion() {
    let listed = "
        login
        C: UIDL
        C: LIST
        lists a a
        lists 17 17";
    let together = "
        C: RETR 1
        C: RETR 2
        gives a
        gives b";
    let one_by_one = "
        C: RETR 1
        gives a
        C: RETR 2
        gives b";
    let server = Script::new([listed, together, QUIT].concat())
        .then([listed, one_by_one, DELETE_1_AND_2, QUIT].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();

    let outcome = sandbox.mailpull(["fetch", "--delete"]).run();

    outcome.succeeds().is_silent();
    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}

/// A later session up to the listing, which has one message of the known size.
const KNOWN_A: &str = "
    login
    C: UIDL
    C: STAT
    lists a
    counts 1 17";

/// The size of each message, which is needed before one is fetched.
const SIZE_OF_A: &str = "
    C: LIST
    lists 17";

#[test]
fn a_unique_id_reused_for_another_message_is_new_mail() {
    let other = "
        C: RETR 1
        gives other";
    let other_size = KNOWN_A.replace("17", "25");
    let server = Script::new([LIST_A, RETRIEVE_A, DELETE_1, QUIT].concat())
        .then([&other_size, "\nC: LIST\nlists 25", other, QUIT].concat())
        .then([&other_size, QUIT].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.mailpull(["fetch", "--delete"]).run().succeeds();

    sandbox.fetch().succeeds().is_silent();

    sandbox.fetch().succeeds().is_silent();
    server.finish();
    sandbox.work().holds(&notes(["a", "other"]));
}

#[test]
fn a_message_listed_again_after_two_deletions_is_left_alone() {
    let server = Script::new([LIST_A, RETRIEVE_A, DELETE_1, QUIT].concat())
        .then([KNOWN_A, SIZE_OF_A, RETRIEVE_A, DELETE_1, QUIT].concat())
        .then([KNOWN_A, SIZE_OF_A, RETRIEVE_A, QUIT].concat())
        .then([KNOWN_A, QUIT].concat())
        .then([KNOWN_A, QUIT].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    sandbox.fetch().succeeds();

    let second = sandbox.fetch();
    let third = sandbox.fetch();

    second
        .succeeds()
        .stderr_has("confirmed their deletion: 1; they were delivered before");
    third
        .succeeds()
        .stderr_has("confirmed their deletion twice: 1");
    sandbox.fetch().succeeds().is_silent();
    sandbox.fetch().succeeds().is_silent();
    server.finish();
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn a_server_that_ignores_deletions_sends_each_message_thrice() {
    let server = ModelServer::start(notes(["a", "b"]));
    server.change(|behaviour| behaviour.ignores_deletions = true);
    let sandbox = Sandbox::with_work(server.address(), "keep = false");

    for lines in [0, 1, 1, 0, 0] {
        sandbox.fetch().succeeds().complains_in_lines(lines);
    }

    assert_eq!(server.log().count("RETR"), 6);
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn messages_restored_by_the_server_are_deleted_once_more() {
    let messages = notes(["a", "b", "c"]);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::with_work(server.address(), "keep = false");
    let restore = || {
        messages
            .iter()
            .for_each(|message| server.add(message.clone()))
    };
    sandbox.fetch().succeeds();
    restore();

    sandbox.fetch().succeeds().complains_in_lines(1);

    assert_eq!(server.count(), 0);
    restore();
    sandbox.fetch().succeeds().complains_in_lines(1);
    assert_eq!(server.count(), 3);
    let delete = || sandbox.mailpull(["fetch", "--delete"]).run();
    delete().succeeds().is_silent();
    assert_eq!(server.count(), 3);
    sandbox.let_pass(DAY);
    delete().succeeds().complains_in_lines(1);
    assert_eq!(server.count(), 0);
    sandbox.work().holds(&messages);
}

#[test]
fn a_returning_message_is_kept_when_keep_is_set() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.mailpull(["fetch", "--delete"]).run().succeeds();
    server.add(note("a"));

    sandbox.fetch().succeeds().complains_in_lines(1);

    sandbox.fetch().succeeds().is_silent();
    assert_eq!((server.count(), server.log().count("RETR")), (1, 2));
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn a_changed_keep_deletes_at_most_100_messages_unasked() {
    let in_file = "keep = false";
    for (count, extra, arguments, left) in [
        (100, in_file, &["fetch"][..], 0),
        (101, in_file, &["fetch"], 101),
        (101, "keep = true", &["fetch", "-o", "keep=false"], 101),
        (101, "keep = true", &["fetch", "--keep=false"], 101),
    ] {
        let messages: Vec<_> = (1..=count).map(|n| note(&format!("m{n}"))).collect();
        let server = ModelServer::start(messages.clone());
        let sandbox = Sandbox::with_work(server.address(), "keep = true");
        sandbox.fetch().succeeds();
        sandbox.config("").account("work", server.address(), extra);

        let outcome = sandbox.mailpull(arguments).run();

        assert_eq!(server.count(), left, "{outcome}");
        if left > 0 {
            outcome.fails_with(78).stderr_has("101 messages");
            sandbox.mailpull(arguments).run().fails_with(78);
            sandbox.mailpull(["fetch", "--delete"]).run().succeeds();
            assert_eq!(server.count(), 0);
        }
        assert_eq!(server.log().count("RETR"), count);
        sandbox.work().holds(&messages);
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);

#[test]
fn a_server_ignoring_quit_does_not_block_new_mail() {
    let cut = "
        C: QUIT
        cut";
    let new_first = "
        C: RETR 2
        gives b
        C: RETR 1
        gives a
        C: DELE 2
        C: DELE 1
        S: +OK
        S: +OK";
    let server = Script::new([LIST_A, RETRIEVE_A, DELETE_1, cut].concat())
        .then([LIST_A_AND_B, new_first, cut].concat())
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");

    for _ in 0..2 {
        sandbox.fetch().fails_with(75);
    }

    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}
