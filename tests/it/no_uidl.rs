//! Servers without UIDL: what is fetched is deleted in the same session, and told by its content.

use crate::support::mail::{Message, notes, ordinary};
use crate::support::model_server::{Behaviour, Cut, ModelServer};
use crate::support::sandbox::Sandbox;

const EMPTYING: &str = "keep = false";

fn server(messages: Vec<Message>) -> ModelServer {
    let behaviour = Behaviour {
        uidl: false,
        ..Behaviour::default()
    };
    ModelServer::with(messages, behaviour)
}

#[test]
fn a_maildrop_without_unique_ids_can_be_emptied() {
    let messages = ordinary(7, 200);
    let server = server(messages.clone());
    let sandbox = Sandbox::with_work(server.address(), EMPTYING);

    sandbox.fetch().succeeds().is_silent();

    sandbox.work().holds(&messages);
    assert_eq!(server.count(), 0);
    assert_eq!(server.log().sessions, 1);
    server.add(notes(["later"]).remove(0));
    sandbox.fetch().succeeds().is_silent();
    assert_eq!(server.count(), 0);
}

#[test]
fn identical_messages_without_unique_ids_are_as_many_deliveries() {
    let messages = notes(["a", "a", "b", "a"]);
    let server = server(messages.clone());
    let sandbox = Sandbox::with_work(server.address(), EMPTYING);

    sandbox.fetch().succeeds().is_silent();

    sandbox.work().holds(&messages);
    assert_eq!(server.count(), 0);
}

#[test]
fn what_was_delivered_without_a_unique_id_is_known_when_it_was_not_deleted() {
    let messages = notes(["a", "a", "b"]);
    let whole = {
        let server = server(messages.clone());
        let sandbox = Sandbox::with_work(server.address(), EMPTYING);
        sandbox.fetch().succeeds();
        server.log().sent
    };
    for at in whole - 40..whole {
        let server = server(messages.clone());
        server.change(|behaviour| behaviour.cuts = vec![Cut::Fin(at)]);
        let sandbox = Sandbox::with_work(server.address(), EMPTYING);
        sandbox.fetch().fails_with(75).complains_in_lines(1);
        server.add(notes(["c"]).remove(0));

        sandbox.fetch().succeeds().is_silent();

        sandbox.work().holds(&notes(["a", "a", "b", "c"]));
        assert_eq!(server.count(), 0, "cut at {at} of {whole}");
    }
}

#[test]
fn what_an_mda_refused_is_not_handed_to_it_twice_for_want_of_a_unique_id() {
    let server = server(notes(["a"]));
    let sandbox = Sandbox::new();
    let mda = sandbox.script(
        "mda",
        "cat >> \"$HOME/got\"; test -e \"$HOME/ready\" || exit 1",
    );
    sandbox.account(
        "work",
        server.address(),
        &format!("{EMPTYING}\nmda = [{mda:?}]\nmda-allow-root = true"),
    );
    sandbox.fetch().fails_with(74);
    assert_eq!(server.count(), 1);
    sandbox.write("home/ready", "");
    sandbox.write("home/got", "");

    sandbox.fetch().succeeds();

    let got = std::fs::read(sandbox.home().join("got")).expect("it was written");
    assert_eq!(got, notes(["a"])[0].stored());
    sandbox.fetch().succeeds();
    assert_eq!(server.count(), 0);
}

#[test]
fn nothing_is_kept_on_a_server_without_unique_ids() {
    let server = server(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "keep = '14 days'");
    for command in ["fetch", "check"] {
        sandbox
            .mailpull([command])
            .run()
            .fails_with(69)
            .complains_in_lines(1)
            .stderr_has("a maildrop can only be emptied: keep = false");
    }
    assert_eq!(server.log().count("RETR"), 0);
}

#[test]
fn what_waits_without_a_unique_id_is_counted_where_it_would_be_fetched() {
    let server = server(notes(["a", "b"]));
    let sandbox = Sandbox::with_work(server.address(), EMPTYING);
    let outcome = sandbox.mailpull(["check"]).run();
    outcome.succeeds().stdout_has("2 new messages");
}

#[test]
fn a_server_that_refuses_its_unique_ids_for_once_is_not_emptied() {
    for announces in [true, false] {
        let messages = ordinary(1, 4);
        let server = ModelServer::start(messages.clone());
        let sandbox = Sandbox::with_work(server.address(), "");
        if announces {
            server.change(|behaviour| behaviour.refuses_uidl = true);
        } else {
            sandbox
                .mailpull(["seen", "catch-up", "work"])
                .run()
                .succeeds();
            server.change(|behaviour| behaviour.uidl = false);
        }

        let outcome = sandbox.mailpull(["fetch", "--delete"]).run();

        outcome.fails_with(69).complains_in_lines(1);
        assert_eq!((server.count(), server.log().count("RETR")), (4, 0));
    }
}

#[test]
fn a_message_like_one_that_was_deleted_is_new_mail_where_nothing_has_a_name() {
    let server = server(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), EMPTYING);
    sandbox.fetch().succeeds();
    server.add(notes(["a"]).remove(0));

    sandbox.fetch().succeeds();

    sandbox.work().holds(&notes(["a", "a"]));
    assert_eq!(server.count(), 0);
}
