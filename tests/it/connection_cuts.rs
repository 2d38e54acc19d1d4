//! Sessions that are cut off at each octet that the server sends. After the next run no message is
//! lost and none is delivered twice.

use std::collections::HashSet;

use crate::support::cost::Cost;
use crate::support::mail::{TestMessage, notes};
use crate::support::model_server::{Behaviour, Cut, ModelServer};
use crate::support::outcome::RunOutcome;
use crate::support::sandbox::Sandbox;
use crate::support::sweep::{Allowed, Sweep};
use crate::support::tools;

/// One account for each octet that the server sends in a session. The first session of each account
/// is cut off at its octet.
struct Cuts {
    messages: Vec<TestMessage>,
    sandbox: Sandbox,
    sweep: String,
    deletes: bool,
    servers: Vec<(String, ModelServer)>,
}

impl Cuts {
    fn new(cut: fn(usize) -> Cut, step: usize, keys: &str) -> Self {
        let messages = notes(["a", "b", "c"]);
        let sandbox = Sandbox::new();
        let octets = octets_of_a_session(&messages, keys);
        let servers: Vec<_> = (0..octets)
            .step_by(step)
            .map(|at| {
                let behaviour = Behaviour {
                    cuts: vec![cut(at)],
                    ..Behaviour::default()
                };
                let server = ModelServer::with(messages.clone(), behaviour);
                (format!("cut-{at}"), server)
            })
            .collect();
        for (account, server) in &servers {
            sandbox.account(account, server.address(), keys);
        }
        let signal = match cut(0) {
            Cut::Fin(_) => "FIN",
            Cut::Reset(_) => "RST",
        };
        let deletes = !keys.is_empty();
        let kept = if deletes { "deleted" } else { "kept" };
        Self {
            messages,
            sandbox,
            deletes,
            sweep: format!("connection cut by {signal}, Maildir, {kept}"),
            servers,
        }
    }

    /// Runs twice: the first time every session is cut, the second time none.
    #[track_caller]
    fn run(&self) -> RunOutcome {
        let outcome = self.sandbox.fetch();
        for (account, _) in &self.servers {
            let maildir = self.sandbox.maildir(account);
            assert_eq!(maildir.count("tmp"), 0, "{account}\n{outcome}");
        }
        self.sandbox.fetch().succeeds().is_silent();
        for (account, server) in &self.servers {
            // The session that was cut, then one for what it left, one for the message whose DELE was
            // cut, and that of the second run.
            assert!(server.log().sessions <= 4, "{account}");
            self.sandbox.maildir(account).holds(&self.messages);
        }
        self.count();
        outcome
    }

    /// Counts each account as a point.
    #[track_caller]
    fn count(&self) {
        let kept = if self.deletes { 0 } else { self.messages.len() };
        let allowed = Allowed {
            duplicated: 0,
            kept,
        };
        let mut sweep = Sweep::new(&self.sweep);
        for (account, server) in &self.servers {
            let files = self.sandbox.maildir(account).messages();
            let cost = Cost::of_files(&self.messages, &files, <[u8]>::eq, &server.unique_ids());
            sweep.count_run(account, true);
            sweep.add(account, cost, allowed);
        }
        sweep.finish();
    }
}

/// The server's greeting.
const GREETING: &str = "+OK model server ready";

fn account_of(line: &str) -> Option<&str> {
    line.strip_prefix("mailpull: ")?.split(':').next()
}

/// Counts what a server sends in a whole session.
fn octets_of_a_session(messages: &[TestMessage], keys: &str) -> usize {
    let server = ModelServer::start(messages.to_vec());
    let sandbox = Sandbox::with_work(server.address(), keys);
    sandbox.fetch().succeeds();
    server.log().sent
}

#[test]
fn a_cut_at_any_octet_neither_loses_nor_repeats_mail() {
    let cuts = Cuts::new(Cut::Fin, 1, "");

    let outcome = cuts.run();

    outcome.fails_with(75);
    assert!(cuts.servers.iter().all(|(_, server)| server.count() == 3));
}

#[test]
fn a_deletion_cut_at_any_octet_is_completed_next_run() {
    let cuts = Cuts::new(Cut::Fin, 1, "keep = false");

    let outcome = cuts.run();

    let text = outcome.fails_with(75).stderr_text();
    let reported: HashSet<_> = text.lines().map(account_of).collect();
    outcome.complains_in_lines(reported.len());
    // After a cut in the reply to CAPA, and while several commands wait for their replies, the same run
    // connects once more. That connection succeeds, so no error is reported. A cut in the greeting is
    // always reported.
    assert!(reported.len() >= GREETING.len(), "{}", reported.len());
    assert!(cuts.servers.iter().all(|(_, server)| server.count() == 0));
}

#[test]
fn a_reset_at_any_octet_neither_loses_nor_repeats_mail() {
    for keys in ["", "keep = false"] {
        let step = if tools::is_thorough() { 1 } else { 7 };
        let cuts = Cuts::new(Cut::Reset, step, keys);

        let outcome = cuts.run();

        outcome.fails_with(75);
    }
}
