//! Kills in `mailpull delete`. The message is deleted or delivered by the next run, and no other is
//! deleted.

use crate::support::mail::TestMessage;
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::strace::{Injection, Threads, faulty, points, sample};
use crate::support::tools;

const DELETE: [&str; 4] = ["delete", "work", "b", "--yes"];

/// The system calls by which an order is recorded and carried out.
const CALLS: [&str; 4] = ["fcntl", "fsync", "pwrite64", "write"];

/// A message whose header identifies it, so that an order stands after a QUIT without an answer.
fn letter(name: &str) -> TestMessage {
    TestMessage::new(name, format!("Message-ID: <{name}@example.org>\r\n\r\n"))
}

fn setup() -> (Sandbox, ModelServer) {
    let server = ModelServer::start(vec![letter("a"), letter("b")]);
    let sandbox = Sandbox::with_work(server.address(), "keep = true");
    sandbox.make_known();
    (sandbox, server)
}

#[test]
fn a_kill_in_an_ordered_deletion_is_made_good_by_the_next_run() {
    if tools::find("strace").is_none() {
        return;
    }
    let (sandbox, _server) = setup();
    let all = points(&sandbox, &DELETE, Threads::Main, &CALLS);
    let mut deleted = 0;
    let sample = sample(&all, 3);
    for point in &sample {
        let (sandbox, server) = setup();
        faulty(&sandbox, DELETE, point, Injection::Kill).run();

        sandbox.fetch().succeeds().is_silent();

        let is_listed = server.unique_ids() == [b"a", b"b"];
        let delivered = match is_listed {
            true => vec![letter("a"), letter("b")],
            false => vec![letter("a")],
        };
        assert!(is_listed || server.unique_ids() == [b"a"], "{point}");
        sandbox.work().holds(&delivered);
        deleted += usize::from(!is_listed);
    }
    assert!(
        0 < deleted && deleted < sample.len(),
        "{deleted} of {sample:?}"
    );
}
