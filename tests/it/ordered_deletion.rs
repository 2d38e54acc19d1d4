//! `mailpull delete`: messages that the user names are deleted unfetched, and no others. An order
//! is recorded first, so a later run carries it out.

use crate::support::certificates::Authority;
use crate::support::mail::{TestMessage, note, notes};
use crate::support::model_server::{HangUp, ModelServer};
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;
use crate::support::script::{LIST_A_AND_B, LIST_A_AND_B_WITH_TOP, QUIT, Script};
use crate::support::terminal::Tmux;

/// Deletes messages of the account `work` without a question.
fn delete(sandbox: &Sandbox, unique_ids: &[&str]) -> RunOutcome {
    let words = [&["delete", "work", "--yes"], unique_ids].concat();
    sandbox.mailpull(words).run()
}

fn seen_list(sandbox: &Sandbox) -> String {
    let outcome = sandbox.mailpull(["seen", "list", "work"]).run();
    outcome.succeeds().stdout_text()
}

const ORDERED: &str = "new 17 octets b, its deletion is ordered; the next run deletes it\n";

const HEADER_OF_B: &str = "
    C: TOP 2 0
    tops b";

const DELETE_B: &str = "
    C: DELE 2
    S: +OK";

const KILLED_AT_DELE: &str = "
    C: DELE 2
    reached DELE
    stall";

const FETCH_A: &str = "
    C: RETR 1
    gives a";

const CUT_AT_QUIT: &str = "
    C: QUIT
    cut";

/// Kills `mailpull delete` after it has sent DELE for the message b, which was never fetched.
fn killed_deletion(rest: &[&str]) -> Sandbox {
    let killed = [LIST_A_AND_B_WITH_TOP, HEADER_OF_B, KILLED_AT_DELE];
    let server = Script::new(killed.concat()).then(rest.concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    let words = ["delete", "work", "b", "--yes"];
    let running = sandbox.mailpull(words).start();
    server.reached("DELE");
    running.kill();
    assert_eq!(seen_list(&sandbox), ORDERED);
    sandbox.fetch().succeeds().is_silent();
    server.finish();
    sandbox
}

#[test]
fn a_named_message_is_deleted_unfetched() {
    for (list, header) in [(LIST_A_AND_B_WITH_TOP, HEADER_OF_B), (LIST_A_AND_B, "")] {
        let server = Script::new([list, header, DELETE_B, QUIT].concat()).serve();
        let sandbox = Sandbox::with_work(server.address(), "keep = true");

        delete(&sandbox, &["b"]).succeeds().is_silent();

        server.finish();
        assert_eq!(seen_list(&sandbox), "gone 17 octets b\n");
    }
}

#[test]
fn a_named_message_is_deleted_over_tls() {
    let authority = Authority::new();
    let session = "tls
        S: +OK
        C: CAPA
        S: +OK
        S: SASL PLAIN
        S: .
        C: AUTH PLAIN AGpvZQBvcGVuIHNlc2FtZQ==
        S: +OK
        C: CAPA
        S: +OK
        S: PIPELINING
        S: .
        C: UIDL
        C: LIST
        lists a b
        lists 17 17";
    let server = Script::new([session, DELETE_B, QUIT, "\nclose"].concat())
        .identity(authority.certificate().acceptor())
        .serve();
    let keys = "security = 'tls'\ntls-ca-file = '~/ca.pem'";
    let sandbox = Sandbox::with_work(server.address(), keys);
    sandbox.write("home/ca.pem", authority.pem());

    delete(&sandbox, &["b"]).succeeds().is_silent();

    server.finish();
}

#[test]
fn delivered_and_unfetched_messages_are_deleted_together() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "keep = true");
    sandbox.fetch().succeeds();
    server.add(note("c"));
    server.add(note("d"));

    let words = ["delete", "work", "c", "a", "c", "--yes", "--json"];
    let outcome = sandbox.mailpull(words).run();

    let events = outcome.succeeds().json_lines();
    let deleted = events.iter().filter(|event| event["event"] == "deleted");
    let deleted: Vec<_> = deleted.map(|event| &event["unique_id"]).collect();
    assert_eq!(deleted, ["c", "a"]);
    let finished = events.last().expect("the run reports its end");
    assert_eq!(
        (&finished["deleted"], &finished["kept"]),
        (&2.into(), &2.into())
    );
    assert_eq!(server.unique_ids(), [b"b", b"d"]);
    let log = sandbox.mailpull(["log"]).run();
    log.stdout_has(" work a 14 octets ")
        .stdout_has(", deleted from the server ");
    sandbox.fetch().succeeds().is_silent();
    sandbox.work().holds(&notes(["a", "b", "d"]));
    assert_eq!(
        seen_list(&sandbox),
        "gone 17 octets a\ndelivered 17 octets b\ngone 17 octets c\ndelivered 17 octets d\n"
    );
}

#[test]
fn an_unknown_unique_id_deletes_nothing() {
    let server = ModelServer::start(notes(["a", "twin", "twin"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    for (word, error) in [
        (
            "x\u{1b}",
            "mailpull: work: no message is listed as x\\u{1b}; nothing was deleted. To see what is on \
             the server: mailpull list work\n",
        ),
        (
            "twin",
            "mailpull: work: 2 messages are listed as twin, so it is not clear which one is meant; nothing \
             was deleted. Use another program for it, for example webmail\n",
        ),
    ] {
        delete(&sandbox, &["a", word])
            .fails_with(64)
            .stderr_is(error);
    }
    assert_eq!(server.count(), 3);
    assert_eq!(server.log().count("DELE"), 0);
    assert_eq!(seen_list(&sandbox), "");
}

#[test]
fn deleting_needs_consent() {
    let sandbox = Sandbox::with_work("127.0.0.1:1", "");
    let outcome = sandbox.mailpull(["delete", "work", "a"]).run();
    outcome.fails_with(64).stderr_is(
        "mailpull: there is no terminal to ask on if the messages may be deleted. To delete them without a \
         question: --yes\n",
    );
}

#[test]
fn a_terminal_shows_what_is_deleted_and_asks() {
    let sandbox = Sandbox::new();
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    let letter = "From: Ann <ann@example.org>\r\nSubject: a \u{1b}lunch\r\n\r\n";
    let server = ModelServer::start(vec![note("a"), TestMessage::new("b", letter)]);
    sandbox.account("work", server.address(), "keep = true\nmax-size = 20");
    sandbox.fetch();
    let shown = "b (50 octets) from \"Ann <ann@example.org>\": \"a \\u{1b}lunch\", never fetched";

    terminal.runs("mailpull delete work a b");
    terminal.shows("Delete these 2 messages from the server? [y/N]: ");
    terminal.presses("Enter");
    let left = terminal.ended_with(0);
    assert!(
        left[0].starts_with("a (17 octets) from \"\": \"a\", delivered 2"),
        "{left:?}"
    );
    assert_eq!(left[1], shown);
    assert_eq!(server.count(), 2);

    terminal.runs("mailpull delete work b");
    terminal.shows("Delete this message from the server? [y/N]: ");
    terminal.types("y").presses("Enter");
    let left = terminal.ended_with(0);
    assert_eq!(left[0], shown);
    assert_eq!(left[2], "work: 1 deleted, 1 kept");
    assert_eq!(server.unique_ids(), [b"a"]);
}

#[test]
fn an_order_of_a_killed_run_is_carried_out_by_the_next() {
    let fetch = [LIST_A_AND_B_WITH_TOP, HEADER_OF_B, FETCH_A, DELETE_B, QUIT].concat();
    let sandbox = killed_deletion(&[&fetch]);
    sandbox.work().holds(&notes(["a"]));
    assert_eq!(
        seen_list(&sandbox),
        "delivered 17 octets a\ngone 17 octets b\n"
    );
}

#[test]
fn an_order_ends_when_its_message_is_no_longer_listed() {
    let only_a = "
        login top
        C: UIDL
        C: LIST
        lists a
        lists 17
        C: RETR 1
        gives a";
    let sandbox = killed_deletion(&[only_a, QUIT]);
    assert_eq!(seen_list(&sandbox), "delivered 17 octets a\n");
}

/// Leaves an order for the message b that no run has carried out.
fn left_order(server: &ModelServer) -> Sandbox {
    let sandbox = Sandbox::with_work(server.address(), "keep = true");
    server.change(|behaviour| behaviour.hang_ups = vec![HangUp::At("DELE", "b")]);
    delete(&sandbox, &["b"])
        .fails_with(75)
        .complains_in_lines(1)
        .stderr_has("mailpull: work: deleting: ")
        .stderr_has(
            "The next run deletes the messages that are left. To keep them: mailpull seen forget work \
             UNIQUE-ID\n",
        );
    server.change(|behaviour| behaviour.hang_ups.clear());
    assert_eq!(seen_list(&sandbox), ORDERED);
    sandbox
}

#[test]
fn an_order_does_not_delete_another_message() {
    let reused = TestMessage::new("b", "Subject: c\r\n\r\nc\r\n");
    let longer = TestMessage::new("b", "Subject: longer\r\n\r\n");
    for other in [reused, longer] {
        let server = ModelServer::start(notes(["b"]));
        let sandbox = left_order(&server);
        server.replace(vec![other.clone()]);

        sandbox.fetch().succeeds().stderr_is(
            "mailpull: work: the order to delete message b ends, and the message stays: its unique-id \
             belongs to another message now\n",
        );

        sandbox.work().holds(&[other]);
        assert_eq!(server.count(), 1);
    }
}

#[test]
fn an_order_that_nothing_proves_is_not_carried_out() {
    let server = ModelServer::start(notes(["b", "c"]));
    server.change(|behaviour| behaviour.top = false);
    let sandbox = left_order(&server);

    // Both messages have the same size.
    sandbox.fetch().succeeds().stderr_is(
        "mailpull: work: the order to delete message b ends, and the message stays: nothing shows that it \
         is still the message that was meant\n",
    );

    sandbox.work().holds(&notes(["b", "c"]));
    assert_eq!(server.count(), 2);
}

#[test]
fn an_order_is_withdrawn_by_forgetting_the_message() {
    let server = ModelServer::start(notes(["b"]));
    let sandbox = left_order(&server);
    let forget = sandbox.mailpull(["seen", "forget", "work", "b"]).run();
    forget.succeeds().is_silent();

    sandbox.fetch().succeeds().is_silent();

    sandbox.work().holds(&notes(["b"]));
    assert_eq!(server.count(), 1);
}

#[test]
fn an_ordered_message_does_not_count_as_new() {
    let server = ModelServer::start(notes(["b"]));
    let sandbox = left_order(&server);
    sandbox.mailpull(["check"]).run().fails_with(1);
    let rehearsal = sandbox.mailpull(["fetch", "--dry-run"]).run();
    rehearsal.succeeds().stdout_is(
        "work: would delete message 1 (17 octets) b: \"b\"\nwork: would fetch 0 new messages, 1 would be deleted, \
         0 kept\n",
    );
}

#[test]
fn a_repeated_order_is_carried_out_once() {
    let server = ModelServer::start(notes(["b"]));
    let sandbox = left_order(&server);
    delete(&sandbox, &["b"]).succeeds().is_silent();
    assert_eq!(server.count(), 0);
    delete(&sandbox, &["b"]).fails_with(64);
}

#[test]
fn a_refused_order_ends() {
    let server = ModelServer::start(notes(["a", "b"]));
    server.change(|behaviour| behaviour.undeletable = vec![b"b".to_vec()]);
    let sandbox = Sandbox::with_work(server.address(), "");

    let outcome = delete(&sandbox, &["a", "b"]);

    outcome
        .fails_with(75)
        .complains_in_lines(1)
        .stderr_has("mailpull: work: deleting message b: the server said \"")
        .stderr_has("\"; the message stays, and its order ends\n");
    assert_eq!(server.unique_ids(), [b"b"]);
    assert_eq!(seen_list(&sandbox), "gone 17 octets a\n");
    server.change(|behaviour| behaviour.undeletable.clear());
    sandbox.fetch().succeeds();
    assert_eq!(server.count(), 1);
}

#[test]
fn an_order_left_by_a_killed_run_ends_when_it_is_refused() {
    let server = ModelServer::start(notes(["b"]));
    let sandbox = left_order(&server);
    server.change(|behaviour| behaviour.undeletable = vec![b"b".to_vec()]);
    sandbox.fetch().fails_with(75).complains_in_lines(1);
    assert_eq!(seen_list(&sandbox), "");
    sandbox.fetch().succeeds().is_silent();
    sandbox.work().holds(&notes(["b"]));
}

#[test]
fn an_order_without_an_answer_to_quit_is_proven_again() {
    let letter = "
        C: TOP 2 0
        S: +OK
        S: Message-ID: <1@example.org>
        S:
        S: .";
    let fetch_both = "
        C: RETR 1
        C: RETR 2
        gives a
        gives b";
    let list = LIST_A_AND_B_WITH_TOP;
    for (header, fetch, state) in [
        (letter, &[FETCH_A, DELETE_B].concat(), "gone"),
        // Many messages have this header, so the unique-id may belong to another one now.
        (HEADER_OF_B, &fetch_both.to_owned(), "delivered"),
    ] {
        let server = Script::new([list, header, DELETE_B, CUT_AT_QUIT].concat())
            .then([list, header, fetch, QUIT].concat())
            .serve();
        let sandbox = Sandbox::with_work(server.address(), "");
        delete(&sandbox, &["b"])
            .fails_with(75)
            .stderr_has("the next run finds out which messages are deleted");
        assert_eq!(seen_list(&sandbox), ORDERED);

        sandbox.fetch().succeeds();

        server.finish();
        let list = seen_list(&sandbox);
        assert_eq!(
            list,
            format!("delivered 17 octets a\n{state} 17 octets b\n")
        );
    }
}

#[test]
fn an_order_waits_for_another_run_of_the_account() {
    let held = [
        LIST_A_AND_B_WITH_TOP,
        "\nreached listing\nhold listing\nC: RETR 1\nC: RETR 2",
    ];
    let server = Script::new([&held.concat(), "\ngives a\ngives b", QUIT].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    let running = sandbox.mailpull(["fetch"]).start();
    server.reached("listing");

    delete(&sandbox, &["b"])
        .fails_with(75)
        .stderr_has("mailpull: work: another mailpull is fetching this account");

    server.release("listing");
    running.wait().succeeds();
    server.finish();
}

#[test]
fn a_message_that_breaks_the_session_at_top_is_deleted() {
    let server = ModelServer::start(notes(["a", "b"]));
    let hang_ups = vec![HangUp::At("TOP", "b"), HangUp::At("RETR", "b")];
    server.change(|behaviour| behaviour.hang_ups = hang_ups);
    let sandbox = Sandbox::with_work(server.address(), "");

    delete(&sandbox, &["b"]).succeeds().is_silent();

    assert_eq!(server.unique_ids(), [b"a"]);
    sandbox.fetch().succeeds().is_silent();
}

#[test]
fn a_message_that_breaks_each_session_at_dele_delays_no_mail() {
    let server = ModelServer::start(notes(["b"]));
    let sandbox = left_order(&server);
    server.change(|behaviour| behaviour.hang_ups = vec![HangUp::At("DELE", "b")]);
    for n in 0..7 {
        server.add(note(&format!("n{n}")));
        sandbox.fetch();
        assert_eq!(sandbox.work().count("new"), n + 1);
    }
    let sessions = server.log().sessions;
    sandbox.fetch().succeeds().is_silent();
    assert_eq!(
        server.log().sessions,
        sessions + 1,
        "it is tried once a day"
    );
    let list = seen_list(&sandbox);
    assert!(
        list.contains("new 17 octets b, a session broke at its deletion; "),
        "{list}"
    );
}

#[test]
fn a_script_does_not_delete_another_message_than_the_known_one() {
    let server = ModelServer::start(notes(["b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    for other in ["Subject: c\r\n\r\nc\r\n", "Subject: longer\r\n\r\n"] {
        server.replace(vec![TestMessage::new("b", other)]);
        delete(&sandbox, &["b"]).fails_with(64).stderr_is(
            "mailpull: work: the message that is listed as b is not the one that is known under this \
             unique-id; nothing was deleted. To see what it is, and to delete it: run this command on a \
             terminal, without --yes\n",
        );
    }
    assert_eq!(server.count(), 1);
}

#[test]
fn a_message_that_the_server_keeps_after_its_order_is_new_mail() {
    let server = ModelServer::start(notes(["a", "b"]));
    server.change(|behaviour| behaviour.ignores_deletions = true);
    let sandbox = Sandbox::with_work(server.address(), "");
    delete(&sandbox, &["b"]).succeeds();
    sandbox.fetch().succeeds();
    sandbox.work().holds(&notes(["a", "b"]));
    sandbox.fetch().succeeds();
    sandbox.work().holds(&notes(["a", "b"]));
}
