//! MDAs that do not end, that take long, or that leave processes running.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, mkfifoat};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use super::{DELIVER, configure_script, inbox, spool};
use crate::support::mail::{notes, one_line, ordinary};
use crate::support::model_server::ModelServer;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::script::{LIST_A, QUIT, Script};

/// Reads the process ids that a script wrote to the file `pids`.
fn pids(sandbox: &Sandbox) -> Vec<Pid> {
    let written = fs::read_to_string(sandbox.home().join("pids")).expect("the MDA was run");
    let numbers = written
        .lines()
        .map(|line| line.parse().expect("a process id is a number"));
    numbers.filter_map(Pid::from_raw).collect()
}

/// Returns true if a process is still running after five seconds.
fn keeps_running(pid: Pid) -> bool {
    let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else {
        return false;
    };
    // The descriptor is readable once the process has ended, even if nobody has waited for it.
    let mut ended = [PollFd::new(&process, PollFlags::IN)];
    let timeout = Timespec {
        tv_sec: 5,
        tv_nsec: 0,
    };
    poll(&mut ended, Some(&timeout)).expect("a process can be polled") == 0
}

#[test]
fn a_hanging_mda_is_killed_with_its_child_processes() {
    let messages = ordinary(1, 1);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    for script in [
        // The script ends on SIGTERM, but its child ignores it.
        r#"(trap '' TERM; exec tail -f /dev/null) & echo $! >>"$HOME/pids"
        echo $$ >>"$HOME/pids"; exec tail -f /dev/null"#,
        // The script ignores SIGTERM.
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
            .filter(|&pid| keeps_running(pid))
            .collect();
        for &pid in &left {
            kill_process(pid, Signal::KILL).expect("the process is running");
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
fn the_mdas_end_is_noticed_despite_a_blocked_sigchld() {
    let server = ModelServer::start(ordinary(1, 2));
    let sandbox = Sandbox::new();
    configure_script(&sandbox, &server, DELIVER, "mda-timeout = '20s'");
    let mut command = sandbox.command("env");
    command
        .args(["--block-signal=CHLD"])
        .arg(sandbox.program())
        .arg("fetch");
    Program::new(command).run().succeeds();
    inbox(&sandbox).holds(&ordinary(1, 2));
}

#[test]
fn a_timed_out_mda_never_sees_the_end_of_input() {
    let messages = vec![one_line(3_000_000)];
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    // On SIGTERM the script reads on. An end of its input would make it take the part that it has
    // read for the whole message.
    let script = r#"trap 'cat >/dev/null; echo >"$HOME/ended"' TERM
        head -c 10 >/dev/null; tail -f /dev/null & wait"#;
    configure_script(&sandbox, &server, script, "mda-timeout = '1s'");

    let outcome = sandbox.fetch();

    outcome
        .fails_with(75)
        .complains_in_lines(1)
        .stderr_has("did not end within 1 s; the next run tries it again");
    assert!(!sandbox.home().join("ended").exists());
    configure_script(&sandbox, &server, DELIVER, "");
    sandbox.fetch().succeeds();
    inbox(&sandbox).holds(&messages);
}

#[test]
fn processes_left_running_by_an_mda_are_not_awaited() {
    let messages = ordinary(1, 3);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    // The child inherits all three standard descriptors.
    let script = format!("tail -f /dev/null & echo $! >>\"$HOME/pids\"; {DELIVER}");
    configure_script(&sandbox, &server, &script, "keep = false");
    let outcome = sandbox.mailpull(["fetch"]).run();
    for pid in pids(&sandbox) {
        kill_process(pid, Signal::KILL).expect("the process is running");
    }
    outcome.succeeds().is_silent();
    inbox(&sandbox).holds(&messages);
    assert_eq!((server.count(), spool(&sandbox).len()), (0, 0));
}

#[test]
fn a_connection_lost_during_delivery_postpones_the_deletion() {
    let first = [LIST_A, "\nC: RETR 1\ngives a\ncut"].concat();
    let server = Script::new(first)
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

/// Makes a named pipe, at which one MDA can wait with `read line <"$HOME/pipe"`.
fn pipe(sandbox: &Sandbox) -> PathBuf {
    let pipe = sandbox.home().join("pipe");
    mkfifoat(CWD, &pipe, Mode::RUSR | Mode::WUSR).expect("the sandbox can be written");
    pipe
}

/// Lets the MDA go on that waits at the pipe.
fn release(pipe: &Path) {
    fs::write(pipe, "\n").expect("an MDA reads from the pipe");
}

#[test]
fn noop_keeps_the_session_alive_while_the_mda_works() {
    let session = "
        C: RETR 1
        gives a
        C: NOOP
        S: +OK
        reached noop
        C: DELE 1
        S: +OK";
    let server = Script::new([LIST_A, session, QUIT].concat()).serve();
    let sandbox = Sandbox::new();
    inbox(&sandbox).make();
    let pipe = pipe(&sandbox);
    let mda = sandbox.script("mda", &format!("read line <\"$HOME/pipe\"; {DELIVER}"));
    // A NOOP is sent after a third of the timeout without a command. The rest of the session takes
    // less than that, so only one is sent.
    let keys = format!("mda = {mda:?}\nmda-allow-root = true\nkeep = false\ntimeout = '12s'");
    sandbox.account("work", server.address(), &keys);
    let running = sandbox.mailpull(["fetch"]).start();
    server.reached("noop");
    release(&pipe);

    let outcome = running.wait();

    outcome.succeeds().is_silent();
    server.finish();
    inbox(&sandbox).holds(&notes(["a"]));
}

#[test]
fn noop_keeps_the_session_alive_between_messages() {
    // Each large message is a batch. While one batch is being delivered, only one other may wait,
    // so the third message is not requested.
    let (large, larger) = (one_line(17 << 20), one_line(18 << 20));
    let session = "
        login alone
        C: UIDL
        lists a b d
        C: LIST
        S: +OK
        S: .
        C: RETR 1
        S: +OK
        message large
        C: RETR 2
        S: +OK
        message larger
        C: NOOP
        S: +OK
        reached noop
        C: RETR 3
        gives d";
    let server = Script::new([session, QUIT].concat())
        .attach("large", large.octets)
        .attach("larger", larger.octets)
        .serve();
    let sandbox = Sandbox::new();
    let pipe = pipe(&sandbox);
    let script = r#"
        [ -e "$HOME/ready" ] || read line <"$HOME/pipe"; >"$HOME/ready"
        exec cat >/dev/null"#;
    let mda = sandbox.script("mda", script);
    let keys = format!("mda = {mda:?}\nmda-allow-root = true\ntimeout = '12s'");
    sandbox.account("work", server.address(), &keys);
    let running = sandbox.mailpull(["fetch"]).start();
    server.reached("noop");
    release(&pipe);

    let outcome = running.wait();

    outcome.succeeds().is_silent();
    server.finish();
}

#[test]
fn the_log_marks_a_possibly_repeated_delivery() {
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

#[test]
fn mda_jobs_sets_the_number_of_parallel_deliveries() {
    let messages = ordinary(3, 20);
    let server = ModelServer::start(messages.clone());
    let sandbox = Sandbox::new();
    // The deliveries wait for each other in pairs, so a single one would never end.
    let fifo = sandbox.path("fifo");
    mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).expect("the sandbox can be written");
    let meet = r#"
        if mkdir "$HOME/turn" 2>/dev/null; then
            read line <"$TMPDIR/../fifo"; rmdir "$HOME/turn"
        else
            echo met >"$TMPDIR/../fifo"
        fi"#;
    configure_script(
        &sandbox,
        &server,
        &format!("{meet}\n{DELIVER}"),
        "mda-jobs = 2\nkeep = false",
    );

    sandbox.fetch().succeeds().is_silent();

    inbox(&sandbox).holds(&messages);
    assert_eq!(server.count(), 0);
}
