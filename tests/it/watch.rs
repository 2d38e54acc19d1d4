//! `mailpull watch`: visits accounts again and again, and obeys signals.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::DEADLINE;
use crate::support::mail::{note, notes};
use crate::support::model_server::{ModelServer, PASSWORD, USER};
use crate::support::process::RunningProgram;
use crate::support::sandbox::Sandbox;
use crate::support::terminal::Tmux;

/// A watch that prints its events, under a service manager that listens.
struct Watch {
    running: RunningProgram,
    manager: UnixDatagram,
}

impl Watch {
    fn start(sandbox: &Sandbox, words: &[&str]) -> Self {
        let socket = sandbox.path("notify");
        let _ = fs::remove_file(&socket);
        let manager = UnixDatagram::bind(&socket).expect("the sandbox is writable");
        let timeout = manager.set_read_timeout(Some(DEADLINE));
        timeout.expect("the socket can have a deadline");
        let program = sandbox.mailpull([&["watch", "--json"], words].concat());
        let running = program.env("NOTIFY_SOCKET", &socket).start();
        Self { running, manager }
    }

    /// Waits until the service manager hears this.
    #[track_caller]
    fn tells(&self, part: &str) {
        let mut octets = [0; 1000];
        loop {
            let read = self
                .manager
                .recv(&mut octets)
                .expect("the watch tells it in time");
            if String::from_utf8_lossy(&octets[..read]).contains(part) {
                return;
            }
        }
    }

    fn delivers(&self, unique_id: &str) {
        self.running
            .prints(&format!("\"unique_id\":\"{unique_id}\""));
    }

    /// Ends the watch, and returns what it printed on standard error.
    #[track_caller]
    fn ends(self) -> String {
        self.running.signal(Signal::TERM);
        let outcome = self.running.wait();
        outcome.is_killed_by(Signal::TERM);
        outcome.stderr_text()
    }
}

#[test]
fn new_mail_is_fetched_at_the_interval() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "interval = '1s'");
    let watch = Watch::start(&sandbox, &[]);
    watch.delivers("a");
    server.add(note("b"));
    watch.delivers("b");
    server.add(note("c"));
    watch.delivers("c");

    assert_eq!(watch.ends(), "");

    sandbox.work().holds(&notes(["a", "b", "c"]));
}

#[test]
fn sigusr1_fetches_all_accounts_now() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "interval = '1 h'");
    let watch = Watch::start(&sandbox, &[]);
    watch.delivers("a");
    server.add(note("b"));

    watch.running.signal(Signal::USR1);

    watch.delivers("b");
    assert_eq!(watch.ends(), "");
}

#[test]
fn sighup_reads_the_configuration_again() {
    let (one, other) = (
        ModelServer::start(notes(["a"])),
        ModelServer::start(notes(["b"])),
    );
    let sandbox = Sandbox::with_work(one.address(), "");
    let watch = Watch::start(&sandbox, &[]);
    watch.delivers("a");
    sandbox.account("other", other.address(), "");

    watch.running.signal(Signal::HUP);

    watch.tells("RELOADING=1");
    watch.tells("READY=1");
    watch.delivers("b");
    sandbox.account("wrong", other.address(), "mistyped = 1");
    watch.running.signal(Signal::HUP);
    watch.running.prints("the old one stays: ");
    one.add(note("c"));
    watch.running.signal(Signal::USR1);
    watch.delivers("c");
    let errors = watch.ends();
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

#[test]
fn an_account_that_fails_stops_no_other() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    sandbox.account("gone", "127.0.0.1:1", "");
    let watch = Watch::start(&sandbox, &[]);

    watch.delivers("a");

    watch.tells("accounts: 2, being visited: 0, failing: 1");
    watch.ends();
}

#[test]
fn the_service_manager_hears_that_the_watch_is_alive() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    let watch = Watch::start(&sandbox, &[]);
    watch.tells("READY=1");
    watch.tells("STATUS=accounts: 1, being visited: 0, failing: 0\nWATCHDOG=1");
    watch.running.signal(Signal::TERM);
    watch.tells("STOPPING=1");
    watch.running.wait().is_killed_by(Signal::TERM);
}

#[test]
fn a_second_watch_is_refused() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "");
    let watch = Watch::start(&sandbox, &[]);
    watch.delivers("a");

    let second = sandbox.mailpull(["watch"]).run();

    second
        .fails_with(75)
        .complains_in_lines(1)
        .stderr_has("another mailpull watch is running");
    watch.ends();
}

#[test]
fn nothing_is_asked_on_a_terminal() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    let keys = |name: &str, more: &str| {
        format!(
            "[accounts.{name}]\nserver = '{}'\nsecurity = 'none'\nuser = '{USER}'\n\
             maildir = '~/Mail/{name}'\n{more}\n",
            server.address()
        )
    };
    let command = format!("password-command = 'echo {PASSWORD}'");
    sandbox.config(&(keys("asks", "") + &keys("work", &command)));
    let Some(terminal) = Tmux::open(&sandbox, &[]) else {
        return;
    };
    terminal.runs("mailpull watch --progress never");
    terminal.shows("mailpull: asks: ");
    terminal.shows("work: 1 new message");

    terminal.presses("C-c");

    terminal.shows("ended with 130");
    let screen = terminal.screen();
    assert!(!screen.contains("Password for"), "{screen}");
    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn fetch_leaves_an_account_out_until_its_interval_is_over() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::with_work(server.address(), "interval = '10 min'");
    sandbox.fetch().succeeds().is_silent();
    server.add(note("b"));
    for (passes, sessions) in [(0, 1), (8, 1), (2, 2)] {
        sandbox.let_pass(Duration::from_secs(passes * 60));

        sandbox.fetch().succeeds().is_silent();

        assert_eq!(server.log().sessions, sessions, "after {passes} minutes");
    }
    let named = sandbox.mailpull(["fetch", "work"]).run();
    named.succeeds().is_silent();
    assert_eq!(server.log().sessions, 3);
    sandbox.work().holds(&notes(["a", "b"]));
}

#[test]
fn the_metrics_file_follows_the_visits() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = Sandbox::new();
    sandbox.config("metrics-file = '~/mailpull.prom'\n");
    sandbox.account("work", server.address(), "interval = '1s'");
    let watch = Watch::start(&sandbox, &[]);
    watch.delivers("a");

    assert_eq!(watch.ends(), "");

    let text = fs::read_to_string(sandbox.path("home/mailpull.prom")).expect("it is written");
    assert!(
        text.contains("mailpull_delivered_messages_total{account=\"work\"} 1\n"),
        "{text}"
    );
}
