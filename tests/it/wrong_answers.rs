//! Servers that answer RETR with another message, or that lose or repeat an answer while known messages are
//! compared.

use crate::support::mail::{TestMessage, letters, notes, ordinary};
use crate::support::model_server::{Behaviour, ModelServer};
use crate::support::sandbox::Sandbox;

/// An MDA that delivers to the Maildir of the account `work`.
const DELIVER: &str = r#"file=$(mktemp "$HOME/Mail/work/new/XXXXXX") && exec cat >"$file""#;

/// Configures the account `work` with an MDA that fills the same Maildir.
fn with_mda(server: &ModelServer, keys: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.work().make();
    let mda = sandbox.script("mda", DELIVER);
    let keys = format!("mda = [{mda:?}]\nmda-allow-root = true\n{keys}");
    sandbox.account("work", server.address(), &keys);
    sandbox
}

/// Fetches until nothing is left to do, and claims that each message is delivered once.
#[track_caller]
fn settles(sandbox: &Sandbox, server: &ModelServer, messages: &[TestMessage]) {
    for _ in 0..3 {
        sandbox.fetch();
    }
    sandbox.fetch().succeeds().is_silent();
    sandbox.work().holds(messages);
    let delete = sandbox.mailpull(["fetch", "--delete"]).run();
    delete.succeeds().is_silent();
    assert_eq!(server.count(), 0);
    sandbox.work().holds(messages);
}

/// Fetches from a server that answers RETR of one message once with another one.
#[track_caller]
fn swap(
    sandbox: &Sandbox,
    server: &ModelServer,
    messages: &[TestMessage],
    one: usize,
    other: usize,
) {
    server.change(|behaviour| {
        let unique_id = messages[one].unique_id.clone();
        behaviour.swapped_once = vec![(unique_id, messages[other].clone())];
    });
    let outcome = sandbox.fetch();
    outcome.fails_with(75).complains_in_lines(1);
    outcome.stderr_has("the server sent another message instead");
    settles(sandbox, server, messages);
}

#[test]
fn another_message_instead_is_neither_lost_nor_repeated() {
    let messages = letters(1, 6, |random| random.between(200..=9000));
    for (pipelining, keep) in [(true, true), (true, false), (false, true), (false, false)] {
        // The other message comes before or after the one that was asked for.
        for (one, other) in [(2, 3), (3, 2), (0, 5), (5, 0)] {
            let server = ModelServer::start(messages.clone());
            server.change(|behaviour| behaviour.pipelining = pipelining);
            let sandbox = Sandbox::with_work(server.address(), &format!("keep = {keep}"));
            swap(&sandbox, &server, &messages, one, other);
        }
    }
}

#[test]
fn another_message_instead_reaches_no_mda() {
    let messages = ordinary(1, 6);
    for keep in [true, false] {
        let server = ModelServer::start(messages.clone());
        let sandbox = with_mda(&server, &format!("keep = {keep}"));
        swap(&sandbox, &server, &messages, 2, 3);
    }
}

#[test]
fn another_message_instead_is_noticed_without_unique_ids() {
    let messages = ordinary(1, 6);
    for (one, other) in [(2, 3), (3, 2)] {
        let behaviour = Behaviour {
            uidl: false,
            ..Behaviour::default()
        };
        let server = ModelServer::with(messages.clone(), behaviour);
        let sandbox = Sandbox::with_work(server.address(), "keep = false");
        swap(&sandbox, &server, &messages, one, other);
    }
}

#[test]
fn a_server_that_hides_what_it_sent_sends_the_right_message_later() {
    let messages = ordinary(1, 6);
    let behaviour = Behaviour {
        part: Some(6),
        ..Behaviour::default()
    };
    let server = ModelServer::with(messages.clone(), behaviour);
    let sandbox = Sandbox::with_work(server.address(), "keep = false");

    swap(&sandbox, &server, &messages, 2, 3);
}

#[test]
fn a_longer_message_of_another_mailbox_keeps_no_message_away() {
    let foreign = letters(9, 1, |_| 20_000).remove(0);
    for (keep, count) in [(false, 1), (false, 4), (true, 1), (true, 4)] {
        let messages = ordinary(1, count);
        let server = ModelServer::start(messages.clone());
        server.change(|behaviour| {
            let unique_id = messages[0].unique_id.clone();
            behaviour.swapped_once = vec![(unique_id, foreign.clone())];
        });
        let sandbox = Sandbox::with_work(server.address(), &format!("keep = {keep}"));

        let outcome = sandbox.fetch();

        outcome.succeeds().complains_in_lines(1);
        outcome.stderr_has("does not have the size that the server lists");
        let again = sandbox.fetch();
        again.succeeds().stderr_has("differs from the first");
        sandbox
            .work()
            .holds(&[messages.clone(), vec![foreign.clone()]].concat());
        assert_eq!(server.count(), if keep { count } else { 0 });
        sandbox.fetch().succeeds().is_silent();
        assert_eq!(server.log().count("RETR"), count + 1);
    }
}

#[test]
fn equal_messages_are_each_delivered() {
    let one = ordinary(1, 1).remove(0);
    let twin = TestMessage::new("twin", one.octets.clone());
    let messages = [vec![one, twin.clone()], ordinary(2, 2)].concat();
    for pipelining in [true, false] {
        let server = ModelServer::start(messages.clone());
        server.change(|behaviour| behaviour.pipelining = pipelining);
        let sandbox = Sandbox::with_work(server.address(), "keep = false");

        sandbox.fetch().succeeds().is_silent();

        sandbox.work().holds(&messages);
        assert_eq!((server.count(), server.log().count("RETR")), (0, 4));
    }
}

/// Fetches known messages that are compared, and new ones, while one reply is lost or comes twice.
#[track_caller]
fn compare_with(
    sandbox: &Sandbox,
    server: &ModelServer,
    messages: &[TestMessage],
    fault: impl FnOnce(&mut Behaviour),
) {
    let (old, new) = messages.split_at(messages.len() - 3);
    server.replace(old.to_vec());
    sandbox.fetch();
    sandbox.work().holds(old);
    for message in new {
        server.add(message.clone());
    }
    server.change(|behaviour| {
        behaviour.refuses_update = false;
        fault(behaviour);
    });
    sandbox.fetch();
    settles(sandbox, server, messages);
}

#[test]
fn a_fault_in_the_comparison_after_an_unanswered_quit_repeats_nothing() {
    let different = ordinary(1, 8);
    for n in [0, 2, 4, 5, 7] {
        for messages in [&different, &notes(["a", "b", "c", "d", "e", "f", "g", "h"])] {
            let faulty = vec![messages[n].unique_id.clone()];
            let behaviour = Behaviour {
                refuses_update: true,
                ..Behaviour::default()
            };
            let server = ModelServer::with(Vec::new(), behaviour.clone());
            let sandbox = Sandbox::with_work(server.address(), "keep = false");
            let lost = faulty.clone();
            compare_with(&sandbox, &server, messages, |behaviour| {
                behaviour.lost_once = lost;
            });

            let server = ModelServer::with(Vec::new(), behaviour);
            let sandbox = Sandbox::with_work(server.address(), "keep = false");
            compare_with(&sandbox, &server, messages, |behaviour| {
                behaviour.doubled_once = faulty;
            });
        }
    }
}

#[test]
fn a_fault_in_the_comparison_of_new_sizes_repeats_nothing() {
    type Fault = fn(&mut Behaviour, Vec<u8>);
    let faults: [Fault; 2] = [
        |behaviour, faulty| behaviour.lost_once.push(faulty),
        |behaviour, faulty| behaviour.doubled_once.push(faulty),
    ];
    let messages = ordinary(1, 6);
    for (n, fault) in [0, 2, 4]
        .into_iter()
        .flat_map(|n| faults.map(|fault| (n, fault)))
    {
        let behaviour = Behaviour {
            adds_status: true,
            ..Behaviour::default()
        };
        let server = ModelServer::with(messages.clone(), behaviour);
        let sandbox = Sandbox::with_work(server.address(), "keep = true");
        sandbox.fetch().succeeds();
        server.change(|behaviour| fault(behaviour, messages[n].unique_id.clone()));

        for _ in 0..4 {
            sandbox.fetch();
        }

        sandbox.fetch().succeeds().is_silent();
        sandbox.work().holds(&messages);
    }
}

#[test]
fn a_fault_in_the_comparison_gives_an_mda_nothing_twice() {
    let messages = ordinary(1, 8);
    for n in [1, 4, 6] {
        let behaviour = Behaviour {
            refuses_update: true,
            ..Behaviour::default()
        };
        let server = ModelServer::with(Vec::new(), behaviour);
        let sandbox = with_mda(&server, "keep = false");
        let faulty = vec![messages[n].unique_id.clone()];
        compare_with(&sandbox, &server, &messages, |behaviour| {
            behaviour.doubled_once = faulty;
        });
    }
}
