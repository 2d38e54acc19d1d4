//! The number of commands that are sent together, and its limits.
//! For the exact conversations see `conversation`.

use crate::support::mail::{TestMessage, note};
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::script::Script;

fn many(count: usize) -> Vec<TestMessage> {
    (1..=count).map(|n| note(&n.to_string())).collect()
}

#[test]
fn a_thousand_messages_take_few_round_trips() {
    let server = ModelServer::start(many(1000));
    let sandbox = Sandbox::with_work(server.address(), "keep = false");

    sandbox.fetch().succeeds().is_silent();

    let log = server.log();
    assert_eq!((log.count("RETR"), log.count("DELE")), (1000, 1000));
    assert!(log.turns <= 20, "{} turns", log.turns);
    assert_eq!(server.count(), 0);
    assert_eq!(sandbox.work().count("new"), 1000);
}

#[test]
fn listing_a_thousand_known_messages_takes_one_round_trip() {
    let server = ModelServer::start(many(1000));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds();
    let before = server.log().turns;

    sandbox.fetch().succeeds().is_silent();

    // The first round trip is AUTH PLAIN with UIDL, the second is QUIT.
    assert_eq!(server.log().turns - before, 2);
}

#[test]
fn at_most_8_kib_of_commands_wait_for_answers() {
    // The highest numbers make commands of 11 octets, which do not fill the 8 KiB exactly.
    let keys = "keep = false\norder = 'newest-first'";
    let server = ModelServer::start(many(1500));
    let sandbox = Sandbox::with_work(server.address(), keys);

    sandbox.fetch().succeeds().is_silent();

    let longest = server.log().longest_queue;
    assert!((8000..=8192).contains(&longest), "{longest} octets");
    assert_eq!(sandbox.work().count("new"), 1500);
}

#[test]
fn messages_are_requested_one_by_one_without_pipelining() {
    let server = ModelServer::start(many(1000));
    server.change(|behaviour| behaviour.pipelining = false);
    let sandbox = Sandbox::with_work(server.address(), "keep = false");

    sandbox.fetch().succeeds().is_silent();

    let log = server.log();
    assert_eq!(log.turns, log.commands.len());
    assert_eq!(sandbox.work().count("new"), 1000);
}

#[test]
fn large_messages_are_requested_as_needed() {
    let session = "
        login
        C: UIDL
        C: LIST
        lists a b c
        lists 9000000 9000000 9000000
        C: RETR 1
        C: RETR 2
        gives a
        C: RETR 3
        gives b
        gives c
        C: NOOP
        S: +OK";
    let server = Script::new(session).serve();
    let sandbox = Sandbox::with_work(server.address(), "");

    // The messages are much smaller than listed, which is reported. So QUIT is not sent.
    sandbox.fetch().succeeds().complains_in_lines(3);

    // Only LIST and RETR 2 are sent together with the command before them.
    let heard = &server.finish()[0];
    assert_eq!(heard.said.len() - heard.turns, 2);
}
