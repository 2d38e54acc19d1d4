//! The log of events, in a file and by syslog.

use std::fs;
use std::os::unix::net::UnixDatagram;

use rustix::process::Signal;

use crate::support::DEADLINE;
use crate::support::mail::notes;
use crate::support::model_server::ModelServer;
use crate::support::process::Program;
use crate::support::sandbox::Sandbox;
use crate::support::tools;

fn logging(place: &str, server: &ModelServer) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.config(&format!("log = '{place}'\n"));
    sandbox.account("work", server.address(), "");
    sandbox
}

#[test]
fn each_event_is_a_line_of_the_file() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = logging("~/mailpull.log", &server);
    sandbox.fetch().succeeds().is_silent();
    drop(server);

    sandbox.fetch().fails_with(75);

    let log = fs::read_to_string(sandbox.path("home/mailpull.log")).expect("it is written");
    let events = log
        .lines()
        .map(|line| line.split_once(' ').expect("a time comes first"));
    let events: Vec<_> = events.map(|(time, event)| (time.len(), event)).collect();
    let has = |part: &str| {
        events
            .iter()
            .any(|(time, event)| *time == 20 && event.contains(part))
    };
    assert!(has("event=delivered account=work "), "{log}");
    assert!(has(" unique_id=a"), "{log}");
    assert!(
        has("event=finished account=work deleted=0 delivered=1 "),
        "{log}"
    );
    assert!(
        has("event=error account=work message=\"cannot connect to "),
        "{log}"
    );
}

#[test]
fn a_log_that_cannot_be_opened_is_a_warning() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = logging("/nowhere/at/all", &server);

    sandbox
        .fetch()
        .succeeds()
        .complains_in_lines(1)
        .stderr_has("cannot log to /nowhere/at/all: No such file");

    sandbox.work().holds(&notes(["a"]));
}

#[test]
fn sighup_opens_the_file_again() {
    let server = ModelServer::start(notes(["a"]));
    let sandbox = logging("~/mailpull.log", &server);
    let watch = sandbox.mailpull(["watch", "--json"]).start();
    watch.prints("\"event\":\"finished\"");
    let (file, moved) = (
        sandbox.path("home/mailpull.log"),
        sandbox.path("home/old.log"),
    );
    fs::rename(&file, &moved).expect("the sandbox is writable");
    server.add(crate::support::mail::note("b"));

    watch.signal_and_see_it_taken(Signal::HUP);

    watch.signal(Signal::USR1);
    watch.prints("\"unique_id\":\"b\"");
    watch.signal(Signal::TERM);
    watch.wait().is_killed_by(Signal::TERM);
    let new = fs::read_to_string(&file).expect("it was opened again");
    assert!(new.contains(" unique_id=b"), "{new}");
    let old = fs::read_to_string(&moved).expect("it was moved");
    assert!(!old.contains(" unique_id=b"), "{old}");
}

/// Runs the program where this socket is the system log.
const WITH_SYSLOG: &str = r#"
    mkdir "$1/dev" && for name in null random urandom zero; do
        touch "$1/dev/$name" && mount --bind "/dev/$name" "$1/dev/$name" || exit
    done
    ln -s "$1/syslog" "$1/dev/log" && mount --bind "$1/dev" /dev && exec "$2" fetch"#;

#[test]
#[ignore = "needs root: tests/run runs it"]
fn the_system_log_gets_each_event_with_the_facility_mail() {
    tools::require_root();
    let server = ModelServer::start(notes(["a"]));
    let sandbox = logging("syslog", &server);
    let syslog = UnixDatagram::bind(sandbox.path("syslog")).expect("the sandbox is writable");
    let timeout = syslog.set_read_timeout(Some(DEADLINE));
    timeout.expect("the socket can have a deadline");
    let mut command = sandbox.command("unshare");
    command.args(["-m", "sh", "-c", WITH_SYSLOG, "sh"]);
    command.arg(sandbox.path("")).arg(sandbox.program());

    Program::new(command).run().succeeds().is_silent();

    let mut octets = [0; 3000];
    let mut lines = Vec::new();
    while !lines
        .iter()
        .any(|line: &String| line.contains("event=finished"))
    {
        let read = syslog.recv(&mut octets).expect("a line comes in time");
        lines.push(String::from_utf8_lossy(&octets[..read]).into_owned());
    }
    let delivered = lines.iter().find(|line| line.contains("event=delivered"));
    let delivered = delivered.expect("it is logged");
    assert!(delivered.starts_with("<22>mailpull["), "{delivered}");
    assert!(
        delivered.contains("]: event=delivered account=work "),
        "{delivered}"
    );
}
