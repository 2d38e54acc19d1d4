//! An MDA that does not end, and one that leaves something running.

use std::fs;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use super::{DELIVER, configure_script, inbox, spool};
use crate::support::mail::{notes, ordinary};
use crate::support::model_server::ModelServer;
use crate::support::sandbox::Sandbox;
use crate::support::script::{LIST_A, QUIT, Script};

/// Reads the numbers of processes that a script wrote down.
fn pids(sandbox: &Sandbox) -> Vec<Pid> {
    let written = fs::read_to_string(sandbox.home().join("pids")).expect("the MDA was run");
    let numbers = written.lines().map(|line| line.parse().expect("a number"));
    numbers.filter_map(Pid::from_raw).collect()
}

/// Whether a process runs on although it has had time to end.
fn runs_on(pid: Pid) -> bool {
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else {
        return false;
    };
    // Readable when it has ended, also before anyone waited for it.
    let mut ended = [PollFd::new(&process, PollFlags::IN)];
    let patience = Timespec {
        tv_sec: 5,
        tv_nsec: 0,
    };
    poll(&mut ended, Some(&patience)).expect("a process can be polled") == 0
}

#[test]
fn an_mda_that_hangs_is_killed_with_all_that_it_started() {
    let messages = ordinary(1, 1);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    for script in [
        // Ends when it is asked to; what it started does not.
        r#"(trap '' TERM; exec tail -f /dev/null) & echo $! >>"$HOME/pids"
        echo $$ >>"$HOME/pids"; exec tail -f /dev/null"#,
        // Does not end when it is asked to.
        r#"trap '' TERM; tail -f /dev/null & echo $! >>"$HOME/pids"
        echo $$ >>"$HOME/pids"; exec tail -f /dev/null"#,
    ] {
        configure_script(&sandbox, &server, script, "mda-timeout = '1s'");
        sandbox
            .mailpull(["fetch"])
            .run()
            .fails_with(75)
            .complains_in_lines(1)
            .stderr_has("did not end within 1 s; the next run tries it again");
        let started = pids(&sandbox);
        let left: Vec<_> = started
            .iter()
            .copied()
            .filter(|&pid| runs_on(pid))
            .collect();
        for &pid in &left {
            kill_process(pid, Signal::KILL).expect("it runs");
        }
        assert_eq!(left, [], "{script}");
        assert_eq!(spool(&sandbox).len(), 1);
    }
    configure_script(&sandbox, &server, DELIVER, "");
    sandbox.mailpull(["fetch"]).run().succeeds();
    inbox(&sandbox).holds(&messages);
    assert_eq!(server.log().retrieved.len(), 1);
}

#[test]
fn what_an_mda_leaves_running_is_not_waited_for() {
    let messages = ordinary(1, 3);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    // It holds all three descriptors.
    let script = format!("tail -f /dev/null & echo $! >>\"$HOME/pids\"; {DELIVER}");
    configure_script(&sandbox, &server, &script, "keep = false");
    let outcome = sandbox.mailpull(["fetch"]).run();
    for pid in pids(&sandbox) {
        kill_process(pid, Signal::KILL).expect("it was left running");
    }
    outcome.succeeds().is_silent();
    inbox(&sandbox).holds(&messages);
    assert_eq!((server.count(), spool(&sandbox).len()), (0, 0));
}

#[test]
fn a_server_that_leaves_while_the_mda_works_is_told_to_delete_at_the_next_run() {
    let leaves = [LIST_A, "\nC: RETR 1\nS: +OK\nnote a\ncut"].concat();
    let server = Script::new(leaves)
        .then([LIST_A, "\nC: DELE 1\nS: +OK", QUIT].concat())
        .serve();
    let sandbox = Sandbox::new();
    inbox(&sandbox).make();
    let mda = sandbox.script("mda", DELIVER).display().to_string();
    let keys = format!("mda = {mda:?}\nmda-allow-root = true\nkeep = false");
    sandbox.account("work", server.address(), &keys);
    sandbox.fetch().fails_with(75).complains_in_lines(1);
    inbox(&sandbox).holds(&notes(["a"]));

    sandbox.fetch().succeeds().is_silent();

    server.finish();
    inbox(&sandbox).holds(&notes(["a"]));
}

#[test]
fn what_an_mda_may_have_taken_before_it_was_stopped_is_told_by_the_log() {
    let messages = ordinary(1, 1);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    let hanging = "cat >/dev/null; exec tail -f /dev/null";
    configure_script(&sandbox, &server, hanging, "mda-timeout = '1s'");
    sandbox.mailpull(["fetch"]).run().fails_with(75);
    configure_script(&sandbox, &server, DELIVER, "");
    sandbox.mailpull(["fetch"]).run().succeeds().is_silent();

    let log = sandbox.mailpull(["log"]).run();

    log.succeeds().stdout_has("possibly delivered before");
    inbox(&sandbox).holds(&messages);
}
