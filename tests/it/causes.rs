//! Failures and what they are counted against: a message, pipelining, the server, or the target.

use std::time::Duration;

use crate::support::certificates::Authority;
use crate::support::mail::notes;
use crate::support::model_server::{Behaviour, HangUp, ModelServer, Protection};
use crate::support::sandbox::Sandbox;

/// Starts a server that closes the connection at these moments.
fn hanging_up<const N: usize>(ids: [&str; N], hang_ups: &[HangUp], resets: bool) -> ModelServer {
    let behaviour = Behaviour {
        hang_ups: hang_ups.to_vec(),
        resets,
        ..Behaviour::default()
    };
    ModelServer::with(notes(ids), behaviour)
}

const ALL: [&str; 5] = ["a", "b", "c", "d", "e"];

#[test]
fn a_server_that_cannot_pipeline_delivers_all_mail() {
    for moment in [
        HangUp::AtFlight(""),
        HangUp::AtFlight("UIDL"),
        HangUp::AfterFirst("UIDL"),
        HangUp::AtFlight("RETR"),
        HangUp::AfterFirst("RETR"),
        HangUp::AtFlight("DELE"),
        HangUp::AfterFirst("DELE"),
    ] {
        for resets in [false, true] {
            // A reset can overtake answers, so that the octets of a message are cut off.
            if resets && matches!(moment, HangUp::AfterFirst(_)) {
                continue;
            }
            let server = hanging_up(["a", "b", "c"], &[moment], resets);
            let sandbox = Sandbox::with_work(server.address(), "keep = false");

            let first = sandbox.fetch();

            first.succeeds().is_silent();
            sandbox.work().holds(&notes(["a", "b", "c"]));
            assert_eq!(server.count(), 0, "{moment:?}\n{first}");
        }
    }
}

#[test]
fn pipelining_ends_after_it_broke_two_runs_in_a_row() {
    let server = hanging_up(["a", "b"], &[HangUp::AtFlight("RETR")], false);
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds().is_silent();
    notes(["c", "d"])
        .into_iter()
        .for_each(|note| server.add(note));
    sandbox.fetch().succeeds().is_silent();
    let before = server.log().sessions;
    assert_eq!(before, 4);
    notes(["e", "f"])
        .into_iter()
        .for_each(|note| server.add(note));

    sandbox.fetch().succeeds().is_silent();

    assert_eq!(server.log().sessions, before + 1);
    sandbox.work().holds(&notes(["a", "b", "c", "d", "e", "f"]));
}

#[test]
fn a_network_that_breaks_once_does_not_end_pipelining() {
    let server = hanging_up(["a", "b"], &[HangUp::AtFlight("RETR")], false);
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.fetch().succeeds().is_silent();
    server.change(|behaviour| behaviour.hang_ups.clear());
    notes(["c", "d"])
        .into_iter()
        .for_each(|note| server.add(note));
    sandbox.fetch().succeeds().is_silent();
    server.change(|behaviour| behaviour.hang_ups = vec![HangUp::AtFlight("RETR")]);
    notes(["e", "f"])
        .into_iter()
        .for_each(|note| server.add(note));
    sandbox.fetch().succeeds().is_silent();
    server.change(|behaviour| behaviour.hang_ups.clear());
    notes(["g", "h"])
        .into_iter()
        .for_each(|note| server.add(note));
    let before = server.log().turns;

    sandbox.fetch().succeeds().is_silent();

    // The login with UIDL, LIST, both RETR together, QUIT.
    assert_eq!(server.log().turns - before, 4);
}

#[test]
fn a_server_that_cannot_pipeline_inside_tls_delivers_all_mail() {
    let authority = Authority::new();
    let behaviour = Behaviour {
        hang_ups: vec![HangUp::AtFlight("RETR")],
        security: Protection::Tls(authority.certificate().acceptor()),
        ..Behaviour::default()
    };
    let server = ModelServer::with(notes(ALL), behaviour);
    let keys = "security = 'tls'\ntls-ca-file = '~/ca.pem'\nkeep = false";
    let sandbox = Sandbox::with_work(server.address(), keys);
    sandbox.write("home/ca.pem", authority.pem());

    sandbox.fetch().succeeds().is_silent();

    sandbox.work().holds(&notes(ALL));
}

#[test]
fn a_message_whose_refusal_ends_the_session_is_counted_alone() {
    for pipelining in [false, true] {
        for resets in [false, true] {
            let server = hanging_up(ALL, &[HangUp::AfterRefusal], resets);
            server.change(|behaviour| {
                behaviour.refused = vec![b"b".to_vec()];
                behaviour.pipelining = pipelining;
            });
            let sandbox = Sandbox::with_work(server.address(), "");
            let first = sandbox.fetch();
            first.fails_with(75);
            if !resets {
                first.stderr_has("the server said \"this message cannot be read\"");
            }
            sandbox.fetch();
            sandbox.work().holds(&notes(["a", "c", "d", "e"]));
            for _ in 0..6 {
                sandbox.fetch();
            }

            sandbox.fetch().succeeds().is_silent();

            let list = sandbox.mailpull(["seen", "list", "work", "--failed"]).run();
            list.succeeds();
            assert!(list.stdout_text().lines().count() == 1, "{list}");
            list.stdout_has(" b, failed");
        }
    }
}

#[test]
fn a_refusal_that_ends_the_session_delays_no_deletion() {
    for refused in ALL {
        for pipelining in [false, true] {
            let server = hanging_up(ALL, &[HangUp::AfterRefusal], false);
            server.change(|behaviour| {
                behaviour.refused = vec![refused.as_bytes().to_vec()];
                behaviour.pipelining = pipelining;
            });
            let sandbox = Sandbox::with_work(server.address(), "keep = false");

            let first = sandbox.fetch();

            first.fails_with(75).complains_in_lines(1);
            assert_eq!(server.unique_ids(), [refused.as_bytes()], "{first}");
            sandbox.fetch().fails_with(75).complains_in_lines(1);
        }
    }
}

#[test]
fn a_refused_deletion_that_ends_the_session_delays_no_other() {
    for pipelining in [false, true] {
        let server = hanging_up(ALL, &[HangUp::AfterRefusal], false);
        server.change(|behaviour| {
            behaviour.undeletable = vec![b"c".to_vec()];
            behaviour.pipelining = pipelining;
        });
        let sandbox = Sandbox::with_work(server.address(), "keep = false");

        let first = sandbox.fetch();

        first.fails_with(75).complains_in_lines(1);
        assert_eq!(server.unique_ids(), [b"c"], "{first}");
        sandbox.work().holds(&notes(ALL));
    }
}

#[test]
fn a_message_that_breaks_sessions_is_set_aside_and_no_other() {
    for pipelining in [false, true] {
        let server = hanging_up(ALL, &[HangUp::At("RETR", "b")], false);
        server.change(|behaviour| behaviour.pipelining = pipelining);
        let sandbox = Sandbox::with_work(server.address(), "");
        for _ in 0..2 {
            sandbox.fetch().fails_with(75);
        }
        sandbox.work().holds(&notes(["a", "c", "d", "e"]));
        for _ in 0..4 {
            sandbox.fetch();
        }

        sandbox.fetch().succeeds().is_silent();

        let list = sandbox.mailpull(["seen", "list", "work", "--failed"]).run();
        assert!(list.stdout_text().lines().count() == 1, "{list}");
        list.stdout_has(" b, failed 5 times");
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);

#[test]
fn a_message_whose_dele_breaks_the_session_is_left_out() {
    for pipelining in [false, true] {
        let server = hanging_up(ALL, &[HangUp::At("DELE", "c")], false);
        server.change(|behaviour| behaviour.pipelining = pipelining);
        let sandbox = Sandbox::with_work(server.address(), "keep = false");
        for _ in 0..5 {
            sandbox.fetch();
        }
        assert_eq!(server.unique_ids(), [b"c"]);

        sandbox.fetch().succeeds();

        sandbox.let_pass(DAY);
        sandbox.fetch().fails_with(65).is_silent();
        server.change(|behaviour| behaviour.hang_ups.clear());
        let retry = sandbox.mailpull(["fetch", "--retry"]).run();
        retry.succeeds().is_silent();
        assert_eq!(server.count(), 0);
        sandbox.work().holds(&notes(ALL));
    }
}

#[test]
fn no_run_succeeds_until_a_message_whose_dele_breaks_the_session_is_set_aside() {
    for pipelining in [false, true] {
        for ids in [notes(["c"]), notes(ALL)] {
            let server = ModelServer::with(ids, Behaviour::default());
            server.change(|behaviour| {
                behaviour.pipelining = pipelining;
                behaviour.hang_ups = vec![HangUp::At("DELE", "c")];
            });
            let sandbox = Sandbox::with_work(server.address(), "keep = false");
            for lines in [1, 0, 0, 0] {
                sandbox.fetch().fails_with(75).complains_in_lines(lines);
            }

            sandbox.fetch().fails_with(65).complains_in_lines(1);

            assert_eq!(server.unique_ids(), [b"c"]);
        }
    }
}

#[test]
fn a_mailbox_that_can_only_be_read_is_reported_once_a_day() {
    for pipelining in [false, true] {
        let server = hanging_up(ALL, &[], false);
        server.change(|behaviour| {
            behaviour.undeletable = ALL.map(|id| id.as_bytes().to_vec()).to_vec();
            behaviour.pipelining = pipelining;
        });
        let sandbox = Sandbox::with_work(server.address(), "keep = false");

        let first = sandbox.fetch();

        first.fails_with(75).complains_in_lines(1);
        first.stderr_has("the server said \"this message cannot be deleted\"");
        first.stderr_has("messages that stay: 5");
        first.stderr_has("keep = true");
        for _ in 0..6 {
            sandbox.fetch().fails_with(75).is_silent();
        }
        if !pipelining {
            assert_eq!(server.log().count("DELE"), 7 * 3);
        }
        sandbox.let_pass(DAY);
        sandbox.fetch().fails_with(75).complains_in_lines(1);
        server.change(|behaviour| behaviour.undeletable.clear());
        sandbox.fetch().succeeds().is_silent();
        assert_eq!(server.count(), 0);
    }
}

#[test]
fn a_server_that_refuses_everything_is_at_fault_itself() {
    for pipelining in [false, true] {
        let server = hanging_up(ALL, &[], false);
        server.change(|behaviour| {
            behaviour.refused = ALL.map(|id| id.as_bytes().to_vec()).to_vec();
            behaviour.refusal = "-ERR quota exceeded for message {unique-id}".to_owned();
            behaviour.pipelining = pipelining;
        });
        let sandbox = Sandbox::with_work(server.address(), "keep = false");
        for _ in 0..7 {
            let outcome = sandbox.fetch();
            outcome.fails_with(75).complains_in_lines(1);
            outcome.stderr_has("the server said \"quota exceeded for message ");
            outcome.stderr_has("messages that wait for the next run: 5");
        }
        if !pipelining {
            assert_eq!(server.log().count("RETR"), 7 * 3);
        }
        server.change(|behaviour| behaviour.refused.clear());

        sandbox.fetch().succeeds().is_silent();

        sandbox.work().holds(&notes(ALL));
        assert_eq!(server.count(), 0);
    }
}

#[test]
fn three_bad_messages_keep_no_good_ones_away() {
    for pipelining in [false, true] {
        let server = hanging_up(ALL, &[], false);
        server.change(|behaviour| {
            behaviour.refused = vec![b"a".to_vec(), b"b".to_vec(), b"c".to_vec()];
            behaviour.pipelining = pipelining;
        });
        let sandbox = Sandbox::with_work(server.address(), "");
        for _ in 0..7 {
            sandbox.fetch();
        }

        sandbox.fetch().succeeds().is_silent();

        sandbox.work().holds(&notes(["d", "e"]));
    }
}

#[test]
fn messages_set_aside_are_tried_at_once_with_retry() {
    let server = hanging_up(ALL, &[], false);
    server.change(|behaviour| behaviour.refused = vec![b"b".to_vec()]);
    let sandbox = Sandbox::with_work(server.address(), "");
    for _ in 0..6 {
        sandbox.fetch();
    }
    let still = sandbox.mailpull(["fetch", "--retry"]).run();
    still
        .fails_with(65)
        .complains_in_lines(1)
        .stderr_has("is set aside");
    server.change(|behaviour| behaviour.refused.clear());

    let retry = sandbox.mailpull(["fetch", "--retry"]).run();

    retry.succeeds().is_silent();
    sandbox.work().holds(&notes(ALL));
}
