//! Connections that break while a message is handed over. A message of which the server has every octet
//! may be delivered: it is handed over again, and the log says so.

use super::{configure, spooled};
use crate::support::cost::Cost;
use crate::support::lmtp_server::{LmtpCut, LmtpServer};
use crate::support::mail::{notes, one_line};
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::script::Script;
use crate::support::sweep::{Allowed, Sweep};

#[test]
fn a_message_without_an_answer_is_handed_over_again_and_marked() {
    for end in [
        "cut",
        "reset",
        "S: 250 OK\nS: 250 OK\ncut",
        "S: 250 OK\nS: 250 OK\nraw: 25\ncut",
    ] {
        let pop3 = ModelServer::start(notes(["a"]));
        let mx = Script::new(format!("lmtp\nhands a\n{end}"))
            .then("lmtp\ntakes a\nC: QUIT")
            .serve();
        let sandbox = Sandbox::new();
        configure(&sandbox, &pop3, mx.address(), "keep = false");

        let broken = sandbox.fetch();
        broken.fails_with(75).complains_in_lines(1);
        broken.stderr_has("the message may be delivered nevertheless");
        assert_eq!((pop3.count(), spooled(&sandbox)), (1, 1), "{end}");

        sandbox.fetch().succeeds().is_silent();
        assert_eq!(spooled(&sandbox), 0, "{end}");
        sandbox.fetch().succeeds().is_silent();
        assert_eq!(pop3.count(), 0, "{end}");
        let log = sandbox.mailpull(["log"]).run();
        log.succeeds()
            .stdout_has(", possibly delivered before, it said: ");
        mx.finish();
    }
}

#[test]
fn a_message_that_was_not_sent_to_its_end_is_not_marked() {
    let message = one_line(200_000);
    for end in ["cut", "S: 250 OK\ncut", "S: 421 closing\ncut"] {
        let pop3 = ModelServer::start(vec![message.clone()]);
        let mx = Script::new(format!("lmtp\nC: MAIL FROM:<>\nC: RCPT TO:<joe>\n{end}"))
            .then("lmtp\nC: MAIL FROM:<>\nC: RCPT TO:<joe>\nS: 250 OK\nS: 451 no\nC: QUIT")
            .serve();
        let sandbox = Sandbox::new();
        configure(&sandbox, &pop3, mx.address(), "keep = false");

        let broken = sandbox.fetch();
        broken.fails_with(75).never_says("nevertheless");
        sandbox.fetch().fails_with(75);

        assert_eq!((pop3.count(), spooled(&sandbox)), (1, 1), "{end}");
        sandbox.mailpull(["log"]).run().never_says("possibly");
        mx.finish();
    }
}

#[test]
fn a_closed_idle_connection_is_replaced_silently() {
    let pop3 = ModelServer::start(notes(["a", "b"]));
    let mx = Script::new("lmtp\ntakes a\ncut")
        .then("lmtp\ntakes b\nC: QUIT")
        .serve();
    let sandbox = Sandbox::new();
    configure(&sandbox, &pop3, mx.address(), "keep = false");

    sandbox.fetch();
    sandbox.fetch();

    assert_eq!((pop3.count(), spooled(&sandbox)), (0, 0));
}

/// An account whose first connection to its mail server is cut at one octet.
struct CutAccount {
    name: String,
    pop3: ModelServer,
    mx: LmtpServer,
}

#[test]
fn a_cut_at_any_octet_loses_nothing_and_each_repeat_is_marked() {
    /// The octets that both sides send in a session with two notes, roughly. A cut that comes later
    /// cuts nothing.
    const HEARD: usize = 170;
    const SAID: usize = 130;
    const STEP: usize = 5;
    let messages = notes(["a", "b"]);
    let heard = (0..HEARD).step_by(STEP).map(LmtpCut::after_hearing);
    let said = (0..SAID).step_by(STEP).map(LmtpCut::after_saying);
    let sandbox = Sandbox::new();
    let accounts: Vec<_> = heard
        .chain(said)
        .enumerate()
        .map(|(n, cut)| {
            let name = format!("cut-{n}");
            let pop3 = ModelServer::start(messages.clone());
            let mx = LmtpServer::cutting(cut);
            let keys = format!(
                "lmtp = \"{}\"\nrecipient = 'joe'\nkeep = false",
                mx.address()
            );
            sandbox.account(&name, pop3.address(), &keys);
            CutAccount { name, pop3, mx }
        })
        .collect();
    sandbox.fetch();
    sandbox.fetch().succeeds().is_silent();
    sandbox.fetch().succeeds().is_silent();

    let log = sandbox.mailpull(["log", "--json"]).run().json_lines();
    let mut sweep = Sweep::new("connection to a mail server cut");
    for CutAccount { name, pop3, mx } in accounts {
        sweep.count_run(&name, true);
        let taken = mx.messages();
        let copies = |stored: &[u8]| taken.iter().filter(|taken| *taken == stored).count();
        let cost = Cost::of(&messages, copies, &pop3.unique_ids());
        let marked = log.iter().filter(|line| line["account"] == name.as_str());
        let marked = marked.filter(|line| line["possibly_repeated"] == true);
        if marked.count() < cost.duplicated {
            sweep.problem(&name, "a repeat is not marked");
        }
        let allowed = Allowed {
            duplicated: 1,
            kept: 0,
        };
        sweep.add(&name, cost, allowed);
    }
    sweep.finish();
}
