//! Listings that are odd, incomplete or wrong. Mail is fetched in spite of odd lines, but a listing
//! with an impossible line is not used at all.

use crate::support::mail::{TestMessage, note, notes, ordinary};
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::script::{LIST_A, QUIT, Script};

/// Returns a session that finds one message, fetches it and leaves it on the server.
fn fetch_a() -> String {
    [LIST_A, "\nC: RETR 1\ngives a", QUIT].concat()
}

/// Returns a session up to the listings, which hold these lines. Both arguments are `raw:` texts.
fn session_with_listings(unique_ids: &str, sizes: &str) -> String {
    format!(
        "login
         C: UIDL
         C: LIST
         S: +OK
         raw: {unique_ids}
         S: .
         S: +OK
         raw: {sizes}
         S: ."
    )
}

#[test]
fn odd_unique_ids_tell_new_messages_from_known_ones() {
    let long = "x".repeat(1024);
    let ids = format!(
        r"1 two  words\r\n2   behind blanks\r\n3\ttab\r\n4 \xff\x80\x01\r\n5 {long}\r\n6 ../../etc/passwd\r\n0007 .\r\n8 {long}"
    );
    // The eighth message has the unique-id of the fifth.
    let ids = format!(r"{ids}\r\n");
    let numbers = 1..=8;
    let commands: String = numbers.clone().map(|n| format!("C: RETR {n}\n")).collect();
    let answers: String = numbers.map(|n| format!("gives {n}\n")).collect();
    let listings = session_with_listings(&ids, r"1 12\r\n");
    let server = Script::new([&listings, "\n", &commands, &answers, QUIT].concat())
        .then(format!(
            "login\nC: UIDL\nC: STAT\nS: +OK\nraw: {ids}\nS: .\ncounts 8 12\n{QUIT}"
        ))
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds().is_silent();

    sandbox.fetch().succeeds().is_silent();

    server.finish();
    let all = notes(["1", "2", "3", "4", "5", "6", "7", "8"]);
    sandbox.work().holds(&all);
}

#[test]
fn a_message_without_a_unique_id_stays_on_the_server() {
    let retrieval = "
        C: RETR 1
        C: RETR 4
        gives a
        gives d
        C: DELE 1
        C: DELE 4
        S: +OK
        S: +OK";
    let listings = session_with_listings(r"1 a\r\n2\r\n3  \r\n4 d\r\n", r"1 17\r\n4 17\r\n");
    let server = Script::new([&listings, retrieval, QUIT].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "keep = false");

    let outcome = sandbox.fetch();

    outcome
        .fails_with(76)
        .stderr_is("mailpull: work: messages 2, 3 have no unique-id; they stay on the server\n");
    server.finish();
    sandbox.work().holds(&notes(["a", "d"]));
}

#[test]
fn one_impossible_line_rejects_the_whole_listing() {
    let too_long = format!(r"2 {}\r\n", "x".repeat(1025));
    let lines = [
        (r"1 b\r\n", "message 1 is listed twice"),
        (r"1\r\n", "message 1 is listed twice"),
        (r"0 b\r\n", "the line \"0 b\""),
        (r"-2 b\r\n", "the line \"-2 b\""),
        (r"+2 b\r\n", "the line \"+2 b\""),
        (r"2147483648 b\r\n", "the line \"2147483648 b\""),
        (r"18446744073709551618 b\r\n", "the line \"1844"),
        (r"b\r\n", "the line \"b\""),
        (r"2b\r\n", "the line \"2b\""),
        (r"+OK\r\n", "the line \"+OK\""),
        (too_long.as_str(), "the line \"2 xxx"),
    ];
    let session = |line: &str| {
        format!(
            "login
             C: UIDL
             C: LIST
             S: +OK
             S: 1 a
             raw: {line}
             S: .
             lists 17"
        )
    };
    for (line, error) in lines {
        let server = Script::new(fetch_a()).then(session(line)).serve();
        let sandbox = Sandbox::with_work(server.address(), "");
        sandbox.fetch().succeeds();

        let outcome = sandbox.mailpull(["fetch", "--delete"]).run();

        outcome
            .fails_with(76)
            .complains_in_lines(1)
            .stderr_has("the answer to UIDL cannot be used")
            .stderr_has(error);
        server.finish();
        sandbox.work().holds(&notes(["a"]));
    }
}

#[test]
fn empty_lines_and_blanks_do_not_spoil_a_listing() {
    let ids = r"\r\n 1 a\r\n\t\r\n  2 b\r\n";
    let sizes = r"two messages\r\n 1 17\r\n\r\n2 17\r\n";
    let fetched = "
        C: RETR 1
        C: RETR 2
        gives a
        gives b";
    let server = Script::new([&session_with_listings(ids, sizes), fetched, QUIT].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().succeeds().is_silent();

    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn an_impossible_line_of_list_costs_one_size() {
    for line in ["0 17", "-1 17", "2147483648 17", "x"] {
        let listings = session_with_listings(r"1 a\r\n", &format!(r"{line}\r\n"));
        let fetched = "\nC: RETR 1\ngives a";
        let server = Script::new([&listings, fetched, QUIT].concat()).serve();
        let sandbox = Sandbox::with_work(server.address(), "");

        sandbox.fetch().succeeds().is_silent();

        server.finish();
        sandbox.work().holds(&notes(["a"]));
    }
}

#[test]
fn identical_messages_under_one_unique_id_are_each_delivered_once() {
    let messages = notes(["a", "a", "b"]);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds().is_silent();

    sandbox.fetch().succeeds().is_silent();

    assert_eq!(server.log().count("RETR"), 3);
    sandbox.work().holds(&messages);
}

#[test]
fn another_message_under_a_known_unique_id_is_delivered() {
    let server = ModelServer::start(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    let another = TestMessage::new("a", note("c").octets);
    server.add(another.clone());

    sandbox.fetch().succeeds().is_silent();

    // Either message may be the new one, since both have the same size.
    assert_eq!(server.log().count("RETR"), 4);
    sandbox.work().holds(&notes(["a", "b", "c"]));
}

#[test]
fn messages_under_one_unique_id_may_be_fetched_newest_first() {
    let messages = [
        TestMessage::new("x", "a\r\n"),
        TestMessage::new("x", "b\r\n"),
    ];
    let server = ModelServer::start(messages.to_vec());
    let keys = "max-messages = 1\norder = 'newest-first'";
    let sandbox = Sandbox::with_work(server.address(), keys);
    for delivered in [1, 2, 2] {
        sandbox.fetch().succeeds().is_silent();

        assert_eq!(sandbox.work().count("new"), delivered);
    }
    sandbox.work().holds(&messages);
}

#[test]
fn a_deleted_messages_unique_id_may_return_for_two_messages() {
    let [first, second, third] =
        ["a\r\n", "b\r\n", "c\r\n"].map(|text| TestMessage::new("x", text));
    let server = ModelServer::start(vec![first.clone()]);
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.mailpull(["fetch", "-d"]).run().succeeds();
    server.add(second.clone());
    server.add(third.clone());
    for _ in 0..2 {
        sandbox.fetch().succeeds().is_silent();

        let all = [first.clone(), second.clone(), third.clone()];
        sandbox.work().holds(&all);
    }
    sandbox.mailpull(["fetch", "-d"]).run().succeeds();
    assert_eq!(server.count(), 0);
}

#[test]
fn keep_protects_a_message_recognised_by_its_octets() {
    let [first, second] = ["a\r\n", "b\r\n"].map(|text| TestMessage::new("x", text));
    let server = ModelServer::start(vec![first]);
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.mailpull(["fetch", "-d"]).run().succeeds();
    server.add(second.clone());
    sandbox.fetch().succeeds();
    server.add(second);

    sandbox.fetch().succeeds().is_silent();

    assert_eq!(server.count(), 2);
}

#[test]
fn a_message_of_less_than_half_its_size_is_fetched_twice() {
    let messages = notes(["a", "b", "c", "d"]);
    let server = ModelServer::start(messages.clone());
    server.change(|behaviour| behaviour.lies = [(b"b".to_vec(), "35".to_owned())].into());
    let sandbox = Sandbox::with_work(server.address(), "keep = false");

    let outcome = sandbox.fetch();

    outcome.succeeds().complains_in_lines(1);
    outcome
        .stderr_has("message b has 17 octets, less than half of the 35 octets that were promised");
    assert_eq!(server.unique_ids(), [b"b"]);
    let list = sandbox.mailpull(["seen", "list", "work"]).run();
    list.stdout_has("delivered 35 octets b, may be incomplete; the next run compares it");
    sandbox.fetch().succeeds().is_silent();
    assert_eq!(server.count(), 0);
    sandbox.work().holds(&messages);
}

#[test]
fn a_cut_message_is_delivered_whole_before_its_deletion() {
    for (keep, count) in [("keep = false", 1), ("keep = false", 4), ("keep = true", 4)] {
        let messages = ordinary(1, count);
        let cut = messages[count - 1].clone();
        let server = ModelServer::start(messages.clone());
        server.change(|behaviour| behaviour.cut_once = vec![cut.unique_id.clone()]);
        let sandbox = Sandbox::with_work(server.address(), keep);

        let outcome = sandbox.fetch();

        outcome.succeeds().complains_in_lines(1);
        outcome.stderr_has("does not have the size that the server lists");
        let unique_ids = server.unique_ids();
        assert!(unique_ids.contains(&cut.unique_id), "{outcome}");
        let list = sandbox.mailpull(["seen", "list", "work"]).run();
        list.stdout_has(", does not have the size that the server lists; the next run compares it");
        let again = sandbox.fetch();
        again.succeeds().complains_in_lines(1);
        again.stderr_has("the second download differs from the first");
        let delivered = sandbox.work().messages();
        assert_eq!(delivered.len(), count + 1);
        for message in &messages {
            assert!(delivered.contains(&message.stored()));
        }
        let left = if keep == "keep = true" { count } else { 0 };
        assert_eq!(server.count(), left);
        sandbox.fetch().succeeds().is_silent();
        assert_eq!(server.log().count("RETR"), count + 1);
    }
}

#[test]
fn a_server_that_lists_wrong_sizes_sends_few_messages_twice() {
    let messages = ordinary(1, 40);
    let sizes: [fn(usize) -> usize; 2] = [|octets| octets + 100, |octets| octets - 1500];
    for size in sizes {
        let server = ModelServer::start(messages.clone());
        let lie = |message: &TestMessage| size(message.octets.len()).to_string();
        let lies = messages.iter().map(|m| (m.unique_id.clone(), lie(m)));
        server.change(|behaviour| behaviour.lies = lies.collect());
        let sandbox = Sandbox::with_work(server.address(), "keep = false");
        let first = sandbox.fetch();
        first.succeeds().complains_in_lines(1);
        first.stderr_has("(the first of 40) does not have the size that the server lists");
        assert_eq!(server.count(), 40);

        let second = sandbox.fetch();

        second.succeeds().complains_in_lines(1);
        second.stderr_has("the server lists wrong sizes");
        assert_eq!(server.log().count("RETR"), 50);
        sandbox.fetch().succeeds().is_silent();
        assert_eq!((server.count(), server.log().count("RETR")), (0, 50));
        sandbox.work().holds(&messages);
    }
}

#[test]
fn a_wrong_size_in_list_loses_nothing() {
    let sizes = [
        "0",
        "1",
        "-1",
        "9223372036854775807",
        "18446744073709551614",
        "18446744073709551615",
        "99999999999999999999999",
        "many",
        "17kB",
        "",
    ];
    for lie in sizes {
        let messages = notes(["a", "b", "c", "d"]);
        let server = ModelServer::start(messages.clone());
        server.change(|behaviour| {
            let lies = ["b", "c"].map(|id| (id.as_bytes().to_vec(), lie.to_owned()));
            behaviour.lies = lies.into();
        });
        let sandbox = Sandbox::with_work(server.address(), "keep = false");

        sandbox.fetch().succeeds().is_silent();

        assert_eq!(server.count(), 0, "{lie}");
        sandbox.work().holds(&messages);
    }
}

#[test]
fn check_and_dry_run_accept_impossible_sizes() {
    for command in [["check", "-q"], ["fetch", "-qn"]] {
        let server = ModelServer::start(notes(["a", "b"]));
        server.change(|behaviour| {
            let huge = "18446744073709551614".to_owned();
            behaviour.lies = [(b"a".to_vec(), huge.clone()), (b"b".to_vec(), huge)].into();
        });
        let sandbox = Sandbox::with_work(server.address(), "");

        let outcome = sandbox.mailpull(command).run();

        outcome.succeeds().is_silent();
    }
}

#[test]
fn a_scan_listing_may_omit_or_invent_messages() {
    let retrieval = "
        C: RETR 1
        C: RETR 2
        gives a
        gives b";
    let listings = session_with_listings(r"1 a\r\n2 b\r\n", r"2 17\r\n3 17\r\n");
    let server = Script::new([&listings, retrieval, QUIT].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().succeeds().is_silent();

    server.finish();
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn a_message_that_uidl_always_leaves_out_is_reported() {
    let retrieval = "
        C: RETR 1
        C: RETR 3
        gives a
        gives c";
    let sizes = r"1 17\r\n2 17\r\n3 17\r\n";
    let listings = session_with_listings(r"1 a\r\n3 c\r\n", sizes);
    let later = format!(
        "login\nC: UIDL\nC: STAT\nS: +OK\nS: 1 a\nS: 3 c\nS: .\ncounts 3 51\nC: LIST\n\
         S: +OK\nraw: {sizes}\nS: .\n{QUIT}"
    );
    let server = Script::new([&listings, retrieval, QUIT].concat())
        .then(later)
        .serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    for _ in 0..2 {
        let outcome = sandbox.fetch();

        outcome.fails_with(76).complains_in_lines(1);
        outcome.stderr_has("leaves out messages that LIST has (2)");
    }
    server.finish();
    sandbox.work().holds(&notes(["a", "c"]));
}

#[test]
fn a_refused_list_does_not_stop_the_fetch() {
    let session = "
        login
        C: UIDL
        C: LIST
        lists a
        S: -ERR no
        C: RETR 1
        gives a";
    let server = Script::new([session, QUIT].concat()).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().succeeds().is_silent();

    server.finish();
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn a_unique_id_that_contains_the_password_is_shown_whole() {
    let server = ModelServer::start(notes(["x open sesame y"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    let list = sandbox.mailpull(["seen", "list", "work"]).run();
    list.succeeds().stdout_has(" x open sesame y\n");
}

#[test]
fn a_password_in_a_listing_is_masked_in_the_error() {
    let listing = "
        login alone
        C: UIDL
        S: +OK
        S: the password is open sesame";
    let server = Script::new(listing).serve();
    let sandbox = Sandbox::with_work(server.address(), "");
    let outcome = sandbox.mailpull(["fetch", "-vv"]).run();
    outcome
        .fails_with(76)
        .stderr_has("the password is (hidden)")
        .never_says("sesame");
}

#[test]
fn nothing_is_fetched_from_a_server_without_uidl() {
    let server = ModelServer::start(notes(["a"]));
    server.change(|behaviour| behaviour.uidl = false);
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox
        .fetch()
        .fails_with(69)
        .complains_in_lines(1)
        .stderr_has("the server does not offer UIDL");

    assert_eq!(server.log().count("RETR"), 0);
    sandbox.work().holds(&[]);
}

#[test]
fn a_listing_that_breaks_off_is_not_used() {
    for end in ["cut", "reset"] {
        let broken = format!(
            "login
             C: UIDL
             C: LIST
             S: +OK
             S: 1 a
             raw: 2 b
             {end}"
        );
        // The run connects once more and sends one command at a time.
        let again = broken.replace("C: LIST", "");
        let server = Script::new(fetch_a()).then(broken).then(again).serve();
        let sandbox = Sandbox::with_work(server.address(), "");
        sandbox.fetch().succeeds();

        let outcome = sandbox.mailpull(["fetch", "--delete"]).run();

        outcome.fails_with(75).complains_in_lines(1);
        server.finish();
        sandbox.work().holds(&notes(["a"]));
    }
}

#[test]
fn an_error_is_one_line_without_repetition() {
    let broken = "
        login alone
        C: UIDL
        S: +OK
        S: 1 a
        cut";
    let server = Script::new(broken).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    sandbox.fetch().fails_with(75).stderr_is(
        "mailpull: work: listing the messages: waiting for the rest of the answer to UIDL: \
         the server closed the connection\n",
    );
}
